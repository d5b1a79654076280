"""An account's own affairs: what is left of each quota, what a request was, addresses, the callback as seen there."""

from dataclasses import dataclass
from datetime import datetime

from connectors.wechat.answers import inner, moment, number, rows, text, texts
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_filled, check_one_of

CHECK_ACTIONS = ("all", "dns", "ping")
CHECK_OPERATORS = ("DEFAULT", "CHINANET", "UNICOM", "CAP")


@dataclass(frozen=True)
class RateLimit:
    """At most `num_calls` in each `period_seconds`; both 0 when the platform names none."""

    num_calls: int
    period_seconds: int


@dataclass(frozen=True)
class Quota:
    """Today's quota of one call, in Beijing days."""

    path: str
    daily_limit: int
    num_used: int
    num_left: int
    rate: RateLimit
    component_rate: RateLimit


@dataclass(frozen=True)
class RequestRecord:
    """What the platform kept of a request of ours (for about seven days). Its address holds a token: never log it."""

    at: datetime | None
    cost_milliseconds: int
    url: str
    body: str
    answer: str
    client_address: str

    def __repr__(self) -> str:
        return f"RequestRecord(at={self.at!r}, cost_milliseconds={self.cost_milliseconds})"


@dataclass(frozen=True)
class Lookup:
    """An address that a callback's host name led to, seen from one network operator."""

    address: str
    operator: str


@dataclass(frozen=True)
class Ping:
    """How the platform reached an address: losses and time as it writes them ("0%", "25.5ms")."""

    address: str
    operator: str
    package_loss: str
    time: str


@dataclass(frozen=True)
class CallbackCheck:
    """How the platform's network sees our callback."""

    lookups: tuple[Lookup, ...]
    pings: tuple[Ping, ...]


def read_quota(client: WeChatClient, path: str) -> Quota:
    """How much of a call's quota is left today; `path` as called ("/cgi-bin/message/custom/send")."""
    check_filled("Path", path)
    answer = client.call("POST", "/cgi-bin/openapi/quota/get", body={"cgi_path": path}, idempotent=True)
    quota = inner(answer, "quota")
    return Quota(
        path, number(quota, "daily_limit"), number(quota, "used"), number(quota, "remain"),
        _rate(inner(answer, "rate_limit")), _rate(inner(answer, "component_rate_limit")),
    )  # fmt: skip


def _rate(row: dict[str, object]) -> RateLimit:
    return RateLimit(number(row, "call_count"), number(row, "refresh_second"))


def clear_quotas(client: WeChatClient, app_id: str) -> None:
    """Begin all quotas of the account anew: ten times a month, the console's included (48006 after that)."""
    client.call("POST", "/cgi-bin/clear_quota", body={"appid": app_id})


def clear_quotas_by_secret(client: WeChatClient, app_id: str, secret: str) -> None:
    """The same without a token: the way out when the quota of tokens is used up too. The secret is never logged."""
    params = {"appid": app_id, "appsecret": secret}
    client.call("POST", "/cgi-bin/clear_quota/v2", params=params, token=False)


def clear_quota(client: WeChatClient, path: str) -> None:
    """Begin the quota of one call anew."""
    check_filled("Path", path)
    client.call("POST", "/cgi-bin/openapi/quota/clear", body={"cgi_path": path})


def read_request(client: WeChatClient, rid: str) -> RequestRecord:
    """What the platform kept of the request whose error named `rid`."""
    check_filled("Request id", rid)
    record = inner(client.call("POST", "/cgi-bin/openapi/rid/get", body={"rid": rid}, idempotent=True), "request")
    return RequestRecord(
        moment(record, "invoke_time"), number(record, "cost_in_ms"), text(record, "request_url"),
        text(record, "request_body"), text(record, "response_body"), text(record, "client_ip"),
    )  # fmt: skip


def read_api_addresses(client: WeChatClient) -> tuple[str, ...]:
    """The addresses of the platform's API."""
    return texts(client.call("GET", "/cgi-bin/get_api_domain_ip"), "ip_list")


def read_callback_addresses(client: WeChatClient) -> tuple[str, ...]:
    """The addresses from which pushes come."""
    return texts(client.call("GET", "/cgi-bin/getcallbackip"), "ip_list")


def check_callback(client: WeChatClient, action: str = "all", operator: str = "DEFAULT") -> CallbackCheck:
    """Let the platform look up and ping our callback's host."""
    check_one_of("Check", action, CHECK_ACTIONS)
    check_one_of("Operator", operator, CHECK_OPERATORS)
    body = {"action": action, "check_operator": operator}
    answer = client.call("POST", "/cgi-bin/callback/check", body=body, idempotent=True)
    return CallbackCheck(
        tuple(Lookup(text(row, "ip"), text(row, "real_operator")) for row in rows(answer, "dns")),
        tuple(
            Ping(text(row, "ip"), text(row, "from_operator"), text(row, "package_loss"), text(row, "time"))
            for row in rows(answer, "ping")
        ),
    )
