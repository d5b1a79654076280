"""What a follower can do, as small codes that events, datasets and models share. Codes are never reused."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventKind(models.IntegerChoices):
    """The act an event records. The lower-case name is its word in files and in the API."""

    VIEW = 1, _("Viewed")
    READ = 2, _("Read")
    PLAY = 3, _("Played")
    LIKE = 4, _("Liked")
    SHARE = 5, _("Shared")
    COMMENT = 6, _("Commented")
    FAVOURITE = 7, _("Added to favourites")
    FOLLOW = 8, _("Followed")
    UNFOLLOW = 9, _("Unfollowed")
    CLICK = 10, _("Clicked")
    ADD_TO_CART = 11, _("Added to cart")
    PURCHASE = 12, _("Bought")
    REFUND = 13, _("Refunded")
    ENROL = 14, _("Enrolled")
    LESSON_COMPLETE = 15, _("Completed a lesson")
    COURSE_COMPLETE = 16, _("Completed the course")
    MESSAGE_IN = 17, _("Wrote a message")
    MESSAGE_OUT = 18, _("Was sent a message")
    SCAN = 19, _("Scanned a QR code")
    READ_COMMENTS = 20, _("Read the comments")
    CLICK_AVATAR = 21, _("Opened the author's page")
    RATE = 22, _("Rated")
    IMPRESSION = 23, _("Was shown")
    CUSTOM = 24, _("Did something else")  # the text begins with the brand's own word for it

    @property
    def word(self) -> str:
        """The kind's word in files and in the API."""
        return self.name.lower()


KIND_BY_WORD: dict[str, EventKind] = {kind.word: kind for kind in EventKind}
WORD_CHOICES = [(word, word) for word in KIND_BY_WORD]


class Source(models.IntegerChoices):
    """Where an event came from; with the source's own id it makes the event unique within the brand."""

    UPLOAD = 1, _("Uploaded")
    API = 2, _("Sent by API")
    TRACKER = 3, _("Observed by the tracker")
    WECHAT = 4, _("Pushed by WeChat")
    MINI_PROGRAM = 5, _("Observed in the mini program")
