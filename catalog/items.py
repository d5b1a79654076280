"""Items: find, write, retire. Stage: collect. Reads from and writes to catalog.Item."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id
from catalog.models import Item
from common.errors import BadInput

WRITABLE = (
    "kind", "title", "text", "url", "category", "author", "tags", "price_fen", "duration_seconds", "picture",
    "attributes", "state", "published_at",
)  # fmt: skip
_is_url = URLValidator(schemes=["https", "http"])


def upsert(rows: Iterable[dict[str, Any]], by: Actor) -> tuple[int, int]:
    """Write items by `external_id`; fields that a row leaves out keep their value. Returns (created, updated)."""
    wanted = {str(row["external_id"]): row for row in rows}
    with transaction.atomic():
        known = {item.external_id: item for item in Item.objects.filter(external_id__in=wanted).select_for_update()}
        fresh, changed = [], []
        for external_id, row in wanted.items():
            item = known.get(external_id) or Item(external_id=external_id)
            _apply(item, row)
            (changed if external_id in known else fresh).append(item)
        Item.objects.bulk_create(fresh, batch_size=1000)
        Item.objects.bulk_update(changed, WRITABLE, batch_size=500)
        record(by, "upsert", "items", str(len(wanted)), created=len(fresh), updated=len(changed))
    return len(fresh), len(changed)


def _apply(item: Item, row: dict[str, Any]) -> None:
    for name in WRITABLE:
        if name in row:
            setattr(item, name, row[name])
    for address in (item.url, item.picture if item.picture.startswith("http") else ""):
        if address:
            try:
                _is_url(address)
            except ValidationError as error:
                raise BadInput("%(address)s is not a web address. Use https://…", address=address) from error


def set_state(item: Item, state: str, by: Actor) -> None:
    """Show, hide or retire one item; retired items are never recommended."""
    if state not in Item.State.values:
        raise BadInput("Choose one of the known states.")
    before, item.state = item.state, state
    item.save(update_fields=["state", "updated_at"])
    record(by, "set_state", "item", item.external_id, before=before, after=state)


def ids_by_external(external_ids: Iterable[str]) -> dict[str, int]:
    """Database ids of the brand's items by their external ids; unknown ones are left out."""
    current_tenant_id()
    found = Item.objects.filter(external_id__in=set(external_ids)).values_list("external_id", "pk")
    return dict(found)
