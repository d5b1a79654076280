"""What goes wrong with an account on the platform: said to people, counted for the account's health page.

Writes connectors.AccountProblem.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import F
from django.utils import timezone

from common.errors import FanwiseError
from connectors.models import AccountProblem, ConnectedAccount
from connectors.wechat.errcodes import Reaction
from connectors.wechat.errors import Refused, TransportFailed, WeChatError

_NOTED = {
    Reaction.WAIT_A_DAY,
    Reaction.MEND_SETTINGS,
    Reaction.AUTHORISE_AGAIN,
    Reaction.REPORT_BUG,
    Reaction.RETRY,
}
"""Refusals that say something about the account; the others are about one person or one message."""


class PlatformFailed(FanwiseError):
    """WeChat refused a call or did not answer; the sentence says what to do."""

    code = "platform_failed"

    def __init__(self, why: WeChatError) -> None:
        super().__init__(why.template, **{name: str(value) for name, value in why.context.items()})
        self.code = f"wechat_{why.errcode}" if isinstance(why, Refused) else why.code
        self.permanent = why.permanent
        self.why = why


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the platform inside the block become the site's, so that pages and jobs show their sentence."""
    try:
        yield
    except WeChatError as error:
        raise PlatformFailed(error) from error


def note(account: ConnectedAccount, error: WeChatError, path: str = "") -> None:
    """Count the error among the account's problems, in the current scope, if it is about the account."""
    if isinstance(error, Refused):
        if error.reaction not in _NOTED:
            return
        code, rid = str(error.errcode), error.rid
    elif isinstance(error, TransportFailed):
        code, rid = error.code, ""
    else:
        return
    now = timezone.now()
    latest: dict[str, Any] = {"message": error.template, "context": _plain(error.context), "rid": rid[:80]}
    latest["last_at"] = now
    found, is_new = AccountProblem.objects.get_or_create(
        account=account, code=code, path=path[:120], defaults=latest | {"first_at": now}
    )
    if not is_new:
        AccountProblem.objects.filter(pk=found.pk).update(num_times=F("num_times") + 1, **latest)


def _plain(context: dict[str, Any]) -> dict[str, str]:
    return {name: str(value)[:300] for name, value in context.items()}


def clear(account: ConnectedAccount) -> None:
    """Forget what has gone wrong so far: somebody has looked at it."""
    AccountProblem.objects.filter(account=account).delete()
