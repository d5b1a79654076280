"""Items: find, write, retire. Stage: collect. Reads from and writes to catalog.Item."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import Count, F, Func, OrderBy, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id
from catalog.models import Item
from catalog.pictures import is_kept
from common.errors import BadInput

WRITABLE = (
    "kind", "title", "text", "url", "category", "author", "tags", "price_fen", "duration_seconds", "picture",
    "attributes", "state", "published_at",
)  # fmt: skip
_is_url = URLValidator(schemes=["https", "http"])
_is_https = URLValidator(schemes=["https"])
_Orders = tuple[OrderBy | str, ...]
ORDERS: dict[str, _Orders] = {
    "newest": (F("published_at").desc(nulls_last=True), "-pk"),
    "changed": ("-updated_at", "-pk"),
    "title": ("title", "pk"),
    "cheapest": (F("price_fen").asc(nulls_last=True), "-pk"),
    "dearest": (F("price_fen").desc(nulls_last=True), "-pk"),
}
"""How lists of items may be sorted."""


def upsert(rows: Iterable[dict[str, Any]], by: Actor) -> tuple[int, int]:
    """Write items by `external_id`; fields that a row leaves out keep their value. Returns (created, updated)."""
    wanted = {str(row["external_id"]): row for row in rows}
    with transaction.atomic():
        take_turn(Lock.ITEMS)
        known = {item.external_id: item for item in Item.objects.filter(external_id__in=wanted).select_for_update()}
        fresh: list[Item] = []
        changed: list[Item] = []
        for external_id, row in wanted.items():
            item = known.get(external_id) or Item(external_id=external_id)
            _apply(item, row)
            (changed if external_id in known else fresh).append(item)
        Item.objects.bulk_create(fresh, batch_size=1000)
        Item.objects.bulk_update(changed, [*WRITABLE, "updated_at"], batch_size=500)
        record(by, "upsert", "items", str(len(wanted)), created=len(fresh), updated=len(changed))
    return len(fresh), len(changed)


def _apply(item: Item, row: dict[str, Any]) -> None:
    for name in WRITABLE:
        if name in row:
            setattr(item, name, row[name])
    item.updated_at = timezone.now()
    _check_address(_is_url, item.url)
    if not is_kept(item.picture, current_tenant_id()):
        _check_address(_is_https, item.picture)


def _check_address(check: URLValidator, address: str) -> None:
    if address:
        try:
            check(address)
        except ValidationError as error:
            raise BadInput(_("%(address)s is not a web address. Use https://…"), address=address) from error


def set_state(item: Item, state: str, by: Actor) -> None:
    """Show, hide or retire one item; retired items are never recommended."""
    if state not in Item.State.values:
        raise BadInput(_("Choose one of the known states."))
    before, item.state = item.state, state
    item.save(update_fields=["state", "updated_at"])
    record(by, "set_state", "item", item.external_id, before=before, after=state)


def ids_by_external(external_ids: Iterable[str]) -> dict[str, int]:
    """Database ids of the brand's items by their external ids; unknown ones are left out."""
    current_tenant_id()
    found = Item.objects.filter(external_id__in=set(external_ids)).values_list("external_id", "pk")
    return dict(found)


def ids_by_url(urls: Iterable[str]) -> dict[str, int]:
    """Database ids of the brand's items by their address, the oldest item of each; unknown addresses are left out."""
    found = Item.objects.filter(url__in=set(urls)).exclude(url="").order_by("-pk").values_list("url", "pk")
    return dict(found)


def add_drafts(rows: Iterable[dict[str, Any]], by: Actor) -> None:
    """Keep items that somebody met before the catalog knew them, as drafts; known ids stay as they are."""
    ordered = sorted(rows, key=lambda row: row["external_id"])  # two writers of the same drafts wait, not deadlock
    drafts = [Item(**row, state=Item.State.DRAFT) for row in ordered]
    Item.objects.bulk_create(drafts, ignore_conflicts=True)
    record(by, "add_drafts", "items", str(len(drafts)), external_ids=[item.external_id for item in drafts][:20])


def search(
    *, text: str = "", kind: str = "", category: str = "", tag: str = "", state: str = "", order: str = "newest"
) -> QuerySet[Item]:
    """The brand's items that match everything asked, in the wanted order; empty conditions ask nothing.

    `text` is looked for in titles, authors and tags, and at the beginning of external ids.
    """
    wanted = {"kind": kind, "category": category, "tags__contains": [tag] if tag else "", "state": state}
    found: QuerySet[Item] = Item.objects.filter(**{field: value for field, value in wanted.items() if value})
    if text:
        is_match = Q(title__icontains=text) | Q(author__icontains=text) | Q(tags__contains=[text])
        found = found.filter(is_match | Q(external_id__istartswith=text))
    return found.order_by(*ORDERS[order])


def categories() -> list[str]:
    """The brand's categories, the fullest first."""
    counted = Item.objects.exclude(category="").values("category").annotate(num_items=Count("pk"))
    return list(counted.order_by("-num_items", "category").values_list("category", flat=True)[:200])


def tags() -> list[str]:
    """The brand's tags, the most used first."""
    single = Item.objects.annotate(tag=Func(F("tags"), function="unnest")).values("tag")
    counted = single.annotate(num_items=Count("pk")).order_by("-num_items", "tag")
    return list(counted.values_list("tag", flat=True)[:200])
