"""Sentences of Django and DRF that their own Chinese catalogues lack, so that ours has them.

Nothing imports this: the collector of messages reads it, and Django finds the translations under the same English text.
"""

from django.utils.translation import gettext_noop, ngettext_lazy

TOO_SHORT = ngettext_lazy(
    "This password is too short. It must contain at least %d character.",
    "This password is too short. It must contain at least %d characters.",
)
BIG_INTEGER = gettext_noop("A valid biginteger is required.")
TOO_LARGE = gettext_noop("Integer value too large to convert to float")
