"""The demo brand gets a living account in the simulated WeChat, once, and follows the site to a new address."""

import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import ApiKey, AuditEntry, Tenant
from accounts.tenancy import tenant_scope
from audience.models import Identity
from connectors.models import ConnectedAccount, PushReceipt, QrCode, SyncRun, TrackedLink
from connectors.wechat import transport

pytestmark = pytest.mark.django_db(transaction=True)


def _enliven(site: str) -> str:
    said = StringIO()
    call_command("enliven_demo_brand", "--site", site, stdout=said)
    return said.getvalue()


@pytest.fixture
def site(platform, settings, monkeypatch, live_server):
    """The demo brand, the simulator, and the site where the simulator reaches it."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.delenv("FANWISE_DEMO_PASSWORD", raising=False)
    settings.DEBUG, settings.ALLOWED_HOSTS, settings.SIMULATOR_URL = True, ["*"], ""
    call_command("create_demo_brand", "--small", stdout=StringIO())
    settings.SIMULATOR_URL = platform.url
    yield live_server.url
    for app_id in platform.do("state")["accounts"]:
        platform.crowd_off(app_id=app_id)
    platform.crowd_catch_up(timeout=20)
    platform.settle()
    transport.shared_http().close()
    transport.shared_http.cache_clear()


@pytest.fixture
def demo(site):
    return Tenant.objects.get(slug="demo")


def _counts(demo: Tenant) -> list[int]:
    kept = (ConnectedAccount, QrCode, TrackedLink, SyncRun, Identity, AuditEntry)
    with tenant_scope(demo):
        return [*(model.objects.count() for model in kept), ApiKey.objects.filter(tenant=demo).count()]


def test_the_brand_lives_after_the_first_start_and_a_second_changes_nothing(site, demo, platform) -> None:
    _enliven(site)
    platform.settle()
    with tenant_scope(demo):
        account = ConnectedAccount.objects.get()
        assert (account.name, account.kind, account.is_simulated) == ("青禾生活", "service", True)
        assert PushReceipt.objects.filter(account=account).exists()
        assert sorted(QrCode.objects.values_list("name", flat=True)) == ["包裹卡片", "门店立牌"]
        assert TrackedLink.objects.count() == 13
        kinds = ["articles", "blacklist", "followers", "statistics", "tags", "templates"]
        assert sorted(SyncRun.objects.values_list("kind", flat=True)) == kinds
        contacts = Identity.objects.filter(account_ref=account.app_id, contact__external_id__startswith="QH")
        assert 200 < contacts.count() == contacts.values("contact").distinct().count()
    assert abs(platform.now() - time.time()) < 30
    crowd = platform.crowd(app_id=account.app_id)
    assert crowd["is_on"]
    assert crowd["counts"]["read"] > 20
    platform.crowd_off(app_id=account.app_id)
    platform.settle()
    before = _counts(demo)
    _enliven(site)
    assert _counts(demo) == before
    assert platform.crowd(app_id=account.app_id)["is_on"] is False
    _follows_the_site(site.replace("localhost", "127.0.0.1"), account, platform)


def _follows_the_site(moved: str, account: ConnectedAccount, platform) -> None:
    _enliven(moved)
    callback = platform.do("state", app_id=account.app_id)["accounts"][account.app_id]["callback"]
    assert callback["url"] == f"{moved}/hooks/wechat/{account.code}/"
    assert platform.crowd(app_id=account.app_id)["brand"]["url"] == moved


def test_nothing_happens_without_a_simulator(site, demo, settings) -> None:
    before, settings.SIMULATOR_URL = _counts(demo), ""
    assert "Nothing to do" in _enliven(site)
    assert _counts(demo) == before


def test_a_simulator_that_is_away_is_named_and_leaves_nothing_behind(site, demo, settings) -> None:
    before, settings.SIMULATOR_URL = _counts(demo), "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="does not answer"):
        _enliven(site)
    assert _counts(demo) == before
