"""The work of a confirmed import: read, clean and write in one transaction, so it is visible whole or not at all.

Stage: collect and clean. Reads: the stored file. Writes: through a loader events, contacts, items or engagement rows,
and the report on audience.Import. Whatever stops the work before its commit leaves nothing; the next attempt starts
afresh.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.jobs import Lease
from accounts.tenancy import tenant_scope
from audience import uploads
from audience.cleaning import Cleaner
from audience.decoding import Chunk, Rejected, decode
from audience.event_loading import EventLoader
from audience.event_writing import BRAND_LOCK
from audience.layouts import Layout
from audience.models import Import
from audience.options import Options
from audience.prefetching import ahead
from audience.progress import ProgressReporter
from audience.quality import Tally
from audience.rejects import RejectsFile
from audience.table_loading import ContactLoader, EngagementLoader, ItemLoader
from audience.undo_log import UndoLog

_SURVEY_SHARE = 0.2  # of the progress bar
_TURN_SECONDS = 0.5
_RESULT_FIELDS = ("report", "state", "done_at", "rejects_file", "undo_file", "first_event_at", "last_event_at")


class Loader(Protocol):
    """Writes cleaned chunks. `prepare` must not touch the database: it runs ahead in a thread."""

    def survey(self, read: Callable[[], Iterator[Chunk]]) -> None: ...
    def begin(self) -> None: ...
    def prepare(self, decoded: pl.DataFrame, cleaned: pl.DataFrame) -> tuple[Any, list[Rejected]]: ...
    def add(self, chunk: Any) -> list[Rejected]: ...
    def publish(self, undo: UndoLog) -> None: ...


LOADERS: dict[str, Callable[[Import, Cleaner], Loader]] = {
    "events": EventLoader,
    "contacts": ContactLoader,
    "items": ItemLoader,
    "engagement": EngagementLoader,
}
"""What takes the rows of a preset, by what it writes."""


@dataclass(frozen=True)
class _Step:
    """One chunk, decoded, cleaned and prepared."""

    num_rows: int
    position: int
    rejected: list[Rejected]
    prepared: Any


def run(lease: Lease) -> None:
    """Do the work of a confirmed import; raises named errors, and leaves nothing behind then."""
    started = time.monotonic()
    with tenant_scope(lease.tenant_id):
        batch = Import.objects.select_related("tenant").get(job_id=lease.job.pk)
    tally = Tally(batch.mapping)
    layout, options = Layout.from_json(batch.layout), Options.from_json(batch.options)
    cleaner = Cleaner(layout, batch.preset, batch.mapping, options, timezone.now(), tally)
    loader = LOADERS[cleaner.preset.writes](batch, cleaner)
    with (
        uploads.local_copy(batch.file) as path,
        RejectsFile() as kept,
        UndoLog() as log,
        ProgressReporter(lease) as progress,
    ):
        loader.survey(lambda: _surveyed(path, layout, progress))
        with tenant_scope(lease.tenant_id):
            _take_turn(lease, progress)
            loader.begin()
            _load(path, cleaner, loader, kept, progress)
            loader.publish(log)
            progress.close()
            _publish(lease, batch, tally, kept, log, started)


def _surveyed(path: Path, layout: Layout, progress: ProgressReporter) -> Iterator[Chunk]:
    size = path.stat().st_size
    with ahead(lambda: decode(path, layout)) as chunks:
        for chunk in chunks:
            progress.at(int(chunk.position * _SURVEY_SHARE), size, _("Checking"))
            yield chunk


def _take_turn(lease: Lease, progress: ProgressReporter) -> None:
    """Imports of one brand run one after the other, so that the second sees what the first brought."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [BRAND_LOCK, lease.tenant_id % 2**31])
            if cursor.fetchone()[0]:
                return
        progress.at(0, 1, _("Waiting for another import"))
        time.sleep(_TURN_SECONDS)


def _load(path: Path, cleaner: Cleaner, loader: Loader, kept: RejectsFile, progress: ProgressReporter) -> None:
    tally, size = cleaner.tally, path.stat().st_size
    with ahead(lambda: _steps(path, cleaner, loader)) as steps:
        for step in steps:
            tally.report.rows += step.num_rows
            for rows in (step.rejected, loader.add(step.prepared)):
                tally.reject(rows)
                kept.add(rows)
            share = _SURVEY_SHARE + (1 - _SURVEY_SHARE) * step.position / size
            progress.at(min(int(size * share), size), size, _("Loading"))


def _steps(path: Path, cleaner: Cleaner, loader: Loader) -> Iterator[_Step]:
    for chunk in decode(path, cleaner.layout):
        cleaned = cleaner.clean(chunk.frame)
        prepared, rejected = loader.prepare(chunk.frame, cleaned.frame)
        yield _Step(chunk.num_rows, chunk.position, [*chunk.rejected, *cleaned.rejected, *rejected], prepared)


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
