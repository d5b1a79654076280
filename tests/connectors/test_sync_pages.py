"""The pages of what is fetched from an account."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from accounts.tenancy import tenant_scope
from connectors.models import ConnectedAccount, PlatformTag, PlatformTotal, SyncRun
from connectors.secrets import seal
from connectors.sync import runs


def url(account, rest=""):
    return f"/b/brand/channels/{account.code}/{rest}"


def test_a_marketer_starts_a_pass_and_sees_it_wait(account, brand, teammate):
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    response = client.post(url(account, "sync/start/followers/"), follow=True)
    assert response.status_code == 200
    assert "sync/start/tags/" in response.text
    with tenant_scope(brand):
        run = SyncRun.objects.get()
    assert f"sync/{run.code}/progress/" in response.text
    assert client.get(url(account, f"sync/{run.code}/progress/")).status_code == 200
    client.post(url(account, f"sync/{run.code}/cancel/"))
    assert client.get(url(account, f"sync/{run.code}/progress/")).status_code == 286
    assert client.post(url(account, "sync/start/nonsense/")).status_code == 404


def test_a_viewer_may_look_and_not_start(account, teammate, brand):
    client = Client()
    client.force_login(teammate(Role.VIEWER))
    page = client.get(url(account, "sync/"))
    assert page.status_code == 200
    assert "sync/start" not in page.text
    assert client.post(url(account, "sync/start/followers/")).status_code == 403
    with tenant_scope(brand):
        assert not SyncRun.objects.exists()


def test_an_unverified_account_says_why_nothing_can_be_fetched(account, as_owner, brand):
    with tenant_scope(brand):
        account.is_verified = False
        account.save()
    page = as_owner.get(url(account, "sync/"))
    assert "微信认证" in page.text
    assert "sync/start" not in page.text


def test_a_parked_pass_says_when_it_goes_on(account, as_owner, brand, by):
    with tenant_scope(brand):
        run = runs.start(account, "followers", by)
        type(run.job).objects.filter(pk=run.job_id).update(state="succeeded")
        SyncRun.objects.filter(pk=run.pk).update(resume_after=timezone.now())
    assert f"sync/{run.code}/resume/" in as_owner.get(url(account, "sync/")).text


@pytest.mark.parametrize(("first", "then"), [("platform", "brand"), ("brand", "platform")])
def test_the_side_that_leads_a_tag_is_chosen_on_the_page(account, as_owner, brand, first, then):
    with tenant_scope(brand):
        tag = PlatformTag.objects.create(account=account, platform_id=101, name="会员", leader=first)
    assert as_owner.post(url(account, f"tags/{tag.pk}/{then}/")).status_code == 302
    assert as_owner.post(url(account, f"tags/{tag.pk}/nobody/")).status_code == 404
    with tenant_scope(brand):
        assert PlatformTag.objects.get().leader == then


def test_totals_say_that_they_are_the_platforms(account, as_owner, brand):
    assert as_owner.get(url(account, "totals/")).status_code == 200
    day = timezone.now().date()
    rows = [
        ("followers", "", {"num_followers": 1234}),
        ("follows", "search", {"num_new": 5, "num_lost": 2}),
        ("articles", "2_1", {"title": "春茶上新", "num_readers": 4321, "num_sharers": 77, "finish_rate": 0.4}),
        ("messages", "1", {"num_people": 2, "num_messages": 9}),
    ]
    with tenant_scope(brand):
        for report, part, measures in rows:
            PlatformTotal.objects.create(
                account=account, report=report, day=day, part=part, measures=measures, fetched_at=timezone.now()
            )
    page = as_owner.get(url(account, "totals/")).text
    assert "春茶上新" in page
    assert "4,321" in page or "4321" in page
    assert "77" in page
    assert "chart-followers" in page


def test_a_tag_made_on_the_page_exists_on_wechat_and_a_second_of_its_name_is_refused(
    brand, platform, settings, as_owner
):
    settings.SIMULATOR_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    with tenant_scope(brand):
        account = ConnectedAccount(app_id=remote.app_id, name="x", kind="service", is_verified=True, is_simulated=True)
        seal(account, "app_secret", remote.secret)
        account.save()
    assert "标签已在微信中创建" in as_owner.post(url(account, "tags/"), {"name": "会员"}, follow=True).text
    as_owner.post(url(account, "tags/"), {"name": "会员"})
    as_owner.post(url(account, "tags/"), {"name": "字" * 31})
    with tenant_scope(brand):
        assert [tag.name for tag in PlatformTag.objects.all()] == ["会员"]
