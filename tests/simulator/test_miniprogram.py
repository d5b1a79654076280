"""Mini-program login, phone numbers and encrypted data, by section 6.5 of the fact sheet."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


@pytest.fixture
def mini(call_as):
    return call_as("miniprogram")


@pytest.fixture
def login(platform, mini):
    def ask(person: str = "bob", **changes: str) -> dict:
        code = platform.login_code(app_id=mini.account.app_id, person=person)["code"]
        params = {"appid": mini.account.app_id, "secret": mini.account.secret, "js_code": code}
        params |= {"grant_type": "authorization_code"} | changes
        return mini.http.get(f"{platform.url}/sns/jscode2session", params=params).json()

    return ask


def test_login(platform, mini, login):
    session = login()
    assert len(base64.b64decode(session["session_key"])) == 16
    assert login()["openid"] == session["openid"]
    assert login(js_code="made up")["errcode"] == 40029
    assert login(secret="0" * 32)["errcode"] == 40125


def test_a_code_is_good_once_for_five_minutes(platform, mini, login):
    code = platform.login_code(app_id=mini.account.app_id, person="bob")["code"]
    assert "openid" in login(js_code=code)
    assert login(js_code=code)["errcode"] == 40163
    code = platform.login_code(app_id=mini.account.app_id, person="bob")["code"]
    platform.advance(301)
    assert login(js_code=code)["errcode"] == 42003


def test_the_session_key_is_checked_and_reset(mini, login):
    session = login()

    def check(path: str, key: str) -> dict:
        signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        return mini.get(path, openid=session["openid"], signature=signature, sig_method="hmac_sha256")

    assert check("/wxa/checksession", session["session_key"])["errcode"] == 0
    assert check("/wxa/checksession", "wrong")["errcode"] == 87009
    fresh = check("/wxa/resetusersessionkey", session["session_key"])["session_key"]
    assert check("/wxa/checksession", session["session_key"])["errcode"] == 87009
    assert check("/wxa/checksession", fresh)["errcode"] == 0


def test_a_phone_number_is_told_once(platform, mini, login):
    openid = login()["openid"]
    platform.add_person(name="bob", phone="13800000000")
    code = platform.phone_code(app_id=mini.account.app_id, openid=openid)["code"]
    other = login("eve")["openid"]
    assert mini.post("/wxa/business/getuserphonenumber", code=code, openid=other)["errcode"] == 40003
    info = mini.post("/wxa/business/getuserphonenumber", code=code, openid=openid)["phone_info"]
    assert (info["phoneNumber"], info["countryCode"]) == ("13800000000", "86")
    assert info["watermark"]["appid"] == mini.account.app_id
    assert mini.post("/wxa/business/getuserphonenumber", code=code)["errcode"] == 40163


def test_a_login_code_is_no_phone_code(platform, mini):
    code = platform.login_code(app_id=mini.account.app_id, person="bob")["code"]
    assert mini.post("/wxa/business/getuserphonenumber", code=code)["errcode"] == 40029


def test_user_data_is_sealed_and_signed_with_the_session_key(platform, mini, login):
    session = login()
    data = platform.user_data(app_id=mini.account.app_id, openid=session["openid"], nickName="鲍勃")
    signed = hashlib.sha1((data["rawData"] + session["session_key"]).encode()).hexdigest()
    assert data["signature"] == signed
    key, iv = (base64.b64decode(text) for text in (session["session_key"], data["iv"]))
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(base64.b64decode(data["encryptedData"])) + decryptor.finalize()
    opened = json.loads(plain[: -plain[-1]])
    assert opened["openId"] == session["openid"]
    assert opened["nickName"] == "鲍勃"
    assert opened["watermark"]["appid"] == mini.account.app_id


def test_official_accounts_have_no_login(platform, api):
    code = platform.login_code(app_id=api.account.app_id, person="bob")["code"]
    params = {"appid": api.account.app_id, "secret": api.account.secret, "js_code": code}
    params["grant_type"] = "authorization_code"
    assert api.http.get(f"{platform.url}/sns/jscode2session", params=params).json()["errcode"] == 40013
    assert api.post("/wxa/business/getuserphonenumber", code=code)["errcode"] == 48001
