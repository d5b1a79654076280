"""What the user may set for an upload, checked. Kept as JSON on the import."""

import datetime as dt
from collections.abc import Mapping as AnyMapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from django.utils.translation import gettext_noop as _

from audience.parsing import zone_exists
from audience.words import ITEM_WORDS, KIND_WORDS, normal_word
from common.errors import BadInput


class BadOption(BadInput):
    """A setting of the upload cannot be used; `context["option"]` names it."""

    code = "bad_option"


@dataclass(frozen=True)
class Options:
    """Settings of one upload, each with a sensible default."""

    time_zone: str = "Asia/Shanghai"  # of times without an offset
    earliest: str = "2011-01-21"  # WeChat began that day; older rows are set aside
    base_date: str = ""  # the date that day number 1 stands for
    default_kind: str = ""  # the act of rows that name none
    kind_words: dict[str, str] = field(default_factory=dict)  # the file's own words -> ours
    unknown_items: str = "create"  # create: add them without a title; skip: set the rows aside
    item_kind: str = "article"  # of items whose row names none
    dwell_quantile: float = 0.995  # longer dwell times are cut to this quantile; 0 switches it off
    max_events_per_minute: int = 120  # of one contact; 0 switches it off
    keep_extra: bool = True  # keep unmapped columns as own fields
    account_ref: str = ""  # the AppID the openids belong to

    @classmethod
    def from_json(cls, data: AnyMapping[str, Any]) -> Self:
        """Checked options; raises `BadOption`. Unknown names are refused."""
        unknown = sorted(data.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise BadOption(_("There is no option “%(option)s”."), option=unknown[0])
        options = cls(**data)
        for option in fields(cls):
            if option.type is str and not isinstance(getattr(options, option.name), str):
                raise BadOption(_("This option is a text."), option=option.name)
        for check in (_check_times, _check_words, _check_numbers):
            check(options)
        return options

    def to_json(self) -> dict[str, Any]:
        """Plain data for storage."""
        return asdict(self)

    @property
    def earliest_at(self) -> dt.datetime:
        """The first moment a row may carry."""
        return dt.datetime.fromisoformat(self.earliest).replace(tzinfo=dt.UTC)


def _check_times(options: Options) -> None:
    if not zone_exists(options.time_zone):
        raise BadOption(_("Unknown time zone. Use a name such as Asia/Shanghai."), option="time_zone")
    for name in ("earliest", "base_date"):
        value = getattr(options, name)
        try:
            is_bad = bool(value) and dt.date.fromisoformat(value).year < 1970
        except (TypeError, ValueError):
            is_bad = True
        if is_bad or (name == "earliest" and not value):
            raise BadOption(_("Write the date like 2026-11-24, not before 1970."), option=name)


def _check_words(options: Options) -> None:
    if options.default_kind and options.default_kind not in KIND_WORDS:
        raise BadOption(_("Unknown kind of action. Choose one from the list."), option="default_kind")
    if not isinstance(options.kind_words, dict) or len(options.kind_words) > 200:
        raise BadOption(_("Give the words as pairs: your word and ours."), option="kind_words")
    if any(normal_word(str(ours)) not in KIND_WORDS for ours in options.kind_words.values()):
        raise BadOption(_("Unknown kind of action. Choose one from the list."), option="kind_words")
    if options.unknown_items not in ("create", "skip"):
        raise BadOption(_("Choose whether unknown items are made or their rows set aside."), option="unknown_items")
    if options.item_kind not in ITEM_WORDS.values():
        raise BadOption(_("Unknown kind of item. Choose one from the list."), option="item_kind")
    if not isinstance(options.account_ref, str) or len(options.account_ref) > 64:
        raise BadOption(_("An AppID has at most 64 characters."), option="account_ref")


def _check_numbers(options: Options) -> None:
    quantile, rate = options.dwell_quantile, options.max_events_per_minute
    if not isinstance(quantile, int | float) or not (quantile == 0 or 0.5 <= quantile < 1):
        raise BadOption(_("The quantile lies between 0.5 and 1; 0 switches the rule off."), option="dwell_quantile")
    if not isinstance(rate, int) or isinstance(rate, bool) or not 0 <= rate <= 1_000_000:
        raise BadOption(_("Actions per minute is a whole number; 0 switches it off."), option="max_events_per_minute")
    if not isinstance(options.keep_extra, bool):
        raise BadOption(_("Say yes or no."), option="keep_extra")
