"""The callback: verified, kept once, answered; everything else refused with nothing kept."""

import time

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.tenancy import tenant_scope
from connectors import connections, keeping, receiving
from connectors.models import CallbackAddress, ConnectedAccount
from connectors.secrets import unseal
from connectors.wechat import crypto, replies
from connectors.wechat.crypto import sign
from connectors.wechat.documents import read_document
from tests.connectors.conftest import AES_KEY, APP_ID, OPENID, ORIGINAL_ID, TOKEN, Sender, event, message


def set_mode(account, brand, mode):
    with tenant_scope(brand):
        ConnectedAccount.objects.filter(pk=account.pk).update(message_mode=mode)


def test_the_address_check_gets_its_echostr(account, brand):
    query = {"signature": sign(TOKEN, "1", "n"), "timestamp": "1", "nonce": "n", "echostr": "4711"}
    answer = Client().get(f"/hooks/wechat/{account.code}/", query)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"4711", "text/plain")
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().checked_at is not None


def test_the_address_check_with_a_wrong_token_is_refused(account, brand):
    query = {"signature": sign("another", "1", "n"), "timestamp": "1", "nonce": "n", "echostr": "4711"}
    answer = Client().get(f"/hooks/wechat/{account.code}/", query)
    assert (answer.status_code, answer.content) == (403, b"")
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().checked_at is None


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
@pytest.mark.parametrize("format", ["xml", "json"])
def test_a_push_is_kept_and_acknowledged_in_every_mode_and_format(sender, account, brand, kept, mode, format):
    set_mode(account, brand, mode)
    sender.mode, sender.format = mode, format
    answer = sender.send(document := message("说得好 <&> 😀"))
    assert (answer.status_code, answer.content) == (200, b"success")
    (receipt,) = kept()
    assert (receipt.kind, receipt.openid, receipt.state) == ("text", OPENID, "received")
    assert int(receipt.event_at.timestamp()) == document["CreateTime"]
    assert read_document(bytes(receipt.body))["Content"] == "说得好 <&> 😀"


def test_the_message_is_kept_byte_for_byte(sender, kept):
    odd = sender.write(message("a\tb\r\n")).replace(b"<Content>", b"<Content><!-- odd -->")
    assert sender.send(odd).status_code == 200
    assert bytes(kept()[0].body) == odd


def test_a_hint_names_the_account_at_most_twice_a_second(sender, account, brand, hints):
    sender.send(message(msg_id="1"))
    sender.send(message(msg_id="2"))
    assert hints == [("connectors.tasks.apply_pushes", brand.pk, account.pk)]


def test_the_same_message_twice_is_kept_once_and_acknowledged_twice(sender, kept):
    answers = [sender.send(message(msg_id="77")).content for _ in range(3)]
    assert (answers, len(kept())) == ([b"success"] * 3, 1)


def test_the_same_event_twice_is_kept_once(sender, kept):
    now = time.time()
    for _ in range(2):
        sender.send(event("CLICK", at=now, EventKey="menu-1"))
    sender.send(event("CLICK", at=now, EventKey="menu-2"))
    assert [receipt.kind for receipt in kept()] == ["event.click", "event.click"]


def test_two_brands_with_the_same_message_id_keep_one_each(sender, kept, other_brand):
    with tenant_scope(other_brand):
        theirs = ConnectedAccount(app_id="wxother00000000", name="别家", kind="service")
        connections.fill_callback(theirs)
        connections.enter(theirs)
        other = Sender(theirs)
        other.token, other.aes_key, other.app_id = (
            unseal(theirs, "callback_token"), unseal(theirs, "aes_key"), theirs.app_id,
        )  # fmt: skip
    assert sender.send(message(msg_id="5")).status_code == 200
    assert other.send(message(msg_id="5")).status_code == 200
    assert len(kept()) == 1


def test_an_event_nobody_has_heard_of_is_kept_raw(sender, kept):
    sender.send(event("brand_new_event", Thing="x"))
    assert [(receipt.kind, b"brand_new_event" in bytes(receipt.body)) for receipt in kept()] == [
        ("event.brand_new_event", True)
    ]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "wrong"}, 403),
        ({"aes_key": "Z" * 43}, 403),
        ({"app_id": "wxforeign"}, 403),
        ({"mode": "plain"}, 403),
    ],
)
def test_what_is_not_signed_and_closed_with_our_keys_is_refused(sender, kept, hints, change, status):
    vars(sender).update(change)
    answer = sender.send(message())
    assert (answer.status_code, answer.content, kept(), hints) == (status, b"", [], [])


def test_a_changed_body_is_refused(sender, kept):
    query, body = sender.request(message())
    assert sender.post(query, body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[AAAA")).status_code == 403
    assert kept() == []


@pytest.mark.parametrize("seconds", [-660, 660, -86400 * 30])
def test_a_recorded_push_is_refused(sender, kept, seconds):
    assert sender.send(message(), timestamp=time.time() + seconds).status_code == 403
    assert kept() == []


def test_a_repetition_of_the_last_minutes_is_accepted(sender, kept):
    assert sender.send(message(at=time.time() - 300), timestamp=time.time() - 300).status_code == 200
    assert len(kept()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x00", b"not xml", b"<xml>", b"[]", b"{", b"<xml></xml>", b"\xff\xfe<xml/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b"<xml>" + b"<a>" * 50 + b"</a>" * 50 + b"</xml>",
    ],
)  # fmt: skip
def test_malformed_bodies_are_refused(sender, kept, body):
    query, _body = sender.request(message())
    assert sender.post(query, body).status_code in (400, 403)
    assert kept() == []


@pytest.mark.parametrize("gone", ["CreateTime", "FromUserName", "MsgType", "MsgId"])
def test_a_signed_push_without_a_needed_field_is_refused(sender, kept, gone):
    document = message()
    del document[gone]
    assert sender.send(document).status_code == 400
    assert kept() == []


def test_an_oversize_body_is_refused_unread(sender, kept):
    query, _body = sender.request(message())
    assert sender.post(query, b"x" * (1024**2 + 1)).status_code == 413
    assert kept() == []


def test_an_unknown_address_is_404(account, sender, kept):
    account.code = "nobody"
    assert sender.send(message()).status_code == 404


def test_a_disconnected_account_takes_nothing(account, sender, brand, by, kept):
    with tenant_scope(brand):
        connections.disconnect(account, by)
    assert sender.send(message()).status_code == 404
    assert (kept(), CallbackAddress.objects.count()) == ([], 0)


def test_a_paused_account_still_keeps_what_comes(account, sender, brand, by, kept):
    with tenant_scope(brand):
        connections.pause(account, by)
    assert (sender.send(message()).status_code, len(kept())) == (200, 1)


def test_after_a_rotation_both_keys_are_read_at_once(account, sender, brand, by, kept):
    assert sender.send(message(msg_id="1")).status_code == 200  # the door is remembered with the old key
    with tenant_scope(brand):
        connections.rotate_keys(account, by)
        new_key = unseal(account, "aes_key")
    assert new_key != AES_KEY
    sender.aes_key = new_key
    assert sender.send(message(msg_id="2")).status_code == 200
    sender.aes_key = AES_KEY
    assert sender.send(message(msg_id="3")).status_code == 200
    assert len(kept()) == 3


def test_the_database_being_away_is_said_at_once_so_that_wechat_repeats(sender, monkeypatch):
    sender.send(message(msg_id="1"))

    def away(*_args):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(keeping, "fetch_prepared", away)
    assert sender.send(message(msg_id="2")).status_code == 503


def test_a_refused_knock_says_which_setting_is_wrong(sender, account):
    sender.token = "wrong"
    sender.send(message())
    assert receiving.last_refusal(account.pk) == "token"
    sender.token, sender.aes_key = TOKEN, "Z" * 43
    sender.send(message())
    assert receiving.last_refusal(account.pk) == "keys"


# --- passive replies ------------------------------------------------------------------------------------------------


def read_reply(answer, format="xml"):
    shared = crypto.CallbackSecrets(APP_ID, TOKEN, (AES_KEY,))
    envelope = read_document(answer.content)
    query = {
        "timestamp": str(envelope["TimeStamp"]), "nonce": envelope["Nonce"], "encrypt_type": "aes",
        "msg_signature": envelope["MsgSignature"],
    }  # fmt: skip
    return crypto.open_push(shared, query, answer.content).document


def test_an_account_may_hand_messages_over_to_human_agents(sender, account, brand):
    with tenant_scope(brand):
        ConnectedAccount.objects.update(is_handing_over=True)
    reply = read_reply(sender.send(message()))
    assert (reply["MsgType"], reply["ToUserName"], reply["FromUserName"]) == (
        "transfer_customer_service", OPENID, ORIGINAL_ID,
    )  # fmt: skip
    assert sender.send(event("CLICK", EventKey="k")).content == b"success"


def test_a_reply_hook_answers_in_the_pushs_own_mode_and_format(sender, account, brand, monkeypatch):
    monkeypatch.setattr(receiving, "REPLY_HOOKS", [lambda door, push: replies.TextReply("收到")])
    assert read_reply(sender.send(message()))["Content"] == "收到"
    set_mode(account, brand, "plain")
    receiving._doors.clear()
    sender.mode, sender.format = "plain", "json"
    answer = sender.send(message(msg_id="9"))
    assert read_document(answer.content)["Content"] == "收到"
    assert answer.content.startswith(b"{")
