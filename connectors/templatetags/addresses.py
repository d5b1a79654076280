"""Addresses of WeChat's pictures, fit for pages that load nothing unencrypted."""

from django import template

register = template.Library()


@register.filter
def secure_address(address: str) -> str:
    """The same picture over https: `{{ cover.url|secure_address }}`; WeChat names its pictures with http."""
    return f"https://{address.removeprefix('http://')}" if address.startswith("http://") else address
