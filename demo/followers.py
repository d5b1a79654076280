"""Stage: demo followers. Reads `people.toml`; writes the `contacts` frame and what the brand cannot see: the interests.

Shape letters: U followers, T themes, C categories, K item kinds.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from demo.content import DAY_MS, KINDS, Catalogue

WINDOW_DAYS = 182
GENDERS = ("female", "male", "")
AGE_BANDS = ("18_24", "25_34", "35_44", "45_54", "55_plus", "")
PURPOSES = ("marketing", "personalisation", "training")

_ALPHABET = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
_CATEGORY_APPEAL = {  # (women, men, young, middle, old): how much likelier than average each group is to care
    "护肤": (1.7, 0.4, 1.4, 1.0, 0.6),
    "母婴": (1.6, 0.7, 0.5, 1.7, 0.4),
    "咖啡茶饮": (1.0, 1.1, 1.2, 0.9, 1.1),
    "家居收纳": (1.3, 0.7, 0.7, 1.3, 1.1),
    "亲子阅读": (1.4, 0.7, 0.3, 1.8, 0.7),
    "健身": (0.9, 1.3, 1.3, 0.9, 0.5),
    "职场技能": (0.9, 1.2, 1.6, 0.9, 0.2),
    "摄影": (0.8, 1.5, 1.1, 0.9, 1.2),
    "烘焙": (1.5, 0.5, 1.0, 1.1, 0.8),
    "旅行": (1.0, 1.0, 1.0, 1.0, 1.3),
    "园艺": (1.1, 0.9, 0.4, 0.9, 2.0),
    "数码": (0.5, 1.9, 1.4, 0.9, 0.6),
}


@dataclass(frozen=True)
class Interests:
    """What moves each follower; hidden from the product, kept so that tests can compare profiles with the truth."""

    early_UT: np.ndarray  # share of attention per theme at the start; rows add up to 1
    late_UT: np.ndarray  # the same after the drift
    drift_ms_U: np.ndarray  # the middle of the drift, epoch milliseconds
    kind_UK: np.ndarray  # liking for the kinds of items; rows have mean 1
    activity_U: np.ndarray  # expected sessions in a full window; 0 for bots and the silent
    warmth_U: np.ndarray  # readiness to like, share and comment; mean about 1
    spending_U: np.ndarray  # readiness to buy; mean about 1
    is_bot_U: np.ndarray

    def themes_at(self, followers: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
        """shares_NT of attention for followers N, each at its own time: a smooth change of about a month."""
        late_N1 = 1 / (1 + np.exp((self.drift_ms_U[followers] - at_ms) / (7.0 * DAY_MS)))[:, None]
        return np.asarray(self.early_UT[followers] * (1 - late_N1) + self.late_UT[followers] * late_N1)


@dataclass(frozen=True)
class Followers:
    """The followers as the brand knows them, and what it does not know."""

    contacts: pl.DataFrame
    followed_ms_U: np.ndarray
    interests: Interests


@cache
def load_people() -> dict[str, Any]:
    """The words of `people.toml`."""
    return tomllib.loads((Path(__file__).parent / "people.toml").read_text("utf-8"))


def count_bots(num_contacts: int) -> int:
    """How many of the contacts are bots: one in 800, at least one."""
    return max(1, num_contacts // 800)


def build_followers(rng: np.random.Generator, num: int, catalogue: Catalogue, now: datetime) -> Followers:
    """`num` followers of the brand at `now`; the last `count_bots(num)` of them are no people."""
    gender_U = rng.choice(len(GENDERS), num, p=(0.62, 0.29, 0.09))
    age_U = rng.choice(len(AGE_BANDS), num, p=(0.19, 0.36, 0.23, 0.1, 0.05, 0.07))
    interests = _draw_interests(rng, catalogue, gender_U, age_U, int(now.timestamp() * 1000))
    followed_ms_U = _follow_times(rng, num, int(now.timestamp() * 1000))
    region_U, city_U = _draw_places(rng, num)
    contacts = pl.DataFrame(
        {
            "external_id": [f"QH{100001 + number}" for number in range(num)],
            "openid": _openids(rng, num),
            "name": _names(rng, gender_U, age_U, interests, catalogue),
            "gender": [GENDERS[gender] for gender in gender_U],
            "age_band": [AGE_BANDS[age] for age in age_U],
            "region": region_U,
            "city": city_U,
            "followed_at": followed_ms_U,
            "tags": _tags(rng, interests, followed_ms_U, now, catalogue),
            "channel": _draw_words(rng, load_people()["channels"], num),
            **_consents(rng, num),
        }
    )
    contacts = contacts.with_columns(pl.col("followed_at").cast(pl.Datetime("ms", "UTC")))
    return Followers(contacts, followed_ms_U, interests)


def _draw_interests(
    rng: np.random.Generator, catalogue: Catalogue, gender_U: np.ndarray, age_U: np.ndarray, now_ms: int
) -> Interests:
    num = len(gender_U)
    appeal_UC = _appeal(catalogue, gender_U, age_U)
    early_UC = _dirichlet(rng, 0.22 * appeal_UC)
    # Most people keep half of what they care for; a few change completely, as a new parent does.
    keep_U1 = rng.choice((1.0, 0.5, 0.1), (num, 1), p=(0.3, 0.5, 0.2))
    late_UC = keep_U1 * early_UC + (1 - keep_U1) * _dirichlet(rng, 0.22 * appeal_UC)
    taste_UT = _theme_taste(rng, num, catalogue)
    is_bot_U = np.arange(num) >= num - count_bots(num)
    is_silent_U = is_bot_U | (rng.random(num) < 0.05)
    return Interests(
        early_UT=early_UC[:, catalogue.category_T] * taste_UT,
        late_UT=late_UC[:, catalogue.category_T] * taste_UT,
        drift_ms_U=now_ms - rng.uniform(0, WINDOW_DAYS, num) * DAY_MS,
        kind_UK=_dirichlet(rng, np.full((num, len(KINDS)), 3.0)) * len(KINDS),
        activity_U=np.where(is_silent_U, 0.0, np.minimum(rng.lognormal(2.35, 0.85, num), 70)),
        warmth_U=rng.lognormal(-0.3, 0.75, num),
        spending_U=rng.lognormal(-0.5, 1.0, num),
        is_bot_U=is_bot_U,
    )


def _appeal(catalogue: Catalogue, gender_U: np.ndarray, age_U: np.ndarray) -> np.ndarray:
    """appeal_UC: how likely each category is to matter to a person of that gender and age."""
    table_C5 = np.array([_CATEGORY_APPEAL[name] for name in catalogue.category_names])
    by_gender_C3 = np.column_stack([table_C5[:, :2], np.ones(len(table_C5))])
    by_age_C6 = np.column_stack([table_C5[:, [2, 2, 3, 3, 4]], np.ones(len(table_C5))])
    return np.asarray((by_gender_C3[:, gender_U] * by_age_C6[:, age_U]).T)


def _dirichlet(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """One Dirichlet draw for every row of `alpha`, floored so that nothing is impossible."""
    gamma = rng.standard_gamma(alpha) + 1e-3
    return np.asarray(gamma / gamma.sum(axis=1, keepdims=True))


def _theme_taste(rng: np.random.Generator, num: int, catalogue: Catalogue) -> np.ndarray:
    """taste_UT: how attention to a category splits among its themes; adds up to 1 within each category."""
    num_categories = len(catalogue.category_names)
    taste_UCt = rng.standard_gamma(0.7, (num, num_categories, len(catalogue.theme_names) // num_categories)) + 0.02
    return np.asarray((taste_UCt / taste_UCt.sum(axis=2, keepdims=True)).reshape(num, -1))


def _follow_times(rng: np.random.Generator, num: int, now_ms: int) -> np.ndarray:
    """Epoch milliseconds at which each one followed: more than half before the window, some yesterday."""
    days_ago_U = np.where(
        rng.random(num) < 0.58, rng.uniform(WINDOW_DAYS, 760, num), rng.uniform(0.2, WINDOW_DAYS, num)
    )
    return np.asarray(now_ms - days_ago_U * DAY_MS, dtype=np.int64)


def _draw_places(rng: np.random.Generator, num: int) -> tuple[list[str], list[str]]:
    """Province and city of each follower; about one in twelve does not say."""
    places = load_people()["places"]
    weights = np.array([place[0] for place in places.values()], dtype=float)
    drawn = rng.choice(len(places), num, p=weights / weights.sum())
    is_hidden = rng.random(num) < 0.08
    names = [*places]
    region = ["" if hidden else names[place] for place, hidden in zip(drawn, is_hidden, strict=True)]
    city = [str(rng.choice(places[name][1:])) if name else "" for name in region]
    return region, city


def _openids(rng: np.random.Generator, num: int) -> list[str]:
    """28 characters in the manner of WeChat, with the prefix one account's openids share."""
    tails = _ALPHABET[rng.integers(0, len(_ALPHABET), (num, 22))]
    return ["oQh7Ws" + "".join(tail) for tail in tails]


def _draw_words(rng: np.random.Generator, weights: dict[str, int], num: int) -> list[str]:
    share = np.array([*weights.values()], dtype=float)
    return [str(word) for word in rng.choice([*weights], num, p=share / share.sum())]


def _names(
    rng: np.random.Generator, gender_U: np.ndarray, age_U: np.ndarray, interests: Interests, catalogue: Catalogue
) -> list[str]:
    """Display names as people choose them; parents often carry their child's."""
    is_parental_C = np.isin(catalogue.category_names, ("母婴", "亲子阅读"))
    parenting_U = interests.early_UT[:, is_parental_C[catalogue.category_T]].sum(axis=1)
    return [
        _bot_name(rng) if is_bot else _name(rng, GENDERS[gender], AGE_BANDS[age], parenting > 0.3)
        for gender, age, parenting, is_bot in zip(gender_U, age_U, parenting_U, interests.is_bot_U, strict=True)
    ]


def _bot_name(rng: np.random.Generator) -> str:
    return f"用户{rng.integers(10**6, 10**7)}"


def _name(rng: np.random.Generator, gender: str, age_band: str, is_parent: bool) -> str:
    people = load_people()

    def pick(words: Sequence[str]) -> str:
        return words[int(rng.integers(len(words)))]

    if is_parent and rng.random() < 0.5:
        return pick(people["children"]) + ("爸爸" if gender == "male" else "妈妈")
    style = rng.random()
    if age_band in ("45_54", "55_plus") and style < 0.5:
        return pick(people["surnames"]) + pick(people["roles_male" if gender == "male" else "roles_female"])
    if style < 0.26:
        return pick(people["adjectives"]) + pick(people["nouns"])
    if style < 0.44:
        return pick(people["surnames"]) + pick(people["given"])
    if style < 0.56:
        return pick(people["latin"]) + (f"_{pick(people['surnames'])}" if style < 0.5 else pick(people["marks"]))
    if style < 0.68:
        return "阿" + pick(people["given"])[-1] + (pick(people["marks"]) if style < 0.62 else "")
    if style < 0.8:
        return (
            f"小{pick(people['surnames'])}同学" if style < 0.74 else pick(people["nouns"]) + str(rng.integers(1, 100))
        )
    return pick(people["nicknames"])


def _tags(
    rng: np.random.Generator, interests: Interests, followed_ms_U: np.ndarray, now: datetime, catalogue: Catalogue
) -> list[list[str]]:
    """Labels a marketer would have set by hand: membership, how new, and for some the field they asked about."""
    num = len(followed_ms_U)
    level_U = rng.choice(("", "银卡会员", "金卡会员", "黑金会员"), num, p=(0.68, 0.2, 0.09, 0.03))
    is_new_U = followed_ms_U > now.timestamp() * 1000 - 30 * DAY_MS
    asked_U = np.where(rng.random(num) < 0.15, interests.late_UT.argmax(axis=1), -1)
    return [
        [
            *([str(level)] if level else []),
            *(["新粉"] if new else []),
            *([_field(catalogue, asked)] if asked >= 0 else []),
        ]
        for level, new, asked in zip(level_U, is_new_U, asked_U, strict=True)
    ]


def _field(catalogue: Catalogue, theme: int) -> str:
    return f"关注{catalogue.category_names[catalogue.category_T[theme]]}"


def _consents(rng: np.random.Generator, num: int) -> dict[str, list[str]]:
    """One column per purpose; most have agreed, some refused, a few took it back, some were never asked."""
    states = ("granted", "denied", "withdrawn", "")
    shares = {
        "marketing": (0.74, 0.1, 0.05, 0.11),
        "personalisation": (0.85, 0.05, 0.02, 0.08),
        "training": (0.83, 0.06, 0.02, 0.09),
    }
    return {
        f"consent_{purpose}": [states[state] for state in rng.choice(len(states), num, p=shares[purpose])]
        for purpose in PURPOSES
    }
