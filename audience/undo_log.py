"""What an import made and changed, so that it can be taken back.

Stage: collect. Reads: nothing. Writes: one gzip file of JSON lines in storage per import:
`{"table": t, "created": [ids]}` or `{"table": t, "id": n, "before": {column: value}}`.
"""

import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from django.core.files import File
from django.core.files.storage import default_storage

from audience.idmaps import IdMap

_IDS_PER_LINE = 10_000


class UndoLog:
    """Collects on disk what happened; `store` keeps it."""

    def __init__(self) -> None:
        self._raw = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._file = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=1)
        self._is_empty = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._raw.close()

    def note_created(self, table: str, ids: Iterable[int]) -> None:
        """Rows that were not there before."""
        rows = list(ids)
        for start in range(0, len(rows), _IDS_PER_LINE):
            self._write({"table": table, "created": rows[start : start + _IDS_PER_LINE]})

    def note_before(self, table: str, row_id: int, before: dict[str, Any]) -> None:
        """How a row's columns were before they were changed."""
        self._write({"table": table, "id": row_id, "before": before})

    def note_ids(self, table: str, ids: IdMap) -> dict[int, int]:
        """Publish the map's new rows and note them; returns what `IdMap.publish` returns."""
        moved = ids.publish()
        self.note_created(table, (row_id for row_id in ids.new.values() if row_id not in moved))
        return moved

    def store(self, name: str) -> str:
        """Put the log into storage; returns its name there, '' when nothing was noted."""
        self._file.close()
        if self._is_empty:
            return ""
        self._raw.seek(0)
        return default_storage.save(name, File(self._raw))

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._is_empty = False


def iterate_log(stored_name: str) -> Iterator[dict[str, Any]]:
    """The noted rows, in order."""
    with default_storage.open(stored_name) as stored, gzip.open(stored) as lines:
        for line in lines:
            yield json.loads(line)
