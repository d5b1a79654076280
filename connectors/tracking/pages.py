"""Stage: collect. Which item an event is about. Reads and writes catalog.Item.

An item is known by the brand's own id or by the address of its page. What is not known yet is kept as a draft item, so
that nothing people did is lost; a draft is never recommended.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from accounts.actors import Actor
from catalog import items
from connectors.tracking import keys, limits
from connectors.tracking.acts import Act
from connectors.tracking.batches import Batch

MAX_DRAFTS_PER_MINUTE = 60
_MAX_ID = 128
_SYSTEM = Actor.system("tracker")


def find(batch: Batch, acts: Sequence[Act]) -> list[int | None]:
    """The database id of each act's item; None for an act about nothing, or about somebody else's page."""
    by_id, by_url = _known(acts)
    drafts = {
        external_id: row
        for act in acts
        if _item_of(act, by_id, by_url) is None and (row := _draft(batch, act))
        for external_id in [row["external_id"]]
    }
    name = f"drafts:{batch.key.code}"
    kept = [row for row in drafts.values() if limits.is_within(name, MAX_DRAFTS_PER_MINUTE)]
    if kept:
        items.add_drafts(kept, by=_SYSTEM)
        by_id |= items.ids_by_external(row["external_id"] for row in kept)
    return [_item_of(act, by_id, by_url) or by_id.get(_draft_id(act)) for act in acts]


def _known(acts: Iterable[Act]) -> tuple[dict[str, int], dict[str, int]]:
    ids, urls = {act.item for act in acts if act.item}, {act.url for act in acts if act.url}
    by_id = items.ids_by_external(ids | {_page_id(url) for url in urls}) if ids or urls else {}
    by_url = items.ids_by_url(spelling for url in urls for spelling in _spellings(url)) if urls else {}
    return by_id, by_url


def _item_of(act: Act, by_id: dict[str, int], by_url: dict[str, int]) -> int | None:
    if act.item:
        return by_id.get(act.item)
    return next((by_url[url] for url in _spellings(act.url) if url in by_url), None)


def _spellings(url: str) -> tuple[str, ...]:
    """An address as the catalog may have it: with or without the last slash, with the fitting scheme."""
    other = url[:-1] if url.endswith("/") else f"{url}/"
    return url, other


def _draft_id(act: Act) -> str:
    return act.item or (_page_id(act.url) if act.url else "")


def _page_id(url: str) -> str:
    return url if len(url) <= _MAX_ID else f"page-{hashlib.sha256(url.encode()).hexdigest()[:40]}"


def _draft(batch: Batch, act: Act) -> dict[str, Any] | None:
    """The draft that keeps an unknown item; None for an act about nothing and for pages of other sites."""
    parts = urlsplit(act.url)
    place = f"{parts.scheme}://{parts.netloc}" if act.url else ""
    is_own = bool(place) and (place == batch.own_place or keys.allows(batch.key.places, place))
    if not (act.item or is_own):
        return None
    return {"external_id": _draft_id(act), "title": act.title, "url": act.url if is_own else ""}
