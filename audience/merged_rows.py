"""The rows of one contact moved to another, in every table that points at contacts, and moved back exactly.

Stage: collect. Reads and writes every table with a reference to audience.Contact; what it moves and removes is noted
in audience.ContactMerge by the database itself, so that no number or time passes through Python on its way.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models

from accounts.tenancy import TenantForeignKey, current_tenant_id
from audience.models import Consent, Contact, ContactMerge

_NOTE = """UPDATE audience_contactmerge SET kept = jsonb_set(kept, ARRAY[%(part)s, %(name)s],
    (SELECT coalesce(jsonb_agg(to_jsonb(noted)), '[]') FROM noted)) WHERE tenant_id = %(tenant)s AND id = %(merge)s"""
_OUST = "WITH noted AS (DELETE FROM {table} o USING {table} i WHERE {of_both} AND ({clash}) RETURNING o.*) " + _NOTE  # noqa: S608 - only our own names are spliced
_MOVE = "WITH noted AS (UPDATE {table} SET {column} = %(into)s WHERE {of_other} RETURNING {key}) " + _NOTE  # noqa: S608 - only our own names are spliced
_MOVE_BACK = """UPDATE {table} t SET {column} = %(other)s FROM audience_contactmerge m,
    jsonb_populate_recordset(NULL::{table}, m.kept->'moved'->%(name)s) r
WHERE m.tenant_id = %(tenant)s AND m.id = %(merge)s AND t.tenant_id = %(tenant)s AND t.{column} = %(into)s AND {same}"""
_PUT_BACK = """INSERT INTO {table} SELECT r.* FROM audience_contactmerge m,
    jsonb_populate_recordset(NULL::{table}, m.kept->%(part)s->%(name)s) r
WHERE m.tenant_id = %(tenant)s AND m.id = %(merge)s{holds} ON CONFLICT DO NOTHING"""
_HOLDS = " AND (r.{0} IS NULL OR EXISTS (SELECT 1 FROM {1} x WHERE x.tenant_id = r.tenant_id AND x.id = r.{0}))"


@dataclass(frozen=True)
class Relation:
    """A column that points at contacts."""

    table: str
    column: str
    key: tuple[str, ...]
    """Columns that find the row again while it is the contact's."""
    unique: tuple[tuple[str, ...], ...]
    """Columns in which two rows of one contact must not agree."""
    references: tuple[tuple[str, str], ...]
    """Further (column, table) that a row needs in order to be put back."""

    @property
    def name(self) -> str:
        """How the notes call it."""
        return f"{self.table}.{self.column}"


@cache
def relations() -> tuple[Relation, ...]:
    """Every column of the product that points at contacts, but the consents', which follow a rule of their own."""
    found = Contact._meta.get_fields(include_hidden=True)
    pointing = [field for field in found if field.auto_created and (field.one_to_many or field.one_to_one)]
    return tuple(_relation(field.field) for field in pointing if field.related_model is not Consent)  # type: ignore[union-attr,arg-type]  # relations to concrete models only


def _relation(field: models.ForeignKey[Any, Any]) -> Relation:
    meta = field.model._meta
    rules = [tuple(rule.fields) for rule in meta.constraints if isinstance(rule, models.UniqueConstraint)]
    rules += [(field.name,)] if field.unique else []
    is_composite = isinstance(meta.pk, models.CompositePrimaryKey)
    key = tuple(part.name for part in meta.pk_fields) if is_composite else ("id",)
    rules += [key] if is_composite else []

    def columns(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(meta.get_field(name).column for name in names if name not in ("tenant", field.name))  # type: ignore[union-attr,misc]  # names of columns only

    clashes = tuple(columns(rule) for rule in rules if field.name in rule)
    references = tuple(
        (other.column, other.related_model._meta.db_table)
        for other in meta.local_fields
        if isinstance(other, TenantForeignKey) and other is not field
    )
    return Relation(meta.db_table, field.column, columns(key), clashes, references)


def move(merge: ContactMerge, into_id: int, other_id: int) -> None:
    """Give everything of the other contact to the survivor; where both have the only one, the survivor's stays."""
    with connection.cursor() as cursor:
        for relation in relations():
            values = _values(merge, relation.name, into_id, other_id)
            for statement, part in ((_oust_sql(relation), "ousted"), (_move_sql(relation), "moved")):
                if statement:
                    cursor.execute(statement, values | {"part": part})


def move_back(merge: ContactMerge, into_id: int, other_id: int) -> None:
    """Give back what was moved and is still there, and put back what had to go; the other contact exists again."""
    with connection.cursor() as cursor:
        for relation in relations():
            values = _values(merge, relation.name, into_id, other_id) | {"part": "ousted"}
            same = " AND ".join(f"t.{column} = r.{column}" for column in relation.key)
            cursor.execute(_MOVE_BACK.format(table=relation.table, column=relation.column, same=same), values)
            cursor.execute(put_back_sql(relation.table, relation.references), values)


def put_back_sql(table: str, references: tuple[tuple[str, str], ...] = ()) -> str:
    """Insert the rows kept under (part, name) again; those whose own references are gone stay away."""
    return _PUT_BACK.format(table=table, holds="".join(_HOLDS.format(*reference) for reference in references))


def _oust_sql(relation: Relation) -> str:
    if not relation.unique:
        return ""
    column = relation.column
    of_both = (
        f"o.tenant_id = %(tenant)s AND o.{column} = %(other)s AND i.tenant_id = %(tenant)s AND i.{column} = %(into)s"
    )
    rules = [" AND ".join(f"o.{name} = i.{name}" for name in names) or "true" for names in relation.unique]
    return _OUST.format(table=relation.table, of_both=of_both, clash=" OR ".join(rules))


def _move_sql(relation: Relation) -> str:
    of_other = f"tenant_id = %(tenant)s AND {relation.column} = %(other)s"
    return _MOVE.format(table=relation.table, column=relation.column, of_other=of_other, key=", ".join(relation.key))


def _values(merge: ContactMerge, name: str, into_id: int, other_id: int) -> dict[str, Any]:
    return {"tenant": current_tenant_id(), "merge": merge.pk, "name": name, "into": into_id, "other": other_id}
