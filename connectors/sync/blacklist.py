"""The blacklist: who is on it, and who is not any more.

Stage: collect. Reads the platform's list (10,000 openids a call). Writes audience.Identity (audience.following) and
Conversation. A pass that was stopped reads from the beginning again: only a whole list says who is off it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from audience import following
from connectors import conversations
from connectors.models import ConnectedAccount, SyncRun
from connectors.routes import now_of
from connectors.sync.steps import Step
from connectors.wechat import users
from connectors.wechat.client import WeChatClient

READING = _("Reading the blacklist")


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """The whole list, then those who are off it."""
    begun_at, found = timezone.now(), set[str]()
    for page in users.blacklist_pages(client):
        found.update(page.openids)
        write = partial(_note, run.account, page.openids, begun_at)
        yield Step(write, {}, len(found), page.total, READING, {"blocked": len(found)})
    write = partial(_lift, run.account, found, begun_at)
    yield Step(write, {}, len(found), len(found), READING, {"blocked": len(found)})


def _note(account: ConnectedAccount, openids: Sequence[str], at: datetime) -> dict[str, int]:
    return {"newly_blocked": following.note_blocked(account.app_id, openids, at)}


def _lift(account: ConnectedAccount, found: set[str], begun_at: datetime) -> dict[str, int]:
    """Who is not on the list and was known to be before it was read; somebody put on it meanwhile stays."""
    gone = set(following.blocked_before(account.app_id, begun_at)) - found
    refused = conversations.refused_as_blocked(account) - found
    begun_there = now_of(account) - (timezone.now() - begun_at)  # refusals carry the account's own clock
    conversations.forget_blocked(account, gone | refused, begun_there)
    return {"lifted": following.note_unblocked(account.app_id, gone)}
