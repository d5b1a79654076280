"""The real daily limits: asked of the simulated platform, obeyed by the ledger, and the counts begun anew."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Role
from accounts.tenancy import tenant_scope
from connectors import limits, quotas
from connectors.clients import client_for
from connectors.models import AccountProblem, ApiUsage, ConnectedAccount
from connectors.wechat import tags
from connectors.wechat.errors import OverQuota
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture

FOLLOWERS, MENU = "/cgi-bin/user/get", "/cgi-bin/menu/create"
CLEAR = "/cgi-bin/clear_quota"


@pytest.fixture
def account(connected):  # noqa: F811  # the fixture of that name
    return connected()


def fresh(brand):
    with tenant_scope(brand):
        return ConnectedAccount.objects.get()


def post(client, account, rest):
    return client.post(f"/b/brand/channels/{account.code}/limits/{rest}", follow=True)


def test_the_limits_wechat_tells_are_kept_and_obeyed(account, brand, platform, as_owner):
    platform.do("change_account", app_id=account.app_id, limits={FOLLOWERS: 2, "/cgi-bin/tags/get": 1})
    with tenant_scope(brand):
        tags.read_tags(client_for(account))
    assert post(as_owner, account, "").status_code == 200
    told = fresh(brand)
    assert told.limits_asked_at is not None
    assert (told.daily_limits[FOLLOWERS], told.daily_limits[MENU]) == (2, 1000)
    with tenant_scope(brand):
        assert {one.path: (one.num_used, one.limit) for one in quotas.today(told)}["/cgi-bin/tags/get"] == (1, 1)
        with pytest.raises(OverQuota):
            tags.read_tags(client_for(told))
    assert len(platform.calls("/cgi-bin/tags/get", account.app_id)) == 1
    assert "1 / 1" in as_owner.get(f"/b/brand/channels/{account.code}/").text


def test_calls_that_others_made_count_too(account, brand, platform):
    with tenant_scope(brand):
        tags.read_tags(client_for(account))
        ApiUsage.objects.filter(path="/cgi-bin/tags/get").update(num_used=0)
    limits.ask(account)
    with tenant_scope(brand):
        assert ApiUsage.objects.get(path="/cgi-bin/tags/get").num_used == 1


@pytest.mark.parametrize("kind", ["subscription", "miniprogram"])
def test_calls_the_account_may_not_make_are_no_problem_of_it(connected, brand, kind):  # noqa: F811  # the fixture
    account = connected(kind)
    told = limits.ask(account)
    assert "/cgi-bin/message/custom/send" in told
    assert "/cgi-bin/message/template/send" not in told
    with tenant_scope(brand):
        assert AccountProblem.objects.count() == 0


def test_they_are_due_once_a_day(account, brand):
    now = timezone.now()
    assert limits.due(brand.pk, now) == [account.pk]
    limits.ask_due(brand.pk, account.pk, now)
    asked_at = fresh(brand).limits_asked_at
    assert limits.due(brand.pk, now) == []
    limits.ask_due(brand.pk, account.pk, now)
    assert fresh(brand).limits_asked_at == asked_at
    assert limits.due(brand.pk, asked_at + timedelta(days=1)) == [account.pk]


def test_a_reset_begins_the_days_counts_anew_here_and_there(account, brand, platform, as_owner):
    with tenant_scope(brand):
        tags.read_tags(client_for(account))
        ApiUsage.objects.update(is_exhausted=True)
    post(as_owner, account, "reset/")
    with tenant_scope(brand):
        assert not ApiUsage.objects.filter(path="/cgi-bin/tags/get").exists()
        assert AuditEntry.objects.get(verb="clear_quotas").details == {"num": 1}
    assert limits.num_resets(fresh(brand)) == 1
    assert len(platform.calls(CLEAR, account.app_id)) == 1


def test_after_ten_resets_wechat_is_not_asked_any_more(account, brand, platform, as_owner):
    moments = [timezone.now().isoformat()] * 10
    with tenant_scope(brand):
        ConnectedAccount.objects.update(quota_resets=moments)
    post(as_owner, account, "reset/")
    assert platform.calls(CLEAR, account.app_id) == []
    assert fresh(brand).quota_resets == moments
    long_ago = (timezone.now() - timedelta(days=40)).isoformat()
    account.quota_resets = [long_ago]
    assert limits.num_resets(account) == 0


@pytest.mark.parametrize("rest", ["", "reset/"])
def test_only_who_manages_may(account, platform, teammate, rest):
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    assert post(client, account, rest).status_code == 403
    assert platform.calls(app_id=account.app_id) == []
