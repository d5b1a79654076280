"""Accounts authorised to our component by QR code: started, finished once, changed, withdrawn.

The administrator's return and WeChat's notice bring the same code; whoever comes first uses it. Writes
StartedAuthorisation, Authorisation and ConnectedAccount.
"""

import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.actors import Actor, record
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from common.errors import Conflict, FanwiseError
from common.text import sha256_hex
from connectors import connections, open_platform
from connectors.models import Authorisation, CallbackAddress, ConnectedAccount, StartedAuthorisation
from connectors.problems import explained
from connectors.receiving import DOOR_SECONDS, MAX_AGE, Door, door_for_account
from connectors.secrets import seal, unseal
from connectors.tokens import DatabaseTokens
from connectors.wechat import crypto, pushes
from connectors.wechat.component import Authorisation as Granted
from connectors.wechat.component import AuthorisedAccount, AuthorizerTokens, PreAuthCode
from connectors.wechat.errors import BadPush

logger = logging.getLogger(__name__)
WAIT_SECONDS = 5.0
"""How long a notice leaves the administrator's return the first turn."""
_State, _Route = ConnectedAccount.State, ConnectedAccount.Route
_doors: dict[str, Door] = {}


# --- what WeChat sends ----------------------------------------------------------------------------------------------


def door_for(app_id: str) -> Door | None:
    """The door of an authorised account; None for an account we do not know."""
    known = _doors.get(app_id)
    if known and time.monotonic() - known.read_at < DOOR_SECONDS:
        return known
    address = CallbackAddress.objects.filter(app_id=app_id).first() if open_platform.is_configured() else None
    door = door_for_account(address, open_platform.shared_secrets()) if address else None
    if door is None:
        _doors.pop(app_id, None)
    else:
        _doors[app_id] = door
    return door


def take_notice(query: Mapping[str, str], body: bytes) -> None:
    """Act on a notice of the Open Platform. Raises BadPush or BadSignature, and then nothing was done."""
    opened = crypto.open_push(open_platform.shared_secrets(), query, body, max_age=MAX_AGE)
    push = pushes.parse(opened.document)
    if isinstance(push, pushes.TicketIssued):
        open_platform.keep_ticket(push)
    elif isinstance(push, pushes.Authorised):
        _note_code(push)
    elif isinstance(push, pushes.Unauthorised):
        revoke(push.app_id)
    elif not isinstance(push, pushes.ComponentPush):
        raise BadPush("This address takes notices to a platform, not pushes to an account.")


def _note_code(push: pushes.Authorised) -> None:
    """Keep the code for a worker, unless nobody here has asked for it."""
    started = StartedAuthorisation.objects.filter(digest=sha256_hex(push.pre_auth_code)).first()
    if started is None:
        address = CallbackAddress.objects.filter(app_id=push.app_id).first()
        if address is None:
            return
        started = StartedAuthorisation.objects.get_or_create(
            digest=sha256_hex(push.auth_code), defaults={"tenant_id": address.tenant_id, "started_by": "system: WeChat"}
        )[0]
    _keep_code(started, push.auth_code)
    _hint(started.pk)


def _keep_code(started: StartedAuthorisation, auth_code: str) -> None:
    seal(started, "auth_code", auth_code)
    unfinished = StartedAuthorisation.objects.filter(pk=started.pk, app_id="")
    unfinished.update(auth_code=started.auth_code)  # the other way may just have finished it


def _hint(started_id: int) -> None:
    try:
        current_app.send_task(
            "connectors.tasks.finish_authorisation", args=[started_id], queue="default", retry=False,
            countdown=WAIT_SECONDS,
        )  # fmt: skip
    except BrokerError:  # beat finds it
        return


# --- starting and finishing -----------------------------------------------------------------------------------------


def start(tenant: Tenant, by: Actor) -> tuple[StartedAuthorisation, PreAuthCode]:
    """A single-use code for the authorisation page, and our note of whom it is for."""
    with explained():
        code = open_platform.component().create_pre_auth_code()
    started = StartedAuthorisation.objects.create(
        digest=sha256_hex(code.value), tenant=tenant, started_by=by.label[:200]
    )
    return started, code


def come_back(tenant: Tenant, started_id: int, auth_code: str, by: Actor) -> ConnectedAccount:
    """Finish after the administrator's return; raises Conflict for a return that was not started in this brand."""
    started = StartedAuthorisation.objects.filter(pk=started_id, tenant=tenant).first()
    if started is None:
        raise Conflict("This authorisation was not started here. Start it again on the accounts page.")
    _keep_code(started, auth_code)
    return finish(started.pk, by)


def finish(started_id: int, by: Actor | None = None) -> ConnectedAccount:
    """Exchange the kept code and connect the account, once; the second caller finds what the first has made."""
    with transaction.atomic():
        started = StartedAuthorisation.objects.select_for_update().get(pk=started_id)
        with tenant_scope(started.tenant_id):
            if started.app_id:
                return _known(started.app_id)
            account = _exchange(unseal(started, "auth_code"), by or Actor.system("WeChat"))
        started.app_id, started.auth_code = account.app_id, None
        started.save(update_fields=["app_id", "auth_code"])
    return account


def _known(app_id: str) -> ConnectedAccount:
    account: ConnectedAccount = ConnectedAccount.objects.exclude(state=_State.DISCONNECTED).get(app_id=app_id)
    return account


def _exchange(auth_code: str, by: Actor) -> ConnectedAccount:
    component = open_platform.component()
    with explained():
        granted = component.query_authorisation(auth_code)
        who = component.fetch_account(granted.app_id)
    account = _connect(who, by)
    AuthorizerTokens(component, account.app_id, DatabaseTokens(account)).accept(granted)
    _grant(account, granted)
    record(by, "authorise", "account", account.code, app_id=account.app_id, permission_sets=sorted(who.permission_sets))
    return account


def _connect(who: AuthorisedAccount, by: Actor) -> ConnectedAccount:
    found = ConnectedAccount.objects.exclude(state=_State.DISCONNECTED).filter(app_id=who.app_id).first()
    account: ConnectedAccount = found or ConnectedAccount(app_id=who.app_id, created_by=by.label[:200])
    account.name, account.kind, account.is_verified = who.name[:80] or who.app_id, who.kind, who.is_verified
    account.original_id = who.original_id[:32]
    account.route, account.state, account.delete_after = _Route.COMPONENT, _State.ACTIVE, None
    if found:
        account.save()
    else:
        connections.enter(account)
    return account


def _grant(account: ConnectedAccount, granted: Granted) -> None:
    Authorisation.objects.update_or_create(
        account=account,
        defaults={
            "permission_sets": sorted(granted.permission_sets), "authorised_at": timezone.now(), "revoked_at": None,
        },
    )  # fmt: skip


def finish_waiting() -> int:
    """Finish the authorisations whose code was kept but not used for a minute; how many. Dead codes are dropped."""
    waiting = StartedAuthorisation.objects.exclude(auth_code=None).filter(app_id="")
    ids = list(waiting.filter(created_at__lt=timezone.now() - timedelta(minutes=1)).values_list("pk", flat=True))
    num_done = 0
    for started_id in ids:
        try:
            finish(started_id)
            num_done += 1
        except FanwiseError as error:
            logger.warning("authorisation_failed", extra={"started": started_id, "code": error.code})
            if getattr(error, "permanent", True):
                StartedAuthorisation.objects.filter(pk=started_id).update(auth_code=None)
    return num_done


def revoke(app_id: str) -> None:
    """The owner has withdrawn the authorisation: stop, drop the tokens, start the deletion clock."""
    address = CallbackAddress.objects.filter(app_id=app_id).first()
    if address is None:
        return
    with tenant_scope(address.tenant_id):
        account = ConnectedAccount.objects.filter(pk=address.account_id, route=_Route.COMPONENT).first()
        if account is None or account.state == _State.REVOKED:
            return
        connections.start_deletion_clock(account)
        account.state = _State.REVOKED
        account.save(update_fields=["state", "delete_after"])
        Authorisation.objects.filter(account=account).update(revoked_at=timezone.now())
        record(Actor.system("WeChat"), "revoke", "account", account.code, app_id=app_id)
