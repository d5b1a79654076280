"""Texts as tokens: Chinese words with their characters, Latin words, emoji; numbers and links by their kind.

Stage: features. Reads texts handed over; writes nothing. Equal text gives equal tokens on every machine.
Shapes: N texts, T tokens of a text (padded on the right with 0), V size of the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import rjieba

from modeling.histories import Int32Array

MAX_CHARACTERS = 20_000
"""What comes after this in one text is not read."""
PADDING = 0
LINK, NUMBER = "<link>", "<number>"
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_PARTS = re.compile(
    rf"""(?P<link>(?:https?://|www\.)\S+)
    |(?P<sticker>\[[^\W\d_]{{1,6}}\])          # WeChat's own, such as [微笑]
    |(?P<number>\d+(?:[.,:/]\d+)*%?)
    |(?P<chinese>[{_CHINESE}]+)
    |(?P<word>(?:(?![{_CHINESE}])[^\W\d_])+)
    |(?P<emoji>[\U0001f000-\U0001faff\u2600-\u27bf])
    |(?P<mark>[!?])""",
    re.VERBOSE,
)

_IS_CHINESE = re.compile(f"[{_CHINESE}]")


def normalise(text: str) -> str:
    """NFKC (full-width forms become plain ones), without case, at most MAX_CHARACTERS long."""
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()


def split_words(text: str) -> list[str]:
    """The text's words in order: words of any script, stickers, emoji, "!" and "?"; numbers and links by their kind."""
    words: list[str] = []
    for part in _PARTS.finditer(normalise(text)):
        kind, found = part.lastgroup, part[0]
        if kind == "chinese":
            words += rjieba.cut(found)
        else:
            words.append({"link": LINK, "number": NUMBER}.get(str(kind), found))
    return words


def tokenise(text: str) -> list[str]:
    """The text's tokens in order; a Chinese word is followed by its characters, so that unseen words say something."""
    tokens: list[str] = []
    for word in split_words(text):
        tokens += [word, *word] if len(word) > 1 and _IS_CHINESE.match(word) else [word]
    return tokens


@dataclass(frozen=True)
class Vocabulary:
    """Token ids 0..V-1: 0 is padding, the brand's frequent tokens have their own, all others share hash buckets."""

    words: tuple[str, ...]
    num_buckets: int

    @classmethod
    def build(cls, texts: Iterable[str], size: int = 16_384, min_texts: int = 2) -> Vocabulary:
        """The tokens that most texts hold (ties in code point order); a quarter of the ids stays for the hashed."""
        counts = Counter(token for text in texts for token in set(tokenise(text)))
        frequent = sorted((-num, token) for token, num in counts.items() if num >= min_texts)
        words = tuple(token for _num, token in frequent[: size - 1 - size // 4])
        return cls(words, size - 1 - len(words))

    def __len__(self) -> int:
        return 1 + len(self.words) + self.num_buckets

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=1)}

    def id_of(self, token: str) -> int:
        """The token's own id, or that of its bucket."""
        known = self._ids.get(token)
        if known is not None:
            return known
        hashed = int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "little")
        return 1 + len(self.words) + hashed % self.num_buckets

    def encode(self, texts: Sequence[str], max_tokens: int) -> Int32Array:
        """tokens_NT: the first `max_tokens` of each text."""
        tokens_NT = np.full((len(texts), max_tokens), PADDING, np.int32)
        for row, text in enumerate(texts):
            ids = [self.id_of(token) for token in tokenise(text)[:max_tokens]]
            tokens_NT[row, : len(ids)] = ids
        return tokens_NT
