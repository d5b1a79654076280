"""The brand's segments: make, change, freeze, upload, put away, count. Each change is audited and keeps its version.

Stage: execution. Writes Segment, SegmentVersion and SegmentMember.
"""

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id
from audience.contacts import ids_by_external
from audience.models import Identity
from campaigns.models import Segment, SegmentMember, SegmentVersion
from campaigns.segments import queries
from campaigns.segments.rules import Rule, read_rule
from campaigns.segments.sql import Sql
from common.errors import BadInput, Conflict

MAX_SEGMENTS = 1000
MAX_UPLOADED = 200_000
NUM_UNKNOWN_SHOWN = 20


def create(name: str, rule: Rule, by: Actor) -> Segment:
    """A segment by rule. Raises BadInput for a bad name, RuleInvalid for a rule that leads nowhere."""
    return _make(name, Segment.Kind.DYNAMIC, rule.to_dict(), by, queries.matching(rule, queries.ask_now()))


def freeze(name: str, rule: Rule, by: Actor) -> Segment:
    """A fixed list of those whom the rule means now."""
    found = queries.matching(rule, queries.ask_now())
    return _make(name, Segment.Kind.FIXED, rule.to_dict(), by, found)


@dataclass(frozen=True)
class Upload:
    """What became of an uploaded list."""

    segment: Segment
    num_given: int
    num_found: int
    unknown: list[str]
    """The first few ids that nobody has."""


def upload(name: str, ids: list[str], by: Actor) -> Upload:
    """A fixed list of the people with these ids (the brand's own, OpenID or UnionID); unknown ids are told."""
    wanted = list(dict.fromkeys(one.strip() for one in ids if one.strip()))
    if not wanted or len(wanted) > MAX_UPLOADED:
        raise BadInput(_("Give 1 to %(most)s ids, one per line."), most=MAX_UPLOADED)
    found = ids_by_external(wanted)
    rest = [one for one in wanted if one not in found]
    kinds = [Identity.Kind.OPENID, Identity.Kind.UNIONID]
    found |= dict(Identity.objects.filter(kind__in=kinds, value__in=rest).values_list("value", "contact_id"))
    if not found:
        raise BadInput(_("None of the %(num)s ids belongs to a contact of this brand."), num=len(wanted))
    people = Sql("SELECT unnest(%s::bigint[]) AS id", (sorted(set(found.values())),))
    segment = _make(name, Segment.Kind.FIXED, {}, by, people)
    unknown = [one for one in wanted if one not in found]
    return Upload(segment, len(wanted), len(wanted) - len(unknown), unknown[:NUM_UNKNOWN_SHOWN])


@transaction.atomic
def _make(name: str, kind: str, rule: dict[str, Any], by: Actor, people: Sql) -> Segment:
    if Segment.objects.filter(is_archived=False).count() >= MAX_SEGMENTS:
        raise Conflict(_("A brand may have %(most)s segments. Archive some first."), most=MAX_SEGMENTS)
    segment = Segment(name=_clean_name(name), kind=kind, rule=rule, created_by=by.label)
    _save(segment, force_insert=True)
    if segment.is_fixed:
        _fill(segment, people)
    _keep_version(segment, by)
    record(by, "create", "segment", segment.code, name=segment.name)
    refresh_count(segment)
    return segment


@transaction.atomic
def change(segment: Segment, name: str, rule: Rule | None, by: Actor, number: int | None = None) -> Segment:
    """Another name or rule; the former stays as a version. `number` is the version the change was made on.

    Raises Conflict when somebody else changed it meanwhile, RuleInvalid when rules would go in a circle.
    """
    fresh = Segment.objects.select_for_update().get(pk=segment.pk)
    if number is not None and number != fresh.number:
        raise Conflict(_("Somebody changed this segment meanwhile. Open it again and repeat your change."))
    wanted = fresh.rule if rule is None or fresh.is_fixed else rule.to_dict()
    if (fresh.name, fresh.rule) == (_clean_name(name), wanted):
        return fresh
    fresh.name, fresh.rule, fresh.number = _clean_name(name), wanted, fresh.number + 1
    _save(fresh, update_fields=["name", "rule", "number", "updated_at"])
    _keep_version(fresh, by)
    record(by, "update", "segment", fresh.code, name=fresh.name, number=fresh.number)
    refresh_count(fresh)
    return fresh


def restore(segment: Segment, number: int, by: Actor) -> Segment:
    """Make an earlier version the newest one."""
    version = SegmentVersion.objects.filter(segment=segment, number=number).first()
    if version is None:
        raise BadInput(_("There is no version %(number)s of this segment."), number=number)
    return change(segment, version.name, read_rule(version.rule) if version.rule else None, by)


def archive(segment: Segment, by: Actor, *, is_archived: bool = True) -> None:
    """Put the segment away, or back. One that others build on stays."""
    users = [one.name for one in used_by(segment)]
    if is_archived and users:
        raise Conflict(
            _("“%(name)s” is used by %(users)s. Change those first."), name=segment.name, users=", ".join(users)
        )
    segment.is_archived = is_archived
    segment.save(update_fields=["is_archived", "updated_at"])
    record(by, "archive" if is_archived else "restore", "segment", segment.code, name=segment.name)


def used_by(segment: Segment) -> list[Segment]:
    """The segments whose rules name this one."""
    others = Segment.objects.filter(is_archived=False, kind=Segment.Kind.DYNAMIC).exclude(pk=segment.pk)
    return [one for one in others if f'"{segment.code}"' in str(one.rule).replace("'", '"')]


def refresh_count(segment: Segment) -> int:
    """Count the members anew and remember it. Raises RuleInvalid for circles and lost segments."""
    segment.num_members = queries.count(queries.members_sql(segment, queries.ask_now()))
    segment.counted_at = timezone.now()
    segment.save(update_fields=["num_members", "counted_at"])
    return segment.num_members


def _fill(segment: Segment, people: Sql) -> None:
    insert = "INSERT INTO campaigns_segmentmember (tenant_id, segment_id, contact_id) SELECT %s, %s, found.id FROM ("
    queries.execute(Sql(insert, (current_tenant_id(), segment.pk)) + people + Sql(") AS found"))


def remove_member(segment: Segment, contact_id: int, by: Actor) -> None:
    """Take one person off a fixed list."""
    if not segment.is_fixed:
        raise Conflict(_("People enter and leave this segment by its rule; change the rule."))
    num, _kinds = SegmentMember.objects.filter(segment=segment, contact_id=contact_id).delete()
    if num:
        record(by, "remove_member", "segment", segment.code, name=segment.name)
        refresh_count(segment)


def _keep_version(segment: Segment, by: Actor) -> None:
    SegmentVersion.objects.create(
        segment=segment, number=segment.number, name=segment.name, rule=segment.rule, created_by=by.label
    )


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= 80:
        raise BadInput(_("Give the segment a name of 1 to 80 characters."))
    return cleaned


def _save(segment: Segment, **how: Any) -> None:
    try:
        with transaction.atomic():
            segment.save(**how)
    except IntegrityError as error:
        raise BadInput(_("There is already a segment called “%(name)s”."), name=segment.name) from error
