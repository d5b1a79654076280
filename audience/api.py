"""REST: contacts and events."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience import contacts, idempotency, intake
from audience.access import contact_by_external_id
from audience.kinds import Source
from audience.models import Contact, Event
from audience.serializers import (
    ContactBatchSerializer,
    ContactSerializer,
    EventBatchResultSerializer,
    EventBatchSerializer,
    EventSerializer,
)
from catalog.serializers import UpsertResultSerializer
from common.errors import BadInput
from common.pages import CursorPage
from common.translation import explain


class EventPage(CursorPage):
    """Events page by their time."""

    ordering = ("-occurred_at", "source_key")


class ContactViewSet(TenantViewSet):
    """Followers, learners, customers. Posting a known `external_id` updates that contact."""

    required_scopes: ClassVar[dict[str, str]] = {
        "GET": "contacts:read",
        "POST": "contacts:write",
        "PATCH": "contacts:write",
    }
    serializer_class = ContactSerializer
    lookup_field = "external_id"
    lookup_value_regex = "[^/]+"
    queryset = Contact.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        found = Contact.objects.prefetch_related("identities", "consents")
        tag = self.request.query_params.get("tag")
        return found.filter(tags__contains=[tag]) if tag else found

    @extend_schema(parameters=[OpenApiParameter("tag", description="Only contacts with this tag.")])
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, external_id: str) -> Response:
        return Response(self.get_serializer(contact_by_external_id(external_id)).data)

    def create(self, request: Request) -> Response:
        """Create or update one contact."""
        data = self.get_serializer(data=request.data)
        data.is_valid(raise_exception=True)
        created, _updated = contacts.upsert([data.validated_data], by=self.actor)
        answer = self.get_serializer(contact_by_external_id(data.validated_data["external_id"])).data
        return Response(answer, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    def partial_update(self, request: Request, external_id: str) -> Response:
        """Change the given fields of one contact."""
        data = self.get_serializer(contact_by_external_id(external_id), data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        contacts.upsert([{**data.validated_data, "external_id": external_id}], by=self.actor)
        return Response(self.get_serializer(contact_by_external_id(external_id)).data)

    @extend_schema(request=ContactBatchSerializer, responses=UpsertResultSerializer)
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Create or update up to 500 contacts in one transaction: all or none."""
        data = ContactBatchSerializer(data=request.data, context=self.get_serializer_context())
        data.is_valid(raise_exception=True)
        created, updated = contacts.upsert(data.validated_data["contacts"], by=self.actor)
        return Response({"created": created, "updated": updated})

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=EventPage)
    def events(self, request: Request, external_id: str) -> Response:
        """What the contact did, newest first."""
        contact = contact_by_external_id(external_id)
        page = self.paginate_queryset(Event.objects.filter(contact=contact).select_related("item"))
        return self.get_paginated_response(EventSerializer(page, many=True).data)


class EventViewSet(TenantViewSet):
    """Record what followers did."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "events:write"}
    serializer_class = EventBatchSerializer
    queryset = Event.objects.unscoped().none()

    @extend_schema(
        request=EventBatchSerializer,
        responses={202: EventBatchResultSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", location=OpenApiParameter.HEADER)],
    )
    def create(self, request: Request) -> Response:
        """Record up to 1,000 events. 202 means: the accepted rows are committed; each refused row has its reason."""
        key = request.headers.get("Idempotency-Key", "")
        rows = _rows(request.data)
        if not key:
            code, answer = self._record(rows, "")
            return Response(answer, status=code)
        (code, answer), is_replay = idempotency.once(key, request.data, lambda: self._record(rows, key))
        return Response(answer, status=code, headers={"Idempotent-Replay": "true"} if is_replay else {})

    def _record(self, rows: list[Any], key: str) -> tuple[int, dict[str, Any]]:
        outcome = intake.record_rows(rows, Source.API, key)
        rejected = [{"index": index, "code": error.code, "detail": explain(error)} for index, error in outcome.rejected]
        answer = {"accepted": outcome.accepted, "duplicates": outcome.duplicates, "rejected": rejected}
        return status.HTTP_202_ACCEPTED, answer


def _rows(body: Any) -> list[Any]:
    rows = body.get("events") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= intake.MAX_ROWS:
        raise BadInput('Send {"events": […]} with 1 to %(limit)s events.', limit=intake.MAX_ROWS)
    unknown = sorted(str(name) for name in body if name != "events")
    if unknown:
        raise BadInput("There is no field %(unknown)s. Known: %(names)s.", unknown=", ".join(unknown), names="events")
    return rows
