"""REST: recommendations, similar items, profiles. The fast path: no serializer pass over the answer."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience.access import contact_by_external_id
from audience.models import Contact
from catalog.access import item_for
from catalog.models import Item
from common.errors import BadInput
from recommendations import profiles, slates
from recommendations.serializers import ProfileSerializer, SlateSerializer

_NUM_ITEMS = OpenApiParameter("num_items", int, description="1 to 50; 10 when left out.")
_EXPLAIN = OpenApiParameter(
    "explain", bool, description="true adds to each item what the contact would do with it, act by act."
)
_KINDS = OpenApiParameter("kinds", description=f"Comma list of {', '.join(Item.Kind.values)}; all when left out.")


class RecommendationViewSet(TenantViewSet):
    """What to show whom, from the freshest events, with a reason per item and the model version that answered."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "recommendations:read"}
    serializer_class = SlateSerializer
    queryset = Contact.objects.unscoped().none()

    @extend_schema(parameters=[_NUM_ITEMS, _KINDS, _EXPLAIN], responses=SlateSerializer)
    def for_contact(self, request: Request, external_id: str) -> Response:
        """Recommendations for one contact. An event recorded now changes the next answer."""
        return _answer(request, slates.recommend_to(external_id, _num_items(request), _kinds(request)))

    @extend_schema(parameters=[_NUM_ITEMS, _KINDS], responses=SlateSerializer)
    def for_anyone(self, request: Request) -> Response:
        """Recommendations for a visitor nobody knows: popular and new items."""
        return _answer(request, slates.recommend(None, _num_items(request), _kinds(request)))

    @extend_schema(parameters=[_NUM_ITEMS], responses=SlateSerializer)
    def similar(self, request: Request, external_id: str) -> Response:
        """Items like this one."""
        return _answer(request, slates.similar(item_for(external_id), _num_items(request)))


class ProfileViewSet(TenantViewSet):
    """用户画像."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "profiles:read"}
    serializer_class = ProfileSerializer
    queryset = Contact.objects.unscoped().none()

    @extend_schema(responses=ProfileSerializer)
    def for_contact(self, request: Request, external_id: str) -> Response:
        """A contact's interests, activity, recency/frequency/money, preferred hours and scores, with provenance."""
        profile: dict[str, Any] = profiles.profile_of(contact_by_external_id(external_id)).to_dict()
        return Response({"profile": profile})


def _answer(request: Request, slate: slates.Slate) -> Response:
    """The slate with whole picture addresses, because apps and mini programs show it elsewhere."""
    body = slate.to_dict(is_explained=request.query_params.get("explain", "").lower() in ("1", "true"))
    root = request.build_absolute_uri("/").rstrip("/")
    for item in body["items"]:
        if item["picture"].startswith("/"):
            item["picture"] = root + item["picture"]
    return Response(body)


def _num_items(request: Request) -> int:
    raw = request.query_params.get("num_items", "10")
    if not raw.isdecimal() or len(raw) > 3:
        raise BadInput("num_items must be a whole number from 1 to 50.")
    return int(raw)


def _kinds(request: Request) -> list[str] | None:
    raw = request.query_params.get("kinds", "")
    return [kind.strip() for kind in raw.split(",") if kind.strip()] or None
