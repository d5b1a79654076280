"""Where WeChat calls: pushes to accounts, notices to our platform. Nothing here waits for anybody but the database."""

import logging
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.jobs import DATABASE_AWAY
from connectors import authorisations, receiving, release_tests
from connectors.receiving import Door
from connectors.wechat.documents import MAX_BYTES
from connectors.wechat.errors import BadPush, BadSignature

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def account_push(request: HttpRequest, code: str) -> HttpResponse:
    """A push to the account with this callback address, or the check of the address."""
    return _answer(request, lambda: receiving.door_for(code))


@csrf_exempt
@require_POST
def authorised_push(request: HttpRequest, app_id: str) -> HttpResponse:
    """A push to an account that authorised our platform; signed and encrypted with the platform's keys."""
    return _answer(request, lambda: authorisations.door_for(app_id), _answer_tester)


def _answer_tester(request: HttpRequest) -> HttpResponse:
    """The release check's accounts are nobody's; whatever else comes for an unknown account is not found."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    try:
        answer = release_tests.answer(request.GET.dict(), request.body)
    except BadPush:
        raise Http404 from None
    return HttpResponse(answer, content_type="text/plain")


def _not_found(request: HttpRequest) -> HttpResponse:
    raise Http404


def _answer(
    request: HttpRequest, find_door: Callable[[], Door | None],
    answer_unknown: Callable[[HttpRequest], HttpResponse] = _not_found,
) -> HttpResponse:  # fmt: skip
    try:
        door = find_door()
        if door is None:
            return answer_unknown(request)
        if request.method == "GET":
            return HttpResponse(receiving.verify_address(door, request.GET.dict()), content_type="text/plain")
        return _receive(door, request)
    except DATABASE_AWAY:  # WeChat asks again in five seconds
        logger.warning("push_database_away")
        return HttpResponse(status=503)
    except BadPush as error:
        return HttpResponse(status=403 if isinstance(error, BadSignature) else 400)


def _receive(door: Door, request: HttpRequest) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    query = request.GET.dict()
    try:
        return HttpResponse(receiving.receive(door, query, request.body), content_type="text/plain")
    except BadSignature:
        receiving.note_refusal(door, query)
        raise


@csrf_exempt
@require_POST
def platform_notice(request: HttpRequest) -> HttpResponse:
    """A notice of the Open Platform to our component: its ticket, authorisations, withdrawals."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    try:
        authorisations.take_notice(request.GET.dict(), request.body)
    except DATABASE_AWAY:
        logger.warning("notice_database_away")
        return HttpResponse(status=503)
    except BadPush as error:
        return HttpResponse(status=403 if isinstance(error, BadSignature) else 400)
    return HttpResponse(b"success", content_type="text/plain")
