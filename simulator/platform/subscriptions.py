"""Subscription notices of service accounts and mini programs, and their templates (fact sheet 4.3)."""

from typing import TYPE_CHECKING, Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.consents import spend_consent
from simulator.delivered import deliver, judged
from simulator.errors import Refusal
from simulator.messaging_state import Template
from simulator.platform.template_messages import MAX_TEMPLATES, build_template, check_jump, find_template
from simulator.pushing import push_event
from simulator.schedule import task
from simulator.template_library import LIBRARY, PublicTemplate
from simulator.template_values import check_data, render

if TYPE_CHECKING:
    from simulator.world import World

KINDS = ("once", "long")
STATES = ("developer", "trial", "formal")
TYPE_NUMBERS = {"once": 2, "long": 3}
SENSITIVE = ("赌博", "色情")


@endpoint("POST", "/cgi-bin/message/subscribe/bizsend", need=Need.SERVICE, permission_sets=(89,))
def send_for_service(call: Call) -> dict[str, Any]:
    """A service account's notice."""
    return _send(call, call.body.get("miniprogram"))


@endpoint("POST", "/cgi-bin/message/subscribe/send", need=Need.MINI, permission_sets=(18,))
def send_for_mini(call: Call) -> dict[str, Any]:
    """A mini program's notice."""
    if call.body.get("miniprogram_state", "formal") not in STATES:
        raise Refusal(40097, "miniprogram_state")
    page, pages = str(call.body.get("page") or "").split("?")[0].lstrip("/"), call.account.content.pages
    if page and pages and page not in pages:
        raise Refusal(41030)
    return _send(call, None)


def _send(call: Call, mini: Any) -> dict[str, Any]:
    world, account, body = call.world, call.account, call.body
    openid = body.get("touser")
    with judged(world, account, openid, "subscription"):
        template = find_template(account, body.get("template_id"), *KINDS)
        user = account.keep_user(openid) if isinstance(openid, str) else None
        if user is None:
            raise Refusal(40003)
        values = check_data(template, body.get("data"))
        if any(word in value for word in SENSITIVE for value in values.values()):
            raise Refusal(45168)
        check_jump(account, mini)
        spend_consent(account, user, template)
    msg_id = world.next_id()
    content = {"template_id": template.id, "title": template.title, "text": render(template, values)}
    deliver(world, account, user.openid, "subscription", template.kind, content | _jump(body), msg_id)
    arguments = {"openid": user.openid, "template_id": template.id, "msg_id": msg_id}
    world.later(world.settings.job_seconds, "subscription", app_id=account.app_id, **arguments)
    return {**OK, "msgid": msg_id} if account.is_mini else OK


@task("subscription")
def tell_sent(world: "World", app_id: str, openid: str, template_id: str, msg_id: int) -> None:
    """subscribe_msg_sent_event."""
    item = {"TemplateId": template_id, "MsgID": str(msg_id), "ErrorCode": "0", "ErrorStatus": "success"}
    event = {"SubscribeMsgSentEvent": {"List": [item]}}
    push_event(world, world.state.accounts[app_id], openid, "subscribe_msg_sent_event", **event)


# --- templates ------------------------------------------------------------------------------------------------------


@endpoint("POST", "/wxaapi/newtmpl/addtemplate", permission_sets=(18, 89))
def add(call: Call) -> dict[str, Any]:
    """Takes a template with 2 to 5 keywords out of the library."""
    account, tid, numbers = call.account, str(call.body.get("tid") or ""), call.body.get("kidList")
    public = LIBRARY.get(int(tid)) if tid.isdigit() else None
    if public is None:
        raise Refusal(200014)
    known = {one.kid: one for one in public.keywords}
    if not isinstance(numbers, list) or not 2 <= len(numbers) <= 5 or not set(numbers) <= set(known):
        raise Refusal(200016)
    if len(str(call.body.get("sceneDesc") or "")) > 15:
        raise Refusal(200017)
    own = [one for one in account.messaging.templates.values() if one.kind in KINDS]
    if len(own) >= MAX_TEMPLATES:
        raise Refusal(200012)
    template = build_template(public.title, public.kind, [known[number] for number in numbers])
    if any((one.title, one.content) == (template.title, template.content) for one in own):
        raise Refusal(200013)
    account.messaging.templates[template.id] = template
    return {**OK, "priTmplId": template.id}


@endpoint("GET", "/wxaapi/newtmpl/gettemplate", permission_sets=(18, 89))
def list_all(call: Call) -> dict[str, Any]:
    """The account's subscription templates."""
    own = [one for one in call.account.messaging.templates.values() if one.kind in KINDS]
    return {**OK, "data": [_listed(one) for one in own]}


@endpoint("POST", "/wxaapi/newtmpl/deltemplate", permission_sets=(18, 89))
def delete(call: Call) -> dict[str, Any]:
    """Removes one."""
    template = find_template(call.account, call.body.get("priTmplId"), *KINDS, bans=False)
    del call.account.messaging.templates[template.id]
    return OK


@endpoint("GET", "/wxaapi/newtmpl/getcategory", permission_sets=(18, 89))
def list_categories(call: Call) -> dict[str, Any]:
    """The account's service categories."""
    return {**OK, "data": [{"id": number, "name": "生活服务"} for number in _categories()]}


@endpoint("GET", "/wxaapi/newtmpl/getpubtemplatetitles", permission_sets=(18, 89))
def list_titles(call: Call) -> dict[str, Any]:
    """Titles of the library for some categories."""
    wanted = {part for part in call.params.get("ids", "").split(",") if part}
    start, limit = (call.params.get(name) or default for name, default in (("start", "0"), ("limit", "30")))
    if not wanted or not start.isdecimal() or not limit.isdecimal() or not 0 < int(limit) <= 30:
        raise Refusal(40097)
    found = [one for one in LIBRARY.values() if str(one.category_id) in wanted]
    return {**OK, "count": len(found), "data": [_titled(one) for one in found[int(start) : int(start) + int(limit)]]}


@endpoint("GET", "/wxaapi/newtmpl/getpubtemplatekeywords", permission_sets=(18, 89))
def list_keywords(call: Call) -> dict[str, Any]:
    """The fields of one library entry."""
    tid = call.params.get("tid", "")
    public = LIBRARY.get(int(tid)) if tid.isdigit() else None
    if public is None:
        raise Refusal(200014)
    data = [{"kid": one.kid, "name": one.name, "example": one.example, "rule": one.rule} for one in public.keywords]
    return {**OK, "count": len(data), "data": data}


def _categories() -> list[int]:
    return sorted({one.category_id for one in LIBRARY.values()})


def _titled(public: PublicTemplate) -> dict[str, Any]:
    kind = TYPE_NUMBERS[public.kind]
    return {"tid": public.tid, "title": public.title, "type": kind, "categoryId": str(public.category_id)}


def _listed(template: Template) -> dict[str, Any]:
    entry: dict[str, Any] = {"priTmplId": template.id, "title": template.title, "content": template.content}
    entry |= {"example": template.example, "type": TYPE_NUMBERS[template.kind]}
    enums = [{"keywordCode": f"{key}.DATA", "enumValueList": values} for key, values in template.enums.items()]
    return entry | {"keywordEnumValueList": enums}


def _jump(body: dict[str, Any]) -> dict[str, Any]:
    return {"jump": body.get("miniprogram") or body.get("page") or ""}
