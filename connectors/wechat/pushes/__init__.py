"""Pushes, typed: `parse(document)` gives one frozen dataclass per kind, `Unknown` for a kind not known here.

Stage: collect. Reads what crypto.open_push opened; writes nothing. Every push has `event_at` (when it happened) and
`dedupe_key` (the same for every delivery); pushes to an account have `person`, the openid of whom they are about.
"""

from connectors.wechat.documents import Document
from connectors.wechat.errors import BadPush
from connectors.wechat.pushes.base import (
    AccountPush,
    ComponentPush,
    Event,
    FinishedJob,
    Message,
    Push,
    Unknown,
    UnknownNotice,
)
from connectors.wechat.pushes.component import NOTICES, Authorised, TicketIssued, Unauthorised
from connectors.wechat.pushes.events import (
    EVENTS,
    ChatEntered,
    CodeScanned,
    ConsentWithdrawn,
    Followed,
    LocationReported,
    MenuClicked,
    MenuLinkOpened,
    MenuMiniProgramOpened,
    PersonEvent,
    PersonGone,
    PicturesChosen,
    PlaceChosen,
    ProfileCleaned,
    Scanned,
    StaffChatChanged,
    SubscriptionsChosen,
    TemplateChoice,
    Unfollowed,
)
from connectors.wechat.pushes.jobs import (
    JOBS,
    ArticleAddress,
    ArticleCheck,
    MassSent,
    MediaChecked,
    MiniProgramAudited,
    NoticeResult,
    Published,
    SubscriptionSent,
    TemplateSent,
    VerificationChanged,
)
from connectors.wechat.pushes.messages import (
    MESSAGES,
    ImageMessage,
    LinkMessage,
    LocationMessage,
    MiniProgramCard,
    TextMessage,
    VideoMessage,
    VoiceMessage,
)

__all__ = [
    "AccountPush", "ArticleAddress", "ArticleCheck", "Authorised", "ChatEntered", "CodeScanned", "ComponentPush",
    "ConsentWithdrawn", "Event", "FinishedJob", "Followed", "ImageMessage", "LinkMessage", "LocationMessage",
    "LocationReported", "MassSent", "MediaChecked", "MenuClicked", "MenuLinkOpened", "MenuMiniProgramOpened",
    "Message", "MiniProgramAudited", "MiniProgramCard", "NoticeResult", "PersonEvent", "PersonGone", "PicturesChosen",
    "PlaceChosen", "ProfileCleaned", "Published", "Push", "Scanned", "StaffChatChanged", "SubscriptionSent",
    "SubscriptionsChosen", "TemplateChoice", "TemplateSent", "TextMessage", "TicketIssued", "Unauthorised",
    "Unfollowed", "Unknown", "UnknownNotice", "VerificationChanged", "VideoMessage", "VoiceMessage", "parse",
]  # fmt: skip

_MESSAGES: dict[str, type[Push]] = {name: kind for kind in MESSAGES for name in kind.names}
_EVENTS: dict[str, type[Push]] = {name.lower(): kind for kind in (*EVENTS, *JOBS) for name in kind.names}
_NOTICES: dict[str, type[Push]] = {name: kind for kind in NOTICES for name in kind.names}


def parse(document: Document) -> Push:
    """The push that an opened document is. Raises BadPush where a field it must have is missing or wrong."""
    for field, kinds, unknown in (("InfoType", _NOTICES, UnknownNotice), ("MsgType", _MESSAGES, Unknown)):
        name = document.get(field)
        if isinstance(name, str) and name == "event":
            event = document.get("Event")
            return _EVENTS.get(event.lower() if isinstance(event, str) else "", Unknown).read(document)
        if isinstance(name, str):
            return kinds.get(name, unknown).read(document)
    raise BadPush("The push lacks the field %(field)s.", field="MsgType")
