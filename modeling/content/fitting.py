"""Networks and simple models of the same labels compared on held-out rows; the best on validation rows serves.

Stage: training; in workers also prediction. Reads rows handed over; writes one artifact per fitted model.
Shapes: N rows, C classes, L tags, D width of a row's vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Artifact, load_artifact, write_artifact
from modeling.content.configs import ContentConfig
from modeling.content.predictions import Calibration, Logits, compare, confusion, measure
from modeling.content.readers import PictureReader, Reader, TextReader
from modeling.content.simple import LogisticModel, NearestModel, fit_simple
from modeling.content.targets import MIN_TEST_ROWS, TEST, TRAIN, VALID, Targets
from modeling.errors import DatasetTooSmall
from modeling.histories import FloatArray
from modeling.progress import OnProgress, ShouldStop, TrainingPoint

SIMPLE_KINDS = ("logistic", "nearest")
_READERS: dict[str, Any] = {"text": TextReader, "picture": PictureReader}
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Calibrated probabilities of rows, and their vectors."""

    classes_NC: Float64Array
    tags_NL: Float64Array
    vectors_ND: FloatArray


@dataclass(frozen=True)
class ContentClassifier:
    """A fitted model with everything it needs to read raw rows."""

    kind: str
    reader: Reader
    model: Any
    """A NetModel, LogisticModel or NearestModel."""
    calibration: Calibration
    config: ContentConfig
    classes: tuple[str, ...]
    tags: tuple[str, ...]

    def logits(self, rows_N: NDArray[Any]) -> Logits:
        """Of rows that the reader has read."""
        return self.model.logits(self.reader.features(rows_N) if self.kind in SIMPLE_KINDS else rows_N)

    def predict(self, raw: Any) -> Prediction:
        """Of raw rows: texts, or decoded pictures."""
        logits = self.logits(self.reader.rows(raw))
        return Prediction(*self.calibration.apply(logits), logits.vectors_ND)

    def write(self, directory: Path, metrics: dict[str, Any]) -> None:
        """Publish as an artifact: safetensors and JSON."""
        arrays = {f"model.{name}": array for name, array in self.model.arrays.items()}
        arrays |= {f"reader.{name}": array for name, array in self.reader.arrays.items()}
        reads = next(name for name, kind in _READERS.items() if isinstance(self.reader, kind))
        config = {
            "reads": reads,
            "reader": self.reader.config,
            "fit": self.config.to_dict(),
            "calibration": asdict(self.calibration),
            "classes": list(self.classes),
            "tags": list(self.tags),
        }
        write_artifact(directory, Artifact(self.kind, config, arrays, metrics=metrics))


def load_classifier(directory: Path) -> ContentClassifier:
    """Open an artifact; raises FileCorrupt when a file is not what was written."""
    artifact = load_artifact(directory)
    config = artifact.config
    fit, classes, tags = ContentConfig.from_dict(config["fit"]), tuple(config["classes"]), tuple(config["tags"])
    arrays = {name.removeprefix("model."): a for name, a in artifact.arrays.items() if name.startswith("model.")}
    read = {name.removeprefix("reader."): a for name, a in artifact.arrays.items() if name.startswith("reader.")}
    model: Any
    if artifact.kind == LogisticModel.kind:
        model = LogisticModel(arrays)
    elif artifact.kind == NearestModel.kind:
        model = NearestModel(arrays)
    else:
        from modeling.content.nets import NetModel

        model = NetModel.load(artifact.kind, fit, len(classes), len(tags), arrays)
    reader = _READERS[config["reads"]].load(config["reader"], read)
    return ContentClassifier(artifact.kind, reader, model, Calibration(**config["calibration"]), fit, classes, tags)


@dataclass(frozen=True)
class Candidate:
    """One fitted model and its figures."""

    classifier: ContentClassifier
    valid: dict[str, Any]
    test: dict[str, Any]


@dataclass(frozen=True)
class ContentFit:
    """All candidates on the same rows, and the one that did best on validation rows."""

    candidates: tuple[Candidate, ...]
    best: ContentClassifier
    result: dict[str, Any]
    """Plain values for pages: figures by kind, gain over the best simple model, confusion, counts."""


@dataclass(frozen=True)
class _Held:
    """What candidates are fitted and measured on."""

    rows_N: NDArray[Any]
    targets: Targets
    parts_N: NDArray[np.int8]

    def of(self, part: int) -> NDArray[np.intp]:
        return np.flatnonzero(self.parts_N == part)


def fit_texts(
    texts: Sequence[str],
    targets: Targets,
    parts_N: NDArray[np.int8],
    config: ContentConfig,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> ContentFit:
    """Compare text models. The vocabulary is learnt from all texts but the held-out ones, labelled or not."""
    teaching = [text for text, part in zip(texts, parts_N, strict=True) if part not in (VALID, TEST)]
    reader = TextReader.build(teaching, config.vocabulary_size, config.max_tokens)
    return _fit(reader, reader.rows(texts), targets, parts_N, config, on_progress, should_stop)


def fit_pictures(
    pixels_NSSC: NDArray[np.uint8],
    targets: Targets,
    parts_N: NDArray[np.int8],
    config: ContentConfig,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> ContentFit:
    """Compare picture models."""
    config = replace(config, families=("picture_cnn",))
    reader = PictureReader(pixels_NSSC.shape[1])
    return _fit(reader, pixels_NSSC, targets, parts_N, config, on_progress, should_stop)


def _fit(
    reader: Reader,
    rows_N: NDArray[Any],
    targets: Targets,
    parts_N: NDArray[np.int8],
    config: ContentConfig,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> ContentFit:
    held = _Held(rows_N, targets, parts_N)
    if not all(len(held.of(part)) for part in (TRAIN, VALID, TEST)):
        raise DatasetTooSmall("Too few labelled rows to hold some back for measuring. Label more and train again.")
    on_progress(TrainingPoint(stage="simple"))
    models = _fit_simple(reader, held, should_stop)
    from modeling.content.nets import fit_net  # torch only when a network is fitted

    models += [fit_net(kind, rows_N, targets, parts_N, config, on_progress, should_stop) for kind in config.families]
    on_progress(TrainingPoint(stage="compare"))
    candidates = [_judge(reader, model, held, config) for model in models]
    return _conclude(candidates, held)


def _fit_simple(reader: Reader, held: _Held, should_stop: ShouldStop) -> list[Any]:
    teach, valid = held.of(TRAIN), held.of(VALID)
    measured = (reader.features(held.rows_N[valid]), held.targets.take(valid))
    return [*fit_simple(reader.features(held.rows_N[teach]), held.targets.take(teach), measured, should_stop)]


def _judge(reader: Reader, model: Any, held: _Held, config: ContentConfig) -> Candidate:
    """Calibrate on the validation rows, measure on both kinds of held-out rows."""
    targets = held.targets
    plain = ContentClassifier(model.kind, reader, model, Calibration(), config, targets.classes, targets.tags)
    valid, test = held.of(VALID), held.of(TEST)
    valid_logits, known = plain.logits(held.rows_N[valid]), targets.take(valid)
    calibration = Calibration.fit(valid_logits, known)
    test_figures = measure(plain.logits(held.rows_N[test]), calibration, targets.take(test))
    return Candidate(replace(plain, calibration=calibration), measure(valid_logits, calibration, known), test_figures)


def _conclude(candidates: list[Candidate], held: _Held) -> ContentFit:
    best = min(candidates, key=lambda one: one.valid["loss"])
    simple = [one for one in candidates if one.classifier.kind in SIMPLE_KINDS]
    rival = min(simple, key=lambda one: one.valid["loss"])
    test = held.of(TEST)
    rows_N, known = held.rows_N[test], held.targets.take(test)
    said = best.classifier.logits(rows_N)
    result = {
        "kind": best.classifier.kind,
        "rival": rival.classifier.kind,
        "models": [
            {"kind": one.classifier.kind, "valid": one.valid, "test": one.test}
            for one in sorted(candidates, key=lambda one: one.valid["loss"])
        ],
        "gain": compare(said, rival.classifier.logits(rows_N), known) if best is not rival else None,
        "confusion": confusion(said, known) if len(held.targets.classes) <= 24 else [],
        "classes": list(held.targets.classes),
        "num_tags": len(held.targets.tags),
        "num_rows": {"train": len(held.of(TRAIN)), "valid": len(held.of(VALID)), "test": len(test)},
        "is_rough": len(test) < MIN_TEST_ROWS,
    }
    return ContentFit(tuple(candidates), best.classifier, result)
