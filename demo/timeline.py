"""Stage: demo timeline. Reads when followers joined and how active they are; writes the moments they open something.

Visits follow the week (Sunday is busiest), the day (evenings, then lunch, then the morning commute), slow growth, three
campaign days, and for some followers an end: they stop coming.
Shape letters: U followers, V visits, P openings (one follower, one item, one moment).
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from demo.content import DAY_MS, LOCAL_OFFSET_MS
from demo.followers import WINDOW_DAYS, Followers

HOUR_MS = 3_600_000
VISIT_GAP_MS = 30 * 60_000
_WEEKDAY_PULL = np.array((0.92, 0.9, 0.93, 0.97, 1.02, 1.12, 1.22))  # Monday first
_HABITS = np.array(  # hourly pull for early birds, lunch readers and night owls, midnight first
    (
        (0.3, 0.1, 0.1, 0.1, 0.3, 1, 3, 6, 6, 3, 2, 2, 3, 2, 1.5, 1.5, 1.5, 2, 3, 4, 4, 3, 1.5, 0.6),
        (0.5, 0.2, 0.1, 0.1, 0.1, 0.2, 0.6, 1.5, 2, 2, 2, 3, 7, 5, 2, 2, 2, 2.5, 4, 5, 6, 5, 3, 1.2),
        (2.5, 1, 0.4, 0.1, 0.1, 0.1, 0.2, 0.6, 1, 1, 1, 1.5, 2.5, 2, 1.5, 1.5, 1.5, 2, 4, 7, 9, 9.5, 8, 5),
    )
)


@dataclass(frozen=True)
class Timeline:
    """Openings ordered by follower, then time."""

    follower_P: np.ndarray
    at_ms_P: np.ndarray
    is_visit_start_P: np.ndarray  # more than half an hour since the opening before


def draw_timeline(rng: np.random.Generator, followers: Followers, now: datetime) -> Timeline:
    """When every follower opened something during the window before `now`."""
    now_ms = int(now.timestamp() * 1000)
    follower_V, visit_ms_V = _draw_visits(rng, followers, now_ms)
    num_V = np.minimum(rng.geometric(0.27, len(follower_V)), 14)
    follower_P = np.repeat(follower_V, num_V)
    pause_ms_P = np.minimum(rng.lognormal(4.5, 0.9, len(follower_P)), 1500) * 1000 + 5000
    # Pauses add up within a visit: a running total, less its value where the visit began.
    total_P = np.cumsum(pause_ms_P)
    first_P = np.repeat(np.cumsum(num_V) - num_V, num_V)
    at_ms_P = (np.repeat(visit_ms_V, num_V) + total_P - total_P[first_P]).astype(np.int64)
    order = np.lexsort((at_ms_P, follower_P))
    return _tidy(follower_P[order], at_ms_P[order], now_ms)


def _tidy(follower_P: np.ndarray, at_ms_P: np.ndarray, now_ms: int) -> Timeline:
    """Drops openings after `now` and those that visits running into each other left less than five seconds apart."""
    is_same_P = np.append(False, follower_P[1:] == follower_P[:-1])
    gap_ms_P = np.append(0, np.diff(at_ms_P))
    keep = (at_ms_P < now_ms - 120_000) & ~(is_same_P & (gap_ms_P < 5000))
    follower_P, at_ms_P = follower_P[keep], at_ms_P[keep]
    is_same_P = np.append(False, follower_P[1:] == follower_P[:-1])
    return Timeline(follower_P, at_ms_P, ~is_same_P | (np.append(0, np.diff(at_ms_P)) > VISIT_GAP_MS))


def _draw_visits(rng: np.random.Generator, followers: Followers, now_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """(follower_V, visit_ms_V), unordered: a Poisson number of visits on days and at hours drawn by their pull."""
    num = len(followers.followed_ms_U)
    window_ms = now_ms - WINDOW_DAYS * DAY_MS
    start_U = np.maximum(followers.followed_ms_U, window_ms)
    leaves_U = rng.random(num) < 0.25
    end_U = np.where(leaves_U, start_U + (now_ms - start_U) * rng.random(num) ** 0.7, now_ms)
    share_U = (end_U - start_U) / (now_ms - window_ms)
    num_U = rng.poisson(followers.interests.activity_U * (0.25 * (share_U > 0.02) + 0.75 * share_U))
    welcomed = _welcome_visits(rng, followers, window_ms)
    follower_V = np.repeat(np.arange(num), num_U)
    start_V, end_V = start_U[follower_V], end_U[follower_V]
    day_V = _draw_days(rng, start_V, end_V, now_ms)
    habit_U = rng.choice(len(_HABITS), num, p=(0.22, 0.28, 0.5))
    visit_ms_V = day_V * DAY_MS - LOCAL_OFFSET_MS + _draw_hours(rng, habit_U[follower_V]) * HOUR_MS
    inside = (visit_ms_V >= start_V) & (visit_ms_V <= end_V)
    follower_V = np.append(follower_V[inside], welcomed)
    first_ms = followers.followed_ms_U[welcomed] + rng.uniform(20_000, 600_000, len(welcomed))
    return follower_V, np.append(visit_ms_V[inside], first_ms).astype(np.int64)


def _welcome_visits(rng: np.random.Generator, followers: Followers, window_ms: int) -> np.ndarray:
    """Those who look around right after following within the window: most of them."""
    is_new_U = (followers.followed_ms_U >= window_ms) & (followers.interests.activity_U > 0)
    return np.flatnonzero(is_new_U & (rng.random(len(is_new_U)) < 0.85))


def _draw_days(rng: np.random.Generator, start_V: np.ndarray, end_V: np.ndarray, now_ms: int) -> np.ndarray:
    """A local day (since the epoch) between start and end, busier days more often; inverse of the summed pull."""
    last = (now_ms + LOCAL_OFFSET_MS) // DAY_MS
    days = np.arange(last - WINDOW_DAYS - 1, last + 1)
    pull = _WEEKDAY_PULL[(days + 3) % 7] * np.linspace(1.0, 1.3, len(days))  # day 0 of the epoch was a Thursday
    pull[rng.choice(len(days), 3, replace=False)] *= 2.2  # campaign days
    summed = np.append(0.0, np.cumsum(pull))
    edges = np.append(days, last + 1).astype(float)
    low_V = np.interp((start_V + LOCAL_OFFSET_MS) / DAY_MS, edges, summed)
    high_V = np.interp((end_V + LOCAL_OFFSET_MS) / DAY_MS, edges, summed)
    return np.asarray(np.floor(np.interp(rng.uniform(low_V, high_V), summed, edges)))


def _draw_hours(rng: np.random.Generator, habit_V: np.ndarray) -> np.ndarray:
    """An hour of the day with its fraction, by the follower's habit."""
    summed = np.cumsum(_HABITS, axis=1) / _HABITS.sum(axis=1, keepdims=True)
    hour_V = (rng.random(len(habit_V))[:, None] > summed[habit_V]).sum(axis=1)
    return np.asarray(hour_V + rng.random(len(habit_V)))
