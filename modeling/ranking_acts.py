"""Words of what can follow when an item is shown, and how much each is worth. Pure; shared by data, models and pages.

An event code is an index into EVENTS. The first is the item being shown; "open" (viewed, read, played) is an act where
the showing itself is on record, and the exposure itself where it is not.
"""

from __future__ import annotations

IMPRESSION = "impression"
OPEN = "open"
ACTS = (
    OPEN,
    "click",
    "read_comments",
    "click_avatar",
    "like",
    "favourite",
    "share",
    "comment",
    "follow",
    "add_to_cart",
    "purchase",
    "enrol",
    "complete",
)
"""What may be predicted, in this order."""
EVENTS = (IMPRESSION, *ACTS, "rate")
"""Every kind of event the ranking data knows; the code of a word is its place."""
CODES = {word: code for code, word in enumerate(EVENTS)}
WECHAT_WEIGHTS = {
    "read_comments": 4.0,
    "like": 3.0,
    "click_avatar": 2.0,
    "share": 1.0,
    "favourite": 1.0,
    "comment": 1.0,
    "follow": 1.0,
}
"""Weights of the WeChat Big Data Challenge 2021 (semi-final; "forward" there is share here)."""
VALUES = {
    "purchase": 10.0,
    "enrol": 10.0,
    "add_to_cart": 4.0,
    "share": 3.0,
    "complete": 3.0,
    "comment": 2.0,
    "follow": 2.0,
    "favourite": 2.0,
    "like": 1.0,
    "read_comments": 1.0,
    "click_avatar": 0.5,
    "click": 0.5,
    OPEN: 0.2,
}
"""What one act is worth when items are put in order: purchase > share > comment > like > click."""
