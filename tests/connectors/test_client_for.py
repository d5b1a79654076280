"""Clients of connected accounts: shared tokens, counted calls, noted problems."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from django.db import connection

from accounts.tenancy import tenant_scope
from connectors import clients, quotas
from connectors.clients import AccountUnavailable, client_for
from connectors.models import AccountProblem, AccountToken, ApiUsage, ConnectedAccount
from connectors.wechat import transport
from connectors.wechat.errors import OverQuota, Refused

LIST, SEND = "/cgi-bin/user/get", "/cgi-bin/message/custom/send"


class WeChat:
    """Issues tokens and answers calls with what the test laid out; keeps what it was asked."""

    def __init__(self):
        self.num_tokens = 0
        self.answers = {}
        self.asked = []
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.asked.append(request.url.path)
            if request.url.path == "/cgi-bin/stable_token":
                self.num_tokens += 1
                return self.say({"access_token": f"token-{self.num_tokens}", "expires_in": 7200})
            waiting = self.answers.get(request.url.path, [{"errcode": 0, "errmsg": "ok"}])
            return self.say(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    def say(self, answer):
        return httpx.Response(200, content=iter([json.dumps(answer).encode()]))

    def num(self, path):
        return self.asked.count(path)


@pytest.fixture
def wechat(monkeypatch):
    platform = WeChat()
    http = httpx.Client(transport=httpx.MockTransport(platform))
    monkeypatch.setattr(transport, "shared_http", lambda: http)
    return platform


def rows(brand, model):
    with tenant_scope(brand):
        return list(model.objects.order_by("pk"))


def test_a_token_is_fetched_once_and_kept_sealed(wechat, account, brand):
    client_for(account).call("GET", LIST)
    client_for(account).call("GET", LIST)
    assert wechat.asked == ["/cgi-bin/stable_token", LIST, LIST]
    (row,) = rows(brand, AccountToken)
    assert row.key == f"stable:{account.app_id}"
    assert b"token-1" not in bytes(row.value)


def test_a_refused_token_is_renewed_once(wechat, account):
    wechat.answers[LIST] = [{"errcode": 42001, "errmsg": "expired"}, {"total": 0}]
    assert client_for(account).call("GET", LIST) == {"total": 0}
    assert wechat.num_tokens == 2


@pytest.mark.django_db(transaction=True)
def test_fifty_workers_fetch_one_token(wechat, account, brand):
    def work(_number):
        try:
            return client_for(account).call("GET", LIST)["errcode"]
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(work, range(50))) == [0] * 50
    assert (wechat.num_tokens, wechat.num(LIST)) == (1, 50)
    assert [row.num_used for row in rows(brand, ApiUsage)] == [50]


def test_calls_are_counted_per_path_and_beijing_day(wechat, account, brand):
    with time_machine.travel(datetime(2026, 11, 24, 15, 59, tzinfo=UTC), tick=False):
        client_for(account).call("POST", SEND, body={})
    with time_machine.travel(datetime(2026, 11, 24, 16, 1, tzinfo=UTC), tick=False):
        client_for(account).call("POST", SEND, body={})
        client_for(account).call("POST", SEND, body={})
    counted = [(str(row.day), row.path, row.num_used) for row in rows(brand, ApiUsage)]
    assert counted == [("2026-11-24", SEND, 1), ("2026-11-25", SEND, 2)]


def test_a_call_beyond_the_limit_is_not_made(wechat, account, brand):
    account.daily_limits = {LIST: 2}
    client = client_for(account)
    client.call("GET", LIST)
    client.call("GET", LIST)
    with pytest.raises(OverQuota):
        client.call("GET", LIST)
    assert wechat.num(LIST) == 2
    assert [row.num_used for row in rows(brand, ApiUsage)] == [2]


def test_after_the_platforms_own_over_quota_nothing_more_is_tried_today(wechat, account, brand):
    wechat.answers[LIST] = [{"errcode": 45009, "errmsg": "reach max api daily quota limit"}]
    for _ in range(2):
        with pytest.raises(OverQuota):
            client_for(account).call("GET", LIST)
    assert wechat.num(LIST) == 1
    with tenant_scope(brand):
        assert [(s.path, s.num_used, s.limit, s.is_exhausted) for s in quotas.today(account)] == [(LIST, 1, 500, True)]


def test_a_refusal_about_the_account_is_noted_with_its_count_and_rid(wechat, account, brand):
    answer = {"errcode": 48001, "errmsg": "api unauthorized rid: 1a2b3c4d-5e6f7a8b-9c0d1e2f"}
    wechat.answers[LIST] = [answer]
    for _ in range(3):
        with pytest.raises(Refused):
            client_for(account).call("GET", LIST)
    (problem,) = rows(brand, AccountProblem)
    assert (problem.code, problem.path, problem.num_times) == ("48001", LIST, 3)
    assert problem.rid == "1a2b3c4d-5e6f7a8b-9c0d1e2f"


def test_a_refusal_about_one_person_is_no_problem_of_the_account(wechat, account, brand):
    wechat.answers[SEND] = [{"errcode": 45015, "errmsg": "response out of time limit"}]
    with pytest.raises(Refused):
        client_for(account).call("POST", SEND, body={})
    assert rows(brand, AccountProblem) == []


@pytest.mark.parametrize("state", ["paused", "revoked", "disconnected"])
def test_no_client_for_an_account_that_is_not_in_use(wechat, account, state):
    account.state = state
    with pytest.raises(AccountUnavailable):
        client_for(account)
    assert wechat.asked == []


def test_a_simulated_account_talks_to_the_simulator_alone(account, settings):
    settings.SIMULATOR_URL, settings.WECHAT_API_URL = "http://simulator.test", "https://api.test"
    assert clients.base_url_of(account) == "https://api.test"
    account.is_simulated = True
    assert clients.base_url_of(account) == "http://simulator.test"


def test_the_count_of_forced_refreshes_survives_a_failed_one(wechat, account, monkeypatch):
    """Normal mode hands the refused token out again, the forced call fails: it is counted all the same."""
    now = datetime.now(UTC)
    store = clients.DatabaseTokens(account)
    tokens = clients.tokens_of(account)
    first = tokens.get()
    wechat.num_tokens = 0  # so that normal mode issues token-1 again

    def fail_when_forced(request):
        if json.loads(request.content).get("force_refresh"):
            return httpx.Response(502, content=iter([b"<html>bad gateway</html>"]))
        return WeChat.__call__(wechat, request)

    http = httpx.Client(transport=httpx.MockTransport(fail_when_forced))
    monkeypatch.setattr(transport, "shared_http", lambda: http)
    with pytest.raises(clients.WeChatError):
        tokens.renew(first)
    (forced_at,) = store.read(f"stable:{account.app_id}").forced_at
    assert abs(forced_at - now) < timedelta(seconds=30)


def test_a_disconnected_account_may_be_connected_again(brand, account):
    with tenant_scope(brand):
        ConnectedAccount.objects.update(state="disconnected")
        ConnectedAccount.objects.create(app_id=account.app_id, name="again", kind="service")
        assert ConnectedAccount.objects.count() == 2
