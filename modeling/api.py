"""REST: datasets, training runs, model versions."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_views import TenantViewSet
from modeling import runs, versions
from modeling.access import dataset_for, run_for, version_for
from modeling.models import Dataset, ModelVersion, Purpose, TrainingRun
from modeling.serializers import (
    DatasetSerializer,
    NewRunSerializer,
    PointSerializer,
    RollBackSerializer,
    RunSerializer,
    VersionSerializer,
)

_SCOPES = {"GET": "models:read", "POST": "models:write"}


class ModelingViewSet(TenantViewSet):
    """Lists newest first; objects by their public code."""

    required_scopes: ClassVar[dict[str, str]] = _SCOPES
    lookup_field = "code"
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class DatasetViewSet(ModelingViewSet):
    """Frozen extracts that runs were trained on."""

    serializer_class = DatasetSerializer
    queryset = Dataset.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return Dataset.objects.all()

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(DatasetSerializer(dataset_for(code)).data)


class RunViewSet(ModelingViewSet):
    """Training runs: start, watch, cancel."""

    serializer_class = RunSerializer
    queryset = TrainingRun.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return TrainingRun.objects.select_related("job", "dataset")

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(RunSerializer(run_for(code)).data)

    @extend_schema(request=NewRunSerializer, responses={200: RunSerializer, 202: RunSerializer})
    def create(self, request: Request) -> Response:
        """Start training (202). The same data and configuration answer with the finished run (200) unless `force`."""
        asked = NewRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        plan = runs.plan(wanted["purpose"], wanted["preset"], wanted.get("changes"))
        run, is_new = runs.start(plan, by=self.actor, force=wanted["force"])
        code = status.HTTP_202_ACCEPTED if is_new else status.HTTP_200_OK
        return Response(RunSerializer(run_for(run.code)).data, status=code)

    @extend_schema(responses=PointSerializer(many=True), parameters=[OpenApiParameter("after_step", int)])
    @action(detail=True, methods=["get"], pagination_class=None)
    def points(self, request: Request, code: str) -> Response:
        """The live curve; `after_step` gives only what is newer."""
        after = request.query_params.get("after_step", "-1")
        step = int(after) if after.lstrip("-").isdecimal() else -1
        return Response(PointSerializer(runs.points_after(run_for(code), step), many=True).data)

    @extend_schema(request=None, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Ask the run to stop."""
        runs.cancel(run_for(code), by=self.actor)
        return Response(RunSerializer(run_for(code)).data)


class VersionViewSet(ModelingViewSet):
    """Registered model versions: compare, promote, roll back."""

    serializer_class = VersionSerializer
    queryset = ModelVersion.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        found = ModelVersion.objects.select_related("run", "dataset")
        purpose = self.request.query_params.get("purpose")
        return found.filter(purpose=purpose) if purpose else found

    @extend_schema(parameters=[OpenApiParameter("purpose", enum=Purpose.values)])
    def list(self, request: Request) -> Response:
        return super().list(request)

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(VersionSerializer(version_for(code)).data)

    @extend_schema(request=None, responses=VersionSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, code: str) -> Response:
        """Let this version serve. A deep model that did not beat the simple ones is refused (409)."""
        return Response(VersionSerializer(versions.promote(version_for(code), by=self.actor)).data)

    @extend_schema(request=RollBackSerializer, responses=VersionSerializer)
    @action(detail=False, methods=["post"])
    def roll_back(self, request: Request) -> Response:
        """Let the version serve again that served before the live one."""
        asked = RollBackSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(VersionSerializer(versions.roll_back(asked.validated_data["purpose"], by=self.actor)).data)
