"""What answers requests in this process: the live model and the catalogue of each brand, kept in memory.

Stage: prediction. Reads modeling.ModelVersion, catalog.Item and the files of model versions; writes nothing.

Which version is live and what the catalogue looks like is asked of the database once per request (two index entries),
so a promotion, a roll-back or an edited item counts from the next request on, and no request is dropped for it. Models
are memory-mapped: many processes share one copy. The brands used longest ago make room when there are too many.
"""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import LiteralString

import numpy as np
from django.conf import settings

from accounts.tenancy import current_tenant_id
from common.queries import fetch_prepared
from modeling.errors import ModelingError
from modeling.histories import FloatArray, Int32Array, index_of
from modeling.item_knn import ItemKnnRecommender
from modeling.models import ModelVersion, Purpose
from modeling.rankers import Ranker, load_ranker
from modeling.ranking_extract import catalogue_frame
from modeling.ranking_items import ItemFacts
from modeling.ranking_requests import Catalogue
from modeling.recommenders import Recommender, load_recommender
from modeling.versions import path_of
from recommendations import histories
from recommendations.item_tables import MAX_AGE_SECONDS, ItemTable

logger = logging.getLogger(__name__)

MODELS_PER_TENANT = 4
"""The live one, two to fall back to, one to compare with."""
MASKS_PER_MODEL = 16
RETRY_BROKEN_SECONDS = 30.0
_UNREADABLE = (ModelingError, OSError, ValueError, KeyError)  # what opening damaged, missing or foreign files raises
_NOW: LiteralString = """SELECT version.id, version.code, version.number, version.kind, version.directory,
        ranker.id, ranker.code, ranker.number, ranker.kind, ranker.directory,
        (SELECT concat_ws('/', extract(epoch FROM max(item.updated_at)), max(item.id))
         FROM catalog_item AS item WHERE item.tenant_id = %s),
        contact.id, contact.is_personalisation_off
    FROM (SELECT 1) AS one
    LEFT JOIN modeling_modelversion AS version
        ON version.tenant_id = %s AND version.purpose = 'next_item' AND version.stage = 'live'
    LEFT JOIN modeling_modelversion AS ranker
        ON ranker.tenant_id = %s AND ranker.purpose = 'ranking' AND ranker.stage = 'live'
    LEFT JOIN audience_contact AS contact ON contact.tenant_id = %s AND contact.external_id = %s"""


@dataclass(frozen=True)
class ServedModel:
    """An opened model version and how its items lie in the brand's item table."""

    version: ModelVersion
    recommender: Recommender
    _masks: dict[tuple[float, tuple[str, ...]], FloatArray] = field(default_factory=dict, compare=False)

    def mask_N(self, table: ItemTable, kinds: tuple[str, ...]) -> FloatArray:
        """0 for items that may be shown and -inf for the others, in the order of the model's items."""
        mask_N = self._masks.get((table.read_at, kinds))
        if mask_N is None:
            if len(self._masks) >= MASKS_PER_MODEL:  # most are of former catalogues
                self._masks.clear()
            mask_N = np.where(_in_order_of(self.recommender, table, kinds), 0, -np.inf).astype(np.float32)
            self._masks[table.read_at, kinds] = mask_N
        return mask_N

    @property
    def item_knn(self) -> ItemKnnRecommender | None:
        """The item-kNN that the model is, or has as a member."""
        found = getattr(self.recommender, "item_knn", self.recommender)
        return found if isinstance(found, ItemKnnRecommender) else None

    def positions(self, table: ItemTable, indices_K: Int32Array) -> Int32Array:
        """Where the model's items stand in the table; only for items that are in it."""
        return index_of(table.ids_N, self.recommender.item_keys_N[indices_K])[0]


def _in_order_of(recommender: Recommender, table: ItemTable, kinds: tuple[str, ...]) -> np.ndarray:
    if not len(table):
        return np.zeros(len(recommender.item_keys_N), np.bool_)
    positions_N, is_known_N = index_of(table.ids_N, recommender.item_keys_N)
    return is_known_N & table.allowed(kinds)[positions_N]


@dataclass(frozen=True)
class ServedRanker:
    """An opened version that says what follows when an item is shown, and the catalogue as it sees it."""

    version: ModelVersion
    ranker: Ranker
    catalogue: Catalogue
    stamp: str
    """What the catalogue looked like when it was read."""
    read_at: float
    """time.monotonic()."""


@dataclass
class _Shelf:
    """What the process holds of one brand."""

    table: ItemTable | None = None
    acts_since: datetime = datetime.max
    models: OrderedDict[int, ServedModel] = field(default_factory=OrderedDict)
    broken_until: dict[int, float] = field(default_factory=dict)
    reading: Lock = field(default_factory=Lock)
    ranker: ServedRanker | None = None


_shelves: OrderedDict[int, _Shelf] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Receiver:
    """All that is needed to know of the contact an answer is for."""

    pk: int
    is_personalisation_off: bool


@dataclass(frozen=True)
class Showroom:
    """What a request works with: the catalogue as it is now and the version that is live now."""

    table: ItemTable
    live: ModelVersion | None
    acts_since: datetime
    """A moment before the brand's first act."""
    receiver: Receiver | None = None
    """The contact with the external id asked for, if there is one."""
    ranker: ModelVersion | None = None
    """The live version that says what follows when an item is shown."""


def enter(external_id: str = "") -> Showroom:
    """Look up what is live in the brand in scope, and the contact with this external id, in one query.

    Re-reads the item table only when the catalogue has changed, or after a minute; so an upload of acts older than any
    before counts as owned and met within that minute.
    """
    tenant_id = current_tenant_id()
    *facts, stamp, contact_id, is_off = fetch_prepared(_NOW, [*[tenant_id] * 4, external_id])[0]
    shelf = _shelf(tenant_id)
    table = _current_table(shelf, stamp)
    served = shelf.models.get(facts[0])
    live = served.version if served else _version(tenant_id, Purpose.NEXT_ITEM, *facts[:5])
    receiver = None if contact_id is None else Receiver(contact_id, is_off)
    ranker = _version(tenant_id, Purpose.RANKING, *facts[5:])
    return Showroom(table, live, shelf.acts_since, receiver, ranker)


def _current_table(shelf: _Shelf, stamp: str) -> ItemTable:
    """The table of the catalogue with this stamp. One request reads it; those that could do with the old one (only its
    age calls for a new one) do not wait for that."""
    table = shelf.table
    if table is not None and table.is_fresh(stamp):
        return table
    if not shelf.reading.acquire(blocking=table is None or table.stamp != stamp):
        assert table is not None
        return table
    try:
        table = shelf.table
        if table is None or not table.is_fresh(stamp):
            table = shelf.table = ItemTable.read(stamp)
            shelf.acts_since = histories.first_month()
        return table
    finally:
        shelf.reading.release()


def _version(
    tenant_id: int, purpose: Purpose, pk: int | None, code: str, number: int, kind: str, directory: str
) -> ModelVersion | None:
    if pk is None:
        return None
    facts = {"code": code, "number": number, "kind": kind, "directory": directory, "stage": ModelVersion.Stage.LIVE}
    return ModelVersion(pk=pk, tenant_id=tenant_id, purpose=purpose, **facts)


def newest(kind: str) -> ModelVersion | None:
    """The version of a simple kind to fall back to: the one trained last."""
    versions = ModelVersion.objects.filter(purpose=Purpose.NEXT_ITEM, kind=kind)
    version: ModelVersion | None = versions.order_by("-number").first()
    return version


def open_model(version: ModelVersion) -> ServedModel | None:
    """The version's model, from memory or from its files; None when they are missing or damaged (tried again later)."""
    shelf = _shelf(current_tenant_id())
    served = shelf.models.get(version.pk)
    if served is None and shelf.broken_until.get(version.pk, 0.0) < time.monotonic():
        served = _load(version, shelf)
    if served is not None:
        with _lock:
            shelf.models[version.pk] = served
            shelf.models.move_to_end(version.pk)
            while len(shelf.models) > MODELS_PER_TENANT:
                shelf.models.popitem(last=False)
    return served


def _load(version: ModelVersion, shelf: _Shelf) -> ServedModel | None:
    try:
        return ServedModel(version, load_recommender(path_of(version)))
    except _UNREADABLE:
        _note_broken(version, shelf)
        return None


def open_ranker(showroom: Showroom) -> ServedRanker | None:
    """The live ranker, from memory or from its files; None without one or while it cannot be read (tried again later).

    A changed catalogue is read again after a minute; until then, items that came since are judged as unknown ones.
    """
    version, stamp, now = showroom.ranker, showroom.table.stamp, time.monotonic()
    shelf = _shelf(current_tenant_id())
    held = shelf.ranker if version is not None and shelf.ranker and shelf.ranker.version.pk == version.pk else None
    if version is None or shelf.broken_until.get(version.pk, 0.0) >= now:
        return None
    if held is not None and (held.stamp == stamp or now - held.read_at < MAX_AGE_SECONDS):
        return held
    try:
        ranker = held.ranker if held is not None else load_ranker(path_of(version))
    except _UNREADABLE:
        _note_broken(version, shelf)
        return None
    items = ItemFacts.of(catalogue_frame(), ranker.reference.vocabulary)
    shelf.ranker = ServedRanker(version, ranker, Catalogue.of(items, ranker.reference), stamp, now)
    return shelf.ranker


def _note_broken(version: ModelVersion, shelf: _Shelf) -> None:
    """Say so in the log and leave the version alone for a while; called where the exception is at hand."""
    facts = {"tenant": version.tenant_id, "version": version.code, "model_kind": version.kind}
    logger.exception("model_broken", extra=facts)
    shelf.broken_until[version.pk] = time.monotonic() + RETRY_BROKEN_SECONDS


def _shelf(tenant_id: int) -> _Shelf:
    """The brand's place, made the most recently used one."""
    with _lock:
        shelf = _shelves.setdefault(tenant_id, _Shelf())
        _shelves.move_to_end(tenant_id)
        while len(_shelves) > settings.MODEL_CACHE_TENANTS:
            _shelves.popitem(last=False)
    return shelf


def clear() -> None:
    """Forget everything that is held in memory."""
    with _lock:
        _shelves.clear()
