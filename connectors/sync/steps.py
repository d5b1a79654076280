"""The unit of a pass: one answer of the platform, written in one transaction together with where to go on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.models import SyncRun
from connectors.wechat.client import WeChatClient


@dataclass(frozen=True)
class Step:
    """`write` runs inside the brand's scope and returns counts to add; then the pass stands at `cursor`."""

    write: Callable[[], dict[str, int]]
    cursor: dict[str, Any]
    done: int = 0
    total: int = 0
    stage: str = ""
    totals: dict[str, int] = field(default_factory=dict)
    """Counts that replace earlier ones instead of adding."""


Pass = Callable[[SyncRun, WeChatClient], Iterator[Step]]
"""Yields steps from where `run.cursor` stands. It calls the platform between steps, outside any transaction."""
