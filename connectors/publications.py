"""Publishing drafts: a job hands the draft over and asks until it is out or refused; the push ends it sooner.

Stage: collect. Writes connectors.Publication. A draft is handed over once: a worker that died meanwhile leaves
`submitting`, and the next one says that the outcome is unknown.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import jobs
from accounts.actors import Actor, record
from accounts.jobs import Lease, NotItsTurn
from accounts.locks import Lock, take_turn
from accounts.tenancy import tenant_scope
from common.errors import Conflict, FanwiseError
from connectors import capabilities
from connectors.clients import client_for
from connectors.models import ConnectedAccount, Publication
from connectors.problems import PlatformFailed, explained
from connectors.wechat import publishing
from connectors.wechat.outcomes import RefusedSend, Sent
from connectors.wechat.outcomes import Unknown as UnknownOutcome
from connectors.wechat.publishing import PublishState

TASK = "connectors.tasks.publish_draft"
WAITING_STAGE = gettext_noop("WeChat is checking the articles")
GIVE_UP_AFTER = timedelta(days=2)
_FIRST_SECONDS, _MOST_SECONDS = 2, 120
_State = Publication.State
REASONS: dict[int, str] = {
    PublishState.NOT_ORIGINAL: gettext_noop(
        "WeChat found the articles %(articles)s not original. Correct the draft and publish it again."
    ),
    PublishState.FAILED: gettext_noop("WeChat could not publish it. The draft is still there; try again later."),
    PublishState.REJECTED: gettext_noop(
        "WeChat's review rejected the articles %(articles)s. Correct the draft and publish it again."
    ),
    PublishState.DELETED: gettext_noop("It was published and somebody has deleted it since."),
    PublishState.BANNED: gettext_noop("It was published and WeChat has banned it since."),
}
_MAYBE = gettext_noop(
    "No answer came, so it may have been published. Look among the published articles before you try again."
)
_SILENT = gettext_noop("WeChat has not decided within two days. Look among the published articles.")


def start(account: ConnectedAccount, media_id: str, title: str, by: Actor) -> Publication:
    """Queue the publication of a draft. Raises Conflict while it is under way or the account may not publish."""
    if not capabilities.has(account, "publish"):
        raise Conflict(
            "WeChat lets verified public accounts only publish articles. Verify %(name)s.", name=account.name
        )
    client_for(account)
    take_turn(Lock.SYNC)
    if Publication.objects.filter(account=account, media_id=media_id, state__in=Publication.UNDER_WAY).exists():
        raise Conflict("This draft is being published already. Wait for the outcome.")
    job = jobs.start(TASK, "default")
    made: Publication = Publication.objects.create(
        account=account, job=job, media_id=media_id, title=title[:200], created_by=by.label[:200]
    )
    record(by, "publish_article", "account", account.code, name=made.title)
    return made


def newest(account: ConnectedAccount, num: int = 10) -> list[Publication]:
    """The last publications with their outcome."""
    return list(Publication.objects.filter(account=account).order_by("-created_at", "-pk")[:num])


def work(lease: Lease) -> None:
    """Hand the draft over, or ask how far it is. Raises NotItsTurn while WeChat is checking."""
    with tenant_scope(lease.tenant_id):
        row: Publication = Publication.objects.select_related("account").get(job_id=lease.job.pk)
        if row.is_ended:  # the push was here
            return
        client = client_for(row.account)
        was, row.state = row.state, _State.SUBMITTING if row.state == _State.WAITING else row.state
        row.save(update_fields=["state"])
    if was == _State.SUBMITTING:
        _end(row, _State.UNKNOWN, _MAYBE)
        return
    if was == _State.WAITING:
        _submit(row, client)
    else:
        _ask(row, client)
    if not row.is_ended:
        row.num_asked += 1
        with tenant_scope(lease.tenant_id):
            Publication.objects.filter(pk=row.pk).update(num_asked=row.num_asked)
        raise NotItsTurn(WAITING_STAGE, min(_FIRST_SECONDS * 2 ** (row.num_asked - 1), _MOST_SECONDS))


def _submit(row: Publication, client: Any) -> None:
    match publishing.publish(client, row.media_id):
        case Sent(msg_id=publish_id):
            with tenant_scope(row.account.brand_id):
                row.state, row.publish_id = _State.RUNNING, publish_id
                row.save(update_fields=["state", "publish_id"])
        case RefusedSend(why=why):
            error = PlatformFailed(why)
            _end(row, _State.REFUSED, error.template, error.context)
            raise error
        case UnknownOutcome():
            _end(row, _State.UNKNOWN, _MAYBE)


def _ask(row: Publication, client: Any) -> None:
    if row.created_at < timezone.now() - GIVE_UP_AFTER:
        _end(row, _State.UNKNOWN, _SILENT)
        return
    try:
        with explained():
            found = publishing.read_publication(client, row.publish_id)
    except FanwiseError as error:
        if getattr(error, "permanent", False):
            _end(row, _State.UNKNOWN, error.template, error.context)
            raise
        return  # asked again later
    urls = [url for _index, url in sorted(found.links)]
    settle(row, found.state, found.article_id, urls, found.failed_indexes)


def settle(
    row: Publication, state: int, article_id: str, links: list[str], failed_indexes: tuple[int, ...] = ()
) -> None:
    """Note what WeChat says; RUNNING and numbers nobody has named leave it under way."""
    if state == PublishState.DONE:
        row.article_id, row.links = article_id[:128], links
        _end(row, _State.PUBLISHED)
    elif state in REASONS:
        articles = ", ".join(map(str, failed_indexes)) or "–"
        _end(row, _State.REFUSED, REASONS[state], {"articles": articles})


def _end(row: Publication, state: str, reason: str = "", context: dict[str, Any] | None = None) -> None:
    """Decide it, unless the push or the job has done so meanwhile."""
    row.state, row.reason, row.ended_at = state, reason[:300], timezone.now()
    row.reason_context = {name: str(value)[:300] for name, value in (context or {}).items()}
    fields = ("state", "reason", "reason_context", "ended_at", "article_id", "links")
    with tenant_scope(row.account.brand_id):
        undecided = Publication.objects.filter(pk=row.pk, state__in=Publication.UNDER_WAY)
        undecided.update(**{name: getattr(row, name) for name in fields})
