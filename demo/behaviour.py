"""Stage: demo behaviour. Runs content, followers, timeline, walk, actions and faults in order, into one `World`."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from demo.actions import Openings, draw_events, list_openings
from demo.content import KINDS, Catalogue, build_catalogue
from demo.covers import draw_cover
from demo.faults import add_faults, draw_bots
from demo.followers import Followers, build_followers
from demo.timeline import draw_timeline
from demo.walk import draw_walk
from demo.weixin import build_weixin_data

EVENT_COLUMNS = ("source_id", "contact", "item", "kind", "occurred_at", "dwell_seconds", "amount_fen", "text")


@dataclass(frozen=True)
class World:
    """Everything of the demo brand as tables, and the hidden truth behind them."""

    items: pl.DataFrame
    contacts: pl.DataFrame
    events: pl.DataFrame  # as uploaded, with faults; columns EVENT_COLUMNS
    clean_events: pl.DataFrame  # the same without faults and bots
    weixin_data: pl.DataFrame
    catalogue: Catalogue
    followers: Followers
    openings: Openings


def build_world(seed: int, now: datetime, num_contacts: int = 5000, categories: tuple[str, ...] = ()) -> World:
    """The demo brand at `now` (aware); the same seed and time give the same brand, row for row."""
    rngs = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(8)]
    catalogue = build_catalogue(rngs[0], now, categories)
    followers = build_followers(rngs[1], num_contacts, catalogue, now)
    timeline = draw_timeline(rngs[2], followers, now)
    walk = draw_walk(rngs[3], catalogue, followers.interests, timeline, now)
    openings = list_openings(catalogue, timeline, walk, now)
    clean = draw_events(rngs[4], catalogue, followers, openings, now)
    bots = draw_bots(rngs[5], num_contacts, catalogue.items.height, now)
    every = _publish(pl.concat([clean, bots]).sort("at_ms", maintain_order=True), catalogue, followers)
    clean_events = every.filter(~pl.col("contact").is_in(_bot_ids(followers)))
    return World(
        items=catalogue.items,
        contacts=followers.contacts,
        events=add_faults(rngs[6], every),
        clean_events=clean_events,
        weixin_data=build_weixin_data(rngs[7], clean_events, now),
        catalogue=catalogue,
        followers=followers,
        openings=openings,
    )


@dataclass(frozen=True)
class Conversions:
    """Who bought or enrolled in a window, and how likely that was."""

    is_converted_U: np.ndarray
    chance_U: np.ndarray
    """The probability of each outcome, given what the follower opened in the window: 1 - product of (1 - chance)."""


def find_conversions(world: World, start: datetime, end: datetime) -> Conversions:
    """The truth about every follower's openings in [start, end), which no model can see."""
    openings, num = world.openings, world.contacts.height
    at_ms_P = openings.at_ms_P
    is_in_P = (at_ms_P >= start.timestamp() * 1000) & (at_ms_P < end.timestamp() * 1000)
    who = openings.follower_P[is_in_P]
    log_none_U = np.bincount(who, weights=np.log1p(-openings.chance_P[is_in_P]), minlength=num)
    num_bought_U = np.bincount(who, weights=openings.is_bought_P[is_in_P], minlength=num)
    return Conversions(num_bought_U > 0, 1 - np.exp(log_none_U))


def draw_covers(catalogue: Catalogue) -> list[str]:
    """The cover of every item, in item order, as SVG text."""
    rows = catalogue.items.select("title", "kind", "category", "price_fen", "num_lessons").iter_rows(named=True)
    return [
        draw_cover(row["title"], row["kind"], row["category"], int(theme), _cover_note(row))
        for row, theme in zip(rows, catalogue.theme_I, strict=True)
    ]


def _cover_note(row: dict[str, int | str | None]) -> str:
    if row["kind"] == "course":
        return f"{row['num_lessons']} 讲"
    return f"¥{int(row['price_fen'] or 0) / 100:g}" if row["kind"] in KINDS[3:] else ""


def _bot_ids(followers: Followers) -> list[str]:
    return followers.contacts.filter(pl.Series(followers.interests.is_bot_U))["external_id"].to_list()


def _publish(events: pl.DataFrame, catalogue: Catalogue, followers: Followers) -> pl.DataFrame:
    """Row numbers become the brand's ids, milliseconds become times, and every row gets an id of its own."""
    item_ids, contact_ids = catalogue.items["external_id"], followers.contacts["external_id"]
    return events.with_columns(
        source_id=pl.format("ev{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(7)),
        contact=contact_ids.gather(events["contact"]),
        item=item_ids.gather(events["item"]),
        occurred_at=pl.col("at_ms").cast(pl.Datetime("ms", "UTC")),
    ).select(EVENT_COLUMNS)
