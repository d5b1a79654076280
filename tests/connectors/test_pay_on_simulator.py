"""WeChat Pay: our client against the simulated payment platform over HTTP, with certificates and with a public key."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from connectors.wechat.errors import BadSignature
from connectors.wechat.pay import Order, PayClient, RefundOrder
from connectors.wechat.pay_errors import PayRefused
from connectors.wechat.pay_signing import Merchant, PlatformKeys
from simulator.remote import PlatformControl
from tests.connectors.notices import NoticeServer


@pytest.fixture
def notices() -> Iterator[NoticeServer]:
    server = NoticeServer()
    yield server
    server.close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


class Shop:
    """A merchant's site: its client, an order, and what notifications told it."""

    def __init__(self, platform: PlatformControl, notices: NoticeServer, http: httpx.Client, mode: str) -> None:
        self.platform, self.account = platform, platform.add_account("service")
        self.openid = platform.add_user(self.account.app_id, "anna")
        made = platform.do("add_merchant", app_ids=[self.account.app_id], signs_with=mode)
        self.mchid = made["mchid"]
        self.keys = PlatformKeys()
        if mode == "public_key":
            self.keys.add_public_key(made["public_key_id"], made["public_key"])
        merchant = Merchant(made["mchid"], made["serial_no"], made["private_key"], made["api_v3_key"])
        self.client = PayClient(merchant, self.keys, base_url=platform.url, http=http, sleep=lambda seconds: None)
        self.order = Order("order-0001", self.account.app_id, self.openid, "课程", 1999, notices.url, attach="a=1")


@pytest.fixture(params=["certificate", "public_key"])
def shop(request: pytest.FixtureRequest, platform: PlatformControl, notices: NoticeServer, http: httpx.Client) -> Shop:
    made = Shop(platform, notices, http, request.param)
    notices.client = made.client
    return made


def test_a_payment_from_order_to_notice(shop: Shop, platform: PlatformControl, notices: NoticeServer) -> None:
    prepay_id = shop.client.prepay(shop.order)
    assert shop.client.prepay(shop.order) != prepay_id  # the same order again: a fresh one
    assert shop.client.query(shop.order.out_trade_no).state == "NOTPAY"
    platform.do("pay", mchid=shop.mchid, bridge=shop.client.sign_for_window(shop.account.app_id, prepay_id))
    platform.do("settle")
    payment = shop.client.query(shop.order.out_trade_no)
    assert payment.is_paid
    assert payment.is_for(shop.order)
    assert (payment.attach, payment.total_fen, payment.payer_total_fen) == ("a=1", 1999, 1999)
    assert payment.paid_at is not None
    assert shop.client.query_transaction(payment.transaction_id) == payment
    (notice,) = notices.wait_for(1)
    assert (notice.event_type, notice.payment) == ("TRANSACTION.SUCCESS", payment)
    assert not payment.is_for(replace(shop.order, total_fen=2000))


def pay_for(shop: Shop, platform: PlatformControl) -> None:
    shop.client.prepay(shop.order)
    platform.do("pay", mchid=shop.mchid, out_trade_no=shop.order.out_trade_no)
    platform.do("settle")


def test_a_refund_is_accepted_then_done_and_its_number_counts_once(
    shop: Shop, platform: PlatformControl, notices: NoticeServer
) -> None:
    pay_for(shop, platform)
    wanted = RefundOrder("refund-1", shop.order.out_trade_no, 500, 1999, "too late", notices.url)
    accepted = shop.client.refund(wanted)
    assert (accepted.status, accepted.refund_fen, accepted.total_fen) == ("PROCESSING", 500, 1999)
    assert shop.client.refund(wanted) == accepted
    platform.advance(3600)
    done = shop.client.query_refund("refund-1")
    assert (done.status, done.refund_id) == ("SUCCESS", accepted.refund_id)
    paid, refunded = notices.wait_for(2)
    assert paid.payment is not None
    assert refunded.refund is not None
    assert (refunded.event_type, refunded.refund.refund_fen) == ("REFUND.SUCCESS", 500)
    assert refunded.refund.status == "SUCCESS"


def test_a_closed_order_cannot_be_paid_again_and_errors_have_names(shop: Shop) -> None:
    shop.client.prepay(shop.order)
    shop.client.close(shop.order.out_trade_no)
    assert shop.client.query(shop.order.out_trade_no).state == "CLOSED"
    cases = [
        (lambda: shop.client.prepay(shop.order), "ORDER_CLOSED"),
        (lambda: shop.client.query("order-9999"), "ORDER_NOT_EXIST"),
        (lambda: shop.client.query_refund("refund-9"), "RESOURCE_NOT_EXISTS"),
        (
            lambda: shop.client.prepay(replace(shop.order, out_trade_no="order-2", app_id="wxother")),
            "APPID_MCHID_NOT_MATCH",
        ),
        (lambda: shop.client.prepay(replace(shop.order, out_trade_no="order-3", openid="oNobody")), "OPENID_MISMATCH"),
    ]
    for call, code in cases:
        with pytest.raises(PayRefused) as caught:
            call()
        assert (caught.value.pay_code, caught.value.permanent) == (code, True)


@pytest.mark.parametrize("defect", ["forges", "stale", "probes"])
def test_forged_old_and_probing_notices_are_refused(
    defect: str, shop: Shop, platform: PlatformControl, notices: NoticeServer
) -> None:
    platform.do("change_merchant", mchid=shop.mchid, defects={defect: 1})
    pay_for(shop, platform)
    assert len(notices.refused) == 1
    assert isinstance(notices.refused[0], BadSignature)
    assert len(notices.told) == (1 if defect == "probes" else 0)


def test_a_new_certificate_is_fetched_when_it_first_signs(
    platform: PlatformControl, notices: NoticeServer, http
) -> None:
    shop = Shop(platform, notices, http, "certificate")
    notices.client = shop.client
    shop.client.prepay(shop.order)
    made = platform.do("rotate_certificate", mchid=shop.mchid)
    assert shop.keys.find(made["platform_serial"]) is None
    shop.client._keys_asked_at = None  # a minute has passed
    platform.do("pay", mchid=shop.mchid, out_trade_no=shop.order.out_trade_no)
    assert len(notices.wait_for(1)) == 1
    assert shop.keys.find(made["platform_serial"]) is not None


def test_a_stranger_to_the_merchant_is_told_to_compare_the_settings(
    shop: Shop, platform: PlatformControl, http
) -> None:
    merchant = replace(shop.client.merchant, serial_no="0" * 40)
    with pytest.raises(PayRefused, match="Compare AppID") as caught:
        PayClient(merchant, shop.keys, base_url=platform.url, http=http).prepay(shop.order)
    assert (caught.value.status, caught.value.pay_code) == (401, "SIGN_ERROR")


def test_a_partner_orders_for_its_merchant(platform: PlatformControl, notices: NoticeServer, http) -> None:
    shop = Shop(platform, notices, http, "public_key")
    merchant = replace(shop.client.merchant, sub_mchid="1900000109", sp_app_id=shop.account.app_id)
    client = PayClient(merchant, shop.keys, base_url=platform.url, http=http)
    notices.client = client
    client.prepay(shop.order)
    platform.do("pay", mchid=shop.mchid, out_trade_no=shop.order.out_trade_no)
    payment = client.query(shop.order.out_trade_no)
    assert payment.is_paid
    assert payment.is_for(shop.order)
    assert payment.mchid == "1900000109"
