"""What the payment platform keeps: merchants, orders, refunds (fact sheet 9)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refund:
    """A refund of an order."""

    refund_id: str
    out_refund_no: str
    amount: int  # fen
    status: str  # SUCCESS | CLOSED | PROCESSING | ABNORMAL
    created_at: float
    notify_url: str = ""
    reason: str = ""
    finished_at: float = 0.0


@dataclass
class Order:
    """A prepaid or paid order."""

    out_trade_no: str
    request: dict[str, Any]  # what the merchant sent, to compare a repeat with
    app_id: str
    openid: str
    total: int  # fen
    notify_url: str
    created_at: float
    attach: str = ""
    state: str = "NOTPAY"
    prepay_ids: dict[str, float] = field(default_factory=dict)  # id -> expires at
    expires_at: float = 0.0
    transaction_id: str = ""
    paid_at: float = 0.0
    refunds: dict[str, Refund] = field(default_factory=dict)


@dataclass
class Merchant:
    """A merchant number with its keys, PEM texts."""

    mchid: str
    api_v3_key: str
    serial_no: str
    public_key: str  # of the merchant's certificate: checks its requests
    private_key: str  # handed to whoever added the merchant
    platform_private_key: str  # signs answers and notifications
    platform_certificate: str
    platform_serial: str
    platform_public_key: str
    public_key_id: str  # PUB_KEY_ID_…
    signs_with: str = "certificate"  # certificate | public_key
    app_ids: list[str] = field(default_factory=list)
    nonces: dict[str, float] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    defects: dict[str, Any] = field(default_factory=dict)
