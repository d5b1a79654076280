"""What a worker does for a training run, so that it may be killed at any moment.

Stage: training. Reads the brand's behaviour; writes a dataset, the run's checkpoint, its live curve and, in one
transaction with the end of the job, its model versions. The next attempt goes on from the dataset and the checkpoint.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor
from accounts.jobs import Lease, LeaseLost
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError, JobCancelled
from common.text import new_code
from modeling import versions
from modeling.errors import ModelingError, TrainingCancelled
from modeling.models import Dataset, Study, TrainingPoint, TrainingRun
from modeling.progress import REFIT
from modeling.progress import TrainingPoint as Point
from modeling.ranking_config import FAMILIES as RANKING_NETS
from modeling.recipes import Outcome, Recipe, recipe_for
from modeling.sequence_configs import FAMILIES
from modeling.storage import hash_file

logger = logging.getLogger(__name__)
WRITE_SECONDS = 1.0
"""Points of the live curve are written at most this often; the ends of epochs always."""
STAGES = {
    "extract": _("Reading the behaviour"),
    "start": _("The data is ready, learning begins"),
    "popularity": _("Popularity is counted"),
    "item_knn": _("Item neighbours are counted"),
    "logistic": _("The simple models are fitted"),
    **dict.fromkeys(FAMILIES, _("The deep model learns")),
    **{family + REFIT: _("The deep model learns the newest behaviour as well") for family in FAMILIES},
    "trees": _("The trees are grown"),
    "engagement_dnn": _("The deep network learns"),
    "wide_and_deep": _("Wide & Deep learns"),
    "deep_fm": _("DeepFM learns"),
    "dcn_v2": _("DCN-v2 learns"),
    "event_cnn": _("The network over acts (CNN) learns"),
    "event_rnn": _("The network over acts (RNN) learns"),
    "act_rates": _("Rates are counted"),
    "act_trees": _("The trees are grown"),
    **dict.fromkeys(RANKING_NETS, _("The deep model learns")),
    "compare": _("The models are compared"),
    "publish": _("The models are stored"),
}
_SENTENCES = {
    "dataset_too_small": _(
        "Too little behaviour is left after cleaning. Upload behaviour of more followers or over a longer time."
    ),
    "label_has_one_class": _(
        "All followers have the same outcome, so there is nothing to tell apart. "
        "Upload rows of both kinds: followers who converted and followers who did not."
    ),
    "nothing_to_rank": _(
        "No act follows often enough on what was shown, so there is nothing to tell apart. Upload more behaviour with "
        "views, reads or plays and with likes, shares, comments or purchases."
    ),
    "training_diverged": _("The loss is no longer a number. Start again with a lower learning rate."),
    "file_corrupt": _("A stored file of this run is damaged. Press retry; it will be made anew."),
}
"""The learning core's errors in words that have a translation, by code."""
_SCALE = 1000


def train(lease: Lease) -> None:
    """Extract, fit, compare, publish. Raises what `jobs.run` turns into the job's end."""
    with tenant_scope(lease.tenant_id):
        run: TrainingRun = TrainingRun.objects.select_related("dataset").get(job_id=lease.job.pk)
    recipe = recipe_for(run)
    if run.dataset is None:
        _log(lease, run, STAGES["extract"])
        lease.progress(0, 0, STAGES["extract"])
        freeze_data(lease, run, recipe)
        _log(lease, run, STAGES["start"])
    else:
        _log(lease, run, _("Going on where the last attempt stopped"))
    lease.progress(0, 0, STAGES["start"])
    try:
        assert run.dataset is not None
        dataset = Path(settings.MODEL_DIR) / run.dataset.directory
        with explained():
            outcome = recipe.fit(dataset, run_directory(run), Reporter(lease, run), lease.should_stop)
    except TrainingCancelled:
        lease.check()
        raise
    lease.progress(_SCALE, _SCALE, STAGES["publish"])
    _publish(lease, run, outcome)
    shutil.rmtree(run_directory(run), ignore_errors=True)


@contextmanager
def explained() -> Iterator[None]:
    """Give the core's errors the sentence that the site shows."""
    try:
        yield
    except ModelingError as error:
        raise type(error)(_SENTENCES.get(error.code, error.template), **error.context) from error


def run_directory(run: TrainingRun) -> Path:
    """Where the run keeps its checkpoint until its models are published."""
    return Path(settings.MODEL_DIR) / f"{run.tenant_id}/runs/{run.code}"


def freeze_data(lease: Lease, run: TrainingRun | Study, recipe: Recipe) -> None:
    """Freeze the brand's data as a dataset, or find that just this dataset exists, and tie the run to it."""
    scratch = Path(settings.MODEL_DIR) / f"{lease.tenant_id}/datasets/.{run.code}-{new_code()}"
    with tenant_scope(lease.tenant_id):
        fingerprint = recipe.fingerprint()
        frames = recipe.read()
    try:
        with explained():
            content_hash, counts = recipe.write(scratch, frames)
        target = scratch.with_name(content_hash)
        _keep_dataset(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    lease.check()
    with tenant_scope(lease.tenant_id):
        facts = {"config": run.dataset_config, "counts": counts, "created_by": run.created_by}
        directory = str(target.relative_to(settings.MODEL_DIR))
        run.dataset, _is_new = Dataset.objects.get_or_create(
            purpose=run.purpose, content_hash=content_hash, defaults={"directory": directory, **facts}
        )
        run.data_fingerprint = fingerprint
        run.save(update_fields=["dataset", "data_fingerprint"])


def _keep_dataset(scratch: Path, target: Path) -> None:
    """Give a written dataset its final name; an intact one that is there already stays."""
    if target.exists() and _file_hashes(target) == _file_hashes(scratch):
        return
    broken = scratch.with_suffix(".old")
    if target.exists():
        target.rename(broken)
    scratch.rename(target)
    shutil.rmtree(broken, ignore_errors=True)


def _file_hashes(directory: Path) -> dict[str, str]:
    return {path.name: hash_file(path) for path in directory.iterdir()}


def _publish(lease: Lease, run: TrainingRun, outcome: Outcome) -> None:
    """Register all models and let the best allowed one serve, together with the end of the job or not at all."""
    with tenant_scope(lease.tenant_id):
        fitted = [versions.keep_files(one.directory, one.metrics, one.kind) for one in outcome.versions]
    try:
        with lease.publish():
            made = versions.register(run, fitted, outcome.verdict)
            run.result = _result(outcome)
            chosen = next(version for version in made if version.kind == outcome.serving_kind)
            run.result["serving"] = versions.serve(chosen, Actor.system("training"))
            run.save(update_fields=["result"])
    except (FanwiseError, LeaseLost):  # nothing was committed, and nobody else knows these directories
        for new in fitted:
            versions.drop_files(new)
        raise


def _result(outcome: Outcome) -> dict[str, Any]:
    models = [
        {"kind": one.kind, "seconds": one.seconds, "metrics": one.metrics, "notes": one.notes}
        for one in outcome.versions
    ]
    return {
        "models": models,
        "verdict": outcome.verdict,
        "chosen_kind": outcome.serving_kind,
        "split": outcome.split,
    }


class Reporter:
    """Turns the learner's points into rows and job progress.

    Raises LeaseLost at once. A wish to cancel does not raise: the learner asks `should_stop`, saves and ends by itself.
    """

    def __init__(self, lease: Lease, run: TrainingRun) -> None:
        self.lease = lease
        self.run = run
        self._pending: list[Point] = []
        self._written_at = 0.0
        self._is_first = True
        self._stage = ""

    def __call__(self, point: Point) -> None:
        """Take one point; a database that is away for a while costs nothing but delay."""
        if self.lease.is_lost:
            raise LeaseLost(self.lease.job.code)
        self._pending.append(point)
        is_due = time.monotonic() - self._written_at >= WRITE_SECONDS
        if not (is_due or point.metrics or point.stage != self._stage):
            return
        try:
            self._write(point)
        except (OperationalError, InterfaceError):
            logger.warning("training_points_delayed", extra={"run": self.run.pk})
            connection.close()

    def _write(self, point: Point) -> None:
        done = round(_SCALE * _share_done(point))
        with suppress(JobCancelled):
            self.lease.progress(done, _SCALE, STAGES[point.stage])
        if point.stage != self._stage:
            _log(self.lease, self.run, STAGES[point.stage])
            self._stage = point.stage
        rows = {one.step: self._row(one) for one in self._pending if one.loss is not None}
        with tenant_scope(self.lease.tenant_id):
            self._save(rows)
        self._pending.clear()
        self._written_at = time.monotonic()

    def _save(self, rows: dict[int, TrainingPoint]) -> None:
        """Write the points; what an earlier attempt wrote beyond its last checkpoint goes."""
        if rows and self._is_first:
            TrainingPoint.objects.filter(run=self.run, step__gte=min(rows)).delete()
            self._is_first = False
        TrainingPoint.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["tenant", "run", "step"],
            update_fields=["epoch", "elapsed_seconds", "values"],
        )

    def _row(self, point: Point) -> TrainingPoint:
        values = point.to_dict()
        facts = {name: values.pop(name) for name in ("step", "epoch", "elapsed_seconds")}
        return TrainingPoint(tenant_id=self.lease.tenant_id, run=self.run, values=values, **facts)


def _share_done(point: Point) -> float:
    """How much of the whole run is done, roughly: the deep model is nearly all of it."""
    if point.stage == "compare":
        return 0.97
    return min(0.95, 0.05 + 0.9 * point.share)


def _log(lease: Lease, run: TrainingRun, text: str, **context: Any) -> None:
    """Add a line to what people read about the run."""
    run.log = [*run.log, {"at": timezone.now().isoformat(), "text": text, "context": context}]
    with tenant_scope(lease.tenant_id):
        run.save(update_fields=["log"])
