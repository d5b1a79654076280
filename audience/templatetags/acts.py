"""Template filters of events."""

from django import template

from audience.kinds import EventKind

register = template.Library()

_LOOKS = {
    EventKind.VIEW: ("ti-eye", "secondary"),
    EventKind.READ: ("ti-book", "azure"),
    EventKind.PLAY: ("ti-player-play", "azure"),
    EventKind.LIKE: ("ti-thumb-up", "orange"),
    EventKind.SHARE: ("ti-share-3", "teal"),
    EventKind.COMMENT: ("ti-message-2", "purple"),
    EventKind.FAVOURITE: ("ti-star", "yellow"),
    EventKind.FOLLOW: ("ti-user-plus", "green"),
    EventKind.UNFOLLOW: ("ti-user-minus", "red"),
    EventKind.CLICK: ("ti-pointer", "secondary"),
    EventKind.ADD_TO_CART: ("ti-shopping-cart-plus", "orange"),
    EventKind.PURCHASE: ("ti-shopping-bag", "green"),
    EventKind.REFUND: ("ti-receipt-refund", "red"),
    EventKind.ENROL: ("ti-school", "purple"),
    EventKind.LESSON_COMPLETE: ("ti-checklist", "purple"),
    EventKind.COURSE_COMPLETE: ("ti-certificate", "green"),
    EventKind.MESSAGE_IN: ("ti-message-circle", "teal"),
    EventKind.MESSAGE_OUT: ("ti-send", "secondary"),
    EventKind.SCAN: ("ti-qrcode", "teal"),
    EventKind.READ_COMMENTS: ("ti-messages", "azure"),
    EventKind.CLICK_AVATAR: ("ti-user-circle", "secondary"),
    EventKind.RATE: ("ti-stars", "yellow"),
    EventKind.IMPRESSION: ("ti-eye-dotted", "secondary"),
    EventKind.CUSTOM: ("ti-bolt", "secondary"),
}


@register.filter
def kind_icon(kind: int) -> str:
    """The icon class of an event kind."""
    return _LOOKS[EventKind(kind)][0]


@register.filter
def kind_colour(kind: int) -> str:
    """The colour word of an event kind."""
    return _LOOKS[EventKind(kind)][1]


@register.filter
def kind_label(kind: int) -> str:
    """What an event kind is called: "Bought"."""
    return str(EventKind(kind).label)
