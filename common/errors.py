"""The error tree. Every error a person may cause says what is wrong and what to do about it, in one sentence each.

Free of Django, so that the learning core can use it. `template` is an English gettext source string with `%(name)s`
slots; the site translates it on display (common/translation.py), so a stored error reads in the reader's language.
"""

from typing import Any


class FanwiseError(Exception):
    """An expected failure. Subclasses set `code` (for machines); the instance carries the sentence (for people)."""

    code = "error"

    def __init__(self, template: str, **context: Any) -> None:
        super().__init__(template)
        self.template = template
        self.context = context

    def __str__(self) -> str:
        return self.template % self.context if self.context else self.template


class BadInput(FanwiseError):
    """What was sent cannot be used; nothing was changed."""

    code = "bad_input"


class Conflict(FanwiseError):
    """The request is well-formed but the object is in a state that forbids it."""

    code = "conflict"


class NotEnoughData(FanwiseError):
    """There is too little data for the asked work; the message says how much more is needed."""

    code = "not_enough_data"


class JobCancelled(FanwiseError):
    """Somebody asked the running job to stop."""

    code = "cancelled"

    def __init__(self, template: str = "Cancelled on request.", **context: Any) -> None:
        super().__init__(template, **context)
