"""Which model serves: registering, promoting, rolling back and retiring versions.

At most one version per purpose is live. A deep model goes live only when the gate showed its gain over the simple ones
of the same run; nobody can override that. Every change is one audit line.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id
from common.errors import Conflict
from common.text import new_code
from modeling.artifacts import MODEL_FILE, load_artifact
from modeling.errors import FileCorrupt
from modeling.models import ModelVersion, Purpose, TrainingRun
from modeling.storage import hash_file, publishing

SIMPLE_KINDS = frozenset({"popularity", "item_knn", "majority", "logistic", "trees", "act_rates", "act_trees"})
Stage = ModelVersion.Stage


class GateRefused(Conflict):
    """A deep version without a shown gain was asked to go live."""

    code = "gate_refused"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This deep model showed no certain gain over the simple one, so it cannot go live. "
                "Collect more behaviour and train again; the simple model serves until then."
            )
        )


@dataclass(frozen=True)
class NewVersion:
    """A fitted model whose files are in their final place but not registered yet."""

    kind: str
    directory: str
    """Below settings.MODEL_DIR."""
    digest: str
    metrics: dict[str, Any]
    code: str = field(default_factory=new_code)


def live(purpose: str) -> ModelVersion | None:
    """The version that serves, if any."""
    version: ModelVersion | None = ModelVersion.objects.filter(purpose=purpose, stage=Stage.LIVE).first()
    return version


def previous(purpose: str) -> ModelVersion | None:
    """The version that `roll_back` would make live: the one that served before the live one."""
    present = live(purpose)
    if present is None or present.promoted_at is None:
        return None
    earlier = ModelVersion.objects.filter(purpose=purpose, promoted_at__lt=present.promoted_at)
    version: ModelVersion | None = earlier.order_by("-promoted_at").first()
    return version


def path_of(version: ModelVersion) -> Path:
    """The artifact's directory, for `recommenders.load_recommender` or `classifiers.load_classifier`."""
    return Path(settings.MODEL_DIR) / version.directory


def verify(version: ModelVersion) -> None:
    """Compare every file with what was registered; raises FileCorrupt."""
    directory = path_of(version)
    if not (directory / MODEL_FILE).exists() or hash_file(directory / MODEL_FILE) != version.digest:
        raise FileCorrupt(
            _("The files of version %(number)s are missing or changed, so it cannot go live. Train again."),
            number=version.number,
        )
    load_artifact(directory)


def is_allowed_live(version: ModelVersion) -> bool:
    """Whether the gate lets the version serve: simple ones always, a deep one only after a shown gain."""
    verdict = version.verdict
    return version.kind in SIMPLE_KINDS or bool(verdict.get("promote") and verdict.get("deep_kind") == version.kind)


def keep_files(source: Path, metrics: dict[str, Any], kind: str) -> NewVersion:
    """Copy a fitted model to a directory of its own, whole or not at all, where no later attempt can touch it."""
    code = new_code()
    directory = f"{current_tenant_id()}/versions/{code}"
    target = Path(settings.MODEL_DIR) / directory
    with publishing(target) as scratch:
        for path in source.iterdir():
            shutil.copy2(path, scratch / path.name)
    return NewVersion(kind, directory, hash_file(target / MODEL_FILE), metrics, code)


def drop_files(new: NewVersion) -> None:
    """Remove the files of a version that was not registered after all."""
    shutil.rmtree(Path(settings.MODEL_DIR) / new.directory, ignore_errors=True)


def register(run: TrainingRun, fitted: list[NewVersion], verdict: dict[str, Any]) -> list[ModelVersion]:
    """Number the run's models and add them as candidates, in the running transaction."""
    take_turn(Lock.MODEL_VERSIONS)
    last = ModelVersion.objects.filter(purpose=run.purpose).aggregate(last=Max("number"))["last"] or 0
    versions = [
        ModelVersion(
            code=new.code,
            number=last + place,
            purpose=run.purpose,
            kind=new.kind,
            run=run,
            dataset=run.dataset,
            directory=new.directory,
            digest=new.digest,
            metrics=new.metrics,
            verdict=verdict if new.kind not in SIMPLE_KINDS else {},
        )
        for place, new in enumerate(fitted, start=1)
    ]
    return list(ModelVersion.objects.bulk_create(versions))


def promote(version: ModelVersion, by: Actor) -> ModelVersion:
    """Make the version live and retire the one that was. Raises GateRefused, FileCorrupt, Conflict."""
    with transaction.atomic():
        take_turn(Lock.MODEL_VERSIONS)
        version.refresh_from_db()
        if version.stage == Stage.LIVE:
            raise Conflict(_("This version is already live."))
        if not is_allowed_live(version):
            raise GateRefused
        verify(version)
        version.promoted_at = timezone.now()
        _switch(live(version.purpose), version)
        _record(by, "promote", version)
    return version


def roll_back(purpose: str, by: Actor) -> ModelVersion:
    """Make the version live that served before; the present one is retired and no later roll-back returns to it."""
    with transaction.atomic():
        take_turn(Lock.MODEL_VERSIONS)
        present, version = live(purpose), previous(purpose)
        if present is None or version is None:
            raise Conflict(_("No earlier version has served, so there is nothing to roll back to."))
        verify(version)
        present.promoted_at = None
        _switch(present, version)
        _record(by, "roll_back", version, rolled_back=present.number)
    return version


def retire(version: ModelVersion, by: Actor) -> ModelVersion:
    """Put a candidate away. Raises Conflict for the live version and for one already retired."""
    with transaction.atomic():
        take_turn(Lock.MODEL_VERSIONS)
        if not ModelVersion.objects.filter(pk=version.pk, stage=Stage.CANDIDATE).update(stage=Stage.RETIRED):
            raise Conflict(_("Only a candidate can be retired. Promote another version first if this one is live."))
        version.stage = Stage.RETIRED
        _record(by, "retire", version)
    return version


def serve(chosen: ModelVersion, by: Actor) -> str:
    """Let a run's best model go live unless the live one is known to be better; returns the reason's code.

    "first": nothing served before. "replaced": the live one gave way. "deep_stays": a deep model that passed the gate
    serves and a simple one does not push it out. "better_stays": on the same data and split the live one is better.
    """
    present = live(chosen.purpose)
    if present is not None:
        if chosen.kind in SIMPLE_KINDS and present.kind not in SIMPLE_KINDS:
            return "deep_stays"
        if _is_same_test(present, chosen) and _quality(present) > _quality(chosen):
            return "better_stays"
    promote(chosen, by)
    return "first" if present is None else "replaced"


def _is_same_test(one: ModelVersion, other: ModelVersion) -> bool:
    return one.dataset_id == other.dataset_id and one.run.result.get("split") == other.run.result.get("split")


def _quality(version: ModelVersion) -> float:
    """The validation metric that decides, higher is better."""
    valid = version.metrics["valid"]
    key = {Purpose.NEXT_ITEM: "ndcg_at_10", Purpose.RANKING: "weighted_uauc"}.get(Purpose(version.purpose))
    return float(valid[key] or 0.0) if key else -float(valid["log_loss"])


def _switch(present: ModelVersion | None, version: ModelVersion) -> None:
    if present is not None:
        present.stage = Stage.RETIRED
        present.save(update_fields=["stage", "promoted_at"])
    version.stage = Stage.LIVE
    version.save(update_fields=["stage", "promoted_at"])


def _record(by: Actor, verb: str, version: ModelVersion, **details: Any) -> None:
    facts = {"number": version.number, "kind": version.kind, "purpose": Purpose(version.purpose).value}
    record(by, verb, "model_version", version.code, **facts, **details)
