"""Pages for everybody: the collector, tracked links and the demo page. No login, no cookie."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import scope_found_by
from accounts.middleware import client_ip
from accounts.models import Membership
from catalog.models import Item
from common.translation import explain
from connectors.models import TrackingKey
from connectors.tracking import batches, bots, collector, keys, limits, links
from connectors.tracking.batches import Batch, Refusal
from connectors.tracking.collector import ACCEPTED, DUPLICATE, HELD, Outcome

_TOO_MANY = 429


class CollectRequest(HttpRequest):
    """What the collector receives: `_open` has read it."""

    tracking_key: TrackingKey | None
    batch: Batch
    refusal: Refusal | None


class DemoRequest(HttpRequest):
    """What the demo page receives."""

    tracking_key: TrackingKey | None


def _open(request: CollectRequest) -> int | None:
    """Read key and body before any scope; the tenant of a known key."""
    request.tracking_key = request.refusal = None
    if request.method != "POST":
        return None
    try:
        request.tracking_key = batches.key_of_request(request)
        request.batch = batches.read(request, request.tracking_key)
    except Refusal as refusal:
        request.refusal = refusal
        if request.tracking_key is None or refusal.status == _TOO_MANY:
            return None
    return request.tracking_key.tenant_id


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
@scope_found_by(_open)
def collect_events(request: CollectRequest) -> HttpResponse:
    """Take a batch of events: 202 with what became of each, or why the whole request is refused."""
    if request.method == "OPTIONS":
        return _answer_preflight(request)
    if request.refusal is not None:
        return _allow(request, _refuse(request, request.refusal))
    outcome = collector.collect(request.batch)
    return _allow(request, JsonResponse(_answer(request.batch, outcome), status=202))


def _answer(batch: Batch, outcome: Outcome) -> dict[str, Any]:
    words, person = outcome.count(), outcome.person
    rejected = [
        {"index": index, "id": _row_id(batch.rows[index]), "code": error.code, "detail": explain(error)}
        for index, error in sorted(outcome.errors.items())
    ]
    return {
        "accepted": words[ACCEPTED],
        "held": words[HELD],
        "duplicates": words[DUPLICATE],
        "contact": "known" if person and person.contact else "unknown",
        "token": person.token_state if person else "none",
        "rejected": rejected,
    }


def _row_id(row: Any) -> str:
    return str(row.get("id", ""))[:64] if isinstance(row, dict) else ""


def _refuse(request: CollectRequest, refusal: Refusal) -> HttpResponse:
    if request.tracking_key is not None:
        tell = collector.show_refusal if refusal.status == _TOO_MANY else collector.refuse
        tell(request.tracking_key, refusal, batches.place_of(request))
    answer = JsonResponse({"code": refusal.code, "detail": explain(refusal)}, status=refusal.status)
    if refusal.status == _TOO_MANY:
        answer.headers["Retry-After"] = str(limits.seconds_to_next_minute())
    return answer


def _answer_preflight(request: HttpRequest) -> HttpResponse:
    """Tell the browser whether pages of this origin may send with this key."""
    key, origin = keys.find(request.GET.get("key", "")), request.headers.get("Origin", "")
    if key is None or not (origin == batches.own_place(request) or keys.allows(key.places, origin)):
        return HttpResponse(status=403)
    answer = _allow(request, HttpResponse(status=204))
    answer.headers["Access-Control-Allow-Methods"] = "POST"
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
    answer.headers["Access-Control-Max-Age"] = "86400"
    return answer


def _allow(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Let the page read the answer, also a refusal: it holds no secret, and cookies play no part."""
    if origin := request.headers.get("Origin"):
        answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Vary"] = "Origin"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["GET", "HEAD"])
def follow_link(request: HttpRequest, code: str) -> HttpResponse:
    """Count the click and lead on to the link's own target; nothing in the address can change it."""
    target = links.resolve(code)
    if target is None:
        raise Http404
    token = links.read_token(target, request.GET.get("c", ""))
    device = f"{client_ip(request)} {request.headers.get('User-Agent', '')}"
    if bots.is_no_click(str(request.method), request.headers):
        outcome = links.BOTS
    else:
        outcome = links.REPEATS if links.is_repeat(target, device) else links.CLICKS
    links.note_click(target, outcome, token)
    answer = HttpResponseRedirect(links.address(target, token))
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Referrer-Policy"] = "origin"
    return answer


def _open_demo(request: DemoRequest) -> int | None:
    """The brand of the key, when it is a demo brand or the person is a member of it."""
    request.tracking_key = None
    key, user = keys.find(request.GET.get("key", "")), request.user
    if key is None:
        return None
    is_member = user.is_authenticated and Membership.objects.filter(user=user, tenant_id=key.tenant_id).exists()
    if not is_member and not key.tenant.is_demo:
        return None
    request.tracking_key = key
    return key.tenant_id


@require_safe
@scope_found_by(_open_demo)
def show_demo(request: DemoRequest) -> HttpResponse:
    """A page as followers see one, with the script at work: for demo brands, and for members of the key's brand."""
    if request.tracking_key is None:
        raise Http404
    shown = list(Item.objects.filter(state=Item.State.ACTIVE).exclude(title="").order_by("-published_at", "-pk")[:5])
    wanted = request.GET.get("item", "")
    item = next((item for item in shown if item.external_id == wanted), shown[0] if shown else None)
    others = [other for other in shown if other is not item]
    context = {"key": request.tracking_key, "item": item, "others": others}
    return render(request, "connectors/tracking/demo.html", context)
