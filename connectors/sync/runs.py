"""Passes over the platform's lists: start, do, park when the day's calls are used up, go on, cancel.

Stage: collect. Writes connectors.SyncRun. A pass that stops anywhere (worker killed, quota, cancel) goes on from its
cursor; each step is written together with the cursor after it.
"""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts import jobs
from accounts.actors import Actor, record
from accounts.jobs import Lease
from accounts.locks import Lock, take_turn
from accounts.models import Job
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors.clients import client_for
from connectors.models import ConnectedAccount, SyncRun
from connectors.problems import PlatformFailed, explained
from connectors.sync import articles, blacklist, followers, statistics, tags, templates
from connectors.sync.steps import Pass, Step
from connectors.wechat.clock import next_beijing_midnight
from connectors.wechat.errors import OverQuota

TASK = "connectors.tasks.run_sync"
EVERY = timedelta(days=1)
PASSES: dict[str, Pass] = {
    SyncRun.Kind.FOLLOWERS: followers.steps,
    SyncRun.Kind.TAGS: tags.steps,
    SyncRun.Kind.ARTICLES: articles.steps,
    SyncRun.Kind.STATISTICS: statistics.steps,
    SyncRun.Kind.TEMPLATES: templates.steps,
    SyncRun.Kind.BLACKLIST: blacklist.steps,
}
_UNDER_WAY = (Job.State.QUEUED, Job.State.RUNNING)
_Kind = ConnectedAccount.Kind
_SYSTEM = Actor.system("Sync")


def kinds_of(account: ConnectedAccount) -> list[str]:
    """What can be fetched for this kind of account: mini programs have no followers; unverified accounts nothing."""
    can_sync = account.kind != _Kind.MINIPROGRAM and account.is_verified
    with_templates = bool(templates.readable_kinds(account))
    return [str(kind) for kind in PASSES if (with_templates if kind == SyncRun.Kind.TEMPLATES else can_sync)]


def start(account: ConnectedAccount, kind: str, by: Actor) -> SyncRun:
    """Queue a pass; raises Conflict while one of this kind is under way or the account cannot be read."""
    if kind not in kinds_of(account):
        raise Conflict(
            "%(name)s has no such list: WeChat gives it to verified accounts of other kinds.", name=account.name
        )
    client_for(account)
    take_turn(Lock.SYNC)
    if SyncRun.objects.filter(account=account, kind=kind, job__state__in=_UNDER_WAY).exists():
        raise Conflict("This is being fetched already. Wait for its end, or cancel it.")
    run = SyncRun.objects.create(account=account, kind=kind, job=jobs.start(TASK, "default"), started_by=by.label[:200])
    record(by, "sync", "account", account.code, kind=kind)
    return run


def newest(account: ConnectedAccount) -> dict[str, SyncRun]:
    """The last pass of each kind."""
    found = SyncRun.objects.filter(account=account).select_related("job", "account").order_by("kind", "-created_at")
    return {run.kind: run for run in found.distinct("kind")}


def resume(run: SyncRun) -> None:
    """Let a parked, failed or cancelled pass go on from where it stood."""
    take_turn(Lock.SYNC)
    if SyncRun.objects.filter(account=run.account, kind=run.kind, job__state__in=_UNDER_WAY).exists():
        raise Conflict("This is being fetched already. Wait for its end, or cancel it.")
    run.job, run.resume_after = jobs.start(TASK, "default"), None
    run.save(update_fields=["job", "resume_after"])


def work(lease: Lease) -> None:
    """Do the steps of a job's pass. Raises what `jobs.run` turns into the job's end."""
    with tenant_scope(lease.tenant_id):
        run: SyncRun = SyncRun.objects.select_related("account").get(job_id=lease.job.pk)
    try:
        with explained():
            for step in PASSES[run.kind](run, client_for(run.account)):
                _write(lease, run, step)
                lease.progress(step.done, step.total, step.stage)
    except PlatformFailed as error:
        if not isinstance(error.why, OverQuota):
            raise
        _park(lease, run)
        return
    with lease.publish():
        run.completed_at = timezone.now()
        run.save(update_fields=["completed_at"])


def _write(lease: Lease, run: SyncRun, step: Step) -> None:
    with tenant_scope(lease.tenant_id):
        for name, number in step.write().items():
            run.counts[name] = run.counts.get(name, 0) + number
        run.counts |= step.totals
        run.cursor = step.cursor
        run.save(update_fields=["cursor", "counts"])


def _park(lease: Lease, run: SyncRun) -> None:
    """The day's calls are used up: go on by itself after Beijing midnight, when the quota begins anew."""
    with lease.publish():
        run.resume_after = next_beijing_midnight(timezone.now())
        run.save(update_fields=["resume_after"])


def keep_up(tenant_id: int) -> int:
    """Resume the brand's parked passes whose day has come, and start the daily ones. How many were queued."""
    with tenant_scope(tenant_id):
        active = ConnectedAccount.objects.filter(state=ConnectedAccount.State.ACTIVE)
        return sum(_keep_up(account) for account in active)


def _keep_up(account: ConnectedAccount) -> int:
    now, last = timezone.now(), newest(account)
    parked = [run for run in last.values() if run.resume_after and run.resume_after <= now]
    for run in parked:
        resume(run)
    recent = SyncRun.objects.filter(Q(created_at__gt=now - EVERY) | Q(job__state__in=_UNDER_WAY), account=account)
    busy = set(recent.values_list("kind", flat=True)) | {run.kind for run in last.values() if run.resume_after}
    due = [kind for kind in kinds_of(account) if kind not in busy]
    for kind in due:
        start(account, kind, _SYSTEM)
    return len(parked) + len(due)
