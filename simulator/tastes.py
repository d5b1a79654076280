"""The hidden side of the crowd: what each follower likes, when they look at their phone, what they do when pleased.

Everything follows from the seed, the account and the follower's number, so nothing is stored however large the crowd
is, and the product can be judged against a truth that it never sees.
"""

import functools
import math
import random
from dataclasses import dataclass

TOPICS: dict[str, tuple[str, ...]] = {
    "fitness": ("健身", "瑜伽", "跑步", "减脂", "运动", "训练", "fitness", "yoga", "running", "workout"),
    "food": ("美食", "烘焙", "咖啡", "料理", "食谱", "餐", "food", "baking", "coffee", "recipe"),
    "travel": ("旅行", "旅游", "酒店", "露营", "户外", "机票", "travel", "hotel", "camping", "trip"),
    "parenting": ("育儿", "亲子", "宝宝", "孩子", "母婴", "绘本", "parent", "baby", "child", "kids"),
    "beauty": ("护肤", "美妆", "口红", "面膜", "防晒", "香水", "beauty", "skin", "makeup", "lipstick"),
    "fashion": ("穿搭", "服饰", "连衣裙", "鞋", "包包", "新款", "fashion", "dress", "shoes", "outfit"),
    "money": ("理财", "基金", "保险", "投资", "股票", "储蓄", "finance", "fund", "invest", "insurance"),
    "language": ("英语", "单词", "口语", "雅思", "日语", "阅读", "english", "vocabulary", "language", "grammar"),
    "code": ("编程", "算法", "数据", "模型", "代码", "人工智能", "python", "code", "data", "machine learning"),
    "career": ("职场", "求职", "面试", "管理", "简历", "效率", "career", "interview", "manager", "resume"),
    "home": ("家居", "收纳", "装修", "家电", "绿植", "床品", "home", "furniture", "kitchen", "garden"),
    "culture": ("读书", "电影", "音乐", "历史", "摄影", "展览", "book", "film", "music", "history"),
}
NAMES = tuple(TOPICS)
# Share of a day's attention in each Beijing hour: breakfast, lunch, and the long evening.
RHYTHM = (
    1.2,
    0.6,
    0.3,
    0.2,
    0.2,
    0.5,
    1.5,
    3.4,
    4.6,
    4.2,
    3.8,
    4.0,
    6.0,
    5.4,
    3.8,
    3.6,
    3.8,
    4.6,
    6.0,
    6.8,
    8.4,
    9.6,
    8.2,
    4.4,
)
NIGHT_OWL_HOURS = 2
_LOVED, _LIKED, _INDIFFERENT = 1.0, 0.55, 0.06


@dataclass(frozen=True, slots=True)
class Member:
    """One follower's hidden traits; shares and rates are probabilities per occasion."""

    number: int
    loves: int  # index of a topic
    likes: tuple[int, int]
    curiosity: float  # of opening what one half cares for
    warmth: float  # of liking, sharing, answering after a good read
    thrift: float  # 0 buys on a whim, 1 never buys
    patience: int  # messages a week borne before leaving
    is_night_owl: bool
    comes_by_phone: str  # ios | android


def topics_of(text: str) -> list[float]:
    """How much a text is about each topic: shares that add up to 1, all 0 when it is about none."""
    lowered = text.lower()
    hits = [sum(lowered.count(word) for word in words) for words in TOPICS.values()]
    total = sum(hits)
    return [num / total if total else 0.0 for num in hits]


@functools.lru_cache(maxsize=20_000)
def member_of(seed: int, app_id: str, number: int) -> Member:
    """The same traits for the same seed, account and number, for ever."""
    dice = random.Random(f"{seed} {app_id} {number}")
    loves, first, second = dice.sample(range(len(NAMES)), 3)
    return Member(
        number=number,
        loves=loves,
        likes=(first, second),
        curiosity=dice.betavariate(2, 3),
        warmth=dice.betavariate(1.5, 6),
        thrift=dice.betavariate(5, 2),
        patience=2 + int(dice.expovariate(1 / 6)),
        is_night_owl=dice.random() < 0.25,
        comes_by_phone="ios" if dice.random() < 0.4 else "android",
    )


def affinity(member: Member, topics: list[float]) -> float:
    """0..1: how much the member cares for a text of these topics; a text about nothing leaves them lukewarm."""
    if not any(topics):
        return 0.25
    return sum(share * _fondness(member, index) for index, share in enumerate(topics) if share)


def reading_chance(member: Member, topics: list[float]) -> float:
    """The probability that a delivered text is ever opened."""
    care = affinity(member, topics)
    return min(0.9, care * (0.25 + 0.6 * member.curiosity))


def attention(member: Member, hour: float) -> float:
    """How likely the member looks at the phone in this Beijing hour, 1 on the day's average."""
    shifted = int(hour - (NIGHT_OWL_HOURS if member.is_night_owl else 0)) % 24
    return RHYTHM[shifted] * 24 / sum(RHYTHM)


def interest_fades(age_seconds: float, span_seconds: float) -> float:
    """The share of all openings that fall into `span_seconds` beginning at this age: half within nine hours."""
    half_life = 9 * 3600.0
    return math.pow(0.5, age_seconds / half_life) - math.pow(0.5, (age_seconds + span_seconds) / half_life)


def _fondness(member: Member, topic: int) -> float:
    if topic == member.loves:
        return _LOVED
    return _LIKED if topic in member.likes else _INDIFFERENT
