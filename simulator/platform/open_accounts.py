"""Open Platform accounts that a component makes for its authorizers, so that they share unionids (fact sheet 8)."""

from typing import Any

from simulator.calls import OK, Call, endpoint
from simulator.errors import Refusal
from simulator.world import make_secret

SETS = (24, 25)


@endpoint("POST", "/cgi-bin/open/create", permission_sets=SETS)
def create_open_account(call: Call) -> dict[str, Any]:
    """Makes one and binds the account to it; 89000 when it has one."""
    account = _named_account(call)
    if account.open_account:
        raise Refusal(89000)
    account.open_account = f"wx{make_secret(8)}"
    return {**OK, "open_appid": account.open_account}


@endpoint("POST", "/cgi-bin/open/bind", permission_sets=SETS)
def bind_open_account(call: Call) -> dict[str, Any]:
    """Binds the account to one that exists."""
    account, wanted = _named_account(call), str(call.body.get("open_appid") or "")
    if account.open_account:
        raise Refusal(89000)
    if wanted not in {one.open_account for one in call.world.state.accounts.values() if one.open_account}:
        raise Refusal(89002)
    account.open_account = wanted
    return OK


@endpoint("POST", "/cgi-bin/open/unbind", permission_sets=SETS)
def unbind_open_account(call: Call) -> dict[str, Any]:
    """Takes the account out of it; 89003 when it is not in this one."""
    account = _named_account(call)
    if not account.open_account or account.open_account != call.body.get("open_appid"):
        raise Refusal(89003)
    account.open_account = ""
    return OK


@endpoint("POST", "/cgi-bin/open/get", permission_sets=SETS)
def get_open_account(call: Call) -> dict[str, Any]:
    """Which one the account is bound to; 89002 when none."""
    account = _named_account(call)
    if not account.open_account:
        raise Refusal(89002)
    return {**OK, "open_appid": account.open_account}


def _named_account(call: Call) -> Any:
    if call.body.get("appid") not in (None, call.account.app_id):
        raise Refusal(40013)
    return call.account
