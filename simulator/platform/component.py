"""Open Platform components: tickets, tokens, authorisations and what is told about them (fact sheet 8)."""

import secrets
from typing import Any

from simulator.calls import OK, Call, endpoint
from simulator.control import STARTS
from simulator.errors import Refusal
from simulator.platform.tokens import issue
from simulator.pushing import push_component_event
from simulator.schedule import task
from simulator.world import Account, Authorization, Component, IssuedToken, World

TOKEN_SECONDS = 7200
TICKET_SECONDS = 12 * 3600
PRE_AUTH_SECONDS = 1800
AUTH_CODE_SECONDS = 3600
MAX_LISTED = 500
OPTIONS = {"location_report": ("0", "1", "2"), "voice_recognize": ("0", "1"), "customer_service": ("0", "1")}
OFFICIAL_SETS = [1, 2, 3, 4, 6, 7, 11, 15, 23, 24, 26, 27, 33, 34, 35, 44, 46, 47, 89, 100, 101]
MINI_SETS = [17, 18, 19, 25, 30, 31, 36, 37, 40, 41, 45, 48, 49, 88]
EXCLUSIVE_SETS = (4, 24, 54)  # one component at a time has them
API = "/cgi-bin/component"


# --- tickets and the component's own token --------------------------------------------------------------------------


def start_tickets(world: World) -> None:
    """Pushes a new ticket to every component, now and every ten minutes."""
    if not any(one.kind == "component.tickets" for one in world.state.tasks):
        world.later(world.settings.ticket_seconds, "component.tickets")


STARTS.append(start_tickets)


@task("component.tickets")
def push_tickets(world: World) -> None:
    """A round of tickets, and the next round."""
    for component in world.state.components.values():
        if component.is_pushing_tickets:
            push_ticket(world, component)
    world.later(world.settings.ticket_seconds, "component.tickets")


def push_ticket(world: World, component: Component) -> None:
    """A ticket of twelve hours; earlier ones stay good until their own end."""
    component.ticket = f"ticket@@@{secrets.token_urlsafe(60)}"
    until = world.now() + TICKET_SECONDS
    world.state.tokens[component.ticket] = IssuedToken(component.app_id, "ticket", until, until)
    push_component_event(world, component, "component_verify_ticket", ComponentVerifyTicket=component.ticket)


@endpoint("POST", f"{API}/api_start_push_ticket", auth="none")
def start_pushing(call: Call) -> dict[str, Any]:
    """Begins again to push tickets, with one at once."""
    component = _check_component_secret(call, "component_secret")
    component.is_pushing_tickets = True
    push_ticket(call.world, component)
    return OK


@endpoint("POST", f"{API}/api_component_token", auth="none")
def get_component_token(call: Call) -> dict[str, Any]:
    """component_access_token for secret and ticket."""
    component = _check_component_secret(call, "component_appsecret")
    if component.whitelist is not None and call.request.address not in component.whitelist:
        raise Refusal(61004, call.request.address)
    ticket = call.world.state.tokens.get(str(call.body.get("component_verify_ticket") or ""))
    if ticket is None or ticket.pool != "ticket" or ticket.app_id != component.app_id:
        raise Refusal(61006)
    if call.now >= ticket.expires_at:
        raise Refusal(61005)
    text, _ = issue(call.world, component.app_id, "component")
    return {"component_access_token": text, "expires_in": TOKEN_SECONDS}


def _check_component_secret(call: Call, name: str) -> Component:
    component = call.world.state.components.get(str(call.body.get("component_appid") or ""))
    if component is None:
        raise Refusal(61011)
    call.act_for(None, component)
    secret = call.body.get(name)
    if not secret:
        raise Refusal(41004)
    if not secrets.compare_digest(str(secret).encode(), component.secret.encode()):
        raise Refusal(40125)
    return component


# --- authorising ----------------------------------------------------------------------------------------------------


@endpoint("POST", f"{API}/api_create_preauthcode", auth="component")
def create_pre_auth_code(call: Call) -> dict[str, Any]:
    """A code that opens the authorisation page once."""
    code = f"preauthcode@@@{secrets.token_urlsafe(48)}"
    call.component.pre_auth_codes[code] = call.now + PRE_AUTH_SECONDS
    return {"pre_auth_code": code, "expires_in": PRE_AUTH_SECONDS}


def use_pre_auth_code(world: World, component: Component, code: str) -> None:
    """Uses a code up; 61009 unknown or used, 61010 expired."""
    until = component.pre_auth_codes.pop(code, None)
    if until is None:
        raise Refusal(61009)
    if world.now() >= until:
        raise Refusal(61010)


def authorize(
    world: World, component: Component, account: Account, sets: list[int] | None = None, pre_auth_code: str = ""
) -> Authorization:
    """The account's owner says yes: a new authorisation code and refresh token, the old ones die; pushes `authorized`.

    Raises Refusal 61028 while the component is unpublished and the account none of its test accounts.
    """
    if not component.is_published and account.app_id not in component.test_app_ids:
        raise Refusal(61028)
    taken = {
        number
        for other in world.state.components.values()
        if other is not component and account.app_id in other.authorizations
        for number in other.authorizations[account.app_id].permission_sets
    }
    wanted = sets if sets is not None else (MINI_SETS if account.is_mini else OFFICIAL_SETS)
    granted = [number for number in wanted if number not in EXCLUSIVE_SETS or number not in taken]
    found = Authorization(account.app_id, _make_refresh_token(), granted, world.now())
    found.auth_code = f"queryauthcode@@@{secrets.token_urlsafe(48)}"
    found.auth_code_expires_at = world.now() + AUTH_CODE_SECONDS
    component.authorizations[account.app_id] = found
    _push_authorized(world, component, found, "authorized", pre_auth_code)
    return found


def change_sets(world: World, component: Component, account: Account, sets: list[int]) -> None:
    """The owner grants other sets: `updateauthorized`, only when they differ."""
    found = component.authorizations[account.app_id]
    if sorted(found.permission_sets) == sorted(sets):
        return
    found.permission_sets = sets
    found.refresh_token = _make_refresh_token()
    found.auth_code = f"queryauthcode@@@{secrets.token_urlsafe(48)}"
    found.auth_code_expires_at = world.now() + AUTH_CODE_SECONDS
    _push_authorized(world, component, found, "updateauthorized", "")


def revoke(world: World, component: Component, account: Account) -> None:
    """The owner takes it back: every token is dead, `unauthorized` is pushed."""
    if component.authorizations.pop(account.app_id, None) is not None:
        push_component_event(world, component, "unauthorized", AuthorizerAppid=account.app_id)


def _push_authorized(world: World, component: Component, found: Authorization, kind: str, pre_auth_code: str) -> None:
    push_component_event(
        world,
        component,
        kind,
        AuthorizerAppid=found.app_id,
        AuthorizationCode=found.auth_code,
        AuthorizationCodeExpiredTime=int(found.auth_code_expires_at),
        PreAuthCode=pre_auth_code,
    )


def _make_refresh_token() -> str:
    return f"refreshtoken@@@{secrets.token_urlsafe(32)}"


@endpoint("POST", f"{API}/api_query_auth", auth="component")
def query_auth(call: Call) -> dict[str, Any]:
    """The authorisation of a code, once: tokens and granted sets."""
    code = str(call.body.get("authorization_code") or "")
    found = next((one for one in call.component.authorizations.values() if one.auth_code == code and code), None)
    if found is None:
        raise Refusal(61009)
    if call.now >= found.auth_code_expires_at:
        raise Refusal(61010)
    found.auth_code_expires_at = call.now
    return {
        "authorization_info": {
            "authorizer_appid": found.app_id,
            "authorizer_access_token": _issue_for(call, found),
            "expires_in": TOKEN_SECONDS,
            "authorizer_refresh_token": found.refresh_token,
            "func_info": _func_info(found),
        }
    }


@endpoint("POST", f"{API}/api_authorizer_token", auth="component")
def refresh_authorizer(call: Call) -> dict[str, Any]:
    """A new token for the refresh token, which is replaced: the one sent is dead afterwards."""
    found = _authorization(call)
    if str(call.body.get("authorizer_refresh_token") or "") != found.refresh_token:
        raise Refusal(61023)
    found.refresh_token = _make_refresh_token()
    return {
        "authorizer_access_token": _issue_for(call, found),
        "expires_in": TOKEN_SECONDS,
        "authorizer_refresh_token": found.refresh_token,
    }


def _issue_for(call: Call, found: Authorization) -> str:
    return issue(call.world, found.app_id, "authorizer", component=call.component.app_id)[0]


def _authorization(call: Call) -> Authorization:
    found = call.component.authorizations.get(str(call.body.get("authorizer_appid") or ""))
    if found is None:
        raise Refusal(61003)
    return found


def _func_info(found: Authorization) -> list[dict[str, Any]]:
    return [
        {"funcscope_category": {"id": number, "type": 0, "name": f"set {number}", "desc": ""}}
        for number in found.permission_sets
    ]


# --- what is known of an authorizer ---------------------------------------------------------------------------------


@endpoint("POST", f"{API}/api_get_authorizer_info", auth="component")
def get_authorizer_info(call: Call) -> dict[str, Any]:
    """Who the account is, and what it granted."""
    found = _authorization(call)
    account = call.world.state.accounts[found.app_id]
    return {
        "authorizer_info": _describe(account),
        "authorization_info": {
            "authorizer_appid": found.app_id,
            "authorizer_refresh_token": found.refresh_token,
            "func_info": _func_info(found),
        },
    }


def _describe(account: Account) -> dict[str, Any]:
    info: dict[str, Any] = {
        "nick_name": account.name,
        "head_img": "",
        "service_type_info": {"id": 2 if account.kind == "service" else 0},
        "verify_type_info": {"id": 0 if account.is_verified else -1},
        "user_name": account.original_id,
        "principal_name": account.principal or account.name,
        "alias": "",
        "business_info": {"open_pay": int(account.kind == "service"), "open_shake": 0, "open_scan": 0},
        "qrcode_url": "",
        "signature": "",
        "account_status": account.status,
    }
    if account.is_mini:
        info["MiniProgramInfo"] = {"network": {"RequestDomain": []}, "categories": [], "visit_status": 0}
    return info


@endpoint("POST", f"{API}/api_get_authorizer_list", auth="component")
def list_authorizers(call: Call) -> dict[str, Any]:
    """All authorisations with their refresh tokens, up to 500 at once."""
    offset, count = call.body.get("offset", 0), call.body.get("count", MAX_LISTED)
    if not isinstance(offset, int) or not isinstance(count, int) or not 0 < count <= MAX_LISTED or offset < 0:
        raise Refusal(40035)
    every = list(call.component.authorizations.values())
    listed = [
        {"authorizer_appid": one.app_id, "refresh_token": one.refresh_token, "auth_time": int(one.authorized_at)}
        for one in every[offset : offset + count]
    ]
    return {"total_count": len(every), "list": listed}


@endpoint("POST", f"{API}/get_authorizer_option", auth="component")
def get_option(call: Call) -> dict[str, Any]:
    """One of the three options of an authorizer."""
    found, name = _authorization(call), str(call.body.get("option_name"))
    if name not in OPTIONS:
        raise Refusal(40035)
    value = found.options.get(name, "0")
    return {"authorizer_appid": found.app_id, "option_name": name, "option_value": value}


@endpoint("POST", f"{API}/set_authorizer_option", auth="component")
def set_option(call: Call) -> dict[str, Any]:
    """Sets one; location_report also switches the account's LOCATION pushes."""
    found, name, value = _authorization(call), str(call.body.get("option_name")), str(call.body.get("option_value"))
    if value not in OPTIONS.get(name, ()):
        raise Refusal(40035)
    found.options[name] = value
    if name == "location_report":
        call.world.state.accounts[found.app_id].callback.reports_location = value != "0"
    return OK
