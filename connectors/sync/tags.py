"""Tags both ways: WeChat's members become tags of the brand's contacts, or the brand's tags are put on followers.

Stage: collect. Writes connectors.PlatformTag, Follower.tag_ids and tags of contacts (audience.tagging); for tags the
brand leads, the platform itself. Cursor: the tag at work (`tag`, its place) and where in its list (`next`).
"""

from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Func, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.tenancy import tenant_scope
from audience import tagging
from connectors.models import ConnectedAccount, Follower, PlatformTag, SyncRun
from connectors.sync.steps import Step
from connectors.wechat import tags
from connectors.wechat.client import WeChatClient

READING, PUTTING = _("Reading who wears the tag"), _("Putting the tag on followers")
_CHANGES_AT_ONCE = 500


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """Read the account's tags, then bring each into line with the side that leads it."""
    if "tag" not in run.cursor:
        found = [tag for tag in tags.read_tags(client) if not tag.is_system]
        yield Step(partial(_keep, run.account, found), {"tag": 0}, 0, len(found), READING, {"tags": len(found)})
    with tenant_scope(run.account.brand_id):
        rows = list(PlatformTag.objects.filter(account=run.account).order_by("pk"))
    for place, row in enumerate(rows):
        if row.pk < run.cursor["tag"]:
            continue
        follow = _from_platform if row.leader == PlatformTag.Leader.PLATFORM else _to_platform
        for write, where, stage in follow(run, row, client):
            yield Step(write, {"tag": row.pk, **where}, place, len(rows), stage)
        yield Step(partial(_mark, row), {"tag": row.pk + 1}, place + 1, len(rows))


def _keep(account: ConnectedAccount, found: Sequence[tags.Tag]) -> dict[str, int]:
    """The account's own tags as rows; rows of deleted tags go."""
    PlatformTag.objects.filter(account=account).exclude(platform_id__in=[tag.id for tag in found]).delete()
    for tag in found:
        facts = {"name": tag.name[:40], "num_people": tag.num_people}
        PlatformTag.objects.update_or_create(account=account, platform_id=tag.id, defaults=facts)
    return {}


def _mark(row: PlatformTag) -> dict[str, int]:
    num_people = Follower.objects.filter(account=row.account, tag_ids__contains=[row.platform_id]).count()
    PlatformTag.objects.filter(pk=row.pk).update(synced_at=timezone.now(), num_people=num_people)
    return {}


_Change = tuple[partial[dict[str, int]], dict[str, object], str]


def _from_platform(run: SyncRun, row: PlatformTag, client: WeChatClient) -> Iterator[_Change]:
    """Its wearers get the tag as contacts; those who wore it and are not listed any more lose it."""
    start = str(run.cursor.get("next", "")) if run.cursor["tag"] == row.pk else ""
    worn: list[str] = []
    for page in tags.tagged_pages(client, row.platform_id, start):
        worn += page.openids
        yield partial(_wear, row, page.openids), {"next": page.next_openid}, READING
    if not start:
        yield partial(_lose, row, worn), {}, READING


def _wear(row: PlatformTag, openids: Sequence[str]) -> dict[str, int]:
    wearing = Follower.objects.filter(account=row.account, openid__in=openids)
    fresh = wearing.exclude(tag_ids__contains=[row.platform_id])
    fresh.update(tag_ids=Func("tag_ids", Value(row.platform_id), function="array_append"))
    return {"tagged": tagging.put(row.name, wearing.values("contact_id"))}


def _lose(row: PlatformTag, worn: Sequence[str]) -> dict[str, int]:
    lost = Follower.objects.filter(account=row.account, tag_ids__contains=[row.platform_id]).exclude(openid__in=worn)
    contacts = list(lost.values_list("contact_id", flat=True))
    lost.update(tag_ids=Func("tag_ids", Value(row.platform_id), function="array_remove"))
    return {"untagged": tagging.take_off(row.name, contacts)}


def _to_platform(run: SyncRun, row: PlatformTag, client: WeChatClient) -> Iterator[_Change]:
    """Followers whose contact wears the brand's tag get it on WeChat; the others lose it there. 50 people a call."""
    for is_putting, call in ((True, tags.tag_users), (False, tags.untag_users)):
        while True:
            with tenant_scope(run.account.brand_id):
                openids = list(_misplaced(row, is_putting).values_list("openid", flat=True)[:_CHANGES_AT_ONCE])
            if not openids:
                break
            refused = {rejection.openid for rejection in call(client, row.platform_id, openids).rejected}
            yield partial(_note, row, openids, refused, is_putting), {}, PUTTING
            if refused:
                break


def _misplaced(row: PlatformTag, is_putting: bool) -> QuerySet[Follower]:
    wearing = tagging.wearers(row.name)
    people = Follower.objects.filter(account=row.account).order_by("pk")
    if is_putting:
        return people.filter(contact_id__in=wearing).exclude(tag_ids__contains=[row.platform_id])
    return people.filter(tag_ids__contains=[row.platform_id]).exclude(contact_id__in=wearing)


def _note(row: PlatformTag, openids: Sequence[str], refused: set[str], is_putting: bool) -> dict[str, int]:
    changed = Follower.objects.filter(account=row.account, openid__in=[o for o in openids if o not in refused])
    function = "array_append" if is_putting else "array_remove"
    num = changed.update(tag_ids=Func("tag_ids", Value(row.platform_id), function=function))
    return {"put_on" if is_putting else "taken_off": num, "refused": len(refused)}
