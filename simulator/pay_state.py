"""What the payment platform keeps: merchants, orders, refunds (fact sheet 9)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refund:
    """A refund of an order."""

    refund_id: str
    out_refund_no: str
    request: dict[str, Any]
    amount: int  # fen
    status: str  # SUCCESS | CLOSED | PROCESSING | ABNORMAL
    created_at: float
    finished_at: float = 0.0


@dataclass
class Order:
    """A prepaid or paid order. `request` is what the merchant sent, to compare a repeat with."""

    out_trade_no: str
    request: dict[str, Any]
    app_id: str
    openid: str
    total: int  # fen
    notify_url: str
    created_at: float
    payable_until: float
    attach: str = ""
    state: str = "NOTPAY"
    prepay_ids: dict[str, float] = field(default_factory=dict)  # id -> expires at
    transaction_id: str = ""
    paid_at: float = 0.0
    sub_mchid: str = ""  # partner mode
    refunds: dict[str, Refund] = field(default_factory=dict)


@dataclass
class PlatformKey:
    """One of the platform's certificates for a merchant, PEM texts."""

    serial: str
    certificate: str
    private_key: str
    effective_at: float
    expires_at: float


@dataclass
class Merchant:
    """A merchant number with its keys, PEM texts. The private key is kept only to be handed to tests."""

    mchid: str
    api_v3_key: str
    serial_no: str
    certificate: str
    private_key: str
    platform_keys: list[PlatformKey]  # the newest last; it signs
    public_key_id: str  # PUB_KEY_ID_…
    public_key: str
    public_key_private: str
    signs_with: str = "certificate"  # certificate | public_key
    app_ids: list[str] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    defects: dict[str, Any] = field(default_factory=dict)
    refund_outcome: str = "SUCCESS"
