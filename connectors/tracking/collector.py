"""Stage: collect. From one request of a page or mini program to events. Reads: a batch. Writes audience_event.

Also counts what was dropped and why, and shows every request to whoever watches the Live page.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from audience import events
from audience.events import NewEvent
from audience.intake import RowError, can_be_stored
from connectors.models import TrackingKey
from connectors.tracking import acts, bots, keys, live, pages, tallies, visitors
from connectors.tracking.acts import Act, Answer
from connectors.tracking.batches import Batch, Refusal
from connectors.tracking.visitors import Person

ACCEPTED, HELD, DUPLICATE = "accepted", "held", "duplicate"


@dataclass
class Outcome:
    """What became of a batch: a word for each row by its index, and the errors of the refused ones."""

    words: dict[int, str] = field(default_factory=dict)
    errors: dict[int, RowError] = field(default_factory=dict)
    person: Person | None = None

    def refuse(self, index: int, error: RowError) -> None:
        """Note why a row was not recorded."""
        self.words[index], self.errors[index] = error.code, error

    def count(self) -> Counter[str]:
        """Word -> number of rows."""
        return Counter(self.words.values())


def collect(batch: Batch) -> Outcome:
    """Record or hold what may be recorded, within the running scope."""
    outcome = Outcome()
    read = _read(batch, outcome)
    person = outcome.person = visitors.recognise(batch.visitor, batch.token)
    for given in read:
        if isinstance(given, Answer):
            visitors.answer(person, given, batch.place)
            outcome.words[given.index] = ACCEPTED
    objection = _objection(batch, person)
    wanted = [act for act in read if isinstance(act, Act)]
    if objection is None:
        _write(batch, person, wanted, outcome)
    else:
        for act in wanted:
            outcome.refuse(act.index, objection)
    if outcome.words:
        keys.note_use(batch.key, batch.received_at)
        tallies.add(f"key:{batch.key.code}", outcome.count())
        live.note(batch.key.tenant_id, _sight(batch, outcome))
    return outcome


def _read(batch: Batch, outcome: Outcome) -> list[Act | Answer]:
    read: list[Act | Answer] = []
    for index, row in enumerate(batch.rows):
        try:
            read.append(acts.read(batch, index, row))
        except RowError as error:
            outcome.refuse(index, error)
    return read


def _objection(batch: Batch, person: Person) -> RowError | None:
    """Why nothing of this batch may be recorded, if so."""
    if bots.is_crawler(batch.user_agent):
        return RowError("bot", _("A search engine opened the page."))
    if batch.consent == "denied" or (batch.key.needs_consent and batch.consent != "granted"):
        return RowError("no_consent", _("The person has not agreed to be observed; nothing was kept."))
    if person.is_opted_out:
        return RowError("opted_out", _("This contact has switched personalisation off; nothing was kept."))
    return None


def _write(batch: Batch, person: Person, wanted: Sequence[Act], outcome: Outcome) -> None:
    item_ids = pages.find(batch, wanted) if wanted else []
    contact_id = person.contact.pk if person.contact else 0
    rows = [_event(batch, act, contact_id, item_id) for act, item_id in zip(wanted, item_ids, strict=True)]
    is_new = events.record(rows) if person.contact else visitors.hold(batch.visitor, rows)
    word = ACCEPTED if person.contact else HELD
    for act, new in zip(wanted, is_new, strict=True):
        outcome.words[act.index] = word if new else DUPLICATE


def _event(batch: Batch, act: Act, contact_id: int, item_id: int | None) -> NewEvent:
    return NewEvent(
        source=batch.source,
        source_id=f"{batch.visitor}.{act.id}",
        contact_id=contact_id,
        kind=act.kind,
        occurred_at=act.occurred_at,
        item_id=item_id,
        dwell_seconds=act.dwell_seconds,
        value=act.value,
        text=act.text,
    )


def refuse(key: TrackingKey, refusal: Refusal, place: str) -> None:
    """Count and show a request that was refused as a whole, within the running scope."""
    tallies.add(f"key:{key.code}", {refusal.code: 1})
    show_refusal(key, refusal, place)


def show_refusal(key: TrackingKey, refusal: Refusal, place: str) -> None:
    """Show it only: a flood must not become a flood of writes."""
    entry = {"at": timezone.now().isoformat(), "key": key.code, "place": place[:120], "code": refusal.code}
    live.note(key.tenant_id, {**entry, "template": refusal.template, "context": refusal.context, "lines": []})


def _sight(batch: Batch, outcome: Outcome) -> dict[str, Any]:
    contact = outcome.person.contact if outcome.person else None
    return {
        "at": batch.received_at.isoformat(),
        "key": batch.key.code,
        "place": batch.place,
        "source": int(batch.source),
        "visitor": batch.visitor[:8],
        "contact": {"code": contact.code, "name": str(contact)[:80]} if contact else None,
        "lines": [_line(batch, outcome, index) for index in sorted(outcome.words)[: live.MAX_LINES]],
        "num_more": max(0, len(outcome.words) - live.MAX_LINES),
    }


def _line(batch: Batch, outcome: Outcome, index: int) -> dict[str, Any]:
    row = batch.rows[index] if isinstance(batch.rows[index], dict) else {}
    error = outcome.errors.get(index)
    dwell_seconds = row.get("dwell_seconds")
    about = row.get("title") or row.get("item") or row.get("url") or row.get("name") or ""
    reason = {"template": error.template, "context": error.context} if error else {}
    return {
        "kind": _shown(row.get("kind"), 20),
        "about": _shown(about, 120),
        "word": outcome.words[index],
        "dwell_seconds": dwell_seconds if isinstance(dwell_seconds, int | float) else None,
        **reason,
    }


def _shown(value: Any, length: int) -> str:
    text = str(value)[:length]
    return text if can_be_stored(text) else "?"
