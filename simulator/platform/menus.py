"""Menus: the one everybody sees, conditional ones, and which of them a person gets (fact sheet 6.1)."""

from typing import Any
from urllib.parse import urlsplit

from simulator.calls import OK, Call, Need, endpoint
from simulator.control import control, get_user
from simulator.errors import Refusal
from simulator.world import Account, User

# button type -> the fields it must have
FIELDS = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "view_limited": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}
MAX_BUTTONS, MAX_SUB_BUTTONS = 3, 5
MAX_NAME_BYTES, MAX_SUB_NAME_BYTES = 16, 60
MAX_KEY_BYTES, MAX_URL_BYTES = 128, 1024
MAX_FOREIGN_DOMAINS = 3
RULE_FIELDS = ("tag_id", "client_platform_type", "language")
SETS: dict[str, Any] = {"need": Need.MENU, "permission_sets": (15,)}


@endpoint("POST", "/cgi-bin/menu/create", daily=1000, test_daily=100, **SETS)
def create_menu(call: Call) -> dict[str, Any]:
    """Sets the menu everybody sees."""
    call.account.menu = {"button": _checked(call), "menuid": call.world.next_id()}
    return OK


@endpoint("GET", "/cgi-bin/menu/get", daily=10_000, **SETS)
def get_menu(call: Call) -> dict[str, Any]:
    """What was set through the API; 46003 when nothing was."""
    account = call.account
    if account.menu is None:
        raise Refusal(46003)
    if not account.conditional_menus:
        return {"menu": {"button": account.menu["button"]}}
    return {"menu": account.menu, "conditionalmenu": account.conditional_menus}


@endpoint("GET", "/cgi-bin/menu/delete", daily=1000, **SETS)
def delete_menu(call: Call) -> dict[str, Any]:
    """Removes the menu, the conditional ones too."""
    call.account.menu, call.account.conditional_menus = None, []
    return OK


@endpoint("GET", "/cgi-bin/get_current_selfmenu_info", **SETS)
def get_shown_menu(call: Call) -> dict[str, Any]:
    """The menu in the console's shape: sub-buttons stand in a `list`."""
    menu = call.account.menu
    if menu is None:
        return {"is_menu_open": 0}
    buttons = [
        {**button, "sub_button": {"list": button["sub_button"]}} if button.get("sub_button") else button
        for button in menu["button"]
    ]
    return {"is_menu_open": 1, "selfmenu_info": {"button": buttons}}


@endpoint("POST", "/cgi-bin/menu/addconditional", daily=2000, **SETS)
def add_conditional(call: Call) -> dict[str, Any]:
    """A menu for those a rule names; there must be one for everybody else."""
    if call.account.menu is None:
        raise Refusal(65303)
    rule = call.body.get("matchrule")
    rule = {name: value for name, value in rule.items() if value not in ("", None)} if isinstance(rule, dict) else {}
    if not rule:
        raise Refusal(65304)
    if set(rule) - set(RULE_FIELDS):
        raise Refusal(65307)
    menu = {"button": _checked(call), "matchrule": rule, "menuid": call.world.next_id()}
    call.account.conditional_menus.append(menu)
    return {"menuid": str(menu["menuid"])}


@endpoint("POST", "/cgi-bin/menu/delconditional", **SETS)
def delete_conditional(call: Call) -> dict[str, Any]:
    """Removes one conditional menu; 65301 when there is none of that number."""
    wanted, menus = str(call.body.get("menuid")), call.account.conditional_menus
    if wanted not in [str(menu["menuid"]) for menu in menus]:
        raise Refusal(65301)
    menus[:] = [menu for menu in menus if str(menu["menuid"]) != wanted]
    return OK


@endpoint("POST", "/cgi-bin/menu/trymatch", daily=20_000, **SETS)
def try_match(call: Call) -> dict[str, Any]:
    """The buttons one person sees."""
    if call.account.menu is None:
        raise Refusal(46003)
    return {"button": shown_menu(call.account, call.user(call.body.get("user_id")))["button"]}


def shown_menu(account: Account, user: User) -> dict[str, Any]:
    """The last made conditional menu whose rule fits the person, else everybody's; empty without any."""
    for menu in reversed(account.conditional_menus):
        if _fits(menu["matchrule"], user):
            return menu
    return account.menu or {"button": []}


def _fits(rule: dict[str, Any], user: User) -> bool:
    is_phone_met = str(rule.get("client_platform_type", "2")) == "2"  # simulated people have Android, in Chinese
    is_language_met = rule.get("language", "zh_CN") == "zh_CN"
    return is_phone_met and is_language_met and ("tag_id" not in rule or int(rule["tag_id"]) in user.tag_ids)


@control("menu_of")
def show_menu_of(world: Any, app_id: str, openid: str) -> dict[str, Any]:
    """The menu a person sees now."""
    return shown_menu(*get_user(world, app_id, openid))


# --- checking -------------------------------------------------------------------------------------------------------


def _checked(call: Call) -> list[dict[str, Any]]:
    buttons = call.body.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MAX_BUTTONS:
        raise Refusal(40016)
    found = [_checked_button(call, button) for button in buttons]
    urls = [one["url"] for button in found for one in (button, *button["sub_button"]) if one.get("type") == "view"]
    domains = {urlsplit(url).hostname for url in urls}
    if call.account.oauth_domain and len(domains - {call.account.oauth_domain}) > MAX_FOREIGN_DOMAINS:
        raise Refusal(65316)
    return found


def _checked_button(call: Call, button: Any) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise Refusal(40017)
    _check_name(button, MAX_NAME_BYTES, 40018)
    subs = button.get("sub_button") or []
    if not subs:
        _check_kind(call, button, is_sub=False)
        return {**button, "sub_button": []}
    if not isinstance(subs, list) or len(subs) > MAX_SUB_BUTTONS:
        raise Refusal(40023)
    for sub in subs:
        if not isinstance(sub, dict):
            raise Refusal(40024)
        _check_name(sub, MAX_SUB_NAME_BYTES, 40025)
        _check_kind(call, sub, is_sub=True)
    return {"name": button["name"], "sub_button": [{**sub, "sub_button": []} for sub in subs]}


def _check_name(button: dict[str, Any], max_bytes: int, errcode: int) -> None:
    name = button.get("name")
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= max_bytes:
        raise Refusal(errcode)


def _check_kind(call: Call, button: dict[str, Any], *, is_sub: bool) -> None:
    wanted = FIELDS.get(str(button.get("type")))
    if wanted is None:
        raise Refusal(40024 if is_sub else 40017)
    missing = [name for name in wanted if not isinstance(button.get(name), str) or not button[name]]
    if "key" in missing or len(button.get("key", "").encode()) > MAX_KEY_BYTES:
        raise Refusal(40026 if is_sub else 40019)
    if "url" in missing or len(button.get("url", "").encode()) > MAX_URL_BYTES:
        raise Refusal(40027 if is_sub else 40020)
    if "url" in wanted and urlsplit(button["url"]).scheme not in ("http", "https"):
        raise Refusal(40054 if is_sub else 40055)
    if missing:
        raise Refusal(40007 if "media_id" in missing else 45064 if "appid" in missing else 40035)
    if button["type"] == "miniprogram" and not _is_linked(call, button["appid"]):
        raise Refusal(45064)


def _is_linked(call: Call, app_id: str) -> bool:
    mini = call.world.state.accounts.get(app_id)
    return mini is not None and mini.is_mini
