"""The platform's totals made ready for a page: followers, articles, messages. Reads connectors.PlatformTotal."""

from collections import defaultdict
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from connectors.models import ConnectedAccount, PlatformTotal

SHOWN_DAYS = 60
SHOWN_ARTICLES = 50
_ARTICLE_SUMS = {
    "readers": "num_readers", "sharers": "num_sharers", "likes": "num_likes", "comments": "num_comments",
}  # fmt: skip


def of(account: ConnectedAccount) -> dict[str, Any]:
    """Chart options of followers, rows of articles, sums of messages; empty where nothing was fetched."""
    rows = PlatformTotal.objects.filter(account=account).order_by("day")
    return {
        "followers_chart": _followers_chart(rows),
        "articles": _articles(rows),
        "message_sums": _messages(rows),
        "newest": rows.order_by("-fetched_at").first(),
        "has_unsettled": rows.filter(is_final=False).exists(),
    }


def _followers_chart(rows: Any) -> dict[str, Any] | None:
    per_day: dict[date, dict[str, int]] = defaultdict(lambda: {"won": 0, "lost": 0})
    for row in rows.filter(report="follows"):
        per_day[row.day]["won"] += row.measures["num_new"]
        per_day[row.day]["lost"] += row.measures["num_lost"]
    total = {row.day: row.measures["num_followers"] for row in rows.filter(report="followers")}
    days = sorted(per_day.keys() | total.keys())[-SHOWN_DAYS:]
    if not days:
        return None
    won = [per_day[day]["won"] for day in days]
    lost = [-per_day[day]["lost"] for day in days]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 36, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [f"{day:%m-%d}" for day in days]},
        "yAxis": [{"type": "value"}, {"type": "value", "scale": True, "splitLine": {"show": False}}],
        "series": [
            {"type": "bar", "stack": "change", "name": _("new followers"), "data": won},
            {"type": "bar", "stack": "change", "name": _("lost followers"), "data": lost},
            {"type": "line", "yAxisIndex": 1, "name": _("Followers"), "data": [total.get(day) for day in days]},
        ],
    }


def _articles(rows: Any) -> list[dict[str, Any]]:
    """One entry per article, its days added up; the most read first. Readers of several days are counted on each."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows.filter(report="articles"):
        one = found.setdefault(row.part, dict.fromkeys(_ARTICLE_SUMS, 0))
        for name, key in _ARTICLE_SUMS.items():
            one[name] += row.measures.get(key) or 0
        one |= {name: row.measures.get(name) for name in ("title", "url", "finish_rate")}
    return sorted(found.values(), key=lambda one: -one["readers"])[:SHOWN_ARTICLES]


def _messages(rows: Any) -> dict[str, int]:
    measures = [row.measures for row in rows.filter(report="messages")]
    return {
        "people": sum(one["num_people"] for one in measures),
        "messages": sum(one["num_messages"] for one in measures),
    }
