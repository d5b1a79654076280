"""What a brand's home shows: how data flows, whether it is enough, what runs, which model serves and how good it is.

Stage: evaluation. Reads contacts, items, events, uploads, jobs, training runs and model versions of the brand in scope.
Writes nothing; counts over events are kept in the cache for a minute.
"""

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Max
from django.utils import timezone

from accounts.models import Job
from accounts.tenancy import current_tenant_id
from audience.models import Contact, Import
from audience.timeline import GROUPS
from catalog.models import Item
from common.errors import FanwiseError
from modeling import labels, readiness, versions
from modeling.models import Dataset, ModelVersion, Purpose, TrainingRun
from recommendations import trends

CHART_DAYS = 30
NUM_TOP_ITEMS = 6
_KEPT_SECONDS = 60
_TOTALS = """SELECT count(*), max(received_at), max(occurred_at), count(*) FILTER (WHERE received_at > %(frozen_at)s)
    FROM audience_event WHERE tenant_id = %(tenant)s"""
_PER_DAY = """SELECT (occurred_at AT TIME ZONE %(zone)s)::date, kind, count(*) FROM audience_event
    WHERE tenant_id = %(tenant)s AND occurred_at >= %(since)s AND occurred_at <= %(until)s GROUP BY 1, 2"""


@dataclass(frozen=True)
class Flow:
    """How much has come in and when the last of it did."""

    num_contacts: int
    num_items: int
    num_events: int
    num_new_events: int
    """Those that came in after the newest dataset was frozen; 0 without a dataset."""
    received_at: datetime | None
    """When the newest event reached us."""
    last_day: date | None
    """The day of the newest event, in the brand's time zone."""
    per_day: dict[str, dict[str, int]] = field(default_factory=dict)
    """Day (ISO) -> group of kinds -> events, over the 30 days up to `last_day`."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all has come in yet."""
        return not (self.num_contacts or self.num_items or self.num_events)

    @property
    def is_live(self) -> bool:
        """Whether an event came in within the last ten minutes."""
        return self.received_at is not None and timezone.now() - self.received_at < timedelta(minutes=10)


@dataclass(frozen=True)
class Serving:
    """The live model beside the best simple one of the same run, on the same test users."""

    version: ModelVersion
    simple: ModelVersion | None
    rows: list["MetricRow"]

    @property
    def num_test(self) -> int:
        """How many followers the figures were measured on."""
        test = self.version.metrics.get("test", {})
        return int(test.get("num_users") or test.get("num_rows") or 0)

    @property
    def is_tiny(self) -> bool:
        """Whether so few were measured that the figures may be chance."""
        return self.num_test < FEW_TEST_USERS

    @property
    def verdict(self) -> str:
        """What the gate said about the deep model of the run, in words."""
        return labels.explain_verdict(self.version.run.result.get("verdict", {}))


@dataclass(frozen=True)
class MetricRow:
    """One metric of the live model and of the simple one."""

    metric: labels.Metric
    live: float
    simple: float | None

    @property
    def gain_percent(self) -> float | None:
        """How much better the live one is than the simple one."""
        return 100 * (self.live / self.simple - 1) if self.simple else None

    @property
    def live_percent(self) -> float:
        """Length of the live model's bar; 80 for the better of the two."""
        return 80 * self.live / self._best

    @property
    def simple_percent(self) -> float:
        """Length of the simple model's bar."""
        return 80 * (self.simple or 0) / self._best

    @property
    def _best(self) -> float:
        return max(self.live, self.simple or 0, 1e-9)


def flow() -> Flow:
    """Counts of the brand in scope; those over events are at most a minute old."""
    events = _events()
    return Flow(
        num_contacts=Contact.objects.count(),
        num_items=Item.objects.count(),
        num_events=events["num_events"],
        num_new_events=events["num_new_events"],
        received_at=datetime.fromisoformat(events["received_at"]) if events["received_at"] else None,
        last_day=date.fromisoformat(events["last_day"]) if events["last_day"] else None,
        per_day=events["per_day"],
    )


def _events() -> dict[str, Any]:
    """Counts over events; while there are none, the first one shows at once."""
    return _kept("events", _count_events, is_final=lambda counted: bool(counted["num_events"]))


def _kept(name: str, count: Callable[[], Any], *, is_final: Callable[[Any], bool]) -> Any:
    """What `count` answered within the last minute; an import that ended or was undone makes it count anew."""
    done = Import.objects.filter(state=Import.State.DONE).aggregate(num=Count("pk"), last=Max("done_at"))
    zone = timezone.get_current_timezone_name()
    key = f"home-{name}:{current_tenant_id()}:{zone}:{done['num']}:{done['last'] and done['last'].timestamp()}"
    kept = cache.get(key)
    if kept is None:
        kept = json.dumps(count())
        if is_final(json.loads(kept)):
            cache.set(key, kept, _KEPT_SECONDS)
    return json.loads(kept)


def _count_events() -> dict[str, Any]:
    frozen_at = Dataset.objects.aggregate(newest=Max("created_at"))["newest"]
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"tenant": current_tenant_id(), "frozen_at": frozen_at})
        num_events, received_at, occurred_at, num_new_events = cursor.fetchone()
    if not num_events:
        return {"num_events": 0, "num_new_events": 0, "received_at": None, "last_day": None, "per_day": {}}
    last_day = timezone.localtime(occurred_at).date()
    return {
        "num_events": num_events,
        "num_new_events": num_new_events,
        "received_at": received_at.isoformat(),
        "last_day": last_day.isoformat(),
        "per_day": _count_per_day(occurred_at, last_day),
    }


def _count_per_day(until: datetime, last_day: date) -> dict[str, dict[str, int]]:
    """Events per day and group; every day is there, so that a silent day is seen."""
    days = [last_day - timedelta(days=back) for back in reversed(range(CHART_DAYS))]
    since = timezone.make_aware(datetime.combine(days[0], datetime.min.time()))
    found: dict[str, dict[str, int]] = {day.isoformat(): dict.fromkeys(GROUPS, 0) for day in days}
    group_of = {int(kind): name for name, (_label, kinds) in GROUPS.items() for kind in kinds}
    zone = timezone.get_current_timezone_name()
    with connection.cursor() as cursor:
        cursor.execute(_PER_DAY, {"tenant": current_tenant_id(), "zone": zone, "since": since, "until": until})
        for day, kind, num_events in cursor.fetchall():
            found[day.isoformat()][group_of[kind]] += num_events
    return found


def chart_options(flow: Flow) -> dict[str, Any]:
    """ECharts options: events per day, stacked by group, in the language of the reader; empty groups are left out."""
    days = list(flow.per_day)
    series = [
        {"type": "bar", "stack": "events", "name": str(label), "data": data, "barMaxWidth": 18}
        for group, (label, _kinds) in GROUPS.items()
        if any(data := [flow.per_day[day][group] for day in days])
    ]
    return {
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "legend": {"top": 0, "left": 0, "type": "scroll"},
        "grid": {"left": 8, "right": 8, "top": 36, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "category", "data": [day[5:] for day in days]},
        "yAxis": {"type": "value", "minInterval": 1, "splitNumber": 3},
        "series": series,
    }


def enough_data() -> readiness.Readiness | None:
    """Whether the brand can train: on next items, else on the engagement table if it has one; None with neither."""
    kept = _kept("readiness", _count_readiness, is_final=bool)
    if not kept:
        return None
    problem = FanwiseError(kept["problem"][0], **kept["problem"][1]) if kept["problem"] else None
    return readiness.Readiness(kept["purpose"], tuple(readiness.Requirement(*line) for line in kept["lines"]), problem)


def _count_readiness() -> dict[str, Any]:
    found = [readiness.of(purpose) for purpose in (Purpose.NEXT_ITEM, Purpose.ENGAGEMENT)]
    told = [one for one in found if any(line.have for line in one.lines)]
    if not told:
        return {}
    chosen = next((one for one in told if one.is_enough), told[0])
    return {
        "purpose": str(chosen.purpose),
        "lines": [astuple(line) for line in chosen.lines],
        "problem": [chosen.problem.template, chosen.problem.context] if chosen.problem else None,
    }


def open_jobs() -> list[tuple[Job, str, str]]:
    """Work under way, newest first: the job, the name of its page and the code of its object."""
    pages: list[tuple[Job, str, str]] = []
    jobs = list(Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).order_by("-created_at")[:5])
    imports = dict(Import.objects.filter(job__in=jobs).values_list("job_id", "code"))
    runs = dict(TrainingRun.objects.filter(job__in=jobs).values_list("job_id", "code"))
    for job in jobs:
        if job.pk in imports:
            pages.append((job, "audience:import", imports[job.pk]))
        elif job.pk in runs:
            pages.append((job, "modeling:run", runs[job.pk]))
        else:
            pages.append((job, "", ""))
    return pages


FEW_TEST_USERS = 100
"""With fewer, a figure's 95 % interval is wider than ten points to each side."""
_SHOWN = {Purpose.NEXT_ITEM: ("hr_at_10", "ndcg_at_10"), Purpose.ENGAGEMENT: ("f1", "auc")}


def serving() -> Serving | None:
    """The live model (next items first) with its test metrics against the best simple one; None before the first."""
    version = versions.live(Purpose.NEXT_ITEM) or versions.live(Purpose.ENGAGEMENT)
    if version is None:
        return None
    simple = _best_simple(version)
    rows = [
        MetricRow(
            metric, version.metrics["test"][metric.key], simple.metrics["test"].get(metric.key) if simple else None
        )
        for metric in labels.METRICS[version.purpose]
        if metric.key in _SHOWN[Purpose(version.purpose)] and metric.key in version.metrics.get("test", {})
    ]
    return Serving(version, simple, rows)


def _best_simple(version: ModelVersion) -> ModelVersion | None:
    key = _SHOWN[Purpose(version.purpose)][-1]
    siblings = ModelVersion.objects.filter(run=version.run_id, kind__in=versions.SIMPLE_KINDS).exclude(pk=version.pk)
    return max(siblings, key=lambda one: one.metrics.get("test", {}).get(key, 0), default=None)


def top_items() -> list[tuple[Item, int]]:
    """The items most people met in the last seven days, with how many did."""
    people = trends.current(timezone.now()).people_week
    best = sorted(people, key=lambda item_id: -people[item_id])[: NUM_TOP_ITEMS * 2]
    items = Item.objects.filter(pk__in=best, state=Item.State.ACTIVE).in_bulk()
    return [(items[item_id], people[item_id]) for item_id in best if item_id in items][:NUM_TOP_ITEMS]
