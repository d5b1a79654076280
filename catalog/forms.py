"""Forms of the catalog."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator, URLValidator
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from catalog import items, pictures
from catalog.access import item_for
from catalog.models import Item
from common.forms import BrandForm
from common.translation import explain

MAX_TAGS = 30
_SAME_NAMES = ("title", "kind", "state", "text", "category", "author", "tags", "url", "published_at")
"""Fields of the form that are called as in the model."""


class TagsField(forms.CharField):
    """Tags as one line, separated by commas (also 、 and ，); cleaned to a list without repeats."""

    default_validators = [MaxLengthValidator(40)]

    def to_python(self, value: Any) -> Any:
        text = str(value or "").translate({ord("，"): ",", ord("、"): ",", ord(";"): ",", ord("；"): ","})
        return list(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))

    def prepare_value(self, value: Any) -> Any:
        return "，".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > MAX_TAGS:
            raise forms.ValidationError(_("Give at most %(limit)s tags."), params={"limit": MAX_TAGS})

    def run_validators(self, value: Any) -> None:
        for tag in value:
            super().run_validators(tag)


def _categories() -> list[tuple[str, Any]]:
    return [("", _("All categories")), *((category, category) for category in items.categories())]


class ItemFilter(BrandForm):
    """What the list of items is narrowed to; values that make no sense ask nothing."""

    text = forms.CharField(max_length=80, required=False, label=_("Search"))
    kind = forms.ChoiceField(choices=[("", _("All kinds")), *Item.Kind.choices], required=False, label=_("Kind"))
    category = forms.ChoiceField(choices=_categories, required=False, label=_("Category"))
    tag = forms.CharField(max_length=40, required=False, label=_("Tag"))
    state = forms.ChoiceField(choices=[("", _("All states")), *Item.State.choices], required=False, label=_("State"))
    order = forms.ChoiceField(
        choices=[
            ("newest", _("Newest first")),
            ("changed", _("Changed last")),
            ("title", _("Title")),
            ("cheapest", _("Price, low to high")),
            ("dearest", _("Price, high to low")),
        ],
        required=False,
        label=_("Sort by"),
    )

    @property
    def conditions(self) -> dict[str, str]:
        """Arguments for `items.search`."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order was asked."""
        return bool(self.conditions.keys() - {"order"})


class ItemForm(BrandForm):
    """All facts of one item. Without `existing` it makes a new one and asks for the brand's own id."""

    external_id = forms.CharField(max_length=128, label=_("Item id"))
    title = forms.CharField(max_length=200, label=_("Title"))
    kind = forms.ChoiceField(choices=Item.Kind.choices, label=_("Kind"))
    state = forms.ChoiceField(choices=Item.State.choices, label=_("State"))
    text = forms.CharField(
        widget=forms.Textarea({"rows": 5}), max_length=20_000, required=False, label=_("Text"),
        help_text=_("The first lines are shown under recommendations."),
    )  # fmt: skip
    category = forms.CharField(
        max_length=80, required=False, label=_("Category"), widget=forms.TextInput({"list": "known-categories"})
    )
    author = forms.CharField(max_length=80, required=False, label=_("Author"))
    tags = TagsField(required=False, label=_("Tags"), help_text=_("Separate tags by commas."))
    price = forms.DecimalField(
        min_value=0, max_value=10_000_000, decimal_places=2, required=False, label=_("Price in yuan")
    )
    duration_minutes = forms.DecimalField(
        min_value=0, max_value=100_000, decimal_places=1, required=False, label=_("Length in minutes")
    )
    url = forms.URLField(max_length=500, required=False, assume_scheme="https", label=_("Address of the page"))
    published_at = forms.DateTimeField(
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        required=False,
        label=_("Published"),
    )
    picture_file = forms.FileField(
        widget=forms.FileInput({"accept": "image/jpeg,image/png,image/webp,image/gif"}), required=False,
        label=_("Upload a picture"),
    )  # fmt: skip
    picture_address = forms.CharField(
        max_length=300, required=False, label=_("or its web address"), validators=[URLValidator(schemes=["https"])],
        widget=forms.URLInput({"placeholder": "https://…"}),
    )  # fmt: skip
    is_picture_removed = forms.BooleanField(required=False, label=_("Remove the picture"))

    def __init__(self, existing: Item | None, *args: Any, **kwargs: Any) -> None:
        self.existing = existing
        super().__init__(*args, initial=_initial(existing) if existing else {"state": Item.State.ACTIVE}, **kwargs)
        if existing:
            del self.fields["external_id"]

    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"].strip()
        if Item.objects.filter(external_id=external_id).exists():
            raise forms.ValidationError(_("An item with this id exists already. Choose another id or edit that item."))
        return external_id

    def clean_picture_file(self) -> pictures.Picture | None:
        """The picture, encoded anew; it is stored by `save`, so a form with other mistakes leaves no file behind."""
        upload: UploadedFile[Any] | None = self.cleaned_data["picture_file"]
        if not upload:
            return None
        try:
            return pictures.encode(upload, upload.size or 0)
        except pictures.BadPicture as error:
            raise forms.ValidationError(explain(error)) from error

    def save(self, by: Actor) -> Item:
        """Write the item; the file of a replaced picture is deleted."""
        before = self.existing.picture if self.existing else ""
        external_id = self.existing.external_id if self.existing else self.cleaned_data["external_id"]
        picture = self._picture(before)
        items.upsert([{"external_id": external_id, "picture": picture, **self._facts()}], by)
        if picture != before:
            pictures.discard(before)
        return item_for(external_id)

    def _picture(self, before: str) -> str:
        given = self.cleaned_data
        if given["is_picture_removed"]:
            return ""
        return pictures.keep(given["picture_file"]) if given["picture_file"] else given["picture_address"] or before

    def _facts(self) -> dict[str, Any]:
        given = self.cleaned_data
        facts = {name: given[name] for name in _SAME_NAMES}
        facts["price_fen"] = None if given["price"] is None else int(given["price"] * 100)
        if "duration_minutes" in self.changed_data:  # the shown minutes are rounded
            minutes = given["duration_minutes"]
            facts["duration_seconds"] = None if minutes is None else int(minutes * 60)
        return facts


def _initial(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _SAME_NAMES} | {
        "price": None if item.price_fen is None else Decimal(item.price_fen) / 100,
        "duration_minutes": None if item.duration_seconds is None else round(Decimal(item.duration_seconds) / 60, 1),
        "picture_address": item.picture if item.picture.startswith("https://") else "",
    }
