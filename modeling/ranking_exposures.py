"""From events to exposures: who was shown what, and what that contact then did with it.

Stage: training. Reads a frame of events; writes nothing.

Events of one contact with one item form a chain as long as each follows the one before within the window. The first
showing of a chain (an impression, or a view, read or play where no impression is on record) is one exposure; its labels
are the acts of the same contact on the same item from that moment until the window ends. Acts before the showing of
their chain, or in a chain without one, belong to no exposure: nobody knows what they were shown, so they teach no
probability; they are counted. Exposures whose window reaches beyond the newest event are left out, because their acts
are still to come.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from modeling.errors import DatasetInvalid
from modeling.ranking_acts import ACTS, CODES, EVENTS, IMPRESSION, OPEN
from modeling.ranking_metrics import UNKNOWN

MICROS = 1_000_000
COLUMNS = {
    "user_key": pl.Int64,
    "item_key": pl.Int64,
    "code": pl.Int8,
    "occurred_micros": pl.Int64,
    "dwell_seconds": pl.Float32,
}
"""What an events frame holds; `code` is a place in ranking_acts.EVENTS."""
_SHOWING = (CODES[IMPRESSION], CODES[OPEN])


@dataclass(frozen=True)
class Exposures:
    """The exposures and what was left out."""

    rows: pl.DataFrame
    """user_key, item_key, shown_micros, is_impression, an Int8 column per act (-1: unknown), dwell_seconds; by time."""
    num_unfinished: int
    """Exposures left out because their window has not ended."""
    num_acts_without_exposure: int
    """Acts that belong to no exposure."""


def check_events(frame: pl.DataFrame) -> pl.DataFrame:
    """The events with the right types, dwell that is no number or below zero made null; raises DatasetInvalid."""
    missing = sorted(set(COLUMNS) - set(frame.columns))
    if missing:
        raise DatasetInvalid("Events lack the columns %(columns)s.", columns=", ".join(missing))
    frame = frame.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())
    required = frame.drop("dwell_seconds")
    if sum(required.null_count().row(0)) or not frame["code"].is_between(0, len(EVENTS) - 1).all():
        raise DatasetInvalid("Every event needs a contact, an item, a time and a kind that is known.")
    dwell = pl.col("dwell_seconds")
    return frame.with_columns(pl.when(dwell.is_finite() & (dwell >= 0)).then(dwell).alias("dwell_seconds"))


def find_exposures(events: pl.DataFrame, window_seconds: int) -> Exposures:
    """The exposures of checked events; equal times are read in the order of EVENTS, so a showing precedes its acts."""
    window, end = window_seconds * MICROS, events["occurred_micros"].max()
    pair = ["user_key", "item_key"]
    at = pl.col("occurred_micros")
    shown = pl.col("shown_micros")
    chains = events.sort(*pair, "occurred_micros", "code").with_columns(
        (at.diff().over(pair).fill_null(window + 1) > window).cum_sum().alias("chain")
    )
    chains = chains.with_columns(at.filter(pl.col("code").is_in(_SHOWING)).min().over("chain").alias("shown_micros"))
    is_within = shown.is_not_null() & at.is_between(shown, shown + window)
    is_act = ~pl.col("code").is_in((*_SHOWING, CODES["rate"]))
    num_lost = chains.select((is_act & ~is_within.fill_null(False)).sum()).item()
    labels = [(pl.col("code") == CODES[act]).any().cast(pl.Int8).alias(act) for act in ACTS]
    rows = chains.filter(is_within).group_by("chain", *pair, "shown_micros").agg(
        (pl.col("code").filter(at == shown.first()).min() == CODES[IMPRESSION]).alias("is_impression"),
        *labels,
        pl.col("dwell_seconds").sum().alias("dwell_seconds"),
        pl.col("dwell_seconds").is_not_null().any().alias("has_dwell"),
    )  # fmt: skip
    opened = pl.when(pl.col("is_impression")).then(pl.col(OPEN)).otherwise(pl.lit(UNKNOWN, pl.Int8))
    dwell = pl.when(pl.col("has_dwell")).then(pl.col("dwell_seconds"))
    rows = rows.with_columns(opened.alias(OPEN), dwell.alias("dwell_seconds")).drop("chain", "has_dwell")
    finished = rows.filter(shown + window <= end).sort("shown_micros", *pair)
    return Exposures(finished, rows.height - finished.height, int(num_lost))
