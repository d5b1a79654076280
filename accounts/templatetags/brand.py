"""Template tags of brand pages."""

from typing import Any

from django import template
from django.urls import reverse

from common.translation import translated

register = template.Library()


@register.simple_tag(takes_context=True)
def brand_url(context: dict[str, Any], name: str, *args: Any) -> str:
    """The address of a brand page: `{% brand_url "catalog:item" item.external_id %}`."""
    return reverse(name, args=[context["tenant"].slug, *args])


@register.filter
def translate_stored(template_text: str, values: dict[str, Any] | None = None) -> str:
    """A stored English sentence in the reader's language: `{{ job.stage|translate_stored }}`."""
    return translated(template_text, values)
