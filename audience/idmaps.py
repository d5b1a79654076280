"""External ids of one file as database ids: numbered in the file's order, then looked up or reserved.

Stage: collect. Reads: contacts or items of the brand. Writes (in `IdMap.publish`): bare contacts or untitled
items. Reserved ids come from the table's sequence, so events can be written before their contacts and items are.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id

_ASK_AT_ONCE = 20_000
_LETTERS = np.frombuffer(b"23456789abcdefghjkmnpqrstuvwxyz", np.uint8)
_CONTACT_SQL = """
INSERT INTO audience_contact (id, tenant_id, code, external_id, name, name_sort, gender, age_band, region, city, tags,
    attributes, is_personalisation_off, created_at, updated_at)
SELECT id, %(tenant)s, code, external_id, '', '', '', '', '', '', '{}', '{}', false, now(), now()
FROM import_new_row ORDER BY external_id
ON CONFLICT (tenant_id, external_id) DO NOTHING"""
_ITEM_SQL = """
INSERT INTO catalog_item (id, tenant_id, external_id, kind, title, text, url, category, author, tags, picture,
    attributes, state, created_at, updated_at)
SELECT id, %(tenant)s, external_id, %(kind)s, '', '', '', '', '', '{}', '', '{}', 'active', now(), now()
FROM import_new_row ORDER BY external_id
ON CONFLICT (tenant_id, external_id) DO NOTHING"""


_MERGED_SQL = """
SELECT other_external_id, into_id FROM audience_contactmerge
WHERE tenant_id = %s AND undone_at IS NULL AND other_external_id = ANY(%s) ORDER BY id"""


class Numbering:
    """Texts as small numbers in order of appearance. Pure; memory grows with the distinct texts, not with the rows."""

    def __init__(self) -> None:
        self._categories = pl.Categories.random("import")
        self._dtype = pl.Categorical(self._categories)
        self._keeper = pl.Series([], dtype=self._dtype)  # the numbers last as long as a series of this type

    def encode(self, texts: pl.Series) -> pl.Series:
        """The number of each text; null for null."""
        return texts.cast(self._dtype).to_physical()

    def texts(self, first: int = 0) -> list[str]:
        """The texts with the numbers from `first` on, in the order of the numbers."""
        return self._categories.to_series().slice(first).to_list()


class IdMap:
    """Database ids for the texts of one numbering, in one table."""

    def __init__(
        self, table: str, lock: Lock, insert_sql: str, *, creates: bool, merged_sql: str = "", **fields: Any
    ) -> None:
        self._table = table
        self._lock = lock
        self._insert_sql = insert_sql
        self._creates = creates
        self._merged_sql = merged_sql  # finds ids of rows that became part of another row
        self._fields = fields
        self._ids = np.zeros(0, np.int64)
        self.new: dict[str, int] = {}

    def __len__(self) -> int:
        """Numbers learnt so far, with an id or without."""
        return len(self._ids)

    def learn(self, texts: Sequence[str]) -> list[int]:
        """Find the ids of the texts with the next numbers; reserve them for unknown ones if this map creates.

        Returns those of the numbers that have no id.
        """
        num_before, parts = len(self), [self._ids]
        for start in range(0, len(texts), _ASK_AT_ONCE):
            asked = list(texts[start : start + _ASK_AT_ONCE])
            found = self._found(asked)
            missing = [text for text in asked if text not in found]
            if missing and self._creates:
                reserved = dict(zip(missing, self._reserved(len(missing)), strict=True))
                self.new.update(reserved)
                found |= reserved
            parts.append(np.array([found.get(text, 0) for text in asked], np.int64))
        self._ids = np.concatenate(parts)
        return [int(number) for number in num_before + np.flatnonzero(self._ids[num_before:] == 0)]

    def ids(self, numbers: pl.Series) -> npt.NDArray[np.int64]:
        """The database id of each number; 0 where the number is null or its text has no id."""
        known = np.append(self._ids, 0)
        return known[numbers.cast(pl.Int64).fill_null(-1).to_numpy()]

    @property
    def num_known(self) -> int:
        """Distinct texts with a database id."""
        return int(np.count_nonzero(self._ids))

    def publish(self) -> dict[int, int]:
        """Write the new rows. Returns reserved id -> actual id where somebody else wrote the row meanwhile."""
        if not self.new:
            return {}
        moved: dict[int, int] = {}
        values = {"tenant": current_tenant_id(), **self._fields}
        take_turn(self._lock)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE import_new_row (id bigint, external_id text, code text) ON COMMIT DROP")
            with cursor.copy("COPY import_new_row FROM STDIN") as copy:
                for row in zip(self.new.values(), self.new, new_codes(len(self.new)), strict=True):
                    copy.write_row(row)
            cursor.execute(self._insert_sql, values)
            if cursor.rowcount < len(self.new):
                cursor.execute(
                    f"SELECT n.id, t.id FROM import_new_row n JOIN {self._table} t USING (external_id) "  # noqa: S608 - only our own names are spliced
                    "WHERE t.tenant_id = %(tenant)s AND t.id <> n.id",
                    values,
                )
                moved = dict(cursor.fetchall())
            cursor.execute("DROP TABLE import_new_row")
        return moved

    def _found(self, texts: list[str]) -> dict[str, int]:
        query = f"SELECT external_id, id FROM {self._table} WHERE tenant_id = %s AND external_id = ANY(%s)"  # noqa: S608 - only our own names are spliced
        with connection.cursor() as cursor:
            cursor.execute(query, [current_tenant_id(), texts])
            found: dict[str, int] = dict(cursor.fetchall())
            if self._merged_sql and len(found) < len(texts):
                cursor.execute(self._merged_sql, [current_tenant_id(), [t for t in texts if t not in found]])
                found |= dict(cursor.fetchall())
        return found

    def _reserved(self, count: int) -> list[int]:
        query = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        with connection.cursor() as cursor:
            cursor.execute(query, [self._table, count])
            return [row[0] for row in cursor.fetchall()]


def contact_ids() -> IdMap:
    """Ids of contacts; who was merged into another is that one, and unknown people become bare contacts."""
    return IdMap("audience_contact", Lock.CONTACTS, _CONTACT_SQL, creates=True, merged_sql=_MERGED_SQL)


def item_ids(*, creates: bool, kind: str) -> IdMap:
    """Ids of items; with `creates` unknown ones become untitled items of this kind."""
    return IdMap("catalog_item", Lock.ITEMS, _ITEM_SQL, creates=creates, kind=kind)


def new_codes(count: int, length: int = 12) -> list[str]:
    """Random public codes like `common.text.new_code`, many at once."""
    drawn = np.frombuffer(secrets.token_bytes(4 * count * length), np.uint32) % len(_LETTERS)
    text = _LETTERS[drawn].tobytes().decode()
    return [text[start : start + length] for start in range(0, len(text), length)]
