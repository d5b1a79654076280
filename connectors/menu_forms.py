"""The form of a menu: three buttons, each with five entries below it; what WeChat would refuse is said at its field."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from common.forms import BrandForm
from common.translation import explain, translated
from connectors.problems import PlatformFailed
from connectors.wechat import menus
from connectors.wechat.errors import BadMessage, WeChatError
from connectors.wechat.menus import Button, ButtonType

KINDS = [
    (ButtonType.VIEW, _("Open a link")),
    (ButtonType.CLICK, _("Send a key")),
    (ButtonType.MINIPROGRAM, _("Open a mini program")),
    (ButtonType.ARTICLE_VIEW, _("Open a published article")),
    (ButtonType.ARTICLE, _("Show a published article as a card")),
    (ButtonType.MEDIA, _("Send a material")),
    (ButtonType.SCAN, _("Scan a code")),
    (ButtonType.SCAN_WAIT, _("Scan a code and wait for an answer")),
    (ButtonType.PHOTO, _("Take a photo")),
    (ButtonType.PHOTO_OR_ALBUM, _("Photo or album")),
    (ButtonType.ALBUM, _("Choose from the album")),
    (ButtonType.LOCATION, _("Send a place")),
]
_TEXT = {"autocomplete": "off"}


def _field_of(kind: str) -> str:
    """Which field of a button the form's one value is, by the button's kind."""
    needed = menus.FIELDS.get(kind, ("",))
    return needed[0]


class ButtonForm(BrandForm):
    """One button or entry. `value` is its link, key, material or article, by its kind."""

    name = forms.CharField(label=_("Name"), required=False, widget=forms.TextInput(attrs=_TEXT))
    type = forms.ChoiceField(label=_("What it does"), choices=[("", "—"), *KINDS], required=False)
    value = forms.CharField(label=_("Link, key or id"), required=False, widget=forms.TextInput(attrs=_TEXT))
    app_id = forms.CharField(label=_("AppID of the mini program"), required=False, max_length=32)
    page_path = forms.CharField(label=_("Page of the mini program"), required=False, max_length=1024)

    def __init__(self, *args: Any, is_child: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_child = is_child
        self.num_bytes = menus.CHILD_NAME_BYTES if is_child else menus.TOP_NAME_BYTES
        self.fields["name"].widget.attrs["data-bytes"] = self.num_bytes
        if not is_child:
            self.fields["type"].choices = [("", _("Open its entries")), *KINDS]  # type: ignore[attr-defined]  # a choice field

    @property
    def is_empty(self) -> bool:
        """Whether nothing was entered."""
        return not any(str(self[name].value() or "").strip() for name in self.fields)

    def button(self, children: tuple[Button, ...] = ()) -> Button:
        """What was entered, unchecked."""
        said = {name: str(self[name].value() or "").strip() for name in self.fields}  # also what is wrong
        fields = {field: said["value"] for field in (_field_of(said["type"]),) if field}
        if said["type"] == ButtonType.MINIPROGRAM:
            fields |= {"app_id": said["app_id"], "page_path": said["page_path"]}
        return Button(said["name"], said["type"], children=children, **fields)

    def check(self, children: tuple[Button, ...]) -> None:
        """Say at its field what WeChat would refuse of this button; its entries are checked on their own."""
        button = self.button(children)
        try:
            if children and (button.type or self["value"].value()):
                raise BadMessage(
                    "%(name)s has a submenu, so it cannot do anything itself. Choose one.", name=button.name
                )
            Button(button.name, "click", "k").check(is_child=self.is_child)
            if not children:
                button.check(is_child=self.is_child)
        except WeChatError as error:
            self._complain(error)

    def _complain(self, error: WeChatError) -> None:
        said = str(error.context.get("field", ""))
        at = {"Menu name": "name", "Menu key": "value", "Menu link": "value"}.get(said)
        at = at or {"appid": "app_id", "pagepath": "page_path"}.get(said.partition(" of ")[0])
        at = at or ("value" if " of menu entry " in said else "type")
        if said == f"Menu {self.button().name}":  # a button without kind and entries
            self.add_error("type", _("Choose what it does, or fill in an entry below it."))
            return
        label = {"field": str(self.fields[at].label)} if said else {}
        self.add_error(at, translated(error.template, {**error.context, **label}))


@dataclass
class Slot:
    """A button's form with those of its entries."""

    number: int
    form: ButtonForm
    children: list[ButtonForm]

    @property
    def is_open(self) -> bool:
        """Whether the page shows it unfolded: it has something in it, or something is wrong."""
        return self.form.errors != {} or any(child.errors for child in self.children)

    @property
    def num_children(self) -> int:
        """Entries that have a name."""
        return sum(bool(child["name"].value()) for child in self.children)


class MenuForm:
    """The forms of all places. `data`: what was sent; else `buttons` fill them."""

    def __init__(self, data: QueryDict | None = None, buttons: tuple[Button, ...] = ()) -> None:
        self.errors: list[str] = []
        self.slots = [
            Slot(number + 1, _form(data, buttons, (number,)), _children(data, buttons, number))
            for number in range(menus.NUM_BUTTONS)
        ]

    def is_valid(self) -> bool:
        """Whether WeChat would take it; the reasons stand at the fields and in `errors`."""
        for form in self._forms():
            form.is_valid()
        for slot in self.slots:
            filled = [child for child in slot.children if not child.is_empty]
            for child in filled:
                child.check(())
            if filled or not slot.form.is_empty:
                slot.form.check(tuple(child.button() for child in filled))
        try:
            menus.check_menu(self.buttons())
        except WeChatError as error:
            if not self._has_field_errors():
                self.errors.append(explain(PlatformFailed(error)))
        return not self.errors and not self._has_field_errors()

    def _has_field_errors(self) -> bool:
        return any(form.errors for form in self._forms())

    def buttons(self) -> tuple[Button, ...]:
        """The menu as entered; empty places are left out."""
        found = []
        for slot in self.slots:
            children = tuple(child.button() for child in slot.children if not child.is_empty)
            if children or not slot.form.is_empty:
                found.append(slot.form.button(children))
        return tuple(found)

    def _forms(self) -> Iterator[ButtonForm]:
        for slot in self.slots:
            yield slot.form
            yield from slot.children


def _children(data: QueryDict | None, buttons: tuple[Button, ...], number: int) -> list[ButtonForm]:
    return [_form(data, buttons, (number, place)) for place in range(menus.NUM_CHILDREN)]


def _form(data: QueryDict | None, buttons: tuple[Button, ...], place: tuple[int, ...]) -> ButtonForm:
    prefix = "b" + "_".join(str(number + 1) for number in place)
    return ButtonForm(data, prefix=prefix, initial=_initial(buttons, place), is_child=len(place) > 1)


def _initial(buttons: tuple[Button, ...], place: tuple[int, ...]) -> dict[str, str]:
    """What stands at this place of a menu."""
    for number in place:
        if number >= len(buttons):
            return {}
        button, buttons = buttons[number], buttons[number].children
    field = _field_of(button.type)
    value = getattr(button, field) if field else ""
    return {
        "name": button.name, "type": button.type, "value": value, "app_id": button.app_id,
        "page_path": button.page_path,
    }  # fmt: skip
