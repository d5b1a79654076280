"""Mass send (群发), fact sheet 4.4: accepting, limits, and the end of a job."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from simulator import mass_audience, openids
from simulator.calls import OK, Call, Need, endpoint
from simulator.clock import beijing_date
from simulator.content_state import Publication
from simulator.delivered import CROWD, deliver, judged
from simulator.errors import Refusal
from simulator.messaging_state import MassJob
from simulator.platform.customer_messages import check_text, find_typed_media
from simulator.platform.drafts import find_draft
from simulator.publications import bring_out, new_msg_data_id
from simulator.pushing import push_event
from simulator.schedule import task

if TYPE_CHECKING:
    from simulator.world import Account, World

SETS = (7,)
SPEEDS = (800_000, 600_000, 450_000, 300_000, 100_000)  # messages a minute
DAY_SECONDS, MINUTE_SECONDS, ADMIN_SECONDS = 86_400, 60, 1800
MAX_OPENIDS, MAX_CLIENT_ID_BYTES = 10_000, 64
MAX_TO_ALL_PER_MONTH = 4
ADMIN_REFUSED, ADMIN_SILENT, IS_REPRINT = 40001, 40002, 30003


@endpoint(
    "POST", "/cgi-bin/message/mass/sendall", need=Need.FANS, daily=100, test_daily=100, minute=60, permission_sets=SETS
)
def send_to_filter(call: Call) -> dict[str, Any]:
    """To all followers or those with a tag."""
    chosen = call.body.get("filter")
    if not isinstance(chosen, dict):
        raise Refusal(40035, "filter")
    if chosen.get("is_to_all"):
        return _accept(call, {"all": True})
    tag_id = chosen.get("tag_id")
    if not isinstance(tag_id, int) or str(tag_id) not in call.account.tags:
        raise Refusal(45159)
    return _accept(call, {"tag_id": tag_id})


@endpoint(
    "POST", "/cgi-bin/message/mass/send", need=Need.SERVICE, daily=100, test_daily=100, minute=60, permission_sets=SETS
)
def send_to_openids(call: Call) -> dict[str, Any]:
    """To 2 to 10,000 named followers; service accounts only."""
    named = call.body.get("touser")
    if not isinstance(named, list) or len(named) < 2:
        raise Refusal(40130)
    if len(named) > MAX_OPENIDS:
        raise Refusal(40032)
    unknown = [one for one in named if not isinstance(one, str) or call.account.find_user(one) is None]
    if unknown:
        raise Refusal(40003)
    return _accept(call, {"openids": list(dict.fromkeys(named))})


@endpoint("POST", "/cgi-bin/message/mass/preview", need=Need.FANS, daily=100, test_daily=100, permission_sets=SETS)
def preview(call: Call) -> dict[str, Any]:
    """To one user by openid or WeChat name, at once; counts for nothing."""
    account, body = call.account, call.body
    openid = body.get("touser") or openids.openid_of(account.app_id, str(body.get("towxname", "")))
    with judged(call.world, account, openid, "preview"):
        user = account.keep_user(openid) if isinstance(openid, str) else None
        if user is None:
            raise Refusal(40003 if body.get("touser") else 40132)
        if not user.is_following:
            raise Refusal(43004)
        payload = check_payload(call.world, account, body, is_preview=True)
    msg_id = call.world.next_id()
    deliver(call.world, account, openid, "preview", str(body["msgtype"]), payload, msg_id)
    return {**OK, "errmsg": "preview success", "msg_id": msg_id}


@endpoint("POST", "/cgi-bin/message/mass/get", need=Need.FANS, permission_sets=SETS)
def get(call: Call) -> dict[str, Any]:
    """How far a job is."""
    job = _find_job(call)
    return {"msg_id": job.msg_id, "msg_status": job.status}


@endpoint("POST", "/cgi-bin/message/mass/delete", need=Need.FANS, daily=10, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Takes back sent articles or a video; who opened them keeps them."""
    job = _find_job(call)
    if job.type not in ("mpnews", "mpvideo") or job.status != "SEND_SUCCESS":
        raise Refusal(48008)
    index = call.body.get("article_idx", 0)
    publication = call.account.content.publications.get(str(job.msg_data_id))
    num_articles = len(publication.articles) if publication else 0
    if not isinstance(index, int) or not 0 <= index <= num_articles:
        raise Refusal(40060)
    for number, article in enumerate(publication.articles if publication else [], start=1):
        article["is_deleted"] = article["is_deleted"] or index in (0, number)
    if index == 0 or (publication and all(one["is_deleted"] for one in publication.articles)):
        job.status = "DELETE"
    return OK


@endpoint("POST", "/cgi-bin/message/mass/speed/get", need=Need.FANS, permission_sets=SETS)
def get_speed(call: Call) -> dict[str, Any]:
    """The step and what it means, in ten thousands a minute."""
    speed = call.account.messaging.mass_speed
    return {"speed": speed, "realspeed": SPEEDS[speed] // 10_000}


@endpoint("POST", "/cgi-bin/message/mass/speed/set", need=Need.FANS, permission_sets=SETS)
def set_speed(call: Call) -> dict[str, Any]:
    """0 (fastest) to 4."""
    speed = call.body.get("speed")
    if not isinstance(speed, int) or not 0 <= speed < len(SPEEDS):
        raise Refusal(45083)
    call.account.messaging.mass_speed = speed
    return OK


def check_payload(
    world: "World", account: "Account", body: dict[str, Any], *, is_preview: bool = False
) -> dict[str, Any]:
    """The payload of a mass message of any type; nothing is changed by looking."""
    msg_type = body.get("msgtype")
    names = {"image": ("image",) if is_preview else ("images", "image")}
    found = next(
        (body[name] for name in names.get(str(msg_type), (str(msg_type),)) if isinstance(body.get(name), dict)), None
    )
    if msg_type not in ("mpnews", "text", "voice", "image", "mpvideo", "wxcard"):
        raise Refusal(40008)
    if found is None:
        raise Refusal(44002)
    match msg_type:
        case "mpnews":
            draft = find_draft(account, found.get("media_id"))
            return {"media_id": draft.id, "titles": [one["title"] for one in draft.articles]}
        case "text":
            check_text(world, account, found)
        case "image":
            for media_id in found.get("media_ids") or [found.get("media_id")]:
                find_typed_media(world, account, media_id, "image")
        case "wxcard":
            if not found.get("card_id"):
                raise Refusal(40035, "card_id")
        case _:
            find_typed_media(world, account, found.get("media_id"), str(msg_type))
    return dict(found)


def _accept(call: Call, audience: dict[str, Any]) -> dict[str, Any]:
    world, account, body = call.world, call.account, call.body
    with judged(world, account, "", "mass"):
        payload = check_payload(world, account, body)
        client_id = _check_client_id(call, audience)
        _check_quota(world, account, audience)
    job = MassJob(world.next_id(), str(body["msgtype"]), payload, audience, world.now())
    job.ignores_reprint = bool(body.get("send_ignore_reprint"))
    job.msg_data_id = new_msg_data_id(world) if job.type == "mpnews" else 0
    account.messaging.jobs[str(job.msg_id)] = job
    account.messaging.mass_client_ids[client_id] = [world.now(), job.msg_id]
    job.is_waiting_for_admin = account.messaging.needs_admin_confirm
    wait = ADMIN_SECONDS if job.is_waiting_for_admin else seconds_of(world, account, job)
    world.later(wait, "mass", app_id=account.app_id, msg_id=job.msg_id)
    answer = {**OK, "errmsg": "send job submission success", "msg_id": job.msg_id}
    return answer | ({"msg_data_id": job.msg_data_id} if job.msg_data_id else {})


def _check_client_id(call: Call, audience: dict[str, Any]) -> str:
    """The clientmsgid, or a digest of range and content; refuses a repetition within 24 h."""
    given, messaging = call.body.get("clientmsgid"), call.account.messaging
    if given and len(str(given).encode()) > MAX_CLIENT_ID_BYTES:
        raise Refusal(45067)
    content = {name: value for name, value in call.body.items() if name not in ("clientmsgid", "send_ignore_reprint")}
    text = json.dumps([content, audience], sort_keys=True)
    client_id = str(given or f"digest {hashlib.sha256(text.encode()).hexdigest()}")
    fresh = {key: one for key, one in messaging.mass_client_ids.items() if call.now - one[0] < DAY_SECONDS}
    messaging.mass_client_ids = fresh
    if client_id in fresh:
        sent_at, msg_id = fresh[client_id]
        if call.now - sent_at < MINUTE_SECONDS:
            raise Refusal(45066)
        raise Refusal(45065, msg_id=int(msg_id))
    return client_id


def _check_quota(world: "World", account: "Account", audience: dict[str, Any]) -> None:
    """Test accounts never; subscription once a day; service to all four times a month. Failed jobs do not count."""
    if account.is_test:
        raise Refusal(45028)
    today = beijing_date(world.now())
    counted = [job for job in account.messaging.jobs.values() if job.status != "SEND_FAIL"]
    if account.kind == "subscription":
        if any(beijing_date(job.submitted_at) == today for job in counted):
            raise Refusal(45028)
    elif audience.get("all"):
        to_all = [job for job in counted if job.audience.get("all")]
        this_month = [job for job in to_all if beijing_date(job.submitted_at).isoformat()[:7] == world.month()]
        if len(this_month) >= MAX_TO_ALL_PER_MONTH:
            raise Refusal(45028)


def _find_job(call: Call) -> MassJob:
    job = call.account.messaging.jobs.get(str(call.body.get("msg_id")))
    if job is None:
        raise Refusal(40035, "msg_id")
    return job


def seconds_of(world: "World", account: "Account", job: MassJob) -> float:
    """How long the job takes at the account's speed."""
    num = len(job.audience.get("openids", ())) or account.num_following
    return world.settings.job_seconds + num / SPEEDS[account.messaging.mass_speed] * MINUTE_SECONDS


# --- the end of a job -----------------------------------------------------------------------------------------------


@task("mass")
def finish(world: "World", app_id: str, msg_id: int) -> None:
    """Sends what was accepted, or fails with the reason; one event tells the numbers."""
    account = world.state.accounts[app_id]
    job = account.messaging.jobs[str(msg_id)]
    if job.status != "SENDING":
        return
    errors = account.messaging.next.mass_errors
    is_reprint = job.type == "mpnews" and account.messaging.next.num_reprints > 0
    account.messaging.next.num_reprints -= is_reprint
    if job.is_waiting_for_admin:
        job.error = ADMIN_SILENT
    elif errors:
        job.error = errors.pop(0)
    elif is_reprint and not job.ignores_reprint:
        job.error = IS_REPRINT
    if job.error:
        _fail(world, account, job, check_state=3 if is_reprint else 1)
    else:
        _send(world, account, job, check_state=2 if is_reprint else 1)


def confirm(world: "World", account: "Account", job: MassJob, *, accepts: bool) -> None:
    """The administrator answers the question on the phone."""
    if not job.is_waiting_for_admin:
        return
    job.is_waiting_for_admin = False
    if accepts:
        world.later(seconds_of(world, account, job), "mass", app_id=account.app_id, msg_id=job.msg_id)
    else:
        job.error = ADMIN_REFUSED
        _fail(world, account, job, check_state=1)


def _fail(world: "World", account: "Account", job: MassJob, check_state: int) -> None:
    job.status = "SEND_FAIL"
    world.log("refused", account.app_id, "", via="mass", errcode=job.error, errmsg=f"err({job.error})")
    push_mass_finish(world, account, job.msg_id, f"err({job.error})", None, check_state=check_state)


def _send(world: "World", account: "Account", job: MassJob, check_state: int) -> None:
    publication = None
    if job.type == "mpnews":
        draft = account.content.drafts.get(job.payload["media_id"])
        if draft is None:
            job.status = "SEND_FAIL"
            push_mass_finish(world, account, job.msg_id, "send fail", None)
            return
        publication = bring_out(world, account, draft, job.msg_data_id, is_notified=True)
    reached = mass_audience.reach(world, account, job)
    job.status, job.num_total, job.num_filtered = "SEND_SUCCESS", reached.num_total, reached.num_filtered
    job.num_sent, job.num_failed = len(reached.users) + reached.num_unstored, reached.num_failed
    payload = job.payload | ({"msg_data_id": job.msg_data_id} if publication else {})
    for user in reached.users:
        deliver(world, account, user.openid, "mass", job.type, payload, job.msg_id)
    if reached.num_unstored:
        deliver(world, account, CROWD, "mass", job.type, payload, job.msg_id, num=reached.num_unstored)
    if publication is not None:
        publication.num_delivered = job.num_sent
    numbers = (job.num_total, job.num_total - job.num_filtered, job.num_sent, job.num_failed)
    push_mass_finish(world, account, job.msg_id, "send success", publication, numbers, check_state)


def push_mass_finish(
    world: "World",
    account: "Account",
    msg_id: int,
    status: str,
    publication: Publication | None,
    numbers: tuple[int, int, int, int] = (0, 0, 0, 0),
    check_state: int = 1,
) -> None:
    """MASSSENDJOBFINISH, from an operator. `numbers`: total, after filtering, sent, failed."""
    total, filtered, sent, failed = numbers
    urls = [
        {"ArticleIdx": number, "ArticleUrl": one["url"]}
        for number, one in enumerate(publication.articles if publication else [], start=1)
    ]
    checked = [_check_result(number, check_state) for number in range(1, len(urls) + 1)] if check_state > 1 else []
    push_event(
        world, account, openids.openid_of(account.app_id, "operator"), "MASSSENDJOBFINISH",
        MsgID=msg_id, Status=status, TotalCount=total, FilterCount=filtered, SentCount=sent, ErrorCount=failed,
        CopyrightCheckResult={"Count": len(checked), "ResultList": _listed(checked), "CheckState": check_state},
        ArticleUrlResult={"Count": len(urls), "ResultList": _listed(urls)},
    )  # fmt: skip


def _check_result(index: int, state: int) -> dict[str, Any]:
    return {
        "ArticleIdx": index,
        "UserDeclareState": 0,
        "AuditState": state,
        "OriginalArticleUrl": "",
        "OriginalArticleType": 1,
        "CanReprint": int(state == 2),
        "NeedReplaceContent": int(state == 2),
        "NeedShowReprintSource": int(state == 2),
    }


def _listed(items: list[dict[str, Any]]) -> Any:
    return {"item": items} if items else ""
