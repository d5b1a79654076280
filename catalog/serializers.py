"""How items look in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Item
from catalog.pictures import address
from common.serializers import StrictSerializer


class ItemSerializer(StrictSerializer, serializers.ModelSerializer[Item]):
    """An item; `external_id` is your own id. Prices are in fen, durations in seconds."""

    picture_url = serializers.SerializerMethodField()

    class Meta:
        model = Item
        fields = (
            "external_id", "kind", "title", "text", "url", "category", "author", "tags", "price_fen",
            "duration_seconds", "picture", "picture_url", "attributes", "state", "published_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "updated_at")
        extra_kwargs = {
            "external_id": {"validators": []},  # writing a known id updates the item
            "title": {"required": True, "allow_blank": False},
            "price_fen": {"min_value": 0},
            "picture": {"help_text": "An https address of the picture."},
        }

    def validate_tags(self, tags: list[str]) -> list[str]:
        return list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))

    @extend_schema_field(serializers.CharField())
    def get_picture_url(self, item: Item) -> str:
        return str(self.context["request"].build_absolute_uri(address(item)))


class ItemBatchSerializer(StrictSerializer):
    """Up to 500 items in one call."""

    items = serializers.ListField(child=ItemSerializer(), allow_empty=False, max_length=500)


class UpsertResultSerializer(serializers.Serializer[Any]):
    """How many rows were new and how many changed."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
