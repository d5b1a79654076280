"""Uploads, from the file to its visible rows: create, look, confirm, run, take back.

Stage: collect. Reads: uploaded files. Writes: audience.Import and the files behind it. The work itself is `run`
(audience/import_runs.py) and its reverse (audience/undoing.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext_noop as _

from accounts import jobs
from accounts.actors import Actor, record
from accounts.models import Job
from accounts.tenancy import current_tenant_id
from audience import import_runs, rejects, uploads
from audience.columns import Guess, Mapping, guess_for, guess_mapping
from audience.decoding import Rejected, decode
from audience.layouts import LINE, Layout, detect
from audience.models import Import
from audience.options import BadOption, Options
from audience.parsing import times, without_blanks
from audience.presets import PRESETS
from audience.quality import QualityReport
from audience.rules import RULES_VERSION
from common.errors import BadInput, Conflict
from common.text import new_code

_PREVIEW_BYTES = 1 << 18
_GUESS_ROWS = 200

run = import_runs.run


class BadMapping(BadInput):
    """The columns do not give what the preset needs; `context["field"]` names the first trouble."""

    code = "bad_mapping"


@dataclass(frozen=True)
class Preview:
    """The beginning of a file. `rows` are (line number, cells); `sureness` says how sure each guessed column is."""

    headers: tuple[str, ...]
    rows: list[tuple[int, list[str | None]]]
    rejected: list[Rejected]
    sureness: dict[str, float]
    earlier: Import | None  # the same bytes, imported before


def create(upload: IO[bytes], filename: str, by: Actor) -> Import:
    """Store an upload and guess what it is; a draft until `confirm`. Raises a named `UnreadableFile`."""
    with uploads.received(upload) as file:
        layout = detect(file.path)
        sample = _head(file.path, layout, _GUESS_ROWS)[0]
        guess = guess_mapping(layout.headers, sample)
        batch = Import(
            code=new_code(),
            filename=Path(filename.replace("\\", "/")).name[-200:].replace("\0", "") or "upload",
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            layout=layout.to_json(),
            preset=guess.preset if guess.confidence else "events",
            mapping=guess.mapping,
            options=_suggested(guess, sample).to_json(),
            created_by=by.label[:200],
        )
        batch.file = uploads.store(file.path, f"imports/{current_tenant_id()}/{batch.code}")
    with _stored_only_if_committed(batch.file), transaction.atomic():
        batch.save()
        record(by, "upload", "import", batch.code, filename=batch.filename, size_bytes=batch.size_bytes)
    return batch


def preview(batch: Import, num_rows: int = 50) -> Preview:
    """The first rows of the file as they are read, and how sure the guessed columns are."""
    layout = Layout.from_json(batch.layout)
    with uploads.local_copy(batch.file) as path:
        frame, rejected = _head(path, layout, max(num_rows, _GUESS_ROWS))
    guess = guess_for(PRESETS[batch.preset], layout.headers, frame)
    shown = frame.head(num_rows)
    cells = shown.drop(LINE).rows()
    last = int(shown[LINE][-1]) if shown.height else 0
    return Preview(
        headers=layout.headers,
        rows=[(line, list(row)) for line, row in zip(shown[LINE], cells, strict=True)],
        rejected=[row for row in rejected if row.line <= last or shown.height < num_rows],
        sureness={
            name: guess.sureness[name] for name, header in batch.mapping.items() if guess.mapping.get(name) == header
        },
        earlier=Import.objects.filter(sha256=batch.sha256, state=Import.State.DONE).exclude(pk=batch.pk).first(),
    )


def guess_columns(batch: Import, preset: str) -> Guess:
    """The likeliest columns when the user says what kind of table it is."""
    layout = Layout.from_json(batch.layout)
    with uploads.local_copy(batch.file) as path:
        return guess_for(_preset(preset), layout.headers, _head(path, layout, _GUESS_ROWS)[0])


def change_layout(batch: Import, encoding: str, delimiter: str, by: Actor) -> None:
    """Read the file again under another encoding or separator ("": as found) and guess its columns anew.

    Raises a named `UnreadableFile`, or `Conflict` once the upload is in work or done; then nothing has changed.
    """
    held = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=batch.pk)
    if held.state != Import.State.DRAFT and not _has_failed(held):
        raise Conflict(_("This upload is already in work or done. Upload the file again to import it once more."))
    with uploads.local_copy(batch.file) as path:
        layout = detect(path, encoding=encoding, delimiter=delimiter)
        sample = _head(path, layout, _GUESS_ROWS)[0]
    guess = guess_mapping(layout.headers, sample)
    batch.layout, batch.mapping = layout.to_json(), guess.mapping
    batch.preset, batch.options = guess.preset if guess.confidence else "events", _suggested(guess, sample).to_json()
    batch.save(update_fields=["layout", "mapping", "preset", "options"])
    record(by, "change_layout", "import", batch.code, encoding=encoding, delimiter=delimiter)


def confirm(batch: Import, preset: str, mapping: Mapping, options: dict[str, Any], by: Actor) -> Job:
    """Fix what the file is and start the work. Raises `BadMapping`, `BadOption`, or `Conflict` (in work or done)."""
    chosen = _checked(batch, preset, mapping, options)
    with transaction.atomic():
        held = Import.objects.select_for_update().get(pk=batch.pk)
        if held.state != Import.State.DRAFT and not _has_failed(held):
            raise Conflict(_("This upload is already in work or done. Upload the file again to import it once more."))
        job = jobs.start("audience.tasks.run_import", "default")
        held.preset, held.mapping, held.options = preset, dict(mapping), chosen.to_json()
        held.rules_version, held.state, held.job = RULES_VERSION, Import.State.CONFIRMED, job
        held.save(update_fields=["preset", "mapping", "options", "rules_version", "state", "job"])
        record(by, "confirm", "import", held.code, preset=preset, mapping=dict(mapping))
    batch.refresh_from_db()
    return job


def discard(batch: Import, by: Actor) -> None:
    """Delete an upload that was never imported, with its file."""
    with transaction.atomic():
        held = Import.objects.select_for_update().get(pk=batch.pk)
        if held.state != Import.State.DRAFT and not _has_failed(held):
            raise Conflict(_("This upload has been imported. Undo it instead."))
        record(by, "discard", "import", held.code, filename=held.filename)
        name = held.file
        held.delete()
        transaction.on_commit(lambda: default_storage.delete(name))


def undo(batch: Import, by: Actor) -> Job:
    """Start taking back what a finished import brought; state becomes `undone` when that is done."""
    with transaction.atomic():
        held = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=batch.pk)
        if held.state != Import.State.DONE:
            raise Conflict(_("Only a finished import can be undone."))
        if held.job is not None and not held.job.is_ended:
            raise Conflict(_("This import is being undone already."))
        job = jobs.start("audience.tasks.undo_import", "default")
        held.job = job
        held.save(update_fields=["job"])
        record(by, "undo", "import", held.code, filename=held.filename)
    batch.refresh_from_db()
    return job


def later_with_same_rows(batch: Import) -> list[Import]:
    """Finished later uploads that may have held rows this one brought: they count as here already, and undoing this
    one takes them away.
    """
    if batch.done_at is None:
        return []
    same_kind = [name for name, preset in PRESETS.items() if preset.writes == PRESETS[batch.preset].writes]
    later = Import.objects.filter(
        state=Import.State.DONE, done_at__gt=batch.done_at, preset__in=same_kind, report__present__gt=0
    )
    if batch.first_event_at is not None:
        later = later.filter(first_event_at__lte=batch.last_event_at, last_event_at__gte=batch.first_event_at)
    return list(later.order_by("done_at"))


def report_of(batch: Import) -> QualityReport | None:
    """The quality report of a finished import."""
    return QualityReport.from_json(batch.report) if batch.report else None


def rejects_csv(batch: Import) -> Iterator[bytes] | None:
    """The rows that were set aside, as CSV lines in the active language; None when there are none."""
    return rejects.iterate_csv(batch.rejects_file) if batch.rejects_file else None


def _head(path: Path, layout: Layout, num_rows: int) -> tuple[pl.DataFrame, list[Rejected]]:
    """The first rows of the file, and the rejected ones among them."""
    frames, rejected, found = [], [], 0
    for chunk in decode(path, layout, block_bytes=_PREVIEW_BYTES):
        frames.append(chunk.frame)
        rejected += chunk.rejected
        found += chunk.frame.height
        if found >= num_rows or len(rejected) >= num_rows:
            break
    return pl.concat(frames).head(num_rows), rejected[:num_rows]


def _suggested(guess: Guess, sample: pl.DataFrame) -> Options:
    """Options that fit what was guessed: the brand's zone, an act for rows without one, an early start for old data."""
    from accounts.models import Tenant

    options: dict[str, Any] = {"time_zone": Tenant.objects.get(pk=current_tenant_id()).time_zone}
    if guess.preset == "events" and "kind" not in guess.mapping:
        options["default_kind"] = "rate" if "value" in guess.mapping else "view"
    if guess.preset == "events" and "occurred_at" in guess.mapping:
        first = times(without_blanks(sample[guess.mapping["occurred_at"]]), "UTC").min()
        if first is not None and first < Options().earliest_at:  # type: ignore[operator]  # a datetime
            options["earliest"] = f"{max(first.year - 1, 1970)}-01-01"  # type: ignore[union-attr]  # a datetime
    return Options(**options)


def _checked(batch: Import, preset: str, mapping: Mapping, options: dict[str, Any]) -> Options:
    chosen = Options.from_json(options)
    known, headers = {field.name for field in _preset(preset).fields}, batch.layout["headers"]
    for name, header in mapping.items():
        if name not in known or header not in headers:
            raise BadMapping(_("There is no field “%(field)s” or no column “%(column)s”."), field=name, column=header)
    for name in PRESETS[preset].required:
        if name not in mapping:
            label = str(PRESETS[preset].field(name).label)
            raise BadMapping(_("Choose the column for “%(label)s”."), field=name, label=label)
    if preset == "events" and "kind" not in mapping and not chosen.default_kind:
        raise BadOption(_("Choose the column with the action, or one action for all rows."), option="default_kind")
    if preset == "wechat2021" and not chosen.base_date:
        raise BadOption(_("Say which date day number 1 stands for."), option="base_date")
    if not mapping:
        raise BadMapping(_("Choose at least one column."), field="")
    return chosen


def _preset(name: str) -> Any:
    if name not in PRESETS:
        raise BadMapping(_("There is no kind of table “%(preset)s”."), preset=name, field="")
    return PRESETS[name]


def _has_failed(batch: Import) -> bool:
    ended_badly = (Job.State.FAILED, Job.State.CANCELLED)
    return batch.state == Import.State.CONFIRMED and batch.job is not None and batch.job.state in ended_badly


@contextmanager
def _stored_only_if_committed(name: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        default_storage.delete(name)
        raise
