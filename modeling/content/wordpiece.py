"""BERT's own tokens: a basic split (every Chinese character alone), then the longest known pieces of each word.

Stage: features. Reads vocab.txt (one piece per line, the line number is the id); gives the ids that the published
tokenizer gives, except that control characters inside words are not told apart from spaces.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from modeling.errors import FileCorrupt

MAX_WORD_CHARACTERS = 100


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary and how texts are read with it."""

    ids: dict[str, int]
    is_lower: bool = True

    @classmethod
    def load(cls, path: Path, *, is_lower: bool = True) -> WordPiece:
        """Read vocab.txt; raises FileCorrupt when the special pieces are missing."""
        pieces = path.read_text("utf-8").splitlines()
        ids = {piece: number for number, piece in enumerate(pieces)}
        if not {"[PAD]", "[UNK]", "[CLS]", "[SEP]"} <= ids.keys():
            raise FileCorrupt("%(file)s is not a BERT vocabulary: special pieces are missing.", file=path.name)
        return cls(ids, is_lower)

    def encode(self, text: str, max_tokens: int) -> list[int]:
        """[CLS], the pieces, [SEP]; at most `max_tokens` in all."""
        pieces = [piece for word in self.split(text) for piece in self._pieces(word)]
        return [self.ids["[CLS]"], *pieces[: max_tokens - 2], self.ids["[SEP]"]]

    def split(self, text: str) -> list[str]:
        """Words, punctuation marks and Chinese characters, one by one."""
        text = unicodedata.normalize("NFC", text)
        if self.is_lower:
            text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        spaced = "".join(f" {c} " if _stands_alone(c) else " " if _is_blank(c) else c for c in text)
        return spaced.split()

    def _pieces(self, word: str) -> list[int]:
        """Greedy longest match from the left; a word that cannot be covered is [UNK]."""
        if len(word) > MAX_WORD_CHARACTERS:
            return [self.ids["[UNK]"]]
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((one for one in ends if prefix + word[start:one] in self.ids), None)
            if end is None:
                return [self.ids["[UNK]"]]
            found.append(self.ids[prefix + word[start:end]])
            start = end
        return found


def _stands_alone(c: str) -> bool:
    is_chinese = (
        "\u3400" <= c <= "\u4dbf" or "\u4e00" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" or c >= "\U00020000"
    )
    is_ascii_mark = c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    return is_chinese or is_ascii_mark or unicodedata.category(c).startswith("P")


def _is_blank(c: str) -> bool:
    return c.isspace() or unicodedata.category(c) in ("Cc", "Cf", "Zs") or c == "\ufffd"
