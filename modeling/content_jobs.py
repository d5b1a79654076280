"""What workers do for content models: read, fit, publish; then apply what is in use.

Stage: training and prediction. Reads items, comments, labels; writes artifacts, suggestions, tones. A killed fit starts
anew (it takes seconds to minutes) and publishes once, in one transaction with the end of its job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext_noop as _

from accounts.jobs import Lease
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from common.errors import JobCancelled
from modeling import content_pictures, content_runs, content_vectors, sentiments, suggestions
from modeling.content.configs import ContentConfig
from modeling.content_models import ContentModel
from modeling.errors import ModelingError, TrainingCancelled
from modeling.progress import OnProgress, ShouldStop, TrainingPoint

STAGES = {
    "read": _("Reading the content"),
    "simple": _("The simple models are fitted"),
    "text_cnn": _("The deep model learns"),
    "text_transformer": _("The deep model learns"),
    "picture_cnn": _("The deep model learns"),
    "compare": _("The models are compared"),
    "publish": _("The models are stored"),
    "apply": _("Items and comments are read by the models in use"),
}
_SENTENCES = {
    "dataset_too_small": _(
        "There are too few labelled rows to learn from and to hold some back for measuring. "
        "Give categories and tags to more items, or label more texts or pictures, and train again."
    ),
    "label_has_one_class": _("All rows carry the same label, so there is nothing to tell apart. Add other labels."),
    "training_diverged": _("The loss is no longer a number. Train again."),
}
_SCALE = 1000


class Fitted(Protocol):
    """What a fit brought."""

    @property
    def kind(self) -> str:
        """The family that did best."""
        ...

    @property
    def result(self) -> dict[str, Any]:
        """Figures for pages, as plain values."""
        ...

    def write(self, directory: Path) -> None:
        """Publish the files."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How one task gets from rows to a model and from a model to what it says."""

    read: Callable[[ContentModel], Any]
    """Inside the brand's scope."""
    fit: Callable[[Any, ContentConfig, OnProgress, ShouldStop], Fitted]
    """Outside every scope."""
    apply: Callable[[ContentModel], None]
    """Inside the brand's scope: everything the model in use has to say."""


RECIPES: dict[str, Recipe] = {
    ContentModel.Task.TAGS: Recipe(suggestions.read, suggestions.fit, suggestions.apply),
    ContentModel.Task.SENTIMENT: Recipe(sentiments.read, sentiments.fit, sentiments.apply),
    ContentModel.Task.PICTURES: Recipe(content_pictures.read, content_pictures.fit, content_pictures.apply),
    ContentModel.Task.VECTORS: Recipe(content_vectors.read, content_vectors.fit, content_vectors.apply),
}
"""Every task."""


def fit(lease: Lease) -> None:
    """The fit job."""
    with tenant_scope(lease.tenant_id):
        model: ContentModel = ContentModel.objects.get(job_id=lease.job.pk)
        recipe, directory = RECIPES[model.task], content_runs.directory_of(model.code)
        lease.progress(0, 0, STAGES["read"])
        rows = recipe.read(model)
    with _explained(lease):
        fitted = recipe.fit(rows, ContentConfig.preset(model.preset), _Reporter(lease), lease.should_stop)
    lease.progress(_SCALE, _SCALE, STAGES["publish"])
    fitted.write(Path(settings.MODEL_DIR) / directory)
    with lease.publish():
        content_runs.publish(model, directory, fitted.kind, fitted.result)


def apply(lease: Lease) -> None:
    """The applying job: each model in use, in one transaction each; a damaged one ends the job with its sentence."""
    with tenant_scope(lease.tenant_id):
        models = list(ContentModel.objects.filter(is_live=True).order_by("task"))
    for place, model in enumerate(models):
        lease.progress(place, len(models), STAGES["apply"])
        with tenant_scope(lease.tenant_id):
            content_runs.verify(model)
            RECIPES[model.task].apply(model)


class _Reporter:
    """Turns the learner's points into the job's progress; a wish to cancel is the learner's to ask for."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease

    def __call__(self, point: TrainingPoint) -> None:
        share = point.epoch / point.num_epochs if point.num_epochs else 0.0
        done = 950 if point.stage == "compare" else round(50 + 850 * share)
        with suppress(JobCancelled):
            self.lease.progress(done, _SCALE, STAGES[point.stage])


@contextmanager
def _explained(lease: Lease) -> Iterator[None]:
    """Give the core's errors the sentence that the site shows; a cancelled fit ends as cancelled."""
    try:
        yield
    except TrainingCancelled:
        lease.check()
        raise
    except ModelingError as error:
        raise type(error)(_SENTENCES.get(error.code, error.template), **error.context) from error


def start_where_unread() -> int:
    """Start applying in every brand that has comments its tone model has not read; how many started."""
    num_started = 0
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with tenant_scope(tenant_id):
            if content_runs.live(ContentModel.Task.SENTIMENT) is not None and sentiments.has_unread():
                content_runs.start_applying()
                num_started += 1
    return num_started
