"""Controls of WeChat Pay: add a merchant, pay as the person, rotate certificates, spoil notifications."""

from typing import Any

from simulator import pay_keys
from simulator.control import Misuse, control, get_account
from simulator.pay_state import Merchant, Order
from simulator.platform.pay_notices import notify
from simulator.platform.pay_orders import describe_order
from simulator.world import World, make_secret


@control("add_merchant")
def add_merchant(
    world: World, app_ids: list[str], mchid: str = "", signs_with: str = "certificate", **fields: Any
) -> dict[str, Any]:
    """Makes a merchant bound to accounts; returns what its owner would have: keys and numbers."""
    for app_id in app_ids:
        get_account(world, app_id)
    slot = f"merchant {len(world.state.merchants)}"
    its = pay_keys.make_certificate(f"{slot} own", "merchant", world.now())
    private, public = pay_keys.make_key_pair(f"{slot} public key")
    merchant = Merchant(
        mchid=mchid or str(1_600_000_000 + world.random.randrange(10**8)),
        api_v3_key=fields.pop("api_v3_key", "") or make_secret(),
        serial_no=its.serial,
        certificate=its.certificate,
        private_key=its.private_key,
        platform_keys=[pay_keys.make_certificate(f"{slot} platform", "platform", world.now())],
        public_key_id=f"PUB_KEY_ID_{make_secret(15).upper()}",
        public_key=public,
        public_key_private=private,
        signs_with=signs_with,
        app_ids=app_ids,
    )
    world.state.merchants[merchant.mchid] = merchant
    return _describe(merchant)


def _describe(merchant: Merchant) -> dict[str, Any]:
    names = ("mchid", "api_v3_key", "serial_no", "private_key", "certificate", "public_key_id", "public_key")
    newest = merchant.platform_keys[-1]
    return {name: getattr(merchant, name) for name in names} | {
        "platform_serial": newest.serial,
        "platform_certificate": newest.certificate,
    }


def get_merchant(world: World, mchid: str) -> Merchant:
    """The merchant; raises Misuse."""
    if mchid not in world.state.merchants:
        raise Misuse(f"no merchant {mchid}")
    return world.state.merchants[mchid]


@control("change_merchant")
def change_merchant(world: World, mchid: str, **fields: Any) -> dict[str, Any]:
    """Sets signs_with, app_ids, refund_outcome, defects (duplicates, forges, stale, probes, loses), api_v3_key."""
    merchant = get_merchant(world, mchid)
    for name, value in fields.items():
        if name not in ("signs_with", "app_ids", "refund_outcome", "defects", "api_v3_key"):
            raise Misuse(f"a merchant's {name} cannot be set")
        setattr(merchant, name, value)
    return {"mchid": mchid}


@control("rotate_certificate")
def rotate_certificate(world: World, mchid: str) -> dict[str, Any]:
    """A new platform certificate that signs from now on; the one before is still listed."""
    merchant = get_merchant(world, mchid)
    slot = f"{mchid} {len(merchant.platform_keys)} after {merchant.platform_keys[-1].serial}"
    fresh = pay_keys.make_certificate(slot, "platform", world.now())
    merchant.platform_keys = [*merchant.platform_keys[-1:], fresh]
    return _describe(merchant)


@control("pay")
def pay(
    world: World, mchid: str, out_trade_no: str = "", prepay_id: str = "", bridge: dict[str, str] | None = None
) -> dict[str, Any]:
    """The person pays: by order number, by prepay_id, or with what the page hands to the payment window (`bridge`).

    Refuses what the platform would refuse: a bad paySign, a prepay_id of more than two hours, an order that is
    closed, paid or past its time. The merchant is notified.
    """
    merchant = get_merchant(world, mchid)
    if bridge is not None:
        prepay_id = _checked_bridge(merchant, bridge)
    order = _payable(world, merchant, out_trade_no, prepay_id)
    order.state, order.paid_at = "SUCCESS", world.now()
    order.transaction_id = f"4200{world.next_id():024d}"[:28]
    shown = describe_order(merchant, order)
    notify(world, merchant, order.notify_url, "TRANSACTION.SUCCESS", shown)
    return shown


def _checked_bridge(merchant: Merchant, bridge: dict[str, str]) -> str:
    package = bridge.get("package", "")
    lines = (bridge.get("appId", ""), bridge.get("timeStamp", ""), bridge.get("nonceStr", ""), package)
    is_signed = pay_keys.is_signed(merchant.certificate, bridge.get("paySign", ""), *lines)
    if bridge.get("signType") != "RSA" or lines[0] not in merchant.app_ids or not is_signed:
        raise Misuse("the payment window refuses: paySign does not verify")
    return package.removeprefix("prepay_id=")


def _payable(world: World, merchant: Merchant, out_trade_no: str, prepay_id: str) -> Order:
    orders = merchant.orders.values()
    order = merchant.orders.get(out_trade_no) or next((one for one in orders if prepay_id in one.prepay_ids), None)
    if order is None:
        raise Misuse("no such order")
    until = order.prepay_ids[prepay_id] if prepay_id else max(order.prepay_ids.values())
    if world.now() >= min(until, order.payable_until):
        raise Misuse("the order's time to pay is over")
    if order.state != "NOTPAY":
        raise Misuse(f"the order is {order.state}")
    return order


@control("repeat_notification")
def repeat_notification(world: World, mchid: str, out_trade_no: str) -> dict[str, Any]:
    """Notifies of a paid order once more, as the platform at times does."""
    merchant = get_merchant(world, mchid)
    order = merchant.orders.get(out_trade_no)
    if order is None or not order.transaction_id:
        raise Misuse("no such paid order")
    notify(world, merchant, order.notify_url, "TRANSACTION.SUCCESS", describe_order(merchant, order))
    return {}
