"""Mini-program login, session keys, phone numbers, encrypted data (fact sheet 6.5)."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator import behaviour
from simulator.calls import OK, Call, Need, endpoint
from simulator.control import Misuse, control, get_account, get_user
from simulator.errors import Refusal
from simulator.platform.oauth import authorized_account, use_code
from simulator.platform.tokens import check_secret
from simulator.world import Account, LoginCode, World

CODE_SECONDS = 300
LOGIN_SETS = (17, 18, 19)
MAX_LOGINS_A_MINUTE = 100


@endpoint("GET", "/sns/jscode2session", auth="none")
def login(call: Call) -> dict[str, Any]:
    """openid and session key for a js_code."""
    return _login(call, check_secret(call, call.params.get("appid", ""), call.params.get("secret", "")))


@endpoint("GET", "/sns/component/jscode2session", auth="component")
def login_as_component(call: Call) -> dict[str, Any]:
    """The same for a component."""
    return _login(call, authorized_account(call, *LOGIN_SETS))


def _login(call: Call, account: Account) -> dict[str, Any]:
    if call.params.get("grant_type") != "authorization_code":
        raise Refusal(40002)
    if not account.is_mini:
        raise Refusal(40013)
    code = use_code(call, account, call.params.get("js_code", ""), "login")
    user = account.users[code.openid]
    if call.world.person(user.person).is_risky:
        raise Refusal(40226)
    _count_login(call, account, code.openid)
    key = account.session_keys.setdefault(user.openid, _make_session_key())
    answer = {"session_key": key, "openid": user.openid}
    return answer | ({"unionid": account.unionid(user)} if account.open_account else {})


def _count_login(call: Call, account: Account, openid: str) -> None:
    minute = int(call.now // 60)
    counted = account.used_in_minute.setdefault(f"login {openid}", [minute, 0])
    counted[:] = [minute, counted[1] + 1 if counted[0] == minute else 1]
    if counted[1] > MAX_LOGINS_A_MINUTE:
        raise Refusal(45011)


def _make_session_key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


@endpoint("GET", "/wxa/checksession", need=Need.MINI, permission_sets=LOGIN_SETS)
def check_session(call: Call) -> dict[str, Any]:
    """Whether the caller still has the person's session key; 87009 when not."""
    key = account_key(call.account, call.user(call.params.get("openid")).openid)
    expected = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
    is_method_known = call.params.get("sig_method") == "hmac_sha256"
    if not is_method_known or not hmac.compare_digest(expected, call.params.get("signature", "")):
        raise Refusal(87009)
    return OK


@endpoint("GET", "/wxa/resetusersessionkey", need=Need.MINI, permission_sets=LOGIN_SETS)
@endpoint("POST", "/wxa/resetusersessionkey", need=Need.MINI, permission_sets=LOGIN_SETS)
def reset_session(call: Call) -> dict[str, Any]:
    """A new session key for whoever proves to have the old one."""
    check_session(call)
    openid = call.params["openid"]
    call.account.session_keys[openid] = _make_session_key()
    return {**OK, "openid": openid, "session_key": call.account.session_keys[openid]}


def account_key(account: Account, openid: str) -> str:
    """The person's session key; 87009 when the person never logged in."""
    if openid not in account.session_keys:
        raise Refusal(87009)
    return account.session_keys[openid]


@endpoint("POST", "/wxa/business/getuserphonenumber", need=Need.MINI, permission_sets=(18,))
def get_phone_number(call: Call) -> dict[str, Any]:
    """The number behind a phone button's code; an openid given along must be the person's."""
    code = use_code(call, call.account, str(call.body.get("code") or ""), "phone")
    openid = call.body.get("openid")
    if openid and openid != code.openid:
        code.is_used = False
        raise Refusal(40003)
    person = call.world.person(call.account.users[code.openid].person)
    info = {
        "phoneNumber": person.phone,
        "purePhoneNumber": person.phone.removeprefix("+86"),
        "countryCode": "86",
        "watermark": {"timestamp": int(call.now), "appid": call.account.app_id},
    }
    return {**OK, "phone_info": info}


# --- controls -------------------------------------------------------------------------------------------------------


@control("login_code")
def make_login_code(world: World, app_id: str, openid: str = "", person: str = "") -> dict[str, Any]:
    """What wx.login gives the person's mini program; `person` for one it has not seen yet."""
    account = get_account(world, app_id)
    user = get_user(world, app_id, openid)[1] if openid else behaviour.meet(world, account, person)
    return {"code": _make_code(world, account, user.openid, "login"), "openid": user.openid}


@control("phone_code")
def make_phone_code(world: World, app_id: str, openid: str) -> dict[str, Any]:
    """What the phone button gives after the person agreed."""
    account, user = get_user(world, app_id, openid)
    person = world.person(user.person)
    person.phone = person.phone or f"139{world.random.randrange(10**8):08d}"
    return {"code": _make_code(world, account, user.openid, "phone")}


def _make_code(world: World, account: Account, openid: str, kind: str) -> str:
    code = "0" + secrets.token_urlsafe(23)
    world.state.codes[code] = LoginCode(account.app_id, openid, kind, world.now() + CODE_SECONDS)
    return code


@control("user_data")
def encrypt_user_data(world: World, app_id: str, openid: str, **fields: Any) -> dict[str, str]:
    """encryptedData, iv, rawData and signature as wx.getUserInfo gives them, under the person's session key."""
    account, user = get_user(world, app_id, openid)
    if openid not in account.session_keys:
        raise Misuse(f"{openid} has not logged in")
    key, iv = account.session_keys[openid], os.urandom(16)
    raw = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    watermark = {"timestamp": int(world.now()), "appid": app_id}
    whole = {"openId": user.openid, **fields, "watermark": watermark}
    padder = padding.PKCS7(128).padder()
    plain = padder.update(json.dumps(whole, ensure_ascii=False).encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(iv)).encryptor()
    return {
        "encryptedData": base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode(),
        "iv": base64.b64encode(iv).decode(),
        "rawData": raw,
        "signature": hashlib.sha1((raw + key).encode(), usedforsecurity=False).hexdigest(),
    }
