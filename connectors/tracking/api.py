"""REST: contact tokens for the tracker."""

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience.access import contact_by_external_id
from audience.models import Contact
from connectors.tracking import tokens
from connectors.tracking.tokens import Purpose


class ContactTokenRequestSerializer(serializers.Serializer[Any]):
    """What the token is for and how long it lives."""

    purpose = serializers.ChoiceField(
        ["session", "link"],
        default="session",
        help_text="session: this device is this person (signed in). link: travels in an address.",
    )
    lifetime_hours = serializers.IntegerField(min_value=1, max_value=24 * 90, required=False)


class ContactTokenSerializer(serializers.Serializer[Any]):
    """A signed token for the tracking script, the mini program or an address."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ContactTokenViewSet(TenantViewSet):
    """Tell the tracker who is holding a device."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "contacts:write"}
    serializer_class = ContactTokenRequestSerializer
    queryset = Contact.objects.unscoped().none()

    @extend_schema(
        operation_id="contacts_token", request=ContactTokenRequestSerializer, responses=ContactTokenSerializer
    )
    def for_contact(self, request: Request, external_id: str) -> Response:
        """A signed contact token for the collector. Mint it on your server; it names the person to the tracker."""
        contact = contact_by_external_id(external_id)
        data = ContactTokenRequestSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        hours = data.validated_data.get("lifetime_hours")
        purpose = Purpose[data.validated_data["purpose"].upper()]
        token, expires_at = tokens.mint(contact, purpose, timedelta(hours=hours) if hours else None)
        return Response(ContactTokenSerializer({"token": token, "expires_at": expires_at}).data)
