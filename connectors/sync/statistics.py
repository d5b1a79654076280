"""The platform's daily totals: followers won and lost, readers of articles, messages, how our callback did.

Stage: collect. Writes connectors.PlatformTotal. Totals are about all people together and stay totals: nothing
here touches a contact. A day the platform calls delayed, and each of the last three, is asked again by later passes;
articles are asked by the day they came out, as their numbers grow for a month.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.tenancy import tenant_scope
from connectors.models import ConnectedAccount, PlatformTotal, SyncRun
from connectors.sync.steps import Step
from connectors.wechat import statistics
from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import beijing_day
from connectors.wechat.errors import NotAllowed
from connectors.wechat.statistics import Days

FIRST_SPAN_DAYS = 30
UNSETTLED_DAYS = 3
STAGE = _("Reading the platform's totals")
_KEPT_APART = frozenset({"day", "raw"})


@dataclass(frozen=True)
class Report:
    """One report: how it is asked for a span of days, and what a row is about within its day."""

    read: Callable[[WeChatClient, date, date], Iterator[Days[Any]]]
    part: Callable[[Any], str]
    is_growing: bool = False
    """Asked by the day an article came out; the answer has every day since, so all the days are asked each time."""


def _each_day(read: Callable[[WeChatClient, date], Days[Any]]) -> Callable[..., Iterator[Days[Any]]]:
    def read_days(client: WeChatClient, first_day: date, last_day: date) -> Iterator[Days[Any]]:
        for place in range((last_day - first_day).days + 1):
            yield read(client, first_day + timedelta(days=place))

    return read_days


REPORTS: dict[str, Report] = {
    "follows": Report(statistics.read_follows, lambda row: row.source_name),
    "followers": Report(statistics.read_follower_totals, lambda row: ""),
    "account": Report(statistics.read_account, lambda row: ""),
    "articles": Report(_each_day(statistics.read_article_history), lambda row: row.msg_id, is_growing=True),
    "messages": Report(statistics.read_messages, lambda row: str(row.message_type)),
    "pushes": Report(statistics.read_pushes, lambda row: ""),
}


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """Every report from the first unsettled day to yesterday in Beijing."""
    last_day = beijing_day(timezone.now()) - timedelta(days=1)
    for place, (name, report) in enumerate(REPORTS.items()):
        if place < run.cursor.get("report", 0):
            continue
        with tenant_scope(run.account.brand_id):
            oldest = last_day - timedelta(days=FIRST_SPAN_DAYS - 1)
            first_day = oldest if report.is_growing else _first_day(run.account, name, last_day)
        try:
            for days in report.read(client, first_day, last_day):
                write = partial(_keep, run.account, name, report, days)
                yield Step(write, {"report": place}, place, len(REPORTS), STAGE)
        except NotAllowed:
            yield Step(lambda: {"not_allowed": 1}, {"report": place + 1}, place + 1, len(REPORTS), STAGE)
        else:
            yield Step(dict, {"report": place + 1}, place + 1, len(REPORTS), STAGE)


def _first_day(account: ConnectedAccount, report: str, last_day: date) -> date:
    """After the last settled day; not before the oldest day that is still delayed."""
    rows = PlatformTotal.objects.filter(account=account, report=report)
    newest = rows.order_by("-day").values_list("day", flat=True).first()
    if newest is None:
        return last_day - timedelta(days=FIRST_SPAN_DAYS - 1)
    first_day = min(newest + timedelta(days=1), last_day - timedelta(days=UNSETTLED_DAYS - 1))
    delayed = rows.filter(is_final=False, day__gt=last_day - timedelta(days=FIRST_SPAN_DAYS)).order_by("day").first()
    return min(first_day, delayed.day) if delayed else first_day


def _keep(account: ConnectedAccount, name: str, report: Report, days: Days[Any]) -> dict[str, int]:
    for row in days.rows:
        measures = {key: _plain(value) for key, value in asdict(row).items() if key not in _KEPT_APART}
        PlatformTotal.objects.update_or_create(
            account=account,
            report=name,
            day=row.day,
            part=report.part(row)[:120],
            defaults={"measures": measures, "is_final": not days.is_delayed, "fetched_at": timezone.now()},
        )
    return {"rows": len(days.rows)}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
