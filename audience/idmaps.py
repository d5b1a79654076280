"""External ids of one file as database ids. Unknown ones get reserved ids now, and rows when the import publishes.

Stage: collect. Reads: contacts or items of the brand. Writes (in `publish`): bare contacts or untitled draft items.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id

_ASK_AT_ONCE = 20_000
_LETTERS = np.frombuffer(b"23456789abcdefghjkmnpqrstuvwxyz", np.uint8)

_CONTACT_SQL = """
INSERT INTO audience_contact (id, tenant_id, code, external_id, name, name_sort, gender, age_band, region, city, tags,
    attributes, is_personalisation_off, created_at, updated_at)
SELECT id, %(tenant)s, code, external_id, '', '', '', '', '', '', '{}', '{}', false, now(), now()
FROM import_new_row
ON CONFLICT (tenant_id, external_id) DO NOTHING"""
_ITEM_SQL = """
INSERT INTO catalog_item (id, tenant_id, external_id, kind, title, text, url, category, author, tags, picture,
    attributes, state, created_at, updated_at)
SELECT id, %(tenant)s, external_id, %(kind)s, '', '', '', '', '', '{}', '', '{}', 'draft', now(), now()
FROM import_new_row
ON CONFLICT (tenant_id, external_id) DO NOTHING"""


class IdMap:
    """External id -> database id, for one table and one file. Memory grows with the distinct ids, not with the rows."""

    def __init__(self, table: str, insert_sql: str, *, creates: bool, **fields: Any) -> None:
        self._table = table
        self._insert_sql = insert_sql
        self._creates = creates
        self._fields = fields
        self._known: dict[str, int] = {}
        self.new: dict[str, int] = {}

    def resolve(self, external_ids: pl.Series) -> pl.Series:
        """Database ids, row by row; null where the cell is null or (unless this map creates) the id is unknown."""
        distinct = external_ids.drop_nulls().unique()
        texts = distinct.to_list()
        self._learn([text for text in texts if text not in self._known])
        found = pl.Series([self._known.get(text) for text in texts], dtype=pl.Int64)
        if not len(distinct):
            return external_ids.cast(pl.Int64)
        return external_ids.replace_strict(distinct, found, default=None, return_dtype=pl.Int64)

    @property
    def num_known(self) -> int:
        """Distinct ids met so far that have a database id."""
        return len(self._known)

    def publish(self) -> dict[int, int]:
        """Write the new rows. Returns reserved id -> real id where somebody else wrote the row meanwhile."""
        if not self.new:
            return {}
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE import_new_row (id bigint, external_id text, code text) ON COMMIT DROP")
            with cursor.copy("COPY import_new_row FROM STDIN") as copy:
                for row in zip(self.new.values(), self.new, new_codes(len(self.new)), strict=True):
                    copy.write_row(row)
            cursor.execute(self._insert_sql, {"tenant": current_tenant_id(), **self._fields})
            moved: dict[int, int] = {}
            if cursor.rowcount < len(self.new):
                cursor.execute(
                    f"SELECT n.id, t.id FROM import_new_row n JOIN {self._table} t USING (external_id) "  # noqa: S608  # constant
                    "WHERE t.tenant_id = %s AND t.id <> n.id",
                    [current_tenant_id()],
                )
                moved = dict(cursor.fetchall())
            cursor.execute("DROP TABLE import_new_row")
        return moved

    def _learn(self, unknown: Sequence[str]) -> None:
        for start in range(0, len(unknown), _ASK_AT_ONCE):
            asked = unknown[start : start + _ASK_AT_ONCE]
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT external_id, id FROM {self._table} WHERE tenant_id = %s AND external_id = ANY(%s)",  # noqa: S608
                    [current_tenant_id(), list(asked)],
                )
                self._known.update(cursor.fetchall())
                missing = [text for text in asked if text not in self._known]
                if missing and self._creates:
                    self._reserve(cursor, missing)

    def _reserve(self, cursor: Any, missing: Sequence[str]) -> None:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [self._table, len(missing)]
        )
        reserved = dict(zip(missing, (row[0] for row in cursor.fetchall()), strict=True))
        self._known.update(reserved)
        self.new.update(reserved)


def contact_ids() -> IdMap:
    """Ids of contacts; unknown people become bare contacts."""
    return IdMap("audience_contact", _CONTACT_SQL, creates=True)


def item_ids(*, creates: bool, kind: str) -> IdMap:
    """Ids of items; with `creates` unknown ones become untitled drafts of this kind."""
    return IdMap("catalog_item", _ITEM_SQL, creates=creates, kind=kind)


def new_codes(count: int, length: int = 12) -> list[str]:
    """Random public codes like `common.text.new_code`, many at once."""
    drawn = np.frombuffer(secrets.token_bytes(4 * count * length), np.uint32) % len(_LETTERS)
    text = _LETTERS[drawn].tobytes().decode()
    return [text[start : start + length] for start in range(0, len(text), length)]
