"""Events of an upload: number, write while the file is still being read, then apply the rules over the whole file.

Stage: collect. Reads: cleaned chunks. Writes: audience_event, bare contacts, untitled items; notes what it made in the
undo log. Only the whole file tells the upper quantile of the dwell times and which contacts are robots. So the rows of
long dwell wait in a spool to the end, and what proves to be a robot's is taken out again before the import commits.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import polars as pl

from audience.cleaning import Cleaner, to_events
from audience.event_packing import KeyMaker, columns_of
from audience.event_writing import OLDEST_MONTH, EventWriter, Parcel
from audience.idmaps import Numbering, contact_ids, item_ids
from audience.layouts import LINE
from audience.models import Import
from audience.parsing import local_seconds
from audience.quality import QualityReport
from audience.rules import MAX_DWELL_SECONDS, MIN_DWELL_VALUES
from audience.sketches import DwellSketch, RateSketch
from audience.spool import Groups, Spool
from audience.undo_log import UndoLog

Months = npt.NDArray[np.int64]
Packing = tuple[int | None, Future[list[Parcel]]]
"""Parcels on their way, and the month that is left with them, if one is."""
_MAX_PACKING = 4
_ACTS, _HELD = 0, 1
"""Parts of the spool: line, contact and time of every row; the rows of long dwell."""


class EventLoader:
    """Takes an event file chunk by chunk (`shape`, `add`) then completes it (`settle`, `publish`); one transaction."""

    def __init__(self, batch: Import, cleaner: Cleaner, spool: Spool) -> None:
        self._batch = batch
        self._options = cleaner.options
        self._preset = cleaner.preset
        self._tally = cleaner.tally
        self._spool, self._groups = spool, Groups()
        has_own_ids = "source_id" in cleaner.mapping
        self._writer = EventWriter(batch.pk, has_own_ids=has_own_ids)
        self._keys = KeyMaker(has_own_ids=has_own_ids)
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="pack")
        self._packing: deque[Packing] = deque()
        self._contact_numbers, self._item_numbers = Numbering(), Numbering()
        self._contacts = contact_ids()
        self._items = item_ids(creates=self._options.unknown_items == "create", kind=self._options.item_kind)
        self._dwell = DwellSketch()
        self._num_acts = np.zeros(0, np.int64)  # by number of the contact
        self._max_rate = self._options.max_events_per_minute if "max_events_per_minute" in self._preset.options else 0
        self._first_at: dt.datetime | None = None
        self._last_at: dt.datetime | None = None
        self._recent_months: set[int] = set()  # of the chunk before
        self._unmatched: list[int] = []  # lines
        self._bots: list[int] = []  # lines
        self._longest_seconds = 0.0  # of what has been written
        self._cap_seconds = MAX_DWELL_SECONDS
        self._num_kept = 0

    def close(self) -> None:
        """End the thread that packs."""
        self._packer.shutdown(cancel_futures=True)

    def shape(self, cleaned: pl.DataFrame) -> pl.DataFrame:
        """The events of a cleaned chunk, contacts and items as numbers. Pure: it runs ahead in a thread."""
        rows = to_events(cleaned, self._preset.name, self._options, self._tally)
        return rows.with_columns(
            self._contact_numbers.encode(rows["contact"]).alias("contact"),
            self._item_numbers.encode(rows["item"]).alias("item"),
        )

    def add(self, rows: pl.DataFrame) -> None:
        """Take in what `shape` made of the next chunk; `write_next` writes what the rest of the file cannot change."""
        rows = self._matched(rows)
        if not rows.height:
            return
        months = _months(rows)
        found = set(np.unique(months).tolist())
        for month in found:
            self._writer.open_month(month)
        self._packing.append((None, self._packer.submit(self._packed, rows, months)))
        for month in self._writer.leave_months(found | self._recent_months):
            self._packing.append((month, self._packer.submit(self._packed_rest, month)))
        self._recent_months = found
        self._write_but(_MAX_PACKING)

    def write_next(self) -> bool:
        """Write what was packed first, if something is being packed; False if nothing is.

        A month after whose last parcel nothing more is expected is indexed, while the file is read on.
        """
        if not self._packing:
            return False
        left_month, packing = self._packing.popleft()
        for parcel in packing.result():
            self._writer.write(parcel)
        if left_month is not None:
            self._writer.index_month(left_month)
        return True

    def settle(self) -> dict[int, str]:
        """Apply the rules over the whole file and write the rest; returns line -> reason of the rows set aside."""
        self._write_rest()
        if self._max_rate:
            self._remove_bots()
        self._tally.touch("bot_rate", len(self._bots), str(self._options.max_events_per_minute))
        self._tally.touch("dwell_quantile", self._cap_dwell(), str(self._options.dwell_quantile))
        self._num_kept -= len(self._bots)
        return dict.fromkeys(self._unmatched, "unknown_item") | dict.fromkeys(self._bots, "bot_rate")

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        """Write contacts and items, complete table and report; `advance` hears the share done."""
        self._writer.move("contact_id", undo.note_ids("audience_contact", self._contacts))
        self._writer.move("item_id", undo.note_ids("catalog_item", self._items))
        advance(0.5)
        self._writer.finish()
        self._complete(self._tally.report)

    def _matched(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Learn the ids of new contacts and items; rows with an unknown item are left out, unless it is to be made."""
        contacts = self._contact_numbers.texts(len(self._contacts))
        items = self._item_numbers.texts(len(self._items))
        self._contacts.learn(contacts)
        first = len(self._items)
        self._tally.unmatched(items[number - first] for number in self._items.learn(items))
        self._keys.learn(contacts, items)
        if self._options.unknown_items == "create":
            return rows
        is_unmatched = pl.Series(self._items.ids(rows["item"]) == 0) & rows["item"].is_not_null()
        self._unmatched += rows.filter(is_unmatched)[LINE].to_list()
        return rows.filter(~is_unmatched)

    def _count_acts(self, rows: pl.DataFrame) -> None:
        acts = np.bincount(rows["contact"].to_numpy())
        acts[: len(self._num_acts)] += self._num_acts[: len(acts)]
        self._num_acts = np.append(acts, self._num_acts[len(acts) :])
        self._spool.append(rows.select(LINE, "contact", "occurred_at"), _ACTS)

    def _long_seconds(self) -> float:
        """Well below the dwell time that the rows will be cut to, going by what was read so far."""
        quantile = self._options.dwell_quantile
        return self._dwell.cap(max(1 - 4 * (1 - quantile), quantile / 2))[0]

    def _packed(self, rows: pl.DataFrame, months: Months) -> list[Parcel]:
        """Look at the rows of a chunk and pack what is ready, but for those of long dwell. Runs in the thread."""
        self._widen(rows["occurred_at"])
        self._num_kept += rows.height
        if self._max_rate:
            self._count_acts(rows)
        if self._options.dwell_quantile:
            self._dwell.add(rows["dwell_seconds"])
            is_long = (rows["dwell_seconds"] > self._long_seconds()).fill_null(value=False)
            self._spool.append(rows.filter(is_long), _HELD)
            rows, months = rows.filter(~is_long), months[~is_long.to_numpy()]
            longest = rows["dwell_seconds"].drop_nulls().to_numpy().max(initial=0.0)
            self._longest_seconds = max(self._longest_seconds, float(longest))
        return self._grouped(rows, months)

    def _grouped(self, rows: pl.DataFrame, months: Months) -> list[Parcel]:
        """Put rows to those of their month, and pack the groups that are full."""
        found = np.unique(months).tolist()
        parts = ((rows if len(found) == 1 else rows.filter(months == month), month) for month in found)
        full = (group for part, month in parts for group in self._groups.add(part, month))
        return [parcel for month, group in full for parcel in self._pack(group, month)]

    def _packed_rest(self, *months: int) -> list[Parcel]:
        """Pack what waits of these months, or of all."""
        return [parcel for month, rows in self._groups.rest(*months) for parcel in self._pack(rows, month)]

    def _write_but(self, num_packing: int) -> None:
        while len(self._packing) > num_packing:
            self.write_next()

    def _write_rest(self) -> None:
        self._packing.append((None, self._packer.submit(self._packed_rest)))
        self._write_but(0)

    def _pack(self, rows: pl.DataFrame, month: int) -> list[Parcel]:
        """Rows of one month in the order of the table's index."""
        contacts = self._contacts.ids(rows["contact"])
        minutes = rows["occurred_at"].dt.epoch("s").to_numpy() // 60
        order = np.argsort((contacts << 28) + minutes)  # 500 years of minutes fit
        keys = self._keys.keys(rows)
        rows = rows.with_columns(pl.col("dwell_seconds").clip(upper_bound=self._cap_seconds))
        columns = columns_of(rows, contacts, self._items.ids(rows["item"]), keys)
        return list(self._writer.pack(columns.take(order), month))

    def _cap_dwell(self) -> int:
        """Write the rows of long dwell, cut; returns how many were longer than allowed."""
        if self._dwell.num_values >= MIN_DWELL_VALUES:
            self._cap_seconds = min(self._dwell.cap(self._options.dwell_quantile)[0], MAX_DWELL_SECONDS)
        num_cut = self._writer.cap(self._cap_seconds) if self._longest_seconds > self._cap_seconds else 0
        bots = pl.Series(self._bots, dtype=pl.Int64).implode()
        for rows in self._spool.frames(_HELD):
            kept = rows.filter(~rows[LINE].is_in(bots))
            num_cut += int((kept["dwell_seconds"] > self._cap_seconds).sum())
            self._packing.append((None, self._packer.submit(self._grouped, kept, _months(kept))))
            self._write_but(_MAX_PACKING)
        self._write_rest()
        return num_cut

    def _remove_bots(self) -> None:
        """Find the rows in minutes in which their contact acts more often than the limit, and take them back.

        Only contacts with that many acts at all come into question; a sketch finds their suspicious minutes, and the
        rows of these are counted exactly.
        """
        if not len(self._num_acts) or self._num_acts.max() <= self._max_rate:
            return
        rates = RateSketch()
        for rows in self._busy_rows():
            rates.add(rows["contact"].to_numpy(), rows["minute"].to_numpy())
        if rates.highest <= self._max_rate:
            return
        suspects = pl.concat(
            rows.filter(rates.estimates(rows["contact"].to_numpy(), rows["minute"].to_numpy()) > self._max_rate)
            for rows in self._busy_rows()
        )
        found = suspects.filter(pl.len().over("contact", "minute") > self._max_rate)
        self._bots = found[LINE].to_list()
        ids = pl.Series("contact_id", self._contacts.ids(found["contact"]))
        self._writer.remove(found.with_columns(ids).select("contact_id", "occurred_at").unique())

    def _busy_rows(self) -> Iterator[pl.DataFrame]:
        """Acts of busy contacts whose time has a clock, with their local minute: a bare date has no minute."""
        is_busy = self._num_acts > self._max_rate
        for frame in self._spool.frames(_ACTS):
            rows = frame.filter(is_busy[frame["contact"].to_numpy()])
            seconds = local_seconds(rows["occurred_at"], self._options.time_zone)
            yield rows.with_columns((seconds // 60).alias("minute")).filter(seconds % 86_400 != 0)

    def _widen(self, moments: pl.Series) -> None:
        first, last = moments.min(), moments.max()
        assert isinstance(first, dt.datetime)
        assert isinstance(last, dt.datetime)
        self._first_at, self._last_at = min(self._first_at or first, first), max(self._last_at or last, last)

    def _complete(self, report: QualityReport) -> None:
        report.written, report.present = self._writer.num_written, self._writer.num_present
        report.duplicates = self._num_kept - report.written - report.present
        report.contacts, report.new_contacts = self._contacts.num_known, len(self._contacts.new)
        report.items, report.new_items = self._items.num_known, len(self._items.new)
        self._tally.touch("duplicates", report.duplicates + report.present)
        if self._first_at and self._last_at:
            report.first_at, report.last_at = self._first_at.isoformat(), self._last_at.isoformat()
            self._batch.first_event_at, self._batch.last_event_at = self._first_at, self._last_at


def _months(rows: pl.DataFrame) -> Months:
    """The month of each row, counted from 1970-01; all before 2020 count as one."""
    return np.maximum(rows["occurred_at"].to_numpy().astype("datetime64[M]").view(np.int64), OLDEST_MONTH)
