"""REST: uploads. Send a file, look at what was found, confirm, wait, read the report, undo."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import jobs
from accounts.api_views import TenantViewSet
from audience import imports
from audience.access import import_for
from audience.models import Import
from audience.serializers import ConfirmSerializer, ImportSerializer, UploadSerializer
from common.errors import Conflict


class ImportViewSet(TenantViewSet):
    """Uploaded files on their way into the brand."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "imports:read", "POST": "imports:write"}
    serializer_class = ImportSerializer
    parser_classes = (MultiPartParser, JSONParser)
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    queryset = Import.objects.unscoped().none()

    def get_queryset(self) -> QuerySet[Any]:
        return Import.objects.select_related("job")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        return self._answer(code)

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Store a file and look into it. The answer is a draft with the layout and columns that were recognised."""
        sent = UploadSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        batch = imports.create(file, file.name, by=self.actor)
        return self._answer(batch.code, status.HTTP_201_CREATED)

    @extend_schema(request=ConfirmSerializer, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, code: str) -> Response:
        """Start the import with these columns and options (202)."""
        batch = import_for(code)
        sent = ConfirmSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        preset = sent.validated_data.get("preset", batch.preset)
        guessed = batch.mapping if preset == batch.preset else imports.guess_columns(batch, preset).mapping
        mapping = sent.validated_data.get("mapping", guessed)
        options = {**batch.options, **sent.validated_data.get("options", {})}
        imports.confirm(batch, preset, mapping, options, by=self.actor)
        return self._answer(code, status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Ask the running import to stop; nothing of it stays."""
        batch = import_for(code)
        if batch.job is None:
            raise Conflict("This import has not been started, so there is nothing to cancel.")
        jobs.cancel(batch.job)
        return self._answer(code)

    @extend_schema(request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, code: str) -> Response:
        """Take everything back that this import brought (202)."""
        imports.undo(import_for(code), by=self.actor)
        return self._answer(code, status.HTTP_202_ACCEPTED)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def rejects(self, request: Request, code: str) -> HttpResponse:
        """The refused rows as CSV, with line number, reason and fix. Cells are safe to open in a spreadsheet."""
        rows = imports.rejects_csv(import_for(code))
        if rows is None:
            raise Http404
        name = f"attachment; filename=rejects-{code}.csv"
        return HttpResponse(b"".join(rows), content_type="text/csv", headers={"Content-Disposition": name})

    def _answer(self, code: str, number: int = status.HTTP_200_OK) -> Response:
        return Response(ImportSerializer(import_for(code)).data, status=number)
