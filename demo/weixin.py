"""Stage: demo worked example. Reads clean events; writes the wide table `weixin_data`: engagement, then conversion.

One row per follower: likes, transfers (shares), comments and time spent in the first four months of the window; the
label says whether the follower bought or enrolled in the two months after. No feature looks into those two months.
"""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

LABEL_DAYS = 60
FILE_COLUMNS = ("user", "likes", "transfers", "comments", "time_spent", "label")


def build_weixin_data(rng: np.random.Generator, events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The table, in the columns the field's tutorials use, with a few gaps and repeated rows left to clean."""
    split_at = now - timedelta(days=LABEL_DAYS)
    before, after = events.filter(pl.col("occurred_at") < split_at), events.filter(pl.col("occurred_at") >= split_at)
    converted = after.filter(pl.col("kind").is_in(["purchase", "enrol"])).select("contact").unique()

    def count(word: str) -> pl.Expr:
        return (pl.col("kind") == word).sum().cast(pl.Int64)

    table = (
        before.group_by("contact", maintain_order=True)
        .agg(
            likes=count("like"),
            transfers=count("share"),
            comments=count("comment"),
            time_spent=pl.col("dwell_seconds").sum().round(1),
        )
        .filter(pl.col("time_spent") > 0)
        .with_columns(label=pl.col("contact").is_in(converted["contact"].to_list()).cast(pl.Int8))
        .rename({"contact": "user"})
        .sort("user")
    )
    return _leave_gaps(rng, table.select(FILE_COLUMNS))


def _leave_gaps(rng: np.random.Generator, table: pl.DataFrame) -> pl.DataFrame:
    """One row in 150 misses its time spent, one in 200 stands twice."""
    missing = pl.Series(rng.random(table.height) < 1 / 150)
    repeated = table[np.sort(rng.choice(table.height, table.height // 200, replace=False))]
    table = table.with_columns(time_spent=pl.when(missing).then(None).otherwise("time_spent"))
    return pl.concat([table, repeated])
