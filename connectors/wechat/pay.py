"""WeChat Pay v3 for payments inside WeChat (JSAPI): prepay, query, close, refund, and its notifications.

Amounts are whole fen. Whoever orders or refunds keeps the number: after a failure without a clear answer the same
request with the same number is sent again, and WeChat Pay makes sure that it counts once. `PayClient` does that by
itself a few times; later attempts are the caller's.
"""

import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from connectors.wechat.answers import demand, inner, number, rows, text
from connectors.wechat.clock import BEIJING, Clock, now
from connectors.wechat.documents import MAX_BYTES
from connectors.wechat.errors import BadMessage, BadPush, TooLong, TransportFailed, WeChatError
from connectors.wechat.pay_errors import PayRefused, pay_refusal
from connectors.wechat.pay_signing import (
    Merchant,
    PlatformKeys,
    authorization,
    decrypt_object,
    decrypt_resource,
    read_moment,
    sign_bridge,
    verify,
)
from connectors.wechat.transport import MAX_JSON_BYTES, Answer, Transport, dump

PAY_URL = "https://api.mch.weixin.qq.com"
NUM_TRIES = 3
TRY_AGAIN_SECONDS = 0.5  # doubled each time, with jitter
KEYS_APART = timedelta(minutes=1)
_REFUNDS = "/v3/refund/domestic/refunds"
_OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")


@dataclass(frozen=True)
class Order:
    """What shall be paid. `out_trade_no` is ours: 6 to 32 of 0-9 A-Z a-z _ - | *."""

    out_trade_no: str
    app_id: str
    openid: str
    description: str
    total_fen: int
    notify_url: str
    attach: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class RefundOrder:
    """What shall be given back, all or a part, at most 365 days after the payment."""

    out_refund_no: str
    out_trade_no: str
    refund_fen: int
    total_fen: int
    reason: str = ""
    notify_url: str = ""


@dataclass(frozen=True)
class Payment:
    """An order as WeChat Pay knows it. Paid only in state SUCCESS (REFUND: was paid, money went back)."""

    out_trade_no: str
    transaction_id: str
    state: str
    total_fen: int
    payer_total_fen: int
    openid: str
    app_id: str
    mchid: str
    attach: str
    paid_at: datetime | None
    raw: dict[str, Any] = field(repr=False, compare=False)

    @property
    def is_paid(self) -> bool:
        """Whether the money has come."""
        return self.state == "SUCCESS"

    def is_for(self, order: Order) -> bool:
        """Whether number, amount, person and account are those of the order: check before delivering anything."""
        ours = (order.out_trade_no, order.total_fen, order.openid, order.app_id)
        return (self.out_trade_no, self.total_fen, self.openid, self.app_id) == ours


@dataclass(frozen=True)
class Refund:
    """A refund as WeChat Pay knows it: PROCESSING means accepted, SUCCESS, CLOSED or ABNORMAL are its ends."""

    out_refund_no: str
    refund_id: str
    out_trade_no: str
    status: str
    refund_fen: int
    total_fen: int
    received_account: str
    succeeded_at: datetime | None
    raw: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Notification:
    """What WeChat Pay tells on its own: of a payment, of a refund, or (neither) of something else."""

    notification_id: str
    event_type: str
    created_at: datetime | None
    payment: Payment | None
    refund: Refund | None
    content: dict[str, Any] = field(repr=False)


class PayClient:
    """Calls of one merchant. Safe to share between threads."""

    def __init__(
        self, merchant: Merchant, keys: PlatformKeys, *, base_url: str = PAY_URL, http: httpx.Client | None = None,
        clock: Clock = now, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.merchant = merchant
        self.keys = keys
        self.transport = Transport(base_url, http)
        self._clock = clock
        self._sleep = sleep
        self._keys_lock = threading.Lock()
        self._keys_asked_at: datetime | None = None

    def __repr__(self) -> str:
        return f"PayClient({self.merchant.mchid!r}, {self.transport.base_url!r})"

    def prepay(self, order: Order) -> str:
        """The prepay_id for an order, good for 2 hours; the same order again gives a fresh one.

        Raises BadMessage or TooLong before the call, PayRefused or TransportFailed after it.
        """
        check_order(order, is_https_needed=self.transport.base_url.startswith("https://"))
        path = f"{self._transactions}/jsapi"
        return demand(self._call("POST", path, _prepay_body(self.merchant, order)), "prepay_id", path)

    def sign_for_window(self, app_id: str, prepay_id: str) -> dict[str, str]:
        """What the page hands to WeChat's payment window."""
        return sign_bridge(self.merchant, app_id, prepay_id, clock=self._clock)

    def query(self, out_trade_no: str) -> Payment:
        """The order now. Raises PayRefused ORDER_NOT_EXIST."""
        return _read_payment(self._call("GET", f"{self._transactions}/out-trade-no/{out_trade_no}?{self._who_query}"))

    def query_transaction(self, transaction_id: str) -> Payment:
        """The order by WeChat Pay's own number."""
        return _read_payment(self._call("GET", f"{self._transactions}/id/{transaction_id}?{self._who_query}"))

    def close(self, out_trade_no: str) -> None:
        """From now on nobody can pay the order."""
        self._call("POST", f"{self._transactions}/out-trade-no/{out_trade_no}/close", dict(self._who))

    def refund(self, refund: RefundOrder) -> Refund:
        """Ask for a refund; the answer means accepted, not done. The same number again is the same refund."""
        check_refund(refund)
        body: dict[str, Any] = {
            "out_trade_no": refund.out_trade_no,
            "out_refund_no": refund.out_refund_no,
            "amount": {"refund": refund.refund_fen, "total": refund.total_fen, "currency": "CNY"},
        }
        extras = {"reason": refund.reason, "notify_url": refund.notify_url, "sub_mchid": self.merchant.sub_mchid}
        body |= {name: value for name, value in extras.items() if value}
        return _read_refund(self._call("POST", _REFUNDS, body))

    def query_refund(self, out_refund_no: str) -> Refund:
        """The refund now."""
        query = f"?{urlencode({'sub_mchid': self.merchant.sub_mchid})}" if self.merchant.sub_mchid else ""
        return _read_refund(self._call("GET", f"{_REFUNDS}/{out_refund_no}{query}"))

    def fetch_certificates(self) -> list[str]:
        """Download the platform's certificates into the keys; returns them as PEM to keep.

        They are encrypted with the APIv3 key, which proves them; then the answer's own signature must fit one of them.
        """
        path = "/v3/certificates"
        answer = self._send("GET", path, None)
        if answer.status != 200:
            raise pay_refusal(answer.status, _parse(answer), path)
        found = rows(_parse(answer), "data")
        sealed = [decrypt_resource(self.merchant.api_v3_key, row.get("encrypt_certificate")) for row in found]
        for pem in sealed:
            self.keys.add_certificate(pem)
        verify(self.keys, answer.headers, answer.content, clock=self._clock)
        return sealed

    def open_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """A notification, once it is surely WeChat Pay's. Raises BadSignature or BadPush: answer those with `failure`.

        Answer 200 or 204 within 5 seconds. Repeated and shuffled notifications are normal: take the order's lock, check
        `payment.is_for(order)`, and change it only once.
        """
        if len(body) > MAX_BYTES:
            raise BadPush("The push is larger than %(max_bytes)s bytes.", max_bytes=MAX_BYTES)
        self._verify(headers, body)
        try:
            notice = json.loads(body)
        except (ValueError, RecursionError):
            notice = None
        if not isinstance(notice, dict):
            raise BadPush("The push is not a JSON object.")
        content = decrypt_object(self.merchant.api_v3_key, notice.get("resource"))
        kind = text(notice, "event_type")
        return Notification(
            notification_id=text(notice, "id"),
            event_type=kind,
            created_at=read_moment(notice.get("create_time")),
            payment=_read_payment(content) if kind.startswith("TRANSACTION.") else None,
            refund=_read_refund(content) if kind.startswith("REFUND.") else None,
            content=content,
        )

    @property
    def _who(self) -> dict[str, str]:
        merchant = self.merchant
        if merchant.sub_mchid:
            return {"sp_mchid": merchant.mchid, "sub_mchid": merchant.sub_mchid}
        return {"mchid": merchant.mchid}

    @property
    def _who_query(self) -> str:
        return urlencode(self._who)

    @property
    def _transactions(self) -> str:
        return "/v3/pay/partner/transactions" if self.merchant.sub_mchid else "/v3/pay/transactions"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The verified answer. Every call here carries its own number, so that it may be sent again."""
        num_tries = 1
        while True:
            try:
                return self._ask(method, path, body)
            except (TransportFailed, PayRefused) as error:
                is_worth = isinstance(error, TransportFailed) or error.status >= 500
                if error.permanent or not is_worth or num_tries >= NUM_TRIES:
                    raise
            self._sleep(TRY_AGAIN_SECONDS * 2 ** (num_tries - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the waiting, no secret
            num_tries += 1

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        answer = self._send(method, path, body)
        parsed = _parse(answer)
        if answer.status not in (200, 202, 204):
            raise pay_refusal(answer.status, parsed, path.partition("?")[0])
        self._verify(answer.headers, answer.content)
        if not isinstance(parsed, dict):
            raise TransportFailed(
                "WeChat's answer to %(path)s is not readable (HTTP %(status)s). Try again later.",
                may_have_arrived=True, path=path.partition("?")[0], status=answer.status,
            )  # fmt: skip
        return parsed

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        content = dump(body) if body is not None else b""
        headers = {
            "Accept": "application/json",
            "User-Agent": "fanwise",
            "Authorization": authorization(self.merchant, method, path, content.decode(), clock=self._clock),
        }
        headers |= {"Wechatpay-Serial": self.keys.public_key_id} if self.keys.public_key_id else {}
        return self.transport.send(method, path, body=content or None, headers=headers, max_bytes=MAX_JSON_BYTES)

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """As `verify`; a serial not known yet is looked up among the platform's certificates, once a minute at most."""
        serial = next((value for name, value in headers.items() if name.lower() == "wechatpay-serial"), "")
        if serial and self.keys.find(serial) is None and not serial.startswith("PUB_KEY_ID_"):
            with self._keys_lock:
                if self._keys_asked_at is None or self._clock() - self._keys_asked_at >= KEYS_APART:
                    self._keys_asked_at = self._clock()
                    with suppress(WeChatError):  # then the signature is refused, and the notice comes again
                        self.fetch_certificates()
        verify(self.keys, headers, body, clock=self._clock)


def failure(message: str) -> bytes:
    """The body that answers a notification we do not take, with a status of 4xx or 5xx."""
    return dump({"code": "FAIL", "message": message})


def check_order(order: Order, *, is_https_needed: bool = True) -> None:
    """Raise BadMessage or TooLong where WeChat Pay would refuse the order."""
    if not _OUT_TRADE_NO.fullmatch(order.out_trade_no):
        raise BadMessage("The order number must be 6 to 32 of 0-9 A-Z a-z _ - | *. Take another.")
    _check_amount(order.total_fen)
    for name, value, limit in (("description", order.description, 127), ("attach", order.attach, 128)):
        if len(value.encode()) > limit:
            raise TooLong("The field %(field)s is longer than %(limit)s bytes. Shorten it.", field=name, limit=limit)
    if not order.description or not order.openid:
        raise BadMessage("The order needs a description and the person's openid.")
    is_wrong_scheme = is_https_needed and not order.notify_url.startswith("https://")
    if is_wrong_scheme or "?" in order.notify_url or "#" in order.notify_url:
        raise BadMessage("The notification address must begin with https:// and have no query.")
    if order.expires_at is not None and order.expires_at.tzinfo is None:
        raise BadMessage("The order's end needs a time zone.")


def check_refund(refund: RefundOrder) -> None:
    """Raise BadMessage or TooLong where WeChat Pay would refuse the refund."""
    if not re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,64}", refund.out_refund_no):
        raise BadMessage("The refund number must be 1 to 64 of 0-9 A-Z a-z _ - | * @. Take another.")
    _check_amount(refund.refund_fen)
    if refund.refund_fen > refund.total_fen:
        raise BadMessage("The refund is larger than the order. Lower it.")
    if len(refund.reason.encode()) > 80:
        raise TooLong("The field %(field)s is longer than %(limit)s bytes. Shorten it.", field="reason", limit=80)


def _check_amount(fen: int) -> None:
    if isinstance(fen, bool) or not isinstance(fen, int) or fen < 1:
        raise BadMessage("The amount must be a whole number of fen, at least 1.")


def _prepay_body(merchant: Merchant, order: Order) -> dict[str, Any]:
    if not merchant.sub_mchid:
        who: dict[str, Any] = {"appid": order.app_id, "mchid": merchant.mchid}
        payer = {"openid": order.openid}
    else:
        who = {"sp_appid": merchant.sp_app_id, "sp_mchid": merchant.mchid, "sub_mchid": merchant.sub_mchid}
        is_partners = order.app_id == merchant.sp_app_id
        who |= {} if is_partners else {"sub_appid": order.app_id}
        payer = {"sp_openid" if is_partners else "sub_openid": order.openid}
    body = who | {
        "description": order.description,
        "out_trade_no": order.out_trade_no,
        "notify_url": order.notify_url,
        "amount": {"total": order.total_fen, "currency": "CNY"},
        "payer": payer,
    }
    body |= {"attach": order.attach} if order.attach else {}
    if order.expires_at:
        body["time_expire"] = order.expires_at.astimezone(BEIJING).isoformat(timespec="seconds")
    return body


def _parse(answer: Answer) -> Any:
    try:
        return json.loads(answer.content) if answer.content else {}
    except (ValueError, RecursionError):
        return None


def _read_payment(content: dict[str, Any]) -> Payment:
    amount, payer = inner(content, "amount"), inner(content, "payer")
    path = "/v3/pay/transactions"
    return Payment(
        out_trade_no=demand(content, "out_trade_no", path),
        transaction_id=text(content, "transaction_id"),
        state=demand(content, "trade_state", path),
        total_fen=number(amount, "total"),
        payer_total_fen=number(amount, "payer_total"),
        openid=text(payer, "openid") or text(payer, "sub_openid") or text(payer, "sp_openid"),
        app_id=text(content, "appid") or text(content, "sub_appid") or text(content, "sp_appid"),
        mchid=text(content, "mchid") or text(content, "sub_mchid"),
        attach=text(content, "attach"),
        paid_at=read_moment(content.get("success_time")),
        raw=content,
    )


def _read_refund(content: dict[str, Any]) -> Refund:
    amount = inner(content, "amount")
    return Refund(
        out_refund_no=demand(content, "out_refund_no", _REFUNDS),
        refund_id=text(content, "refund_id"),
        out_trade_no=text(content, "out_trade_no"),
        status=text(content, "refund_status") or demand(content, "status", _REFUNDS),
        refund_fen=number(amount, "refund"),
        total_fen=number(amount, "total"),
        received_account=text(content, "user_received_account"),
        succeeded_at=read_moment(content.get("success_time")),
        raw=content,
    )
