"""What people do with an account (fact sheet 2.5): follow, scan, tap, open, choose, withdraw."""

from dataclasses import dataclass

from connectors.wechat.documents import Document
from connectors.wechat.pushes.base import Event
from connectors.wechat.pushes.wire import as_rows, decimal, find, integer, read_text, rows, text, whole

_SCENE_PREFIX = "qrscene_"


@dataclass(frozen=True, kw_only=True)
class Followed(Event):
    """Somebody follows the account; by a parametric QR code if there is a ticket."""

    names = ("subscribe",)
    event_key: str = text("EventKey", "")
    ticket: str = text("Ticket", "")

    @property
    def scene(self) -> str:
        """The scene of the QR code, as in Scanned; empty without one."""
        return self.event_key.removeprefix(_SCENE_PREFIX) if self.event_key.startswith(_SCENE_PREFIX) else ""


@dataclass(frozen=True, kw_only=True)
class Unfollowed(Event):
    """Somebody left; no message reaches them any more."""

    names = ("unsubscribe",)


@dataclass(frozen=True, kw_only=True)
class Scanned(Event):
    """A follower scanned a parametric QR code."""

    names = ("SCAN",)
    scene: str = text("EventKey", "")
    ticket: str = text("Ticket", "")


@dataclass(frozen=True, kw_only=True)
class LocationReported(Event):
    """Where a follower is, in degrees and metres; on entering the chat or every 5 seconds in it."""

    names = ("LOCATION",)
    latitude: float = decimal("Latitude")
    longitude: float = decimal("Longitude")
    precision_metres: float = decimal("Precision", 0.0)


@dataclass(frozen=True, kw_only=True)
class MenuClicked(Event):
    """A follower tapped a menu button that has a key."""

    names = ("CLICK",)
    key: str = text("EventKey")


@dataclass(frozen=True, kw_only=True)
class MenuLinkOpened(Event):
    """A follower opened a link of the menu. Opens no window for messages."""

    names = ("VIEW",)
    url: str = text("EventKey", "")
    menu_id: str = text("MenuId", "")


@dataclass(frozen=True, kw_only=True)
class MenuMiniProgramOpened(Event):
    """A follower opened a mini program from the menu."""

    names = ("view_miniprogram",)
    page_path: str = text("EventKey", "")
    menu_id: str = text("MenuId", "")


@dataclass(frozen=True, kw_only=True)
class CodeScanned(Event):
    """A follower scanned any code through the menu; `scancode_waitmsg` shows "receiving" until we answer."""

    names = ("scancode_push", "scancode_waitmsg")
    key: str = text("EventKey", "")
    scan_type: str = text("ScanCodeInfo.ScanType", "")
    result: str = text("ScanCodeInfo.ScanResult", "")

    @property
    def identity(self) -> str:
        """The button and what was scanned."""
        return f"{self.key}:{self.result}"


@dataclass(frozen=True, kw_only=True)
class PicturesChosen(Event):
    """A follower sends pictures through the menu; they arrive as messages of their own."""

    names = ("pic_sysphoto", "pic_photo_or_album", "pic_weixin")
    key: str = text("EventKey", "")
    num_pictures: int = integer("SendPicsInfo.Count", 0)
    md5s: tuple[str, ...] = rows("SendPicsInfo.PicList", lambda name, row: read_text(name, row.get("PicMd5Sum", "")))


@dataclass(frozen=True, kw_only=True)
class PlaceChosen(Event):
    """A follower sends a place through the menu, in degrees."""

    names = ("location_select",)
    key: str = text("EventKey", "")
    latitude: float = decimal("SendLocationInfo.Location_X")
    longitude: float = decimal("SendLocationInfo.Location_Y")
    scale: int = integer("SendLocationInfo.Scale", 0)
    label: str = text("SendLocationInfo.Label", "")
    place_name: str = text("SendLocationInfo.Poiname", "")


@dataclass(frozen=True)
class TemplateChoice:
    """What a person decided about the notices of one template."""

    template_id: str
    is_accepted: bool
    popup_scene: str = ""
    """1 web page, 2 article; empty where WeChat does not say."""


def _read_choice(name: str, row: Document) -> TemplateChoice:
    status = read_text(f"{name}.SubscribeStatusString", row.get("SubscribeStatusString", ""))
    scene = read_text(f"{name}.PopupScene", row.get("PopupScene", ""))
    return TemplateChoice(read_text(f"{name}.TemplateId", row.get("TemplateId")), status == "accept", scene)


def _read_choices(document: Document) -> tuple[TemplateChoice, ...]:
    return tuple(_read_choice("List", row) for row in find_subscription_rows(document))


def find_subscription_rows(document: Document) -> list[Document]:
    """The rows of a subscribe_msg event.

    In JSON the wrapper is missing, and the list is an object when it has one row; once the change event came under the
    popup event's name.
    """
    for wrapper in ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"):
        if found := as_rows(wrapper, find(document, f"{wrapper}.List")):
            return found
    return as_rows("List", document.get("List"))


@dataclass(frozen=True, kw_only=True)
class SubscriptionsChosen(Event):
    """A person accepted or refused notices in a popup, or (subscribe_msg_change_event) refused them in the settings."""

    names = ("subscribe_msg_popup_event", "subscribe_msg_change_event")
    choices: tuple[TemplateChoice, ...] = whole(_read_choices)

    @property
    def identity(self) -> str:
        """The templates and the decisions."""
        return ",".join(sorted(f"{choice.template_id}={choice.is_accepted:d}" for choice in self.choices))


@dataclass(frozen=True, kw_only=True)
class PersonEvent(Event):
    """The platform tells about a person: the sender is the platform, the person stands in OpenID."""

    open_id: str = text("OpenID")
    union_id: str = text("UnionID", "")
    app_id: str = text("AppID", "")
    revoke_info: str = text("RevokeInfo", "")

    @property
    def person(self) -> str:
        """Their openid."""
        return self.open_id

    @property
    def identity(self) -> str:
        """What was withdrawn."""
        return self.revoke_info


@dataclass(frozen=True, kw_only=True)
class ProfileCleaned(PersonEvent):
    """WeChat removed a person's nickname or picture: stored copies have to go."""

    names = ("user_info_modified",)


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(PersonEvent):
    """A person withdrew an authorisation: what it had given has to be deleted."""

    names = ("user_authorization_revoke",)


@dataclass(frozen=True, kw_only=True)
class PersonGone(PersonEvent):
    """A person closed their WeChat account: all their data has to be deleted."""

    names = ("user_authorization_cancellation",)


@dataclass(frozen=True, kw_only=True)
class ChatEntered(Event):
    """Somebody opened the mini program's customer chat: two messages may be sent within a minute."""

    names = ("user_enter_tempsession",)
    session_from: str = text("SessionFrom", "")


@dataclass(frozen=True, kw_only=True)
class StaffChatChanged(Event):
    """A chat with the account's human agents began, ended or went to another agent."""

    names = ("kf_create_session", "kf_close_session", "kf_switch_session")
    staff: str = text("KfAccount", "")
    staff_before: str = text("FromKfAccount", "")
    staff_after: str = text("ToKfAccount", "")
    close_type: str = text("CloseType", "")

    @property
    def identity(self) -> str:
        """The agents."""
        return f"{self.staff}:{self.staff_before}:{self.staff_after}"


EVENTS = (
    Followed, Unfollowed, Scanned, LocationReported, MenuClicked, MenuLinkOpened, MenuMiniProgramOpened, CodeScanned,
    PicturesChosen, PlaceChosen, SubscriptionsChosen, ProfileCleaned, ConsentWithdrawn, PersonGone, ChatEntered,
    StaffChatChanged,
)  # fmt: skip
