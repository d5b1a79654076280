"""Faults on request: which calls fail, how, and how often (fact sheet 14.4)."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = ("errcode", "hang", "close", "html", "broken_json", "slow", "status", "kill_token")


@dataclass
class Fault:
    """One rule. Matches calls of `app_id` (empty: any) whose path starts with `path` (empty: any).

    `after` lets the call take effect first and spoils only its answer: the caller cannot know.
    """

    kind: str
    app_id: str = ""
    path: str = ""
    errcode: int = -1
    status: int = 502
    seconds: float = 0.0  # of hang and slow
    remaining: int | None = None  # the next so many calls; None: until removed
    probability: float = 1.0
    after: bool = False
    address: str = ""


def pick(faults: list[Fault], app_id: str, path: str, dice: random.Random) -> Fault | None:
    """The first rule that strikes this call; its count goes down, at nought it is removed."""
    for fault in faults:
        is_meant = fault.app_id in ("", app_id) and path.startswith(fault.path)
        if is_meant and (fault.probability >= 1 or dice.random() < fault.probability):
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining <= 0:
                    faults.remove(fault)
            return fault
    return None
