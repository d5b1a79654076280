"""Who a rule means: counted, listed, sampled, and why one person is in or not.

Stage: execution. Reads contacts, identities, consents, events, items, scores and conversations of the brand in scope;
writes nothing. Each question is one query with a time limit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.tenancy import current_tenant_id
from audience.models import Contact
from campaigns.models import Segment
from campaigns.segments.fields import RuleInvalid
from campaigns.segments.kinds import Condition
from campaigns.segments.rules import Group, Node, Not, Rule, read_rule
from campaigns.segments.sql import Ask, Sql
from common.errors import BadInput

LIMIT_SECONDS = 20
NUM_SAMPLES = 8
_TIMED_OUT = "57014"  # query_canceled


class TooSlow(BadInput):
    """The rule asks more than can be answered in time."""

    code = "rule_too_slow"


def ask_now(now: datetime | None = None, among: tuple[int, ...] | None = None) -> Ask:
    """A question about the brand in scope."""
    return Ask(current_tenant_id(), now or timezone.now(), among, _in_segment)


def matching(node: Node, ask: Ask) -> Sql:
    """SELECT of the ids of the contacts that the node means."""
    contacts = Sql("SELECT c.id FROM audience_contact AS c WHERE c.tenant_id = %s", (ask.tenant_id,))
    if ask.among is not None:
        contacts += Sql("AND c.id = ANY(%s)", (list(ask.among),))
    return contacts + Sql("AND") + node.sql(ask)


def members_sql(segment: Segment, ask: Ask) -> Sql:
    """SELECT of the ids of the segment's members."""
    if segment.is_fixed:
        return Sql(
            "SELECT m.contact_id AS id FROM campaigns_segmentmember AS m WHERE m.tenant_id = %s AND m.segment_id = %s",
            (ask.tenant_id, segment.pk),
        )
    return matching(read_rule(segment.rule), ask.inside(segment.code))


def _in_segment(code: str, ask: Ask) -> Sql:
    """The contact `c` is in the other segment. Raises RuleInvalid for one that is gone or that leads back here."""
    if code in ask.path:
        raise RuleInvalid(
            _("The segments %(names)s refer to each other in a circle."), names=" → ".join([*ask.path, code])
        )
    segment = Segment.objects.filter(code=code).first()
    if segment is None:
        raise RuleInvalid(_("The segment %(code)s no longer exists. Choose another one in the rule."), code=code)
    if segment.is_fixed:
        return Sql("c.id IN (") + members_sql(segment, ask) + Sql(")")
    return read_rule(segment.rule).sql(ask.inside(code))


def count(sql: Sql) -> int:
    """How many contacts the query gives."""
    return int(fetch(Sql("SELECT count(*) FROM (") + sql + Sql(") AS found"))[0][0])


def ids_of(sql: Sql) -> list[int]:
    """The ids of the contacts that the query gives, in ascending order."""
    return [row[0] for row in fetch(Sql("SELECT id FROM (") + sql + Sql(") AS found ORDER BY id"))]


def people(sql: Sql) -> QuerySet[Contact]:
    """The contacts that the query gives, for lists."""
    found: QuerySet[Contact] = Contact.objects.filter(pk__in=RawSQL(sql.text, sql.params))  # noqa: S611 - our own text
    return found.order_by("pk")


def sample(sql: Sql, num: int = NUM_SAMPLES) -> list[Contact]:
    """A few members, always the same ones as long as they stay in."""
    picked = fetch(Sql("SELECT id FROM (") + sql + Sql(") AS found ORDER BY md5(id::text) LIMIT %s", (num,)))
    rows = Contact.objects.in_bulk([row[0] for row in picked])
    return [rows[row[0]] for row in picked if row[0] in rows]


@dataclass(frozen=True)
class Finding:
    """Whether one part of a rule holds for one person."""

    words: str
    holds: bool
    mode: str = ""
    """all, any or not for a group; empty for a condition."""
    parts: tuple["Finding", ...] = ()


def explain(rule: Rule, contact: Contact, now: datetime | None = None) -> Finding:
    """Every part of the rule, held against one person."""
    return _find(rule, ask_now(now, (contact.pk,)))


def _find(node: Node, ask: Ask) -> Finding:
    holds = bool(fetch(matching(node, ask)))
    if isinstance(node, Condition):
        return Finding(node.words(), holds)
    if isinstance(node, Not):
        return Finding(node.words(), holds, "not", (_find(node.part, ask),))
    assert isinstance(node, Group)
    return Finding(node.words(), holds, node.mode, tuple(_find(part, ask) for part in node.parts))


def fetch(sql: Sql) -> list[tuple[Any, ...]]:
    """Rows of a query; raises TooSlow when it takes longer than 20 seconds."""
    with _limited(), connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def execute(sql: Sql) -> int:
    """Run a statement under the same limit; how many rows it touched."""
    with _limited(), connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        return int(cursor.rowcount)


@contextmanager
def _limited() -> Iterator[None]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{LIMIT_SECONDS}s"])
            yield
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _TIMED_OUT:
            raise
        raise TooSlow(
            _("This rule takes more than %(seconds)s seconds. Ask for fewer days, kinds of acts or conditions."),
            seconds=LIMIT_SECONDS,
        ) from error
