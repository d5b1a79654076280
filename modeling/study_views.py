"""Pages of studies: searches for better settings, learning curves, cross-validations."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from common.errors import FanwiseError
from common.translation import explain
from modeling import readiness, studies, study_charts
from modeling.access import study_for, trial_for
from modeling.labels import METRICS
from modeling.models import Purpose, Study, Trial
from modeling.study_forms import NewStudyForm
from modeling.trials import OBJECTIVES
from modeling.views import HTMX_STOP_POLLING, act, purpose_of

STUDIES_PER_PAGE = 20


@needs(Can.VIEW)
@require_safe
def show_studies(request: BrandRequest) -> HttpResponse:
    """All studies, newest first, and the ways to start one."""
    found = Study.objects.select_related("job").order_by("-created_at", "-pk")
    page = Paginator(found, STUDIES_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "modeling/studies.html", {"page": page, "kinds": Study.Kind})


@needs(Can.TRAIN)
@require_http_methods(["GET", "HEAD", "POST"])
def start_study(request: BrandRequest, kind: str) -> HttpResponse:
    """The form of a new study of one kind."""
    if kind not in Study.Kind.values:
        raise Http404
    purpose = purpose_of(request.GET.get("purpose", Purpose.NEXT_ITEM))
    form = NewStudyForm(Study.Kind(kind), purpose, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            study = studies.start(form.plan(), request.actor)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            return HttpResponseRedirect(brand_url(request, "modeling:study", study.code))
    context = {
        "form": form, "kind": Study.Kind(kind), "purpose": purpose, "purposes": Purpose,
        "readiness": readiness.of(purpose), "busy": studies.under_way().first(),
    }  # fmt: skip
    return render(request, "modeling/new_study.html", context, status=422 if form.errors else 200)


@needs(Can.VIEW)
@require_safe
def show_study(request: BrandRequest, code: str) -> HttpResponse:
    """One study: how far it is, its fits, what they say."""
    return render(request, "modeling/study.html", _context(request, study_for(code)))


@needs(Can.VIEW)
@require_safe
def show_study_live(request: BrandRequest, code: str) -> HttpResponse:
    """The moving part of the study's page; asked every two seconds until it has ended."""
    study = study_for(code)
    status = HTMX_STOP_POLLING if study.job.is_ended else 200
    return render(request, "modeling/study.html#live", _context(request, study), status=status)


def _context(request: BrandRequest, study: Study) -> dict[str, Any]:
    trials = list(study.trials.order_by("number"))
    context = {
        "study": study, "job": study.job, "trials": trials,
        "live_url": brand_url(request, "modeling:study_live", study.code),
        "metric": study_charts.metric_label(study.purpose, OBJECTIVES[study.purpose].metric),
    }  # fmt: skip
    if study.kind == Study.Kind.SEARCH:
        return context | _search_context(study, trials)
    if study.kind == Study.Kind.LEARNING_CURVE and "forecast" in study.result:
        return context | {
            "chart": study_charts.forecast_chart(study, trials),
            "sentence": study_charts.explain_forecast(study.result),
            "curve_metric": study_charts.metric_label(study.purpose, study.result["metric"]),
        }
    if study.kind == Study.Kind.CROSS_VALIDATION:
        return context | _folds_context(study, trials)
    return context


def _search_context(study: Study, trials: list[Trial]) -> dict[str, Any]:
    best = studies.best_trials(study)
    measured = [trial for trial in trials if trial.value is not None]
    importances = study.result.get("importances", {})
    return {
        "best": best,
        "preset_trial": next((one for one in trials if best and one.family == best[0].family), None),
        "names": list(study.options["space"]),
        "best_chart": study_charts.best_so_far_chart(study, trials) if measured else None,
        "importance_charts": [
            (family, study_charts.importance_chart(study, found)) for family, found in importances.items() if found
        ],
        "slices": study_charts.slice_charts(study, trials) if len(measured) > 1 else [],
    }


def _folds_context(study: Study, trials: list[Trial]) -> dict[str, Any]:
    metrics = METRICS[study.purpose]
    summary = study.result.get("summary", {})
    kinds = list(summary) or list(dict.fromkeys(kind for trial in trials for kind in trial.metrics))
    fold_rows = [
        (trial, kind, [trial.metrics[kind].get(metric.key) for metric in metrics])
        for trial in trials
        for kind in kinds
        if kind in trial.metrics
    ]
    rows = [(kind, [found.get(metric.key) for metric in metrics]) for kind, found in summary.items()]
    return {"metrics": metrics, "summary": rows, "fold_rows": fold_rows}


@needs(Can.TRAIN)
@require_POST
def cancel_study(request: BrandRequest, code: str) -> HttpResponse:
    """Ask the study to stop."""
    done = _("The study stops; what it has found stays.")
    return act(request, lambda: studies.cancel(study_for(code), request.actor), done, "modeling:study", code)


@needs(Can.TRAIN)
@require_POST
def retry_study(request: BrandRequest, code: str) -> HttpResponse:
    """Go on after the last finished fit."""
    done = _("The study goes on.")
    return act(request, lambda: studies.retry(study_for(code), request.actor), done, "modeling:study", code)


@needs(Can.TRAIN)
@require_POST
def train_with(request: BrandRequest, code: str) -> HttpResponse:
    """Start the normal training with a trial's settings."""
    trial = trial_for(study_for(code), request.POST.get("trial", ""))
    try:
        run, _is_new = studies.train_with(trial, request.actor)
    except FanwiseError as error:
        reason = error

        def refuse() -> None:
            raise reason

        return act(request, refuse, "", "modeling:study", code)
    return HttpResponseRedirect(brand_url(request, "modeling:run", run.code))
