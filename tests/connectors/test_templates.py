"""Templates: fetched, added from the library, given back, and what reachability makes of them."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Job, Role
from accounts.tenancy import tenant_scope
from audience.models import Contact, Identity
from connectors.clients import client_for
from connectors.models import Conversation, MessageTemplate, SyncRun
from connectors.routes import routes_for
from connectors.sync import runs
from connectors.wechat import subscriptions, templates
from connectors.wechat.reachability import Channel, Reason
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture

ONCE, LONG = "1102", "1104"


@pytest.fixture
def account(connected):  # noqa: F811  # the fixture of that name
    return connected()


@pytest.fixture
def marketer(teammate):
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    return client


@pytest.fixture
def fetch(account, brand, by, work):
    """`fetch()` is a pass over the templates, done now."""

    def do():
        with tenant_scope(brand):
            run = runs.start(account, SyncRun.Kind.TEMPLATES, by)
        work()
        with tenant_scope(brand):
            run = SyncRun.objects.select_related("job").get(pk=run.pk)
        assert run.job.state == Job.State.SUCCEEDED
        return run

    return do


def url(account, rest=""):
    return f"/b/brand/channels/{account.code}/templates/{rest}"


def rows(brand):
    with tenant_scope(brand):
        return {row.title: row for row in MessageTemplate.objects.order_by("pk")}


def audits(brand, verb):
    with tenant_scope(brand):
        return list(AuditEntry.objects.filter(verb=verb).values_list("details", flat=True))


@pytest.fixture
def follower(account, platform, brand):
    """Somebody who follows, with their conversation."""
    openid = platform.add_user(account.app_id)
    with tenant_scope(brand):
        person = Contact.objects.create(external_id=openid)
        Identity.objects.create(
            contact=person, kind="openid", account_ref=account.app_id, value=openid, followed_at=timezone.now()
        )
        Conversation.objects.create(account=account, openid=openid, contact=person)
    return person


def ways(account, person, channel):
    return {one.template_id: one for one in routes_for(account, person) if one.channel == channel}


def test_both_lists_are_fetched_with_their_fields_and_what_is_gone_is_marked(account, brand, fetch):
    with tenant_scope(brand):
        client = client_for(account)
        message_id = templates.add_template(client, "1101", ("课程名称", "备注"))
        notice_id = subscriptions.add_template(client, ONCE, (1, 2), "订单")
        subscriptions.add_template(client, LONG, (1, 2), "学习")
    assert fetch().counts == {"templates": 3, "new_templates": 3, "templates_gone": 0}
    found = rows(brand)
    assert [(row.title, row.kind) for row in found.values()] == [
        ("课程开课提醒", "template"), ("订单状态通知", "once"), ("学习进度通知", "long"),
    ]  # fmt: skip
    assert [(slot.key, slot.label) for slot in found["课程开课提醒"].slots] == [
        ("thing1", "课程名称"), ("thing2", "备注"),
    ]  # fmt: skip
    assert (found["课程开课提醒"].template_id, found["订单状态通知"].template_id) == (message_id, notice_id)
    with tenant_scope(brand):
        subscriptions.delete_template(client_for(account), notice_id)
    assert fetch().counts == {"templates": 2, "new_templates": 0, "templates_gone": 1}
    assert [row.gone_at is not None for row in rows(brand).values()] == [False, True, False]


def test_a_notice_is_chosen_in_the_library_and_added_with_its_fields(account, brand, marketer):
    shown = marketer.get(url(account, "library/"))
    assert "订单状态通知" in shown.text
    assert marketer.get(url(account, f"library/{ONCE}/")).context["form"].fields["keywords"].choices[0][0] == 1
    few = marketer.post(url(account, f"library/{ONCE}/"), {"keywords": ["1"], "use": "订单"})
    assert (few.status_code, rows(brand)) == (422, {})
    done = marketer.post(url(account, f"library/{ONCE}/"), {"keywords": ["1", "3"], "use": "订单"})
    assert done.status_code == 302
    row = rows(brand)["订单状态通知"]
    assert (row.kind, [slot.label for slot in row.slots]) == ("once", ["订单编号", "金额"])
    assert audits(brand, "add_template") == [{"name": "订单状态通知", "kind": "once"}]


def test_a_template_message_is_added_by_its_number_and_given_back(account, brand, marketer):
    marketer.post(url(account, "add/"), {"short_id": "1105", "names": "商品名称\n上架时间\n商品名称"})
    row = rows(brand)["新品上架提醒"]
    assert [slot.key for slot in row.slots] == ["thing1", "time2"]
    marketer.post(url(account, f"{row.code}/delete/"))
    assert rows(brand)["新品上架提醒"].gone_at is not None
    with tenant_scope(brand):
        assert templates.read_templates(client_for(account)) == ()
    assert audits(brand, "delete_template") == [{"name": "新品上架提醒", "kind": "template"}]
    assert "gone" in marketer.get(url(account), headers={"accept-language": "en"}).text


def test_what_the_library_refuses_is_said_and_nothing_is_kept(account, brand, marketer):
    answer = marketer.post(url(account, "add/"), {"short_id": "9", "names": "商品名称"}, follow=True)
    assert len(list(answer.context["messages"])) == 1
    assert (rows(brand), audits(brand, "add_template")) == ({}, [])


# `connected` is the fixture
@pytest.mark.parametrize(("kind", "verified"), [("subscription", True), ("service", False)])
def test_an_account_without_templates_is_told_so_and_asks_nothing(connected, platform, marketer, kind, verified):  # noqa: F811
    account = connected(kind, verified)
    assert marketer.get(url(account)).status_code == 200
    assert marketer.get(url(account, "library/")).context["problem"]
    marketer.post(url(account, "add/"), {"short_id": "1105", "names": "商品名称"})
    assert platform.calls(app_id=account.app_id) == []


def test_a_mini_program_fetches_its_notices_and_nothing_else(connected, brand):  # noqa: F811  # the fixture
    account = connected("miniprogram", False)
    with tenant_scope(brand):
        assert runs.kinds_of(account) == ["templates"]


def test_a_viewer_sees_them_and_changes_nothing(account, brand, teammate, fetch):
    with tenant_scope(brand):
        subscriptions.add_template(client_for(account), ONCE, (1, 2), "订单")
    fetch()
    client = Client()
    client.force_login(teammate(Role.VIEWER))
    row = rows(brand)["订单状态通知"]
    assert "订单状态通知" in client.get(url(account)).text
    assert client.post(url(account, f"{row.code}/delete/")).status_code == 403
    assert rows(brand)["订单状态通知"].gone_at is None


def test_the_ways_to_a_person_name_every_template_and_the_consents_left(account, brand, follower, fetch, platform):
    with tenant_scope(brand):
        client = client_for(account)
        message_id = templates.add_template(client, "1101", ("课程名称", "备注"))
        once_id = subscriptions.add_template(client, ONCE, (1, 2), "订单")
        long_id = subscriptions.add_template(client, LONG, (1, 2), "学习")
    fetch()
    given = {"num_left": 1, "given_at": timezone.now().isoformat()}
    with tenant_scope(brand):
        assert ways(account, follower, Channel.TEMPLATE)[message_id].is_open
        notices = ways(account, follower, Channel.SUBSCRIPTION_NOTICE)
        assert {key: one.reason for key, one in notices.items()} == dict.fromkeys((once_id, long_id), Reason.NO_CONSENT)
        Conversation.objects.update(consents={once_id: given, long_id: given})
        notices = ways(account, follower, Channel.SUBSCRIPTION_NOTICE)
        assert {key: (one.is_open, one.num_left) for key, one in notices.items()} == {
            once_id: (True, 1), long_id: (True, None),
        }  # fmt: skip
        MessageTemplate.objects.filter(template_id=once_id).update(gone_at=timezone.now())
        assert list(ways(account, follower, Channel.SUBSCRIPTION_NOTICE)) == [long_id]
