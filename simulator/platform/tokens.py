"""access_token: the two isolated pools, their limits, and who may ask (fact sheet 1)."""

import secrets

from simulator.access import spend
from simulator.calls import Call, endpoint
from simulator.errors import Refusal
from simulator.world import DAY_SECONDS, Account, IssuedToken, World

LIFE_SECONDS = 7200
GRACE_SECONDS = 300  # an old token of the normal pool lives on so long; a stable one is renewed so long before its end
FORCE_PER_DAY = 20
FORCE_GAP_SECONDS = 30


@endpoint("GET", "/cgi-bin/token", auth="none", daily=2000, test_daily=200)
def get_token(call: Call) -> dict[str, object]:
    """A new token of the normal pool; the one before lives five more minutes."""
    params = call.params
    if params.get("grant_type") != "client_credential":
        raise Refusal(40002)
    account = check_secret(call, params.get("appid", ""), params.get("secret", ""))
    spend(call, account)
    for token in _living(call, account, "normal"):
        token.dies_at = min(token.dies_at, call.now + GRACE_SECONDS)
    return _answer(call, *issue(call.world, account.app_id, "normal"))


@endpoint("POST", "/cgi-bin/stable_token", auth="none", daily=500_000, minute=10_000)
def get_stable_token(call: Call) -> dict[str, object]:
    """The token of the stable pool: the same until close to its end, or a new one by force."""
    body = call.body
    if body.get("grant_type") != "client_credential":
        raise Refusal(40002)
    account = check_secret(call, body.get("appid", ""), body.get("secret", ""))
    spend(call, account)
    is_forced = body.get("force_refresh") is True
    if is_forced:
        _ration(call, account)
    current = _current(call, account)
    if current is not None and not is_forced and current[1].expires_at - call.now > GRACE_SECONDS:
        return _answer(call, *current)
    for token in _living(call, account, "stable") if is_forced else ():
        token.dies_at = call.now
    return _answer(call, *issue(call.world, account.app_id, "stable"))


def check_secret(call: Call, app_id: str, secret: str) -> Account:
    """The account whose secret was given from an address that may; raises the platform's refusals."""
    if not app_id:
        raise Refusal(41002)
    if not secret:
        raise Refusal(41004)
    account = call.world.state.accounts.get(app_id)
    if account is None:
        raise Refusal(40013)
    call.act_for(account)
    if account.is_secret_frozen:
        raise Refusal(40243)
    if not secrets.compare_digest(secret.encode(), account.secret.encode()):
        raise Refusal(40125)
    if account.whitelist is not None and call.request.address not in account.whitelist:
        address = call.request.address
        raise Refusal(40164, f"{address} ipv6 ::ffff:{address}, not in whitelist")
    if account.status in (14, 16, 19):
        raise Refusal(50007 if account.status == 19 else 50004)
    return account


def issue(
    world: World, app_id: str, pool: str, *, component: str = "", life: float = LIFE_SECONDS
) -> tuple[str, IssuedToken]:
    """A new token, at once valid; those long dead are forgotten."""
    now, tokens = world.now(), world.state.tokens
    for kept in (tokens, world.state.codes):
        for text in [text for text, one in kept.items() if now - one.expires_at > DAY_SECONDS]:
            del kept[text]
    token = IssuedToken(app_id, pool, now + life, now + life, component)
    text = f"{world.random.randint(60, 99)}_{secrets.token_urlsafe(120)}"[:152]
    tokens[text] = token
    return text, token


def _living(call: Call, account: Account, pool: str) -> list[IssuedToken]:
    tokens = call.world.state.tokens.values()
    return [one for one in tokens if one.app_id == account.app_id and one.pool == pool and one.dies_at > call.now]


def _current(call: Call, account: Account) -> tuple[str, IssuedToken] | None:
    living = _living(call, account, "stable")
    newest = max(living, key=lambda one: one.expires_at, default=None)
    return next((item for item in call.world.state.tokens.items() if item[1] is newest), None)


def _ration(call: Call, account: Account) -> None:
    recent = [at for at in account.force_refreshes if call.now - at < DAY_SECONDS]
    if recent and call.now - recent[-1] < FORCE_GAP_SECONDS:
        raise Refusal(45011)
    if len(recent) >= FORCE_PER_DAY:
        raise Refusal(45009)
    account.force_refreshes = [*recent, call.now]


def _answer(call: Call, text: str, token: IssuedToken) -> dict[str, object]:
    return {"access_token": text, "expires_in": max(1, int(token.expires_at - call.now))}
