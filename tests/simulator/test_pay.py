"""WeChat Pay v3, by section 9 of the fact sheet; signatures are made and checked here from its words."""

import base64
import json
import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

JSAPI = "/v3/pay/transactions/jsapi"
REFUNDS = "/v3/refund/domestic/refunds"
HOUR = 3600


def rsa_sign(private_key: str, *lines: str) -> str:
    key = serialization.load_pem_private_key(private_key.encode(), None)
    message = "".join(f"{line}\n" for line in lines).encode()
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(pem: str, signature: str, *lines: str) -> bool:
    is_certificate = "CERTIFICATE" in pem
    key = (
        x509.load_pem_x509_certificate(pem.encode()).public_key()
        if is_certificate
        else serialization.load_pem_public_key(pem.encode())
    )
    message = "".join(f"{line}\n" for line in lines).encode()
    try:
        key.verify(base64.b64decode(signature), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def unseal(key: str, resource: dict) -> str:
    sealed = base64.b64decode(resource["ciphertext"])
    opened = AESGCM(key.encode()).decrypt(resource["nonce"].encode(), sealed, resource["associated_data"].encode())
    return opened.decode()


class Shop:
    """A merchant and its signed calls."""

    def __init__(self, platform, listener, account, openid: str) -> None:
        self.platform, self.listener, self.account, self.openid = platform, listener, account, openid
        self.keys = platform.add_merchant(app_ids=[account.app_id])
        self.mchid = self.keys["mchid"]

    def call(self, method: str, path: str, body: dict | None = None, **changes):
        content = json.dumps(body, ensure_ascii=False) if body is not None else ""
        stamp = str(changes.get("timestamp", int(time.time())))
        signed = rsa_sign(self.keys["private_key"], method, changes.get("signs", path), stamp, "nonce", content)
        fields = f'mchid="{self.mchid}",nonce_str="nonce",signature="{signed}",timestamp="{stamp}"'
        serial = changes.get("serial_no", self.keys["serial_no"])
        headers = {"Authorization": f'WECHATPAY2-SHA256-RSA2048 {fields},serial_no="{serial}"'}
        headers |= {"Accept": "application/json", "Content-Type": "application/json"} | changes.get("headers", {})
        return self.platform.http.request(
            method, f"{self.platform.url}{path}", content=content.encode(), headers=headers
        )

    def order(self, number: str = "order-1", **changes) -> dict:
        return {
            "appid": self.account.app_id,
            "mchid": self.mchid,
            "description": "一杯茶",
            "out_trade_no": number,
            "notify_url": self.listener.url,
            "amount": {"total": 100, "currency": "CNY"},
            "payer": {"openid": self.openid},
        } | changes

    def pay(self, number: str = "order-1", total: int = 100) -> dict:
        self.call("POST", JSAPI, self.order(number, amount={"total": total, "currency": "CNY"}))
        paid = self.platform.pay(mchid=self.mchid, out_trade_no=number)
        self.platform.do("settle")
        return paid

    def state(self, number: str = "order-1") -> str:
        answer = self.call("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={self.mchid}")
        return answer.json()["trade_state"]

    def refund(self, number: str = "refund-1", refund: int = 100, total: int = 100, order: str = "order-1"):
        amount = {"refund": refund, "total": total, "currency": "CNY"}
        body = {"out_trade_no": order, "out_refund_no": number, "notify_url": self.listener.url, "amount": amount}
        return self.call("POST", REFUNDS, body)


@pytest.fixture
def shop(platform, listener, api) -> Shop:
    return Shop(platform, listener, api.account, platform.add_user(api.account.app_id, "alice"))


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


# --- signatures -----------------------------------------------------------------------------------------------------


def test_answers_are_signed(shop):
    answer = shop.call("POST", JSAPI, shop.order())
    assert answer.json()["prepay_id"]
    lines = (answer.headers["Wechatpay-Timestamp"], answer.headers["Wechatpay-Nonce"], answer.text)
    assert answer.headers["Wechatpay-Serial"] == shop.keys["platform_serial"]
    assert is_signed(shop.keys["platform_certificate"], answer.headers["Wechatpay-Signature"], *lines)


def test_a_merchant_with_the_public_key_alone(platform, shop):
    platform.change_merchant(mchid=shop.mchid, signs_with="public_key")
    answer = shop.call("POST", JSAPI, shop.order())
    lines = (answer.headers["Wechatpay-Timestamp"], answer.headers["Wechatpay-Nonce"], answer.text)
    assert answer.headers["Wechatpay-Serial"] == shop.keys["public_key_id"]
    assert shop.keys["public_key_id"].startswith("PUB_KEY_ID_")
    assert is_signed(shop.keys["public_key"], answer.headers["Wechatpay-Signature"], *lines)
    assert code_of(shop.call("GET", "/v3/certificates")) == (404, "RESOURCE_NOT_EXISTS")


@pytest.mark.parametrize(
    "changes",
    [
        {"signs": "/v3/other"},
        {"timestamp": int(time.time()) - 301},
        {"serial_no": "0" * 40},
        {"headers": {"Authorization": "Bearer x"}},
    ],
)
def test_badly_signed_requests_are_refused(shop, changes):
    assert code_of(shop.call("POST", JSAPI, shop.order(), **changes)) == (401, "SIGN_ERROR")
    query = shop.call("GET", f"/v3/pay/transactions/out-trade-no/order-1?mchid={shop.mchid}")
    assert code_of(query) == (404, "ORDER_NOT_EXIST")


def test_certificates_are_sealed_and_rotate(platform, shop):
    (first,) = shop.call("GET", "/v3/certificates").json()["data"]
    opened = unseal(shop.keys["api_v3_key"], first["encrypt_certificate"])
    assert opened == shop.keys["platform_certificate"]
    assert first["effective_time"].endswith("+08:00")
    fresh = platform.rotate_certificate(mchid=shop.mchid)
    answer = shop.call("GET", "/v3/certificates")
    assert [one["serial_no"] for one in answer.json()["data"]] == [first["serial_no"], fresh["platform_serial"]]
    assert answer.headers["Wechatpay-Serial"] == fresh["platform_serial"]


# --- orders ---------------------------------------------------------------------------------------------------------


def test_the_same_order_again_gives_a_fresh_prepay_id_another_does_not(shop):
    first, again = (shop.call("POST", JSAPI, shop.order()).json()["prepay_id"] for _ in range(2))
    assert first != again
    other = shop.order(amount={"total": 200, "currency": "CNY"})
    assert code_of(shop.call("POST", JSAPI, other)) == (403, "OUT_TRADE_NO_USED")
    assert shop.state() == "NOTPAY"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"out_trade_no": "short"}, (400, "PARAM_ERROR")),
        ({"out_trade_no": "with blank 1"}, (400, "PARAM_ERROR")),
        ({"description": "x" * 128}, (400, "PARAM_ERROR")),
        ({"attach": "x" * 129}, (400, "PARAM_ERROR")),
        ({"notify_url": "http://site.example/pay"}, (400, "PARAM_ERROR")),
        ({"notify_url": "https://site.example/pay?a=1"}, (400, "PARAM_ERROR")),
        ({"amount": {"total": 1.5}}, (400, "PARAM_ERROR")),
        ({"amount": {"total": 0}}, (400, "PARAM_ERROR")),
        ({"time_expire": "2026-01-01T00:00:00+08:00"}, (400, "PARAM_ERROR")),
        ({"appid": "wx0"}, (400, "APPID_MCHID_NOT_MATCH")),
        ({"mchid": "1"}, (400, "PARAM_ERROR")),
        ({"payer": {"openid": "oNobody"}}, (500, "OPENID_MISMATCH")),
    ],
)
def test_bad_orders(shop, changes, refusal):
    assert code_of(shop.call("POST", JSAPI, shop.order() | changes)) == refusal


def test_a_closed_order_cannot_be_paid(platform, shop):
    shop.call("POST", JSAPI, shop.order())
    path = "/v3/pay/transactions/out-trade-no/order-1/close"
    closed = shop.call("POST", path, {"mchid": shop.mchid})
    assert (closed.status_code, closed.content) == (204, b"")
    assert shop.state() == "CLOSED"
    assert code_of(shop.call("POST", JSAPI, shop.order())) == (400, "ORDER_CLOSED")
    with pytest.raises(Exception, match="CLOSED"):
        platform.pay(mchid=shop.mchid, out_trade_no="order-1")


def test_the_payment_window_checks_the_pages_signature(platform, shop):
    prepay_id = shop.call("POST", JSAPI, shop.order()).json()["prepay_id"]
    lines = (shop.account.app_id, "1700000000", "n1", f"prepay_id={prepay_id}")
    bridge = dict(zip(("appId", "timeStamp", "nonceStr", "package"), lines, strict=True)) | {"signType": "RSA"}
    with pytest.raises(Exception, match="paySign"):
        platform.pay(mchid=shop.mchid, bridge=bridge | {"paySign": "AAAA"})
    bridge["paySign"] = rsa_sign(shop.keys["private_key"], *lines)
    assert platform.pay(mchid=shop.mchid, bridge=bridge)["trade_state"] == "SUCCESS"
    assert shop.state() == "SUCCESS"


def test_a_prepay_id_lives_two_hours(platform, shop):
    shop.call("POST", JSAPI, shop.order())
    platform.advance(2 * HOUR + 1)
    with pytest.raises(Exception, match="time to pay"):
        platform.pay(mchid=shop.mchid, out_trade_no="order-1")


def test_partner_mode(platform, shop):
    order = shop.order()
    for old, new in (("appid", "sp_appid"), ("mchid", "sp_mchid")):
        order[new] = order.pop(old)
    order |= {"sub_mchid": "1900000001", "payer": {"sp_openid": shop.openid}}
    assert shop.call("POST", "/v3/pay/partner/transactions/jsapi", order).json()["prepay_id"]
    paid = platform.pay(mchid=shop.mchid, out_trade_no="order-1")
    assert (paid["sp_mchid"], paid["sub_mchid"]) == (shop.mchid, "1900000001")
    path = f"/v3/pay/partner/transactions/out-trade-no/order-1?sp_mchid={shop.mchid}&sub_mchid=1900000001"
    assert shop.call("GET", path).json()["trade_state"] == "SUCCESS"


# --- notifications --------------------------------------------------------------------------------------------------


@pytest.fixture
def notified(shop, listener):
    """The notifications heard so far, opened; each signature is checked on the way."""

    def opened() -> list[dict]:
        found = []
        for heard in listener.heard:
            shown = json.loads(heard.body)
            found.append(shown | {"opened": json.loads(unseal(shop.keys["api_v3_key"], shown["resource"]))})
        return found

    return opened


def test_a_payment_is_notified(platform, shop, notified):
    paid = shop.pay()
    (notice,) = notified()
    assert notice["event_type"] == "TRANSACTION.SUCCESS"
    assert notice["resource_type"] == "encrypt-resource"
    assert notice["resource"]["original_type"] == "transaction"
    assert notice["opened"] == paid
    assert notice["opened"]["payer"] == {"openid": shop.openid}
    assert notice["opened"]["amount"] == {
        "total": 100, "currency": "CNY", "payer_total": 100, "payer_currency": "CNY"
    }  # fmt: skip
    assert [line["outcome"] for line in platform.read("notification", shop.mchid)] == ["accepted"]


def test_an_unanswered_notification_comes_sixteen_times_within_a_day(platform, shop, listener, notified):
    listener.status = 500
    shop.pay()
    for wait in (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600, 21600):
        platform.advance(wait + 1)
        platform.do("settle")
    assert len(notified()) == 16
    assert len({notice["id"] for notice in notified()}) == 1


def test_duplicates_forgeries_and_probes_on_request(platform, shop, listener, notified):
    listener.answer = lambda heard: ""
    platform.change_merchant(mchid=shop.mchid, defects={"duplicates": 1, "probes": True})
    shop.pay()
    assert len(notified()) == 3
    lines = platform.read("notification", shop.mchid)
    assert sorted(line["is_probe"] for line in lines) == [False, False, True]
    platform.change_merchant(mchid=shop.mchid, defects={"loses": True})
    shop.pay("order-2")
    assert len(notified()) == 3
    assert shop.state("order-2") == "SUCCESS"


# --- refunds --------------------------------------------------------------------------------------------------------


def test_a_refund_is_accepted_then_done_then_notified(platform, shop, notified):
    shop.pay()
    answer = shop.refund()
    assert (answer.status_code, answer.json()["status"]) == (200, "PROCESSING")
    assert shop.state() == "SUCCESS"
    platform.advance(10)
    platform.do("settle")
    assert shop.call("GET", f"{REFUNDS}/refund-1").json()["status"] == "SUCCESS"
    assert shop.state() == "REFUND"
    notice = notified()[-1]
    assert notice["event_type"] == "REFUND.SUCCESS"
    assert notice["opened"]["refund_status"] == "SUCCESS"
    assert notice["opened"]["amount"]["refund"] == 100
    assert shop.refund().json()["refund_id"] == answer.json()["refund_id"]


def test_refunds_have_limits(platform, shop):
    assert code_of(shop.refund()) == (404, "RESOURCE_NOT_EXISTS")
    shop.call("POST", JSAPI, shop.order())
    assert code_of(shop.refund()) == (400, "INVALID_REQUEST")
    platform.pay(mchid=shop.mchid, out_trade_no="order-1")
    assert code_of(shop.refund(total=99)) == (400, "PARAM_ERROR")
    assert shop.refund("r1", 60).status_code == 200
    assert code_of(shop.refund("r2", 10)) == (429, "FREQUENCY_LIMITED")
    platform.advance(61)
    assert code_of(shop.refund("r2", 41)) == (400, "INVALID_REQUEST")
    assert shop.refund("r2", 40).status_code == 200
    assert code_of(shop.refund("r2", 39)) == (400, "PARAM_ERROR")


def test_a_refund_may_fail(platform, shop, notified):
    platform.change_merchant(mchid=shop.mchid, refund_outcome="ABNORMAL")
    shop.pay()
    shop.refund()
    platform.advance(10)
    platform.do("settle")
    assert notified()[-1]["event_type"] == "REFUND.ABNORMAL"
    assert shop.state() == "SUCCESS"
