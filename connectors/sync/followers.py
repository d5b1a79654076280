"""Followers: the list of openids, who left unnoticed, then what the platform tells about each.

Stage: collect. Reads the platform's lists. Writes contacts and identities (audience.following), connectors.Follower.
Phases of the cursor: "list" (10,000 openids a call, 500 calls a day), "gone", "details" (100 people a call).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor
from accounts.tenancy import current_tenant_id, tenant_scope
from audience import following, merging
from connectors.models import ConnectedAccount, Follower, SyncRun
from connectors.sync.steps import Step
from connectors.wechat import users
from connectors.wechat.client import WeChatClient

LIST, GONE, DETAILS = "list", "gone", "details"
STAGES = {
    LIST: _("Reading the list of followers"),
    GONE: _("Looking for those who have left"),
    DETAILS: _("Reading what WeChat tells about each"),
}
_GONE_AT_ONCE = 5000
_DETAILS_AT_ONCE = 1000
_TELL_AGAIN_AFTER = timedelta(days=7)
_SEE = """
INSERT INTO connectors_follower (tenant_id, account_id, openid, contact_id, seen_in, remark, tag_ids, scene, qr_scene)
SELECT %s, %s, seen.openid, seen.contact_id, %s, '', '{}', '', ''
FROM unnest(%s::text[], %s::bigint[]) AS seen (openid, contact_id)
ON CONFLICT (tenant_id, account_id, openid) DO UPDATE SET seen_in = excluded.seen_in
RETURNING xmax = 0
"""
_TELL = """
UPDATE connectors_follower follower SET told_at = %s, remark = told.remark, scene = told.scene,
    qr_scene = told.qr_scene, tag_ids = told.tag_ids::int[]
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[]) AS told (id, remark, scene, qr_scene, tag_ids)
WHERE follower.tenant_id = %s AND follower.id = told.id
"""


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """The whole pass from where the run stands."""
    phase = run.cursor.get("phase", LIST)
    if phase == LIST:
        yield from _list(run, client)
        phase = GONE
    if phase == GONE:
        yield from _gone(run)
    yield from _details(run, client)


def _list(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    num_seen = run.cursor.get("num_seen", 0)
    for page in users.follower_pages(client, run.cursor.get("next", "")):
        num_seen += len(page.openids)
        cursor = {"phase": LIST, "next": page.next_openid, "num_seen": num_seen}
        write = partial(_see, run, page.openids)
        yield Step(write, cursor, num_seen, page.total, STAGES[LIST], {"following": num_seen})
    yield Step(dict, {"phase": GONE, "num_seen": num_seen}, num_seen, num_seen, STAGES[GONE], {"following": num_seen})


def _see(run: SyncRun, openids: Sequence[str]) -> dict[str, int]:
    """Note that the list named these people; those who had left by our knowledge are asked about again."""
    known = following.contacts_of(run.account.app_id, openids)
    with connection.cursor() as cursor:
        row: list[Any] = [current_tenant_id(), run.account_id, run.pk, list(known), list(known.values())]
        cursor.execute(_SEE, row)
        num_new = sum(is_new for (is_new,) in cursor.fetchall())
    returned = following.left_among(run.account.app_id, openids)
    Follower.objects.filter(account=run.account, openid__in=returned).update(told_at=None)
    return {"new": num_new}


def _gone(run: SyncRun) -> Iterator[Step]:
    """People whom an earlier pass saw and this one did not have left, unless they came while it ran."""
    last = run.cursor.get("last", 0)
    while True:
        with tenant_scope(run.account.brand_id):
            rows = list(
                Follower.objects.filter(account=run.account, pk__gt=last)
                .exclude(seen_in=run.pk)
                .order_by("pk")
                .values_list("pk", "openid")[:_GONE_AT_ONCE]
            )
        if not rows:
            break
        last = rows[-1][0]
        write = partial(_leave, run, [openid for _pk, openid in rows])
        yield Step(write, run.cursor | {"phase": GONE, "last": last}, stage=STAGES[GONE])
    yield Step(dict, {"phase": DETAILS, "last": 0}, stage=STAGES[DETAILS])


def _leave(run: SyncRun, openids: Sequence[str]) -> dict[str, int]:
    return {"left": following.note_absent(run.account.app_id, openids, run.created_at)}


def _details(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    last, done = run.cursor.get("last", 0), run.cursor.get("done", 0)
    with tenant_scope(run.account.brand_id):
        total = done + _untold(run).filter(pk__gt=last).count()
    while True:
        with tenant_scope(run.account.brand_id):
            people = list(_untold(run).filter(pk__gt=last).order_by("pk")[:_DETAILS_AT_ONCE])
        if not people:
            return
        told = list(users.read_users(client, [person.openid for person in people]))
        last, done = people[-1].pk, done + len(people)
        cursor = {"phase": DETAILS, "last": last, "done": done}
        yield Step(partial(_tell, run.account, people, told), cursor, done, total, STAGES[DETAILS])


def _untold(run: SyncRun) -> Any:
    """Followers of this pass about whom the platform was not asked lately."""
    is_due = Q(told_at=None) | Q(told_at__lt=run.created_at - _TELL_AGAIN_AFTER)
    return Follower.objects.filter(is_due, account=run.account, seen_in=run.pk)


def _tell(account: ConnectedAccount, people: Sequence[Follower], told: Sequence[users.Follower]) -> dict[str, int]:
    """Keep what was told; a person the answer leaves out stays as known and is asked again another time."""
    by_openid, now = {person.openid: person for person in people}, timezone.now()
    heard = [(by_openid[row.openid], row) for row in told if row.openid in by_openid]
    columns: list[list[Any]] = [
        [person.pk for person, _row in heard],
        [row.remark[:100] if row.is_following else person.remark for person, row in heard],
        [row.scene[:60] if row.is_following else person.scene for person, row in heard],
        [row.qr_scene[:100] if row.is_following else person.qr_scene for person, row in heard],
        [_array(row.tag_ids if row.is_following else person.tag_ids) for person, row in heard],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [now, *columns, current_tenant_id()])
    times = {row.openid: row.followed_at for _person, row in heard if row.followed_at}
    following.note_follow_times(account.app_id, times)
    absent = [row.openid for _person, row in heard if not row.is_following]
    num_left = following.note_absent(account.app_id, absent, now) if absent else 0
    unionids = {person.contact_id: row.unionid for person, row in heard if row.unionid}
    pairs = following.learn_unionids(unionids)
    num_merged = merging.merge_same_unionid(pairs, Actor.system("follower sync"))
    return {"asked": len(heard), "left": num_left, "same_person": len(pairs), "merged": num_merged}


def num_following(account: ConnectedAccount) -> int:
    """Followers by the newest complete pass, less those who have left since."""
    return following.num_following(account.app_id)


def _array(numbers: Sequence[int]) -> str:
    """An array as PostgreSQL writes it; arrays of different lengths cannot be one two-dimensional parameter."""
    return "{" + ",".join(map(str, numbers)) + "}"
