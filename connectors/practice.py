"""Practice accounts: accounts of the platform simulator, connected end to end. Only where SIMULATOR_URL is set."""

import logging
from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext_noop

from accounts.actors import Actor
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import connections
from connectors.models import ConnectedAccount
from connectors.secrets import unseal

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 20
_AWAY = gettext_noop("The platform simulator does not answer. Start it again, or look into its log.")


def connect(brand_name: str, by: Actor) -> ConnectedAccount:
    """Have the simulator make a verified service account and connect it. Raises Conflict without a simulator."""
    made = ask("add_account", kind="service", verified=True, name=brand_name)
    return connections.connect(
        app_id=made["app_id"], app_secret=made["secret"], name=made["name"], kind=made["kind"], by=by, is_simulated=True
    )


def configure_callback(account: ConnectedAccount, url: str) -> bool:
    """Enter the callback in the simulator as its console would; whether it was verified. Not inside a transaction."""
    with tenant_scope(account.brand_id):
        keys = {"token": unseal(account, "callback_token"), "aes_key": unseal(account, "aes_key")}
    try:
        answer = ask("configure_callback", app_id=account.app_id, url=url, mode=account.message_mode, **keys)
    except Conflict:  # the set-up page shows that nothing has come yet
        logger.warning("practice_callback_failed", extra={"account": account.pk})
        return False
    return bool(answer["ok"])


def ask(control: str, **arguments: Any) -> Any:
    """The answer of a control of the simulator (docs/simulator.md). Raises Conflict where there is none."""
    if not settings.SIMULATOR_URL:
        raise Conflict("There is no platform simulator here. Set SIMULATOR_URL to offer practice accounts.")
    address = f"{settings.SIMULATOR_URL.rstrip('/')}/_control/{control}"
    try:
        answer = httpx.post(address, json=arguments, timeout=TIMEOUT_SECONDS, trust_env=False)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Conflict(_AWAY) from error
