"""The page on which an account's owner authorises a component, and the controls that stand for it."""

from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from simulator import crypto
from simulator.calls import Call, Response, endpoint, page, redirect
from simulator.control import Misuse, control, get_account
from simulator.errors import Refusal
from simulator.platform import component as components
from simulator.world import Account, Component, World, make_secret

LOGIN = "/cgi-bin/componentloginpage"
AUTH_TYPES = {"1": (False,), "2": (True,), "3": (False, True)}  # which of: is a mini program


@endpoint("GET", LOGIN, auth="page")
@endpoint("GET", "/wxaopen/safe/bindcomponent", auth="page")
@endpoint("GET", "/safe/bindcomponent", auth="page")
def show_login(call: Call) -> Response:
    """Lets the owner choose the account; the pre-auth code must be good, and the page be opened from the right site."""
    params = call.params
    component = _component(call.world, params.get("component_appid", ""))
    code, back = params.get("pre_auth_code", ""), params.get("redirect_uri", "")
    if call.now >= component.pre_auth_codes.get(code, 0):
        raise Refusal(61010 if code in component.pre_auth_codes else 61009)
    if component.login_domain and urlsplit(call.request.headers.get("referer", "")).hostname != component.login_domain:
        raise Refusal(61011, "the page was not opened from the registered domain")
    wanted = AUTH_TYPES.get(params.get("auth_type", "3"), (False, True))
    accounts = [
        one
        for one in call.world.state.accounts.values()
        if one.is_mini in wanted and params.get("biz_appid", "") in ("", one.app_id)
    ]
    return page(_choice(component, accounts, {"component_appid": component.app_id, "code": code, "back": back}))


def _choice(component: Component, accounts: list[Account], hidden: dict[str, str]) -> str:
    inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    buttons = "".join(
        f'<p><button name="app_id" value="{one.app_id}">Authorise {escape(one.name)} ({one.app_id})</button></p>'
        for one in accounts
    )
    note = "" if accounts else "<p>No simulated account fits.</p>"
    return (
        '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Simulator</title>'
        f"<body style='font-family:sans-serif;max-width:40em;margin:2em auto'><h1>Simulated authorisation</h1>"
        f"<p>Platform {escape(component.app_id)} asks to act for an account. As its owner, choose:</p>{note}"
        f'<form method="post" action="{LOGIN}/confirm">{inputs}{buttons}</form></body></html>'
    )


@endpoint("POST", f"{LOGIN}/confirm", auth="page")
def confirm_login(call: Call) -> Response:
    """The owner chose: authorises, pushes, and sends the browser back with the code."""
    form = dict(parse_qsl(call.request.body.decode(errors="replace")))
    component = _component(call.world, form.get("component_appid", ""))
    account = call.world.state.accounts.get(form.get("app_id", ""))
    if account is None:
        raise Refusal(40013)
    components.use_pre_auth_code(call.world, component, form.get("code", ""))
    found = components.authorize(call.world, component, account, pre_auth_code=form.get("code", ""))
    fields = urlencode({"auth_code": found.auth_code, "expires_in": components.AUTH_CODE_SECONDS})
    back = form.get("back", "")
    return redirect(f"{back}{'&' if '?' in back else '?'}{fields}")


def _component(world: World, app_id: str) -> Component:
    found = world.state.components.get(app_id)
    if found is None:
        raise Refusal(61011)
    return found


# --- controls -------------------------------------------------------------------------------------------------------


def get_component(world: World, app_id: str) -> Component:
    """The component; raises Misuse."""
    if app_id not in world.state.components:
        raise Misuse(f"no component {app_id}")
    return world.state.components[app_id]


@control("add_component")
def add_component(world: World, app_id: str = "", **fields: Any) -> dict[str, Any]:
    """Makes a third-party platform; `fields`: event_url, message_url, token, aes_key, whitelist, is_published, …"""
    found = Component(
        app_id=app_id or f"wx{make_secret(8)}",
        secret=fields.pop("secret", "") or make_secret(),
        token=fields.pop("token", "") or make_secret(8),
        aes_key=fields.pop("aes_key", "") or crypto.make_key(),
    )
    world.state.components[found.app_id] = found
    change_component(world, found.app_id, **fields)
    components.push_ticket(world, found)
    return {name: getattr(found, name) for name in ("app_id", "secret", "token", "aes_key")}


@control("change_component")
def change_component(world: World, component: str, **fields: Any) -> dict[str, Any]:
    """Sets fields of a component."""
    found = get_component(world, component)
    for name, value in fields.items():
        if not hasattr(found, name) or name in ("app_id", "authorizations"):
            raise Misuse(f"a component's {name} cannot be set")
        setattr(found, name, value)
    return {"component": component, "ticket": found.ticket}


@control("push_ticket")
def push_ticket(world: World, component: str) -> dict[str, Any]:
    """Pushes a ticket now."""
    found = get_component(world, component)
    components.push_ticket(world, found)
    return {"ticket": found.ticket}


@control("authorize")
def authorize(world: World, component: str, app_id: str, permission_sets: list[int] | None = None) -> dict[str, Any]:
    """The account's owner authorises the component, as if by the page; returns the code the redirect would carry."""
    found = components.authorize(world, get_component(world, component), get_account(world, app_id), permission_sets)
    return {"auth_code": found.auth_code, "expires_in": components.AUTH_CODE_SECONDS}


@control("change_permissions")
def change_permissions(world: World, component: str, app_id: str, permission_sets: list[int]) -> dict[str, Any]:
    """The owner grants other permission sets."""
    found = get_component(world, component)
    if app_id not in found.authorizations:
        raise Misuse(f"{app_id} is not authorised")
    components.change_sets(world, found, get_account(world, app_id), permission_sets)
    return {}


@control("revoke")
def revoke(world: World, component: str, app_id: str) -> dict[str, Any]:
    """The owner takes the authorisation back."""
    components.revoke(world, get_component(world, component), get_account(world, app_id))
    return {}
