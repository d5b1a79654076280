"""From an external id to an item of the brand in scope."""

from django.http import Http404

from catalog.models import Item


def item_for(external_id: str) -> Item:
    """The item, or 404: missing and foreign look alike."""
    item: Item | None = Item.objects.filter(external_id=external_id).first()
    if item is None:
        raise Http404
    return item
