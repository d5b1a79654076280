"""Events of an upload: resolve, stage, apply the rules that need the whole file, publish.

Stage: collect. Reads: cleaned chunks. Writes: audience_event, bare contacts, untitled draft items; notes what it made
in the undo log.
"""

import numpy as np
import polars as pl

from accounts.tenancy import tenant_scope
from audience import events
from audience.cleaning import Cleaner, to_events
from audience.decoding import Rejected
from audience.event_staging import EventStage
from audience.idmaps import contact_ids, item_ids
from audience.layouts import LINE
from audience.models import Import
from audience.problems import REASONS
from audience.quality import QualityReport
from audience.rules import MAX_DWELL_SECONDS, MIN_DWELL_VALUES
from audience.sketches import DwellSketch, RateSketch
from audience.undo_log import UndoLog


class EventLoader:
    """Takes an event file chunk by chunk; `publish` makes all of it visible at once."""

    def __init__(self, batch: Import, cleaner: Cleaner, stage: EventStage) -> None:
        self._batch = batch
        self._cleaner = cleaner
        self._options = cleaner.options
        self._tally = cleaner.tally
        self._stage = stage
        self._contacts = contact_ids()
        self._items = item_ids(creates=self._options.unknown_items == "create", kind=self._options.item_kind)
        self._dwell = DwellSketch()
        self._rates = RateSketch()
        self._has_own_ids = "source_id" in cleaner.mapping
        self._is_timed = "max_events_per_minute" in cleaner.preset.options
        self._num_twins = 0
        self._cap_seconds = MAX_DWELL_SECONDS

    def add(self, frame: pl.DataFrame) -> list[Rejected]:
        """Stage a cleaned chunk; returns the rows whose item is unknown when such rows are to be set aside."""
        rows = to_events(frame, self._cleaner.preset.name, self._options, self._tally)
        with tenant_scope(self._batch.tenant):
            rows = rows.with_columns(
                self._contacts.resolve(rows["contact"]).alias("contact_id"),
                self._items.resolve(rows["item"]).alias("item_id"),
            )
            rows, rejected = self._without_unmatched(rows)
            self._sketch(rows)
            self._stage.add(rows, has_own_ids=self._has_own_ids)
        return rejected

    def settle(self) -> list[int]:
        """Apply the rules that need the whole file; returns the lines of rows that a robot made."""
        if self._has_own_ids:
            self._num_twins = self._stage.drop_twins()
        if self._dwell.num_values >= MIN_DWELL_VALUES and self._options.dwell_quantile:
            cap, num_beyond = self._dwell.cap(self._options.dwell_quantile)
            self._cap_seconds = min(cap, MAX_DWELL_SECONDS)
            self._tally.touch("dwell_quantile", num_beyond, str(self._options.dwell_quantile))
        limit = self._options.max_events_per_minute
        if not limit or self._rates.highest <= limit:
            return []
        lines = self._stage.drop_bots(limit, self._options.time_zone)
        self._tally.touch("bot_rate", len(lines), str(limit))
        return lines

    def publish(self, undo: UndoLog) -> None:
        """Write contacts, items and events in the running transaction, and complete the report."""
        self._stage.move_contacts(undo.note_ids("audience_contact", self._contacts))
        self._stage.move_items(undo.note_ids("catalog_item", self._items))
        num_written = 0
        if self._stage.first_at and self._stage.last_at:
            events.ensure_partitions(self._stage.first_at.date(), self._stage.last_at.date())
            num_written = self._stage.publish(self._batch.pk, self._cap_seconds, has_own_ids=self._has_own_ids)
        self._complete(self._tally.report, num_written)

    def _complete(self, report: QualityReport, num_written: int) -> None:
        num_staged = self._stage.num_rows
        num_distinct = self._stage.num_distinct() if num_staged > num_written else num_staged
        report.written = num_written
        report.duplicates = num_staged - num_distinct + self._num_twins
        report.present = num_distinct - num_written
        self._tally.touch("duplicates", report.duplicates + report.present)
        report.contacts, report.new_contacts = self._contacts.num_known, len(self._contacts.new)
        report.items, report.new_items = self._items.num_known, len(self._items.new)
        if self._stage.first_at and self._stage.last_at:
            report.first_at, report.last_at = self._stage.first_at.isoformat(), self._stage.last_at.isoformat()
            self._batch.first_event_at, self._batch.last_event_at = self._stage.first_at, self._stage.last_at

    def _without_unmatched(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Rejected]]:
        if self._options.unknown_items == "create":
            return rows, []
        is_unmatched = rows["item_id"].is_null() & rows["item"].is_not_null()
        if not is_unmatched.any():
            return rows, []
        unmatched = rows.filter(is_unmatched)
        self._tally.unmatched(unmatched["item"].unique(maintain_order=True))
        code = REASONS["unknown_item"].code
        once = unmatched.unique(LINE, keep="first", maintain_order=True)
        raw = once.select(pl.concat_str("contact", "item", separator=",").alias("raw"))["raw"]
        rejected = [Rejected(line, code, text) for line, text in zip(once[LINE], raw, strict=True)]
        return rows.filter(~is_unmatched), rejected

    def _sketch(self, rows: pl.DataFrame) -> None:
        if self._options.dwell_quantile:
            self._dwell.add(rows["dwell_seconds"])
        if not self._is_timed or not self._options.max_events_per_minute:
            return
        local = rows["occurred_at"].dt.convert_time_zone(self._options.time_zone)
        seconds = local.dt.replace_time_zone(None).dt.epoch("s").to_numpy()
        has_clock = seconds % 86_400 != 0  # a date without a clock says nothing about the minute
        minutes = (seconds // 60)[has_clock].astype(np.int64)
        self._rates.add(rows["contact_id"].to_numpy()[has_clock], minutes)
