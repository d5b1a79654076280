"""Why an item is shown: a stored English sentence with slots, so that every reader gets it in the own language.

Stage: prediction. Pure rules; what they need is passed in.
"""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop as _

from audience.kinds import EventKind
from common.translation import translated

BECAUSE_OF = "because_of"
POPULAR_WEEK = "popular_week"
POPULAR = "popular"
NEW = "new"
LATEST = "latest"
NEW_FOR_YOU = "new_for_you"
SIMILAR_TO = "similar_to"
SIMILAR_CONTENT = "similar_content"
FOR_YOU = "for_you"
PROFILE = "profile"
PEERS = "peers"
HABIT = "habit"

MIN_PEOPLE = 3
"""Fewer people than this in a week are not called popular, and not counted out loud."""
_BECAUSE: dict[EventKind, str] = {
    EventKind.VIEW: _("Because you looked at “%(title)s”"),
    EventKind.CLICK: _("Because you looked at “%(title)s”"),
    EventKind.CLICK_AVATAR: _("Because you looked at the author of “%(title)s”"),
    EventKind.READ: _("Because you read “%(title)s”"),
    EventKind.PLAY: _("Because you played “%(title)s”"),
    EventKind.READ_COMMENTS: _("Because you read the comments on “%(title)s”"),
    EventKind.RATE: _("Because you rated “%(title)s”"),
    EventKind.LIKE: _("Because you liked “%(title)s”"),
    EventKind.COMMENT: _("Because you commented on “%(title)s”"),
    EventKind.SHARE: _("Because you shared “%(title)s”"),
    EventKind.FAVOURITE: _("Because you saved “%(title)s”"),
    EventKind.ADD_TO_CART: _("Because “%(title)s” is in your cart"),
    EventKind.LESSON_COMPLETE: _("Because you are learning “%(title)s”"),
    EventKind.COURSE_COMPLETE: _("Because you completed “%(title)s”"),
    EventKind.PURCHASE: _("Because you bought “%(title)s”"),
    EventKind.ENROL: _("Because you enrolled in “%(title)s”"),
}
_TEMPLATES = {
    POPULAR_WEEK: _("Popular this week: %(num_people)s people"),
    POPULAR: _("Popular with followers"),
    NEW: _("New in the catalogue"),
    LATEST: _("One of the latest in the catalogue"),
    NEW_FOR_YOU: _("New, and close to what you like"),
    SIMILAR_TO: _("Often chosen together with “%(title)s”"),
    SIMILAR_CONTENT: _("On the same subject as “%(title)s”"),
    FOR_YOU: _("Chosen for you"),
    PROFILE: _("Matches the profile: “%(word)s”"),
    PEERS: _("Popular with people like you: %(num_people)s people"),
}
_HABITS = {
    "transfers": _("You share a lot, and %(num_people)s people shared this"),
    "comments": _("You comment a lot, and %(num_people)s people commented on this"),
    "likes": _("You like a lot, and %(num_people)s people liked this"),
    "time_spent": _("You take your time, and %(num_people)s people stayed long with this"),
}


@dataclass(frozen=True)
class Reason:
    """A code for machines; a template and its values for people."""

    code: str
    template: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence in the active language."""
        return translated(self.template, self.params)

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        return {"code": self.code, "text": self.text, "params": self.params}


def because(kind: int, title: str, external_id: str) -> Reason:
    """The act of this kind on that item is the strongest word for the recommended one."""
    act = EventKind(kind)
    return Reason(BECAUSE_OF, _BECAUSE[act], {"title": title, "external_id": external_id, "act": act.word})


def popular(num_people_week: int) -> Reason:
    """Many act on it: how many contacts this week, when that is worth saying."""
    if num_people_week < MIN_PEOPLE:
        return plain(POPULAR)
    return Reason(POPULAR_WEEK, _TEMPLATES[POPULAR_WEEK], {"num_people": num_people_week})


def about(code: str, title: str, external_id: str) -> Reason:
    """The item stands close to another one (`SIMILAR_TO`, `SIMILAR_CONTENT`)."""
    return Reason(code, _TEMPLATES[code], {"title": title, "external_id": external_id})


def matches(word: str) -> Reason:
    """The profile and the item share this word."""
    return Reason(PROFILE, _TEMPLATES[PROFILE], {"word": word})


def peers(num_people: int) -> Reason:
    """So many people of the same gender and age band acted on it lately."""
    return Reason(PEERS, _TEMPLATES[PEERS], {"num_people": num_people})


def habit(column: str, num_people: int) -> Reason:
    """So many people did with it what the contact does far more than the average."""
    return Reason(HABIT, _HABITS[column], {"num_people": num_people, "habit": column})


def plain(code: str) -> Reason:
    """A reason without particulars."""
    return Reason(code, _TEMPLATES[code])
