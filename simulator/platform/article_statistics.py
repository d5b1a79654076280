"""Article statistics: the endpoints of November 2025 (fact sheet 7.1). Numbers are people, not times."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from simulator import figures
from simulator.calls import Call, Need, endpoint
from simulator.clock import beijing_date
from simulator.content_state import Publication
from simulator.date_spans import Span, read_span

if TYPE_CHECKING:
    from simulator.world import Account, World

ALL_SCENES = "全部"
FIRST_DAY = dt.date(2025, 11, 1)
DAYS_SHOWN = 30  # after publishing
MESSAGE_SCENE = "公众号消息"
SETS = (7, 11)


@endpoint("POST", "/datacube/getarticleread", need=Need.FANS, permission_sets=SETS)
def show_reads(call: Call) -> dict[str, Any]:
    """Readers of one day by article and way in."""
    span = read_span(call, 1)
    rows = [
        {"ref_date": day.isoformat(), "msgid": msgid, "detail": _read_detail(call.world, call.account, day, msgid)}
        for day in _days(span)
        for msgid in figures.count_by(call.world, call.account.app_id, "read", day, day, "subject")
    ]
    return {"list": rows, "is_delay": span.is_delayed}


@endpoint("POST", "/datacube/getarticleshare", need=Need.FANS, permission_sets=SETS)
def show_shares(call: Call) -> dict[str, Any]:
    """Who shared on one day, by article."""
    span = read_span(call, 1)
    rows = [
        {"ref_date": day.isoformat(), "msgid": msgid, "detail": {"share_user": count.people}}
        for day in _days(span)
        for msgid, count in figures.count_by(call.world, call.account.app_id, "share", day, day, "subject").items()
    ]
    return {"list": rows, "is_delay": span.is_delayed}


@endpoint("POST", "/datacube/getbizsummary", need=Need.FANS, permission_sets=SETS)
def show_summary(call: Call) -> dict[str, Any]:
    """All articles together, per day; at most 30 days."""
    span = read_span(call, 30)
    rows = [{"ref_date": day.isoformat(), "detail": _summary(call.world, call.account, day)} for day in _days(span)]
    return {"list": rows, "is_delay": span.is_delayed}


@endpoint("POST", "/datacube/getarticletotaldetail", need=Need.FANS, permission_sets=SETS)
def show_details(call: Call) -> dict[str, Any]:
    """The articles that came out on one day, with every day since, at most 30."""
    span = read_span(call, 1)
    rows = [
        _row(call, publication, index)
        for publication in call.account.content.publications.values()
        if beijing_date(publication.at) in _days(span)
        for index in range(1, len(publication.articles) + 1)
    ]
    return {"list": rows, "is_delay": span.is_delayed}


def _days(span: Span) -> list[dt.date]:
    return [day for day in span.days() if day >= FIRST_DAY]


def _read_detail(world: "World", account: "Account", day: dt.date, subject: str = "") -> dict[str, Any]:
    """People in all, and by way in; someone who came in two ways counts once in all."""
    everyone = figures.count(world, account.app_id, "read", day, day, subject).people
    scenes = figures.count_by(world, account.app_id, "read", day, day, "scene", subject)
    sources = [{"scene_desc": ALL_SCENES, "user_count": everyone}]
    sources += [{"scene_desc": scene, "user_count": count.people} for scene, count in scenes.items()]
    return {"read_user": everyone, "read_user_source": sources if everyone else []}


def _reactions(world: "World", account: "Account", day: dt.date, subject: str = "") -> dict[str, int]:
    def people(kind: str) -> int:
        return figures.count(world, account.app_id, kind, day, day, subject).people

    return {
        "share_user": people("share"),
        "zaikan_user": people("zaikan"),
        "like_user": people("like"),
        "comment_count": figures.count(world, account.app_id, "comment", day, day, subject).times,
        "collection_user": people("favorite"),
    }


def _summary(world: "World", account: "Account", day: dt.date) -> dict[str, Any]:
    published = [one for one in account.content.publications.values() if beijing_date(one.at) == day]
    return {
        **_read_detail(world, account, day),
        **_reactions(world, account, day),
        "redirect_ori_page_user": figures.count(world, account.app_id, "origin", day, day).people,
        "send_page_count": sum(len(one.articles) for one in published),
    }


def _row(call: Call, publication: Publication, index: int) -> dict[str, Any]:
    msgid, article = f"{publication.msg_data_id}_{index}", publication.articles[index - 1]
    first = beijing_date(publication.at)
    last = min(first + dt.timedelta(days=DAYS_SHOWN - 1), beijing_date(call.now) - dt.timedelta(days=1))
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    return {
        "ref_date": first.isoformat(),
        "msgid": msgid,
        "publish_type": 0 if publication.is_notified else 1,
        "title": article["title"],
        "content_url": article["url"],
        "detail_list": [_day_of_article(call.world, call.account, publication, msgid, day) for day in days],
    }


def _day_of_article(
    world: "World", account: "Account", publication: Publication, msgid: str, day: dt.date
) -> dict[str, Any]:
    def counted(kind: str, scene: str = "") -> figures.Count:
        return figures.count(world, account.app_id, kind, day, day, msgid, scene)

    reads, fans = counted("read"), counted("fan_read")
    delivered = publication.num_delivered
    positions = figures.count_by(world, account.app_id, "jump", day, day, "scene", msgid)
    return {
        "stat_date": day.isoformat(),
        **_read_detail(world, account, day, msgid),
        **_reactions(world, account, day, msgid),
        "praise_money": 0,
        "read_subscribe_user": fans.people,
        "read_delivery_rate": _share(counted("fan_read", MESSAGE_SCENE).people, delivered),
        "read_finish_rate": _share(counted("finish").people, reads.people),
        "read_avg_activetime": round(reads.seconds / reads.people / 60, 2) if reads.people else 0,
        "read_jump_position": [
            {"position": float(position), "rate": _share(count.people, reads.people)}
            for position, count in positions.items()
        ],
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
