"""The brand's catalogue as arrays, so that rules are applied to all items at once.

Stage: prediction. Reads catalog.Item; writes nothing. A table lives in the memory of one process until the catalogue
changes (see serving.py). Names, pictures and prices are read when an item is shown for the first time.
Shapes: N items (ascending database id), P pairs of item and tag, K items asked for.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray

from accounts.tenancy import current_tenant_id
from catalog.models import Item
from common.queries import fetch_prepared
from modeling.histories import BoolArray, Int32Array, Int64Array, index_of

KINDS = tuple(Item.Kind.values)
MAX_AGE_SECONDS = 60.0
"""A table is read again after this time even when nothing seems changed: items get published by the clock, too."""
_COLUMNS: LiteralString = """SELECT
        string_agg(int8send(id), '' ORDER BY id),
        string_agg(int4send(array_position(%s::varchar[], kind)), '' ORDER BY id),
        string_agg(boolsend(state = 'active' AND coalesce(published_at <= now(), TRUE)), '' ORDER BY id),
        string_agg(int4send(CASE category WHEN '' THEN 0 ELSE hashtext(category) END), '' ORDER BY id),
        string_agg(int8send(extract(epoch FROM coalesce(published_at, created_at))::bigint), '' ORDER BY id)
    FROM catalog_item WHERE tenant_id = %s"""
_SHOWN = ("id", "tenant_id", "external_id", "kind", "title", "url", "category", "price_fen", "picture", "state")
"""In the order of the model's fields, as `from_db` wants them."""
_ITEMS: LiteralString = """SELECT id, tenant_id, external_id, kind, title, url, category, price_fen, picture, state
    FROM catalog_item WHERE tenant_id = %s AND id = ANY(%s)"""
_TAGS: LiteralString = """SELECT string_agg(int8send(id) || int4send(hashtext(tag)), '')
    FROM catalog_item, unnest(tags) AS tag WHERE tenant_id = %s"""


_HASHES: LiteralString = "SELECT hashtext(word), word FROM unnest(%s::varchar[]) AS word"


@dataclass(frozen=True)
class ItemTable:
    """Facts of every item that rules need, and where each item stands (its position)."""

    stamp: str
    """What the catalogue looked like when the table was read."""
    read_at: float
    """time.monotonic()."""
    tenant_id: int
    ids_N: Int64Array
    kinds_N: Int32Array
    """Index into KINDS."""
    is_active_N: BoolArray
    """Active and, where a publishing time is set, published."""
    categories_N: Int32Array
    """Hash of the category; 0 for none."""
    born_N: Int64Array
    """Unix seconds of publishing, or of entering the catalogue."""
    _items: dict[int, Item] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, stamp: str) -> "ItemTable":
        """The catalogue of the tenant in scope."""
        tenant_id = current_tenant_id()
        ids, kinds, actives, categories, born = fetch_prepared(_COLUMNS, [list(KINDS), tenant_id])[0]
        return cls(
            stamp=stamp,
            read_at=time.monotonic(),
            tenant_id=tenant_id,
            ids_N=_unpack(ids, ">i8", np.int64),
            kinds_N=_unpack(kinds, ">i4", np.int32) - 1,
            is_active_N=_unpack(actives, "?", np.bool_),
            categories_N=_unpack(categories, ">i4", np.int32),
            born_N=_unpack(born, ">i8", np.int64),
        )

    def __len__(self) -> int:
        return len(self.ids_N)

    def is_fresh(self, stamp: str) -> bool:
        """Whether the table still tells the truth about the catalogue with this stamp."""
        return self.stamp == stamp and time.monotonic() - self.read_at < MAX_AGE_SECONDS

    def positions_of(self, item_ids: Collection[int]) -> Int32Array:
        """Positions of the items that are in the table; the others are left out."""
        positions_K, is_known_K = index_of(self.ids_N, np.fromiter(item_ids, np.int64, len(item_ids)))
        return positions_K[is_known_K]

    def items(self, item_ids: Collection[int]) -> Mapping[int, Item]:
        """What is shown of these items, by id (others may be in it, too); items that are gone are missing.

        Not to be changed: they are kept with the table.
        """
        unread = [item_id for item_id in item_ids if item_id not in self._items]
        if unread:
            rows = fetch_prepared(_ITEMS, [self.tenant_id, unread])
            self._items.update((row[0], Item.from_db("default", _SHOWN, row)) for row in rows)
        return self._items

    def allowed(self, kinds: Collection[str]) -> BoolArray:
        """is_allowed_N: active, and of one of the kinds when any are given."""
        if not kinds:
            return self.is_active_N
        return self.is_active_N & np.isin(self.kinds_N, [KINDS.index(kind) for kind in kinds])

    @cached_property
    def newest_first(self) -> Int64Array:
        """Positions of the active items, the newest first; of equally old ones the one that entered last."""
        active = np.flatnonzero(self.is_active_N)
        return active[np.lexsort((-active, -self.born_N[active]))]

    @cached_property
    def _negative_births(self) -> Int64Array:
        return -self.born_N[self.newest_first]

    def born_after(self, seconds: float) -> Int64Array:
        """Positions of the active items that are younger than this moment, the newest first."""
        return self.newest_first[: np.searchsorted(self._negative_births, -seconds)]

    @cached_property
    def tags(self) -> tuple[Int64Array, Int64Array]:
        """(offset_N1, tag_P): the tags (as hashes) of position p are tag_P[offset[p]:offset[p + 1]].

        Read on first use, in the tenant's scope.
        """
        packed = fetch_prepared(_TAGS, [self.tenant_id])[0][0] or b""
        pairs = np.frombuffer(packed, np.dtype([("id", ">i8"), ("tag", ">i4")]))
        positions_P, is_known_P = index_of(self.ids_N, pairs["id"].astype(np.int64))
        positions_P = positions_P[is_known_P]
        sizes_N = np.bincount(positions_P, minlength=len(self))
        order_P = np.argsort(positions_P, kind="stable")
        return np.concatenate([[0], np.cumsum(sizes_N)]), pairs["tag"].astype(np.int64)[is_known_P][order_P]

    def overlap(self, likes_K: NDArray[np.integer], among_M: NDArray[np.integer]) -> NDArray[np.float64]:
        """overlap_M: how many tags each of `among_M` shares with `likes_K`, plus 1 for a shared category.

        A tag that several of the likes carry counts as often.
        """
        wanted, counts = np.unique(self._tags_of(likes_K)[1], return_counts=True)
        owner_Q, tag_Q = self._tags_of(among_M)
        places_Q, is_shared_Q = index_of(wanted, tag_Q)
        weights_Q = counts[places_Q[is_shared_Q]].astype(np.float64)
        overlap_M = np.bincount(owner_Q[is_shared_Q], weights_Q, len(among_M))
        categories = self.categories_N[likes_K]
        return np.asarray(overlap_M + np.isin(self.categories_N[among_M], categories[categories != 0]), np.float64)

    def num_matching(self, words: Int64Array) -> Int64Array:
        """num_N: how many of the words (hashes) each item has among its tags and category."""
        offset_N1, tag_P = self.tags
        before_P1 = np.concatenate([[0], np.cumsum(np.isin(tag_P, words))])
        num_N = before_P1[offset_N1[1:]] - before_P1[offset_N1[:-1]]
        return np.asarray(num_N + (np.isin(self.categories_N, words) & (self.categories_N != 0)), np.int64)

    def words_of(self, position: int) -> list[int]:
        """Hashes of the item's tags and, last, of its category."""
        offset_N1, tag_P = self.tags
        tags = tag_P[offset_N1[position] : offset_N1[position + 1]].tolist()
        return [*tags, int(self.categories_N[position])]

    def _tags_of(self, positions_M: NDArray[np.integer]) -> tuple[Int64Array, Int64Array]:
        """(owner_Q, tag_Q): every tag of the given items, and which of them (0..M-1) carries it."""
        offset_N1, tag_P = self.tags
        sizes_M = offset_N1[positions_M + 1] - offset_N1[positions_M]
        owner_Q = np.repeat(np.arange(len(positions_M)), sizes_M)
        steps_Q = np.arange(len(owner_Q)) - np.repeat(np.cumsum(sizes_M) - sizes_M, sizes_M)
        return owner_Q, tag_P[offset_N1[positions_M][owner_Q] + steps_Q]


def hash_words(words: Collection[str]) -> dict[int, str]:
    """Hash -> word, by the hash of the table's tags and categories."""
    return {row[0]: row[1] for row in fetch_prepared(_HASHES, [list(words)])} if words else {}


def _unpack(packed: bytes | None, stored: str, wanted: type[np.generic]) -> NDArray[Any]:
    return np.frombuffer(packed or b"", stored).astype(wanted)
