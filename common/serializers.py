"""What serializers of the REST API share."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


def unknown_field(name: str, known: list[str]) -> str:
    """The sentence about a field that does not exist, with the name that was probably meant."""
    near = get_close_matches(name, known, 1)
    if near:
        return _("There is no such field. Did you mean %(name)s?") % {"name": near[0]}
    return _("There is no such field. Known: %(names)s.") % {"names": ", ".join(known)}


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know; a mistyped name would be lost without a word otherwise.

    Read-only fields may be sent, and are left alone: so what was read can be changed and sent back.
    """

    def to_internal_value(self, data: Any) -> Any:
        """DRF's, after a look at the names."""
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError({name: [unknown_field(name, known)] for name in unknown})
        return super().to_internal_value(data)
