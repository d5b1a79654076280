"""How slates and profiles look in the REST API. For the contract only: the answers are built by `to_dict()`."""

from typing import Any

from rest_framework import serializers

from catalog.models import Item


class ReasonSerializer(serializers.Serializer[Any]):
    """Why an item is in the list, as a code with parameters and as a sentence in the caller's language."""

    code = serializers.CharField()
    text = serializers.CharField()
    params = serializers.DictField()


class ExpectedSerializer(serializers.Serializer[Any]):
    """What the contact would do with the item; `value` put it in its place."""

    value = serializers.FloatField(help_text="Sum of worth x probability over the acts.")
    acts = serializers.DictField(
        child=serializers.DictField(child=serializers.FloatField()), help_text="By act: probability, and what it adds."
    )
    stay = serializers.FloatField(
        allow_null=True, help_text="Place of the stay among stays with items of like length, 0 to 1."
    )


class SlateItemSerializer(serializers.Serializer[Any]):
    """One recommended item."""

    rank = serializers.IntegerField()
    external_id = serializers.CharField()
    kind = serializers.ChoiceField(Item.Kind.choices)
    title = serializers.CharField()
    url = serializers.CharField()
    picture = serializers.CharField()
    category = serializers.CharField()
    price_fen = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()
    source = serializers.CharField(  # type: ignore[assignment]  # also the name of an attribute of fields
        help_text="The model kind or rule that found the item."
    )
    reason = ReasonSerializer()
    expected = ExpectedSerializer(
        allow_null=True, required=False, help_text="With explain=true only; null where no ranker judged the item."
    )


class ServingModelSerializer(serializers.Serializer[Any]):
    """The model version that answered."""

    version = serializers.CharField()
    number = serializers.IntegerField()
    kind = serializers.CharField()


class FallbackSerializer(serializers.Serializer[Any]):
    """Why the answer is not from the live model."""

    code = serializers.CharField()
    text = serializers.CharField()


class SlateSerializer(serializers.Serializer[Any]):
    """A list of recommended items, best first."""

    items = SlateItemSerializer(many=True)
    is_personal = serializers.BooleanField()
    model = ServingModelSerializer(allow_null=True)
    ordered_by = ServingModelSerializer(allow_null=True)
    fallback = FallbackSerializer(allow_null=True)


class ProfileSerializer(serializers.Serializer[Any]):
    """A contact's 用户画像; every number names its provenance (observed, uploaded, modelled)."""

    profile = serializers.DictField()
