"""The work of a confirmed import: read and clean, then write in one transaction: visible whole or not at all.

Stage: collect and clean. Reads: the stored file. Writes: through a loader events, contacts, items or engagement rows,
and the report on audience.Import. Whatever stops the work before its commit leaves nothing; the next attempt starts
afresh.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import polars as pl
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.jobs import Lease, NotItsTurn
from accounts.locks import Lock, try_turn
from accounts.tenancy import tenant_scope
from audience import uploads
from audience.cleaning import Cleaner
from audience.decoding import Chunk, Rejected, decode
from audience.event_loading import EventLoader
from audience.layouts import LINE, Layout
from audience.models import Import
from audience.options import Options
from audience.prefetching import ahead
from audience.progress import ProgressReporter
from audience.quality import Tally
from audience.rejects import RejectsFile
from audience.spool import Spool
from audience.table_loading import ContactLoader, EngagementLoader, ItemLoader
from audience.undo_log import UndoLog

_READ_SHARE = 0.7  # of the progress bar
_CHUNKS_AHEAD = 4
_RESULT_FIELDS = ("report", "state", "done_at", "rejects_file", "undo_file", "first_event_at", "last_event_at")


class Loader(Protocol):
    """Takes the file's cleaned chunks in the running transaction, and completes them all together."""

    def shape(self, cleaned: pl.DataFrame) -> pl.DataFrame: ...
    def add(self, rows: pl.DataFrame) -> None: ...
    def write_next(self) -> bool: ...
    def settle(self) -> dict[int, str]: ...
    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None: ...
    def close(self) -> None: ...


LOADERS: dict[str, Callable[[Import, Cleaner, Spool], Loader]] = {
    "events": EventLoader,
    "contacts": ContactLoader,
    "items": ItemLoader,
    "engagement": EngagementLoader,
}
"""What takes the rows of a preset, by what it writes."""


def run(lease: Lease) -> None:
    """Do the work of a confirmed import; raises named errors, and leaves nothing behind then."""
    started = time.monotonic()
    with tenant_scope(lease.tenant_id):
        batch = Import.objects.get(job_id=lease.job.pk)
    layout, options = Layout.from_json(batch.layout), Options.from_json(batch.options)
    cleaner = Cleaner(layout, batch.preset, batch.mapping, options, timezone.now(), Tally(batch.mapping))
    with (
        uploads.local_copy(batch.file) as path,
        Spool() as spool,
        RejectsFile() as kept,
        UndoLog() as log,
        ProgressReporter(lease) as progress,
        tenant_scope(lease.tenant_id),
    ):
        take_turn_or_leave()
        with closing(LOADERS[cleaner.preset.writes](batch, cleaner, spool)) as loader:
            _read(path, cleaner, loader, kept, progress)
            _set_aside(path, cleaner, loader.settle(), kept)
            loader.publish(log, partial(_advance, progress, batch.size_bytes))
            progress.close()
            _publish(lease, batch, cleaner.tally, kept, log, started)


def _read(path: Path, cleaner: Cleaner, loader: Loader, kept: RejectsFile, progress: ProgressReporter) -> None:
    tally, size = cleaner.tally, path.stat().st_size
    with (
        ahead(lambda: decode(path, cleaner.layout), depth=1) as chunks,
        ahead(partial(_shaped, chunks, cleaner, loader), depth=_CHUNKS_AHEAD) as parts,
    ):
        for part in parts:
            loader.add(part.frame)
            tally.report.rows += part.num_rows
            tally.reject(part.rejected)
            kept.add(part.rejected)
            progress.at(int(_READ_SHARE * min(part.position, size)), size, _("Reading"))
            while not parts.is_ready and loader.write_next():
                pass


@dataclass(frozen=True)
class _Part:
    """What a chunk became: rows for the loader, and those set aside."""

    frame: pl.DataFrame
    rejected: list[Rejected]
    num_rows: int
    position: int


def _shaped(chunks: Iterator[Chunk], cleaner: Cleaner, loader: Loader) -> Iterator[_Part]:
    for chunk in chunks:
        cleaned = cleaner.clean(chunk.frame)
        rejected = [*chunk.rejected, *cleaned.rejected]
        yield _Part(loader.shape(cleaned.frame), rejected, chunk.num_rows, chunk.position)


def _advance(progress: ProgressReporter, size: int, share: float) -> None:
    progress.at(int(size * (_READ_SHARE + (1 - _READ_SHARE) * share)), size, _("Loading"))


def _set_aside(path: Path, cleaner: Cleaner, reasons: dict[int, str], kept: RejectsFile) -> None:
    """Rows that a rule over the whole file takes out: few, so their text is simply read again."""
    if not reasons:
        return
    lines, codes = pl.Series(list(reasons)), pl.Series(list(reasons.values()))
    for chunk in decode(path, cleaner.layout):
        found = chunk.frame.filter(pl.col(LINE).is_in(lines.implode()))
        rows = cleaner.set_aside(found, found[LINE].replace_strict(lines, codes, return_dtype=pl.String))
        cleaner.tally.reject(rows)
        kept.add(rows)


def take_turn_or_leave() -> None:
    """Imports of one brand run one after the other, so that the second sees what the first brought.

    Raises `NotItsTurn` while another one runs.
    """
    if not try_turn(Lock.IMPORT):
        raise NotItsTurn(_("Waiting for another import"))


def _publish(lease: Lease, batch: Import, tally: Tally, kept: RejectsFile, log: UndoLog, started: float) -> None:
    """Keep the files, complete the import and end the job: all of it, and the rows, with the commit that follows."""
    report = tally.finish()
    report.accepted = report.rows - report.rejected
    report.rules_version = batch.rules_version
    folder = f"imports/{lease.tenant_id}"
    try:
        batch.rejects_file = kept.store(f"{folder}/{batch.code}-rejects")
        batch.undo_file = log.store(f"{folder}/{batch.code}-undo")
        report.seconds = round(time.monotonic() - started, 2)
        batch.report, batch.state, batch.done_at = report.to_json(), Import.State.DONE, _database_time()
        with lease.publish():
            batch.save(update_fields=[*_RESULT_FIELDS])
    except BaseException:
        for name in filter(None, (batch.rejects_file, batch.undo_file)):
            default_storage.delete(name)
        raise


def _database_time() -> dt.datetime:
    """The time the database writes into the rows of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment
