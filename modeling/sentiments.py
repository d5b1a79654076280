"""The tone of the brand's comments and messages: learnt, written down per comment, summed per item and day, labelled.

Stage: training and prediction. Reads audience_event (comments and messages with text), ratings, labels; writes
audience.Sentiment. Contacts who denied or withdrew the use of their data in training teach nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from audience.models import Event, Sentiment
from common.errors import BadInput
from modeling.artifacts import Artifact, load_artifact, write_artifact
from modeling.content.configs import ContentConfig
from modeling.content.fitting import load_classifier
from modeling.content.lexicon import TONES, WordList
from modeling.content.sentiment import Remark, fit_sentiment, text_key
from modeling.content_models import ContentModel, SentimentLabel
from modeling.content_runs import path_of
from modeling.errors import DatasetTooSmall, LabelHasOneClass
from modeling.extract import ALLOWED_CONTACTS
from modeling.progress import OnProgress, ShouldStop
from modeling.suggestions import FittedClassifier

KINDS = [int(EventKind.COMMENT), int(EventKind.MESSAGE_IN), int(EventKind.RATE)]
MAX_TEXTS = 200_000
"""Different texts that are learnt from at most, the newest."""
MAX_LABEL_BYTES, MAX_LABEL_ROWS = 5 << 20, 50_000
DAYS_SHOWN = 28
AT_ONCE = 2000
_TEACHING = f"""SELECT text, avg(value) FILTER (WHERE kind = {int(EventKind.RATE)}) FROM audience_event
    WHERE tenant_id = %(tenant)s AND kind = ANY(%(kinds)s) AND text <> '' AND contact_id IN ({ALLOWED_CONTACTS})
    GROUP BY text ORDER BY max(occurred_at) DESC, text LIMIT %(most)s"""  # noqa: S608 - only our own names are spliced
_UPSERT = """INSERT INTO audience_sentiment (tenant_id, source_key, occurred_at, contact_id, item_id, text_key, tone,
        probability, origin, said_by)
    SELECT %(tenant)s, event.source_key, event.occurred_at, event.contact_id, event.item_id, said.text_key, said.tone,
        said.probability, said.origin, %(model)s
    FROM unnest(%(texts)s::text[], %(keys)s::uuid[], %(tones)s::text[], %(probabilities)s::float8[],
        %(origins)s::text[]) AS said(text, text_key, tone, probability, origin)
    JOIN audience_event AS event ON event.tenant_id = %(tenant)s AND event.kind = ANY(%(kinds)s)
        AND event.text = said.text
    ON CONFLICT (tenant_id, source_key) DO UPDATE SET text_key = excluded.text_key, tone = excluded.tone,
        probability = excluded.probability, origin = excluded.origin, said_by = excluded.said_by"""
_DISTINCT = """SELECT DISTINCT text FROM audience_event
    WHERE tenant_id = %(tenant)s AND kind = ANY(%(kinds)s) AND text <> '' ORDER BY text"""


@dataclass(frozen=True)
class FittedWordList:
    """The word list, where there is too little text to learn from."""

    result: dict[str, Any]
    kind: str = "word_list"

    def write(self, directory: Path) -> None:
        """Publish a model that holds nothing but its name."""
        arrays = {"places": np.arange(len(TONES), dtype=np.int64)}
        write_artifact(directory, Artifact(self.kind, {"classes": list(TONES)}, arrays, metrics=self.result))


def read(model: ContentModel) -> tuple[list[Remark], dict[UUID, str]]:
    """The different texts that may teach, the labelled ones among them, and the labels."""
    labels = {label.text_key: label for label in SentimentLabel.objects.all()}
    remarks: dict[UUID, Remark] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TEACHING, {"tenant": current_tenant_id(), "kinds": KINDS, "most": MAX_TEXTS})
        for text, rating in cursor.fetchall():
            remarks.setdefault(text_key(text), Remark(text_key(text), text, rating))
    for key, label in labels.items():
        remarks.setdefault(key, Remark(key, label.text))
    ordered = sorted(remarks.values(), key=lambda remark: remark.key.bytes)
    return ordered, {key: label.tone for key, label in labels.items()}


def fit(
    rows: tuple[list[Remark], dict[UUID, str]], config: ContentConfig, on_progress: OnProgress, should_stop: ShouldStop
) -> FittedClassifier | FittedWordList:
    """Learn the tone; with too few texts the word list answers, and says so."""
    remarks, labels = rows
    try:
        return FittedClassifier(fit_sentiment(remarks, labels, config, on_progress, should_stop))
    except (DatasetTooSmall, LabelHasOneClass):
        return FittedWordList(_judge_word_list(remarks, labels))


def _judge_word_list(remarks: list[Remark], labels: dict[UUID, str]) -> dict[str, Any]:
    known = [remark for remark in remarks if remark.key in labels]
    facts: dict[str, Any] = {"kind": "word_list", "models": [], "num_texts": len(remarks), "num_labels": len(known)}
    if len(known) < 20:
        return facts | {"measured_on": "weak"}
    said = WordList().tones([remark.text for remark in known]).argmax(1)
    right = [TONES[tone] == labels[remark.key] for tone, remark in zip(said, known, strict=True)]
    return facts | {"measured_on": "labels", "word_list_accuracy": float(np.mean(right))}


def apply(model: ContentModel) -> None:
    """Write down the tone of every comment and message; a person's label is stronger than the model."""
    labels = {label.text_key: label.tone for label in SentimentLabel.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT, {"tenant": current_tenant_id(), "kinds": KINDS})
        texts = [text for (text,) in cursor.fetchall()]
    speak = _speaker(model)
    for start in range(0, len(texts), AT_ONCE):
        _write(model, texts[start : start + AT_ONCE], labels, speak)


def _speaker(model: ContentModel) -> Any:
    """texts -> (classes, shares of belief)."""
    if model.kind == "word_list":
        load_artifact(path_of(model))
        return lambda texts: (TONES, WordList().tones(texts))
    classifier = load_classifier(path_of(model))
    return lambda texts: (classifier.classes, classifier.predict(texts).classes_NC)


def _write(model: ContentModel, texts: list[str], labels: dict[UUID, str], speak: Any) -> None:
    classes, said_NC = speak(texts)
    keys = [text_key(text) for text in texts]
    best = said_NC.argmax(1)
    params: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "kinds": KINDS,
        "model": model.code,
        "texts": texts,
        "keys": keys,
        "tones": [labels.get(key) or classes[place] for key, place in zip(keys, best, strict=True)],
        "probabilities": [1.0 if key in labels else float(row.max()) for key, row in zip(keys, said_NC, strict=True)],
        "origins": ["person" if key in labels else "model" for key in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, params)


def has_unread() -> bool:
    """Whether a comment or message has come since the model in use looked, within the days shown."""
    since = timezone.now() - timedelta(days=DAYS_SHOWN)
    fresh = Event.objects.filter(kind__in=KINDS, occurred_at__gte=since).exclude(text=None).exclude(text="")
    known = Sentiment.objects.filter(occurred_at__gte=since)
    return bool(fresh.count() > known.count())


# --- labels ---------------------------------------------------------------------------------------------------------


def label(text: str, tone: str, by: Actor) -> SentimentLabel:
    """Give a text its tone; everybody's comment with this text gets it at once. Raises BadInput."""
    return _store([(text, tone)], by)[0]


def upload_labels(content: bytes, by: Actor) -> int:
    """Labels from a CSV with the columns text and tone (negative, neutral, positive; or 差评, 中评, 好评); how many."""
    if len(content) > MAX_LABEL_BYTES:
        raise BadInput(_("The file is larger than %(limit)s MB. Split it."), limit=MAX_LABEL_BYTES >> 20)
    pairs = list(_read_csv(content))
    if not pairs:
        raise BadInput(_("The file holds no rows. It needs the columns text and tone."))
    return len(_store(pairs, by))


_WORDS = {
    "negative": "negative", "neg": "negative", "-1": "negative", "0": "neutral", "1": "positive", "neutral": "neutral",
    "positive": "positive", "pos": "positive", "差评": "negative", "负面": "negative", "消极": "negative",
    "中评": "neutral", "中性": "neutral", "好评": "positive", "正面": "positive", "积极": "positive",
}  # fmt: skip


def _read_csv(content: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
    reader = csv.DictReader(io.StringIO(text))
    if not {"text", "tone"} <= set(reader.fieldnames or ()):
        raise BadInput(_("The file needs the columns text and tone in its first line."))
    for number, row in enumerate(reader, start=2):
        tone = _WORDS.get((row["tone"] or "").strip().lower(), "")
        if not tone:
            raise BadInput(_("Line %(line)s: the tone must be negative, neutral or positive."), line=number)
        if number > MAX_LABEL_ROWS:
            raise BadInput(_("The file has more than %(limit)s rows. Split it."), limit=MAX_LABEL_ROWS)
        if (row["text"] or "").strip():
            yield row["text"], tone


def _store(pairs: Iterable[tuple[str, str]], by: Actor) -> list[SentimentLabel]:
    """Write labels and the tone of all comments with these texts, in one transaction."""
    wanted: dict[UUID, SentimentLabel] = {}
    for text, tone in pairs:
        if tone not in TONES or not text.strip():
            raise BadInput(_("Choose a tone for a text that is not empty."))
        clean = text.strip().replace("\x00", "")[:500]
        key = text_key(text)
        wanted[key] = SentimentLabel(text_key=key, text=clean, tone=tone, created_by=by.label[:200])
    with transaction.atomic():
        SentimentLabel.objects.bulk_create(
            wanted.values(),
            update_conflicts=True,
            unique_fields=["tenant", "text_key"],
            update_fields=["tone", "created_by", "created_at"],
            batch_size=1000,
        )
        for tone in TONES:
            keys = [key for key, one in wanted.items() if one.tone == tone]
            said = {"tone": tone, "probability": 1.0, "origin": Sentiment.Origin.PERSON}
            Sentiment.objects.filter(text_key__in=keys).update(**said)
        record(by, "label", "sentiments", str(len(wanted)))
    return list(wanted.values())


def next_to_label(num: int = 5) -> list[str]:
    """Texts that would teach most: those the model is least sure of; before there is a model, the newest."""
    unsure = Sentiment.objects.filter(origin=Sentiment.Origin.MODEL).order_by("probability", "pk")
    rows = list(unsure.values_list("contact_id", "occurred_at", "source_key", "text_key")[: 40 * num])
    firsts = {key: (contact, at, source) for contact, at, source, key in reversed(rows)}
    chosen = sorted(firsts.values(), key=lambda place: [row[:3] for row in rows].index(place))[:num]
    texts = [Event.objects.filter(contact_id=c, occurred_at=at, source_key=s).first() for c, at, s in chosen]
    if chosen:
        return [event.text for event in texts if event is not None and event.text]
    labelled = set(SentimentLabel.objects.values_list("text_key", flat=True))
    newest = Event.objects.filter(kind__in=KINDS).exclude(text=None).exclude(text="").order_by("-occurred_at")
    found = dict.fromkeys(newest.values_list("text", flat=True)[: 100 * num])
    return [text for text in found if text_key(text) not in labelled][:num]


# --- reading --------------------------------------------------------------------------------------------------------


def counts() -> dict[str, int]:
    """Comments and messages by tone."""
    found = Sentiment.objects.values("tone").annotate(num=Count("pk")).values_list("tone", "num")
    return {tone: dict(found).get(tone, 0) for tone in TONES}


def per_day(num_days: int = DAYS_SHOWN) -> tuple[list[str], dict[str, list[int]]]:
    """(days, tone -> how many on each day), today last."""
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in reversed(range(num_days))]
    since = timezone.now() - timedelta(days=num_days)
    found = Sentiment.objects.filter(occurred_at__gte=since).annotate(day=TruncDate("occurred_at"))
    table = {(row["day"], row["tone"]): row["num"] for row in found.values("day", "tone").annotate(num=Count("pk"))}
    return [f"{day:%m-%d}" for day in days], {tone: [table.get((day, tone), 0) for day in days] for tone in TONES}


def per_item(num: int = 10) -> list[dict[str, Any]]:
    """The items with most negative remarks: item, and how many of each tone."""
    found = Sentiment.objects.exclude(item=None).values("item_id", "item__title", "item__external_id")
    tones = {tone: Count("pk", filter=Q(tone=tone)) for tone in TONES}
    return list(found.annotate(**tones).filter(negative__gt=0).order_by("-negative", "item_id")[:num])


def of_item(item_id: int) -> dict[str, int]:
    """Remarks about one item by tone."""
    found = Sentiment.objects.filter(item_id=item_id).values("tone").annotate(num=Count("pk"))
    table = dict(found.values_list("tone", "num"))
    return {tone: table.get(tone, 0) for tone in TONES} if table else {}


def remarks(tone: str = "") -> QuerySet[Any]:
    """What was said, the newest first; `with_texts` adds the words."""
    found = Sentiment.objects.select_related("contact", "item").order_by("-occurred_at", "-pk")
    return found.filter(tone=tone) if tone in TONES else found


def with_texts(found: Iterable[Sentiment]) -> list[tuple[Sentiment, str]]:
    """Each with the words that were written; those whose event is gone are left out."""
    rows = list(found)
    keys = [one.source_key for one in rows]
    contacts = {one.contact_id for one in rows}
    events = Event.objects.filter(contact_id__in=contacts, source_key__in=keys).values_list("source_key", "text")
    texts = dict(events)
    return [(one, texts[one.source_key] or "") for one in rows if one.source_key in texts]
