"""Stage: demo faults. Reads the clean events; writes the `events` file as real exports are: a little wrong in places.

What a cleaning step should find: rows sent twice, bots, impossible times, absurd dwell, items nobody knows.
"""

from datetime import datetime

import numpy as np
import polars as pl

from demo.content import DAY_MS
from demo.followers import count_bots

NUM_REPEATED = 1200
NUM_IMPOSSIBLE_TIMES = 60
NUM_ABSURD_DWELLS = 90
NUM_UNKNOWN_ITEMS = 45
VIEWS_PER_BOT = 420


def add_faults(rng: np.random.Generator, events: pl.DataFrame) -> pl.DataFrame:
    """The published events with faults; the number of faults follows the number of events."""
    scale = min(1.0, events.height / 200_000)
    events = _spoil_values(rng, events, scale)
    repeated = events[np.sort(rng.choice(events.height, round(NUM_REPEATED * scale), replace=False))]
    return pl.concat([events, repeated]).sort("occurred_at", maintain_order=True)


def draw_bots(rng: np.random.Generator, num_contacts: int, num_items: int, now: datetime) -> pl.DataFrame:
    """Openings of the bots, in the columns of `actions.draw_events`: hundreds within two minutes of one night."""
    num_bots = count_bots(num_contacts)
    bots = np.arange(num_contacts - num_bots, num_contacts)
    nights = int(now.timestamp() * 1000) - rng.integers(3, 120, num_bots) * DAY_MS
    steps = np.cumsum(rng.integers(180, 420, (num_bots, VIEWS_PER_BOT)), axis=1)
    num = num_bots * VIEWS_PER_BOT
    return pl.DataFrame(
        {
            "kind": pl.Series(["view"] * num),
            "contact": pl.Series(np.repeat(bots, VIEWS_PER_BOT), dtype=pl.Int32),
            "item": pl.Series(rng.integers(0, num_items, num), dtype=pl.Int32),
            "at_ms": pl.Series((nights[:, None] + steps).ravel(), dtype=pl.Int64),
            "dwell_seconds": pl.Series([1.0] * num),
            "amount_fen": pl.Series([None] * num, dtype=pl.Int64),
            "text": pl.Series([None] * num, dtype=pl.String),
        }
    )


def _spoil_values(rng: np.random.Generator, events: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Wrong times, dwells and items in rows of their own, so that every fault can be counted."""
    counts = [round(num * scale) for num in (NUM_IMPOSSIBLE_TIMES, NUM_ABSURD_DWELLS, NUM_UNKNOWN_ITEMS)]
    candidates = np.flatnonzero((events["kind"] == "read").to_numpy())
    times, dwells, items = np.split(rng.choice(candidates, sum(counts), replace=False), np.cumsum(counts)[:-1])
    row = pl.int_range(pl.len())
    century = pl.duration(days=pl.when(row % 2 == 0).then(36_500).otherwise(-36_500))
    return events.with_columns(
        occurred_at=pl.when(row.is_in(times)).then(pl.col("occurred_at") + century).otherwise("occurred_at"),
        dwell_seconds=pl.when(row.is_in(dwells)).then(pl.lit(86_400.0 * 3)).otherwise("dwell_seconds"),
        item=pl.when(row.is_in(items)).then(pl.lit("art-removed-") + (row % 7).cast(pl.String)).otherwise("item"),
    )
