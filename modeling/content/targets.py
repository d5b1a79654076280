"""What is to be learnt about rows (items, comments, pictures): a class each, any number of tags, and which rows teach.

Stage: features. Shapes: N rows, C classes, L tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from modeling.errors import DatasetTooSmall, LabelHasOneClass
from modeling.histories import BoolArray, FloatArray, Int64Array

TRAIN, VALID, TEST, NONE = 0, 1, 2, -1
MIN_PER_LABEL = 5
"""Labels of fewer rows are not learnt: there would be nothing left to measure them on."""
MAX_TAGS = 400
MIN_ROWS = 40
"""Fewer labelled rows are refused."""
MIN_TEST_ROWS = 30
"""With fewer held-out rows the measured figures are called rough."""


@dataclass(frozen=True)
class Targets:
    """The labels of N rows."""

    classes: tuple[str, ...]
    class_N: Int64Array
    """Index into classes; -1 where none is known."""
    tags: tuple[str, ...]
    tags_NL: BoolArray
    has_tags_N: BoolArray
    """False where no tag is known: such rows say nothing about tags."""
    weights_N: FloatArray
    """How much each row teaches."""

    @property
    def is_labelled_N(self) -> BoolArray:
        """Whether anything is known of the row."""
        return (self.class_N >= 0) | self.has_tags_N

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """The same labels of these rows."""
        return Targets(
            self.classes, self.class_N[rows], self.tags, self.tags_NL[rows], self.has_tags_N[rows], self.weights_N[rows]
        )


def make_targets(
    class_words: Sequence[str], tag_words: Sequence[Collection[str]], weights_N: FloatArray | None = None
) -> Targets:
    """Labels from words; "" and an empty collection mean unknown. Rare labels are left out.

    Raises DatasetTooSmall with fewer than MIN_ROWS labelled rows, LabelHasOneClass when nothing is left to tell apart.
    """
    classes = _frequent(word for word in class_words if word)
    classes = classes if len(classes) > 1 else ()
    tags = _frequent(word for words in tag_words for word in set(words))[:MAX_TAGS]
    class_at = {word: place for place, word in enumerate(classes)}
    tag_at = {word: place for place, word in enumerate(tags)}
    tags_NL = np.zeros((len(tag_words), len(tags)), np.bool_)
    for row, words in enumerate(tag_words):
        tags_NL[row, [tag_at[word] for word in words if word in tag_at]] = True
    targets = Targets(
        classes=classes,
        class_N=np.array([class_at.get(word, -1) for word in class_words], np.int64),
        tags=tags,
        tags_NL=tags_NL,
        has_tags_N=np.array([bool(words) and bool(tags) for words in tag_words], np.bool_),
        weights_N=np.ones(len(class_words), np.float32) if weights_N is None else weights_N,
    )
    _require(targets, sum(map(bool, class_words)) + sum(map(bool, tag_words)))
    return targets


def _frequent(words: Iterable[str]) -> tuple[str, ...]:
    counts = Counter(words)
    return tuple(sorted((word for word, num in counts.items() if num >= MIN_PER_LABEL), key=lambda w: (-counts[w], w)))


def _require(targets: Targets, num_given: int) -> None:
    if num_given >= MIN_ROWS and not targets.classes and not targets.tags:
        raise LabelHasOneClass("All rows carry the same label, so there is nothing to tell apart.")
    num_rows = int(targets.is_labelled_N.sum())
    if num_rows < MIN_ROWS:
        raise DatasetTooSmall(
            "Only %(num_rows)s labelled rows; at least %(min_rows)s are needed. Label more and train again.",
            num_rows=num_rows,
            min_rows=MIN_ROWS,
        )


def split_rows(keys: Sequence[str], is_labelled_N: BoolArray) -> NDArray[np.int8]:
    """parts_N: TRAIN (70 %), VALID (15 %), TEST (15 %) by a hash of the row's key; NONE where nothing is known.

    A row keeps its part when others come and go, so that versions trained at different times can be compared.
    """
    shares = np.array([blake2b(key.encode(), digest_size=2).digest() for key in keys], "S2")
    share_N = np.frombuffer(shares.tobytes(), ">u2") / 65536 if len(keys) else np.empty(0)
    parts_N = np.where(share_N < 0.7, TRAIN, np.where(share_N < 0.85, VALID, TEST)).astype(np.int8)
    return np.where(is_labelled_N, parts_N, np.int8(NONE))
