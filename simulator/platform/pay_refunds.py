"""Refunds: accepted first, done later, told by notification (fact sheet 9)."""

from typing import Any

from simulator.calls import Call, endpoint
from simulator.clock import beijing_text
from simulator.pay import PayError, read_body, text_of
from simulator.pay_state import Merchant, Order, Refund
from simulator.platform.pay_notices import notify
from simulator.platform.pay_orders import checked_url
from simulator.schedule import task
from simulator.world import DAY_SECONDS, World

MAX_AGE_SECONDS = 365 * DAY_SECONDS
MAX_PARTS = 50
GAP_SECONDS = 60
ACCOUNT = "支付用户零钱"
PATH = "/v3/refund/domestic/refunds"


@endpoint("POST", PATH, auth="pay")
def create_refund(call: Call, merchant: Merchant) -> dict[str, Any]:
    """Accepts a refund; the same number again gives the same refund."""
    body = read_body(call)
    number = text_of(body, "out_refund_no", 64)
    text_of(body, "reason", 80, is_needed=False)
    if body.get("notify_url"):
        checked_url(text_of(body, "notify_url", 255))
    order = _order(merchant, body)
    found = order.refunds.get(number)
    if found is None:
        amount = _checked_amount(call, order, body)
        found = Refund(f"50{call.world.next_id()}", number, body, amount, "PROCESSING", call.now)
        order.refunds[number] = found
        call.world.later(
            call.world.settings.job_seconds, "pay.refund", mchid=merchant.mchid, order=order.out_trade_no, number=number
        )
    elif found.request != body:
        raise PayError(400, "PARAM_ERROR", "out_refund_no was used with other parameters")
    return describe_refund(order, found)


def _order(merchant: Merchant, body: dict[str, Any]) -> Order:
    for order in merchant.orders.values():
        if order.transaction_id and body.get("transaction_id") == order.transaction_id:
            return order
    order = merchant.orders.get(str(body.get("out_trade_no", "")))  # type: ignore[assignment]  # may be absent, the next line says
    if order is None:
        raise PayError(404, "RESOURCE_NOT_EXISTS", "no such order")
    return order


def _checked_amount(call: Call, order: Order, body: dict[str, Any]) -> int:
    amount = body.get("amount")
    fields = amount if isinstance(amount, dict) else {}
    refund = fields.get("refund")
    if not isinstance(refund, int) or refund < 1 or fields.get("currency") != "CNY":
        raise PayError(400, "PARAM_ERROR", "amount.refund must be fen, currency CNY")
    if order.state not in ("SUCCESS", "REFUND"):
        raise PayError(400, "INVALID_REQUEST", "the order is not paid")
    if fields.get("total") != order.total:
        raise PayError(400, "PARAM_ERROR", "amount.total is not the order's")
    if call.now - order.paid_at > MAX_AGE_SECONDS or len(order.refunds) >= MAX_PARTS:
        raise PayError(403, "RULE_LIMIT", "the order is too old or was refunded in too many parts")
    if any(call.now - one.created_at < GAP_SECONDS for one in order.refunds.values()):
        raise PayError(429, "FREQUENCY_LIMITED", "one refund of an order per minute")
    refunded = sum(one.amount for one in order.refunds.values() if one.status != "CLOSED")
    if refunded + refund > order.total:
        raise PayError(400, "INVALID_REQUEST", "more than was paid")
    return refund


@endpoint("GET", PATH + "/{number}", auth="pay")
def query_refund(call: Call, merchant: Merchant) -> dict[str, Any]:
    """A refund by the merchant's number."""
    for order in merchant.orders.values():
        if call.names["number"] in order.refunds:
            return describe_refund(order, order.refunds[call.names["number"]])
    raise PayError(404, "RESOURCE_NOT_EXISTS", "no such refund")


def describe_refund(order: Order, refund: Refund) -> dict[str, Any]:
    """The refund as answers show it."""
    shown = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": ACCOUNT,
        "create_time": beijing_text(refund.created_at),
        "status": refund.status,
        "amount": {
            "total": order.total,
            "refund": refund.amount,
            "payer_total": order.total,
            "payer_refund": refund.amount,
            "currency": "CNY",
        },
    }
    return shown | ({"success_time": beijing_text(refund.finished_at)} if refund.status == "SUCCESS" else {})


@task("pay.refund")
def finish_refund(world: World, mchid: str, order: str, number: str) -> None:
    """The money is back, or is not, as the merchant's `refund_outcome` says; the merchant is told."""
    merchant = world.state.merchants[mchid]
    its_order = merchant.orders[order]
    refund = its_order.refunds[number]
    refund.status, refund.finished_at = merchant.refund_outcome, world.now()
    if refund.status == "SUCCESS":
        its_order.state = "REFUND"
    url = refund.request.get("notify_url")
    if url:
        notify(world, merchant, url, f"REFUND.{refund.status}", _resource(merchant, its_order, refund))


def _resource(merchant: Merchant, order: Order, refund: Refund) -> dict[str, Any]:
    shown = describe_refund(order, refund)
    kept = ("transaction_id", "out_trade_no", "refund_id", "out_refund_no", "user_received_account", "success_time")
    amount = {name: value for name, value in shown["amount"].items() if name != "currency"}
    picked = {name: shown[name] for name in kept if name in shown}
    return {"mchid": merchant.mchid, **picked, "refund_status": refund.status, "amount": amount}
