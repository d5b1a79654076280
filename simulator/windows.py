"""When an account may answer a person: the windows that the person's acts open (fact sheet 4.1)."""

from simulator.world import User

# trigger -> (messages, seconds)
RULES = {
    "message": (5, 48 * 3600),
    "menu": (3, 60),
    "follow": (3, 60),
    "scan": (3, 60),
    "mini_message": (5, 48 * 3600),
    "mini_enter": (2, 60),
}


def open_window(user: User, trigger: str, now: float) -> None:
    """The person did what opens a window; its quota starts again."""
    if trigger in RULES:
        user.windows[trigger] = [now, 0]
