"""Template filters of items."""

from django import template

from catalog.models import Item
from catalog.pictures import address

register = template.Library()


@register.filter
def picture_url(item: Item) -> str:
    """Where to fetch the item's picture: `{{ item|picture_url }}`."""
    return address(item)
