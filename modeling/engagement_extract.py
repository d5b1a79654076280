"""One brand's engagement table: what each contact did, and whether it converted.

Stage: training and prediction. Reads the uploaded engagement rows or, where there are none, the events of the brand in
scope; writes nothing. From events: acts in a window that ends at a cut teach, purchases and the like after the cut are
the label, so nothing of the label is in the features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db import connection
from django.utils.translation import gettext_noop as _

from accounts.tenancy import current_tenant_id
from audience.kinds import KIND_BY_WORD, EventKind
from modeling.configs import JsonConfig
from modeling.engagement_datasets import EngagementDatasetConfig
from modeling.engagement_events import SCHEMA, EventSequences, encode_events
from modeling.errors import ConfigInvalid
from modeling.extract import ALLOWED_CONTACTS, INTEREST_KINDS, fingerprint, read_frame
from modeling.histories import Int64Array
from modeling.models import Dataset

LABEL = "label"
TABLE_FEATURES = ("likes", "transfers", "comments", "time_spent")
EVENT_FEATURES = (*TABLE_FEATURES, "reads", "favourites", "active_days", "days_since_last")
CONVERSIONS = ("purchase", "enrol")
MAX_EXTRA_FEATURES = 60
MAX_ACTS = 200
"""Newest acts read per contact; how many of them a dataset keeps is its own setting."""
_EVERYBODY = "SELECT id FROM audience_contact WHERE tenant_id = %(tenant)s"


@dataclass(frozen=True)
class EngagementExtractConfig(JsonConfig):
    """Which table is built."""

    source: str = "auto"
    """"table" (uploaded engagement rows), "events", or "auto": the table when it has labelled rows."""
    label_kinds: tuple[str, ...] = CONVERSIONS
    """From events: the acts that count as conversion."""
    label_days: int = 30
    """From events: length of the window that is searched for a conversion; at most a quarter of the time covered."""
    feature_days: int = 90
    """From events: length of the window of behaviour before it."""

    def __post_init__(self) -> None:
        unknown = [word for word in self.label_kinds if word not in KIND_BY_WORD]
        if self.source not in ("auto", "table", "events") or unknown or not self.label_kinds:
            raise ConfigInvalid(_("The engagement source or the label acts are not known."))
        if not (1 <= self.label_days <= 365 and 1 <= self.feature_days <= 730):
            raise ConfigInvalid(_("The windows must be from 1 to 365 (outcome) or 730 (behaviour) days long."))

    def resolved(self) -> EngagementExtractConfig:
        """With "auto" decided by the data in scope."""
        if self.source != "auto":
            return self
        labelled = "SELECT EXISTS (SELECT FROM audience_engagement WHERE tenant_id = %(tenant)s AND label IS NOT NULL)"
        return replace(self, source="table" if _row(labelled)[0] else "events")


@dataclass(frozen=True)
class EngagementFrame:
    """What `engagement_datasets.write_engagement_dataset` takes."""

    rows: pl.DataFrame
    """user_key, the features as float64, label (0 or 1); by user."""
    feature_names: list[str]
    acts: pl.DataFrame | None
    """What these contacts did before the cut, columns of `engagement_events.SCHEMA`; None for an uploaded table, whose
    numbers carry no times."""


def engagement_frame(config: EngagementExtractConfig) -> EngagementFrame:
    """The labelled contacts that may teach a model; `config` must be resolved."""
    query = _labelled(config)
    rows = query.read().sort("user_key")
    if config.source == "table":
        return EngagementFrame(rows, query.feature_names, None)
    return EngagementFrame(rows, query.feature_names, _acts(_Windows.of(config), ALLOWED_CONTACTS))


def count_labels(config: EngagementExtractConfig) -> tuple[int, int]:
    """How many contacts `engagement_frame` would give, and how many of them converted."""
    query = _labelled(config)
    num_rows, num_positive = _row(f"SELECT count(*), coalesce(sum(label), 0) FROM ({query.sql}) AS rows", query.params)  # noqa: S608 - only our own names are spliced
    return int(num_rows), int(num_positive)


def features_now(dataset: Dataset) -> pl.DataFrame:
    """user_key and, in the dataset's order, its features for every contact as of the newest event: what to score."""
    config = EngagementExtractConfig.from_dict(dataset.config["extract"])
    if config.source == "table":
        query = _table_query(list(dataset.counts["feature_names"]), "true")
    else:
        query = _event_query(_Windows.of(config).moved_to_the_end(), config, _EVERYBODY)
    return query.read().select("user_key", *dataset.counts["feature_names"])


def acts_now(dataset: Dataset, user_keys_R: Int64Array) -> EventSequences:
    """The newest acts of the contacts up to now, coded as in the dataset, for models of it that read them in order."""
    config = EngagementExtractConfig.from_dict(dataset.config["extract"])
    acts = _acts(_Windows.of(config).moved_to_the_end(), _EVERYBODY)
    return encode_events(acts, user_keys_R, EngagementDatasetConfig.from_dict(dataset.config["dataset"]).max_events)


def fingerprint_engagement(config: EngagementExtractConfig) -> str:
    """A digest of the rows `engagement_frame` would read; `config` must be resolved."""
    if config.source == "table":
        text = "concat_ws(chr(31), contact_id, likes, transfers, comments, time_spent, label, extra)"
        source = f"FROM audience_engagement WHERE tenant_id = %(tenant)s AND contact_id IN ({ALLOWED_CONTACTS})"
        query = f"SELECT count(*), coalesce(bit_xor(hashtextextended({text}, 0)), 0) {source}"
    else:
        source = f"FROM audience_event WHERE tenant_id = %(tenant)s AND contact_id IN ({ALLOWED_CONTACTS})"
        query = f"SELECT count(*), coalesce(bit_xor(uuid_hash_extended(source_key, contact_id)), 0) {source}"
    return fingerprint([query], {})


def _table_features() -> list[str]:
    """The four columns of the field and the file's own numeric ones."""
    query = """SELECT DISTINCT field.key FROM audience_engagement AS row, jsonb_each(row.extra) AS field
        WHERE row.tenant_id = %(tenant)s AND jsonb_typeof(field.value) = 'number' ORDER BY field.key"""
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": current_tenant_id()})
        extra = [key for (key,) in cursor.fetchall() if key not in (*TABLE_FEATURES, LABEL, "user_key")]
    return [*TABLE_FEATURES, *extra[:MAX_EXTRA_FEATURES]]


@dataclass(frozen=True)
class _Query:
    """A SELECT of contact_id, the features and `label`."""

    sql: str
    params: dict[str, Any]
    feature_names: list[str]

    def read(self) -> pl.DataFrame:
        floats = dict.fromkeys(self.feature_names, pl.Float64)
        return read_frame(self.sql, self.params, {"user_key": pl.Int64, **floats, LABEL: pl.Int64})


def _labelled(config: EngagementExtractConfig) -> _Query:
    if config.source == "table":
        return _table_query(_table_features(), f"label IS NOT NULL AND contact_id IN ({ALLOWED_CONTACTS})")
    return _event_query(_Windows.of(config), config, ALLOWED_CONTACTS)


def _table_query(names: list[str], condition: str) -> _Query:
    """Engagement rows that meet the SQL condition; a missing extra value is null."""
    extra = [name for name in names if name not in TABLE_FEATURES]
    keys = {f"key{index}": name for index, name in enumerate(extra)}
    values = [f"CASE jsonb_typeof(extra->%({key})s) WHEN 'number' THEN (extra->>%({key})s)::float8 END" for key in keys]
    columns = ", ".join(["contact_id", *TABLE_FEATURES, *values, "label::int AS label"])
    sql = f"SELECT {columns} FROM audience_engagement WHERE tenant_id = %(tenant)s AND {condition}"  # noqa: S608 - only our own names are spliced
    return _Query(sql, keys, [*TABLE_FEATURES, *extra])


@dataclass(frozen=True)
class _Windows:
    """Behaviour is counted in [start, cut), conversions in [cut, end]."""

    start: datetime | None
    cut: datetime | None
    end: datetime | None
    feature_days: int

    @classmethod
    def of(cls, config: EngagementExtractConfig) -> _Windows:
        """Counted back from the brand's newest event; all None when there is none."""
        first, last = _row("SELECT min(occurred_at), max(occurred_at) FROM audience_event WHERE tenant_id = %(tenant)s")
        if first is None:
            return cls(None, None, None, config.feature_days)
        cut = last - min(timedelta(days=config.label_days), (last - first) / 4)
        return cls(cut - timedelta(days=config.feature_days), cut, last, config.feature_days)

    def moved_to_the_end(self) -> _Windows:
        """The window of behaviour that ends just after the newest event: nothing is label."""
        if self.end is None:
            return self
        cut = self.end + timedelta(seconds=1)
        return _Windows(cut - timedelta(days=self.feature_days), cut, cut, self.feature_days)


def _event_query(windows: _Windows, config: EngagementExtractConfig, contacts: str) -> _Query:
    """One row per contact of the SQL set who acted in the window of behaviour."""
    before = "occurred_at < %(cut)s"
    counts = {
        "likes": f"kind = {EventKind.LIKE:d}",
        "transfers": f"kind = {EventKind.SHARE:d}",
        "comments": f"kind = {EventKind.COMMENT:d}",
        "reads": f"kind IN ({EventKind.VIEW:d}, {EventKind.READ:d}, {EventKind.PLAY:d})",
        "favourites": f"kind = {EventKind.FAVOURITE:d}",
    }
    values = {name: f"count(*) FILTER (WHERE {before} AND {kinds})" for name, kinds in counts.items()} | {
        "time_spent": f"coalesce(sum(dwell_seconds) FILTER (WHERE {before}), 0)",
        "active_days": f"count(DISTINCT occurred_at::date) FILTER (WHERE {before})",
        "days_since_last": f"extract(epoch FROM %(cut)s - max(occurred_at) FILTER (WHERE {before})) / 86400",
    }
    columns = ", ".join(f"({values[name]})::float8" for name in EVENT_FEATURES)
    sql = f"""SELECT contact_id, {columns}, bool_or(kind = ANY(%(labels)s) AND occurred_at >= %(cut)s)::int AS label
        FROM audience_event
        WHERE tenant_id = %(tenant)s AND occurred_at >= %(start)s AND occurred_at <= %(end)s
          AND contact_id IN ({contacts})
        GROUP BY contact_id HAVING count(*) FILTER (WHERE {before} AND kind = ANY(%(kinds)s)) > 0"""  # noqa: S608 - only our own names are spliced
    params: dict[str, Any] = {
        "start": windows.start,
        "cut": windows.cut,
        "end": windows.end,
        "kinds": list(INTEREST_KINDS),
        "labels": [int(KIND_BY_WORD[word]) for word in config.label_kinds],
    }
    return _Query(sql, params, list(EVENT_FEATURES))


def _acts(windows: _Windows, contacts: str) -> pl.DataFrame:
    """The newest acts in the window of behaviour of each contact of the SQL set."""
    sql = f"""SELECT contact_id, action, category, seconds_before, dwell_seconds FROM (
            SELECT event.contact_id, event.kind AS action, item.category,
                extract(epoch FROM %(cut)s - event.occurred_at)::float8 AS seconds_before, event.dwell_seconds,
                row_number() OVER (PARTITION BY event.contact_id ORDER BY event.occurred_at DESC) AS place
            FROM audience_event AS event
            LEFT JOIN catalog_item AS item ON item.tenant_id = event.tenant_id AND item.id = event.item_id
            WHERE event.tenant_id = %(tenant)s AND event.occurred_at >= %(start)s AND event.occurred_at < %(cut)s
              AND event.contact_id IN ({contacts})) AS act
        WHERE place <= {MAX_ACTS}"""  # noqa: S608 - only our own names are spliced
    return read_frame(sql, {"start": windows.start, "cut": windows.cut}, SCHEMA)


def _row(query: str, params: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": current_tenant_id(), **(params or {})})
        row: tuple[Any, ...] = cursor.fetchone()
    return row
