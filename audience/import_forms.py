"""Forms of an upload: which column is what, and the settings of the import."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audience.kinds import EventKind
from audience.options import Options
from audience.presets import Preset
from catalog.models import Item
from common.forms import BrandForm

ENCODINGS = (("utf-8", "UTF-8"), ("gb18030", "GB18030 / GBK"), ("utf-16-le", "UTF-16 LE"), ("utf-16-be", "UTF-16 BE"))
DELIMITERS = ((",", _("Comma")), ("\t", _("Tab")), (";", _("Semicolon")), ("|", _("Vertical bar")))
_TIME_ZONES = ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Europe/London", "UTC")
_KINDS = [("", _("Each row names its own")), *((kind.word, kind.label) for kind in EventKind)]


class LayoutForm(BrandForm):
    """How the text of the file is to be read; what is left out follows from the content."""

    encoding = forms.ChoiceField(choices=ENCODINGS, required=False, label=_("Encoding"))
    delimiter = forms.ChoiceField(choices=DELIMITERS, required=False, label=_("Separator"))


@dataclass(frozen=True)
class Column:
    """A column of the file on the page: its header, a few values, and the select that says what it is."""

    header: str
    samples: list[str]
    choice: forms.BoundField
    sureness_percent: int | None


class MappingForm(BrandForm):
    """One select per column of the file; every field of the preset may be taken once."""

    def __init__(self, preset: Preset, headers: Sequence[str], *args: Any, **kwargs: Any) -> None:
        self.preset, self.headers = preset, tuple(headers)
        columns: dict[str, forms.Field] = {f"column_{number}": _choice(preset) for number in range(len(headers))}
        super().__init__(*args, extra_fields=columns, **kwargs)

    @classmethod
    def filled(cls, preset: Preset, headers: Sequence[str], mapping: dict[str, str]) -> "MappingForm":
        """The form that shows this mapping (field -> header)."""
        by_header = {header: field for field, header in mapping.items()}
        initial = {f"column_{number}": by_header.get(header, "") for number, header in enumerate(headers)}
        return cls(preset, headers, initial=initial)

    def clean(self) -> dict[str, Any]:
        """Each field at most once, and every required one."""
        chosen = [name for name in self.cleaned_data.values() if name]
        for name in sorted({name for name in chosen if chosen.count(name) > 1}):
            label = self.preset.field(name).label
            self.add_error(None, _("Two columns are both called “%(label)s”. Choose one.") % {"label": label})
        for name in self.preset.required:
            if name not in chosen:
                label = self.preset.field(name).label
                self.add_error(None, _("Choose the column that holds “%(label)s”.") % {"label": label})
        return self.cleaned_data

    @property
    def mapping(self) -> dict[str, str]:
        """Field -> header, as the form stands."""
        chosen = [str(self[name].value() or "") for name in self.fields]
        return {field: header for header, field in zip(self.headers, chosen, strict=True) if field}

    def columns(self, rows: Sequence[Sequence[str | None]], sureness: dict[str, float]) -> list[Column]:
        """The columns with their first values and, for guessed ones, how sure the guess is."""
        columns = []
        for number, header in enumerate(self.headers):
            choice = self[f"column_{number}"]
            values = dict.fromkeys(row[number] for row in rows if number < len(row) and row[number])
            share = sureness.get(str(choice.value() or ""))
            percent = None if share is None else round(100 * share)
            columns.append(Column(header, [str(value) for value in values][:3], choice, percent))
        return columns


def _choice(preset: Preset) -> forms.ChoiceField:
    unused = _("Keep as own field") if preset.keeps_extra else _("Leave out")
    fields = [(field.name, f"{field.label} *" if field.is_required else field.label) for field in preset.fields]
    return forms.ChoiceField(choices=[("", unused), *fields], required=False)


class OptionsForm(BrandForm):
    """Those settings of an upload that matter for its kind of table."""

    time_zone = forms.ChoiceField(
        choices=[(zone, zone) for zone in _TIME_ZONES], label=_("Time zone"), help_text=_("Of times that name none.")
    )
    base_date = forms.DateField(
        widget=forms.DateInput({"type": "date"}), required=False, label=_("Date of day 1"),
        help_text=_("The file counts days; say which date day 1 was."),
    )  # fmt: skip
    default_kind = forms.ChoiceField(
        choices=_KINDS, required=False, label=_("Action of every row"), help_text=_("If no column names the action.")
    )
    unknown_items = forms.ChoiceField(
        choices=[("create", _("Add them without a title")), ("skip", _("Set their rows aside"))],
        label=_("Items that are not in the catalog"),
    )
    item_kind = forms.ChoiceField(
        choices=Item.Kind.choices, label=_("Kind of items"), help_text=_("Of items whose row names none.")
    )
    earliest = forms.DateField(
        widget=forms.DateInput({"type": "date"}), label=_("Earliest time"), help_text=_("Older rows are set aside.")
    )
    dwell_quantile = forms.FloatField(
        min_value=0, max_value=0.9999, label=_("Cut dwell times at the quantile"), help_text=_("0 cuts none."),
        widget=forms.NumberInput({"step": "any"}),
    )  # fmt: skip
    max_events_per_minute = forms.IntegerField(
        min_value=0, max_value=1_000_000, label=_("Actions per minute a person can do"),
        help_text=_("Rows of faster minutes are set aside as made by robots. 0 keeps them."),
    )  # fmt: skip
    account_ref = forms.CharField(
        max_length=64, required=False, label=_("AppID of the account"),
        help_text=_("The Official Account or Mini Program the OpenIDs belong to."),
    )  # fmt: skip
    kind_words = forms.CharField(
        widget=forms.Textarea({"rows": 3}), required=False, label=_("Own words for actions"), max_length=5000,
        help_text=_("One per line: your word = one of ours, such as 打卡 = lesson_complete"),
    )  # fmt: skip
    keep_extra = forms.BooleanField(required=False, label=_("Keep further columns as own fields"))

    def __init__(self, preset: Preset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = set(preset.options)
        wanted |= {"kind_words"} if "default_kind" in wanted else set()
        wanted |= {"keep_extra"} if preset.keeps_extra else set()
        for name in self.fields.keys() - wanted:
            del self.fields[name]

    @classmethod
    def filled(cls, preset: Preset, options: dict[str, Any]) -> "OptionsForm":
        """The form that shows these options."""
        words = "\n".join(f"{theirs} = {ours}" for theirs, ours in options["kind_words"].items())
        return cls(preset, initial=options | {"kind_words": words})

    def clean_kind_words(self) -> dict[str, str]:
        """The pairs as a dict; whether our words are known is for `Options` to say."""
        lines = [line.partition("=") for line in self.cleaned_data["kind_words"].splitlines() if line.strip()]
        if any(not (theirs.strip() and ours.strip()) for theirs, _sign, ours in lines):
            raise forms.ValidationError(_("Write one pair per line: your word = our word."))
        return {theirs.strip(): ours.strip() for theirs, _sign, ours in lines}

    def options(self, before: dict[str, Any]) -> dict[str, Any]:
        """All options of the import: `before` with the answers of a valid form."""
        given = {name: _plain(value) for name, value in self.cleaned_data.items()} if self.is_bound else {}
        return Options().to_json() | before | given


def _plain(value: Any) -> Any:
    """Dates as ISO text, an empty date as ''."""
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else value
