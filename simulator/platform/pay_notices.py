"""Notifications of payments and refunds: sealed, signed, repeated for a day until they are answered (fact sheet 9)."""

import json
import uuid
from typing import Any

import httpx

from simulator.clock import beijing_text
from simulator.pay import signature_headers
from simulator.pay_keys import seal
from simulator.pay_state import Merchant
from simulator.schedule import task
from simulator.world import World

# Seconds between one delivery and the next: 24 h 4 min in all.
WAITS = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}


def notify(world: World, merchant: Merchant, url: str, event_type: str, resource: dict[str, Any]) -> None:
    """Tells the merchant, at once and again until it answers; `defects` of the merchant apply."""
    notice = {
        "id": str(uuid.uuid4()),
        "create_time": beijing_text(world.now()),
        "event_type": event_type,
        "url": url,
        "resource": resource,
    }
    if merchant.defects.get("loses"):
        world.log("notification", merchant.mchid, resource["out_trade_no"], outcome="lost", event_type=event_type)
        return
    if merchant.defects.get("probes"):
        world.run_outside(lambda client: _deliver(world, client, merchant, notice, 0, is_probe=True))
    for _ in range(1 + int(merchant.defects.get("duplicates", 0))):
        send_notice(world, merchant.mchid, notice, 0)


@task("pay.notify")
def send_notice(world: World, mchid: str, notice: dict[str, Any], attempt: int) -> None:
    """One delivery, outside the lock."""
    merchant = world.state.merchants[mchid]
    world.run_outside(lambda client: _deliver(world, client, merchant, notice, attempt))


def _deliver(
    world: World, client: httpx.Client, merchant: Merchant, notice: dict[str, Any], attempt: int, is_probe: bool = False
) -> None:
    epoch = world.epoch
    body, headers = build_notice(merchant, notice, is_probe)
    try:
        answer = client.post(notice["url"], content=body.encode(), headers=headers, timeout=_patience(world))
        status, text = answer.status_code, answer.text
    except httpx.HTTPError as error:
        status, text = 0, type(error).__name__
    with world.lock:
        if epoch == world.epoch:
            _judge(world, merchant, notice, attempt, status, text, is_probe)


def build_notice(merchant: Merchant, notice: dict[str, Any], is_probe: bool = False) -> tuple[str, dict[str, str]]:
    """Body and headers of one delivery."""
    kind = "transaction" if notice["event_type"].startswith("TRANSACTION") else "refund"
    text = json.dumps(notice["resource"], ensure_ascii=False, separators=(",", ":"))
    shown = {
        "id": notice["id"],
        "create_time": notice["create_time"],
        "resource_type": "encrypt-resource",
        "event_type": notice["event_type"],
        "summary": SUMMARIES[notice["event_type"]],
        "resource": {"original_type": kind, **seal(merchant.api_v3_key, text, kind)},
    }
    body = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    age = 600 if merchant.defects.get("stale") else 0
    headers = signature_headers(merchant, body, age_seconds=age, is_probe=is_probe)
    if merchant.defects.get("forges"):
        headers["Wechatpay-Signature"] = headers["Wechatpay-Signature"][::-1]
    return body, headers | {"Content-Type": "application/json", "Accept": "application/json"}


def _patience(world: World) -> float:
    return world.settings.push_timeout_seconds


def _judge(
    world: World, merchant: Merchant, notice: dict[str, Any], attempt: int, status: int, text: str, is_probe: bool
) -> None:
    is_accepted = status in (200, 204)
    outcome = "accepted" if is_accepted else "refused" if status else "no answer"
    world.log(
        "notification", merchant.mchid, notice["resource"]["out_trade_no"], outcome=outcome, status=status,
        answer=text[:500], attempt=attempt + 1, event_type=notice["event_type"], notice_id=notice["id"],
        is_probe=is_probe,
    )  # fmt: skip
    if not is_accepted and not is_probe and attempt < len(WAITS):
        wait = WAITS[attempt] * world.settings.pay_retry_scale
        world.later(wait, "pay.notify", mchid=merchant.mchid, notice=notice, attempt=attempt + 1)
