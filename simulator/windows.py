"""When an account may answer a person: the windows that the person's acts open, a dated table (fact sheet 4.1)."""

from dataclasses import dataclass

from simulator.errors import Refusal
from simulator.world import User

MINUTE_SECONDS, TWO_DAYS_SECONDS = 60, 48 * 3600


@dataclass(frozen=True)
class Rule:
    """So many messages within so many seconds of the trigger."""

    num_messages: int
    seconds: int


# As documented in 2025.
RULES = {
    "message": Rule(5, TWO_DAYS_SECONDS),
    "menu": Rule(3, MINUTE_SECONDS),  # CLICK, scancode_push, scancode_waitmsg, and a tap on a msgmenu item
    "follow": Rule(3, MINUTE_SECONDS),
    "scan": Rule(3, MINUTE_SECONDS),
    "mini_message": Rule(5, TWO_DAYS_SECONDS),
    "mini_enter": Rule(2, MINUTE_SECONDS),
}


def open_window(user: User, trigger: str, now: float) -> None:
    """The person did what opens a window; its quota starts again."""
    if trigger in RULES:
        user.windows[trigger] = [now, 0]


def open_windows(user: User, now: float) -> dict[str, int]:
    """The windows still open in time -> messages left in each."""
    return {
        trigger: max(RULES[trigger].num_messages - int(used), 0)
        for trigger, (opened_at, used) in user.windows.items()
        if now - opened_at < RULES[trigger].seconds
    }


def spend_window(user: User, now: float) -> None:
    """Takes one message from the open window that ends first; 45015 if none is open, 45047 if all are used up."""
    left = open_windows(user, now)
    if not left:
        raise Refusal(45015)
    usable = [trigger for trigger, num in left.items() if num]
    if not usable:
        raise Refusal(45047)
    first = min(usable, key=lambda trigger: user.windows[trigger][0] + RULES[trigger].seconds)
    user.windows[first][1] += 1
