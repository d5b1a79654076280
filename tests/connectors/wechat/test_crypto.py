"""The envelope against wechatpy, and against everything a forger can do without the token and the key."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from connectors.wechat import crypto
from connectors.wechat.crypto import CallbackSecrets, Mode
from connectors.wechat.documents import read_xml
from connectors.wechat.errors import BadMessage, BadPush, BadSignature

APP_ID = "wx0123456789abcdef"
TOKEN = "fanwise2026"
KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
KEY_BEFORE = base64.b64encode(bytes(range(100, 132))).decode().rstrip("=")
SHARED = CallbackSecrets(APP_ID, TOKEN, (KEY, KEY_BEFORE))
PUSH = (
    "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1760000000</CreateTime>"
    "<MsgType>text</MsgType><Content>你好</Content><MsgId>1</MsgId></xml>"
).encode()
TIME, NONCE = "1760000000", "n0nce"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def query_for(encrypted: str, token: str = TOKEN) -> dict[str, str]:
    signature = crypto.sign(token, TIME, NONCE, encrypted)
    return {"timestamp": TIME, "nonce": NONCE, "encrypt_type": "aes", "msg_signature": signature}


def envelope(encrypted: str) -> bytes:
    return f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()


def plain_query() -> dict[str, str]:
    return {"timestamp": TIME, "nonce": NONCE, "signature": crypto.sign(TOKEN, TIME, NONCE)}


# --- signatures -----------------------------------------------------------------------------------------------------


def test_the_address_check_answers_the_echo_only_to_who_knows_the_token() -> None:
    query = plain_query() | {"echostr": "8412<>"}
    assert crypto.verify_address(SHARED, query) == "8412<>"
    check_signature(TOKEN, query["signature"], TIME, NONCE)  # the oracle agrees
    for change in ({"signature": ""}, {"nonce": "other"}, {"timestamp": "1"}, {"signature": "é\ud800"}):
        with pytest.raises(BadSignature):
            crypto.verify_address(SHARED, query | change)
    with pytest.raises(BadSignature):
        crypto.verify_address(replace(SHARED, token="another"), query)


def test_nothing_secret_is_shown_by_repr() -> None:
    opened = crypto.open_push(SHARED, query_for(sealed := crypto.encrypt(PUSH, KEY, APP_ID)), envelope(sealed))
    assert TOKEN not in repr(SHARED)
    assert KEY not in repr(SHARED) + repr(opened)


# --- against the oracle ---------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_wechatpy_reads_what_we_write_and_we_read_what_it_writes(text: str) -> None:
    oracle = WeChatCrypto(TOKEN, KEY, APP_ID)
    ours = crypto.encrypt(text.encode(), KEY, APP_ID)
    signature = crypto.sign(TOKEN, TIME, NONCE, ours)
    body = f"<xml><Encrypt>{ours}</Encrypt></xml>"
    assert oracle.decrypt_message(body, signature, TIME, NONCE) == text

    theirs = read_xml(oracle.encrypt_message(text, NONCE, TIME).encode())
    assert crypto.decrypt(theirs["Encrypt"], KEY, APP_ID) == text.encode()
    assert theirs["MsgSignature"] == crypto.sign(TOKEN, TIME, NONCE, theirs["Encrypt"])


@pytest.mark.parametrize("num", range(64))
def test_every_length_of_padding_is_read(num: int) -> None:
    assert crypto.decrypt(crypto.encrypt(b"a" * num, KEY, APP_ID), KEY, APP_ID) == b"a" * num


def test_wechatpy_opens_our_reply() -> None:
    sealed = crypto.encrypt(PUSH, KEY, APP_ID)
    opened = crypto.open_push(SHARED, query_for(sealed), envelope(sealed))
    reply = crypto.seal_reply(SHARED, opened, "<xml>好</xml>".encode(), clock=lambda: NOON)
    parts = read_xml(reply)
    assert parts["TimeStamp"] == str(int(NOON.timestamp()))
    oracle = WeChatCrypto(TOKEN, KEY, APP_ID)
    opened_by_oracle = oracle.decrypt_message(reply.decode(), parts["MsgSignature"], parts["TimeStamp"], parts["Nonce"])
    assert opened_by_oracle == "<xml>好</xml>"


# --- the three modes ------------------------------------------------------------------------------------------------


def test_a_plain_push_is_opened_in_plain_and_compatible_mode_and_refused_in_safe_mode() -> None:
    for mode in (Mode.PLAIN, Mode.COMPATIBLE):
        opened = crypto.open_push(replace(SHARED, mode=mode), plain_query(), PUSH)
        assert (opened.document["Content"], opened.aes_key, opened.is_json) == ("你好", "", False)
        assert crypto.seal_reply(SHARED, opened, b"<xml/>") == b"<xml/>"
    with pytest.raises(BadSignature):
        crypto.open_push(SHARED, plain_query(), PUSH)


def test_in_compatible_mode_the_encrypted_part_counts_not_the_plain_one_beside_it() -> None:
    sealed = crypto.encrypt(PUSH, KEY, APP_ID)
    body = f"<xml><Content>forged</Content><Encrypt>{sealed}</Encrypt></xml>".encode()
    opened = crypto.open_push(replace(SHARED, mode=Mode.COMPATIBLE), plain_query() | query_for(sealed), body)
    assert opened.document["Content"] == "你好"


def test_a_json_push_is_answered_in_json_with_a_number_as_time() -> None:
    content = json.dumps({"MsgType": "text", "Content": "嗨", "MsgId": 2**60}, ensure_ascii=False).encode()
    sealed = crypto.encrypt(content, KEY, APP_ID)
    body = json.dumps({"ToUserName": "gh_1", "Encrypt": sealed}).encode()
    opened = crypto.open_push(SHARED, query_for(sealed), body)
    assert opened.document == {"MsgType": "text", "Content": "嗨", "MsgId": 2**60}
    reply = json.loads(crypto.seal_reply(SHARED, opened, b'{"a":1}', clock=lambda: NOON))
    assert reply["TimeStamp"] == int(NOON.timestamp())
    assert crypto.decrypt(reply["Encrypt"], KEY, APP_ID) == b'{"a":1}'
    assert reply["MsgSignature"] == crypto.sign(TOKEN, str(reply["TimeStamp"]), reply["Nonce"], reply["Encrypt"])


def test_the_previous_key_still_opens_and_closes_the_reply() -> None:
    sealed = crypto.encrypt(PUSH, KEY_BEFORE, APP_ID)
    opened = crypto.open_push(SHARED, query_for(sealed), envelope(sealed))
    assert opened.aes_key == KEY_BEFORE
    reply = read_xml(crypto.seal_reply(SHARED, opened, b"ok"))
    assert crypto.decrypt(reply["Encrypt"], KEY_BEFORE, APP_ID) == b"ok"
    with pytest.raises(BadSignature):
        crypto.open_push(replace(SHARED, aes_keys=(KEY,)), query_for(sealed), envelope(sealed))


# --- forgeries ------------------------------------------------------------------------------------------------------


def test_another_app_id_is_refused() -> None:
    for app_id in ("wx0123456789abcdee", APP_ID + "0", "", APP_ID[:-1]):
        sealed = crypto.encrypt(PUSH, KEY, app_id)
        with pytest.raises(BadSignature):
            crypto.open_push(SHARED, query_for(sealed), envelope(sealed))


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_any_changed_byte_is_refused(place: int, flip: int) -> None:
    sealed = bytearray(base64.b64decode(crypto.encrypt(PUSH, KEY, APP_ID)))
    query = query_for(base64.b64encode(bytes(sealed)).decode())
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(BadSignature):
        crypto.open_push(SHARED, query, envelope(base64.b64encode(bytes(sealed)).decode()))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_decrypt_without_the_key(content: bytes) -> None:
    """Even where the forger knows the token, and so the signature."""
    with pytest.raises(BadSignature):
        crypto.decrypt(base64.b64encode(content).decode(), KEY, APP_ID)


@pytest.mark.parametrize(
    "padding",
    [b"\0", b"\x21", b"\x02\x03", b"\x01\x02", b"\x10" * 15, b""],
    ids=["0", "33", "2-3", "1-2", "short", "none"],
)
def test_wrong_padding_is_refused(padding: bytes) -> None:
    head = bytes(16) + (1).to_bytes(4, "big") + b"a" + APP_ID.encode()
    room = -(len(head) + len(padding)) % 32
    plain = head + bytes([padding[0] if padding else 0]) * room + padding
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    with pytest.raises(BadSignature):
        crypto.decrypt(sealed, KEY, APP_ID)


@pytest.mark.parametrize("length", [2**32 - 1, 2**31, 1000, 18, 20])
def test_a_wrong_inner_length_is_refused(length: int) -> None:
    plain = bytes(16) + length.to_bytes(4, "big") + b"a" * 19 + APP_ID.encode()
    plain += bytes([-len(plain) % 32 or 32]) * (-len(plain) % 32 or 32)
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    with pytest.raises(BadSignature):
        crypto.decrypt(sealed, KEY, APP_ID)


@pytest.mark.parametrize("encrypted", ["", "a", "====", "你好", "AAAA", "A" * 43 + "*", "\ud800"])
def test_what_is_no_cipher_text_is_refused(encrypted: str) -> None:
    with pytest.raises(BadSignature):
        crypto.decrypt(encrypted, KEY, APP_ID)


def test_a_signature_of_another_token_a_missing_one_and_a_missing_part_are_refused() -> None:
    sealed = crypto.encrypt(PUSH, KEY, APP_ID)
    for query in (query_for(sealed, "other"), query_for(sealed) | {"msg_signature": ""}, {"encrypt_type": "aes"}, {}):
        with pytest.raises(BadSignature):
            crypto.open_push(SHARED, query, envelope(sealed))
    with pytest.raises(BadSignature):  # the plain signature does not help
        crypto.open_push(SHARED, plain_query() | {"encrypt_type": "aes"}, envelope(sealed))
    for body in (PUSH, b"<xml><Encrypt><a>1</a></Encrypt></xml>", b'{"Encrypt":7}', b'{"Encrypt":null}'):
        with pytest.raises(BadSignature):
            crypto.open_push(SHARED, query_for(sealed), body)


def test_an_old_push_is_refused_where_an_age_is_asked_for() -> None:
    sealed = crypto.encrypt(PUSH, KEY, APP_ID)
    sent_at = datetime.fromtimestamp(int(TIME), UTC)
    for late, is_good in ((599, True), (601, False), (-601, False)):

        def open_late(late: int = late) -> object:
            clock = lambda: sent_at + timedelta(seconds=late)  # noqa: E731  # one line says it best
            return crypto.open_push(
                SHARED, query_for(sealed), envelope(sealed), max_age=timedelta(minutes=10), clock=clock
            )

        if is_good:
            open_late()
        else:
            with pytest.raises(BadSignature):
                open_late()
    with pytest.raises(BadPush):
        crypto.open_push(SHARED, query_for(sealed) | {"timestamp": "now"}, envelope(sealed), max_age=timedelta(1))


@pytest.mark.parametrize("aes_key", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "\n", "你" * 43])
def test_what_is_no_aes_key_says_so(aes_key: str) -> None:
    with pytest.raises(BadMessage, match="43 letters and digits"):
        crypto.decode_aes_key(aes_key)
