"""The platform's reports: which there are, how many days one call may cover, and reading one.

Stage: collect. Reads from: the platform's datacube. Writes to: nothing; the caller stores the rows as totals. They
are totals of many people and never one person's behaviour. People of single days cannot be added up: one person who
read on two days is counted on both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from connectors.wechat.answers import rows
from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import BEIJING, beijing_day, now
from connectors.wechat.errors import BadMessage

FIRST_DAY = date(2014, 12, 1)
RELIABLE_FROM = time(8)
NEW_ARTICLES_SINCE = date(2025, 11, 1)


class Calendar(StrEnum):
    """Which spans of days a report takes: any up to its limit, a Monday to Sunday, or a whole month."""

    DAYS = "days"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Report:
    """A report: its name in the path, the days one call may cover (inclusive) and the first day it has."""

    name: str
    span_days: int
    first_day: date = FIRST_DAY
    is_mini_program: bool = False
    is_legacy: bool = False
    calendar: Calendar = Calendar.DAYS

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return f"/datacube/{self.name}"


@dataclass(frozen=True)
class Answered:
    """The rows of one call as they came, and whether the platform says that they are not final (`is_delayed`)."""

    report: Report
    first_day: date
    last_day: date
    rows: tuple[dict[str, Any], ...]
    is_delayed: bool = False
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def _official(*reports: tuple[str, int]) -> dict[str, Report]:
    return {name: Report(name, span) for name, span in reports}


def _new(*reports: tuple[str, int]) -> dict[str, Report]:
    return {name: Report(name, span, NEW_ARTICLES_SINCE) for name, span in reports}


def _legacy(*reports: tuple[str, int]) -> dict[str, Report]:
    return {name: Report(name, span, is_legacy=True) for name, span in reports}


def _mini(*reports: tuple[str, int, Calendar]) -> dict[str, Report]:
    return {name: Report(name, span, is_mini_program=True, calendar=calendar) for name, span, calendar in reports}


# getbizsummary: one source says 30 days, another 1. getarticletotaldetail: 1 is safe.
REPORTS: dict[str, Report] = {
    **_new(("getarticleread", 1), ("getarticleshare", 1), ("getbizsummary", 1), ("getarticletotaldetail", 1)),
    **_legacy(
        ("getarticlesummary", 1), ("getarticletotal", 1), ("getuserread", 3), ("getuserreadhour", 1),
        ("getusershare", 7), ("getusersharehour", 1),
    ),
    **_official(
        ("getusersummary", 7), ("getusercumulate", 7), ("getupstreammsg", 7), ("getupstreammsghour", 1),
        ("getupstreammsgweek", 30), ("getupstreammsgmonth", 30), ("getupstreammsgdist", 15),
        ("getupstreammsgdistweek", 30), ("getupstreammsgdistmonth", 30), ("getinterfacesummary", 30),
        ("getinterfacesummaryhour", 1),
    ),
    **_mini(
        ("getweanalysisappiddailysummarytrend", 1, Calendar.DAYS),
        ("getweanalysisappiddailyvisittrend", 1, Calendar.DAYS),
        ("getweanalysisappidweeklyvisittrend", 7, Calendar.WEEK),
        ("getweanalysisappidmonthlyvisittrend", 31, Calendar.MONTH),
        ("getweanalysisappiddailyretaininfo", 1, Calendar.DAYS),
        ("getweanalysisappidweeklyretaininfo", 7, Calendar.WEEK),
        ("getweanalysisappidmonthlyretaininfo", 31, Calendar.MONTH),
        ("getweanalysisappidvisitpage", 1, Calendar.DAYS),
        ("getweanalysisappidvisitdistribution", 1, Calendar.DAYS),
        ("getweanalysisappiduserportrait", 30, Calendar.DAYS),
    ),
}  # fmt: skip
PORTRAIT_SPANS = (1, 7, 30)


def last_whole_day(at: datetime | None = None) -> date:
    """The last day that can be asked for: yesterday in Beijing."""
    return beijing_day(at or now()) - timedelta(days=1)


def last_reliable_day(at: datetime | None = None) -> date:
    """The last day whose numbers are final: yesterday from 08:00 in Beijing on, before that the day before."""
    at = at or now()
    is_early = at.astimezone(BEIJING).time() < RELIABLE_FROM
    return last_whole_day(at) - timedelta(days=int(is_early))


def read_report(client: WeChatClient, name: str, first_day: date, last_day: date | None = None) -> Answered:
    """One call for a report. Raises BadMessage for days that the platform would refuse."""
    report = REPORTS[name]
    last_day = last_day or first_day
    check_days(report, first_day, last_day)
    pattern = "%Y%m%d" if report.is_mini_program else "%Y-%m-%d"
    body = {"begin_date": first_day.strftime(pattern), "end_date": last_day.strftime(pattern)}
    answer = client.call("POST", report.path, body=body, idempotent=True)
    # Some reports of mini programs answer one object instead of a list.
    found = rows(answer, "list") if isinstance(answer.get("list"), list) and "ref_date" not in answer else [answer]
    is_delayed = str(answer.get("is_delay", False)).lower() in ("true", "1")
    return Answered(report, first_day, last_day, tuple(found), is_delayed, answer)


def read_days(client: WeChatClient, name: str, first_day: date, last_day: date) -> Iterator[Answered]:
    """A report over many days, in as few calls as its span allows, the oldest first. For reports of days only."""
    report = REPORTS[name]
    if report.calendar != Calendar.DAYS or name == "getweanalysisappiduserportrait":
        raise BadMessage("The report %(name)s takes whole spans only. Ask for each span.", name=name)
    while first_day <= last_day:
        end = min(first_day + timedelta(days=report.span_days - 1), last_day)
        yield read_report(client, name, first_day, end)
        first_day = end + timedelta(days=1)


def check_days(report: Report, first_day: date, last_day: date) -> None:
    """Raise BadMessage unless the platform has these days in one call."""
    num_days = (last_day - first_day).days + 1
    if not 1 <= num_days <= report.span_days or not _is_whole(report, first_day, last_day, num_days):
        raise BadMessage(
            "The report %(name)s does not cover %(first_day)s to %(last_day)s in one call. Choose fewer or other days.",
            name=report.name, first_day=first_day, last_day=last_day,
        )  # fmt: skip
    if last_day > last_whole_day() or first_day < report.first_day:
        raise BadMessage(
            "WeChat has the report %(name)s from %(from_day)s until yesterday in Beijing. Choose days in between.",
            name=report.name, from_day=report.first_day,
        )  # fmt: skip


def _is_whole(report: Report, first_day: date, last_day: date, num_days: int) -> bool:
    if report.calendar == Calendar.WEEK:
        return num_days == 7 and first_day.weekday() == 0
    if report.calendar == Calendar.MONTH:
        return first_day.day == 1 and (last_day + timedelta(days=1)).day == 1 and num_days <= 31
    return report.name != "getweanalysisappiduserportrait" or num_days in PORTRAIT_SPANS
