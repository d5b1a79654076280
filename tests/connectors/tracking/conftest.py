"""A brand with a key to the collector, a page at its H5 domain, and devices that send."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tenancy import tenant_scope
from audience.models import Contact, Event
from catalog.models import Item
from connectors.models import HeldEvent
from connectors.tracking import keys, tallies, tokens
from connectors.tracking.tokens import Purpose

ORIGIN = "https://h5.brand.test"
APP_ID = "wx0123456789abcdef"
DEVICE = "device-00000001"


def milliseconds(moment=None):
    return int((moment or timezone.now()).timestamp() * 1000)


@pytest.fixture
def key(brand, by):
    """A key that asks for no consent, so that each test says what it is about."""
    with tenant_scope(brand):
        return keys.create(brand, "H5", [ORIGIN, "https://*.shop.test", APP_ID], needs_consent=False, by=by)


@pytest.fixture
def article(brand):
    with tenant_scope(brand):
        return Item.objects.create(external_id="a1", title="一杯好茶", url=f"{ORIGIN}/read?id=1")


@pytest.fixture
def follower(brand):
    with tenant_scope(brand):
        return Contact.objects.create(external_id="u1", name="林欣")


@pytest.fixture
def token_of(brand):
    """`token_of(contact, "link")` mints a token."""

    def mint(contact, purpose="session", lifetime=None):
        with tenant_scope(brand):
            return tokens.mint(contact, Purpose[purpose.upper()], lifetime or timedelta(hours=1))[0]

    return mint


@pytest.fixture
def send(client: Client, key):
    """`send({"kind": "like"}, token=…)` posts a batch as the script does; rows get ids and times."""

    def post(*rows, origin=ORIGIN, code=None, headers=None, raw=None, **more):
        filled = [
            {"id": f"e{index}", "at": milliseconds()} | row if isinstance(row, dict) else row
            for index, row in enumerate(rows)
        ]
        body = {"visitor": DEVICE, "sent_at": milliseconds(), "events": filled} | more
        sent = ({"origin": origin} if origin else {}) | (headers or {})
        content = raw if raw is not None else json.dumps(body)
        address = f"/collect/v1/events?key={code or key.code}"
        return client.post(address, content, content_type="text/plain", headers=sent)

    return post


@pytest.fixture
def recorded(brand):
    """`recorded()` is what the brand's contacts did: (contact, kind word, item)."""

    def read():
        with tenant_scope(brand):
            found = Event.objects.select_related("contact", "item").order_by("occurred_at", "source_key")
            return [
                (e.contact.external_id, e.get_kind_display() and _word(e), e.item.external_id if e.item else None)
                for e in found
            ]

    return read


def _word(event):
    from audience.kinds import EventKind

    return EventKind(event.kind).word


@pytest.fixture
def held(brand):
    """`held()` is how many events wait for a name."""

    def count():
        with tenant_scope(brand):
            return HeldEvent.objects.count()

    return count


@pytest.fixture
def counted(brand, key):
    """`counted()` is what the key's counters say."""

    def read():
        with tenant_scope(brand):
            return {word: num for word, num in tallies.totals(f"key:{key.code}").items() if num}

    return read
