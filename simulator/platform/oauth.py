"""Web OAuth: the page in the person's WeChat, codes, tokens, profile, snapshot mode (fact sheet 6.4)."""

import secrets
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from simulator import access, behaviour
from simulator.calls import OK, Call, Need, Response, endpoint, page, redirect
from simulator.control import control, get_user
from simulator.errors import Refusal
from simulator.platform.tokens import LIFE_SECONDS, check_secret
from simulator.world import Account, IssuedToken, LoginCode, User, World

CODE_SECONDS = 300
REFRESH_SECONDS = 30 * 86400
MAX_STATE_BYTES = 128
SCOPES = ("snsapi_base", "snsapi_userinfo")
ORDER = ("appid", "redirect_uri", "response_type", "scope", "state")
SETS = 4
SNAPSHOT_PERSON = "snapshot visitor"


@endpoint("GET", "/connect/oauth2/authorize", auth="page", need=Need.SERVICE)
def authorize_page(call: Call) -> Response:
    """As the person named by `simulated_user` (an openid or a person's name): back at once, or after a question.

    Without that name the page asks who is looking: the simulator's people are the choice.
    """
    params = call.params
    account = _check_page(call)
    who = params.get("simulated_user", "")
    if not who:
        return page(_ask_who(call, account))
    user = _person(call, account, who)
    is_silent = params["scope"] == "snsapi_base"
    answer = params.get("simulated_answer", "" if not is_silent else "yes")
    if not answer and user.has_consented_userinfo and params.get("forcePopup") != "true":
        answer = "yes"
    if not answer:
        return page(_ask_consent(call, account))
    return redirect(_way_back(call, account, user, answer))


def _check_page(call: Call) -> Account:
    params = call.params
    account = call.world.state.accounts.get(params.get("appid", ""))
    if account is None:
        raise Refusal(40013)
    given = [name for name in params if name in ORDER]
    back = params.get("redirect_uri", "")
    host = urlsplit(back).hostname
    if not host or (account.oauth_domain and host != account.oauth_domain):
        raise Refusal(10003)
    is_wrong = params.get("response_type") != "code" or len(params.get("state", "").encode()) > MAX_STATE_BYTES
    if is_wrong or given != [name for name in ORDER if name in given]:
        raise Refusal(40035)
    if params.get("scope") not in SCOPES:
        raise Refusal(10005, "scope")
    if not access.allows(account, call.endpoint):
        raise Refusal(48001)
    return account


def _person(call: Call, account: Account, who: str) -> User:
    return account.keep_user(who) or behaviour.meet(call.world, account, who)


def _way_back(call: Call, account: Account, user: User, answer: str) -> str:
    params = call.params
    back = {"state": params["state"]} if "state" in params else {}
    if answer == "yes" or answer == "snapshot":
        back = {"code": make_code(call.world, account, user, params["scope"], answer == "snapshot"), **back}
    if "component_appid" in params:
        back["appid"] = account.app_id
    target = params["redirect_uri"]
    url, _, fragment = target.partition("#")
    url = f"{url}{'&' if '?' in url else '?'}{urlencode(back)}"
    return f"{url}#{fragment}" if fragment else url


def make_code(world: World, account: Account, user: User, scope: str, is_snapshot: bool = False) -> str:
    """A code of five minutes for the person; a snapshot's is of a virtual visitor instead."""
    if is_snapshot:
        user = behaviour.meet(world, account, f"{SNAPSHOT_PERSON} {secrets.token_hex(4)}")
    elif scope == "snsapi_userinfo":
        user.has_consented_userinfo = True
    code = "0" + secrets.token_urlsafe(23)
    world.state.codes[code] = LoginCode(
        account.app_id, user.openid, "oauth", world.now() + CODE_SECONDS, scope, is_snapshot=is_snapshot
    )
    return code


def _ask_who(call: Call, account: Account) -> str:
    people = [user for user in account.users.values() if user.crowd_number < 0][-50:]
    links = "".join(f"<li>{_link(call, user.person, simulated_user=user.openid)}</li>" for user in people)
    return _frame(f"<h1>Who is looking?</h1><p>Simulated WeChat of:</p><ul>{links or '<li>nobody yet</li>'}</ul>")


def _ask_consent(call: Call, account: Account) -> str:
    choices = (("Allow", "yes"), ("Refuse", "no"), ("Open as a snapshot page", "snapshot"))
    links = "".join(f"<p>{_link(call, text, simulated_answer=answer)}</p>" for text, answer in choices)
    return _frame(f"<h1>{escape(account.name)}</h1><p>asks for nickname and avatar.</p>{links}")


def _link(call: Call, text: str, **more: str) -> str:
    url = f"{call.request.path}?{urlencode({**call.params, **more})}"
    return f'<a href="{escape(url)}">{escape(text)}</a>'


def _frame(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Simulator</title>'
        f"<body style='font-family:sans-serif;max-width:40em;margin:2em auto'>{body}</body></html>"
    )


# --- codes and tokens -----------------------------------------------------------------------------------------------


@endpoint("GET", "/sns/oauth2/access_token", auth="none", minute=50_000)
def exchange_code(call: Call) -> dict[str, Any]:
    """The person's token and openid for a code."""
    account = check_secret(call, call.params.get("appid", ""), call.params.get("secret", ""))
    return _exchange(call, account)


@endpoint("GET", "/sns/oauth2/component/access_token", auth="component")
def exchange_code_as_component(call: Call) -> dict[str, Any]:
    """The same for a component that was granted web services."""
    return _exchange(call, authorized_account(call, SETS))


def authorized_account(call: Call, *sets: int) -> Account:
    """The account of `appid`, authorised to the calling component with one of the sets; 61003, 61007."""
    found = call.component.authorizations.get(call.params.get("appid", ""))
    if found is None:
        raise Refusal(61003)
    if not set(sets) & set(found.permission_sets):
        raise Refusal(61007)
    return call.world.state.accounts[found.app_id]


def _exchange(call: Call, account: Account) -> dict[str, Any]:
    if call.params.get("grant_type") != "authorization_code":
        raise Refusal(40002)
    code = use_code(call, account, call.params.get("code", ""), "oauth")
    user = account.users[code.openid]
    answer = _issue(call, account, user, code.scope)
    return {**answer, "is_snapshotuser": 1} if code.is_snapshot else answer


def use_code(call: Call, account: Account, text: str, kind: str) -> LoginCode:
    """Uses a code up; 41008 none, 40029 bad, 40163 used, 42003 too old."""
    if not text:
        raise Refusal(41008)
    code = call.world.state.codes.get(text)
    if code is None or code.app_id != account.app_id or code.kind != kind:
        raise Refusal(40029)
    if code.is_used:
        raise Refusal(40163)
    if call.now >= code.expires_at:
        raise Refusal(42003)
    code.is_used = True
    return code


def _issue(call: Call, account: Account, user: User, scope: str, refresh_token: str = "") -> dict[str, Any]:
    tokens = call.world.state.tokens
    texts = {}
    for pool, life in (("oauth", LIFE_SECONDS), ("oauth_refresh", REFRESH_SECONDS)):
        text = refresh_token if pool == "oauth_refresh" and refresh_token else f"60_{secrets.token_urlsafe(64)}"
        if text not in tokens:
            until = call.now + life
            tokens[text] = IssuedToken(account.app_id, pool, until, until, openid=user.openid, scope=scope)
        texts[pool] = text
    answer = {
        "access_token": texts["oauth"],
        "expires_in": LIFE_SECONDS,
        "refresh_token": texts["oauth_refresh"],
        "openid": user.openid,
        "scope": scope,
    }
    return answer | ({"unionid": account.unionid(user)} if account.open_account else {})


@endpoint("GET", "/sns/oauth2/refresh_token", auth="none")
def refresh_token(call: Call) -> dict[str, Any]:
    """A new token for a refresh token, which stays."""
    return _refresh(call, call.params.get("appid", ""))


@endpoint("GET", "/sns/oauth2/component/refresh_token", auth="component")
def refresh_token_as_component(call: Call) -> dict[str, Any]:
    """The same for a component."""
    return _refresh(call, authorized_account(call, SETS).app_id)


def _refresh(call: Call, app_id: str) -> dict[str, Any]:
    given = call.params.get("refresh_token", "")
    if call.params.get("grant_type") != "refresh_token":
        raise Refusal(40002)
    if not given:
        raise Refusal(41003)
    token = call.world.state.tokens.get(given)
    if token is None or token.pool != "oauth_refresh" or token.app_id != app_id:
        raise Refusal(40030)
    if call.now >= token.expires_at:
        raise Refusal(42002)
    account = call.world.state.accounts[app_id]
    return _issue(call, account, account.users[token.openid], token.scope, given)


# --- what the person's token is good for ----------------------------------------------------------------------------


@endpoint("GET", "/sns/userinfo", auth="none")
def get_profile(call: Call) -> dict[str, Any]:
    """Nickname and avatar, with the person's consent; sex and place are empty today."""
    token = _persons_token(call)
    if token.scope != "snsapi_userinfo":
        raise Refusal(48001)
    account = call.world.state.accounts[token.app_id]
    user = account.users[token.openid]
    person = call.world.person(user.person)
    profile = {
        "openid": user.openid,
        "nickname": "微信用户" if user.person.startswith(SNAPSHOT_PERSON) else person.nickname,
        "sex": 0,
        "language": "",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": person.avatar_url,
        "privilege": [],
    }
    return profile | ({"unionid": account.unionid(user)} if account.open_account else {})


@endpoint("GET", "/sns/auth", auth="none")
def check_token(call: Call) -> dict[str, Any]:
    """Whether a person's token is good."""
    _persons_token(call)
    return OK


def _persons_token(call: Call) -> IssuedToken:
    given, openid = call.params.get("access_token", ""), call.params.get("openid", "")
    if not given:
        raise Refusal(41001)
    if not openid:
        raise Refusal(41009)
    token = call.world.state.tokens.get(given)
    if token is None or token.pool != "oauth":
        raise Refusal(40001)
    if call.now >= token.expires_at:
        raise Refusal(42001)
    if token.openid != openid:
        raise Refusal(40003)
    return token


# --- controls -------------------------------------------------------------------------------------------------------


@control("oauth_code")
def make_oauth_code(
    world: World, app_id: str, openid: str, scope: str = "snsapi_base", snapshot: bool = False
) -> dict[str, Any]:
    """The code that the redirect of the page would carry."""
    if scope not in SCOPES:
        raise Refusal(10005, scope)
    return {"code": make_code(world, *get_user(world, app_id, openid), scope, snapshot)}
