"""Logging in through WeChat: the web page's way there and back, and the mini program's call. No session of ours."""

import json
import logging

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import client_ip
from common.errors import BadInput, FanwiseError
from common.translation import explain
from connectors import logins
from connectors.logins import Gate, LoginRefused
from connectors.models import ConnectedAccount
from connectors.problems import PlatformFailed, explained
from connectors.tracking import limits
from connectors.wechat.errors import LoginExpired, Refused
from connectors.wechat.oauth import SnapshotVisitor

logger = logging.getLogger(__name__)
MAX_BYTES = 4096
PER_ADDRESS, PER_ACCOUNT = 120, 6000
"""Logins within a minute."""
_COOKIE = "fanwise_login"
_RISKY = 40226


class TooManyLogins(BadInput):
    """More logins than a minute may have."""

    code = "too_many"

    def __init__(self) -> None:
        super().__init__("Too many logins within a minute. Wait a minute and try again.")


@require_safe
def start(request: HttpRequest, code: str) -> HttpResponse:
    """Send the person to WeChat's page; `next` is where to return to."""
    gate = _gate(code, ConnectedAccount.Kind.SERVICE)
    try:
        _count(request, gate)
        state, nonce = logins.begin(gate, request.GET.get("next", ""))
    except FanwiseError as error:
        return _refuse(request, error)
    path = reverse("login:back", args=[code])
    site = settings.PUBLIC_URL.rstrip("/")
    link = logins.authorise_link(gate, site + path if site else request.build_absolute_uri(path), state)
    answer = _redirect(link)
    answer.set_cookie(
        _COOKIE, nonce, max_age=logins.STATE_SECONDS, path=path, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return answer


@require_safe
def finish(request: HttpRequest, code: str) -> HttpResponse:
    """The person is back: who it is goes along to `next`; a preview and somebody who refused go on without a name."""
    gate = _gate(code, ConnectedAccount.Kind.SERVICE)
    try:
        _count(request, gate)
        wanted = logins.finish_state(gate, request.GET.get("state", ""), request.COOKIES.get(_COOKIE, ""))
        token = _token(gate, request.GET.get("code", ""))
    except FanwiseError as error:
        return _refuse(request, error)
    answer = _redirect(logins.way_back(gate, wanted, token))
    answer.delete_cookie(_COOKIE, path=reverse("login:back", args=[code]), samesite="Lax")
    return answer


def _token(gate: Gate, login_code: str) -> str:
    if not login_code:
        return ""
    with explained():
        try:
            return logins.log_in_web(gate, login_code).token
        except SnapshotVisitor:
            return ""


@csrf_exempt
@require_POST
def mini_session(request: HttpRequest, code: str) -> HttpResponse:
    """`{code}` of wx.login -> `{token, expires_at}`. The session key stays with us and is not even kept."""
    gate = _gate(code, ConnectedAccount.Kind.MINIPROGRAM)
    try:
        _count(request, gate)
        with explained():
            session = logins.log_in_mini(gate, _js_code(request))
    except FanwiseError as error:
        return _no_store(JsonResponse({"code": _word(error), "detail": explain(error)}, status=_status(error)))
    return _no_store(JsonResponse({"token": session.token, "expires_at": session.expires_at.isoformat()}))


def _js_code(request: HttpRequest) -> str:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        raise LoginRefused("The body is longer than %(limit)s bytes. Send only the code of wx.login.", limit=MAX_BYTES)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    js_code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(js_code, str) or not 0 < len(js_code) <= 256:
        raise LoginRefused('Send the code of wx.login as JSON: {"code": "…"}.')
    return js_code


def _gate(code: str, kind: str) -> Gate:
    gate = logins.gate_for(code, kind)
    if gate is None:
        raise Http404
    return gate


def _count(request: HttpRequest, gate: Gate) -> None:
    name = f"login:{gate.account.code}"
    if not limits.is_within(f"{name}:{client_ip(request)}", PER_ADDRESS) or not limits.is_within(name, PER_ACCOUNT):
        raise TooManyLogins


def _status(error: FanwiseError) -> int:
    if isinstance(error, TooManyLogins):
        return 429
    if not isinstance(error, PlatformFailed) or isinstance(error.why, LoginExpired):
        return 400
    return 403 if isinstance(error.why, Refused) and error.why.errcode == _RISKY else 502


def _word(error: FanwiseError) -> str:
    is_over = isinstance(error, PlatformFailed) and isinstance(error.why, LoginExpired)
    return "login_expired" if is_over else error.code


def _refuse(request: HttpRequest, error: FanwiseError) -> HttpResponse:
    logger.info("login_refused", extra={"code": _word(error)})
    context = {"sentence": explain(error)}
    return _no_store(render(request, "connectors/login_refused.html", context, status=_status(error)))


def _redirect(address: str) -> HttpResponse:
    answer = HttpResponseRedirect(address)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return _no_store(answer)


def _no_store(answer: HttpResponse) -> HttpResponse:
    answer.headers["Cache-Control"] = "no-store"
    return answer
