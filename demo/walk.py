"""Stage: demo walk. Reads followers, catalogue and timeline; writes which item every opening was about.

Every step takes all followers who have an opening left and lets each one choose by one of five motives:
  series     the next unread item of the theme they are in (reading order)
  sequel     the theme that follows from the theme before AND the one now (a pair, so one item back is not enough)
  aftercare  after a purchase or enrolment: products, courses and offers of the same field, next theme first
  interest   their own drifting interests, the hour and the day, novelty, popularity
  trending   whatever everybody looks at now
A quick bounce or a purchase changes which motive comes next. Nobody opens the same item twice.
Shape letters: P openings, U followers, n followers in this step, I items, T themes, H hours of the window.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from demo.content import DAY_MS, LOCAL_OFFSET_MS, Catalogue
from demo.followers import WINDOW_DAYS, Interests
from demo.timeline import HOUR_MS, Timeline

SERIES, SEQUEL, AFTERCARE, INTEREST, TRENDING = range(5)
_MOTIVES = {  # situation: shares of the five motives
    "first": (0.0, 0.0, 0.0, 0.6, 0.4),
    "within": (0.46, 0.19, 0.0, 0.23, 0.12),
    "return": (0.3, 0.18, 0.0, 0.34, 0.18),
    "bounced": (0.06, 0.34, 0.0, 0.42, 0.18),
    "bought": (0.05, 0.05, 0.75, 0.1, 0.05),
}
_WEEKEND_LEAN = {"烘焙": 0.7, "旅行": 0.6, "园艺": 0.5, "亲子阅读": 0.3, "摄影": 0.3, "职场技能": -0.8, "数码": -0.2}
_NEVER = np.float32(-1e9)
_PRODUCT, _COURSE, _OFFER = 3, 4, 5


@dataclass(frozen=True)
class Walk:
    """What happened at every opening of the timeline; rows without an item are dropped by the caller."""

    item_P: np.ndarray  # -1 where nothing was left to open
    is_bounce_P: np.ndarray
    is_bought_P: np.ndarray  # a product or offer bought, a course enrolled in
    pull_P: np.ndarray  # how well the item fits the follower's interests, 0 to 1
    chance_P: np.ndarray  # the probability with which is_bought_P was drawn


def draw_walk(
    rng: np.random.Generator, catalogue: Catalogue, interests: Interests, timeline: Timeline, now: datetime
) -> Walk:
    """Walks all followers through the catalogue, opening by opening."""
    walker = _Walker(rng, catalogue, interests, int(now.timestamp() * 1000))
    num = len(timeline.follower_P)
    walk = Walk(np.full(num, -1), np.zeros(num, bool), np.zeros(num, bool), np.zeros(num), np.zeros(num))
    starts = np.flatnonzero(np.append(True, np.diff(timeline.follower_P) > 0)) if num else np.zeros(0, int)
    lengths = np.diff(np.append(starts, num))
    for step in range(lengths.max(initial=0)):
        rows = starts[lengths > step] + step
        who, at_ms = timeline.follower_P[rows], timeline.at_ms_P[rows]
        item = walker.choose(who, at_ms, timeline.is_visit_start_P[rows])
        walk.item_P[rows] = item
        reaction = walker.react(who, at_ms, item)
        walk.pull_P[rows], walk.is_bounce_P[rows], walk.is_bought_P[rows], walk.chance_P[rows] = reaction
    return walk


class _Walker:
    """The state of all followers during the walk."""

    def __init__(self, rng: np.random.Generator, catalogue: Catalogue, interests: Interests, now_ms: int) -> None:
        num = len(interests.activity_U)
        self.rng, self.catalogue, self.interests = rng, catalogue, interests
        self.first_hour = now_ms // HOUR_MS - WINDOW_DAYS * 24 - 1
        self.taste_HI, self.trend_HI = _hourly_weights(rng, catalogue, self.first_hour)
        self.sequel_TTT = _sequels(rng, catalogue)
        self.companion_T = _companions(catalogue)
        self.liking_UI = np.log(interests.kind_UK[:, catalogue.kind_I]).astype(np.float32) * 0.5
        self.met_UI = np.zeros((num, len(catalogue.theme_I)), bool)
        self.now_U, self.before_U = np.full(num, -1), np.full(num, -1)  # theme now and the one before
        self.rank_U = np.full(num, -1)
        self.bounced_U, self.bought_U = np.zeros(num, bool), np.zeros(num, bool)
        self.depth_UT = np.zeros((num, len(catalogue.theme_names)), np.int16)  # items met per theme

    def choose(self, who: np.ndarray, at_ms: np.ndarray, is_return: np.ndarray) -> np.ndarray:
        """The item each one opens, -1 if none is left."""
        hour = at_ms // HOUR_MS - self.first_hour
        motive = self._motives(who, is_return)
        is_open = ~self.met_UI[who] & (self.catalogue.published_ms_I[None, :] <= at_ms[:, None])
        scores = np.empty(is_open.shape, np.float32)
        for kind, scorer in enumerate((self._series, self._sequel, self._aftercare, self._interest, self._trending)):
            if (chosen := np.flatnonzero(motive == kind)).size:
                scores[chosen] = scorer(who[chosen], hour[chosen], at_ms[chosen])
        scores[~is_open] = _NEVER
        # A motive with nothing left to offer gives way to interest.
        if (empty := np.flatnonzero(scores.max(axis=1) <= _NEVER / 2)).size:
            scores[empty] = self._interest(who[empty], hour[empty], at_ms[empty])
            scores[~is_open] = _NEVER
        noise = np.maximum(self.rng.standard_exponential(scores.shape, np.float32), np.float32(1e-9))
        scores -= np.log(noise)  # Gumbel noise: the arg-max is a draw by weight
        return np.where(is_open.any(axis=1), scores.argmax(axis=1), -1)

    def react(self, who: np.ndarray, at_ms: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, ...]:
        """(fit, bounced, bought, chance of buying) of each opening; remembers them for the next step."""
        theme, kind = self.catalogue.theme_I[item], self.catalogue.kind_I[item]
        share = self.interests.themes_at(who, at_ms)[np.arange(len(who)), theme]
        fit = share / (share + 0.03)
        bounced = self.rng.random(len(who)) < 0.3 - 0.24 * fit
        can_buy = (item >= 0) & (kind >= _PRODUCT) & ~bounced
        depth = np.minimum(self.depth_UT[who, theme], 4)
        chance = 0.15 * np.minimum(self.interests.spending_U[who], 4) * (0.4 + fit) * (0.5 + 0.5 * depth)
        chance = np.where(can_buy, np.minimum(chance, 0.6), 0.0)
        bought = self.rng.random(len(who)) < chance
        moved = theme != self.now_U[who]
        self.before_U[who] = np.where(moved, self.now_U[who], self.before_U[who])
        self.now_U[who], self.rank_U[who] = theme, self.catalogue.rank_I[item]
        self.bounced_U[who], self.bought_U[who] = bounced, bought
        self.met_UI[who[item >= 0], item[item >= 0]] = True
        self.depth_UT[who, theme] += 1
        return fit, bounced, bought, chance

    def _motives(self, who: np.ndarray, is_return: np.ndarray) -> np.ndarray:
        shares = np.empty((len(who), 5))
        shares[:] = _MOTIVES["within"]
        shares[is_return] = _MOTIVES["return"]
        shares[self.bounced_U[who]] = _MOTIVES["bounced"]
        shares[self.bought_U[who]] = _MOTIVES["bought"]
        shares[self.now_U[who] < 0] = _MOTIVES["first"]
        return np.asarray((self.rng.random((len(who), 1)) > np.cumsum(shares, axis=1)).sum(axis=1).clip(max=4))

    def _series(self, who: np.ndarray, hour: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        return self._chain(self.now_U[who], self.rank_U[who])

    def _sequel(self, who: np.ndarray, hour: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        return self._chain(self.sequel_TTT[self.before_U[who], self.now_U[who]], np.full(len(who), -1))

    def _chain(self, theme: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """The items of a theme after a rank, the next one far ahead of the others."""
        is_next = (self.catalogue.theme_I[None, :] == theme[:, None]) & (self.catalogue.rank_I[None, :] > rank[:, None])
        return np.where(is_next, -4.0 * self.catalogue.rank_I[None, :], _NEVER).astype(np.float32)

    def _aftercare(self, who: np.ndarray, hour: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        now = self.now_U[who]
        same_field = self.catalogue.category_I[None, :] == self.catalogue.category_T[now][:, None]
        is_next = self.catalogue.theme_I[None, :] == self.companion_T[now][:, None]
        is_for_sale = (self.catalogue.kind_I >= _PRODUCT)[None, :]
        return np.where(same_field & is_for_sale, np.where(is_next, 2.5, 0.0), _NEVER).astype(np.float32)

    def _interest(self, who: np.ndarray, hour: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        log_share = np.log(self.interests.themes_at(who, at_ms)).astype(np.float32)
        return np.asarray(log_share[:, self.catalogue.theme_I] + self.taste_HI[hour] + self.liking_UI[who])

    def _trending(self, who: np.ndarray, hour: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        return np.asarray(self.trend_HI[hour])


def _hourly_weights(rng: np.random.Generator, catalogue: Catalogue, first_hour: int) -> tuple[np.ndarray, np.ndarray]:
    """Log weights of every item at every hour: (taste_HI for choosing by interest, trend_HI for what is hot)."""
    hours = first_hour + np.arange(WINDOW_DAYS * 24 + 3)
    age_days_HI = np.maximum(hours[:, None] * HOUR_MS - catalogue.published_ms_I[None, :], 0) / DAY_MS
    fame_I = rng.normal(0.0, 0.9, len(catalogue.theme_I)) - np.array((0.0, 0.1, 0.5, 0.2, 0.5, 0.5))[catalogue.kind_I]
    fresh_HI = np.exp(-age_days_HI / 9.0)
    lean_HI = _calendar_lean(catalogue, hours)
    taste_HI = fame_I + 1.6 * fresh_HI + lean_HI
    trend_HI = 1.5 * fame_I + 3.5 * fresh_HI + 0.5 * lean_HI
    return taste_HI.astype(np.float32), trend_HI.astype(np.float32)


def _calendar_lean(catalogue: Catalogue, hours: np.ndarray) -> np.ndarray:
    """What the weekend and the commute favour: lean_HI added to log weights."""
    local = hours + LOCAL_OFFSET_MS // HOUR_MS
    is_weekend_H = (local // 24 + 3) % 7 >= 5
    is_commute_H = np.isin(local % 24, (7, 8, 18)) & ~is_weekend_H
    weekend_C = np.array([_WEEKEND_LEAN.get(name, 0.0) for name in catalogue.category_names])
    is_audio_I = catalogue.kind_I == 2
    return np.asarray(
        is_weekend_H[:, None] * weekend_C[catalogue.category_I] + 1.2 * is_commute_H[:, None] * is_audio_I
    )


def _sequels(rng: np.random.Generator, catalogue: Catalogue) -> np.ndarray:
    """sequel_TTT[before, now] = theme that follows: four candidates per theme now, picked by the theme before."""
    num = len(catalogue.theme_names)
    near = (catalogue.category_T[:, None] == catalogue.category_T[None, :]) & ~np.eye(num, dtype=bool)
    weights = np.where(near, 1.0, 0.06) * ~np.eye(num, dtype=bool)
    candidates_T4 = np.array([rng.choice(num, 4, replace=False, p=row / row.sum()) for row in weights])
    pick_TT = rng.integers(0, 4, (num + 1, num))  # the last row stands for "no theme before"
    return np.asarray(candidates_T4[np.arange(num)[None, :], pick_TT])


def _companions(catalogue: Catalogue) -> np.ndarray:
    """companion_T: the theme whose goods go with those of each theme: the next one of its category, in a ring."""
    size = np.bincount(catalogue.category_T)[0]
    theme = np.arange(len(catalogue.theme_names))
    return np.asarray(theme // size * size + (theme + 1) % size)
