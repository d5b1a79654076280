"""REST: studies (searches, learning curves, cross-validations)."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from modeling import studies
from modeling.access import run_for, study_for, trial_for
from modeling.api import ModelingViewSet
from modeling.models import Study
from modeling.serializers import (
    NewStudySerializer,
    RunSerializer,
    StudySerializer,
    TrainWithSerializer,
    TrialSerializer,
)


class StudyViewSet(ModelingViewSet):
    """Many small fits that answer one question: start, watch, cancel, train with what was found."""

    serializer_class = StudySerializer
    queryset = Study.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return Study.objects.select_related("job", "dataset").order_by("-created_at", "-pk")

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(StudySerializer(study_for(code)).data)

    @extend_schema(request=NewStudySerializer, responses={202: StudySerializer})
    def create(self, request: Request) -> Response:
        """Start a study (202); 409 while another one of the brand is under way."""
        asked = NewStudySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        fixed = [wanted.pop(name, None) for name in ("kind", "purpose", "preset", "changes")]
        study = studies.start(studies.plan(*fixed, **wanted), by=self.actor)
        return Response(StudySerializer(study_for(study.code)).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=TrialSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def trials(self, request: Request, code: str) -> Response:
        """Every fit, oldest first."""
        return Response(TrialSerializer(study_for(code).trials.order_by("number"), many=True).data)

    @extend_schema(request=None, responses=StudySerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Ask the study to stop."""
        studies.cancel(study_for(code), by=self.actor)
        return Response(StudySerializer(study_for(code)).data)

    @extend_schema(request=TrainWithSerializer, responses={200: RunSerializer, 202: RunSerializer})
    @action(detail=True, methods=["post"])
    def train(self, request: Request, code: str) -> Response:
        """Start the normal training with a trial's settings (202), or find its result (200)."""
        study = study_for(code)
        asked = TrainWithSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        run, is_new = studies.train_with(trial_for(study, str(asked.validated_data["trial"])), by=self.actor)
        answer = RunSerializer(run_for(run.code)).data
        return Response(answer, status=status.HTTP_202_ACCEPTED if is_new else status.HTTP_200_OK)
