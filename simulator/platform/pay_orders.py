"""Orders of WeChat Pay: JSAPI prepay, query, close, certificates (fact sheet 9)."""

import datetime as dt
import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from simulator.calls import Call, Response, endpoint
from simulator.clock import beijing_text
from simulator.pay import PayError, read_body, text_of
from simulator.pay_keys import seal
from simulator.pay_state import Merchant, Order
from simulator.world import DAY_SECONDS, make_secret

PREPAY_SECONDS = 2 * 3600
UNPAYABLE_SECONDS = 7 * DAY_SECONDS
MAX_EXPIRE_SECONDS = 90 * DAY_SECONDS
OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
DESCRIPTIONS = {"SUCCESS": "支付成功", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭", "REFUND": "订单发生过退款"}


@endpoint("GET", "/v3/certificates", auth="pay")
def list_certificates(call: Call, merchant: Merchant) -> dict[str, Any]:
    """The platform's certificates, sealed; a merchant with the public key alone has none."""
    if merchant.signs_with == "public_key":
        raise PayError(404, "RESOURCE_NOT_EXISTS", "no platform certificate: use the public key")
    return {
        "data": [
            {
                "serial_no": key.serial,
                "effective_time": beijing_text(key.effective_at),
                "expire_time": beijing_text(key.expires_at),
                "encrypt_certificate": seal(merchant.api_v3_key, key.certificate, "certificate"),
            }
            for key in merchant.platform_keys
        ]
    }


# --- ordering -------------------------------------------------------------------------------------------------------


@endpoint("POST", "/v3/pay/transactions/jsapi", auth="pay")
def prepay(call: Call, merchant: Merchant) -> dict[str, Any]:
    """A prepay_id of two hours."""
    body = read_body(call)
    if body.get("mchid") != merchant.mchid:
        raise PayError(400, "PARAM_ERROR", "mchid is not the signer's")
    return _prepay(call, merchant, body, text_of(body, "appid", 32), _openid(body, "openid"))


@endpoint("POST", "/v3/pay/partner/transactions/jsapi", auth="pay")
def prepay_for_merchant(call: Call, merchant: Merchant) -> dict[str, Any]:
    """The same for a partner's sub-merchant."""
    body = read_body(call)
    if body.get("sp_mchid") != merchant.mchid:
        raise PayError(400, "PARAM_ERROR", "sp_mchid is not the signer's")
    text_of(body, "sub_mchid", 32)
    payer = body.get("payer") if isinstance(body.get("payer"), dict) else {}
    if payer and "sub_openid" in payer:
        return _prepay(call, merchant, body, text_of(body, "sub_appid", 32), _openid(body, "sub_openid"))
    return _prepay(call, merchant, body, text_of(body, "sp_appid", 32), _openid(body, "sp_openid"))


def _openid(body: dict[str, Any], name: str) -> str:
    payer = body.get("payer")
    if not isinstance(payer, dict):
        raise PayError(400, "PARAM_ERROR", "payer is missing")
    return text_of(payer, name, 128)


def _prepay(call: Call, merchant: Merchant, body: dict[str, Any], app_id: str, openid: str) -> dict[str, Any]:
    number = body.get("out_trade_no")
    if not isinstance(number, str) or not OUT_TRADE_NO.fullmatch(number):
        raise PayError(400, "PARAM_ERROR", "out_trade_no must be 6 to 32 of 0-9 A-Z a-z _ - | *")
    order = merchant.orders.get(number)
    if order is None:
        order = _checked_order(call, merchant, body, app_id, openid)
        merchant.orders[number] = order
    elif _without_expiry(order.request) != _without_expiry(body) or order.state in ("SUCCESS", "REFUND"):
        raise PayError(403, "OUT_TRADE_NO_USED", "out_trade_no was used with other parameters, or is paid")
    elif order.state == "CLOSED":
        raise PayError(400, "ORDER_CLOSED", "the order is closed")
    prepay_id = f"wx{call.world.next_id()}{make_secret(8)}"
    order.prepay_ids[prepay_id] = call.now + PREPAY_SECONDS
    return {"prepay_id": prepay_id}


def _without_expiry(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "time_expire"}


def _checked_order(call: Call, merchant: Merchant, body: dict[str, Any], app_id: str, openid: str) -> Order:
    if app_id not in merchant.app_ids and body.get("sub_appid") != app_id:
        raise PayError(400, "APPID_MCHID_NOT_MATCH", f"{app_id} is not bound to {merchant.mchid}")
    text_of(body, "description", 127)
    account = call.world.state.accounts.get(app_id)
    if account is None or account.find_user(openid) is None:
        raise PayError(500, "OPENID_MISMATCH", "openid and appid do not match")
    return Order(
        out_trade_no=body["out_trade_no"],
        request=body,
        app_id=app_id,
        openid=openid,
        total=_total(body),
        notify_url=checked_url(text_of(body, "notify_url", 255)),
        created_at=call.now,
        payable_until=_payable_until(body, call.now),
        attach=text_of(body, "attach", 128, is_needed=False),
        sub_mchid=str(body.get("sub_mchid", "")),
    )


def _total(body: dict[str, Any]) -> int:
    amount = body.get("amount")
    fields = amount if isinstance(amount, dict) else {}
    total = fields.get("total")
    if not isinstance(total, int) or isinstance(total, bool) or total < 1 or fields.get("currency", "CNY") != "CNY":
        raise PayError(400, "PARAM_ERROR", "amount.total must be fen, currency CNY")
    return total


def checked_url(url: str) -> str:
    """https without query; plain http only to this machine itself."""
    parts = urlsplit(url)
    if (
        parts.query
        or parts.fragment
        or not parts.hostname
        or not (parts.scheme == "https" or _is_local(parts.hostname))
    ):
        raise PayError(400, "PARAM_ERROR", "notify_url must be https and have no query")
    return url


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _payable_until(body: dict[str, Any], now: float) -> float:
    if "time_expire" not in body:
        return now + UNPAYABLE_SECONDS
    try:
        moment = dt.datetime.fromisoformat(str(body["time_expire"]))
    except ValueError:
        moment = dt.datetime.min
    if moment.tzinfo is None or not now + 60 <= moment.timestamp() <= now + MAX_EXPIRE_SECONDS:
        raise PayError(400, "PARAM_ERROR", "time_expire must be RFC 3339, 1 minute to 90 days ahead")
    return moment.timestamp()


# --- asking and closing ---------------------------------------------------------------------------------------------


@endpoint("GET", "/v3/pay/transactions/out-trade-no/{number}", auth="pay")
@endpoint("GET", "/v3/pay/partner/transactions/out-trade-no/{number}", auth="pay")
def query_order(call: Call, merchant: Merchant) -> dict[str, Any]:
    """An order by the merchant's number."""
    return describe_order(merchant, find_order(call, merchant))


@endpoint("GET", "/v3/pay/transactions/id/{transaction_id}", auth="pay")
@endpoint("GET", "/v3/pay/partner/transactions/id/{transaction_id}", auth="pay")
def query_transaction(call: Call, merchant: Merchant) -> dict[str, Any]:
    """A paid order by the platform's number."""
    _check_mchid(merchant, call.params)
    wanted = call.names["transaction_id"]
    order = next((one for one in merchant.orders.values() if one.transaction_id == wanted), None)
    if order is None:
        raise PayError(404, "ORDER_NOT_EXIST", "no such transaction")
    return describe_order(merchant, order)


@endpoint("POST", "/v3/pay/transactions/out-trade-no/{number}/close", auth="pay")
@endpoint("POST", "/v3/pay/partner/transactions/out-trade-no/{number}/close", auth="pay")
def close_order(call: Call, merchant: Merchant) -> Response:
    """Nobody can pay it any more; 204."""
    order = find_order(call, merchant, read_body(call))
    if order.state in ("SUCCESS", "REFUND"):
        raise PayError(400, "INVALID_REQUEST", "the order is paid")
    order.state = "CLOSED"
    return Response(b"", 204)


def find_order(call: Call, merchant: Merchant, given: dict[str, Any] | None = None) -> Order:
    """The order of the path; the mchid given must be the signer's."""
    _check_mchid(merchant, call.params if given is None else given)
    order = merchant.orders.get(call.names["number"])
    if order is None:
        raise PayError(404, "ORDER_NOT_EXIST", "no such order")
    return order


def _check_mchid(merchant: Merchant, given: dict[str, Any]) -> None:
    if merchant.mchid not in (given.get("mchid"), given.get("sp_mchid")):
        raise PayError(400, "PARAM_ERROR", "mchid is missing or not the signer's")


def describe_order(merchant: Merchant, order: Order) -> dict[str, Any]:
    """The order as queries and notifications show it."""
    is_partner = bool(order.sub_mchid)
    shown: dict[str, Any] = (
        {"sp_appid": order.app_id, "sp_mchid": merchant.mchid, "sub_mchid": order.sub_mchid}
        if is_partner
        else {"appid": order.app_id, "mchid": merchant.mchid}
    )
    shown |= {
        "out_trade_no": order.out_trade_no,
        "trade_state": order.state,
        "trade_state_desc": DESCRIPTIONS[order.state],
        "attach": order.attach,
        "amount": {"total": order.total, "currency": "CNY"},
    }
    if not order.transaction_id:
        return shown
    shown["amount"] |= {"payer_total": order.total, "payer_currency": "CNY"}
    return shown | {
        "transaction_id": order.transaction_id,
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "success_time": beijing_text(order.paid_at),
        "payer": {"sp_openid" if is_partner else "openid": order.openid},
    }
