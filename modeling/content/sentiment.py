"""The tone of comments and messages, learnt from the brand's labels or, until there are enough, from weak labels.

Stage: training. With MIN_LABELS labels and more, people's labels teach and weak ones add a little; with fewer, weak
labels teach and people's labels only measure. Shapes: U different texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from modeling.content.configs import ContentConfig
from modeling.content.fitting import ContentFit, fit_texts
from modeling.content.lexicon import NEUTRAL, weak_tone
from modeling.content.targets import NONE, TEST, TRAIN, VALID, Targets, make_targets, split_rows
from modeling.content.tokens import normalise
from modeling.histories import FloatArray
from modeling.progress import OnProgress, ShouldStop

MIN_LABELS = 60
"""From this many labels on people's labels teach."""
MIN_MEASURED = 20
"""Fewer labels measure nothing."""
WEAK_WEIGHT = 0.2
"""What a weak label is worth beside one that a person gave."""


def text_key(text: str) -> UUID:
    """Digest of a text without case, outer spaces and full-width forms: equal keys, equal labels."""
    return UUID(bytes=blake2b(normalise(text).strip().encode(), digest_size=16).digest())


@dataclass(frozen=True)
class Remark:
    """One of the different texts that people wrote."""

    key: UUID
    text: str
    rating: float | None = None


@dataclass(frozen=True)
class _Lesson:
    """What is taught to, and measured on, U texts."""

    words: list[str]
    weights_U: FloatArray
    parts_U: NDArray[np.int8]
    measured_on: str


def fit_sentiment(
    remarks: Sequence[Remark],
    labels: Mapping[UUID, str],
    config: ContentConfig,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> ContentFit:
    """Fit the tone; `result` says what it was measured on: "labels", or "weak" when people's labels are too few.

    Raises DatasetTooSmall and LabelHasOneClass.
    """
    given = [labels.get(remark.key, "") for remark in remarks]
    weak = [weak_tone(remark.text, remark.rating) for remark in remarks]
    lesson = _plan(remarks, given, weak)
    targets = make_targets(lesson.words, [()] * len(remarks), lesson.weights_U)
    parts_U = np.where(targets.class_N >= 0, lesson.parts_U, np.int8(NONE))
    texts = [remark.text for remark in remarks]
    fit = fit_texts(texts, targets, parts_U, config, on_progress, should_stop)
    facts: dict[str, Any] = {
        "measured_on": lesson.measured_on,
        "num_labels": sum(map(bool, given)),
        "num_weak": sum(map(bool, weak)),
        "word_list_accuracy": _word_list_accuracy(weak, targets, parts_U),
    }
    return ContentFit(fit.candidates, fit.best, fit.result | facts)


def _plan(remarks: Sequence[Remark], given: list[str], weak: list[str]) -> _Lesson:
    is_given_U = np.array([bool(tone) for tone in given], np.bool_)
    words = [tone or guess for tone, guess in zip(given, weak, strict=True)]
    by_hash_U = split_rows([remark.key.hex for remark in remarks], np.array([bool(word) for word in words], np.bool_))
    if is_given_U.sum() >= MIN_LABELS:
        weights_U = np.where(is_given_U, 1.0, WEAK_WEIGHT).astype(np.float32)
        return _Lesson(words, weights_U, np.where(is_given_U, by_hash_U, np.int8(TRAIN)), "labels")
    weights_U = np.ones(len(words), np.float32)
    if is_given_U.sum() >= MIN_MEASURED:
        taught_U = np.where(by_hash_U == VALID, np.int8(VALID), np.int8(TRAIN))
        return _Lesson(words, weights_U, np.where(is_given_U, np.int8(TEST), taught_U), "labels")
    return _Lesson(words, weights_U, by_hash_U, "weak")


def _word_list_accuracy(weak: Sequence[str], targets: Targets, parts_U: NDArray[np.int8]) -> float:
    """How often the word list alone is right on the measured rows, with "neutral" where it knows nothing."""
    rows = np.flatnonzero((parts_U == TEST) & (targets.class_N >= 0))
    right = [targets.classes[targets.class_N[row]] == (weak[row] or NEUTRAL) for row in rows.tolist()]
    return float(np.mean(right)) if right else float("nan")
