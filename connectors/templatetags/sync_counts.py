"""The counts of a pass in words."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

WORDS: dict[str, str | Promise] = {
    "following": _("following"),
    "new": _("new people"),
    "left": _("left"),
    "asked": _("asked about"),
    "same_person": _("known under another account"),
    "merged": _("merged by UnionID"),
    "tags": _("tags"),
    "tagged": _("tagged here"),
    "untagged": _("untagged here"),
    "put_on": _("tagged on WeChat"),
    "taken_off": _("untagged on WeChat"),
    "refused": _("refused by WeChat"),
    "new_articles": _("new articles"),
    "known_articles": _("known articles"),
    "new_drafts": _("new drafts"),
    "known_drafts": _("known drafts"),
    "drafts_gone": _("drafts gone"),
    "templates": _("templates"),
    "new_templates": _("new templates"),
    "templates_gone": _("templates gone"),
    "blocked": _("on the blacklist"),
    "newly_blocked": _("newly on it"),
    "lifted": _("taken off it"),
    "rows": _("rows"),
    "not_allowed": _("reports not allowed"),
}


@register.filter
def counted(counts: dict[str, int]) -> list[tuple[str | Promise, int]]:
    """(words, number) of every count that is not zero, in the order of the words."""
    return [(word, counts[name]) for name, word in WORDS.items() if counts.get(name)]
