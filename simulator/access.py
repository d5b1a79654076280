"""What stands in front of every call: the token, the component's permission, the account's capability, the quotas."""

from simulator.calls import Call, Need
from simulator.clock import beijing_date
from simulator.errors import Refusal
from simulator.world import Account, IssuedToken, World

ACCOUNT_POOLS = ("normal", "stable", "authorizer")


def identify(call: Call) -> str:
    """The app a call is about as far as it says so, before anything is checked; for faults and the log."""
    params = call.params
    token = call.world.state.tokens.get(params.get("access_token") or params.get("component_access_token") or "")
    if token is not None:
        return token.app_id
    if found := params.get("appid") or params.get("component_appid"):
        return found
    if call.request.body[:1] == b"{":
        try:
            return str(call.body.get("appid") or call.body.get("component_appid") or "")
        except Refusal:
            return ""
    return ""


def check(call: Call) -> None:
    """Raises the Refusal the platform would answer; afterwards `call.account` or `call.component` is known."""
    if call.endpoint.auth == "token":
        _check_token(call)
        spend(call, call.account)
        if not allows(call.account, call.endpoint):
            raise Refusal(48001)
        _check_permission(call)
    elif call.endpoint.auth == "component":
        _check_component_token(call)


def _check_token(call: Call) -> None:
    token = _live_token(call, call.params.get("access_token", ""))
    if token.pool not in ACCOUNT_POOLS:
        raise Refusal(40001)
    call.token = token
    component = call.world.state.components.get(token.component_app_id)
    call.act_for(call.world.state.accounts[token.app_id], component)
    if token.pool == "authorizer" and (component is None or token.app_id not in component.authorizations):
        raise Refusal(61003)
    if call.account.status in (14, 16):
        raise Refusal(50004)
    if call.account.status == 19:
        raise Refusal(50007)


def _check_component_token(call: Call) -> None:
    given = call.params.get("access_token") or call.params.get("component_access_token") or ""
    token = _live_token(call, given)
    if token.pool != "component":
        raise Refusal(61014)
    call.token = token
    call.act_for(None, call.world.state.components[token.app_id])
    claimed = call.body.get("component_appid") if call.request.method == "POST" else None
    if claimed and claimed != token.app_id:
        raise Refusal(61011)


def _live_token(call: Call, given: str) -> IssuedToken:
    if not given:
        raise Refusal(41001)
    token = call.world.state.tokens.get(given)
    if token is None:
        raise Refusal(40001 if len(given) >= 64 and given.replace("_", "").replace("-", "").isalnum() else 40014)
    if call.now >= token.expires_at:
        raise Refusal(42001)
    if call.now >= token.dies_at:
        raise Refusal(40001)
    return token


def _check_permission(call: Call) -> None:
    wanted = call.endpoint.permission_sets
    if call.token is None or call.token.pool != "authorizer" or not wanted:
        return
    granted = call.component.authorizations[call.account.app_id].permission_sets
    if not set(wanted) & set(granted):
        raise Refusal(61007)


def allows(account: Account, endpoint: object) -> bool:
    """Whether the account's kind and verification give it the call (fact sheet 0.1)."""
    need = getattr(endpoint, "need", Need.ANY)
    if getattr(endpoint, "path", "") in account.denies_capabilities or need.value in account.denies_capabilities:
        return False
    is_verified_official = account.is_verified and not account.is_mini
    match need:
        case Need.ANY:
            return True
        case Need.MINI:
            return account.is_mini
        case Need.MENU:
            return is_verified_official or account.kind == "service"
        case Need.SERVICE:
            return is_verified_official and account.kind == "service"
        case Need.MESSAGES:
            return is_verified_official or account.is_mini
        case _:
            return is_verified_official


# --- quotas ---------------------------------------------------------------------------------------------------------


def daily_limit(world: World, account: Account, endpoint: object) -> int | None:
    """Calls a day the account may make of an endpoint; None: as many as it likes."""
    path, daily = getattr(endpoint, "path", ""), getattr(endpoint, "daily", None)
    if path in account.limits:
        return account.limits[path]
    if account.is_test and getattr(endpoint, "test_daily", None):
        daily = getattr(endpoint, "test_daily", None)
    return int(daily * world.settings.quota_scale) if daily is not None else None


def used_today(world: World, account: Account) -> dict[str, int]:
    """The day's calls by path; empty on a new Beijing day."""
    today = beijing_date(world.now()).isoformat()
    if account.used_on != today:
        account.used_on, account.used = today, {}
    return account.used


def spend(call: Call, account: Account) -> None:
    """Counts a call; 45011 over the minute's limit, 45009 over the day's."""
    path = call.endpoint.path
    minute_limit = account.minute_limits.get(path, call.endpoint.minute or 0)
    if minute_limit:
        minute = int(call.now // 60)
        counted = account.used_in_minute.setdefault(path, [minute, 0])
        counted[:] = [minute, counted[1] if counted[0] == minute else 0]
        if counted[1] >= minute_limit:
            raise Refusal(45011)
        counted[1] += 1
    used = used_today(call.world, account)
    limit = daily_limit(call.world, account, call.endpoint)
    if limit is not None and used.get(path, 0) >= limit:
        raise Refusal(45009)
    used[path] = used.get(path, 0) + 1


# --- tokens ---------------------------------------------------------------------------------------------------------


def kill_tokens(world: World, app_id: str) -> int:
    """Retires every access token of an app at once, as when someone else fetched new ones; returns how many."""
    now, num = world.now(), 0
    for token in world.state.tokens.values():
        if token.app_id == app_id and token.pool in (*ACCOUNT_POOLS, "component") and token.dies_at > now:
            token.dies_at, num = now, num + 1
    return num
