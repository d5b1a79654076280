"""Stage: demo actions. Reads the walk (who opened what, when); writes the clean `events`: all that followed from it.

An opening becomes a view, a read or a play with its dwell; then likes, favourites, shares, comments by warmth and fit;
carts and purchases, enrolments and, over the next days, their lessons; now and then a message to the brand.
All that belongs to an opening happens before the follower's next opening.
Shape letters: P openings, E events of one kind.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from demo.content import DAY_MS, KINDS, LOCAL_OFFSET_MS, Catalogue
from demo.followers import WINDOW_DAYS, Followers, load_people
from demo.timeline import Timeline
from demo.walk import Walk

_ARTICLE, _VIDEO, _AUDIO, _PRODUCT, _COURSE, _OFFER = range(len(KINDS))
_CHANCES = {"like": 0.13, "favourite": 0.06, "share": 0.045, "comment": 0.025}


@dataclass(frozen=True)
class Openings:
    """The walk and its timeline side by side, one row per opening."""

    follower_P: np.ndarray
    item_P: np.ndarray
    at_ms_P: np.ndarray
    room_ms_P: np.ndarray  # until the follower's next opening, at most an hour
    kind_P: np.ndarray
    fit_P: np.ndarray
    is_bounce_P: np.ndarray
    is_bought_P: np.ndarray
    chance_P: np.ndarray  # the probability with which is_bought_P was drawn


def list_openings(catalogue: Catalogue, timeline: Timeline, walk: Walk, now: datetime) -> Openings:
    """The openings that have an item."""
    keep = walk.item_P >= 0
    follower_P, at_ms_P, item_P = timeline.follower_P[keep], timeline.at_ms_P[keep], walk.item_P[keep]
    next_ms_P = np.append(at_ms_P[1:], 0)
    is_last_P = np.append(follower_P[1:] != follower_P[:-1], True)
    until_ms_P = np.where(is_last_P, int(now.timestamp() * 1000), next_ms_P)
    return Openings(
        follower_P=follower_P,
        item_P=item_P,
        at_ms_P=at_ms_P,
        room_ms_P=np.minimum(until_ms_P - at_ms_P, 3_600_000),
        kind_P=catalogue.kind_I[item_P],
        fit_P=walk.pull_P[keep],
        is_bounce_P=walk.is_bounce_P[keep],
        is_bought_P=walk.is_bought_P[keep],
        chance_P=walk.chance_P[keep],
    )


def draw_events(
    rng: np.random.Generator, catalogue: Catalogue, followers: Followers, openings: Openings, now: datetime
) -> pl.DataFrame:
    """All events in time order: contact and item row numbers, kind, epoch milliseconds, dwell, amount and text."""
    now_ms = int(now.timestamp() * 1000)
    opened = _open(rng, catalogue, openings)
    parts = [
        opened,
        *_respond(rng, followers, openings),
        *_shop(rng, catalogue, openings),
        _learn(rng, catalogue, openings, now_ms),
        _write(rng, openings),
        _follow(followers, now_ms),
    ]
    return pl.concat(parts).sort("at_ms", "contact", maintain_order=True)


def _events(
    kind: np.ndarray | str,
    contact: np.ndarray,
    item: np.ndarray | None,
    at_ms: np.ndarray,
    dwell_seconds: np.ndarray | None = None,
    amount_fen: np.ndarray | None = None,
    text: list[str] | None = None,
) -> pl.DataFrame:
    """One table of events; what is not given is empty."""
    num = len(contact)
    return pl.DataFrame(
        {
            "kind": pl.Series([kind] * num if isinstance(kind, str) else kind, dtype=pl.String),
            "contact": pl.Series(contact, dtype=pl.Int32),
            "item": pl.Series(item if item is not None else [None] * num, dtype=pl.Int32),
            "at_ms": pl.Series(np.asarray(at_ms, dtype=np.int64)),
            "dwell_seconds": pl.Series(dwell_seconds if dwell_seconds is not None else [None] * num, dtype=pl.Float64),
            "amount_fen": pl.Series(amount_fen if amount_fen is not None else [None] * num, dtype=pl.Int64),
            "text": pl.Series(text if text is not None else [None] * num, dtype=pl.String),
        }
    )


def _open(rng: np.random.Generator, catalogue: Catalogue, openings: Openings) -> pl.DataFrame:
    """The opening itself: read or play with the time spent, or a mere view."""
    num = len(openings.item_P)
    words = np.array(("read", "play", "play", "view", "view", "view"))[openings.kind_P]
    words = np.where(openings.is_bounce_P, "view", words)
    span_P = np.where(openings.kind_P < _PRODUCT, catalogue.duration_seconds_I[openings.item_P], 70)
    stay_P = span_P * rng.beta(1.2 + 2 * openings.fit_P, 1.6) * np.where(openings.kind_P < _PRODUCT, 1, 2)
    stay_P = np.where(openings.is_bounce_P, rng.uniform(1, 8, num), stay_P)
    dwell_P = np.round(np.clip(stay_P, 1, openings.room_ms_P / 1000 - 1), 1)
    return _events(words, openings.follower_P, openings.item_P, openings.at_ms_P, dwell_seconds=dwell_P)


def _soon(rng: np.random.Generator, openings: Openings, chosen: np.ndarray, low: float, high: float) -> np.ndarray:
    """A moment after each chosen opening, at a share of the time before the next one."""
    room_ms = np.minimum(openings.room_ms_P[chosen], 240_000)
    return np.asarray(openings.at_ms_P[chosen] + room_ms * rng.uniform(low, high, len(chosen)))


def _respond(rng: np.random.Generator, followers: Followers, openings: Openings) -> list[pl.DataFrame]:
    """Likes, favourites, shares and comments: warm followers respond more, and more to what fits them."""
    warmth_P = np.minimum(followers.interests.warmth_U[openings.follower_P], 4)
    readiness_P = warmth_P * (0.35 + 1.2 * openings.fit_P) * ~openings.is_bounce_P
    parts = []
    for word, chance in _CHANCES.items():
        chosen = np.flatnonzero(rng.random(len(readiness_P)) < np.minimum(chance * readiness_P, 0.8))
        text = _comments(rng, openings.fit_P[chosen]) if word == "comment" else None
        at_ms = _soon(rng, openings, chosen, 0.3, 0.9)
        parts.append(_events(word, openings.follower_P[chosen], openings.item_P[chosen], at_ms, text=text))
    return parts


def _comments(rng: np.random.Generator, fit: np.ndarray) -> list[str]:
    praise, doubts = load_people()["praise"], load_people()["doubts"]
    is_praise = rng.random(len(fit)) < 0.55 + 0.35 * fit
    return [str(rng.choice(praise if kind else doubts)) for kind in is_praise]


def _shop(rng: np.random.Generator, catalogue: Catalogue, openings: Openings) -> list[pl.DataFrame]:
    """Clicks, carts, purchases and enrolments on what is sold; some carts are left behind."""
    is_goods_P = (openings.kind_P == _PRODUCT) | (openings.kind_P == _OFFER)
    draw_P = rng.random(len(is_goods_P))
    clicked = np.flatnonzero(
        (openings.kind_P >= _PRODUCT) & ~openings.is_bounce_P & (openings.is_bought_P | (draw_P < 0.3))
    )
    carted = np.flatnonzero(is_goods_P & (openings.is_bought_P | (~openings.is_bounce_P & (draw_P < 0.1))))
    bought = np.flatnonzero(is_goods_P & openings.is_bought_P)
    enrolled = np.flatnonzero((openings.kind_P == _COURSE) & openings.is_bought_P)
    price_fen = catalogue.price_fen_I[openings.item_P]
    quantity = rng.choice((1, 2, 3), len(bought), p=(0.86, 0.11, 0.03))
    return [
        _at_openings(rng, "click", openings, clicked, 0.05, 0.2),
        _at_openings(rng, "add_to_cart", openings, carted, 0.25, 0.5),
        _at_openings(rng, "purchase", openings, bought, 0.55, 0.9, price_fen[bought] * quantity),
        _at_openings(rng, "enrol", openings, enrolled, 0.4, 0.9, price_fen[enrolled]),
    ]


def _at_openings(
    rng: np.random.Generator,
    word: str,
    openings: Openings,
    chosen: np.ndarray,
    low: float,
    high: float,
    amount_fen: np.ndarray | None = None,
) -> pl.DataFrame:
    at_ms = _soon(rng, openings, chosen, low, high)
    return _events(word, openings.follower_P[chosen], openings.item_P[chosen], at_ms, amount_fen=amount_fen)


def _learn(rng: np.random.Generator, catalogue: Catalogue, openings: Openings, now_ms: int) -> pl.DataFrame:
    """Lessons after an enrolment: in order, a day or three apart, in the evening; about half drop out on the way."""
    enrolled = np.flatnonzero((openings.kind_P == _COURSE) & openings.is_bought_P)
    num_lessons = catalogue.num_lessons_I[openings.item_P[enrolled]]
    done = np.minimum(rng.geometric(0.09, len(enrolled)), num_lessons)
    course = np.repeat(enrolled, done)
    first = np.repeat(np.cumsum(done) - done, done)
    lesson = np.arange(len(course)) - first + 1
    waited = np.cumsum(rng.geometric(0.55, len(course)))
    day = (openings.at_ms_P[course] + LOCAL_OFFSET_MS) // DAY_MS + waited - waited[first] + 1
    at_ms = day * DAY_MS - LOCAL_OFFSET_MS + rng.normal(20.6, 1.1, len(course)).clip(6, 23.9) * 3_600_000
    past = at_ms < now_ms
    return _events(
        "lesson_complete",
        openings.follower_P[course][past],
        openings.item_P[course][past],
        at_ms[past],
        dwell_seconds=np.round(rng.uniform(360, 900, int(past.sum()))),
        text=[f"第 {number} 讲" for number in lesson[past]],
    )


def _write(rng: np.random.Generator, openings: Openings) -> pl.DataFrame:
    """Messages to the brand, mostly while looking at something for sale; they name no item."""
    chance_P = np.where(openings.kind_P >= _PRODUCT, 0.022, 0.006) * ~openings.is_bounce_P
    chosen = np.flatnonzero(rng.random(len(chance_P)) < chance_P)
    text = [str(word) for word in rng.choice(load_people()["messages"], len(chosen))]
    return _events("message_in", openings.follower_P[chosen], None, _soon(rng, openings, chosen, 0.3, 0.95), text=text)


def _follow(followers: Followers, now_ms: int) -> pl.DataFrame:
    """The follow itself, for those who joined within the window."""
    joined = np.flatnonzero(followers.followed_ms_U >= now_ms - WINDOW_DAYS * DAY_MS)
    return _events("follow", joined, None, followers.followed_ms_U[joined])
