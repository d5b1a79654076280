"""Tokens of both pools, over real HTTP, by the fact sheet's section 1."""

import httpx
import pytest

from simulator.remote import PlatformControl, RemoteAccount

HOUR = 3600


@pytest.fixture
def account(platform: PlatformControl) -> RemoteAccount:
    return platform.add_account()


def fetch_normal(platform: PlatformControl, account: RemoteAccount, **changes: str) -> dict:
    params = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret} | changes
    return httpx.get(f"{platform.url}/cgi-bin/token", params=params).json()


def fetch_stable(platform: PlatformControl, account: RemoteAccount, **changes: object) -> dict:
    body = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret} | changes
    return httpx.post(f"{platform.url}/cgi-bin/stable_token", json=body).json()


def use(platform: PlatformControl, token: str) -> int:
    answer = httpx.get(f"{platform.url}/cgi-bin/getcallbackip", params={"access_token": token}).json()
    return answer.get("errcode", 0)


def test_a_new_token_of_the_normal_pool_leaves_the_old_one_five_minutes(platform, account):
    first = fetch_normal(platform, account)
    second = fetch_normal(platform, account)
    assert first["expires_in"] == 7200
    assert first["access_token"] != second["access_token"]
    assert use(platform, first["access_token"]) == 0
    platform.advance(301)
    assert use(platform, first["access_token"]) == 40001
    assert use(platform, second["access_token"]) == 0
    platform.advance(2 * HOUR)
    assert use(platform, second["access_token"]) == 42001


def test_a_stable_token_stays_the_same_until_five_minutes_before_its_end(platform, account):
    first = fetch_stable(platform, account)
    platform.advance(HOUR)
    again = fetch_stable(platform, account)
    assert again["access_token"] == first["access_token"]
    assert 3590 <= again["expires_in"] <= 3600
    platform.advance(HOUR - 299)
    renewed = fetch_stable(platform, account)
    assert renewed["access_token"] != first["access_token"]
    assert use(platform, first["access_token"]) == 0


def test_force_kills_the_old_token_at_once_and_is_rationed(platform, account):
    first = fetch_stable(platform, account)
    second = fetch_stable(platform, account, force_refresh=True)
    assert use(platform, first["access_token"]) == 40001
    assert use(platform, second["access_token"]) == 0
    assert fetch_stable(platform, account, force_refresh=True)["errcode"] == 45011
    for _ in range(19):
        platform.advance(31)
        assert "access_token" in fetch_stable(platform, account, force_refresh=True)
    platform.advance(31)
    assert fetch_stable(platform, account, force_refresh=True)["errcode"] == 45009


def test_the_pools_are_isolated(platform, account):
    stable = fetch_stable(platform, account)["access_token"]
    normal = fetch_normal(platform, account)["access_token"]
    fetch_normal(platform, account)
    fetch_stable(platform, account, force_refresh=True)
    platform.advance(10)
    assert use(platform, normal) == 0
    assert use(platform, stable) == 40001


def test_refusals_name_their_cause(platform, account):
    assert fetch_normal(platform, account, secret="0" * 32)["errcode"] == 40125
    assert fetch_normal(platform, account, appid="wx0000")["errcode"] == 40013
    assert fetch_normal(platform, account, grant_type="x")["errcode"] == 40002
    assert fetch_normal(platform, account, appid="")["errcode"] == 41002
    assert fetch_normal(platform, account, secret="")["errcode"] == 41004
    assert use(platform, "") == 41001
    assert use(platform, "made up") == 40014
    platform.change_account(app_id=account.app_id, is_secret_frozen=True)
    assert fetch_stable(platform, account)["errcode"] == 40243


def test_an_address_outside_the_whitelist_is_named(platform, account):
    platform.change_account(app_id=account.app_id, whitelist=["10.0.0.1"])
    answer = fetch_stable(platform, account)
    assert answer["errcode"] == 40164
    assert "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: " in answer["errmsg"]
    platform.change_account(app_id=account.app_id, whitelist=["127.0.0.1"])
    assert "access_token" in fetch_stable(platform, account)


def test_a_day_has_two_thousand_tokens_and_ends_at_midnight_in_beijing(platform, account):
    platform.change_account(app_id=account.app_id, limits={"/cgi-bin/token": 2})
    fetch_normal(platform, account)
    fetch_normal(platform, account)
    assert fetch_normal(platform, account)["errcode"] == 45009
    platform.advance(24 * HOUR)
    assert "access_token" in fetch_normal(platform, account)
