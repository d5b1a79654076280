"""Datasets, training runs and registered model versions of a brand. The files are on disk, the facts are here."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantModel
from common.text import new_code
from modeling.content_models import ContentModel, LabelledPicture, SentimentLabel, Suggestion

__all__ = [
    "ContentModel",
    "Dataset",
    "LabelledPicture",
    "ModelVersion",
    "Purpose",
    "SentimentLabel",
    "Study",
    "Suggestion",
    "TrainingPoint",
    "TrainingRun",
    "Trial",
]


class Purpose(models.TextChoices):
    """What a model is for; one version per purpose is live."""

    NEXT_ITEM = "next_item", _("Next item")
    ENGAGEMENT = "engagement", _("Conversion from engagement")
    RANKING = "ranking", _("Acts on what is shown")


class Dataset(TenantModel):
    """A frozen, hashed extract of the brand's data. Same data and configuration, same hash, same row."""

    code = models.CharField(max_length=16, default=new_code)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    content_hash = models.CharField(max_length=64)
    directory = models.CharField(max_length=200)
    """Below settings.MODEL_DIR."""
    config = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="dataset_code"),
            models.UniqueConstraint(fields=["tenant", "purpose", "content_hash"], name="dataset_once"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.content_hash[:12]}"


class TrainingRun(TenantModel):
    """One training with one configuration. Its job says how far it is; its points are the live curve."""

    code = models.CharField(max_length=16, default=new_code)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    dataset = TenantForeignKey(Dataset, null=True, on_delete=models.PROTECT, related_name="runs")
    """Set by the worker once the data is extracted."""
    preset = models.CharField(max_length=12, default="quick")
    """The preset that the configuration began with, one of `runs.PRESETS`."""
    config = models.JSONField(default=dict)
    config_hash = models.CharField(max_length=64)
    """Digest of the configuration of models and dataset together."""
    dataset_config = models.JSONField(default=dict)
    data_fingerprint = models.CharField(max_length=64, blank=True)
    """Digest of the rows the dataset was made of; set by the worker."""
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    result = models.JSONField(default=dict)
    """Metrics per model on the same split, and the gate's verdict."""
    log = models.JSONField(default=list)
    """What happened, oldest first: at (ISO time), text (English source sentence), context."""
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="run_code")]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="run_newest")]

    def __str__(self) -> str:
        return f"{self.purpose} run {self.code}"


class TrainingPoint(TenantModel):
    """One point of a run's live curve."""

    run = TenantForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    epoch = models.FloatField()
    elapsed_seconds = models.FloatField()
    values = models.JSONField(default=dict)
    """loss, learning rate, samples_per_second, eta_seconds, validation metrics, sample lists."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run", "step"], name="point_once")]
        ordering = ["step"]

    def __str__(self) -> str:
        return f"{self.run_id} step {self.step}"


class ModelVersion(TenantModel):
    """A servable model: an artifact directory with its digest, metrics, stage and the gate's verdict."""

    class Stage(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        LIVE = "live", _("Live")
        RETIRED = "retired", pgettext_lazy("model version", "Retired")

    code = models.CharField(max_length=16, default=new_code)
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    kind = models.CharField(max_length=24)
    """Key of the registry in modeling/recommenders.py, or of the engagement models."""
    run = TenantForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="versions")
    dataset = TenantForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    directory = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    metrics = models.JSONField(default=dict)
    verdict = models.JSONField(default=dict)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    created_at = models.DateTimeField(auto_now_add=True)
    promoted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="version_code"),
            models.UniqueConstraint(fields=["tenant", "purpose", "number"], name="version_number"),
            models.UniqueConstraint(fields=["tenant", "run", "kind"], name="version_once_per_run"),
            models.UniqueConstraint(
                fields=["tenant", "purpose"], name="version_one_live", condition=models.Q(stage="live")
            ),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.purpose} v{self.number} {self.kind}"


class Study(TenantModel):
    """Many small fits that answer one question; its rows of `Trial` are what a killed study goes on from."""

    class Kind(models.TextChoices):
        SEARCH = "search", _("Search for better settings")
        LEARNING_CURVE = "learning_curve", _("Is my data enough?")
        CROSS_VALIDATION = "cross_validation", _("Cross-validation")

    code = models.CharField(max_length=16, default=new_code)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    preset = models.CharField(max_length=12)
    changes = models.JSONField(default=dict)
    """What differs from the preset, by name, for `runs.plan`."""
    config = models.JSONField(default=dict)
    dataset_config = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    """What its kind needs: families, space, pruning, trials; shares and seeds; folds."""
    budget_minutes = models.PositiveSmallIntegerField()
    """Training time of all its fits together at most."""
    seed = models.PositiveIntegerField(default=0)
    dataset = TenantForeignKey(Dataset, null=True, on_delete=models.PROTECT, related_name="studies")
    """Set by the worker once the data is extracted."""
    data_fingerprint = models.CharField(max_length=64, blank=True)
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    result = models.JSONField(default=dict)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="study_code"),
            models.CheckConstraint(condition=models.Q(budget_minutes__gt=0), name="study_has_budget"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["search", "learning_curve", "cross_validation"]), name="study_kind"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="study_newest")]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"


class Trial(TenantModel):
    """One fit of a study: what was tried, how it went epoch by epoch, what it brought."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        COMPLETE = "complete", pgettext_lazy("trial", "Complete")
        PRUNED = "pruned", pgettext_lazy("trial", "Stopped early")
        FAILED = "failed", _("Failed")

    study = TenantForeignKey(Study, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    family = models.CharField(max_length=32, blank=True)
    settings = models.JSONField(default=dict)
    steps = models.JSONField(default=list)
    """[epoch, validation objective], oldest first."""
    value = models.FloatField(null=True)
    """Best validation objective."""
    metrics = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict)
    """What the pruner noted down."""
    seconds = models.FloatField(default=0.0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    error_template = models.CharField(max_length=500, blank=True)
    error_context = models.JSONField(default=dict)
    started_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "study", "number"], name="trial_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "complete", "pruned", "failed"]), name="trial_state"
            ),
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.study_id} trial {self.number}"
