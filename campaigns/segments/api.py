"""REST: segments and their members."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from audience.models import Contact
from campaigns.access import segment_for
from campaigns.models import Segment
from campaigns.segments import book, queries
from campaigns.segments.contradictions import contradictions
from campaigns.segments.rules import Rule, read_rule


@extend_schema_field({"type": "object", "example": {"all": [{"on": "gender", "op": "is", "values": ["female"]}]}})
class RuleField(serializers.JSONField):
    """A rule as JSON; docs/segments.md lists the conditions."""


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A segment. `number` is the version of name and rule."""

    rule = RuleField(help_text="A tree of all, any and not over conditions.")

    class Meta:
        model = Segment
        fields = ("code", "name", "kind", "rule", "number", "num_members", "counted_at", "is_archived", "created_at")
        read_only_fields = ("code", "kind", "number", "num_members", "counted_at", "is_archived", "created_at")
        extra_kwargs: ClassVar[dict[str, Any]] = {"name": {"validators": []}}


class ListSerializer(serializers.Serializer[Any]):
    """A fixed list: the people with these ids."""

    name = serializers.CharField(max_length=80)
    ids = serializers.ListField(
        child=serializers.CharField(max_length=128), max_length=10_000, help_text="The brand's own ids or OpenIDs."
    )


class MemberSerializer(serializers.ModelSerializer[Contact]):
    """A member."""

    class Meta:
        model = Contact
        fields = ("external_id", "name")


_SIZE = inline_serializer(
    "SegmentSize",
    {
        "num_members": serializers.IntegerField(),
        "words": serializers.CharField(help_text="The rule as a sentence."),
        "warnings": serializers.ListField(child=serializers.CharField()),
    },
)
_RULE = inline_serializer("SegmentRule", {"rule": RuleField()})
_UPLOADED = inline_serializer(
    "UploadedSegment",
    {
        "segment": SegmentSerializer(),
        "num_given": serializers.IntegerField(),
        "num_found": serializers.IntegerField(),
        "unknown": serializers.ListField(child=serializers.CharField(), help_text="The first 20 ids that nobody has."),
    },
)


class SegmentViewSet(TenantViewSet):
    """Parts of the contacts, by rule or as fixed lists."""

    required_scopes: ClassVar[dict[str, str]] = {
        "GET": "segments:read",
        "POST": "segments:write",
        "PATCH": "segments:write",
        "DELETE": "segments:write",
    }
    serializer_class = SegmentSerializer
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    queryset = Segment.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return Segment.objects.filter(is_archived=False)

    def list(self, request: Request) -> Response:
        """Every segment that is not archived, the newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One segment, counted now."""
        segment = segment_for(code)
        book.refresh_count(segment)
        return Response(self.get_serializer(segment).data)

    def create(self, request: Request) -> Response:
        """Make a segment by rule."""
        data = self._valid(SegmentSerializer(data=request.data))
        segment = book.create(data["name"], read_rule(data["rule"]), self.actor)
        return Response(self.get_serializer(segment).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, code: str) -> Response:
        """Change name or rule; the former version is kept."""
        segment = segment_for(code)
        data = self._valid(SegmentSerializer(segment, data=request.data, partial=True))
        rule: Rule | None = read_rule(data["rule"]) if "rule" in data else None
        changed = book.change(segment, data.get("name", segment.name), rule, self.actor)
        return Response(self.get_serializer(changed).data)

    def destroy(self, request: Request, code: str) -> Response:
        """Archive a segment; one that others build on stays."""
        book.archive(segment_for(code), self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=_RULE, responses=_SIZE)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """How many contacts a rule means now, without keeping it."""
        rule = read_rule(request.data.get("rule") if isinstance(request.data, dict) else None)
        num = queries.count(queries.matching(rule, queries.ask_now()))
        return Response({"num_members": num, "words": rule.words(), "warnings": contradictions(rule)})

    @extend_schema(request=ListSerializer, responses={201: _UPLOADED})
    @action(detail=False, methods=["post"], url_path="lists")
    def upload(self, request: Request) -> Response:
        """Make a fixed list of the people with these ids."""
        data = self._valid(ListSerializer(data=request.data))
        done = book.upload(data["name"], data["ids"], self.actor)
        body = {"num_given": done.num_given, "num_found": done.num_found, "unknown": done.unknown}
        segment = self.get_serializer(done.segment).data
        return Response({"segment": segment, **body}, status=status.HTTP_201_CREATED)

    @extend_schema(responses=MemberSerializer(many=True))
    @action(detail=True, methods=["get"])
    def members(self, request: Request, code: str) -> Response:
        """The people in the segment now."""
        people = queries.people(queries.members_sql(segment_for(code), queries.ask_now()))
        page = self.paginate_queryset(people)
        return self.get_paginated_response(MemberSerializer(page, many=True).data)

    @staticmethod
    def _valid(data: serializers.BaseSerializer[Any]) -> Any:
        data.is_valid(raise_exception=True)
        return data.validated_data
