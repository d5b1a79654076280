"""The look that forms of brand pages share."""

from typing import Any

from django import forms


class BrandForm(forms.Form):
    """A form whose widgets carry the classes of the page's design; `extra_fields` are those known only at run time."""

    def __init__(self, *args: Any, extra_fields: dict[str, forms.Field] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= extra_fields or {}
        self.label_suffix = ""
        for field in self.fields.values():
            field.widget.attrs["class"] = _look(field.widget)

    @property
    def selects(self) -> list[forms.BoundField]:
        """The fields that are choices, in order (filters)."""
        return [field for field in self if isinstance(field.field, forms.ChoiceField)]


def _look(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"
