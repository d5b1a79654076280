"""Templates of messages and notices: which the account has now, and which are gone.

Stage: collect. Reads the platform's lists of template messages and of subscription notices, each where the account may
have them. Writes connectors.MessageTemplate. Two calls, so there is no cursor.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.tenancy import tenant_scope
from connectors import capabilities
from connectors.models import ConnectedAccount, MessageTemplate, SyncRun
from connectors.sync.steps import Step
from connectors.wechat import subscriptions, templates
from connectors.wechat.client import WeChatClient

READING = _("Reading the templates")
_LONG_TERM = 3
_Kind = MessageTemplate.Kind
Listed = templates.Template | subscriptions.NoticeTemplate


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """Both lists, each in one step."""
    with tenant_scope(run.account.brand_id):
        readable = readable_kinds(run.account)
    for done, kinds in enumerate(readable, start=1):
        found = read(client, kinds)
        yield Step(partial(keep, run.account, kinds, found), {}, done, len(readable), READING)


def readable_kinds(account: ConnectedAccount) -> list[tuple[str, ...]]:
    """The lists that WeChat gives out for the account: template messages, subscription notices."""
    lists: list[tuple[str, tuple[str, ...]]] = [("template", (_Kind.TEMPLATE,)), ("subscription", _NOTICES)]
    return [kinds for capability, kinds in lists if capabilities.has(account, capability)]


_NOTICES: tuple[str, ...] = MessageTemplate.NOTICES


def read(client: WeChatClient, kinds: Sequence[str]) -> Sequence[Listed]:
    """The account's templates of these kinds, as the platform lists them."""
    return templates.read_templates(client) if _Kind.TEMPLATE in kinds else subscriptions.read_templates(client)


def keep(account: ConnectedAccount, kinds: Sequence[str], found: Sequence[Listed]) -> dict[str, int]:
    """Write the listed ones; those of these kinds that are listed no more are gone from now on."""
    now, num_new = timezone.now(), 0
    for one in found:
        facts: dict[str, Any] = {"title": one.title[:100], "content": one.content, "example": one.example}
        facts |= {"kind": _kind_of(one), "seen_at": now, "gone_at": None}
        _row, is_new = MessageTemplate.objects.update_or_create(
            account=account, template_id=one.template_id[:80], defaults=facts,
            create_defaults=facts | {"first_seen_at": now},
        )  # fmt: skip
        num_new += is_new
    lost = MessageTemplate.objects.filter(account=account, kind__in=kinds, gone_at=None)
    num_gone = lost.exclude(template_id__in=[one.template_id for one in found]).update(gone_at=now)
    return {"templates": len(found), "new_templates": num_new, "templates_gone": num_gone}


def _kind_of(one: Listed) -> str:
    if isinstance(one, templates.Template):
        return _Kind.TEMPLATE
    return _Kind.LONG if one.type == _LONG_TERM else _Kind.ONCE
