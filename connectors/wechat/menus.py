"""Menus at the foot of a chat: one for everybody, others for some (by tag or phone); checked whole before they are set.

Phones show a new menu only when the chat is opened anew, or after some minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.wechat.answers import demand, inner, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import BadMessage, NoMenu
from connectors.wechat.limits import check_bytes, check_count, check_filled, check_url

NUM_BUTTONS = 3
NUM_CHILDREN = 5
TOP_NAME_BYTES = 16
CHILD_NAME_BYTES = 60
KEY_BYTES = 128


class ButtonType(StrEnum):
    """What tapping a button does."""

    CLICK = "click"
    VIEW = "view"
    MINIPROGRAM = "miniprogram"
    SCAN = "scancode_push"
    SCAN_WAIT = "scancode_waitmsg"
    PHOTO = "pic_sysphoto"
    PHOTO_OR_ALBUM = "pic_photo_or_album"
    ALBUM = "pic_weixin"
    LOCATION = "location_select"
    MEDIA = "media_id"
    MEDIA_VIEW = "view_limited"
    ARTICLE = "article_id"
    ARTICLE_VIEW = "article_view_limited"


_WITH_KEY = (
    ButtonType.CLICK, ButtonType.SCAN, ButtonType.SCAN_WAIT, ButtonType.PHOTO, ButtonType.PHOTO_OR_ALBUM,
    ButtonType.ALBUM, ButtonType.LOCATION,
)  # fmt: skip
# The fields each type needs; any other is a mistake.
FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_WITH_KEY, ("key",)),
    ButtonType.VIEW: ("url",),
    ButtonType.MINIPROGRAM: ("url", "app_id", "page_path"),
    ButtonType.MEDIA: ("media_id",),
    ButtonType.MEDIA_VIEW: ("media_id",),
    ButtonType.ARTICLE: ("article_id",),
    ButtonType.ARTICLE_VIEW: ("article_id",),
}
_WIRE = {
    "key": "key", "url": "url", "app_id": "appid", "page_path": "pagepath", "media_id": "media_id",
    "article_id": "article_id",
}  # fmt: skip


@dataclass(frozen=True)
class Button:
    """A button with a `type` and the fields of that type, or one without type that opens 1 to 5 `children`."""

    name: str
    type: str = ""
    key: str = ""
    url: str = ""
    app_id: str = ""
    page_path: str = ""
    media_id: str = ""
    article_id: str = ""
    children: tuple["Button", ...] = ()

    def check(self, *, is_child: bool = False) -> None:
        """Raise BadMessage or TooLong for what the platform would refuse."""
        check_bytes("Menu name", self.name, CHILD_NAME_BYTES if is_child else TOP_NAME_BYTES, is_needed=True)
        if self.children or not self.type:
            self._check_parent(is_child)
        else:
            self._check_leaf()

    def _check_parent(self, is_child: bool) -> None:
        if is_child:
            raise BadMessage("The menu entry %(name)s does nothing. Choose what it does.", name=self.name)
        if self.type or any(getattr(self, name) for name in _WIRE):
            raise BadMessage("%(name)s has a submenu, so it cannot do anything itself. Choose one.", name=self.name)
        check_count(f"Menu {self.name}", self.children, 1, NUM_CHILDREN)
        for child in self.children:
            child.check(is_child=True)

    def _check_leaf(self) -> None:
        needed = FIELDS.get(self.type)
        if needed is None:
            raise BadMessage("WeChat knows no menu entry of type %(type)s. Choose another.", type=self.type)
        for name in _WIRE:
            value = getattr(self, name)
            if name in needed:
                check_filled(f"{_WIRE[name]} of menu entry {self.name}", value)
            elif value:
                raise BadMessage(
                    "A menu entry of type %(type)s has no %(field)s. Leave it out.", type=self.type, field=_WIRE[name]
                )
        check_bytes("Menu key", self.key, KEY_BYTES)
        if self.url:
            check_url("Menu link", self.url)

    def body(self) -> dict[str, Any]:
        """The button as the platform reads it."""
        if self.children:
            return {"name": self.name, "sub_button": [child.body() for child in self.children]}
        return {
            "type": self.type, "name": self.name,
            **{wire: getattr(self, name) for name, wire in _WIRE.items() if name in FIELDS[self.type]},
        }  # fmt: skip


@dataclass(frozen=True)
class MatchRule:
    """Whom a conditional menu is for: people of a tag, with a phone (1 iOS, 2 Android, 3 other), in a language."""

    tag_id: int | None = None
    phone: int | None = None
    language: str = ""

    def body(self) -> dict[str, str]:
        """The rule as the platform reads it. Raises BadMessage for one that fits everybody or no phone there is."""
        if self.phone not in (None, 1, 2, 3):
            raise BadMessage("The phone of a conditional menu is 1 (iOS), 2 (Android) or 3 (other). Choose one.")
        rule = {"tag_id": self.tag_id, "client_platform_type": self.phone, "language": self.language or None}
        if all(value is None for value in rule.values()):
            raise BadMessage("A conditional menu needs a tag, a phone or a language. Choose whom it is for.")
        return {name: str(value) for name, value in rule.items() if value is not None}


@dataclass(frozen=True)
class Menu:
    """A menu as it stands; a conditional one has a rule (the platform's fields)."""

    buttons: tuple[Button, ...]
    menu_id: str = ""
    rule: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Menus:
    """The menu for everybody (None when there is none) and the conditional ones."""

    default: Menu | None
    conditional: tuple[Menu, ...] = ()


def check_menu(buttons: tuple[Button, ...]) -> None:
    """Raise BadMessage or TooLong unless the platform would take it: 1 to 3 buttons, each with up to 5 entries."""
    check_count("Menu", buttons, 1, NUM_BUTTONS)
    for button in buttons:
        button.check()


def _bodies(buttons: tuple[Button, ...]) -> list[dict[str, Any]]:
    check_menu(buttons)
    return [button.body() for button in buttons]


def set_menu(client: WeChatClient, *buttons: Button) -> None:
    """Set the menu for everybody, in place of the one there was."""
    client.call("POST", "/cgi-bin/menu/create", body={"button": _bodies(buttons)}, idempotent=True)


def read_menus(client: WeChatClient) -> Menus:
    """The menus set through the API."""
    try:
        answer = client.call("GET", "/cgi-bin/menu/get")
    except NoMenu:
        return Menus(None)
    conditional = tuple(_menu(row) for row in rows(answer, "conditionalmenu"))
    return Menus(_menu(inner(answer, "menu")) if inner(answer, "menu") else None, conditional)


def _menu(row: dict[str, Any]) -> Menu:
    rule = tuple((name, str(value)) for name, value in inner(row, "matchrule").items() if value not in ("", None))
    return Menu(_buttons(rows(row, "button")), text(row, "menuid"), rule)


def _buttons(found: Iterable[dict[str, Any]]) -> tuple[Button, ...]:
    return tuple(_button(row) for row in found)


def _button(row: dict[str, Any]) -> Button:
    fields = {name: text(row, wire) for name, wire in _WIRE.items()}
    below = row.get("sub_button")
    children = rows(below, "list") if isinstance(below, dict) else rows(row, "sub_button")
    return Button(text(row, "name"), text(row, "type"), children=_buttons(children), **fields)


def read_shown_menu(client: WeChatClient) -> Menus:
    """The menu people see, also when it was made in the console (whose entries have types of their own)."""
    answer = client.call("GET", "/cgi-bin/get_current_selfmenu_info")
    shown = _buttons(rows(inner(answer, "selfmenu_info"), "button"))
    return Menus(Menu(shown) if shown and str(answer.get("is_menu_open")) == "1" else None)


def delete_menus(client: WeChatClient) -> None:
    """Remove the menu for everybody and all conditional ones."""
    client.call("GET", "/cgi-bin/menu/delete")


def add_conditional_menu(client: WeChatClient, rule: MatchRule, *buttons: Button) -> str:
    """Set a menu for some people and give its menuid; needs one for everybody (65303); the last that fits wins."""
    path = "/cgi-bin/menu/addconditional"
    return demand(
        client.call("POST", path, body={"button": _bodies(buttons), "matchrule": rule.body()}), "menuid", path
    )


def delete_conditional_menu(client: WeChatClient, menu_id: str) -> None:
    """Remove one conditional menu."""
    client.call("POST", "/cgi-bin/menu/delconditional", body={"menuid": menu_id})


def try_menu(client: WeChatClient, user: str) -> tuple[Button, ...]:
    """The menu a person (openid or WeChat name) would see."""
    answer = client.call("POST", "/cgi-bin/menu/trymatch", body={"user_id": user}, idempotent=True)
    return _buttons(rows(answer, "button") or rows(inner(answer, "menu"), "button"))
