"""The blacklist: fetched, shown, changed from the talk page, and what it closes."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Job, Role
from accounts.tenancy import tenant_scope
from audience import following
from audience.models import Identity
from connectors import blacklist
from connectors.clients import client_for
from connectors.models import Conversation, SyncRun
from connectors.routes import routes_for
from connectors.sync import runs
from connectors.wechat import users
from connectors.wechat.reachability import Reason
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture

REFUSED = 43019


@pytest.fixture
def account(connected):  # noqa: F811  # the fixture of that name
    return connected()


@pytest.fixture
def followers(account, brand, platform):
    """Openids of three people who follow and are known."""
    openids = platform.add_users(account.app_id, 3)
    with tenant_scope(brand):
        following.contacts_of(account.app_id, openids)
        following.note_follow_times(account.app_id, dict.fromkeys(openids, timezone.now()))
    return openids


@pytest.fixture
def fetch(account, brand, by, work):
    """`fetch()` is a pass over the blacklist, done now; its counts."""

    def do():
        with tenant_scope(brand):
            run = runs.start(account, SyncRun.Kind.BLACKLIST, by)
        work()
        with tenant_scope(brand):
            run = SyncRun.objects.select_related("job").get(pk=run.pk)
        assert run.job.state == Job.State.SUCCEEDED
        return run.counts

    return do


@pytest.fixture
def on_wechat(account, brand):
    """`on_wechat(users.block, openid)` changes the list there, unheard here."""

    def do(change, *openids):
        with tenant_scope(brand):
            client = client_for(account)
        change(client, openids)

    return do


def listed_there(account, brand):
    with tenant_scope(brand):
        client = client_for(account)
    return {openid for page in users.blacklist_pages(client) for openid in page.openids}


def blocked(brand):
    with tenant_scope(brand):
        return set(Identity.objects.exclude(blocked_at=None).values_list("value", flat=True))


def person(brand, openid):
    with tenant_scope(brand):
        return Identity.objects.select_related("contact").get(value=openid).contact


def reasons(account, brand, openid):
    contact = person(brand, openid)
    with tenant_scope(brand):
        return {route.reason for route in routes_for(account, contact)}


def url(account, contact, rest=""):
    return f"/b/brand/channels/{account.code}/people/{contact.code}/{rest}"


def refuse(account, brand, openid):
    """A message to them was refused because of the list, a day ago."""
    at = (timezone.now() - timezone.timedelta(days=1)).isoformat()
    with tenant_scope(brand):
        contact = Identity.objects.get(value=openid).contact
        Conversation.objects.create(
            account=account, openid=openid, contact=contact,
            refusals=[{"errcode": REFUSED, "at": at, "template_id": ""}],
        )  # fmt: skip
        Identity.objects.filter(value=openid).update(followed_at=timezone.now() - timezone.timedelta(days=2))


def test_who_is_on_wechats_list_is_known_and_who_is_off_it_again_too(account, brand, followers, fetch, on_wechat):
    first, second, third = followers
    on_wechat(users.block, first, second)
    assert fetch() == {"blocked": 2, "newly_blocked": 2, "lifted": 0}
    assert blocked(brand) == {first, second}
    assert reasons(account, brand, first) == {Reason.BLACKLISTED}
    assert Reason.BLACKLISTED not in reasons(account, brand, third)
    on_wechat(users.unblock, first)
    assert fetch() == {"blocked": 1, "newly_blocked": 0, "lifted": 1}
    assert blocked(brand) == {second}
    assert Reason.BLACKLISTED not in reasons(account, brand, first)


def test_every_page_of_the_list_is_read(account, brand, followers, fetch, on_wechat, platform, monkeypatch):
    monkeypatch.setattr("simulator.platform.users.PAGE_SIZE", 2)
    monkeypatch.setattr(users, "PAGE_SIZE", 2)
    on_wechat(users.block, *followers)
    assert fetch() == {"blocked": 3, "newly_blocked": 3, "lifted": 0}
    assert len(platform.calls("/cgi-bin/tags/members/getblacklist", account.app_id)) == 2
    assert blocked(brand) == set(followers)


def test_somebody_unknown_on_the_list_is_closed_from_the_start(account, brand, platform, fetch, on_wechat):
    (openid,) = platform.add_users(account.app_id, 1)
    on_wechat(users.block, openid)
    fetch()
    assert blocked(brand) == {openid}


def test_who_was_put_on_it_while_it_was_read_stays_on_it(account, brand, followers, by):
    with tenant_scope(brand):
        run = runs.start(account, SyncRun.Kind.BLACKLIST, by)
    passing = runs.PASSES[SyncRun.Kind.BLACKLIST](run, client_for(account))
    last = next(passing)  # the list is empty
    with tenant_scope(brand):
        contact = Identity.objects.get(value=followers[0]).contact
    blacklist.block(account, contact, by)
    with tenant_scope(brand):
        assert last.write() == {"lifted": 0}
    assert blocked(brand) == {followers[0]}


def test_a_refusal_because_of_the_list_is_forgotten_when_the_list_says_otherwise(account, brand, followers, fetch):
    refuse(account, brand, followers[0])
    assert reasons(account, brand, followers[0]) == {Reason.BLACKLISTED}
    fetch()
    assert Reason.BLACKLISTED not in reasons(account, brand, followers[0])


def test_a_person_is_put_on_the_list_and_taken_off_it_from_the_talk_page(account, brand, followers, teammate):
    client, openid = Client(), followers[0]
    client.force_login(teammate(Role.MARKETER))
    client.cookies["django_language"] = "en"
    contact = person(brand, openid)
    refuse(account, brand, openid)
    shown = client.post(url(account, contact, "blacklist/block/"), follow=True).text
    assert "On the blacklist" in shown
    assert url(account, contact, "blacklist/lift/") in shown
    assert (listed_there(account, brand), blocked(brand)) == ({openid}, {openid})
    shown = client.post(url(account, contact, "blacklist/lift/"), follow=True).text
    assert url(account, contact, "blacklist/block/") in shown
    assert (listed_there(account, brand), blocked(brand)) == (set(), set())
    assert Reason.BLACKLISTED not in reasons(account, brand, openid)
    assert client.post(url(account, contact, "blacklist/burn/")).status_code == 404
    with tenant_scope(brand):
        deeds = AuditEntry.objects.filter(verb__endswith="block_contact").order_by("pk")
        assert list(deeds.values_list("verb", "object_code", "details")) == [
            ("block_contact", openid, {"account": account.code}),
            ("unblock_contact", openid, {"account": account.code}),
        ]


def test_what_wechat_refuses_is_said_and_changes_nothing(account, brand, followers, as_owner, platform):
    platform.fail("errcode", errcode=48001, path="/cgi-bin/tags/members/batchblacklist", remaining=9)
    answer = as_owner.post(url(account, person(brand, followers[0]), "blacklist/block/"), follow=True)
    assert len(list(answer.context["messages"])) == 1
    assert (blocked(brand), listed_there(account, brand)) == (set(), set())


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
def test_who_may_not_edit_may_not_block(account, brand, followers, teammate, role):
    client, contact = Client(), person(brand, followers[0])
    client.force_login(teammate(role))
    assert "blacklist/block/" not in client.get(url(account, contact)).text
    assert client.post(url(account, contact, "blacklist/block/")).status_code == 403
    assert listed_there(account, brand) == set()


def test_an_unverified_account_has_no_list(connected, brand, platform, as_owner):  # noqa: F811  # the fixture
    account = connected("service", False)
    with tenant_scope(brand):
        assert SyncRun.Kind.BLACKLIST not in runs.kinds_of(account)
        following.contacts_of(account.app_id, ["o1"])
    contact = person(brand, "o1")
    assert "blacklist/block/" not in as_owner.get(url(account, contact)).text
    as_owner.post(url(account, contact, "blacklist/block/"))
    assert (blocked(brand), platform.calls(app_id=account.app_id)) == (set(), [])
