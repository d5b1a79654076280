"""What to do next: four first steps that tick themselves, and one sentence with its button.

Stage: evaluation. Reads what campaigns/overview.py found out. Writes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.access import Can
from accounts.models import Job
from audience.models import Import
from campaigns.overview import Flow, Serving
from modeling.models import TrainingRun
from modeling.readiness import Readiness
from modeling.recipes import SIMPLE

RETRAIN_SHARE = 0.2
"""A model is called out of date when this share of the events came in after its data was frozen."""
STEPS = ("data", "report", "train", "recommendations")


@dataclass(frozen=True)
class Page:
    """A page of the brand by the name of its route."""

    name: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One of the first steps; `key` stands in its address."""

    key: str
    title: str
    text: str
    icon: str
    is_done: bool


@dataclass(frozen=True)
class Advice:
    """The next thing to do, why, and where."""

    text: str
    button: str
    page: Page
    icon: str
    right: Can = Can.VIEW


@dataclass(frozen=True)
class Situation:
    """What the advice depends on."""

    flow: Flow
    readiness: Readiness | None
    serving: Serving | None
    draft: Import | None
    report: Import | None
    run: TrainingRun | None
    """The newest training of a deep model."""

    @classmethod
    def of(cls, flow: Flow, readiness: Readiness | None, serving: Serving | None) -> "Situation":
        """The situation of the brand in scope."""
        uploads = Import.objects.order_by("-created_at")
        return cls(
            flow=flow,
            readiness=readiness,
            serving=serving,
            draft=uploads.filter(state=Import.State.DRAFT).first(),
            report=uploads.filter(state=Import.State.DONE).first(),
            run=_newest_run(),
        )


def _newest_run() -> TrainingRun | None:
    deep = TrainingRun.objects.select_related("job").exclude(preset=SIMPLE)
    run: TrainingRun | None = deep.order_by("-created_at").first()
    return run


def page_of_step(key: str) -> Page:
    """Where a first step leads now."""
    report = Import.objects.filter(state=Import.State.DONE).order_by("-created_at").first()
    run = _newest_run()
    return {
        "data": Page("audience:upload"),
        "report": Page("audience:import", (report.code,)) if report else Page("audience:imports"),
        "train": Page("modeling:run", (run.code,)) if run else Page("modeling:runs"),
        "recommendations": Page("recommendations:preview"),
    }[key]


def first_steps(now: Situation, seen: Collection[str], *, is_demo: bool) -> list[Step]:
    """The four steps; what can be read off the data ticks by itself, the others once they were looked at."""
    has_data = not now.flow.is_empty
    has_run = now.run is not None and now.run.job.state == Job.State.SUCCEEDED
    data_text = _("The demo brand has data already") if is_demo else _("Followers, content and what they did")
    return [
        Step("data", _("Bring in data"), data_text, "ti-database-import", has_data),
        Step("report", _("Look at its quality"), _("What was taken, what was not, and why"), "ti-report-search",
             has_data and "report" in seen),
        Step("train", _("Train a model"), _("Watch it learn, compare it with a simple one"), "ti-brain", has_run),
        Step("recommendations", _("See recommendations"), _("Pick a follower: profile, slate, reasons"), "ti-sparkles",
             now.serving is not None and "recommendations" in seen),
    ]  # fmt: skip


def next_step(now: Situation) -> Advice:
    """The one thing that helps most now."""
    for rule in (_finish_upload, _watch_training, _mend_training, _bring_data, _bring_more, _train_deep, _train_again):
        advice = rule(now)
        if advice is not None:
            return advice
    return Advice(
        _("Everything is up to date. Pick a follower and see what the model would show, and why."),
        _("See recommendations"), Page("recommendations:preview"), "ti-sparkles",
    )  # fmt: skip


def _finish_upload(now: Situation) -> Advice | None:
    if now.draft is None:
        return None
    text = _("“%(file)s” is uploaded but not taken in yet. Check the columns and confirm.") % {
        "file": now.draft.filename
    }
    return Advice(
        text, _("Check the columns"), Page("audience:import", (now.draft.code,)), "ti-table-check", Can.IMPORT
    )


def _watch_training(now: Situation) -> Advice | None:
    if now.run is None or now.run.job.is_ended:
        return None
    page = Page("modeling:run", (now.run.code,))
    return Advice(
        _("A model is learning right now. You can watch its curve."), _("Watch it learn"), page, "ti-chart-line"
    )


def _mend_training(now: Situation) -> Advice | None:
    if now.run is None or now.run.job.state != Job.State.FAILED:
        return None
    page = Page("modeling:run", (now.run.code,))
    return Advice(
        _("The last training failed. Its page says why and what helps."), _("See why"), page, "ti-alert-circle"
    )


def _bring_data(now: Situation) -> Advice | None:
    if now.readiness is not None:
        return None
    text = _("Nobody’s behaviour is here yet. Upload a file or send events by API.")
    return Advice(text, _("Upload a file"), Page("audience:upload"), "ti-upload", Can.IMPORT)


def _bring_more(now: Situation) -> Advice | None:
    if now.readiness is None or now.readiness.is_enough:
        return None
    short = next((line for line in now.readiness.lines if not line.is_met), None)
    if short is None:
        text = _("There is data, but not of both outcomes: a model needs followers who converted and some who did not.")
    else:
        shortage: dict[str, Any] = {"label": _(short.label), "have": short.have, "needed": short.needed}
        text = _("A little more data is needed to train — %(label)s: %(have)s of %(needed)s.") % shortage
    return Advice(text, _("Upload more"), Page("audience:upload"), "ti-upload", Can.IMPORT)


def _train_deep(now: Situation) -> Advice | None:
    if now.run is not None and now.run.job.state == Job.State.SUCCEEDED:
        return None
    text = _("There is enough data. Train a deep model and see whether it beats the simple one.")
    return Advice(text, _("Train a model"), Page("modeling:new_run"), "ti-brain", Can.TRAIN)


def _train_again(now: Situation) -> Advice | None:
    if now.flow.num_new_events < RETRAIN_SHARE * max(1, now.flow.num_events):
        return None
    text = _("A good part of the behaviour came in after the model was trained. Train again to use it.")
    return Advice(text, _("Train again"), Page("modeling:new_run"), "ti-refresh", Can.TRAIN)
