"""Events of an upload: gather the cleaned rows, apply the rules over the whole file, write them.

Stage: collect. Reads: cleaned chunks. Writes: audience_event, bare contacts, untitled draft items; notes what it made
in the undo log. Between reading and writing the rows wait in a spool, contacts and items by their number in the file.
"""

import datetime as dt
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from audience.cleaning import Cleaner, to_events
from audience.event_packing import KeyMaker, columns_of
from audience.event_writing import EventWriter, Parcel
from audience.idmaps import Numbering, contact_ids, item_ids
from audience.layouts import LINE
from audience.models import Import
from audience.parsing import local_seconds
from audience.prefetching import ahead
from audience.quality import QualityReport
from audience.rules import MAX_DWELL_SECONDS, MIN_DWELL_VALUES
from audience.sketches import DwellSketch, RateSketch
from audience.spool import Spool
from audience.undo_log import UndoLog


class EventLoader:
    """Takes an event file chunk by chunk (`add`), then writes it in one transaction (`settle`, `publish`)."""

    def __init__(self, batch: Import, cleaner: Cleaner, spool: Spool) -> None:
        self._batch = batch
        self._options = cleaner.options
        self._preset = cleaner.preset
        self._tally = cleaner.tally
        self._spool = spool
        self._has_own_ids = "source_id" in cleaner.mapping
        self._contact_numbers, self._item_numbers = Numbering(), Numbering()
        self._contacts = contact_ids()
        self._items = item_ids(creates=self._options.unknown_items == "create", kind=self._options.item_kind)
        self._dwell = DwellSketch()
        self._num_acts = np.zeros(0, np.int64)  # by number of the contact
        self._max_rate = self._options.max_events_per_minute if "max_events_per_minute" in self._preset.options else 0
        self._first_at: dt.datetime | None = None
        self._last_at: dt.datetime | None = None
        self._doomed = pl.Series(LINE, [], dtype=pl.Int64)
        self._cap_seconds = MAX_DWELL_SECONDS
        self._num_kept = 0

    def add(self, cleaned: pl.DataFrame) -> None:
        """Take in a cleaned chunk. Pure."""
        rows = to_events(cleaned, self._preset.name, self._options, self._tally)
        if not rows.height:
            return
        rows = rows.with_columns(
            self._contact_numbers.encode(rows["contact"]).alias("contact"),
            self._item_numbers.encode(rows["item"]).alias("item"),
        )
        self._widen(rows["occurred_at"])
        if self._options.dwell_quantile:
            self._dwell.add(rows["dwell_seconds"])
        acts = np.bincount(rows["contact"].to_numpy())
        acts[: len(self._num_acts)] += self._num_acts[: len(acts)]
        self._num_acts = np.append(acts, self._num_acts[len(acts) :])
        months = rows["occurred_at"].to_numpy().astype("datetime64[M]").view(np.int64)
        for month in np.unique(months).tolist():
            self._spool.append(rows.filter(months == month), month)

    def settle(self) -> dict[int, str]:
        """Apply the rules over the whole file and find the ids; returns line -> reason of the rows set aside."""
        if self._dwell.num_values >= MIN_DWELL_VALUES:
            self._cap_seconds = min(self._dwell.cap(self._options.dwell_quantile)[0], MAX_DWELL_SECONDS)
        self._contacts.learn(self._contact_numbers.texts())
        unknown = self._items.learn(self._item_numbers.texts())
        bots = self._lines_of_bots() if self._max_rate else set[int]()
        unmatched = self._lines_of_items(unknown) if unknown else set[int]()
        self._tally.touch("bot_rate", len(bots), str(self._options.max_events_per_minute))
        self._doomed = pl.Series(LINE, sorted(bots | unmatched), dtype=pl.Int64)
        return dict.fromkeys(sorted(unmatched), "unknown_item") | dict.fromkeys(sorted(bots), "bot_rate")

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        """Write everything in the running transaction and complete the report; `advance` hears the share done."""
        writer = EventWriter(self._batch.pk, self._spool.parts, has_own_ids=self._has_own_ids)
        if self._first_at and self._last_at:
            writer.remember_present(self._first_at, self._last_at)
        with ahead(lambda: self._parcels(writer)) as parcels:
            for num_rows, parcel in parcels:
                writer.write(parcel)
                advance(num_rows / max(self._spool.num_rows, 1))
        writer.move("contact_id", undo.note_ids("audience_contact", self._contacts))
        writer.move("item_id", undo.note_ids("catalog_item", self._items))
        writer.finish()
        self._complete(self._tally.report, writer)

    def _parcels(self, writer: EventWriter) -> Iterator[tuple[int, Parcel]]:
        """(rows up to here, parcel). Pure: it runs ahead in a thread."""
        maker = KeyMaker(self._contact_numbers.texts(), self._item_numbers.texts(), has_own_ids=self._has_own_ids)
        for month, frame in self._spool.groups():
            kept = frame.filter(~frame[LINE].is_in(self._doomed.implode())) if len(self._doomed) else frame
            keys = maker.keys(kept)
            self._tally.touch("dwell_quantile", int((kept["dwell_seconds"] > self._cap_seconds).sum()))
            kept = kept.with_columns(pl.col("dwell_seconds").clip(upper_bound=self._cap_seconds))
            contacts, items = self._contacts.ids(kept["contact"]), self._items.ids(kept["item"])
            minutes = kept["occurred_at"].dt.epoch("s").to_numpy() // 60
            order = np.argsort((contacts << 28) + minutes)  # 500 years of minutes fit
            self._num_kept += kept.height
            for parcel in writer.pack(columns_of(kept, contacts, items, keys).take(order), month):
                yield self._num_kept, parcel

    def _complete(self, report: QualityReport, writer: EventWriter) -> None:
        report.written, report.present = writer.num_written, writer.num_present
        report.duplicates = self._num_kept - writer.num_written - writer.num_present
        report.contacts, report.new_contacts = self._contacts.num_known, len(self._contacts.new)
        report.items, report.new_items = self._items.num_known, len(self._items.new)
        self._tally.touch("duplicates", report.duplicates + report.present)
        self._tally.touch("dwell_quantile", 0, str(self._options.dwell_quantile))
        if self._first_at and self._last_at:
            report.first_at, report.last_at = self._first_at.isoformat(), self._last_at.isoformat()
            self._batch.first_event_at, self._batch.last_event_at = self._first_at, self._last_at

    def _lines_of_bots(self) -> set[int]:
        """Lines of the rows in minutes in which their contact acts more often than the limit.

        Only contacts with that many acts at all come into question; a sketch finds their suspicious minutes, and the
        rows of these are counted exactly.
        """
        if not len(self._num_acts) or self._num_acts.max() <= self._max_rate:
            return set()
        rates = RateSketch()
        for timed in self._busy_rows():
            rates.add(timed["contact"].to_numpy(), timed["minute"].to_numpy())
        if rates.highest <= self._max_rate:
            return set()
        suspects = pl.concat(
            timed.filter(rates.estimates(timed["contact"].to_numpy(), timed["minute"].to_numpy()) > self._max_rate)
            for timed in self._busy_rows()
        )
        return set(suspects.filter(pl.len().over("contact", "minute") > self._max_rate)[LINE].to_list())

    def _busy_rows(self) -> Iterator[pl.DataFrame]:
        """Line, contact and minute of the rows of busy contacts whose time has a clock: a bare date has no minute."""
        is_busy = self._num_acts > self._max_rate
        for frame in self._spool.frames():
            rows = frame.filter(is_busy[frame["contact"].to_numpy()])
            seconds = local_seconds(rows["occurred_at"], self._options.time_zone)
            rows = rows.select(LINE, "contact").with_columns((seconds // 60).alias("minute"))
            yield rows.filter(seconds % 86_400 != 0)

    def _lines_of_items(self, unknown: list[int]) -> set[int]:
        texts = self._item_numbers.texts()
        self._tally.unmatched(texts[number] for number in unknown)
        numbers = pl.Series(unknown, dtype=pl.UInt32).implode()
        return {line for frame in self._spool.frames() for line in frame.filter(pl.col("item").is_in(numbers))[LINE]}

    def _widen(self, moments: pl.Series) -> None:
        first, last = moments.min(), moments.max()
        assert isinstance(first, dt.datetime)
        assert isinstance(last, dt.datetime)
        self._first_at, self._last_at = min(self._first_at or first, first), max(self._last_at or last, last)
