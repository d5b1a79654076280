"""Article statistics of before November 2025, behind a switch (fact sheet 7.2)."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from simulator import figures
from simulator.calls import Call, Need, endpoint
from simulator.clock import beijing_date
from simulator.content_state import Publication
from simulator.date_spans import Span, read_span
from simulator.errors import Refusal

if TYPE_CHECKING:
    from simulator.world import World

SETS = (7, 11)
DAYS_SHOWN = 7
MIN_INTERACTIONS = 3
ALL_SOURCES = 99999999
SOURCES = {"公众号消息": 0, "聊天会话": 1, "朋友圈": 2, "公众号主页": 4, "其他": 5, "推荐": 6, "搜一搜": 7}
SOURCE_NAMES = {"公众号消息": "session", "公众号主页": "hist_msg", "朋友圈": "feed", "聊天会话": "friends"}
SHARE_SCENES = {"friend": 1, "moments": 2, "other": 255}


@endpoint("POST", "/datacube/getarticlesummary", need=Need.FANS, permission_sets=SETS)
def show_summary(call: Call) -> dict[str, Any]:
    """Articles with at least three interactions on the day."""
    rows = []
    for day in _span(call, 1).days():
        for msgid, title, _ in _articles(call):
            counts = _counts(call.world, call.account.app_id, msgid, day, day)
            if sum(value for name, value in counts.items() if name.endswith("count")) >= MIN_INTERACTIONS:
                rows.append({"ref_date": day.isoformat(), "user_source": 0, "msgid": msgid, "title": title, **counts})
    return {"list": rows}


@endpoint("POST", "/datacube/getarticletotal", need=Need.FANS, permission_sets=SETS)
def show_total(call: Call) -> dict[str, Any]:
    """The articles sent on the day, up to seven days; each day shows the totals until then."""
    days = _span(call, 1).days()
    rows = [
        {
            "ref_date": beijing_date(publication.at).isoformat(),
            "user_source": 0,
            "msgid": msgid,
            "title": title,
            "details": _details(call, msgid, publication),
        }
        for msgid, title, publication in _articles(call)
        if publication.is_notified and beijing_date(publication.at) in days
    ]
    return {"list": rows}


@endpoint("POST", "/datacube/getuserread", need=Need.FANS, permission_sets=SETS)
def show_reads(call: Call) -> dict[str, Any]:
    """Readers per day and way in."""
    rows = [row for day in _span(call, 3).days() for row in _read_rows(call, day)]
    return {"list": rows}


@endpoint("POST", "/datacube/getuserreadhour", need=Need.FANS, permission_sets=SETS)
def show_read_hours(call: Call) -> dict[str, Any]:
    """Readers per hour in which they first came."""
    world, app_id, rows = call.world, call.account.app_id, []
    for day in _span(call, 1).days():
        for hour, count in figures.count_by(world, app_id, "read", day, day, "hour").items():
            row = {"ref_date": day.isoformat(), "ref_hour": int(hour) * 100, "user_source": ALL_SOURCES}
            rows.append(row | _read_counts(count.people, count.times))
    return {"list": sorted(rows, key=lambda row: row["ref_hour"])}


@endpoint("POST", "/datacube/getusershare", need=Need.FANS, permission_sets=SETS)
def show_shares(call: Call) -> dict[str, Any]:
    """Shares per day and place."""
    rows = []
    for day in _span(call, 7).days():
        for scene, count in figures.count_by(call.world, call.account.app_id, "share", day, day, "scene").items():
            row = {"ref_date": day.isoformat(), "share_scene": SHARE_SCENES.get(scene, 255)}
            rows.append(row | {"share_count": count.times, "share_user": count.people})
    return {"list": rows}


@endpoint("POST", "/datacube/getusersharehour", need=Need.FANS, permission_sets=SETS)
def show_share_hours(call: Call) -> dict[str, Any]:
    """Shares per hour."""
    rows = []
    for day in _span(call, 1).days():
        for hour, count in figures.count_by(call.world, call.account.app_id, "share", day, day, "hour").items():
            row = {"ref_date": day.isoformat(), "ref_hour": int(hour) * 100, "share_scene": 255}
            rows.append(row | {"share_count": count.times, "share_user": count.people})
    return {"list": rows}


def _span(call: Call, max_days: int) -> Span:
    if not call.world.settings.has_legacy_datacube:
        raise Refusal(48004)
    return read_span(call, max_days)


def _articles(call: Call) -> list[tuple[str, str, Publication]]:
    return [
        (f"{publication.msg_data_id}_{index}", article["title"], publication)
        for publication in call.account.content.publications.values()
        for index, article in enumerate(publication.articles, start=1)
    ]


def _details(call: Call, msgid: str, publication: Publication) -> list[dict[str, Any]]:
    first = beijing_date(publication.at)
    last = min(first + dt.timedelta(days=DAYS_SHOWN - 1), beijing_date(call.now) - dt.timedelta(days=1))
    details = []
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        counts = _counts(call.world, call.account.app_id, msgid, first, day)
        detail = {"stat_date": day.isoformat(), "target_user": publication.num_delivered, **counts}
        details.append(detail | _by_source(call, msgid, first, day))
    return details


def _by_source(call: Call, msgid: str, first: dt.date, last: dt.date) -> dict[str, int]:
    found: dict[str, int] = {}
    for scene, name in [*SOURCE_NAMES.items(), ("其他", "other")]:
        count = figures.count(call.world, call.account.app_id, "read", first, last, msgid, scene)
        found |= {f"int_page_from_{name}_read_user": count.people, f"int_page_from_{name}_read_count": count.times}
    for scene, name in (("friend", "session"), ("moments", "feed"), ("other", "other")):
        count = figures.count(call.world, call.account.app_id, "share", first, last, msgid, scene)
        found |= {f"feed_share_from_{name}_user": count.people, f"feed_share_from_{name}_cnt": count.times}
    return found


def _counts(world: "World", app_id: str, msgid: str, first: dt.date, last: dt.date) -> dict[str, int]:
    named = (("int_page_read", "read"), ("ori_page_read", "origin"), ("share", "share"), ("add_to_fav", "favorite"))
    found: dict[str, int] = {}
    for name, kind in named:
        count = figures.count(world, app_id, kind, first, last, msgid)
        found |= {f"{name}_user": count.people, f"{name}_count": count.times}
    return found


def _read_rows(call: Call, day: dt.date) -> list[dict[str, Any]]:
    world, app_id, date = call.world, call.account.app_id, day.isoformat()
    everyone = figures.count(world, app_id, "read", day, day)
    if not everyone.people:
        return []
    rows = [{"ref_date": date, "user_source": ALL_SOURCES, **_read_counts(everyone.people, everyone.times)}]
    for scene, count in figures.count_by(world, app_id, "read", day, day, "scene").items():
        source = SOURCES.get(scene, 5)
        rows.append({"ref_date": date, "user_source": source, **_read_counts(count.people, count.times)})
    return rows


def _read_counts(people: int, times: int) -> dict[str, int]:
    return {"int_page_read_user": people, "int_page_read_count": times}
