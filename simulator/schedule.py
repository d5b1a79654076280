"""What happens by itself when simulated time passes: jobs that end, tickets, notification retries, crowd ticks.

A task is data (kind and arguments), so that it survives a restart; `@task("kind")` names the function it calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.world import World

TICK_SECONDS = 0.05
TASKS: dict[str, Callable[..., None]] = {}


@dataclass
class Task:
    """Calls `TASKS[kind](world, **arguments)` at `at` (simulated Unix seconds)."""

    at: float
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


def task(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers the function for tasks of this kind; it runs under the world's lock."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        TASKS[kind] = function
        return function

    return register


def run_due(world: World) -> int:
    """Runs what is due, earliest first, also what these tasks add; returns how many ran."""
    num = 0
    with world.lock:
        while due := [one for one in world.state.tasks if one.at <= world.now()]:
            first = min(due, key=lambda one: one.at)
            world.state.tasks.remove(first)
            TASKS[first.kind](world, **first.arguments)
            num += 1
    return num


def run_forever(world: World, stopping: threading.Event) -> None:
    """Ticks until told to stop."""
    while not stopping.wait(TICK_SECONDS):
        run_due(world)
