"""A brand's home, its live part and its card in the list of brands."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django_htmx.http import HTMX_STOP_POLLING, HttpResponseClientRefresh

from accounts.access import RIGHTS, Can, needs
from accounts.http import BrandRequest, brand_url
from accounts.models import Membership, Tenant
from campaigns import advice, overview
from campaigns.advice import STEPS, Page, Situation


@require_safe
@needs(Can.VIEW)
def show_home(request: BrandRequest) -> HttpResponse:
    """What is useful at once; three doors while the brand is empty."""
    flow = overview.flow()
    if flow.is_empty:
        doors = {"flow": flow, "demo": _demo_brand(request), "jobs": _jobs(request)}
        return render(request, "campaigns/empty_home.html", doors)
    serving, enough = overview.serving(), overview.enough_data()
    now = Situation.of(flow, enough, serving)
    steps = advice.first_steps(now, _seen(request), is_demo=request.tenant.is_demo)
    num_done = sum(step.is_done for step in steps)
    context: dict[str, Any] = {
        "flow": flow,
        "chart": overview.chart_options(flow),
        "serving": serving,
        "readiness": enough,
        "top_items": overview.top_items(),
        "steps": steps,
        "num_done": num_done,
        "all_done": num_done == len(steps),
        "jobs": _jobs(request),
    }
    return render(request, "campaigns/home.html", context | _next_step(request, now))


def _next_step(request: BrandRequest, now: Situation) -> dict[str, Any]:
    found = advice.next_step(now)
    may = found.right in RIGHTS[request.membership.role]
    return {"advice": found, "advice_url": _address(request, found.page) if may else ""}


def _address(request: BrandRequest, page: Page) -> str:
    return brand_url(request, page.name, *page.args)


def _jobs(request: BrandRequest) -> list[dict[str, Any]]:
    """Open work with the address of its page, where it has one."""
    found = overview.open_jobs()
    return [
        {"job": job, "url": brand_url(request, name, code) if name else "", "page": name} for job, name, code in found
    ]


def _demo_brand(request: BrandRequest) -> Tenant | None:
    mine = Membership.objects.select_related("tenant").filter(user=request.user, tenant__is_demo=True)
    found = mine.exclude(tenant=request.tenant).first()
    return found.tenant if found else None


@require_safe
@needs(Can.VIEW)
def show_pulse(request: BrandRequest) -> HttpResponse:
    """The live part of home: open work. When something ended or the first event came in, the page loads anew."""
    jobs = _jobs(request)
    num_shown = request.GET.get("jobs", "")
    is_first = request.GET.get("events") == "0" and overview.flow().num_events > 0
    if is_first or (num_shown.isdecimal() and len(jobs) != int(num_shown)):
        return HttpResponseClientRefresh()
    status = 200 if jobs or request.GET.get("events") == "0" else HTMX_STOP_POLLING
    return render(request, "campaigns/pulse.html", {"jobs": jobs, "flow": overview.flow()}, status=status)


@require_safe
@needs(Can.VIEW)
def take_step(request: BrandRequest, key: str) -> HttpResponse:
    """Open the page of a first step and remember that it was looked at."""
    if key not in STEPS:
        raise Http404
    seen = request.session.get("steps", {})
    request.session["steps"] = seen | {request.tenant.slug: sorted({*seen.get(request.tenant.slug, []), key})}
    return redirect(_address(request, advice.page_of_step(key)))


def _seen(request: BrandRequest) -> list[str]:
    found: list[str] = request.session.get("steps", {}).get(request.tenant.slug, [])
    return found


@require_safe
@needs(Can.VIEW)
def show_card(request: BrandRequest) -> HttpResponse:
    """The brand's numbers in the list of brands."""
    return render(request, "campaigns/card.html", {"flow": overview.flow(), "serving": overview.serving()})
