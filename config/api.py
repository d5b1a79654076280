"""The REST API: routes, errors, schema. The contract is committed as docs/openapi.yaml and compared by a test."""

import logging
import math
from json import JSONDecodeError
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DataError, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import exception_handler

from accounts.middleware import API_PREFIX
from accounts.tenancy import is_in_scope
from audience.api import ContactViewSet, EventViewSet
from audience.import_api import ImportViewSet
from campaigns.segments.api import SegmentViewSet
from catalog.api import ItemViewSet
from common.errors import BadInput, Conflict, FanwiseError, NotEnoughData
from common.translation import explain
from connectors.api.urls import urlpatterns as connections
from connectors.problems import PlatformFailed
from connectors.tracking.api import ContactTokenViewSet
from connectors.wechat.errors import Refused, TransportFailed
from modeling.api import DatasetViewSet, RunViewSet, VersionViewSet
from modeling.content_api import ContentModelViewSet, SentimentViewSet, SuggestionViewSet
from modeling.study_api import StudyViewSet
from recommendations.api import ProfileViewSet, RecommendationViewSet

logger = logging.getLogger(__name__)

_STATUS: list[tuple[type[FanwiseError], int]] = [
    (BadInput, status.HTTP_400_BAD_REQUEST),
    (Conflict, status.HTTP_409_CONFLICT),
    (NotEnoughData, status.HTTP_409_CONFLICT),
]
_UNUSABLE = (DataError, UnicodeEncodeError, RecursionError, ValidationError)


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Every error as `{"code", "detail", "fields"?}`; nothing of a failed call stays in the database."""
    if is_in_scope():  # a call that enters scopes itself has left them by now
        transaction.set_rollback(True)
    if isinstance(error, FanwiseError):
        return Response({"code": error.code, "detail": explain(error)}, status=_status(error))
    if isinstance(error, RequestDataTooBig):
        body = {"code": "too_large", "detail": _("The body is too large. Send fewer rows at a time.")}
        return Response(body, status=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
    if isinstance(error, _UNUSABLE):
        detail = _("Some text cannot be stored (NUL, half a character), or the body is nested too deep.")
        return Response({"code": "bad_input", "detail": detail}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, exceptions.ValidationError):
        fields = {"code": "invalid", "detail": _("Some fields need another value."), "fields": error.detail}
        return Response(fields, status=status.HTTP_400_BAD_REQUEST)
    known = exception_handler(error, context)
    if known is None:
        logger.exception("api_call_failed")
        body = {"code": "internal_error", "detail": _("Something went wrong on our side. Try again later.")}
        return Response(body, status=status.HTTP_500_INTERNAL_SERVER_ERROR)
    known.data = {"code": _code(error), "detail": _detail(error, known.data)}
    return known


def _status(error: FanwiseError) -> int:
    """502 for what WeChat refused or did not answer; what our own checks find is the caller's to mend."""
    if isinstance(error, PlatformFailed) and isinstance(error.why, (Refused, TransportFailed)):
        return status.HTTP_502_BAD_GATEWAY
    return next((number for kind, number in _STATUS if isinstance(error, kind)), status.HTTP_400_BAD_REQUEST)


def answer_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The site's 404: for an address of the API in its one error shape, else the page."""
    if not request.path.startswith(API_PREFIX):
        return page_not_found(request, exception)
    body = {"code": "not_found", "detail": _("There is no such call. The documentation is under /api/docs/.")}
    return JsonResponse(body, status=status.HTTP_404_NOT_FOUND)


def _code(error: Exception) -> str:
    if isinstance(error, Http404):
        return "not_found"
    if isinstance(error, PermissionDenied):
        return "permission_denied"
    return str(getattr(error, "default_code", "error"))


def _detail(error: Exception, data: Any) -> str:
    if isinstance(error, Http404):
        return _("There is no such object in this brand.")
    wait = getattr(error, "wait", None)  # of Throttled; DRF fills in the number before it translates
    if wait is not None:
        return _("Too many calls with this key. Try again in %(wait)s seconds.") % {"wait": math.ceil(wait)}
    if isinstance(error, exceptions.ParseError) and isinstance(error.__context__, JSONDecodeError):  # English in DRF
        place = {"line": error.__context__.lineno, "column": error.__context__.colno}
        return _("The body is not valid JSON: see line %(line)s, column %(column)s.") % place
    return str(data.get("detail", "")) if isinstance(data, dict) else str(data)


router = SimpleRouter()
router.register("contacts", ContactViewSet, basename="contact")
router.register("items", ItemViewSet, basename="item")
router.register("events", EventViewSet, basename="event")
router.register("imports", ImportViewSet, basename="import")
router.register("segments", SegmentViewSet, basename="segment")
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("runs", RunViewSet, basename="run")
router.register("studies", StudyViewSet, basename="study")
router.register("versions", VersionViewSet, basename="version")
router.register("content-models", ContentModelViewSet, basename="content-model")
router.register("suggestions", SuggestionViewSet, basename="suggestion")
router.register("sentiments", SentimentViewSet, basename="sentiment")

predictions: list[URLPattern | URLResolver] = [
    path("contacts/<str:external_id>/token/", ContactTokenViewSet.as_view({"post": "for_contact"})),
    path("contacts/<str:external_id>/profile/", ProfileViewSet.as_view({"get": "for_contact"})),
    path("contacts/<str:external_id>/recommendations/", RecommendationViewSet.as_view({"get": "for_contact"})),
    path("recommendations/", RecommendationViewSet.as_view({"get": "for_anyone"})),
    path("items/<str:external_id>/similar/", RecommendationViewSet.as_view({"get": "similar"})),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include((predictions + connections + router.urls, "api"))),
    path("schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="api_schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema", authentication_classes=[], permission_classes=[]),
        name="api_docs",
    ),
]
