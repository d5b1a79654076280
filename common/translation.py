"""Show stored errors and notes in the reader's language."""

from typing import Any

from django.utils.translation import gettext

from common.errors import FanwiseError


def translated(template: str, context: dict[str, Any] | None = None) -> str:
    """`template` in the active language with its `%(name)s` slots filled from `context`."""
    if not template:
        return ""
    text = gettext(template)
    return text % context if context else text


def explain(error: FanwiseError) -> str:
    """The error's sentence in the active language."""
    return translated(error.template, error.context)
