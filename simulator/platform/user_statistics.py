"""Followers, messages and callback statistics (fact sheet 7.3)."""

import datetime as dt
from collections import Counter
from typing import Any

from simulator import figures
from simulator.calls import Call, Need, endpoint
from simulator.clock import BEIJING
from simulator.date_spans import read_span
from simulator.world import DAY_SECONDS, Account

SETS = (7, 11)
USER_SOURCES = {
    "ADD_SCENE_SEARCH": 1,
    "ADD_SCENE_PROFILE_CARD": 17,
    "ADD_SCENE_QR_CODE": 30,
    "ADD_SCENE_PROFILE_LINK": 57,
    "ADD_SCENE_WECHAT_ADVERTISEMENT": 100,
    "ADD_SCENE_WXA": 149,
    "ADD_SCENE_REPRINT": 161,
    "ADD_SCENE_CHANNELS": 200,
    "ADD_SCENE_LIVESTREAM": 201,
}
MESSAGE_TYPES = {"text": 1, "image": 2, "voice": 3, "video": 4, "shortvideo": 4}
INTERVALS = ((0, 0), (1, 5), (2, 10))  # class -> most messages


@endpoint("POST", "/datacube/getusersummary", need=Need.FANS, permission_sets=SETS)
def show_changes(call: Call) -> dict[str, Any]:
    """New and lost followers per day and source."""
    world, app_id = call.world, call.account.app_id
    rows = []
    for day in read_span(call, 7).days():
        new: Counter[int] = Counter({0: _born(call.account, day)})
        for scene, count in figures.count_by(world, app_id, "follow", day, day, "scene").items():
            new[USER_SOURCES.get(scene, 0)] += count.times
        lost = figures.count(world, app_id, "unfollow", day, day).times
        for source in sorted({0, *new}):
            row = {"ref_date": day.isoformat(), "user_source": source, "new_user": new[source]}
            rows.append(row | {"cancel_user": lost if source == 0 else 0})
    return {"list": rows}


@endpoint("POST", "/datacube/getusercumulate", need=Need.FANS, permission_sets=SETS)
def show_totals(call: Call) -> dict[str, Any]:
    """Followers at the end of each day: today's number less what changed since."""
    rows = [
        {"ref_date": day.isoformat(), "user_source": 0, "cumulate_user": _followers_after(call, day)}
        for day in read_span(call, 7).days()
    ]
    return {"list": rows}


@endpoint("POST", "/datacube/getupstreammsg", need=Need.FANS, permission_sets=SETS)
def show_messages(call: Call) -> dict[str, Any]:
    """Messages from users per day and type."""
    rows = [row for day in read_span(call, 7).days() for row in _message_rows(call, day, day)]
    return {"list": rows}


@endpoint("POST", "/datacube/getupstreammsghour", need=Need.FANS, permission_sets=SETS)
def show_message_hours(call: Call) -> dict[str, Any]:
    """Messages per hour."""
    rows = []
    for day in read_span(call, 1).days():
        for hour, count in figures.count_by(call.world, call.account.app_id, "message", day, day, "hour").items():
            row = {"ref_date": day.isoformat(), "ref_hour": int(hour) * 100, "msg_type": 1}
            rows.append(row | {"msg_user": count.people, "msg_count": count.times})
    return {"list": sorted(rows, key=lambda row: row["ref_hour"])}


@endpoint("POST", "/datacube/getupstreammsgweek", need=Need.FANS, permission_sets=SETS)
def show_message_weeks(call: Call) -> dict[str, Any]:
    """Messages of the Monday-to-Sunday weeks that begin in the span; `ref_date` is the Monday."""
    days = [day for day in read_span(call, 30).days() if day.weekday() == 0]
    return {"list": [row for day in days for row in _message_rows(call, day, day + dt.timedelta(days=6))]}


@endpoint("POST", "/datacube/getupstreammsgmonth", need=Need.FANS, permission_sets=SETS)
def show_message_months(call: Call) -> dict[str, Any]:
    """Messages of the months that begin in the span; `ref_date` is the first."""
    days = [day for day in read_span(call, 30).days() if day.day == 1]
    return {"list": [row for day in days for row in _message_rows(call, day, _month_end(day))]}


@endpoint("POST", "/datacube/getupstreammsgdist", need=Need.FANS, permission_sets=SETS)
def show_distribution(call: Call) -> dict[str, Any]:
    """How many users wrote 1-5, 6-10, more messages, per day."""
    rows = [row for day in read_span(call, 15).days() for row in _distribution_rows(call, day, day)]
    return {"list": rows}


@endpoint("POST", "/datacube/getupstreammsgdistweek", need=Need.FANS, permission_sets=SETS)
def show_distribution_weeks(call: Call) -> dict[str, Any]:
    """The same per week."""
    days = [day for day in read_span(call, 30).days() if day.weekday() == 0]
    return {"list": [row for day in days for row in _distribution_rows(call, day, day + dt.timedelta(days=6))]}


@endpoint("POST", "/datacube/getupstreammsgdistmonth", need=Need.FANS, permission_sets=SETS)
def show_distribution_months(call: Call) -> dict[str, Any]:
    """The same per month."""
    days = [day for day in read_span(call, 30).days() if day.day == 1]
    return {"list": [row for day in days for row in _distribution_rows(call, day, _month_end(day))]}


@endpoint("POST", "/datacube/getinterfacesummary", need=Need.FANS, permission_sets=SETS)
def show_callbacks(call: Call) -> dict[str, Any]:
    """How the account's callback answered, per day."""
    rows = []
    for day in read_span(call, 30).days():
        begin = _midnight(day)
        rows += [{"ref_date": day.isoformat(), **counts} for counts in _callbacks(call, begin, begin + DAY_SECONDS)]
    return {"list": rows}


@endpoint("POST", "/datacube/getinterfacesummaryhour", need=Need.FANS, permission_sets=SETS)
def show_callback_hours(call: Call) -> dict[str, Any]:
    """The same per hour."""
    rows = []
    for day in read_span(call, 1).days():
        for hour in range(24):
            begin = _midnight(day) + hour * 3600
            row = {"ref_date": day.isoformat(), "ref_hour": hour * 100}
            rows += [row | counts for counts in _callbacks(call, begin, begin + 3600)]
    return {"list": rows}


def _followers_after(call: Call, day: dt.date) -> int:
    world, account = call.world, call.account
    since, today = day + dt.timedelta(days=1), dt.date(9999, 12, 31)
    gained = figures.count(world, account.app_id, "follow", since, today).times
    lost = figures.count(world, account.app_id, "unfollow", since, today).times
    born_later = account.crowd_size - _born_until(account, _midnight(since))
    return account.num_following - gained + lost - born_later


def _born_until(account: Account, at: float) -> int:
    """Generated followers whose follow lies before `at`: they came evenly over the 400 days before the account."""
    share = 1 - (account.created_at - at) / (400 * DAY_SECONDS)
    return int(account.crowd_size * min(max(share, 0.0), 1.0))


def _born(account: Account, day: dt.date) -> int:
    begin = _midnight(day)
    return _born_until(account, begin + DAY_SECONDS) - _born_until(account, begin)


def _message_rows(call: Call, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
    people: Counter[int] = Counter()
    times: Counter[int] = Counter()
    by_scene = figures.count_by(call.world, call.account.app_id, "message", first, last, "scene")
    for scene, count in by_scene.items():
        kind = MESSAGE_TYPES.get(scene, 6)
        people[kind] += count.people
        times[kind] += count.times
    date = first.isoformat()
    return [
        {"ref_date": date, "msg_type": kind, "msg_user": people[kind], "msg_count": times[kind]}
        for kind in sorted(times)
    ]


def _distribution_rows(call: Call, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
    by_user = figures.count_by(call.world, call.account.app_id, "message", first, last, "openid")
    classes = Counter(next((name for name, most in INTERVALS if one.times <= most), 3) for one in by_user.values())
    return [
        {"ref_date": first.isoformat(), "count_interval": name, "msg_user": num}
        for name, num in sorted(classes.items())
    ]


def _callbacks(call: Call, begin: float, end: float) -> list[dict[str, int]]:
    query = """SELECT count(*), sum(json_extract(body, '$.outcome') NOT IN ('accepted', 'replied')),
        sum(json_extract(body, '$.seconds')), max(json_extract(body, '$.seconds'))
        FROM log WHERE kind = 'push' AND app_id = ? AND at >= ? AND at < ?"""
    num, failed, total, longest = call.world.storage.execute(query, (call.account.app_id, begin, end))[0]
    if not num:
        return []
    costs = {"total_time_cost": int(total * 1000), "max_time_cost": int(longest * 1000)}
    return [{"callback_count": num, "fail_count": failed, **costs}]


def _midnight(day: dt.date) -> float:
    return dt.datetime.combine(day, dt.time(), BEIJING).timestamp()


def _month_end(first: dt.date) -> dt.date:
    return (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
