"""QR codes of an account: make, note who comes through, count scans, followers and orders.

Stage: collect. Writes connectors.QrCode and QrArrival, tags of contacts. Counts are of people whom pushes named.
"""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import segno
from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Least

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id, tenant_scope
from audience import tagging
from audience.kinds import EventKind
from audience.models import Contact
from common.errors import Conflict
from common.text import new_code
from connectors.clients import client_for
from connectors.models import ConnectedAccount, QrArrival, QrCode
from connectors.problems import explained
from connectors.wechat import qrcodes

ORDERS_WITHIN = timedelta(days=30)
_COUNT = """
SELECT arrival.qr_code_id, count(*), sum(arrival.num_scans), count(arrival.followed_at),
       count(*) FILTER (WHERE bought.num > 0), coalesce(sum(bought.num), 0)::int,
       coalesce(sum(bought.amount_fen), 0)::bigint
FROM connectors_qrarrival arrival
JOIN connectors_qrcode code ON code.tenant_id = arrival.tenant_id AND code.id = arrival.qr_code_id
CROSS JOIN LATERAL (
    SELECT count(*) AS num, sum(amount_fen) AS amount_fen FROM audience_event event
    WHERE event.tenant_id = arrival.tenant_id AND event.contact_id = arrival.contact_id AND event.kind = %(purchase)s
      AND event.occurred_at >= arrival.first_at AND event.occurred_at < arrival.first_at + %(within)s
) bought
WHERE arrival.tenant_id = %(tenant)s AND code.account_id = %(account)s
GROUP BY arrival.qr_code_id
"""


@dataclass(frozen=True)
class Counts:
    """People, scans, new followers, buyers, their orders and what they paid within 30 days of the first scan."""

    num_people: int = 0
    num_scans: int = 0
    num_followed: int = 0
    num_buyers: int = 0
    num_orders: int = 0
    amount_fen: int = 0


def create(
    account: ConnectedAccount, *, name: str, purpose: str, tags: list[str], lives_days: int | None, by: Actor,
    scene: str = "",
) -> QrCode:  # fmt: skip
    """Ask WeChat for a code: permanent (100,000 per account, never deletable) or one that lives up to 30 days.

    Raises PlatformFailed, for example when the account is no verified service account. Call it outside transactions: a
    code that was made stays made. With a `scene` of the caller's the same code is made once.
    """
    if account.kind != ConnectedAccount.Kind.SERVICE:
        raise Conflict("WeChat gives QR codes with a parameter to verified service accounts only.")
    scene = scene or f"fw_{new_code()}"
    with explained():
        client = client_for(account)
        if lives_days is None:
            made = qrcodes.create_permanent(client, scene)
        else:
            made = qrcodes.create_temporary(client, scene, lives_days * 86_400)
    with tenant_scope(account.brand_id):
        facts = {
            "name": name, "purpose": purpose, "tags": tags, "ticket": made.ticket, "url": made.url,
            "expires_at": made.expires_at, "created_by": by.label[:200],
        }  # fmt: skip
        found: tuple[QrCode, bool] = QrCode.objects.get_or_create(account=account, scene=scene, defaults=facts)
        row, is_new = found
        if is_new:
            record(by, "create", "qr_code", row.code, name=name, purpose=purpose)
    return row


def note(account: ConnectedAccount, contact: Contact, scene: str, at: datetime, *, is_new_follower: bool) -> None:
    """The contact came through the code with this scene; unknown scenes are codes made elsewhere. Once per push."""
    code = QrCode.objects.filter(account=account, scene=scene).first() if scene else None
    if code is None:
        return
    followed_at = at if is_new_follower else None
    times = {"first_at": at, "last_at": at, "followed_at": followed_at}
    arrival, is_new = QrArrival.objects.get_or_create(qr_code=code, contact=contact, defaults=times)
    if not is_new:
        changed: dict[str, Any] = {"first_at": Least("first_at", at), "last_at": Greatest("last_at", at)}
        changed |= {"followed_at": at} if is_new_follower else {}
        QrArrival.objects.filter(pk=arrival.pk).update(num_scans=F("num_scans") + 1, **changed)
    for tag in code.tags:
        tagging.put(tag, [contact.pk])


def counts(account: ConnectedAccount) -> dict[int, Counts]:
    """What came of each code of the account, by its id."""
    values: dict[str, Any] = {
        "purchase": int(EventKind.PURCHASE),
        "within": ORDERS_WITHIN,
        "tenant": current_tenant_id(),
        "account": account.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        return {row[0]: Counts(*row[1:]) for row in cursor.fetchall()}


def picture(code: QrCode, scale: int = 8) -> str:
    """The code as an SVG picture, with the quiet border that scanners need."""
    written = io.BytesIO()
    segno.make(code.url, error="m").save(written, kind="svg", scale=scale, border=4, xmldecl=False)
    return written.getvalue().decode()
