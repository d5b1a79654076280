"""Mass sends on their pages, on the simulated platform: pressed once, sent once, every outcome written down."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import jobs
from accounts.models import AuditEntry, Job, Role
from accounts.tenancy import tenant_scope
from audience.models import Consent, Contact, Identity
from connectors import broadcasts, mass_audience, mass_sends
from connectors.clients import client_for
from connectors.conversations import end_broadcast
from connectors.models import MassBatch, MassSend, PlatformTag
from connectors.wechat import drafts, materials, tags
from connectors.wechat.articles import Article
from connectors.wechat.clock import next_beijing_midnight
from connectors.wechat.materials import MediaKind
from connectors.wechat.pushes import parse
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture
from tests.connectors.wechat.contract.files import JPG

LIST_PATH, FILTER_PATH = "/cgi-bin/message/mass/send", "/cgi-bin/message/mass/sendall"
TAG = "常客"


class Page:
    def __init__(self, client, account):
        self.client, self.account = client, account
        self.url = f"/b/brand/channels/{account.code}/mass/"

    def draft(self, **fields):
        """A mass send as the form makes it; its address."""
        data = {"kind": "text", "text": "春茶上新", "audience": f"contacts:{TAG}"} | fields
        answer = self.client.post(self.url, data)
        assert answer.status_code == 302, answer.context["form"].errors
        return answer.url

    def press(self, url):
        return self.client.post(f"{url}send/")


@pytest.fixture
def page(connected, teammate, platform, listener):  # noqa: F811  # the fixture of that name
    client, account = Client(), connected()
    client.force_login(teammate(Role.ADMIN))
    platform.set_callback(app_id=account.app_id, url=listener.url, token="token")
    return Page(client, account)


@pytest.fixture
def fans(page, platform, brand):
    """Five followers with the brand's tag, here and on the platform."""
    openids = platform.add_users(page.account.app_id, 5)
    with tenant_scope(brand):
        for openid in openids:
            person = Contact.objects.create(external_id=openid, tags=[TAG])
            Identity.objects.create(
                contact=person, kind="openid", account_ref=page.account.app_id, value=openid,
                followed_at=timezone.now() - timedelta(days=9),
            )  # fmt: skip
    return openids


@pytest.fixture
def in_twos(monkeypatch):
    """Five people take two calls: two and three."""
    monkeypatch.setattr(mass_audience, "MAX_OPENIDS", 3)


def send_of(brand):
    with tenant_scope(brand):
        return MassSend.objects.select_related("job", "account").get()


def batches(brand):
    with tenant_scope(brand):
        return list(MassBatch.objects.order_by("number"))


def step(brand):
    """A worker takes the newest job of mass sends once."""
    with tenant_scope(brand):
        job = Job.objects.filter(task=mass_sends.TASK).latest("pk")
    jobs.run(brand.pk, job.pk, mass_sends.work)


def hear(page, platform, brand):
    """What the platform said about finished mass sends is applied."""
    with tenant_scope(brand):
        for line in platform.pushes(page.account.app_id):
            if line["message"].get("Event") == "MASSSENDJOBFINISH":
                push = parse(line["message"])
                end_broadcast(page.account, push, push.event_at)


@pytest.mark.parametrize(("num", "sizes"), [
    (2, [2]), (10_000, [10_000]), (10_001, [9_999, 2]), (10_002, [10_000, 2]), (20_001, [10_000, 9_999, 2]),
])  # fmt: skip
def test_no_call_is_for_one_person(num, sizes):
    assert mass_audience.sizes(num) == sizes


def test_a_text_reaches_exactly_who_was_meant(page, platform, brand, fans, in_twos):
    with tenant_scope(brand):
        refuses, leaves = Contact.objects.filter(external_id__in=fans[:2])
        Consent.objects.create(contact=refuses, purpose="marketing", state="withdrawn", changed_at=timezone.now())
        Identity.objects.filter(contact=leaves).update(unfollowed_at=timezone.now())
    url = page.draft()
    before = page.client.get(url)
    assert (before.context["estimate"].num_people, before.context["estimate"].num_calls) == (3, 1)
    assert platform.calls(LIST_PATH) == []
    page.press(url)
    step(brand)
    platform.advance(10)
    hear(page, platform, brand)
    reached = {line["subject"] for line in platform.delivered(page.account.app_id)}
    assert len(reached) == 3
    assert not reached & {refuses.external_id, leaves.external_id}
    after = page.client.get(f"{url}progress/")
    assert after.context["totals"] == {"sent": 3, "failed": 0}
    assert not after.context["is_open"]
    assert (send_of(brand).state, send_of(brand).num_people, send_of(brand).job.state) == ("done", 3, "succeeded")


def test_a_second_press_sends_nothing(page, platform, brand, fans, in_twos):
    url = page.draft()
    page.press(url)
    page.press(url)
    step(brand)
    with tenant_scope(brand):
        assert Job.objects.filter(task=mass_sends.TASK).count() == 1
        assert AuditEntry.objects.filter(verb="send_mass").count() == 1
    assert [(one.num_people, one.state) for one in batches(brand)] == [(3, "sent"), (2, "sent")]
    assert len(platform.calls(LIST_PATH)) == 2
    platform.advance(10)
    assert len(platform.delivered(page.account.app_id)) == 5


def test_what_a_lost_worker_had_in_hand_is_listed_and_not_repeated(page, platform, brand, fans, in_twos):
    url = page.draft()
    page.press(url)
    with tenant_scope(brand):  # it died between the commit and the answer
        MassBatch.objects.filter(number=1).update(state="sending", called_at=timezone.now())
    step(brand)
    assert [one.state for one in batches(brand)] == ["unknown", "sent"]
    assert len(platform.calls(LIST_PATH)) == 1
    assert page.client.get(url).context["is_unknown"]
    page.client.post(f"{url}again/", {"unknown": "1"})
    step(brand)
    assert [one.state for one in batches(brand)] == ["sent", "sent"]
    assert len(platform.calls(LIST_PATH)) == 2


def test_a_repeated_call_that_had_arrived_sends_nothing_twice(page, platform, brand, fans):
    page.press(url := page.draft())
    platform.fail("close", path=LIST_PATH, remaining=1, after=True)
    step(brand)
    assert [one.state for one in batches(brand)] == ["unknown"]
    platform.advance(120)
    page.client.post(f"{url}again/", {"unknown": "1"})
    step(brand)
    (batch,) = batches(brand)
    assert (batch.state, bool(batch.msg_id)) == ("sent", True)
    assert len(platform.delivered(page.account.app_id)) == 5


def test_after_a_day_the_unknown_is_not_repeated(page, platform, brand, fans):
    page.press(url := page.draft())
    with tenant_scope(brand):
        MassBatch.objects.update(state="sending", called_at=timezone.now() - timedelta(hours=24))
    step(brand)
    page.client.post(f"{url}again/", {"unknown": "1"})
    with tenant_scope(brand):
        assert Job.objects.filter(task=mass_sends.TASK).count() == 1
    assert batches(brand)[0].state == "unknown"
    assert platform.calls(LIST_PATH) == []


def test_refused_content_stops_it_and_says_why(page, platform, brand, fans, in_twos):
    page.press(url := page.draft())
    platform.fail("errcode", errcode=45028, path=LIST_PATH, remaining=1)
    step(brand)
    row = send_of(brand)
    assert (row.state, row.job.state, row.job.error_code) == ("failed", "failed", "wechat_45028")
    assert row.reason
    assert [one.state for one in batches(brand)] == ["refused", "pending"]
    assert len(platform.calls(LIST_PATH)) == 1
    page.client.post(f"{url}again/")
    step(brand)
    assert [one.state for one in batches(brand)] == ["sent", "sent"]
    assert (send_of(brand).state, send_of(brand).reason) == ("done", "")


def test_it_waits_for_tomorrow_when_the_calls_are_used_up(page, platform, brand, fans, in_twos):
    with tenant_scope(brand):
        page.account.daily_limits = {LIST_PATH: 1}
        page.account.save(update_fields=["daily_limits"])
    page.press(page.draft())
    step(brand)
    row = send_of(brand)
    assert (row.state, row.resume_after) == ("parked", next_beijing_midnight(timezone.now()))
    assert [(one.state, one.called_at is None) for one in batches(brand)] == [("sent", False), ("pending", True)]
    assert mass_sends.keep_up(brand.pk, row.resume_after - timedelta(seconds=1)) == 0
    with tenant_scope(brand):
        page.account.daily_limits = {}
        page.account.save(update_fields=["daily_limits"])
    assert mass_sends.keep_up(brand.pk, row.resume_after) == 1
    assert mass_sends.keep_up(brand.pk, row.resume_after) == 0
    step(brand)
    assert [one.state for one in batches(brand)] == ["sent", "sent"]
    assert len(platform.calls(LIST_PATH)) == 2


def test_a_minute_asked_for_is_given(page, platform, brand, fans):
    page.press(page.draft())
    platform.fail("errcode", errcode=45011, path=LIST_PATH, remaining=1)
    step(brand)
    assert (send_of(brand).job.state, batches(brand)[0].state) == ("queued", "pending")
    step(brand)
    assert batches(brand)[0].state == "sent"


def test_a_batch_counts_for_its_own_people_only(page, platform, brand, fans, in_twos):
    page.press(page.draft())
    step(brand)
    month = timezone.now() - timedelta(days=32)

    def counted(openid):
        with tenant_scope(brand):
            told = broadcasts.known(page.account, openid, month)
        return len(told.received_at), len(told.account_at), len(told.public_at)

    assert [counted(one) for one in fans] == [(1, 0, 0)] * 5
    platform.advance(10)
    hear(page, platform, brand)
    assert [counted(one) for one in (*fans, "somebody")] == [(1, 0, 0)] * 5 + [(0, 0, 0)]
    page.press(page.draft(audience="all"))
    with tenant_scope(brand):
        job = Job.objects.filter(task=mass_sends.TASK).latest("pk")
    jobs.run(brand.pk, job.pk, mass_sends.work)
    assert (counted(fans[0]), counted("somebody")) == ((2, 1, 1), (1, 1, 1))


def test_a_draft_goes_to_wechats_tag_and_is_taken_back(page, platform, brand, fans):
    with tenant_scope(brand):
        client = client_for(page.account)
        cover = materials.upload_permanent(client, MediaKind.IMAGE, JPG).media_id
        media_id = drafts.add_draft(client, Article("春茶上新", "文", cover))
        tag_id = tags.create_tag(client, "VIP").id
        tags.tag_users(client, tag_id, tuple(fans[:2]))
        PlatformTag.objects.create(account=page.account, platform_id=tag_id, name="VIP", num_people=2)
    url = page.draft(kind="draft", media_id=media_id, title="春茶上新", audience=f"tag:{tag_id}")
    page.press(url)
    step(brand)
    platform.advance(10)
    hear(page, platform, brand)
    assert page.client.get(url).context["totals"]["sent"] == 2
    assert "take-back" in page.client.get(url).text
    page.client.post(f"{url}take-back/")
    assert send_of(brand).taken_back_at is not None
    assert len(platform.calls("/cgi-bin/message/mass/delete")) == 1


def test_a_preview_is_no_send(page, platform, brand, fans):
    url = page.draft()
    page.client.post(f"{url}preview/", {"person": fans[0]})
    assert [line["subject"] for line in platform.delivered(page.account.app_id)] == [fans[0]]
    assert (send_of(brand).state, platform.calls(LIST_PATH)) == ("draft", [])


def test_one_person_alone_is_told_before_pressing(page, platform, brand, fans):
    with tenant_scope(brand):
        Contact.objects.filter(external_id__in=fans[1:]).update(tags=[])
    url = page.draft()
    assert page.client.get(url).context["problem"]
    page.press(url)
    assert (send_of(brand).state, batches(brand)) == ("draft", [])


def test_a_marketer_drafts_and_an_administrator_presses(page, teammate, brand, fans):
    url = page.draft()
    page.client.force_login(teammate(Role.MARKETER))
    assert page.press(url).status_code == 403
    assert page.client.post(f"{url}discard/").status_code == 302
    with tenant_scope(brand):
        assert not MassSend.objects.exists()
    page.client.force_login(teammate(Role.VIEWER))
    assert page.client.get(page.url).status_code == 200
    assert page.client.post(page.url, {"kind": "text", "text": "x", "audience": "all"}).status_code == 403


def test_an_unverified_account_is_told_why(connected, teammate):  # noqa: F811  # the fixture of that name
    page = Page(Client(), connected("subscription", verified=False))
    page.client.force_login(teammate(Role.ADMIN))
    assert not page.client.get(page.url).context["can_send"]
    answer = page.client.post(page.url, {"kind": "text", "text": "x", "audience": "all"})
    assert answer.status_code == 422


def test_old_lists_of_people_are_forgotten(page, brand, fans):
    page.press(page.draft())
    step(brand)
    assert mass_sends.forget_old(brand.pk, timezone.now() + timedelta(days=39)) == 0
    assert mass_sends.forget_old(brand.pk, timezone.now() + timedelta(days=41)) == 1
    assert batches(brand)[0].openids == []
