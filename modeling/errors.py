"""What can go wrong between events and a registered model."""

from __future__ import annotations

from common.errors import FanwiseError


class ModelingError(FanwiseError):
    """Root of the learning core's errors."""

    code = "modeling_error"


class ConfigInvalid(ModelingError):
    """A stored or submitted configuration has an unknown field or a value of the wrong type."""

    code = "config_invalid"


class DatasetInvalid(ModelingError):
    """The rows handed in cannot become a dataset (unknown keys, empty values, a label that is not 0/1)."""

    code = "dataset_invalid"


class DatasetTooSmall(ModelingError):
    """There is not enough data to learn or to measure anything."""

    code = "dataset_too_small"


class LabelHasOneClass(ModelingError):
    """Every row carries the same label, so nothing separates yes from no."""

    code = "label_has_one_class"


class NothingToRank(LabelHasOneClass):
    """No act follows often enough on what was shown."""

    code = "nothing_to_rank"


class FileCorrupt(ModelingError):
    """A stored dataset or model version does not match its own checksum."""

    code = "file_corrupt"


class TrainingCancelled(ModelingError):
    """Somebody asked the run to stop; its checkpoint is on disk."""

    code = "training_cancelled"


class TrainingDiverged(ModelingError):
    """The loss became NaN or infinite; no weights are published."""

    code = "training_diverged"
