"""Stage: collect. One event of a page or mini program, checked. Reads: raw rows of a batch. Writes nothing.

The sender's clock is not believed: only the time between an event and the sending counts, back from our own clock.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext_noop as _

from audience.intake import RowError, can_be_stored, read_dwell, read_number, read_text
from audience.kinds import KIND_BY_WORD, EventKind
from connectors.tracking.batches import Batch

OLDEST = timedelta(days=7)
"""How long a device may keep events before it sends them."""
PUBLIC_KINDS = frozenset({
    EventKind.VIEW, EventKind.READ, EventKind.PLAY, EventKind.LIKE, EventKind.SHARE, EventKind.COMMENT,
    EventKind.FAVOURITE, EventKind.CLICK, EventKind.ADD_TO_CART, EventKind.READ_COMMENTS, EventKind.CLICK_AVATAR,
    EventKind.RATE, EventKind.IMPRESSION, EventKind.CUSTOM,
})  # fmt: skip
"""What a page may say. Purchases and the like are facts of a server: anybody can write into a page."""
_NOISE = re.compile(r"(fwt|utm_\w+|isappinstalled|nsukey|wxwork_userid)=|from=(singlemessage|groupmessage|timeline)$")
"""Parameters that WeChat, advertisements and we add to an address: the page is the same without them."""
_OAUTH = frozenset({"code", "state"})
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
_MAX_URL, _MAX_ITEM, _MAX_TITLE, _MAX_PROPS, _MAX_PROP = 500, 128, 200, 20, 200


@dataclass(frozen=True)
class Act:
    """One event that can be recorded; `index` is its place in the batch."""

    index: int
    id: str
    kind: EventKind
    occurred_at: datetime
    item: str = ""
    url: str = ""
    title: str = ""
    dwell_seconds: float | None = None
    value: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Answer:
    """The person changed the answer to the question for consent."""

    index: int
    id: str
    is_granted: bool
    answered_at: datetime


def read(batch: Batch, index: int, row: Any) -> Act | Answer:
    """The row as an act or an answer; raises `RowError`."""
    if not isinstance(row, dict):
        raise RowError("not_an_object", _("Each event must be a JSON object."))
    row_id, word = row.get("id"), row.get("kind")
    if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
        raise RowError("id_invalid", _("Give each event an id of at most 64 letters, digits, or _ . : -"))
    occurred_at = _time(batch, row.get("at"))
    if word == "consent":
        return _answer(index, row_id, row.get("state"), occurred_at)
    kind = _kind(word)
    return Act(
        index=index,
        id=row_id,
        kind=kind,
        occurred_at=occurred_at,
        item=_item(row.get("item")),
        url=canonical_url(row.get("url")),
        title=_title(row.get("title")),
        dwell_seconds=read_dwell(row.get("dwell_seconds"), "dwell_seconds"),
        value=read_number(row.get("value"), "value"),
        text=_custom_text(row) if kind == EventKind.CUSTOM else read_text(row.get("text"), "text"),
    )


def _answer(index: int, row_id: str, state: Any, answered_at: datetime) -> Answer:
    if state not in ("granted", "withdrawn"):
        raise RowError("state_invalid", _("state of a consent event is granted or withdrawn."))
    return Answer(index, row_id, state == "granted", answered_at)


def _kind(word: Any) -> EventKind:
    kind = KIND_BY_WORD.get(word) if isinstance(word, str) else None
    if kind is None:
        words = ", ".join(kind.word for kind in EventKind if kind in PUBLIC_KINDS)
        raise RowError("kind_unknown", _("Unknown kind. Use one of: %(kinds)s."), kinds=words)
    if kind not in PUBLIC_KINDS:
        raise RowError(
            "kind_not_public", _("A page cannot prove “%(kind)s”. Send it from your server with an API key."), kind=word
        )
    return kind


def _time(batch: Batch, value: Any) -> datetime:
    if value is None:
        return batch.received_at
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e15:
        raise RowError("at_invalid", _("at is the device's clock in milliseconds since 1970."))
    age = timedelta(milliseconds=max(0.0, batch.sent_at_ms - value))
    if age > OLDEST:
        raise RowError("too_old", _("The event waited longer than %(days)s days on the device."), days=OLDEST.days)
    return batch.received_at - age


def _item(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, dict | list | bool) or len(text) > _MAX_ITEM or not can_be_stored(text):
        raise RowError("item_invalid", _("item must be a text of at most 128 characters."))
    return text


def _title(value: Any) -> str:
    return value.strip()[:_MAX_TITLE] if isinstance(value, str) and can_be_stored(value) else ""


def canonical_url(value: Any) -> str:
    """The address of the page without fragment and without what sharing and counting added; raises `RowError`."""
    if value is None or value == "":
        return ""
    try:
        parts = urlsplit(value if isinstance(value, str) and can_be_stored(value) else "")
        is_page = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_page = False
    if not is_page:
        raise RowError("url_invalid", _("url must be the address of a page: https://…"))
    url = urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", _without_noise(parts.query), ""))
    url = url if len(url) <= _MAX_URL else url.partition("?")[0]
    if len(url) > _MAX_URL:
        raise RowError("url_invalid", _("url must be the address of a page: https://…"))
    return url


def _without_noise(query: str) -> str:
    """The query as it was written, so that it equals the catalog's; `code` and `state` together come from a login."""
    pairs = [pair for pair in query.split("&") if pair and not _NOISE.match(pair)]
    names = {pair.partition("=")[0] for pair in pairs}
    if names >= _OAUTH:
        pairs = [pair for pair in pairs if pair.partition("=")[0] not in _OAUTH]
    return "&".join(pairs)


def _custom_text(row: dict[str, Any]) -> str:
    name, props = row.get("name"), row.get("props") or {}
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RowError("name_invalid", _("Name a custom event with at most 64 of a-z, 0-9, _ . -"))
    is_flat = isinstance(props, dict) and len(props) <= _MAX_PROPS
    if not is_flat or not all(_is_prop(key) and _is_prop(value) for key, value in props.items()):
        raise RowError("props_invalid", _("props is a flat object of at most 20 short texts and numbers."))
    return f"{name} {json.dumps(props, ensure_ascii=False, separators=(',', ':'))}" if props else name


def _is_prop(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_PROP and can_be_stored(value)
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)
