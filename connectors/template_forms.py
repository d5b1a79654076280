"""Forms of templates: taking one out of the platform's library."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import BrandForm
from connectors.templates import MAX_KEYWORDS, MAX_USE_CHARS, MIN_KEYWORDS
from connectors.wechat.template_library import LibraryKeyword


class NoticeForm(BrandForm):
    """Which fields of a notice are taken, and what it is for."""

    keywords = forms.TypedMultipleChoiceField(
        label=_("Fields"), coerce=int, widget=forms.CheckboxSelectMultiple,
        help_text=_("Choose 2 to 5. They appear in this order."),
    )  # fmt: skip
    use = forms.CharField(
        label=_("What it is for"), max_length=MAX_USE_CHARS, help_text=_("WeChat reads this. At most 15 characters.")
    )

    def __init__(self, *args: Any, offered: Iterable[LibraryKeyword], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(one.id, f"{one.name} ({one.example})") for one in offered]
        self.fields["keywords"].choices = choices  # type: ignore[attr-defined]  # a choice field

    def clean_keywords(self) -> tuple[int, ...]:
        """Two to five of them."""
        chosen = self.cleaned_data["keywords"]
        if not MIN_KEYWORDS <= len(chosen) <= MAX_KEYWORDS:
            raise forms.ValidationError(_("Choose 2 to 5 fields."))
        return tuple(chosen)


class ShortIdForm(BrandForm):
    """A template message by its number in the console's library."""

    short_id = forms.CharField(
        label=_("Number in the library"), max_length=40, help_text=_("As WeChat's console shows it, such as 43216.")
    )
    names = forms.CharField(
        label=_("Keywords"), max_length=400, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One per line, written as in the library."),
    )  # fmt: skip

    def clean_names(self) -> tuple[str, ...]:
        """The keywords, each once."""
        lines = (line.strip() for line in self.cleaned_data["names"].splitlines())
        return tuple(dict.fromkeys(line for line in lines if line))
