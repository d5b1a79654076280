"""How datasets, runs and model versions look in the REST API."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import JobSerializer
from modeling.models import Dataset, ModelVersion, Purpose, Study, TrainingPoint, TrainingRun, Trial


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A frozen, hashed extract of the brand's data."""

    class Meta:
        model = Dataset
        fields = ("code", "purpose", "content_hash", "config", "counts", "created_by", "created_at")


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    """One training with one configuration."""

    dataset = serializers.CharField(source="dataset.code", default=None, allow_null=True, read_only=True)
    job = JobSerializer(read_only=True)

    class Meta:
        model = TrainingRun
        fields = ("code", "purpose", "dataset", "config", "job", "result", "created_by", "created_at")


class NewRunSerializer(serializers.Serializer[Any]):
    """What to train. `changes` overrides single fields of the preset's configuration; `changes.families` lists the
    networks of a next-item run: transformer, gru, next_it_net, hstu."""

    purpose = serializers.ChoiceField(Purpose.choices, default=Purpose.NEXT_ITEM)
    preset = serializers.ChoiceField(["quick", "standard"], default="quick")
    changes = serializers.DictField(required=False)
    force = serializers.BooleanField(default=False, help_text="Train again even when the same result exists.")


class PointSerializer(serializers.ModelSerializer[TrainingPoint]):
    """One point of the live curve."""

    class Meta:
        model = TrainingPoint
        fields = ("step", "epoch", "elapsed_seconds", "values")


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A servable model with its metrics and the gate's verdict."""

    run = serializers.CharField(source="run.code", read_only=True)
    dataset = serializers.CharField(source="dataset.code", read_only=True)

    class Meta:
        model = ModelVersion
        fields = (
            "code", "number", "purpose", "kind", "stage", "run", "dataset", "digest", "metrics", "verdict",
            "created_at", "promoted_at",
        )  # fmt: skip


class RollBackSerializer(serializers.Serializer[Any]):
    """Which purpose to roll back."""

    purpose = serializers.ChoiceField(Purpose.choices)


class TrialSerializer(serializers.ModelSerializer[Trial]):
    """One fit of a study."""

    class Meta:
        model = Trial
        fields = ("number", "family", "settings", "steps", "value", "metrics", "seconds", "state")


class StudySerializer(serializers.ModelSerializer[Study]):
    """A search, a learning curve or a cross-validation."""

    dataset = serializers.CharField(source="dataset.code", default=None, allow_null=True, read_only=True)
    job = JobSerializer(read_only=True)

    class Meta:
        model = Study
        fields = (
            "code", "kind", "purpose", "preset", "changes", "options", "budget_minutes", "seed", "dataset", "job",
            "result", "created_by", "created_at",
        )  # fmt: skip


class NewStudySerializer(serializers.Serializer[Any]):
    """What to study. A search takes names, families, num_trials and pruning (median, halving, none); a learning curve
    takes num_seeds; a cross-validation takes num_folds."""

    kind = serializers.ChoiceField(Study.Kind.choices)
    purpose = serializers.ChoiceField(Purpose.choices, default=Purpose.NEXT_ITEM)
    preset = serializers.ChoiceField(["quick", "standard"], default="quick")
    changes = serializers.DictField(required=False)
    budget_minutes = serializers.IntegerField(default=30)
    seed = serializers.IntegerField(default=0)
    names = serializers.ListField(child=serializers.CharField(), required=False)
    families = serializers.ListField(child=serializers.CharField(), required=False)
    num_trials = serializers.IntegerField(required=False)
    pruning = serializers.CharField(required=False)
    num_seeds = serializers.IntegerField(required=False)
    num_folds = serializers.IntegerField(required=False)


class TrainWithSerializer(serializers.Serializer[Any]):
    """Which trial's settings to train for good."""

    trial = serializers.IntegerField(min_value=0)
