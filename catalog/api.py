"""REST: items."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from catalog import items
from catalog.access import item_for
from catalog.models import Item
from catalog.serializers import ItemBatchSerializer, ItemSerializer, UpsertResultSerializer


class ItemViewSet(TenantViewSet):
    """Items of every kind in one id space. Posting a known `external_id` updates that item."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "items:read", "POST": "items:write", "PATCH": "items:write"}
    serializer_class = ItemSerializer
    lookup_field = "external_id"
    lookup_value_regex = "[^/]+"
    queryset = Item.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        asked = {name: self.request.query_params[name] for name in _FILTERS & self.request.query_params.keys()}
        return Item.objects.filter(**asked)

    @extend_schema(
        parameters=[
            OpenApiParameter("kind", enum=Item.Kind.values),
            OpenApiParameter("state", enum=Item.State.values),
            OpenApiParameter("category"),
        ]
    )
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, external_id: str) -> Response:
        return Response(self.get_serializer(item_for(external_id)).data)

    def create(self, request: Request) -> Response:
        """Create or update one item."""
        data = self.get_serializer(data=request.data)
        data.is_valid(raise_exception=True)
        created, _updated = items.upsert([data.validated_data], by=self.actor)
        answer = self.get_serializer(item_for(data.validated_data["external_id"])).data
        return Response(answer, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    def partial_update(self, request: Request, external_id: str) -> Response:
        """Change the given fields of one item."""
        data = self.get_serializer(item_for(external_id), data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        items.upsert([{**data.validated_data, "external_id": external_id}], by=self.actor)
        return Response(self.get_serializer(item_for(external_id)).data)

    @extend_schema(request=ItemBatchSerializer, responses=UpsertResultSerializer)
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Create or update up to 500 items in one transaction: all or none."""
        data = ItemBatchSerializer(data=request.data, context=self.get_serializer_context())
        data.is_valid(raise_exception=True)
        created, updated = items.upsert(data.validated_data["items"], by=self.actor)
        return Response({"created": created, "updated": updated})


_FILTERS = {"kind", "state", "category"}
