"""What really happened in the simulated world, counted as people per day: the source of every statistic.

One row per account, Beijing day, act, subject, scene and person, so that a person is one person however often they came
back. Subjects: `<msg_data_id>_<index>` of an article, a page of a mini program. Kept `DAYS_KEPT` days.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.clock import beijing_date

if TYPE_CHECKING:
    from simulator.world import World

DAYS_KEPT = 75  # two whole months for the monthly figures and a little more

_UPSERT = """
INSERT INTO act VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET num = num + excluded.num, seconds = seconds + excluded.seconds
"""


@dataclass(frozen=True)
class Count:
    """Distinct people, times and seconds of one group."""

    people: int
    times: int
    seconds: float


def count_act(
    world: "World", app_id: str, kind: str, openid: str, *, subject: str = "", scene: str = "", seconds: float = 0.0
) -> None:
    """One act of a person now."""
    now = world.now()
    hour = int(now + 8 * 3600) % 86400 // 3600
    row = (app_id, beijing_date(now).isoformat(), kind, subject, scene, openid, 1, seconds, hour)
    world.storage.execute(_UPSERT, row)


def has_acted(world: "World", app_id: str, kind: str, openid: str, subject: str = "") -> bool:
    """Whether this person ever did this, with this subject if one is named."""
    query = "SELECT 1 FROM act WHERE app_id = ? AND kind = ? AND openid = ? AND ? IN ('', subject) LIMIT 1"
    return bool(world.storage.execute(query, (app_id, kind, openid, subject)))


def count(
    world: "World", app_id: str, kind: str, first: dt.date, last: dt.date, subject: str = "", scene: str = ""
) -> Count:
    """The figures of one act over inclusive days; an empty subject or scene means all of them."""
    query = """SELECT count(DISTINCT openid), coalesce(sum(num), 0), coalesce(sum(seconds), 0) FROM act
        WHERE app_id = ? AND kind = ? AND day BETWEEN ? AND ? AND ? IN ('', subject) AND ? IN ('', scene)"""
    days = (first.isoformat(), last.isoformat())
    return Count(*world.storage.execute(query, (app_id, kind, *days, subject, scene))[0])


def count_by(
    world: "World", app_id: str, kind: str, first: dt.date, last: dt.date, by: str, subject: str = ""
) -> dict[str, Count]:
    """The same, one entry per `by`: scene, subject, day, hour, openid."""
    if by not in ("scene", "subject", "day", "hour", "openid"):
        raise ValueError(by)
    query = f"""SELECT {by}, count(DISTINCT openid), sum(num), sum(seconds) FROM act
        WHERE app_id = ? AND kind = ? AND day BETWEEN ? AND ? AND ? IN ('', subject) GROUP BY {by} ORDER BY {by}"""  # noqa: S608 - only our own names are spliced
    rows = world.storage.execute(query, (app_id, kind, first.isoformat(), last.isoformat(), subject))
    return {str(row[0]): Count(*row[1:]) for row in rows}


def people(world: "World", app_id: str, kind: str, first: dt.date, last: dt.date) -> set[str]:
    """Who did it in these days."""
    query = "SELECT DISTINCT openid FROM act WHERE app_id = ? AND kind = ? AND day BETWEEN ? AND ?"
    return {row[0] for row in world.storage.execute(query, (app_id, kind, first.isoformat(), last.isoformat()))}


def forget_old(world: "World") -> None:
    """Drops days that no statistic shows any more."""
    oldest = beijing_date(world.now()) - dt.timedelta(days=DAYS_KEPT)
    world.storage.execute("DELETE FROM act WHERE day < ?", (oldest.isoformat(),))
