"""Template messages of verified service accounts, and the old one-time subscription (fact sheet 4.2, 4.3)."""

import secrets
from typing import TYPE_CHECKING, Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.delivered import deliver, judged, recipient
from simulator.errors import Refusal
from simulator.messaging_state import Template
from simulator.pushing import push_event
from simulator.schedule import task
from simulator.template_library import INDUSTRIES, LIBRARY, Keyword
from simulator.template_values import check_data, render

if TYPE_CHECKING:
    from simulator.world import Account, World

SETS = (7, 18)
MAX_TEMPLATES = 25
CLIENT_ID_SECONDS = 600
MAX_TITLE, MAX_CONTENT = 15, 200


@endpoint("POST", "/cgi-bin/message/template/send", need=Need.SERVICE, daily=100_000, permission_sets=SETS)
def send(call: Call) -> dict[str, Any]:
    """Accepts a message; how it ended comes as TEMPLATESENDJOBFINISH."""
    world, account, body = call.world, call.account, call.body
    openid = body.get("touser")
    with judged(world, account, openid, "template"):
        template = find_template(account, body.get("template_id"), "template")
        values = check_data(template, body.get("data"))
        check_jump(account, body.get("miniprogram"))
        _check_recipient(account, openid, template)
    client_id = f"{openid} {body['client_msg_id']}" if body.get("client_msg_id") else ""
    if earlier := _sent_before(account, client_id, call.now):
        return {**OK, "msgid": earlier}
    msg_id = world.next_id()
    if client_id:
        account.messaging.sent_client_ids[client_id] = [call.now, msg_id]
    content = {"template_id": template.id, "title": template.title, "text": render(template, values)}
    content |= {"jump": body.get("miniprogram") or body.get("url") or ""}
    wait = world.settings.job_seconds
    world.later(wait, "template", app_id=account.app_id, openid=openid, msg_id=msg_id, content=content)
    return {**OK, "msgid": msg_id}


@task("template")
def finish(world: "World", app_id: str, openid: str, msg_id: int, content: dict[str, Any]) -> None:
    """On the phone, or not because the user blocks or left; the event says which."""
    account = world.state.accounts[app_id]
    user = account.keep_user(openid)
    statuses = account.messaging.next.template_statuses
    if user is None or not user.is_following or user.refuses_messages:
        status = "failed:user block"
    else:
        status = statuses.pop(0) if statuses else "success"
    if status == "success":
        deliver(world, account, openid, "template", "template", content, msg_id)
    else:
        world.log("refused", app_id, openid, via="template", errcode=0, errmsg=status)
    push_event(world, account, openid, "TEMPLATESENDJOBFINISH", MsgID=msg_id, Status=status)


@endpoint("POST", "/cgi-bin/message/template/subscribe", need=Need.FANS, permission_sets=SETS)
def send_one_time(call: Call) -> dict[str, Any]:
    """The old one-time subscription: one message per confirmation on the page; a follower need not be."""
    world, account, body = call.world, call.account, call.body
    openid = body.get("touser")
    with judged(world, account, openid, "one_time"):
        user = recipient(account, openid, must_follow=False)
        title, text = str(body.get("title") or ""), _one_time_text(body)
        if not title or len(title) > MAX_TITLE:
            raise Refusal(45003)
        if not text or len(text) > MAX_CONTENT:
            raise Refusal(45002)
        check_jump(account, body.get("miniprogram"))
        key = grant_key(user.openid, str(body.get("template_id")), body.get("scene"))
        if account.messaging.one_time_grants.get(key, 0) < 1:
            raise Refusal(43101)
    del account.messaging.one_time_grants[key]
    content = {"title": title, "text": text, "jump": body.get("miniprogram") or body.get("url") or ""}
    deliver(world, account, user.openid, "one_time", "template", content, world.next_id())
    return OK


@endpoint("POST", "/cgi-bin/template/api_add_template", need=Need.SERVICE, permission_sets=SETS)
def add(call: Call) -> dict[str, Any]:
    """Takes a template with chosen keywords out of the library."""
    short, names = str(call.body.get("template_id_short") or ""), call.body.get("keyword_name_list")
    public = LIBRARY.get(int(short)) if short.isdigit() else None
    if public is None:
        raise Refusal(40037)
    known = {one.name: one for one in public.keywords}
    if not isinstance(names, list) or not names or not set(names) <= set(known):
        raise Refusal(40035, "keyword_name_list")
    if sum(one.kind == "template" for one in call.account.messaging.templates.values()) >= MAX_TEMPLATES:
        raise Refusal(45026)
    template = build_template(public.title, "template", [known[name] for name in names])
    template.industries = [INDUSTRIES[key][1] for key in call.account.messaging.industries if key in INDUSTRIES]
    call.account.messaging.templates[template.id] = template
    return {**OK, "template_id": template.id}


@endpoint("GET", "/cgi-bin/template/get_all_private_template", need=Need.SERVICE, permission_sets=SETS)
def list_all(call: Call) -> dict[str, Any]:
    """The account's templates."""
    found = [one for one in call.account.messaging.templates.values() if one.kind == "template"]
    return {"template_list": [_listed(one) for one in found]}


@endpoint("POST", "/cgi-bin/template/del_private_template", need=Need.SERVICE, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Removes one."""
    template = find_template(call.account, call.body.get("template_id"), "template", bans=False)
    del call.account.messaging.templates[template.id]
    return OK


@endpoint("GET", "/cgi-bin/template/get_industry", need=Need.SERVICE, permission_sets=SETS)
def get_industry(call: Call) -> dict[str, Any]:
    """Primary and secondary industry."""
    classes = [INDUSTRIES.get(key, ("其它", "其它")) for key in call.account.messaging.industries]
    names = ("primary_industry", "secondary_industry")
    return {name: {"first_class": one[0], "second_class": one[1]} for name, one in zip(names, classes, strict=True)}


@endpoint("POST", "/cgi-bin/template/api_set_industry", need=Need.SERVICE, permission_sets=SETS)
def set_industry(call: Call) -> dict[str, Any]:
    """Once a month."""
    messaging = call.account.messaging
    chosen = [str(call.body.get(name) or "") for name in ("industry_id1", "industry_id2")]
    if not all(one.isdigit() for one in chosen):
        raise Refusal(40097)
    if messaging.industry_set_in == call.world.month():
        raise Refusal(43100)
    messaging.industries, messaging.industry_set_in = chosen, call.world.month()
    return OK


@endpoint("POST", "/wxa/sec/queryblocktmplmsg", need=Need.SERVICE, permission_sets=SETS)
def list_blocked(call: Call) -> dict[str, Any]:
    """Template messages that were intercepted: the simulator intercepts none."""
    return {**OK, "msginfo": []}


def find_template(account: "Account", template_id: Any, *kinds: str, bans: bool = True) -> Template:
    """The account's template of one of these kinds; 40036 no id, 40037 none such, 43116 banned."""
    if not isinstance(template_id, str) or not template_id:
        raise Refusal(40036)
    template = account.messaging.templates.get(template_id)
    if template is None or template.kind not in kinds:
        raise Refusal(40037)
    if template.is_banned and bans:
        raise Refusal(43116)
    return template


def build_template(title: str, kind: str, keywords: list[Keyword]) -> Template:
    """A template whose slots are named by kind and number: thing1, time2."""
    keys = [f"{one.rule}{number}" for number, one in enumerate(keywords, start=1)]
    pairs = list(zip(keys, keywords, strict=True))
    return Template(
        id=secrets.token_urlsafe(32)[:43],
        title=title,
        content="\n".join(f"{one.name}:{{{{{key}.DATA}}}}" for key, one in pairs),
        example="\n".join(f"{one.name}:{one.example}" for one in keywords),
        kind=kind,
        enums={key: list(one.values) for key, one in pairs if one.values},
    )


def check_jump(account: "Account", mini: Any) -> None:
    """The mini program a message opens: linked, and with a sound path (40165)."""
    if not mini:
        return
    path = mini.get("pagepath", "") if isinstance(mini, dict) else None
    if not isinstance(path, str) or " " in path or path.startswith("http"):
        raise Refusal(40165)
    if mini.get("appid") not in account.messaging.linked_minis:
        raise Refusal(40013, "the mini program is not linked")


def grant_key(openid: str, template_id: str, scene: Any) -> str:
    """What one confirmation of the one-time subscription page is about."""
    return f"{openid} {template_id} {scene}"


def _check_recipient(account: "Account", openid: Any, template: Template) -> None:
    user = account.keep_user(openid) if isinstance(openid, str) else None
    if user is None:
        raise Refusal(40003)
    if not user.is_following:
        raise Refusal(43004)
    if template.id in account.messaging.muted_templates.get(user.openid, []):
        raise Refusal(43101)


def _sent_before(account: "Account", client_id: str, now: float) -> int:
    sent = account.messaging.sent_client_ids
    for key in [key for key, one in sent.items() if now - one[0] >= CLIENT_ID_SECONDS]:
        del sent[key]
    return int(sent[client_id][1]) if client_id in sent else 0


def _one_time_text(body: dict[str, Any]) -> str:
    data = body.get("data")
    content = data.get("content") if isinstance(data, dict) else None
    return str(content.get("value") or "") if isinstance(content, dict) else ""


def _listed(template: Template) -> dict[str, Any]:
    primary, deputy = ([*template.industries, "", ""])[:2]
    return {
        "template_id": template.id,
        "title": template.title,
        "primary_industry": primary,
        "deputy_industry": deputy,
        "content": template.content,
        "example": template.example,
    }
