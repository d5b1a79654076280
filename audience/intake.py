"""Event rows as integrators send them: checked one by one, recorded together. Stage: collect. Writes audience_event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from audience import contacts, events
from audience.events import NewEvent
from audience.kinds import KIND_BY_WORD, Source
from catalog import items
from common.errors import BadInput

MAX_ROWS = 1000
_MAX_ID, _MAX_TEXT, _MAX_NUMBER = 128, 2000, 1e300


@dataclass
class Outcome:
    """What became of a batch: counts, and (row index, error) for each refused row."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, BadInput]] = field(default_factory=list)


class RowError(BadInput):
    """One row cannot be recorded; `code` says which rule it broke."""

    def __init__(self, code: str, template: str, **context: Any) -> None:
        super().__init__(template, **context)
        self.code = code


def record_rows(rows: Sequence[Any], source: Source, batch_key: str = "") -> Outcome:
    """Record what can be recorded; unknown contacts are created, unknown items are refused with the fix.

    `batch_key` gives rows without an id one of their own (key and position), so a repeated batch adds nothing.
    """
    outcome = Outcome()
    parsed: list[tuple[int, dict[str, Any]]] = []
    for index, row in enumerate(rows):
        try:
            parsed.append((index, _parse(row, f"{batch_key}:{index}" if batch_key else "")))
        except RowError as error:
            outcome.rejected.append((index, error))
    item_ids = items.ids_by_external(row["item"] for _i, row in parsed if row["item"])
    known = [(index, row) for index, row in parsed if not row["item"] or row["item"] in item_ids]
    for index, row in parsed:
        if row["item"] and row["item"] not in item_ids:
            outcome.rejected.append((index, _unknown_item(row["item"])))
    contact_ids = contacts.ids_by_external((row["contact"] for _i, row in known), create=True)
    is_new = events.record(_new_event(row, source, contact_ids, item_ids) for _i, row in known)
    outcome.accepted, outcome.duplicates = sum(is_new), len(is_new) - sum(is_new)
    outcome.rejected.sort(key=lambda pair: pair[0])
    return outcome


def _unknown_item(external_id: str) -> RowError:
    return RowError("unknown_item", "There is no item %(item)s. Send the item first, then the event.", item=external_id)


def _new_event(row: dict[str, Any], source: Source, contact_ids: dict[str, int], item_ids: dict[str, int]) -> NewEvent:
    return NewEvent(
        source=source,
        source_id=row["id"],
        contact_id=contact_ids[row["contact"]],
        kind=KIND_BY_WORD[row["kind"]],
        occurred_at=row["occurred_at"],
        item_id=item_ids.get(row["item"]),
        dwell_seconds=row["dwell_seconds"],
        amount_fen=row["amount_fen"],
        value=row["value"],
        text=row["text"],
    )


def _parse(row: Any, fallback_id: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise RowError("not_an_object", "Each event must be a JSON object.")
    unknown = [str(name) for name in row if name not in _READERS]
    if unknown:
        names = {"unknown": ", ".join(unknown)[:200], "names": ", ".join(_READERS)}
        raise RowError("unknown_field", "There is no field %(unknown)s. Known: %(names)s.", **names)
    parsed: dict[str, Any] = {name: read(row.get(name), name) for name, read in _READERS.items()}
    parsed["id"] = parsed["id"] or fallback_id
    if not parsed["id"]:
        raise RowError("id_missing", "Give each event an id, or send the batch with an Idempotency-Key header.")
    if not parsed["contact"]:
        raise RowError("contact_missing", "Say who acted: set contact to your id of the person.")
    if parsed["kind"] not in KIND_BY_WORD:
        raise RowError("unknown_kind", "Unknown kind. Use one of: %(kinds)s.", kinds=", ".join(KIND_BY_WORD))
    return parsed


def can_be_stored(text: str) -> bool:
    """PostgreSQL takes neither NUL nor half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _read_id(value: Any, name: str) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, dict | list | bool) or len(text) > _MAX_ID or not can_be_stored(text):
        raise RowError(f"{name}_invalid", "%(name)s must be a text of at most 128 characters.", name=name)
    return text


def read_text(value: Any, name: str) -> str | None:
    """A text of at most 2,000 characters that the database can hold, or None; raises `RowError`."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not can_be_stored(value):
        raise RowError(f"{name}_invalid", "%(name)s must be a text of at most 2000 characters.", name=name)
    return value


def read_number(value: Any, name: str) -> float | None:
    """A finite number, or None; raises `RowError`."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -_MAX_NUMBER <= value <= _MAX_NUMBER:  # NaN fails every comparison
        raise RowError(f"{name}_invalid", "%(name)s must be a number.", name=name)
    return float(value)


def read_dwell(value: Any, name: str) -> float | None:
    """Seconds of at most one day, or None; raises `RowError`."""
    number = read_number(value, name)
    if number is not None and not 0 <= number <= 86_400:
        raise RowError("dwell_seconds_invalid", "dwell_seconds must lie between 0 and 86400 (one day).")
    return number


def _read_fen(value: Any, name: str) -> int | None:
    number = read_number(value, name)
    if number is not None and (number != int(number) or abs(number) > 1e15):
        raise RowError("amount_fen_invalid", "amount_fen must be a whole number of fen.")
    return None if number is None else int(number)


def _read_time(value: Any, name: str) -> datetime:
    if value is None:
        return timezone.now()
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RowError("time_invalid", "occurred_at must be ISO 8601, such as 2026-11-24T12:00:00+08:00.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not events.is_plausible(moment):
        raise RowError("time_impossible", "occurred_at lies in the future or before 2011. Check the unit and the zone.")
    return moment


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "id": _read_id,
    "contact": _read_id,
    "item": _read_id,
    "kind": _read_id,
    "occurred_at": _read_time,
    "dwell_seconds": read_dwell,
    "amount_fen": _read_fen,
    "value": read_number,
    "text": read_text,
}
