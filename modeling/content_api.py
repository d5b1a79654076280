"""REST: content models, their suggestions, the tone of comments and messages."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience.models import Sentiment
from modeling import content_runs, sentiments, suggestions
from modeling.content.configs import PRESETS
from modeling.content_access import content_model_for, suggestion_for
from modeling.content_models import ContentModel, Suggestion

_SCOPES = {"GET": "models:read", "POST": "models:write"}


class ContentModelSerializer(serializers.ModelSerializer[ContentModel]):
    """A fit: how far it is, and its figures on held-out rows."""

    state = serializers.CharField(source="job.state")
    progress = serializers.IntegerField(source="job.percent")

    class Meta:
        model = ContentModel
        fields = ["code", "task", "number", "preset", "accept_above", "kind", "is_live", "state", "progress", "result"]


class NewContentModelSerializer(serializers.Serializer[Any]):
    """What to learn and how."""

    task = serializers.ChoiceField(choices=ContentModel.Task.choices)
    preset = serializers.ChoiceField(choices=sorted(PRESETS.keys() - {"debug"}), default="quick")
    accept_above = serializers.FloatField(required=False, allow_null=True, min_value=0.5, max_value=1)


class SuggestionSerializer(serializers.ModelSerializer[Suggestion]):
    """A category or tag for an item."""

    item = serializers.CharField(source="item.external_id")
    model = serializers.CharField(source="model.code")

    class Meta:
        model = Suggestion
        fields = ["id", "item", "field", "value", "probability", "model", "state", "is_automatic", "decided_by"]


class SentimentSerializer(serializers.ModelSerializer[Sentiment]):
    """The tone of one comment or message."""

    contact = serializers.CharField(source="contact.external_id")
    item = serializers.CharField(source="item.external_id", allow_null=True, default=None)

    class Meta:
        model = Sentiment
        fields = ["contact", "item", "occurred_at", "tone", "probability", "origin"]


class ContentModelViewSet(TenantViewSet):
    """Models of the brand's content: start a fit, watch it, choose which is in use."""

    required_scopes: ClassVar[dict[str, str]] = _SCOPES
    serializer_class = ContentModelSerializer
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    queryset = ContentModel.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return ContentModel.objects.select_related("job")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(ContentModelSerializer(content_model_for(code)).data)

    @extend_schema(request=NewContentModelSerializer, responses={202: ContentModelSerializer})
    def create(self, request: Request) -> Response:
        """Start a fit; 409 while one of the task is under way."""
        asked = NewContentModelSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        model = content_runs.start(by=self.actor, **asked.validated_data)
        return Response(ContentModelSerializer(content_model_for(model.code)).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=ContentModelSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Ask the fit to stop."""
        content_runs.cancel(content_model_for(code), self.actor)
        return Response(ContentModelSerializer(content_model_for(code)).data)

    @extend_schema(request=None, responses=ContentModelSerializer)
    @action(detail=True, methods=["post"])
    def use(self, request: Request, code: str) -> Response:
        """Put a finished model in use."""
        content_runs.use(content_model_for(code), self.actor)
        return Response(ContentModelSerializer(content_model_for(code)).data)


class SuggestionViewSet(TenantViewSet):
    """Categories and tags that models suggest for items without them."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "items:read", "POST": "items:write"}
    serializer_class = SuggestionSerializer
    lookup_value_regex = "[^/]+"
    queryset = Suggestion.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        found = Suggestion.objects.select_related("item", "model")
        state = self.request.query_params.get("state", "open")
        return found.filter(state=state)

    @extend_schema(parameters=[OpenApiParameter("state", enum=Suggestion.State.values)])
    def list(self, request: Request) -> Response:
        """Open ones, or those of another state."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=None, responses=SuggestionSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Write it into the item."""
        suggestions.accept([suggestion_for(pk).pk], self.actor)
        return Response(SuggestionSerializer(suggestion_for(pk)).data)

    @extend_schema(request=None, responses=SuggestionSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Put it away for good."""
        suggestions.dismiss([suggestion_for(pk).pk], self.actor)
        return Response(SuggestionSerializer(suggestion_for(pk)).data)

    @extend_schema(request=None, responses=SuggestionSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take an accepted one out of its item again."""
        suggestions.undo(suggestion_for(pk), self.actor)
        return Response(SuggestionSerializer(suggestion_for(pk)).data)


class SentimentViewSet(TenantViewSet):
    """The tone of comments and messages, the newest first."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "contacts:read"}
    serializer_class = SentimentSerializer
    queryset = Sentiment.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return sentiments.remarks(self.request.query_params.get("tone", ""))

    @extend_schema(parameters=[OpenApiParameter("tone", enum=Sentiment.Tone.values)])
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
