"""WeChat Pay without WeChat Pay: what is signed to the byte, what is refused, and when a request goes out again."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from connectors.wechat import pay_signing
from connectors.wechat.errors import BadMessage, BadPush, BadSignature, TooLong, TransportFailed
from connectors.wechat.pay import Order, PayClient, RefundOrder, check_order, check_refund, failure
from connectors.wechat.pay_errors import PayRefused
from connectors.wechat.pay_signing import Merchant, PlatformKeys

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = str(int(NOON.timestamp()))
API_V3_KEY = "0123456789abcdef0123456789abcdef"
KEY_ID = "PUB_KEY_ID_0116000000002026"
ORDER = Order("order-0001", "wx1", "oAnna", "课程", 1999, "https://a.cn/pay", "a", datetime(2026, 3, 1, 13, tzinfo=UTC))

_MERCHANT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PLATFORM_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem_of(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def certificate_of(key: rsa.RSAPrivateKey, serial: int) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, NOON, NOON + timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


MERCHANT = Merchant("1900000001", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", pem_of(_MERCHANT_KEY), API_V3_KEY)


def signed_headers(body: str, *, stamp: str = STAMP, serial: str = KEY_ID, key: Any = _PLATFORM_KEY) -> dict[str, str]:
    message = f"{stamp}\nnonce\n{body}\n".encode()
    signature = base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": "nonce",
        "Wechatpay-Signature": signature,
        "Wechatpay-Serial": serial,
    }


def sealed(
    content: Any, key: str = API_V3_KEY, nonce: str = "0123456789ab", about: str = "transaction"
) -> dict[str, str]:
    text = content if isinstance(content, str) else json.dumps(content)
    cipher_text = AESGCM(key.encode()).encrypt(nonce.encode(), text.encode(), about.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": about,
        "ciphertext": base64.b64encode(cipher_text).decode(),
    }


@pytest.fixture
def keys() -> PlatformKeys:
    made = PlatformKeys()
    made.add_public_key(KEY_ID, public_pem_of(_PLATFORM_KEY))
    return made


# --- signing --------------------------------------------------------------------------------------------------------


def test_a_request_is_signed_over_five_lines() -> None:
    header = pay_signing.authorization(
        MERCHANT, "POST", "/v3/x?a=1", '{"好":1}', clock=lambda: NOON, nonce="593BEC0C930BF1AFEB40B4A08C8FB242"
    )
    scheme, _, rest = header.partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(","))
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert {name: value.strip('"') for name, value in fields.items() if name != "signature"} == {
        "mchid": "1900000001", "nonce_str": "593BEC0C930BF1AFEB40B4A08C8FB242", "timestamp": STAMP,
        "serial_no": MERCHANT.serial_no,
    }  # fmt: skip
    message = f'POST\n/v3/x?a=1\n{STAMP}\n593BEC0C930BF1AFEB40B4A08C8FB242\n{{"好":1}}\n'.encode()
    signature = base64.b64decode(fields["signature"].strip('"'))
    _MERCHANT_KEY.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def test_the_payment_window_gets_four_signed_lines() -> None:
    bridge = pay_signing.sign_bridge(MERCHANT, "wx1", "wx2016", clock=lambda: NOON, nonce="n")
    signature = base64.b64decode(bridge.pop("paySign"))
    assert bridge == {
        "appId": "wx1", "timeStamp": STAMP, "nonceStr": "n", "package": "prepay_id=wx2016", "signType": "RSA",
    }  # fmt: skip
    message = f"wx1\n{STAMP}\nn\nprepay_id=wx2016\n".encode()
    _MERCHANT_KEY.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def test_nothing_secret_is_shown() -> None:
    assert "PRIVATE" not in repr(MERCHANT)
    assert API_V3_KEY not in repr(MERCHANT)


@pytest.mark.parametrize("pem", ["", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "rubbish"])
def test_unreadable_keys_say_so(pem: str, keys: PlatformKeys) -> None:
    with pytest.raises(BadMessage, match="apiclient_key"):
        pay_signing.sign_lines(replace(MERCHANT, private_key_pem=pem), "a")
    with pytest.raises(BadMessage, match="public key"):
        keys.add_public_key(KEY_ID, pem)
    with pytest.raises(BadMessage, match="certificate"):
        keys.add_certificate(pem)
    with pytest.raises(BadMessage, match="public key"):
        keys.add_public_key("3A1B", public_pem_of(_PLATFORM_KEY))


# --- verifying ------------------------------------------------------------------------------------------------------


def test_a_signature_by_public_key_and_by_certificate_is_verified(keys: PlatformKeys) -> None:
    pay_signing.verify(keys, signed_headers("好"), "好".encode(), clock=lambda: NOON)
    keys.add_certificate(certificate_of(_PLATFORM_KEY, 0x0ABC))
    for serial in ("ABC", "0abc", "0ABC"):
        headers = signed_headers("x", serial=serial)
        pay_signing.verify(keys, {name.lower(): value for name, value in headers.items()}, b"x", clock=lambda: NOON)


BODY = '{"id":"1"}'
FORGERIES: dict[str, Callable[[], tuple[dict[str, str], bytes]]] = {
    "another body": lambda: (signed_headers(BODY), b'{"id":"2"}'),
    "another key": lambda: (signed_headers(BODY, key=_MERCHANT_KEY), BODY.encode()),
    "unknown serial": lambda: (signed_headers(BODY, serial="FFFF"), BODY.encode()),
    "old": lambda: (signed_headers(BODY, stamp=str(int(STAMP) - 301)), BODY.encode()),
    "from tomorrow": lambda: (signed_headers(BODY, stamp=str(int(STAMP) + 301)), BODY.encode()),
    "no time": lambda: (signed_headers(BODY, stamp="now"), BODY.encode()),
    "another time": lambda: (signed_headers(BODY) | {"Wechatpay-Timestamp": str(int(STAMP) + 1)}, BODY.encode()),
    "another nonce": lambda: (signed_headers(BODY) | {"Wechatpay-Nonce": "x"}, BODY.encode()),
    "probe": lambda: (
        signed_headers(BODY)
        | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + signed_headers(BODY)["Wechatpay-Signature"]},
        BODY.encode(),
    ),
    "no base64": lambda: (signed_headers(BODY) | {"Wechatpay-Signature": "签"}, BODY.encode()),
    "empty signature": lambda: (signed_headers(BODY) | {"Wechatpay-Signature": ""}, BODY.encode()),
    "no headers": lambda: ({}, BODY.encode()),
    "no text": lambda: (signed_headers(BODY), b"\xff\xfe"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_forgeries_are_refused(forge: Callable[[], tuple[dict[str, str], bytes]], keys: PlatformKeys) -> None:
    headers, body = forge()
    with pytest.raises(BadSignature):
        pay_signing.verify(keys, headers, body, clock=lambda: NOON)


def test_a_resource_is_decrypted_and_every_change_refused() -> None:
    resource = sealed({"a": "好"})
    assert pay_signing.decrypt_object(API_V3_KEY, resource) == {"a": "好"}
    changes: list[Any] = [
        {"nonce": "0123456789ac"}, {"nonce": "short"}, {"associated_data": "refund"}, {"algorithm": "AES"},
        {"ciphertext": resource["ciphertext"][:-8] + "AAAAAAA="}, {"ciphertext": ""}, {"ciphertext": "*"},
        {"ciphertext": None}, {"ciphertext": 5},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(BadSignature):
            pay_signing.decrypt_object(API_V3_KEY, resource | change)
    for content in ("[]", "NaN", "{", "1"):
        with pytest.raises(BadSignature):
            pay_signing.decrypt_object(API_V3_KEY, sealed(content))
    for resource in (None, [], "x", sealed({}, key="f" * 32)):
        with pytest.raises(BadSignature):
            pay_signing.decrypt_object(API_V3_KEY, resource)
    with pytest.raises(BadMessage, match="32 characters"):
        pay_signing.decrypt_object("short", sealed({}))


# --- the client -----------------------------------------------------------------------------------------------------


class Bank:
    """Answers one after another; an exception is raised, a pair is (status, body); signed unless told."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        status, content = found
        body = content if isinstance(content, str) else json.dumps(content) if content is not None else ""
        return httpx.Response(status, content=body.encode(), headers=signed_headers(body))


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def client(bank: Bank, keys: PlatformKeys) -> Iterator[PayClient]:
    with httpx.Client(transport=httpx.MockTransport(bank)) as http:
        yield PayClient(MERCHANT, keys, http=http, clock=lambda: NOON, sleep=lambda seconds: None)


def test_an_order_is_sent_as_the_platform_wants_it(client: PayClient, bank: Bank) -> None:
    bank.answers = [(200, {"prepay_id": "wx26"})]
    assert client.prepay(ORDER) == "wx26"
    (request,) = bank.requests
    assert str(request.url) == "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi"
    assert json.loads(request.content) == {
        "appid": "wx1", "mchid": "1900000001", "description": "课程", "out_trade_no": "order-0001",
        "notify_url": "https://a.cn/pay", "amount": {"total": 1999, "currency": "CNY"}, "payer": {"openid": "oAnna"},
        "attach": "a", "time_expire": "2026-03-01T21:00:00+08:00",
    }  # fmt: skip
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Wechatpay-Serial"] == KEY_ID
    assert request.headers["User-Agent"]


def test_a_partner_orders_for_its_merchants_own_account(client: PayClient, bank: Bank) -> None:
    bank.answers = [(200, {"prepay_id": "wx26"})]
    client.merchant = replace(MERCHANT, sub_mchid="19002", sp_app_id="wxP")
    client.prepay(ORDER)
    body = json.loads(bank.requests[0].content)
    assert bank.requests[0].url.path == "/v3/pay/partner/transactions/jsapi"
    assert (body["sp_appid"], body["sp_mchid"], body["sub_mchid"], body["sub_appid"]) == (
        "wxP", "1900000001", "19002", "wx1",
    )  # fmt: skip
    assert body["payer"] == {"sub_openid": "oAnna"}


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
        (500, {"code": "SYSTEM_ERROR", "message": "busy"}),
        (502, "<html>bad gateway"),
    ],
    ids=["timeout", "closed", "busy", "gateway"],
)
def test_without_a_clear_answer_the_same_number_goes_out_again(trouble: Any, client: PayClient, bank: Bank) -> None:
    bank.answers = [trouble, trouble, (200, {"prepay_id": "wx26"})]
    assert client.prepay(ORDER) == "wx26"
    assert len({request.content for request in bank.requests}) == 1
    assert len({request.headers["Authorization"] for request in bank.requests}) == 3  # each signed anew
    bank.answers, bank.requests = [trouble], []
    with pytest.raises((TransportFailed, PayRefused)) as caught:
        client.refund(RefundOrder("refund-1", "order-0001", 1, 1999))
    assert len(bank.requests) == 3
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("status", "code", "is_permanent"),
    [
        (400, "PARAM_ERROR", True), (401, "SIGN_ERROR", True), (403, "OUT_TRADE_NO_USED", True),
        (403, "NOT_ENOUGH", True), (404, "ORDER_NOT_EXIST", True), (429, "FREQUENCY_LIMITED", False),
        (500, "OPENID_MISMATCH", True),
    ],
)  # fmt: skip
def test_a_clear_refusal_is_final(status: int, code: str, is_permanent: bool, client: PayClient, bank: Bank) -> None:
    bank.answers = [(status, {"code": code, "message": "why 100%"})]
    with pytest.raises(PayRefused) as caught:
        client.query("order-0001")
    assert len(bank.requests) == 1
    assert (caught.value.status, caught.value.pay_code, caught.value.permanent) == (status, code, is_permanent)
    assert caught.value.message.endswith(".")


def test_an_answer_that_is_not_signed_by_the_platform_is_refused(client: PayClient, bank: Bank) -> None:
    bank.answers = [(200, {"prepay_id": "wx26"})]
    client.keys.add_public_key(KEY_ID, public_pem_of(_MERCHANT_KEY))
    with pytest.raises(BadSignature):
        client.prepay(ORDER)


@pytest.mark.parametrize("content", ["[]", "{", "7"])
def test_a_signed_answer_without_sense_is_no_answer(content: str, client: PayClient, bank: Bank) -> None:
    bank.answers = [(200, content)]
    with pytest.raises(TransportFailed):
        client.query("order-0001")


def test_a_closed_order_answers_nothing_with_204(client: PayClient, bank: Bank) -> None:
    bank.answers = [(204, None)]
    client.close("order-0001")
    assert json.loads(bank.requests[0].content) == {"mchid": "1900000001"}


def test_certificates_are_looked_up_once_a_minute_at_most_whatever_strangers_send(
    client: PayClient, bank: Bank
) -> None:
    bank.answers = [(404, {"code": "RESOURCE_NOT_EXISTS", "message": "none"})]
    for _ in range(20):
        with pytest.raises(BadSignature):
            client.open_notification(signed_headers(BODY, serial="FFFF"), BODY.encode())
    assert [request.url.path for request in bank.requests] == ["/v3/certificates"]


def test_notices_that_are_signed_but_no_notices_are_refused(client: PayClient) -> None:
    for content in ("[]", "x", '{"a":', ""):
        with pytest.raises(BadPush):
            client.open_notification(signed_headers(content), content.encode())
    body = json.dumps({"event_type": "TRANSACTION.SUCCESS", "resource": sealed({"out_trade_no": 1}, key="f" * 32)})
    with pytest.raises(BadSignature):
        client.open_notification(signed_headers(body), body.encode())
    with pytest.raises(BadPush, match="larger"):
        client.open_notification({}, b"a" * 2_000_000)
    assert json.loads(failure("no")) == {"code": "FAIL", "message": "no"}


def test_an_unknown_kind_of_notice_keeps_its_content(client: PayClient) -> None:
    body = json.dumps({"id": "n", "event_type": "COUPON.USE", "resource": sealed({"coupon": 1}, about="coupon")})
    notice = client.open_notification(signed_headers(body), body.encode())
    assert (notice.event_type, notice.content, notice.payment, notice.refund) == (
        "COUPON.USE",
        {"coupon": 1},
        None,
        None,
    )


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"out_trade_no": "short"}, BadMessage),
        ({"out_trade_no": "a" * 33}, BadMessage),
        ({"out_trade_no": "order 01"}, BadMessage),
        ({"out_trade_no": "order-01\n"}, BadMessage),
        ({"total_fen": 0}, BadMessage),
        ({"total_fen": 19.99}, BadMessage),
        ({"total_fen": True}, BadMessage),
        ({"description": ""}, BadMessage),
        ({"description": "好" * 43}, TooLong),
        ({"attach": "a" * 129}, TooLong),
        ({"openid": ""}, BadMessage),
        ({"notify_url": "http://a.cn"}, BadMessage),
        ({"notify_url": "https://a.cn?x=1"}, BadMessage),
        ({"expires_at": datetime(2026, 3, 1)}, BadMessage),
    ],
)
def test_a_bad_order_is_refused_before_the_call(
    change: dict[str, Any], kind: type[Exception], client: PayClient, bank: Bank
) -> None:
    with pytest.raises(kind):
        client.prepay(replace(ORDER, **change))
    assert bank.requests == []
    check_order(ORDER)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"out_refund_no": ""}, BadMessage),
        ({"out_refund_no": "a" * 65}, BadMessage),
        ({"refund_fen": 0}, BadMessage),
        ({"refund_fen": 2000}, BadMessage),
        ({"reason": "好" * 27}, TooLong),
    ],
)
def test_a_bad_refund_is_refused_before_the_call(change: dict[str, Any], kind: type[Exception]) -> None:
    good = RefundOrder("refund-1", "order-0001", 1999, 1999)
    check_refund(good)
    with pytest.raises(kind):
        check_refund(replace(good, **change))
