"""Mass sends: drafted, pressed once, handed to WeChat batch after batch by a job. Stage: collect.

Reads audience.Identity and Consent for whom; writes MassSend and MassBatch. A batch is claimed (committed) before its
call and called once: when no answer came it is listed as unknown, and only a person lets it be repeated, with the same
id, within the day in which WeChat recognises it. When the day's calls are used up the send is parked until the next.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import jobs
from accounts.actors import Actor, record
from accounts.jobs import Lease, NotItsTurn
from accounts.models import Job
from accounts.tenancy import tenant_scope
from common.errors import Conflict, FanwiseError
from connectors import mass_audience
from connectors.clients import AccountClient, client_for
from connectors.models import ConnectedAccount, MassBatch, MassSend
from connectors.problems import PlatformFailed, explained
from connectors.wechat import mass
from connectors.wechat.clock import next_beijing_midnight
from connectors.wechat.errcodes import Reaction
from connectors.wechat.errors import OverQuota, Refused
from connectors.wechat.outcomes import Outcome, RefusedSend, Sent
from connectors.wechat.outcomes import Unknown as UnknownOutcome

TASK = "connectors.tasks.send_mass"
REPEATABLE = timedelta(hours=23)
"""How long after the first call WeChat surely recognises our id (24 h, less a margin for clocks)."""
KEEP_OPENIDS = timedelta(days=40)
MAX_TRIES, RETRY_SECONDS = 5, 61
RETRY_STAGE = gettext_noop("WeChat asked to try again in a minute")
_State, _Batch = MassSend.State, MassBatch.State
_MAYBE = gettext_noop("No answer came, so it may have been sent. Look in WeChat's console before you try again.")
_REPEATED = gettext_noop("A day has passed, so WeChat would not recognise a repetition. Look in WeChat's console.")


def create(account: ConnectedAccount, content: dict[str, Any], audience: dict[str, Any], by: Actor) -> MassSend:
    """Keep a draft of a mass send; nothing is sent. Raises PlatformFailed for content that WeChat would refuse."""
    made = MassSend(account=account, **content, **audience, created_by=by.label[:200])
    with explained():
        payload_of(made).content()
    mass_audience.check(made)
    made.save()
    record(by, "draft_mass_send", "account", account.code, name=made.title)
    return made


def payload_of(send: MassSend) -> mass.Payload:
    """What is sent, as the platform wants it."""
    match send.kind:
        case MassSend.Kind.TEXT:
            return mass.TextPayload(send.text)
        case MassSend.Kind.IMAGE:
            return mass.PicturesPayload((send.media_id,))
        case _:
            return mass.DraftPayload(send.media_id)


def discard(send: MassSend, by: Actor) -> None:
    """Throw a draft away. Raises Conflict once it was pressed."""
    if not MassSend.objects.filter(pk=send.pk, state=_State.DRAFT).delete()[0]:
        raise Conflict("This mass send was pressed already, so it cannot be discarded.")
    record(by, "discard_mass_send", "account", send.account.code, name=send.title)


def preview(send: MassSend, person: str, by: Actor) -> None:
    """Show it to one person, by openid or WeChat id. Raises PlatformFailed. Call outside transactions."""
    is_openid = len(person) == 28 and person.startswith("o")
    with tenant_scope(send.account.brand_id):
        client = client_for(send.account)
    outcome = mass.preview(client, payload_of(send), **{"openid" if is_openid else "wechat_name": person})
    if not isinstance(outcome, Sent):
        raise PlatformFailed(outcome.why)
    with tenant_scope(send.account.brand_id):
        record(by, "preview_mass_send", "account", send.account.code, name=send.title)


def press(send: MassSend, by: Actor) -> None:
    """Send it: whom it goes to is settled now. Raises Conflict if somebody has pressed it or it cannot be sent."""
    client_for(send.account)
    pressed = {"state": _State.QUEUED, "pressed_by": by.label[:200], "pressed_at": timezone.now()}
    if not MassSend.objects.filter(pk=send.pk, state=_State.DRAFT).update(**pressed):
        raise Conflict("Somebody has sent this already. It is not sent twice.")
    batches = [
        MassBatch(send=send, number=number, openids=openids, num_people=num)
        for number, (openids, num) in enumerate(mass_audience.batches(send), start=1)
    ]
    MassBatch.objects.bulk_create(batches)
    num_people = sum(batch.num_people for batch in batches)
    MassSend.objects.filter(pk=send.pk).update(job=jobs.start(TASK, "default"), num_people=num_people)
    record(by, "send_mass", "account", send.account.code, name=send.title, num=num_people)


def retry(send: MassSend, by: Actor, *, is_with_unknown: bool = False) -> None:
    """Go on with what was not sent; also with what perhaps was, if asked to and WeChat still recognises it.

    Raises Conflict while it is under way or when nothing is left to send.
    """
    held = MassSend.objects.select_for_update().get(pk=send.pk)
    if held.job is None or held.job.state in (Job.State.QUEUED, Job.State.RUNNING) or held.state == _State.PARKED:
        raise Conflict("This mass send is a draft, under way or waits for its day. Wait for the outcome.")
    rows = MassBatch.objects.filter(send=held)
    rows.filter(state=_Batch.SENDING).update(state=_Batch.UNKNOWN, reason=_MAYBE)
    fresh: dict[str, Any] = {"state": _Batch.PENDING, "num_tried": 0, "reason": "", "reason_context": {}}
    rows.filter(state=_Batch.REFUSED).update(**fresh)
    if is_with_unknown:
        rows.filter(state=_Batch.UNKNOWN, called_at__gt=timezone.now() - REPEATABLE).update(**fresh)
    if not rows.filter(state=_Batch.PENDING).exists():
        raise Conflict("Nothing is left that can be sent again. Write a new mass send.")
    _update(held, state=_State.QUEUED, job=jobs.start(TASK, "default"), reason="", reason_context={})
    record(by, "retry_mass_send", "account", send.account.code, name=send.title)


def take_back(send: MassSend, by: Actor) -> None:
    """Delete what was sent; who has opened it keeps it. Raises Conflict or PlatformFailed. Outside transactions."""
    with tenant_scope(send.account.brand_id):
        client = client_for(send.account)
        batch = MassBatch.objects.filter(send=send, state=_Batch.SENT).exclude(msg_id="").first()
    if batch is None or send.kind != MassSend.Kind.DRAFT:
        raise Conflict("WeChat deletes articles only, and only after they were sent.")
    with explained():
        mass.delete(client, batch.msg_id)
    with tenant_scope(send.account.brand_id):
        _update(send, taken_back_at=timezone.now())
        record(by, "take_back_mass_send", "account", send.account.code, name=send.title)


# --- the job --------------------------------------------------------------------------------------------------------


def work(lease: Lease) -> None:
    """Hand over the batches that wait. Raises NotItsTurn when WeChat asks for a minute, PlatformFailed when it refuses.

    Nothing is handed over after a refusal; a batch that a lost worker had in hand is listed as unknown.
    """
    with tenant_scope(lease.tenant_id):
        send: MassSend = MassSend.objects.select_related("account").get(job_id=lease.job.pk)
        rows = MassBatch.objects.filter(send=send)
        rows.filter(state=_Batch.SENDING).update(state=_Batch.UNKNOWN, reason=_MAYBE)
        waiting = list(rows.filter(state=_Batch.PENDING).order_by("number").values_list("pk", flat=True))
        num_done, num = rows.exclude(state=_Batch.PENDING).count(), rows.count()
        _update(send, state=_State.SENDING)
    try:
        for done, pk in enumerate(waiting, start=num_done):
            lease.progress(done, num)
            if not _hand_over(lease, send, pk):
                return
    except FanwiseError as error:
        with tenant_scope(lease.tenant_id):
            _update(send, state=_State.FAILED, **_reason(error))
        raise
    with lease.publish():
        is_refused = rows.filter(state=_Batch.REFUSED).exists()
        _update(send, state=_State.FAILED if is_refused else _State.DONE)


def _hand_over(lease: Lease, send: MassSend, pk: int) -> bool:
    """Claim one batch, call, and write down the outcome; False when the send was parked."""
    with tenant_scope(lease.tenant_id):
        client = client_for(send.account)
        batch = _claim(pk)
    if batch is None:
        return True
    outcome = _call(client, send, batch)
    match outcome:
        case Sent(msg_id=msg_id):
            _decide(lease, batch, _Batch.SENT, msg_id=msg_id[:64], reason="", reason_context={})
        case UnknownOutcome():
            _decide(lease, batch, _Batch.UNKNOWN, reason=_MAYBE)
        case RefusedSend():
            return _refused(lease, send, batch, outcome)
    return True


def _claim(pk: int) -> MassBatch | None:
    """The batch, if it waits still; one that may be out already only while WeChat recognises its id."""
    now = timezone.now()
    batch = MassBatch.objects.select_for_update().get(pk=pk)
    if batch.state != _Batch.PENDING:
        return None
    if batch.called_at is not None and batch.called_at < now - REPEATABLE:
        MassBatch.objects.filter(pk=pk).update(state=_Batch.UNKNOWN, reason=_REPEATED)
        return None
    MassBatch.objects.filter(pk=pk).update(
        state=_Batch.SENDING, called_at=batch.called_at or now, num_tried=batch.num_tried + 1
    )
    return batch  # as it was: `called_at` says whether an earlier call may have arrived


def _call(client: AccountClient, send: MassSend, batch: MassBatch) -> Outcome:
    payload = payload_of(send)
    match send.audience:
        case MassSend.Audience.ALL:
            return mass.send_to_all(client, payload, batch.client_msg_id)
        case MassSend.Audience.PLATFORM_TAG:
            return mass.send_to_tag(client, int(send.tag_id or 0), payload, batch.client_msg_id)
        case _:
            return mass.send_to_list(client, tuple(batch.openids), payload, batch.client_msg_id)


def _refused(lease: Lease, send: MassSend, batch: MassBatch, outcome: RefusedSend) -> bool:
    """Park, wait a minute or stop. A call that was refused takes nothing back of an earlier one without an answer."""
    error = PlatformFailed(outcome.why)
    if isinstance(outcome.why, OverQuota):
        _decide(lease, batch, _Batch.PENDING)
        with lease.publish():
            _update(send, state=_State.PARKED, resume_after=next_beijing_midnight(timezone.now()))
        return False
    if _is_passing(outcome) and batch.num_tried + 1 < MAX_TRIES:
        _decide(lease, batch, _Batch.PENDING)
        raise NotItsTurn(RETRY_STAGE, RETRY_SECONDS)
    maybe_sent = batch.called_at is not None
    _decide(lease, batch, _Batch.UNKNOWN if maybe_sent else _Batch.REFUSED, **_reason(error))
    raise error


def _is_passing(outcome: RefusedSend) -> bool:
    """Whether the same call may succeed in a minute."""
    if isinstance(outcome.why, Refused):
        return outcome.why.reaction in (Reaction.WAIT_A_MINUTE, Reaction.RETRY)
    return not outcome.permanent


def _decide(lease: Lease, batch: MassBatch, state: str, **fields: Any) -> None:
    """Write the outcome; an answer also replaces the `unknown` that another worker noted meanwhile."""
    if state in (_Batch.PENDING, _Batch.REFUSED):
        fields["called_at"] = batch.called_at
    with tenant_scope(lease.tenant_id):
        open_ones = MassBatch.objects.filter(pk=batch.pk, state__in=[_Batch.SENDING, _Batch.UNKNOWN])
        open_ones.update(state=state, **fields)


def _reason(error: FanwiseError) -> dict[str, Any]:
    context = {name: str(value)[:300] for name, value in error.context.items()}
    return {"reason": error.template[:300], "reason_context": context}


def _update(send: MassSend, **fields: Any) -> None:
    MassSend.objects.filter(pk=send.pk).update(**fields)


# --- what beat calls ------------------------------------------------------------------------------------------------


def keep_up(tenant_id: int, now: datetime) -> int:
    """Let the brand's parked sends whose day has come go on. How many were queued."""
    with tenant_scope(tenant_id):
        due = MassSend.objects.select_for_update().filter(state=_State.PARKED, resume_after__lte=now)
        parked = [one for one in due.select_related("account") if one.account.is_active]
        for send in parked:
            _update(send, state=_State.QUEUED, job=jobs.start(TASK, "default"), resume_after=None)
        return len(parked)


def forget_old(tenant_id: int, now: datetime) -> int:
    """Empty the lists of openids that no limit counts any more."""
    with tenant_scope(tenant_id):
        old = MassBatch.objects.filter(called_at__lt=now - KEEP_OPENIDS).exclude(openids=[])
        return int(old.exclude(state__in=[_Batch.PENDING, _Batch.SENDING]).update(openids=[]))
