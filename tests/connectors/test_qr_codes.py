"""QR codes with a parameter: made on the page, counted and tagged from pushes, orders from what contacts bought."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from accounts.tenancy import tenant_scope
from audience import events
from audience.kinds import EventKind, Source
from audience.models import Contact
from connectors import qrcodes, receipts
from connectors.models import ConnectedAccount, QrArrival, QrCode
from connectors.secrets import seal

from .conftest import OPENID, event


@pytest.fixture
def code(account, brand):
    with tenant_scope(brand):
        return QrCode.objects.create(
            account=account, name="静安店", purpose="shop", scene="fw_jingan", tags=["静安店"], url="http://weixin.qq.com/q/1",
            ticket="t",
        )  # fmt: skip


@pytest.fixture
def hear(sender, account, brand):
    """`hear(document)` is a push received and applied."""

    def do(document):
        assert sender.send(document).status_code == 200
        receipts.apply_waiting(brand.pk, account.pk)

    return do


def buy(brand, contact, at, amount_fen, name):
    with tenant_scope(brand):
        act = events.NewEvent(Source.API, name, contact.pk, EventKind.PURCHASE, at, amount_fen=amount_fen)
        assert events.record([act]) == [True]


def test_who_follows_through_a_code_is_counted_and_tagged(hear, code, account, brand):
    now = timezone.now()
    at = now - timedelta(days=3)
    hear(event("subscribe", at=at.timestamp(), EventKey="qrscene_fw_jingan", Ticket="t"))
    hear(event("SCAN", at=now.timestamp(), EventKey="fw_jingan", Ticket="t"))
    hear(event("SCAN", at=now.timestamp(), openid="oQH0000000000000000000000002", EventKey="fw_jingan", Ticket="t"))
    with tenant_scope(brand):
        person = Contact.objects.get(external_id=OPENID)
        assert person.tags == ["静安店"]
    buy(brand, person, at + timedelta(days=1), 9900, "a")
    buy(brand, person, at + timedelta(hours=2), 100, "b")
    buy(brand, person, at - timedelta(hours=2), 5000, "before")
    with tenant_scope(brand):
        found = qrcodes.counts(account)[code.pk]
    assert found == qrcodes.Counts(2, 3, 1, 1, 2, 10_000)


def test_a_late_push_moves_the_first_scan_back_and_a_repeated_one_counts_once(hear, code, brand):
    now = timezone.now().replace(microsecond=0)
    late = event("SCAN", at=(now - timedelta(hours=5)).timestamp(), EventKey="fw_jingan", Ticket="t")
    hear(event("SCAN", at=now.timestamp(), EventKey="fw_jingan", Ticket="t"))
    hear(late)
    hear(late)
    with tenant_scope(brand):
        arrival = QrArrival.objects.get()
        assert (arrival.num_scans, arrival.first_at, arrival.last_at) == (2, now - timedelta(hours=5), now)


def test_a_scene_made_elsewhere_is_an_act_and_no_arrival(hear, brand):
    hear(event("SCAN", EventKey="poster-7", Ticket="t"))
    with tenant_scope(brand):
        assert not QrArrival.objects.exists()


def test_a_code_is_made_on_the_page_and_drawn(brand, platform, settings, teammate):
    settings.SIMULATOR_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    with tenant_scope(brand):
        account = ConnectedAccount(app_id=remote.app_id, name="x", kind="service", is_verified=True, is_simulated=True)
        seal(account, "app_secret", remote.secret)
        account.save()
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    url = f"/b/brand/channels/{account.code}/codes/"
    form = {"name": "静安店", "purpose": "shop", "tags": "静安店，门店", "lives_days": "7"}
    assert "静安店" in client.post(url, form, follow=True).text
    with tenant_scope(brand):
        made = QrCode.objects.get()
        assert (made.tags, (made.expires_at - timezone.now()).days) == (["静安店", "门店"], 6)
    picture = client.get(f"{url}{made.code}/")
    assert (picture["Content-Type"], picture.text[:4]) == ("image/svg+xml", "<svg")
    assert client.post(url, form | {"lives_days": "31"}).status_code == 422
    with tenant_scope(brand):
        assert QrCode.objects.count() == 1


def test_a_subscription_account_is_told_that_it_has_no_such_codes(account, as_owner, brand):
    with tenant_scope(brand):
        ConnectedAccount.objects.filter(pk=account.pk).update(kind="subscription")
    page = as_owner.post(f"/b/brand/channels/{account.code}/codes/", {"name": "x", "purpose": "shop"})
    assert page.status_code == 422
    with tenant_scope(brand):
        assert not QrCode.objects.exists()


def test_a_viewer_makes_no_code(account, teammate, brand):
    client = Client()
    client.force_login(teammate(Role.VIEWER))
    url = f"/b/brand/channels/{account.code}/codes/"
    assert '<form method="post" class="card"' not in client.get(url).text
    assert client.post(url, {"name": "x", "purpose": "shop"}).status_code == 403
