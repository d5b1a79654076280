"""REST: what was said with a contact, by which ways they can be reached now, and tracked links."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience.access import contact_by_external_id
from audience.models import Contact, Identity
from catalog.models import Item
from common.pages import CursorPage
from connectors import routes
from connectors.access import account_for
from connectors.api.parts import IDEMPOTENCY_KEY, answer_once
from connectors.models import ConnectedAccount, MessageLog, TrackedLink
from connectors.serializers import AccountRoutesSerializer, LinkSerializer, MessageSerializer, NewLinkSerializer
from connectors.tracking import batches, links, tallies


class MessagePage(CursorPage):
    """Messages page by when they were said."""

    ordering = ("-at", "-id")


class MessageViewSet(TenantViewSet):
    """What was said between the brand's accounts and a contact."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "messages:read"}
    serializer_class = MessageSerializer
    pagination_class = MessagePage
    lookup_field = "external_id"
    queryset = MessageLog.objects.unscoped().none()

    @extend_schema(
        operation_id="contacts_messages_list",
        responses=MessageSerializer(many=True),
        parameters=[OpenApiParameter("account", description="Only of the account with this code.")],
    )
    def of_contact(self, request: Request, external_id: str) -> Response:
        """Messages in both directions, the newest first."""
        found = MessageLog.objects.filter(conversation__contact=contact_by_external_id(external_id))
        code = request.query_params.get("account")
        if code:
            found = found.filter(conversation__account=account_for(code))
        page = self.paginate_queryset(found.select_related("conversation__account"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class RouteViewSet(TenantViewSet):
    """By which ways a contact can be reached."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "messages:read"}
    serializer_class = AccountRoutesSerializer
    lookup_field = "external_id"
    queryset = Contact.objects.unscoped().none()

    @extend_schema(operation_id="contacts_routes_list", responses=AccountRoutesSerializer(many=True))
    def to_contact(self, request: Request, external_id: str) -> Response:
        """For each account that knows the contact: which ways are open now, and why the others are not."""
        contact = contact_by_external_id(external_id)
        known = Identity.objects.filter(contact=contact, kind=Identity.Kind.OPENID).values("account_ref")
        found = ConnectedAccount.objects.filter(app_id__in=known).exclude(state=ConnectedAccount.State.DISCONNECTED)
        answer = [_routes(account, contact) for account in found.order_by("name", "pk")]
        return Response(AccountRoutesSerializer(answer, many=True).data)


def _routes(account: ConnectedAccount, contact: Contact) -> dict[str, Any]:
    return {
        "account": account.code,
        "name": account.name,
        "openid": routes.openid_of(account, contact) or "",
        "routes": routes.routes_for(account, contact),
    }


class LinkViewSet(TenantViewSet):
    """Tracked links and their clicks."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "links:read", "POST": "links:write"}
    serializer_class = LinkSerializer
    lookup_field = "code"
    queryset = TrackedLink.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return TrackedLink.objects.select_related("item")

    def list(self, request: Request) -> Response:
        return self.get_paginated_response(_shown(request, self.paginate_queryset(self.get_queryset()) or []))

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(_shown(request, [links.link_for(code)])[0])

    @extend_schema(
        request=NewLinkSerializer,
        responses={201: LinkSerializer},
        parameters=[IDEMPOTENCY_KEY],
        examples=[
            OpenApiExample(
                "An article",
                {"name": "春茶 海报", "target": "https://h5.example.com/tea", "item": "a-17", "channel": "poster"},
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Make a link; its target never changes."""
        asked = NewLinkSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        wanted["item"] = _item(wanted["item"])

        def work() -> tuple[int, dict[str, Any]]:
            made = links.create(**wanted, by=self.actor)
            return status.HTTP_201_CREATED, _shown(request, [made])[0]

        return answer_once(request, work)


def _shown(request: Request, found: list[TrackedLink]) -> list[dict[str, Any]]:
    counts = tallies.totals_of([f"link:{link.code}" for link in found])
    context = {"counts": counts, "place": batches.own_place(request._request)}
    return [dict(row) for row in LinkSerializer(found, many=True, context=context).data]


def _item(external_id: str) -> Item | None:
    found: Item | None = Item.objects.filter(external_id=external_id).first() if external_id else None
    if external_id and found is None:
        raise serializers.ValidationError({"item": [_("The catalog has no item with this id.")]})
    return found
