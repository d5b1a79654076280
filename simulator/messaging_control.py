"""Controls of messages, consents, content and reading (see control.py)."""

from typing import Any

from simulator import consents, reading
from simulator.control import Misuse, control, get_account, get_user
from simulator.delivered import CROWD
from simulator.platform import mass, publishing
from simulator.platform.template_messages import grant_key
from simulator.windows import open_windows
from simulator.world import World

NEXT_KINDS = ("template_statuses", "mass_errors", "publish_statuses")


@control("link_mini")
def link_mini(world: World, app_id: str, mini_app_id: str) -> dict[str, Any]:
    """Links a mini program to an official account: messages may open it."""
    linked = get_account(world, app_id).messaging.linked_minis
    if mini_app_id not in linked:
        linked.append(mini_app_id)
    return {"linked": linked}


@control("set_pages")
def set_pages(world: World, app_id: str, pages: list[str]) -> dict[str, Any]:
    """The released pages of a mini program; none: every page exists."""
    get_account(world, app_id).content.pages = list(pages)
    return {"pages": pages}


@control("answer_popup")
def answer_popup(
    world: World, app_id: str, openid: str, answers: dict[str, bool], scene: int | None = None
) -> dict[str, Any]:
    """The user answers a subscription question: template id -> accepts."""
    consents.answer_popup(world, *get_user(world, app_id, openid), answers, scene)
    return consents_left(world, app_id, openid)


@control("refuse_templates")
def refuse_templates(world: World, app_id: str, openid: str, template_ids: list[str]) -> dict[str, Any]:
    """The user takes consents back in the settings, with event."""
    consents.refuse(world, *get_user(world, app_id, openid), template_ids)
    return consents_left(world, app_id, openid)


@control("switch_notices")
def switch_notices(world: World, app_id: str, openid: str, template_id: str, on: bool) -> dict[str, Any]:
    """The phone's switch of one template's notices: 43107 while off."""
    account, user = get_user(world, app_id, openid)
    consent = account.messaging.consents.get(user.openid, {}).get(template_id)
    if consent is None:
        raise Misuse("the user never consented to this template")
    consent.is_switched_off = not on
    return consents_left(world, app_id, openid)


@control("consents")
def consents_left(world: World, app_id: str, openid: str) -> dict[str, Any]:
    """Template id -> sends left, -1 for any number."""
    account, user = get_user(world, app_id, openid)
    given = account.messaging.consents.get(user.openid, {})
    return {key: -1 if one.is_long_term else one.remaining for key, one in given.items()}


@control("windows")
def show_windows(world: World, app_id: str, openid: str) -> dict[str, Any]:
    """The open windows with messages left in each."""
    _, user = get_user(world, app_id, openid)
    return dict(open_windows(user, world.now()))


@control("mute_template")
def mute_template(world: World, app_id: str, openid: str, template_id: str, on: bool = True) -> dict[str, Any]:
    """The user refuses one kind of template message: 43101."""
    account, user = get_user(world, app_id, openid)
    muted = account.messaging.muted_templates.setdefault(user.openid, [])
    if on and template_id not in muted:
        muted.append(template_id)
    if not on and template_id in muted:
        muted.remove(template_id)
    return {"muted": muted}


@control("ban_template")
def ban_template(world: World, app_id: str, template_id: str, on: bool = True) -> dict[str, Any]:
    """The platform bans a template: 43116."""
    templates = get_account(world, app_id).messaging.templates
    if template_id not in templates:
        raise Misuse(f"no template {template_id}")
    templates[template_id].is_banned = on
    return {"is_banned": on}


@control("refuse_messages")
def refuse_messages(world: World, app_id: str, openid: str, on: bool = True) -> dict[str, Any]:
    """The user switches the account's messages off: 48002, filtered from mass sends."""
    _, user = get_user(world, app_id, openid)
    user.refuses_messages = on
    return {"refuses_messages": on}


@control("confirm_subscription_page")
def confirm_page(
    world: World, app_id: str, openid: str, template_id: str, scene: int, redirect_url: str = "", reserved: str = ""
) -> dict[str, Any]:
    """The old one-time subscription page: the user confirms; returns where the page leads."""
    account, user = get_user(world, app_id, openid)
    if not 0 <= scene <= 10_000:
        raise Misuse("scene must be 0 to 10000")
    account.messaging.one_time_grants[grant_key(user.openid, template_id, scene)] = 1
    joint = "&" if "?" in redirect_url else "?"
    query = f"openid={openid}&template_id={template_id}&action=confirm&scene={scene}&reserved={reserved}"
    return {"location": f"{redirect_url}{joint}{query}"}


@control("next_results")
def set_next_results(world: World, app_id: str, **results: Any) -> dict[str, Any]:
    """How coming jobs end: template_statuses [texts], mass_errors [codes], publish_statuses [2|3|4], num_reprints."""
    upcoming = get_account(world, app_id).messaging.next
    for name, value in results.items():
        if name == "num_reprints":
            upcoming.num_reprints = int(value)
        elif name in NEXT_KINDS:
            setattr(upcoming, name, list(value))
        else:
            raise Misuse(f"no result {name}; there are {', '.join(NEXT_KINDS)}, num_reprints")
    return vars(upcoming)


@control("protect_mass_send")
def protect_mass_send(world: World, app_id: str, on: bool = True) -> dict[str, Any]:
    """API send protection: from now on an administrator must confirm each mass send within 30 minutes."""
    get_account(world, app_id).messaging.needs_admin_confirm = on
    return {"needs_admin_confirm": on}


@control("answer_mass_send")
def answer_mass_send(world: World, app_id: str, msg_id: int | str, accepts: bool) -> dict[str, Any]:
    """The administrator confirms or refuses a waiting mass send."""
    account = get_account(world, app_id)
    job = account.messaging.jobs.get(str(msg_id))
    if job is None:
        raise Misuse(f"no mass send {msg_id}")
    mass.confirm(world, account, job, accepts=accepts)
    return {"status": job.status}


@control("ban_article")
def ban_article(world: World, app_id: str, msg_data_id: int | str) -> dict[str, Any]:
    """The platform bans what was published: status 6."""
    account = get_account(world, app_id)
    publication = account.content.publications.get(str(msg_data_id))
    if publication is None:
        raise Misuse(f"nothing published as {msg_data_id}")
    for article in publication.articles:
        article["is_deleted"] = True
    publishing.end_publication(account, publication, 6)
    return {}


@control("read")
def read(
    world: World,
    app_id: str,
    openid: str,
    msgid: str,
    scene: str = "公众号消息",
    seconds: float = 30.0,
    depth: float = 1.0,
) -> dict[str, Any]:
    """Reads article `<msg_data_id>_<index>`."""
    reading.read_article(world, *get_user(world, app_id, openid), msgid, scene, seconds, depth)
    return {}


@control("react")
def react(
    world: World, app_id: str, openid: str, msgid: str, kind: str, scene: str = "", text: str = ""
) -> dict[str, Any]:
    """share (scene friend, moments, other), like, zaikan, favorite, comment, origin."""
    account, user = get_user(world, app_id, openid)
    reading.react(world, account, user, msgid, kind, scene=scene, text=text)
    return {}


@control("readers")
def list_readers(world: World, app_id: str, msgid: str) -> list[dict[str, Any]]:
    """Who read an article, which no account is ever told."""
    query = """SELECT openid, sum(num), sum(seconds) FROM act
        WHERE app_id = ? AND kind = 'read' AND subject = ? GROUP BY openid"""
    rows = world.storage.execute(query, (app_id, msgid))
    return [{"openid": openid, "times": times, "seconds": seconds} for openid, times, seconds in rows]


@control("visit")
def visit(
    world: World, app_id: str, openid: str, path: str, seconds: float = 20.0, scene: str = "1001", is_entry: bool = True
) -> dict[str, Any]:
    """Opens a mini-program page."""
    account, user = get_user(world, app_id, openid)
    if not account.is_mini:
        raise Misuse("only mini programs have pages")
    reading.visit_page(world, account, user, path, seconds, scene=scene, is_entry=is_entry)
    return {}


@control("judge")
def judge(world: World, app_id: str, openid: str = "") -> dict[str, Any]:
    """What was delivered and refused, counted: by way, and refusals by code."""
    delivered: dict[str, int] = {}
    where = "app_id = ? AND ? IN ('', subject)"
    query = f"""SELECT json_extract(body, '$.via'), sum(coalesce(json_extract(body, '$.num'), 1)) FROM log
        WHERE kind = 'delivered' AND {where} GROUP BY 1"""  # noqa: S608 - only our own names are spliced
    for via, num in world.storage.execute(query, (app_id, openid)):
        delivered[via] = num
    query = f"""SELECT json_extract(body, '$.via'), json_extract(body, '$.errcode'), count(*) FROM log
        WHERE kind = 'refused' AND {where} GROUP BY 1, 2"""  # noqa: S608 - only our own names are spliced
    refused = [
        {"via": via, "errcode": errcode, "num": num}
        for via, errcode, num in world.storage.execute(query, (app_id, openid))
    ]
    return {"delivered": delivered, "refused": refused, "unstored_subject": CROWD}
