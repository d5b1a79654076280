"""A small word list of our own that says which texts clearly praise or complain: weak labels, and the model to beat.

Stage: features. A text's score is its praise minus its complaints; a negation shortly before a word turns it around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.content.tokens import split_words

NEGATIVE, NEUTRAL, POSITIVE = "negative", "neutral", "positive"
TONES = (NEGATIVE, NEUTRAL, POSITIVE)
REACH_WORDS = 2
"""A negation turns the words this near behind it."""
_PRAISE = frozenset(
    [
        "好",
        "棒",
        "赞",
        "爱",
        "美",
        "香",
        "很棒",
        "真棒",
        "太棒",
        "喜欢",
        "超爱",
        "不错",
        "满意",
        "推荐",
        "好用",
        "好吃",
        "好喝",
        "好看",
        "漂亮",
        "优秀",
        "实用",
        "有用",
        "感谢",
        "谢谢",
        "多谢",
        "辛苦",
        "贴心",
        "细心",
        "耐心",
        "专业",
        "舒服",
        "舒适",
        "方便",
        "划算",
        "超值",
        "值得",
        "物美价廉",
        "回购",
        "收藏",
        "收获",
        "学到",
        "受益",
        "干货",
        "期待",
        "惊喜",
        "开心",
        "高兴",
        "快乐",
        "幸福",
        "温柔",
        "可爱",
        "精致",
        "完美",
        "支持",
        "点赞",
        "给力",
        "靠谱",
        "放心",
        "清楚",
        "清晰",
        "易懂",
        "详细",
        "及时",
        "好评",
        "五星",
        "安利",
        "种草",
        "爱了",
        "绝了",
        "治愈",
        "有效",
        "管用",
        "真香",
        "同感",
        "太好了",
        "马克",
        "mark",
        "学习",
        "学会",
        "喜爱",
        "友好",
        "热情",
        "great",
        "good",
        "love",
        "nice",
        "perfect",
        "excellent",
        "thanks",
        "thank",
        "awesome",
        "amazing",
        "happy",
        "👍",
        "❤",
        "😍",
        "🥰",
        "😊",
        "😄",
        "😁",
        "🎉",
        "💯",
        "👏",
        "🌹",
        "💕",
        "[微笑]",
        "[玫瑰]",
        "[强]",
        "[爱心]",
        "[鼓掌]",
        "[可爱]",
        "[偷笑]",
        "[呲牙]",
        "[愉快]",
        "[拥抱]",
        "[庆祝]",
    ]
)
_COMPLAINTS = frozenset(
    [
        "差",
        "烂",
        "贵",
        "慢",
        "坏",
        "假",
        "骗",
        "难",
        "臭",
        "丑",
        "失望",
        "差评",
        "投诉",
        "退货",
        "退款",
        "垃圾",
        "难用",
        "难吃",
        "难喝",
        "难看",
        "糟糕",
        "太差",
        "很差",
        "劣质",
        "假货",
        "骗人",
        "骗子",
        "坑人",
        "后悔",
        "生气",
        "愤怒",
        "无语",
        "恶心",
        "讨厌",
        "敷衍",
        "态度差",
        "没人",
        "没用",
        "无用",
        "无聊",
        "广告",
        "太贵",
        "太慢",
        "拖延",
        "破损",
        "坏了",
        "漏了",
        "漏发",
        "少发",
        "错发",
        "过期",
        "异味",
        "过敏",
        "刺痛",
        "红肿",
        "掉色",
        "开裂",
        "卡顿",
        "闪退",
        "打不开",
        "不行",
        "不好",
        "不值",
        "不会",
        "再也",
        "取关",
        "拉黑",
        "举报",
        "标题党",
        "水文",
        "看不懂",
        "不清楚",
        "复杂",
        "麻烦",
        "担心",
        "怀疑",
        "失效",
        "上当",
        "鸡肋",
        "一般般",
        "一般",
        "凑合",
        "bad",
        "terrible",
        "awful",
        "poor",
        "hate",
        "broken",
        "refund",
        "slow",
        "disappointed",
        "disappointing",
        "fake",
        "👎",
        "😡",
        "😠",
        "😤",
        "😞",
        "😢",
        "😭",
        "💔",
        "🤮",
        "[怒]",
        "[发怒]",
        "[抓狂]",
        "[撇嘴]",
        "[流泪]",
        "[大哭]",
        "[弱]",
        "[吐]",
        "[鄙视]",
        "[白眼]",
        "[难过]",
        "[裂开]",
    ]
)
_NEGATIONS = frozenset(
    [
        "不",
        "没",
        "没有",
        "别",
        "无",
        "未",
        "不是",
        "不太",
        "不够",
        "不怎么",
        "并不",
        "毫不",
        "从不",
        "not",
        "no",
        "never",
    ]
)
_QUESTIONS = frozenset(
    [
        "?",
        "吗",
        "呢",
        "么",
        "请问",
        "怎么",
        "怎样",
        "如何",
        "多少",
        "几",
        "哪里",
        "哪",
        "哪个",
        "什么",
        "什么时候",
        "是否",
        "有没有",
        "能否",
        "可以",
        "how",
        "what",
        "when",
        "where",
        "which",
    ]
)


def score(words: Sequence[str]) -> int:
    """Praise minus complaints; a word in reach of an odd number of negations counts the other way round."""
    total = 0
    for place, word in enumerate(words):
        worth = (word in _PRAISE) - (word in _COMPLAINTS)
        before = words[max(0, place - REACH_WORDS) : place]
        total += -worth if sum(one in _NEGATIONS for one in before) % 2 else worth
    return total


def weak_tone(text: str, rating: float | None = None) -> str:
    """The tone that a rating of 1 to 5 or, without one, the words clearly show; "" where nothing does."""
    if rating is not None and 1 <= rating <= 5:
        return NEGATIVE if rating <= 2 else POSITIVE if rating >= 4 else NEUTRAL
    words = split_words(text)
    total = score(words)
    if total:
        return POSITIVE if total > 0 else NEGATIVE
    return NEUTRAL if any(word in _QUESTIONS for word in words) else ""


@dataclass(frozen=True)
class WordList:
    """The word list as a tone model, for brands with too little text to learn from; how sure it is, nobody measured."""

    kind: str = "word_list"
    classes: tuple[str, ...] = TONES

    def tones(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Shares of belief_N3: the more words agree the surer, half and half where nothing is clear."""
        totals_N = np.array([score(split_words(text)) for text in texts], np.float64)
        sure_N = np.minimum(0.5 + 0.15 * np.abs(totals_N), 0.95)
        rest_N = (1 - sure_N) / 2
        chosen_N = np.where(totals_N < 0, 0, np.where(totals_N > 0, 2, 1))
        return np.where(chosen_N[:, None] == np.arange(3), sure_N[:, None], rest_N[:, None])
