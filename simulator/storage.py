"""What is kept on disk: one SQLite file with the state's snapshot and the append-only logs; in memory without a file.

Between two snapshots at most `SNAPSHOT_SECONDS` of simulated life can be lost by a kill -9; a clean end loses nothing.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

SNAPSHOT_SECONDS = 10
MAX_LOG_ROWS = 200_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshot (part TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, app_id TEXT NOT NULL, subject TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS log_by_subject ON log (kind, app_id, subject, id);
CREATE INDEX IF NOT EXISTS log_by_kind ON log (kind, id);
CREATE TABLE IF NOT EXISTS blob (
    id TEXT PRIMARY KEY, app_id TEXT NOT NULL, content_type TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS act (
    app_id TEXT NOT NULL, day TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, scene TEXT NOT NULL,
    openid TEXT NOT NULL, num INTEGER NOT NULL, seconds REAL NOT NULL, hour INTEGER NOT NULL,
    PRIMARY KEY (app_id, kind, day, subject, scene, openid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS act_by_person ON act (app_id, kind, openid, subject);
"""


class Storage:
    """Not locked by itself: the world's lock guards it."""

    def __init__(self, path: Path | None = None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        self._num_since_prune = 0
        self.is_durable = path is not None

    def append(self, kind: str, at: float, app_id: str, subject: str, body: dict[str, Any]) -> int:
        """Adds one line to a log ("call", "push", "delivered", ...) and returns its number."""
        row = (kind, at, app_id, subject, json.dumps(body, ensure_ascii=False))
        cursor = self._connection.execute("INSERT INTO log (kind, at, app_id, subject, body) VALUES (?,?,?,?,?)", row)
        self._num_since_prune += 1
        if self._num_since_prune >= MAX_LOG_ROWS // 10:
            self._prune()
        return int(cursor.lastrowid or 0)

    def read_log(
        self, kind: str, app_id: str = "", subject: str = "", after: int = 0, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Lines after number `after`, oldest first; empty `app_id` or `subject` means any."""
        where, values = "kind = ? AND id > ?", [kind, after]
        for name, value in (("app_id", app_id), ("subject", subject)):
            if value:
                where, values = f"{where} AND {name} = ?", [*values, value]
        query = f"SELECT id, at, app_id, subject, body FROM log WHERE {where} ORDER BY id LIMIT ?"  # noqa: S608 - only our own names are spliced
        rows = self._connection.execute(query, [*values, limit])
        return [{"id": row[0], "at": row[1], "app_id": row[2], "subject": row[3], **json.loads(row[4])} for row in rows]

    def count_log(self, kind: str, app_id: str = "") -> int:
        """How many lines a log holds."""
        query = "SELECT count(*) FROM log WHERE kind = ? AND (? = '' OR app_id = ?)"
        return int(self._connection.execute(query, (kind, app_id, app_id)).fetchone()[0])

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Any statement of an area that keeps a table of its own (figures.py)."""
        return self._connection.execute(query, values).fetchall()

    def put_blob(self, blob_id: str, app_id: str, content_type: str, body: bytes) -> None:
        """Keeps a file's bytes."""
        self._connection.execute(
            "INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?)", (blob_id, app_id, content_type, body)
        )

    def get_blob(self, blob_id: str) -> tuple[str, bytes] | None:
        """Content type and bytes, None for an unknown id."""
        row = self._connection.execute("SELECT content_type, body FROM blob WHERE id = ?", (blob_id,)).fetchone()
        return (str(row[0]), bytes(row[1])) if row else None

    def drop_blob(self, blob_id: str) -> None:
        """Forgets a file."""
        self._connection.execute("DELETE FROM blob WHERE id = ?", (blob_id,))

    def last_number(self) -> int:
        """The number of the newest line of any log."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM log").fetchone()[0])

    def save(self, rows: list[tuple[str, str]]) -> None:
        """Replaces the snapshot by parts and their JSON, all of it or nothing."""
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute("DELETE FROM snapshot")
            self._connection.executemany("INSERT INTO snapshot VALUES (?, ?)", rows)

    def load(self) -> dict[str, Any]:
        """The last snapshot; empty for a new file."""
        return {part: json.loads(body) for part, body in self._connection.execute("SELECT part, body FROM snapshot")}

    def clear(self) -> None:
        """Forgets the snapshot and every log."""
        self._connection.executescript("DELETE FROM snapshot; DELETE FROM log; DELETE FROM blob; DELETE FROM act;")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _prune(self) -> None:
        self._num_since_prune = 0
        self._connection.execute("DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", (MAX_LOG_ROWS,))
