"""Pages of training runs and model versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from common.errors import FanwiseError
from common.translation import explain
from modeling import charts, comparisons, readiness, runs, versions
from modeling.access import run_for, version_for
from modeling.forms import NewRunForm
from modeling.models import Purpose, TrainingRun
from modeling.progress import REFIT

RUNS_PER_PAGE = 20
HTMX_STOP_POLLING = 286


@needs(Can.VIEW)
@require_safe
def show_home(request: BrandRequest) -> HttpResponse:
    """What serves for each purpose, and all runs."""
    purpose = request.GET.get("purpose", "")
    found = TrainingRun.objects.select_related("job").order_by("-created_at", "-pk")
    found = found.filter(purpose=purpose) if purpose in Purpose.values else found
    context = {
        "cards": [comparisons.card_of(one) for one in Purpose],
        "page": Paginator(found, RUNS_PER_PAGE).get_page(request.GET.get("page")),
        "purpose": purpose,
        "purposes": Purpose,
    }
    return render(request, "modeling/home.html", context)


@needs(Can.TRAIN)
@require_http_methods(["GET", "HEAD", "POST"])
def start_run(request: BrandRequest) -> HttpResponse:
    """The form with the readiness bar, and a new run; an existing result of the same data and settings is offered."""
    purpose = purpose_of(request.GET.get("purpose", Purpose.NEXT_ITEM))
    form = NewRunForm(purpose, request.POST or None)
    context: dict[str, Any] = {"form": form, "purpose": purpose, "purposes": Purpose}
    if request.method == "POST" and form.is_valid():
        try:
            plan = runs.plan(purpose, form.cleaned_data["preset"], form.changes)
            run, is_new = runs.start(plan, request.actor, force=form.cleaned_data["force"])
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            if is_new:
                return HttpResponseRedirect(brand_url(request, "modeling:run", run.code))
            context["same"] = run
    context |= {"readiness": readiness.of(purpose), "busy": runs.under_way().first()}
    return render(request, "modeling/new_run.html", context, status=422 if form.errors else 200)


@needs(Can.VIEW)
@require_safe
def show_run(request: BrandRequest, code: str) -> HttpResponse:
    """One run: how far it is, what it learns, what it brought."""
    return render(request, "modeling/run.html", _run_context(request, run_for(code)))


@needs(Can.VIEW)
@require_safe
def show_live(request: BrandRequest, code: str) -> HttpResponse:
    """The moving part of the run's page; asked every two seconds until the run has ended."""
    run = run_for(code)
    status = HTMX_STOP_POLLING if run.job.is_ended else 200
    return render(request, "modeling/run.html#live", _run_context(request, run), status=status)


def _run_context(request: BrandRequest, run: TrainingRun) -> dict[str, Any]:
    points = runs.points_after(run, -1)
    fit = [point for point in points if not point.values["stage"].endswith(REFIT)]
    epoch = request.GET.get("epoch", "")
    live_url = brand_url(request, "modeling:run_live", run.code)
    made = list(run.versions.select_related("run", "dataset").order_by("number"))
    return {
        "run": run,
        "job": run.job,
        "last": points[-1] if points else None,
        "last_fit": fit[-1] if fit else None,
        "loss_chart": charts.loss_chart(fit) if fit else None,
        "quality_chart": charts.quality_chart(run, points) if any(p.values["metrics"] for p in points) else None,
        "samples": comparisons.samples_of(points, epoch),
        "live_url": f"{live_url}?epoch={epoch}" if epoch.isdecimal() else live_url,
        "table": comparisons.table_of(made) if made else None,
        "speed": next(
            (p.values["samples_per_second"] for p in reversed(points) if p.values["samples_per_second"]), None
        ),
        "confusion": comparisons.confusion_of(made, run.result.get("chosen_kind", "")),
        "calibration": comparisons.calibration_of(made, run.result.get("chosen_kind", "")),
        "log": [(datetime.fromisoformat(entry["at"]), entry) for entry in run.log],
    }


@needs(Can.TRAIN)
@require_POST
def cancel_run(request: BrandRequest, code: str) -> HttpResponse:
    """Ask the run to stop."""
    return act(request, lambda: runs.cancel(run_for(code), request.actor), _("The run stops."), "modeling:run", code)


@needs(Can.TRAIN)
@require_POST
def retry_run(request: BrandRequest, code: str) -> HttpResponse:
    """Put a failed or cancelled run back into its queue."""
    return act(request, lambda: runs.retry(run_for(code), request.actor), _("The run goes on."), "modeling:run", code)


@needs(Can.VIEW)
@require_safe
def compare_versions(request: BrandRequest) -> HttpResponse:
    """All versions of a purpose; those measured on the same split in one table."""
    purpose = purpose_of(request.GET.get("purpose", Purpose.NEXT_ITEM))
    page = Paginator(comparisons.tables(purpose), 5).get_page(request.GET.get("page"))
    context = {"page": page, "purpose": purpose, "purposes": Purpose, "card": comparisons.card_of(purpose)}
    return render(request, "modeling/versions.html", context)


@needs(Can.VIEW)
@require_safe
def show_version(request: BrandRequest, code: str) -> HttpResponse:
    """The model card: what it is, what it learnt from, how good it is, where it ends."""
    version = version_for(code)
    siblings = version.run.versions.select_related("run", "dataset").order_by("number")
    context = {
        "version": version,
        "table": comparisons.table_of(siblings),
        "is_allowed": versions.is_allowed_live(version),
        "verdict": version.run.result.get("verdict"),
        "confusion": comparisons.confusion_of([version]),
        "acts": comparisons.acts_of(version),
        "calibration": comparisons.calibration_of([version]),
        "num_measured": version.metrics["test"].get("num_users") or version.metrics["test"].get("num_rows"),
    }
    return render(request, "modeling/version.html", context)


@needs(Can.PROMOTE)
@require_POST
def promote_version(request: BrandRequest, code: str) -> HttpResponse:
    """Let the version serve."""
    done = _("The version serves from now on.")
    return act(request, lambda: versions.promote(version_for(code), request.actor), done, "modeling:version", code)


@needs(Can.PROMOTE)
@require_POST
def retire_version(request: BrandRequest, code: str) -> HttpResponse:
    """Put the candidate away."""
    done = _("The version is retired.")
    return act(request, lambda: versions.retire(version_for(code), request.actor), done, "modeling:version", code)


@needs(Can.PROMOTE)
@require_POST
def roll_back(request: BrandRequest, purpose: str) -> HttpResponse:
    """Let the version serve that served before."""
    wanted = purpose_of(purpose)
    done = _("The earlier version serves again.")
    return act(request, lambda: versions.roll_back(wanted, request.actor), done, "modeling:versions")


def act(request: BrandRequest, action: Any, done: str, page: str, *args: str) -> HttpResponse:
    """Do it, say so or say why not, and show the page."""
    try:
        action()
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(brand_url(request, page, *args))


def purpose_of(value: str) -> Purpose:
    """The purpose of this name; 404 for others."""
    if value not in Purpose.values:
        raise Http404
    return Purpose(value)
