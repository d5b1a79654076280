"""One command makes the demo brands through the product's own doors, and a second one changes nothing."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts import tenants
from accounts.models import AuditEntry, Job, Membership, Tenant, User
from accounts.tenancy import tenant_scope
from audience.models import Consent, Contact, Event, Identity, Import
from catalog import pictures
from catalog.models import Item
from demo import brands
from modeling import versions
from modeling.models import TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_site(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    monkeypatch.delenv("FANWISE_DEMO_PASSWORD", raising=False)


def _create(*arguments: str) -> str:
    said = StringIO()
    call_command("create_demo_brand", "--small", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def demo() -> Tenant:
    _create()
    return Tenant.objects.get(slug="demo")


@pytest.fixture
def look(demo: Tenant) -> Iterator[None]:
    """The test looks at the finished brand from inside."""
    with tenant_scope(demo):
        yield


@pytest.mark.usefixtures("look")
def test_the_demo_is_complete_and_useful_at_once(demo: Tenant, client) -> None:
    assert (demo.name, demo.is_demo) == ("青禾生活", True)
    assert Item.objects.count() == 600
    assert Contact.objects.count() == Identity.objects.filter(kind="openid").count() == 300
    item = Item.objects.get(external_id="crs-skincare-01")
    assert (item.title, item.price_fen, item.attributes) == ("敏感肌养护七讲", 9900, {"num_lessons": 7})
    assert client.get(pictures.address(item)).headers["Content-Type"] == "image/svg+xml"
    assert versions.live("next_item").kind in ("popularity", "item_knn")
    waiting = TrainingRun.objects.exclude(preset="simple").filter(job__state=Job.State.QUEUED)
    assert sorted(waiting.values_list("purpose", flat=True)) == ["engagement", "next_item"]
    _the_uploads_show_what_was_wrong_with_the_files()
    _a_refusal_switches_personalisation_off()


def _the_uploads_show_what_was_wrong_with_the_files() -> None:
    batch = Import.objects.get(filename="行为记录.csv")
    report = batch.report
    assert (batch.state, batch.preset) == (Import.State.DONE, "events")
    assert report["rows"] == report["accepted"] + report["rejected"]
    assert Event.objects.filter(batch=batch).count() == report["written"] == report["accepted"] - report["duplicates"]
    assert report["written"] > 10_000
    assert report["duplicates"] > 50
    assert {reason["code"]: reason["count"] for reason in report["reasons"]}.items() >= {
        **{"contact_missing": 2, "time_unreadable": 2, "time_missing": 1, "kind_unknown": 1},
    }.items()
    assert report["unmatched_items"] > 0
    assert Import.objects.get(filename="粉丝列表.csv").report["rejected"] == 0
    assert Import.objects.get(filename="weixin_data.csv").preset == "engagement"


def _a_refusal_switches_personalisation_off() -> None:
    refused = Consent.objects.filter(purpose="personalisation").exclude(state="granted")
    off = set(Contact.objects.filter(is_personalisation_off=True).values_list("pk", flat=True))
    assert off == set(refused.values_list("contact_id", flat=True))
    assert len(off) > 5


def test_a_second_run_changes_nothing_and_says_the_login_that_works(demo: Tenant, client) -> None:
    before = _counts(demo)
    said = "Demo login: demo@fanwise.local / fanwise-demo  (only looking: viewer@fanwise.local, same password)\n"
    assert _create() == said
    assert _counts(demo) == before
    assert client.login(username="demo@fanwise.local", password="fanwise-demo")
    assert client.login(username="viewer@fanwise.local", password="fanwise-demo")
    roles = set(Membership.objects.values_list("tenant__slug", "user__email", "role"))
    people = (("demo@fanwise.local", "owner"), ("viewer@fanwise.local", "viewer"))
    assert roles == {(slug, *person) for slug in ("demo", "demo-kids") for person in people}
    user = User.objects.get(email="demo@fanwise.local")
    user.set_password("my own secret")
    user.save()
    assert "/ (the password you set)" in _create()


def _counts(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant):
        return [model.objects.count() for model in (AuditEntry, Contact, Event, Import, Item, Job)]


def test_a_reset_makes_the_brand_anew_and_removes_its_old_files(demo: Tenant, tmp_path: Path) -> None:
    with tenant_scope(demo):
        old_item, num_events = Item.objects.get(external_id="art-home-01"), Event.objects.count()
        Contact.objects.filter(external_id="QH100001").update(name="改过的名字")
    _create("--reset")
    with tenant_scope(demo):
        assert Contact.objects.get(external_id="QH100001").name != "改过的名字"
        assert abs(Event.objects.count() - num_events) < 0.05 * num_events
    assert not (tmp_path / "media" / old_item.picture).exists()
    assert len(list((tmp_path / "media" / "pictures" / str(demo.pk)).iterdir())) == 600


def test_an_unfinished_attempt_is_completed(demo: Tenant) -> None:
    brands.empty(demo)
    assert _counts(demo)[1:] == [0] * 5
    _create()
    assert _counts(demo)[4] == 600


def test_a_real_brand_at_the_demo_address_is_left_alone() -> None:
    owner = User.objects.create_user("real@brand.test", "pass-word-1")
    real = tenants.create("真实品牌", "retail", owner, slug="demo")
    with pytest.raises(CommandError, match="belongs to a real brand"):
        _create()
    with tenant_scope(real):
        assert Item.objects.count() == 0


@pytest.mark.parametrize("hosts", [["fanwise.example"], ["*"], ["localhost", "fanwise.example"]])
def test_the_known_password_is_refused_where_others_can_reach_the_site(settings, hosts: list[str]) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = False, hosts
    with pytest.raises(CommandError, match="FANWISE_DEMO_PASSWORD"):
        _create()
    assert not User.objects.exists()
    assert not Tenant.objects.exists()
