"""Pushes: modes, formats, events, deliveries and what comes back, by section 2 of the fact sheet.

The oracle is written out here once more, from the sheet's words: sha1 over sorted parts, AES-256-CBC padded to 32.
"""

import base64
import hashlib
import json
import struct
import time
import xml.etree.ElementTree as ElementTree

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator.remote import ControlError

TOKEN = "callbacktoken"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def open_sealed(encrypted: str, key: str = KEY) -> tuple[str, str]:
    raw = base64.b64decode(key + "=")
    decryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    plain = plain[: -plain[-1]]
    (length,) = struct.unpack(">I", plain[16:20])
    return plain[20 : 20 + length].decode(), plain[20 + length :].decode()


def seal(text: str, app_id: str, key: str = KEY) -> str:
    raw, body = base64.b64decode(key + "="), text.encode()
    plain = b"0123456789abcdef" + struct.pack(">I", len(body)) + body + app_id.encode()
    pad = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()


def fields(xml: str) -> dict[str, str]:
    return {child.tag: child.text or "" for child in ElementTree.fromstring(xml)}


@pytest.fixture
def connect(platform, api, listener):
    def configure(mode: str = "plain", format: str = "xml") -> None:
        done = platform.configure_callback(
            app_id=api.account.app_id, url=listener.url, token=TOKEN, aes_key=KEY, mode=mode, format=format
        )
        assert done == {"ok": True}
        listener.heard.clear()

    return configure


@pytest.fixture
def say(platform, api):
    openid = platform.add_user(api.account.app_id, "alice")

    def speak(text: str = "你好") -> dict:
        message = platform.send(app_id=api.account.app_id, openid=openid, kind="text", Content=text)
        platform.do("settle")
        return message

    return speak


# --- verification ---------------------------------------------------------------------------------------------------


def test_the_url_is_asked_to_echo_under_the_tokens_signature(platform, api, listener):
    platform.configure_callback(app_id=api.account.app_id, url=listener.url, token=TOKEN)
    (asked,) = listener.heard
    assert asked.method == "GET"
    assert asked.params["signature"] == signature(TOKEN, asked.params["timestamp"], asked.params["nonce"])


@pytest.mark.parametrize("answer", ["", "nothing", '"{echo}"'])
def test_an_url_that_does_not_echo_is_not_accepted(platform, api, listener, say, answer):
    listener.answer = lambda heard: answer.replace("{echo}", heard.params.get("echostr", ""))
    done = platform.configure_callback(app_id=api.account.app_id, url=listener.url, token=TOKEN)
    assert not done["ok"]
    say()
    assert [heard.method for heard in listener.heard] == ["GET"]


def test_tokens_and_keys_have_their_form(platform, api, listener):
    with pytest.raises(ControlError, match="3 to 32"):
        platform.configure_callback(app_id=api.account.app_id, url=listener.url, token="a-b")
    with pytest.raises(ControlError, match="43 characters"):
        platform.configure_callback(
            app_id=api.account.app_id, url=listener.url, token=TOKEN, mode="safe", aes_key="short"
        )


# --- modes and formats ----------------------------------------------------------------------------------------------


def test_plain_xml(api, connect, say, listener):
    connect()
    message = say()
    (heard,) = listener.heard
    assert heard.params["signature"] == signature(TOKEN, heard.params["timestamp"], heard.params["nonce"])
    assert "encrypt_type" not in heard.params
    assert fields(heard.body) == {name: str(value) for name, value in message.items()}
    assert message["ToUserName"] == api.account.original_id
    assert message["MsgId"] > 2**53
    assert "<Content><![CDATA[你好]]></Content>" in heard.body


@pytest.mark.parametrize("format", ["xml", "json"])
def test_safe_mode_shows_only_the_receiver(api, connect, say, listener, format):
    connect("safe", format)
    message = say()
    (heard,) = listener.heard
    shown = json.loads(heard.body) if format == "json" else fields(heard.body)
    assert set(shown) == {"ToUserName", "Encrypt"}
    params = heard.params
    assert params["encrypt_type"] == "aes"
    assert params["msg_signature"] == signature(TOKEN, params["timestamp"], params["nonce"], shown["Encrypt"])
    text, app_id = open_sealed(shown["Encrypt"])
    assert app_id == api.account.app_id
    assert (json.loads(text) if format == "json" else fields(text))["Content"] == message["Content"]


def test_compatible_mode_shows_both(connect, say, listener):
    connect("compatible")
    say()
    (heard,) = listener.heard
    shown = fields(heard.body)
    assert shown["Content"] == "你好"
    assert fields(open_sealed(shown["Encrypt"])[0])["Content"] == "你好"


def test_json_unwraps_the_subscription_events(platform, api, connect, listener):
    connect(format="json")
    items = [{"TemplateId": "t1", "SubscribeStatusString": "accept", "PopupScene": "1"}, {"TemplateId": "t2"}]
    openid = platform.add_user(api.account.app_id)
    for listed in (items, items[:1]):
        platform.push(
            app_id=api.account.app_id, openid=openid, event="subscribe_msg_popup_event",
            SubscribeMsgPopupEvent={"List": listed},
        )  # fmt: skip
        platform.do("settle")
    several, one = (json.loads(heard.body) for heard in listener.heard)
    assert several["List"] == items
    assert one["List"] == items[0]
    assert "SubscribeMsgPopupEvent" not in several


def test_xml_repeats_the_items_of_a_list(platform, api, connect, listener):
    connect()
    openid = platform.add_user(api.account.app_id)
    wrapped = {"List": [{"TemplateId": "t1"}, {"TemplateId": "t2"}]}
    platform.push(
        app_id=api.account.app_id, openid=openid, event="subscribe_msg_popup_event", SubscribeMsgPopupEvent=wrapped
    )
    platform.do("settle")
    assert "<List><TemplateId><![CDATA[t1]]></TemplateId></List><List><TemplateId>" in listener.heard[0].body


# --- events ---------------------------------------------------------------------------------------------------------


def test_following_scanning_and_leaving(platform, api, connect, listener):
    connect()
    app_id = api.account.app_id
    openid = platform.add_user(app_id, "alice", following=False)
    ticket = api.post(
        "/cgi-bin/qrcode/create", action_name="QR_STR_SCENE", action_info={"scene": {"scene_str": "shop-7"}}
    )["ticket"]
    for act, more in (("scan", {"ticket": ticket}), ("scan", {"ticket": ticket}), ("unfollow", {}), ("follow", {})):
        platform.do(act, app_id=app_id, openid=openid, **more)
        platform.do("settle")
    first, second, left, back = (fields(heard.body) for heard in listener.heard)
    assert (first["Event"], first["EventKey"], first["Ticket"]) == ("subscribe", "qrscene_shop-7", ticket)
    assert (second["Event"], second["EventKey"], second["Ticket"]) == ("SCAN", "shop-7", ticket)
    assert (left["Event"], left["EventKey"]) == ("unsubscribe", "")
    assert (back["Event"], back["EventKey"]) == ("subscribe", "")
    assert "MsgId" not in first
    info = api.get("/cgi-bin/user/info", openid=openid)
    assert info["subscribe_scene"] == "ADD_SCENE_SEARCH"


def test_menu_taps_and_location(platform, api, connect, listener):
    connect()
    app_id = api.account.app_id
    openid = platform.add_user(app_id)
    platform.tap_menu(app_id=app_id, openid=openid, event="CLICK", key="today")
    platform.do("settle")
    scanned = {"ScanType": "qrcode", "ScanResult": "1"}
    platform.tap_menu(app_id=app_id, openid=openid, event="scancode_push", key="k", ScanCodeInfo=scanned)
    platform.do("settle")
    platform.set_callback(app_id=app_id, reports_location=True)
    platform.enter_chat(app_id=app_id, openid=openid)
    platform.do("settle")
    click, scan, location = (heard.body for heard in listener.heard)
    assert fields(click)["EventKey"] == "today"
    assert "<ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType>" in scan
    assert fields(location)["Event"] == "LOCATION"


def test_withdrawn_consent_names_the_user_in_openid_not_in_sender(platform, api, connect, listener):
    connect()
    openid = platform.add_user(api.account.app_id)
    platform.withdraw_consent(
        app_id=api.account.app_id, openid=openid, event="user_authorization_revoke", revoke_info="205"
    )
    platform.do("settle")
    event = fields(listener.heard[0].body)
    assert event["OpenID"] == openid
    assert event["FromUserName"] != openid
    assert event["RevokeInfo"] == "205"


# --- deliveries -----------------------------------------------------------------------------------------------------


def test_silence_brings_three_deliveries_of_the_same_body(platform, api, connect, say, listener):
    connect()
    platform.settings(push_timeout_seconds=0.2)

    def hang(_heard) -> str:
        time.sleep(0.4)
        return "success"

    listener.answer = hang
    say()
    assert len(listener.heard) == 3
    assert len({heard.body for heard in listener.heard}) == 1
    assert len({heard.params["nonce"] for heard in listener.heard}) == 3
    assert [line["outcome"] for line in platform.pushes(api.account.app_id)] == ["no answer"] * 3
    (shown,) = platform.delivered(api.account.app_id)
    assert shown["kind"] == "broken"


def test_a_wrong_answer_is_not_repeated_but_shown_for_a_message(platform, api, connect, say, listener):
    connect()
    listener.answer = lambda heard: "<html>oops</html>"
    say()
    assert len(listener.heard) == 1
    assert platform.delivered(api.account.app_id)[0]["payload"]["Content"] == "该公众号提供的服务出现故障，请稍后再试"


@pytest.mark.parametrize("answer", ["success", ""])
def test_success_and_silence_are_accepted(platform, api, connect, say, listener, answer):
    connect("safe")
    listener.answer = lambda heard: answer
    say()
    assert [line["outcome"] for line in platform.pushes(api.account.app_id)] == ["accepted"]
    assert platform.delivered(api.account.app_id) == []


REPLY = "<xml><MsgType>text</MsgType><Content>欢迎</Content></xml>"


def test_a_passive_reply_reaches_the_person(platform, api, connect, say, listener):
    connect()
    listener.answer = lambda heard: REPLY
    message = say()
    (shown,) = platform.delivered(api.account.app_id, message["FromUserName"])
    assert (shown["via"], shown["kind"], shown["payload"]["Content"]) == ("passive", "text", "欢迎")


def test_safe_mode_wants_an_encrypted_reply(platform, api, connect, say, listener):
    connect("safe")
    listener.answer = lambda heard: REPLY
    say()
    sealed = seal(REPLY, api.account.app_id)
    signed = signature(TOKEN, "1700000000", "99", sealed)
    listener.answer = lambda heard: (
        f"<xml><Encrypt>{sealed}</Encrypt><MsgSignature>{signed}</MsgSignature>"
        "<TimeStamp>1700000000</TimeStamp><Nonce>99</Nonce></xml>"
    )
    say()
    assert [shown["kind"] for shown in platform.delivered(api.account.app_id)] == ["broken", "text"]


# --- on request -----------------------------------------------------------------------------------------------------


def test_duplicates_and_disorder(platform, api, connect, say, listener):
    connect()
    platform.push_defects(app_id=api.account.app_id, duplicates=2, mixes=12)
    for number in range(4):
        say(str(number))
    texts = [fields(heard.body)["Content"] for heard in listener.heard]
    assert sorted(texts) == sorted("0123" * 3)
    assert texts != sorted(texts)


def test_forged_and_old_keyed_pushes(platform, api, connect, say, listener):
    connect("safe")
    old = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"
    platform.push_defects(app_id=api.account.app_id, forges=True)
    say()
    platform.push_defects(app_id=api.account.app_id, old_key=old)
    say("with the old key")
    forged, aged = listener.heard
    assert set(forged.params["msg_signature"]) == {"0"}
    assert fields(open_sealed(fields(aged.body)["Encrypt"], old)[0])["Content"] == "with the old key"


def test_callback_check_and_addresses(api, connect):
    assert api.post("/cgi-bin/callback/check", action="all", check_operator="DEFAULT")["errcode"] == 40035
    connect()
    checked = api.post("/cgi-bin/callback/check", action="all", check_operator="DEFAULT")
    assert checked["dns"] == [{"ip": "127.0.0.1", "real_operator": "DEFAULT"}]
    assert checked["ping"][0]["package_loss"] == "0%"
    assert api.get("/cgi-bin/getcallbackip")["ip_list"] == api.get("/cgi-bin/get_api_domain_ip")["ip_list"]
