"""Events of an upload: survey the file, prepare its chunks, write them.

Stage: collect. Reads: decoded chunks. Writes: audience_event, bare contacts, untitled draft items; notes what it made
in the undo log. The survey finds what the rules over the whole file need (time range, dwell quantile, robots) and makes
the month partitions, so that the second reading can write as it goes.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection, transaction

from audience import events
from audience.cleaning import Cleaner, to_events
from audience.decoding import Chunk, Rejected
from audience.event_packing import KeyMaker, Rows, pack
from audience.event_writing import EventWriter
from audience.idmaps import Numbering, contact_ids, item_ids
from audience.layouts import LINE
from audience.models import Import
from audience.quality import QualityReport
from audience.rules import MAX_DWELL_SECONDS, MIN_DWELL_VALUES
from audience.sketches import DwellSketch, RateSketch
from audience.undo_log import UndoLog


@dataclass(frozen=True)
class Survey:
    """What is known of the whole file before it is loaded."""

    first_at: dt.datetime | None
    last_at: dt.datetime | None
    cap_seconds: float
    busy: pl.DataFrame  # contact, minute: where somebody acts faster than a person can


@dataclass(frozen=True)
class Prepared:
    """A chunk ready to be written; contacts and items by their number in the file, in the order of contact and time."""

    rows: Rows
    texts: pl.Series | None
    is_certain: npt.NDArray[np.bool_]  # see EventWriter.find_certain
    originals: list[Rejected]  # one per row when rows of unknown items are to be set aside, else empty
    new_contacts: list[str]
    new_items: list[str]


class Surveyor:
    """First reading: the rules over the whole file need to know it before a row is written."""

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._options = cleaner.options
        self._dwell = DwellSketch()
        self._rates = RateSketch()
        has_minutes = "max_events_per_minute" in cleaner.preset.options
        self._limit = self._options.max_events_per_minute if has_minutes else 0
        self._first_at: dt.datetime | None = None
        self._last_at: dt.datetime | None = None

    def look(self, chunk: Chunk) -> None:
        """Take in a decoded chunk."""
        seen = self._cleaner.glance(chunk.frame)
        if not seen.height:
            return
        self._first_at, self._last_at = _widened(self._first_at, self._last_at, seen["occurred_at"])
        for name in self._cleaner.durations() if self._options.dwell_quantile else ():
            self._dwell.add(seen[name].filter(seen[name] > 0).clip(upper_bound=MAX_DWELL_SECONDS))
        if self._limit:
            self._rates.add(*self._hashed(seen))

    def finish(self, chunks: Iterable[Chunk]) -> Survey:
        """The survey. Reads the file once more (`chunks`) when somebody acts suspiciously fast, to see exactly who."""
        cap = MAX_DWELL_SECONDS
        if self._dwell.num_values >= MIN_DWELL_VALUES:
            cap = min(self._dwell.cap(self._options.dwell_quantile)[0], cap)
        busy = pl.DataFrame(schema={"contact": pl.String, "minute": pl.Int64})
        if self._limit and self._rates.highest > self._limit:
            busy = self._count_exactly(chunks)
        return Survey(self._first_at, self._last_at, cap, busy)

    def _hashed(self, seen: pl.DataFrame) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        timed = _with_minutes(seen, self._options.time_zone)
        return timed["contact"].hash().to_numpy(), timed["minute"].to_numpy()

    def _count_exactly(self, chunks: Iterable[Chunk]) -> pl.DataFrame:
        parts = []
        for chunk in chunks:
            seen = self._cleaner.glance(chunk.frame)
            timed = _with_minutes(seen, self._options.time_zone)
            is_suspect = self._rates.estimates(*self._hashed(seen)) > self._limit
            parts.append(timed.filter(is_suspect).group_by("contact", "minute").len())
        counts = pl.concat(parts).group_by("contact", "minute").agg(pl.col("len").sum())
        return counts.filter(pl.col("len") > self._limit).select("contact", "minute")


class EventLoader:
    """Second reading. `prepare` is pure and may run ahead in a thread; the rest belongs to one transaction."""

    def __init__(self, batch: Import, cleaner: Cleaner) -> None:
        self._batch = batch
        self._cleaner = cleaner
        self._options = cleaner.options
        self._tally = cleaner.tally
        self._has_own_ids = "source_id" in cleaner.mapping
        self._keeps_unknown = self._options.unknown_items == "create"
        self._contact_numbers, self._item_numbers = Numbering(), Numbering()
        self._key_maker = KeyMaker(has_own_ids=self._has_own_ids)
        self._contacts = contact_ids()
        self._items = item_ids(creates=self._keeps_unknown, kind=self._options.item_kind)
        self._first_at: dt.datetime | None = None
        self._last_at: dt.datetime | None = None

    def survey(self, read: Callable[[], Iterator[Chunk]]) -> None:
        """Read the file for the rules that need all of it; makes the month partitions in a transaction of its own."""
        surveyor = Surveyor(self._cleaner)
        for chunk in read():
            surveyor.look(chunk)
        self._survey = surveyor.finish(read())
        if self._survey.first_at and self._survey.last_at:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20s'")  # making a partition waits for whoever uses the table
                events.ensure_partitions(self._survey.first_at.date(), self._survey.last_at.date())
                cursor.execute("SET LOCAL lock_timeout = DEFAULT")

    def begin(self) -> None:
        """Start the transaction's part."""
        self._writer = EventWriter(self._batch.pk, has_own_ids=self._has_own_ids)
        if self._survey.first_at and self._survey.last_at:
            self._writer.remember_present(self._survey.first_at, self._survey.last_at)

    def prepare(self, decoded: pl.DataFrame, cleaned: pl.DataFrame) -> tuple[Prepared, list[Rejected]]:
        """A cleaned chunk as packed rows, and the rows that a robot made."""
        cleaned, rejected = self._without_bots(decoded, cleaned)
        rows = to_events(cleaned, self._cleaner.preset.name, self._options, self._tally)
        if rows.height:
            self._first_at, self._last_at = _widened(self._first_at, self._last_at, rows["occurred_at"])
        self._tally.touch("dwell_quantile", int((rows["dwell_seconds"] > self._survey.cap_seconds).sum()))
        contacts, new_contacts = self._contact_numbers.encode(rows["contact"])
        items, new_items = self._item_numbers.encode(rows["item"])
        self._key_maker.learn(new_contacts, new_items)
        rows = rows.with_columns(pl.Series("contact_code", contacts), pl.Series("item_code", items))
        keys = self._key_maker.keys(rows)
        rows = rows.with_columns(pl.col("dwell_seconds").clip(upper_bound=self._survey.cap_seconds))
        seconds = rows["occurred_at"].dt.epoch("s").to_numpy()
        order = np.argsort((contacts << 36) + seconds)
        texts = rows["text"][order] if rows["text"].null_count() < rows.height else None
        originals = [] if self._keeps_unknown else self._originals(decoded, rows[LINE][order])
        certain = self._writer.find_certain(keys)[order]
        return Prepared(pack(rows, keys)[order], texts, certain, originals, new_contacts, new_items), rejected

    def add(self, chunk: Prepared) -> list[Rejected]:
        """Write a chunk; returns the rows of unknown items when such rows are to be set aside."""
        self._contacts.learn(chunk.new_contacts)
        unknown = self._items.learn(chunk.new_items)
        self._tally.unmatched(unknown)
        rows, texts = chunk.rows, chunk.texts
        codes = rows["item_id"].astype(np.int64)
        rows["contact_id"] = self._contacts.ids(rows["contact_id"].astype(np.int64))
        rows["item_id"] = self._items.ids(codes)
        if self._keeps_unknown:
            self._writer.write(rows, texts, chunk.is_certain)
            return []
        is_unknown = (rows["item_id"] == 0) & (codes >= 0)
        kept_texts = texts.filter(~is_unknown) if texts is not None else None
        self._writer.write(rows[~is_unknown], kept_texts, chunk.is_certain[~is_unknown])
        aside = {chunk.originals[place].line: chunk.originals[place] for place in np.flatnonzero(is_unknown)}
        return [aside[line] for line in sorted(aside)]

    def publish(self, undo: UndoLog) -> None:
        """Write contacts and items, and the rows that waited; complete the report."""
        self._writer.move("contact_id", undo.note_ids("audience_contact", self._contacts))
        self._writer.move("item_id", undo.note_ids("catalog_item", self._items))
        self._writer.finish()
        self._complete(self._tally.report, self._writer)

    def _complete(self, report: QualityReport, writer: EventWriter) -> None:
        report.written, report.present = writer.num_written, writer.num_present
        report.duplicates = writer.num_rows - writer.num_written - writer.num_present
        report.contacts, report.new_contacts = self._contacts.num_known, len(self._contacts.new)
        report.items, report.new_items = self._items.num_known, len(self._items.new)
        self._tally.touch("duplicates", report.duplicates + report.present)
        self._tally.touch("dwell_quantile", 0, str(self._options.dwell_quantile))
        self._tally.touch("bot_rate", 0, str(self._options.max_events_per_minute))
        if self._first_at and self._last_at:
            report.first_at, report.last_at = self._first_at.isoformat(), self._last_at.isoformat()
            self._batch.first_event_at, self._batch.last_event_at = self._first_at, self._last_at

    def _without_bots(self, decoded: pl.DataFrame, cleaned: pl.DataFrame) -> tuple[pl.DataFrame, list[Rejected]]:
        if not self._survey.busy.height:
            return cleaned, []
        minutes = _with_minutes(cleaned, self._options.time_zone)
        lines = minutes.join(self._survey.busy, on=["contact", "minute"], how="semi")[LINE]
        if not len(lines):
            return cleaned, []
        self._tally.touch("bot_rate", len(lines))
        rows = decoded.filter(pl.col(LINE).is_in(lines.implode()))
        rejected = self._cleaner.set_aside(rows, pl.Series(["bot_rate"] * rows.height, dtype=pl.String))
        return cleaned.filter(~pl.col(LINE).is_in(lines.implode())), rejected

    def _originals(self, decoded: pl.DataFrame, lines: pl.Series) -> list[Rejected]:
        """The rejection of each row as it would be if its item turned out to be unknown."""
        code = pl.Series(["unknown_item"], dtype=pl.String).new_from_index(0, decoded.height)
        by_line = {row.line: row for row in self._cleaner.set_aside(decoded, code)}
        return [by_line[line] for line in lines]


def _widened(
    first: dt.datetime | None, last: dt.datetime | None, moments: pl.Series
) -> tuple[dt.datetime, dt.datetime]:
    lowest, highest = moments.min(), moments.max()
    assert isinstance(lowest, dt.datetime)
    assert isinstance(highest, dt.datetime)
    return min(first or lowest, lowest), max(last or highest, highest)


def _with_minutes(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """The rows whose time has a clock, with the column `minute`: a bare date says nothing about the minute."""
    local = pl.col("occurred_at").dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("s")
    return frame.with_columns(minute=local // 60).filter(local % 86_400 != 0)
