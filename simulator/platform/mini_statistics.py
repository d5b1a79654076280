"""Mini-program statistics (fact sheet 7.4). Dates are yyyymmdd."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from simulator import figures
from simulator.calls import Call, Need, endpoint
from simulator.date_spans import Span, read_exact_span, read_month, read_span, read_week
from simulator.tastes import member_of

SETS = (18,)
MAX_PAGES = 200
PATH = "/datacube/getweanalysisappid"
STAY_CLASSES = (2, 5, 10, 20, 30, 50, 100)  # seconds: class 1 up to 2, class 2 up to 5, ...


@endpoint("POST", f"{PATH}dailysummarytrend", need=Need.MINI, permission_sets=SETS)
def show_summary(call: Call) -> dict[str, Any]:
    """All visitors so far, and shares of the day."""
    rows = []
    for day in read_span(call, 1).days():
        total = figures.count(call.world, call.account.app_id, "visit", dt.date(2014, 1, 1), day).people
        shares = figures.count(call.world, call.account.app_id, "share_page", day, day)
        rows.append({"ref_date": _text(day), "visit_total": total, "share_pv": shares.times, "share_uv": shares.people})
    return {"list": rows}


@endpoint("POST", f"{PATH}dailyvisittrend", need=Need.MINI, permission_sets=SETS)
def show_days(call: Call) -> dict[str, Any]:
    """Visits of one day."""
    span = read_span(call, 1)
    return {"list": [_trend(call, day, day, _text(day)) for day in span.days()]}


@endpoint("POST", f"{PATH}weeklyvisittrend", need=Need.MINI, permission_sets=SETS)
def show_week(call: Call) -> dict[str, Any]:
    """Visits of a week, Monday to Sunday."""
    return _long_trend(call, read_week(call), lambda span: f"{_text(span.first)}-{_text(span.last)}")


@endpoint("POST", f"{PATH}monthlyvisittrend", need=Need.MINI, permission_sets=SETS)
def show_month(call: Call) -> dict[str, Any]:
    """Visits of a calendar month."""
    return _long_trend(call, read_month(call), lambda span: f"{span.first:%Y%m}")


@endpoint("POST", f"{PATH}dailyretaininfo", need=Need.MINI, permission_sets=SETS)
def show_daily_return(call: Call) -> dict[str, Any]:
    """Who of one day's visitors came again n days later."""
    span = read_span(call, 1)
    steps = [(number, dt.timedelta(days=number), 1) for number in (0, 1, 2, 3, 4, 5, 6, 7, 14, 30)]
    return _returns(call, span, steps, _text(span.first))


@endpoint("POST", f"{PATH}weeklyretaininfo", need=Need.MINI, permission_sets=SETS)
def show_weekly_return(call: Call) -> dict[str, Any]:
    """Who of one week's visitors came again n weeks later."""
    span = read_week(call)
    steps = [(number, dt.timedelta(days=7 * number), 7) for number in range(5)]
    return _returns(call, span, steps, f"{_text(span.first)}-{_text(span.last)}")


@endpoint("POST", f"{PATH}monthlyretaininfo", need=Need.MINI, permission_sets=SETS)
def show_monthly_return(call: Call) -> dict[str, Any]:
    """Who of one month's visitors came again the next month."""
    span = read_month(call)
    num_days = (span.last - span.first).days + 1
    steps = [(0, dt.timedelta(), num_days), (1, dt.timedelta(days=num_days), 31)]
    return _returns(call, span, steps, f"{span.first:%Y%m}")


@endpoint("POST", f"{PATH}visitpage", need=Need.MINI, permission_sets=SETS)
def show_pages(call: Call) -> dict[str, Any]:
    """The 200 most visited pages of a day."""
    span = read_span(call, 1)
    day, app_id = span.first, call.account.app_id
    if span.is_delayed:
        return {"ref_date": _text(day), "list": []}
    visits = figures.count_by(call.world, app_id, "visit", day, day, "subject")
    entries = figures.count_by(call.world, app_id, "session", day, day, "subject")
    shares = figures.count_by(call.world, app_id, "share_page", day, day, "subject")
    nothing = figures.Count(0, 0, 0.0)
    most_visited = sorted(visits.items(), key=lambda pair: -pair[1].times)[:MAX_PAGES]
    rows = [
        {
            "page_path": path,
            "page_visit_pv": count.times,
            "page_visit_uv": count.people,
            "page_staytime_pv": round(count.seconds / count.times, 2),
            "entrypage_pv": entries.get(path, nothing).times,
            "exitpage_pv": entries.get(path, nothing).times,
            "page_share_pv": shares.get(path, nothing).times,
            "page_share_uv": shares.get(path, nothing).people,
        }
        for path, count in most_visited
    ]
    return {"ref_date": _text(day), "list": rows}


@endpoint("POST", f"{PATH}visitdistribution", need=Need.MINI, permission_sets=SETS)
def show_distribution(call: Call) -> dict[str, Any]:
    """Where visits came from, how long they lasted, how deep they went."""
    span = read_span(call, 1)
    day, app_id = span.first, call.account.app_id
    if span.is_delayed:
        return {"ref_date": _text(day), "list": []}
    sources = figures.count_by(call.world, app_id, "session", day, day, "scene")
    visitors = figures.count_by(call.world, app_id, "visit", day, day, "openid")
    stays = _classes([one.seconds for one in visitors.values()], STAY_CLASSES)
    depths = _classes([float(one.times) for one in visitors.values()], (1, 2, 3, 4, 5, 10))
    found = {
        "access_source_session_cnt": {int(scene or 1): one.times for scene, one in sources.items()},
        "access_staytime_info": stays,
        "access_depth_info": depths,
    }
    return {
        "ref_date": _text(day),
        "list": [
            {"index": name, "item_list": [{"key": key, "value": value} for key, value in sorted(items.items())]}
            for name, items in found.items()
        ],
    }


@endpoint("POST", f"{PATH}userportrait", need=Need.MINI, permission_sets=SETS)
def show_portrait(call: Call) -> dict[str, Any]:
    """Phones of the visitors of exactly 1, 7 or 30 days; the rest of a portrait nobody in this world has."""
    span = read_exact_span(call, (1, 7, 30))
    text = _text(span.first) if span.first == span.last else f"{_text(span.first)}-{_text(span.last)}"
    return {
        "ref_date": text,
        "visit_uv_new": _portrait(
            call, figures.people(call.world, call.account.app_id, "new_visit", span.first, span.last)
        ),
        "visit_uv": _portrait(call, figures.people(call.world, call.account.app_id, "visit", span.first, span.last)),
    }


def _trend(call: Call, first: dt.date, last: dt.date, ref_date: str) -> dict[str, Any]:
    def counted(kind: str) -> figures.Count:
        return figures.count(call.world, call.account.app_id, kind, first, last)

    visits, sessions = counted("visit"), counted("session")
    return {
        "ref_date": ref_date,
        "session_cnt": sessions.times,
        "visit_pv": visits.times,
        "visit_uv": visits.people,
        "visit_uv_new": counted("new_visit").people,
        "stay_time_uv": round(visits.seconds / visits.people, 4) if visits.people else 0,
        "stay_time_session": round(visits.seconds / sessions.times, 4) if sessions.times else 0,
        "visit_depth": round(visits.times / sessions.times, 4) if sessions.times else 0,
    }


def _long_trend(call: Call, span: Span, name: Callable[[Span], str]) -> dict[str, Any]:
    return {"list": [] if span.is_delayed else [_trend(call, span.first, span.last, name(span))]}


def _returns(call: Call, span: Span, steps: list[tuple[int, dt.timedelta, int]], ref_date: str) -> dict[str, Any]:
    world, app_id = call.world, call.account.app_id
    answer: dict[str, Any] = {"ref_date": ref_date}
    for field, kind in (("visit_uv_new", "new_visit"), ("visit_uv", "visit")):
        start = figures.people(world, app_id, kind, span.first, span.last)
        entries = []
        for key, shift, num_days in steps:
            first = span.first + shift
            again = figures.people(world, app_id, "visit", first, first + dt.timedelta(days=num_days - 1))
            entries.append({"key": key, "value": len(start & again)})
        answer[field] = entries
    return answer


def _classes(values: list[float], bounds: tuple[float, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        name = next((number for number, bound in enumerate(bounds, start=1) if value <= bound), len(bounds) + 1)
        found[name] = found.get(name, 0) + 1
    return found


def _portrait(call: Call, openids: set[str]) -> dict[str, Any]:
    phones = {"android": 0, "ios": 0}
    for openid in openids:
        user = call.account.find_user(openid)
        number = user.crowd_number if user else -1
        phones[
            member_of(call.world.state.seed, call.account.app_id, number).comes_by_phone if number >= 0 else "ios"
        ] += 1
    platforms = [
        {"id": 1, "name": "iPhone", "value": phones["ios"]},
        {"id": 2, "name": "Android", "value": phones["android"]},
    ]
    return {"province": [], "city": [], "genders": [], "platforms": platforms, "devices": [], "ages": []}


def _text(day: dt.date) -> str:
    return f"{day:%Y%m%d}"
