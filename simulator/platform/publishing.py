"""Publishing drafts without telling followers (fact sheet 5.2)."""

import secrets
from typing import TYPE_CHECKING, Any

from simulator import openids
from simulator.calls import OK, Call, Need, endpoint
from simulator.content_state import Publication, PublishJob
from simulator.errors import Refusal
from simulator.platform.drafts import find_draft, shown_article
from simulator.platform.mass import push_mass_finish
from simulator.platform.materials import page_of
from simulator.publications import addresses, bring_out, find_published, new_msg_data_id, take_back
from simulator.pushing import push_event
from simulator.schedule import task

if TYPE_CHECKING:
    from simulator.world import Account, World

SETS = (7,)
RUNNING, DELETED = 1, 5


@endpoint("POST", "/cgi-bin/freepublish/submit", need=Need.PUBLISH, permission_sets=SETS)
def submit(call: Call) -> dict[str, Any]:
    """Accepts a draft; whether it comes out is told later. 53501 while the same draft is on its way."""
    world, content = call.world, call.account.content
    draft = find_draft(call.account, call.body.get("media_id"))
    if any(job.draft_id == draft.id and job.status == RUNNING for job in content.publish_jobs.values()):
        raise Refusal(53501)
    job = PublishJob(world.next_id() % 10**10 + 100_000_000, draft.id, new_msg_data_id(world), world.now())
    content.publish_jobs[str(job.publish_id)] = job
    world.later(world.settings.job_seconds, "publish", app_id=call.account.app_id, publish_id=job.publish_id)
    return {**OK, "publish_id": shown_id(call.account, job), "msg_data_id": job.msg_data_id}


@endpoint("POST", "/cgi-bin/freepublish/get", need=Need.PUBLISH, permission_sets=SETS)
def get(call: Call) -> dict[str, Any]:
    """How far a job is."""
    job = call.account.content.publish_jobs.get(str(call.body.get("publish_id")))
    if job is None:
        raise Refusal(40035, "publish_id")
    return describe(call.account, job)


@endpoint("POST", "/cgi-bin/freepublish/batchget", need=Need.PUBLISH, permission_sets=SETS)
def list_page(call: Call) -> dict[str, Any]:
    """At most 20 published ones, the newest first."""
    offset, num = page_of(call.body)
    published = [one for one in reversed(call.account.content.publications.values()) if one.article_id]
    items = [
        {
            "article_id": one.article_id,
            "content": {"news_item": shown(call.account, one, bool(call.body.get("no_content")))},
            "update_time": int(one.at),
        }
        for one in published[offset : offset + num]
    ]
    return {"total_count": len(published), "item_count": len(items), "item": items}


@endpoint("POST", "/cgi-bin/freepublish/getarticle", need=Need.PUBLISH, permission_sets=SETS)
def get_article(call: Call) -> dict[str, Any]:
    """Its articles."""
    return {"news_item": shown(call.account, _published(call))}


@endpoint("POST", "/cgi-bin/freepublish/delete", need=Need.PUBLISH, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Takes back one article (`index` from 1) or all (0, the default)."""
    publication = _published(call)
    index = call.body.get("index", 0)
    if not isinstance(index, int) or not take_back(publication, index):
        raise Refusal(40060)
    if all(one["is_deleted"] for one in publication.articles):
        end_publication(call.account, publication, DELETED)
    return OK


@task("publish")
def finish(world: "World", app_id: str, publish_id: int) -> None:
    """Ends a job: the articles are out, or the draft stays and the reason is told."""
    account = world.state.accounts[app_id]
    job = account.content.publish_jobs[str(publish_id)]
    draft = account.content.drafts.get(job.draft_id)
    statuses = account.messaging.next.publish_statuses
    job.status = statuses.pop(0) if statuses else 0 if draft else 3
    if draft and job.status == 0:
        job.article_id = secrets.token_urlsafe(24)
        bring_out(world, account, draft, job.msg_data_id, is_notified=False, article_id=job.article_id)
    elif draft:
        job.fail_idx = [1]
    push_finish(world, account, job)


def push_finish(world: "World", account: "Account", job: PublishJob) -> None:
    """PUBLISHJOBFINISH, MASSSENDJOBFINISH or both, as owners report."""
    operator = openids.openid_of(account.app_id, "operator")
    details = describe(account, job)
    if "article_detail" in details:
        detail = details["article_detail"]
        details["article_detail"] = {"count": detail["count"], "item": detail["item"]}
    if world.settings.publish_events in ("both", "publish"):
        push_event(world, account, operator, "PUBLISHJOBFINISH", PublishEventInfo=details)
    if world.settings.publish_events in ("both", "mass"):
        publication = account.content.publications.get(str(job.msg_data_id))
        push_mass_finish(world, account, job.publish_id, "send success" if publication else "send fail", publication)


def describe(account: "Account", job: PublishJob) -> dict[str, Any]:
    """A job's state as reads and the event tell it."""
    found: dict[str, Any] = {"publish_id": shown_id(account, job), "publish_status": job.status}
    publication = account.content.publications.get(str(job.msg_data_id))
    if publication is not None and job.status == 0:
        items = addresses(publication)
        found |= {"article_id": job.article_id, "article_detail": {"count": len(items), "item": items}}
    return found | {"fail_idx": job.fail_idx}


def shown_id(account: "Account", job: PublishJob) -> str | int:
    """A text in one documentation tree, a number in the other."""
    return str(job.publish_id) if account.kind == "service" else job.publish_id


def shown(account: "Account", publication: Publication, without_content: bool = False) -> list[dict[str, Any]]:
    """The articles as reads answer them."""
    return [shown_article(account, one, one["url"], without_content) for one in publication.articles]


def end_publication(account: "Account", publication: Publication, status: int) -> None:
    """Says on the job what became of its articles: 5 deleted by the user, 6 banned by the system."""
    for job in account.content.publish_jobs.values():
        if job.msg_data_id == publication.msg_data_id:
            job.status = status


def _published(call: Call) -> Publication:
    publication = find_published(call.account, call.body.get("article_id"))
    if publication is None:
        raise Refusal(53600)
    return publication
