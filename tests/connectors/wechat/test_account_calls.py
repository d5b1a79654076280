"""An account's own affairs: quotas, what a request was, addresses, the callback seen from outside."""

from datetime import UTC, datetime

import pytest

from connectors.wechat import accounts
from connectors.wechat.errors import BadMessage, Refused

SEND = "/cgi-bin/message/custom/send"


def test_a_quota(client, listener):
    listener.answer("/cgi-bin/openapi/quota/get", {
        "errcode": 0, "errmsg": "ok", "quota": {"daily_limit": 500000, "used": 7, "remain": 499993},
        "rate_limit": {"call_count": 1000, "refresh_second": 60},
    })  # fmt: skip
    assert accounts.read_quota(client, SEND) == accounts.Quota(
        SEND, 500_000, 7, 499_993, accounts.RateLimit(1000, 60), accounts.RateLimit(0, 0)
    )
    assert listener.last.body == {"cgi_path": SEND}


@pytest.mark.parametrize("errcode", [76021, 76022])
def test_a_quota_of_nothing(client, listener, errcode):
    listener.answer("/cgi-bin/openapi/quota/get", {"errcode": errcode, "errmsg": "cgi_path not found"})
    with pytest.raises(Refused) as refused:
        accounts.read_quota(client, "/x")
    assert refused.value.errcode == errcode


def test_quotas_begin_anew(client, listener):
    accounts.clear_quotas(client, "wxapp")
    assert (listener.last.path, listener.last.body) == ("/cgi-bin/clear_quota", {"appid": "wxapp"})
    accounts.clear_quota(client, SEND)
    assert (listener.last.path, listener.last.body) == ("/cgi-bin/openapi/quota/clear", {"cgi_path": SEND})
    with pytest.raises(BadMessage):
        accounts.clear_quota(client, "")
    accounts.clear_quotas_by_secret(client, "wxapp", "s3cret")
    assert (listener.last.path, listener.last.params) == (
        "/cgi-bin/clear_quota/v2",
        {"appid": "wxapp", "appsecret": "s3cret"},
    )


def test_what_a_request_was(client, listener):
    listener.answer("/cgi-bin/openapi/rid/get", {"errcode": 0, "errmsg": "ok", "request": {
        "invoke_time": 1_764_000_000, "cost_in_ms": 30, "request_url": "access_token=SECRET", "request_body": "{}",
        "response_body": "{\"errcode\":1}", "client_ip": "1.2.3.4",
    }})  # fmt: skip
    found = accounts.read_request(client, "655e1234-12345678-1234abcd")
    assert listener.last.body == {"rid": "655e1234-12345678-1234abcd"}
    assert (found.at, found.cost_milliseconds) == (datetime.fromtimestamp(1_764_000_000, UTC), 30)
    assert (found.answer, found.client_address) == ('{"errcode":1}', "1.2.3.4")
    assert "SECRET" not in repr(found)


def test_addresses(client, listener):
    listener.answer("/cgi-bin/get_api_domain_ip", {"ip_list": ["1.1.1.1"]})
    assert accounts.read_api_addresses(client) == ("1.1.1.1",)
    listener.answer("/cgi-bin/getcallbackip", {"ip_list": ["2.2.2.2", "3.3.3.0/24"]})
    assert accounts.read_callback_addresses(client) == ("2.2.2.2", "3.3.3.0/24")


def test_the_callback_seen_from_outside(client, listener):
    listener.answer("/cgi-bin/callback/check", {
        "dns": [{"ip": "1.1.1.1", "real_operator": "UNICOM"}],
        "ping": [{"ip": "1.1.1.1", "from_operator": "UNICOM", "package_loss": "0%", "time": "23.079ms"}],
    })  # fmt: skip
    assert accounts.check_callback(client) == accounts.CallbackCheck(
        (accounts.Lookup("1.1.1.1", "UNICOM"),), (accounts.Ping("1.1.1.1", "UNICOM", "0%", "23.079ms"),)
    )
    assert listener.last.body == {"action": "all", "check_operator": "DEFAULT"}
    for bad in ({"action": "trace"}, {"operator": "MOBILE"}):
        with pytest.raises(BadMessage):
            accounts.check_callback(client, **bad)
