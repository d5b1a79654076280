"""Looking at quotas, clearing them, and asking what happened to a call (fact sheet 0.8)."""

from typing import Any

from simulator.access import allows, daily_limit, used_today
from simulator.calls import OK, ROUTES, Call, Endpoint, endpoint
from simulator.errors import Refusal
from simulator.platform.tokens import check_secret
from simulator.world import DAY_SECONDS, Account

MAX_CLEARS_A_MONTH = 10
UNLIMITED = 10_000_000  # what quota/get shows for a call without a limit of its own
RID_DAYS = 7


@endpoint("POST", "/cgi-bin/clear_quota")
def clear_quota(call: Call) -> dict[str, Any]:
    """All of today's counters to nought, ten times a month."""
    if call.body.get("appid") != call.account.app_id:
        raise Refusal(40013)
    _use_clear(call, call.account)
    call.account.used = {}
    return OK


@endpoint("POST", "/cgi-bin/clear_quota/v2", auth="none")
def clear_quota_by_secret(call: Call) -> dict[str, Any]:
    """The same with appid and appsecret instead of a token."""
    params = call.params
    if call.request.body.strip():
        params = {**params, **{name: str(value) for name, value in call.body.items()}}
    account = check_secret(call, params.get("appid", ""), params.get("appsecret", ""))
    _use_clear(call, account)
    account.used = {}
    return OK


@endpoint("POST", "/cgi-bin/openapi/quota/clear")
def clear_path(call: Call) -> dict[str, Any]:
    """One path's counter to nought; counts as one of the ten."""
    found = _endpoint_named(call)
    _use_clear(call, call.account)
    used_today(call.world, call.account).pop(found.path, None)
    return OK


@endpoint("POST", "/cgi-bin/openapi/quota/get")
def get_quota(call: Call) -> dict[str, Any]:
    """Limit, used and left today of one path, and its limit per minute."""
    found, account = _endpoint_named(call), call.account
    limit = daily_limit(call.world, account, found)
    limit, used = UNLIMITED if limit is None else limit, used_today(call.world, account).get(found.path, 0)
    answer: dict[str, Any] = {**OK, "quota": {"daily_limit": limit, "used": used, "remain": max(limit - used, 0)}}
    if minute := account.minute_limits.get(found.path, found.minute or 0):
        rate = {"call_count": minute, "refresh_second": 60}
        answer["component_rate_limit" if call.token and call.token.component_app_id else "rate_limit"] = rate
    return answer


@endpoint("POST", "/cgi-bin/openapi/rid/get")
def get_request(call: Call) -> dict[str, Any]:
    """What a rid's call was and got, for seven days."""
    rid = str(call.body.get("rid") or "")
    lines = call.world.storage.read_log("call", subject=rid) if rid else []
    if not lines or call.now - lines[0]["at"] > RID_DAYS * DAY_SECONDS:
        raise Refusal(76001)
    line = lines[0]
    if line["app_id"] != call.account.app_id:
        raise Refusal(76003)
    return {
        **OK,
        "request": {
            "invoke_time": int(line["at"]),
            "cost_in_ms": 30,
            "request_url": line["url"],
            "request_body": line["request"],
            "response_body": line["response"],
            "client_ip": line["address"],
        },
    }


def _endpoint_named(call: Call) -> Endpoint:
    path = call.body.get("cgi_path")
    found = ROUTES.get(("POST", str(path))) or ROUTES.get(("GET", str(path)))
    if found is None or found.auth in ("pay", "page"):
        raise Refusal(76021)
    if not allows(call.account, found):
        raise Refusal(76022)
    return found


def _use_clear(call: Call, account: Account) -> None:
    month = call.world.month()
    if account.clears_in_month.get(month, 0) >= MAX_CLEARS_A_MONTH:
        raise Refusal(48006)
    account.clears_in_month[month] = account.clears_in_month.get(month, 0) + 1
