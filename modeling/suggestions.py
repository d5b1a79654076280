"""Categories and tags that a model suggests for items without them: made, accepted, dismissed, taken back.

Stage: prediction. Reads catalog.Item; writes Suggestion and, when one is accepted, the item. Only a category that is
missing is suggested, and tags only for items that have none, so nothing a person wrote is ever replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from catalog.models import Item
from common.errors import Conflict
from modeling.content.configs import ContentConfig
from modeling.content.fitting import ContentClassifier, ContentFit, Prediction, fit_texts, load_classifier
from modeling.content.targets import make_targets, split_rows
from modeling.content_models import ContentModel, Suggestion
from modeling.content_runs import path_of
from modeling.progress import OnProgress, ShouldStop

MIN_CATEGORY, MIN_TAG = 0.4, 0.5
"""Less probable ones are not worth a person's time."""
MAX_TAGS_PER_ITEM = 5
MAX_TEXT = 2000
AT_ONCE = 500
State, Field = Suggestion.State, Suggestion.Field


@dataclass(frozen=True)
class ItemRow:
    """What is read of an item."""

    pk: int
    external_id: str
    text: str
    category: str
    tags: list[str]


@dataclass(frozen=True)
class FittedClassifier:
    """A content classifier on its way to the disk."""

    fit: ContentFit

    @property
    def kind(self) -> str:
        """The family that did best."""
        return self.fit.best.kind

    @property
    def result(self) -> dict[str, Any]:
        """Figures for pages."""
        return self.fit.result

    def write(self, directory: Path) -> None:
        """Publish the files."""
        self.fit.best.write(directory, self.fit.result)


def read(model: ContentModel) -> list[ItemRow]:
    """Title and text of every item that is not retired."""
    return rows_of(Item.objects.exclude(state=Item.State.RETIRED))


def rows_of(items: QuerySet[Any]) -> list[ItemRow]:
    """The items as rows, in order of their ids."""
    columns = ("pk", "external_id", "title", "start", "category", "tags")
    found = items.annotate(start=Left("text", MAX_TEXT)).order_by("pk").values_list(*columns)
    return [ItemRow(pk, key, f"{title}\n{text}", category, tags) for pk, key, title, text, category, tags in found]


def fit(
    rows: list[ItemRow], config: ContentConfig, on_progress: OnProgress, should_stop: ShouldStop
) -> FittedClassifier:
    """Learn category and tags from the items that have them."""
    targets = make_targets([row.category for row in rows], [row.tags for row in rows])
    parts_N = split_rows([row.external_id for row in rows], targets.is_labelled_N)
    texts = [row.text for row in rows]
    return FittedClassifier(fit_texts(texts, targets, parts_N, config, on_progress, should_stop))


def apply(model: ContentModel) -> None:
    """Suggest for every item that lacks something; open suggestions of earlier models go."""
    classifier = load_classifier(path_of(model))
    Suggestion.objects.filter(state=State.OPEN, model__task=model.task).delete()
    lacking = Item.objects.exclude(state=Item.State.RETIRED).filter(Q(category="") | Q(tags=[]))
    rows = rows_of(lacking)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        add(suggest(model, classifier, some, classifier.predict([row.text for row in some])))
    accept_probable(model)


def suggest(
    model: ContentModel, classifier: ContentClassifier, rows: Sequence[ItemRow], said: Prediction
) -> list[Suggestion]:
    """The suggestions for these rows, not yet stored."""
    found = []
    for place, row in enumerate(rows):
        if not row.category and classifier.classes:
            best = int(said.classes_NC[place].argmax())
            found.append((row, Field.CATEGORY, classifier.classes[best], said.classes_NC[place, best]))
        if not row.tags:
            likely = (-said.tags_NL[place]).argsort(kind="stable")[:MAX_TAGS_PER_ITEM]
            found += [(row, Field.TAG, classifier.tags[tag], said.tags_NL[place, tag]) for tag in likely]
    least = {Field.CATEGORY: MIN_CATEGORY, Field.TAG: MIN_TAG}
    return [
        Suggestion(item_id=row.pk, field=field, value=value, probability=float(probability), model=model)
        for row, field, value, probability in found
        if probability >= least[field]
    ]


def add(found: Iterable[Suggestion]) -> None:
    """Store suggestions; one that somebody has decided about already is not made again."""
    Suggestion.objects.bulk_create(found, ignore_conflicts=True, batch_size=1000)


def accept_probable(model: ContentModel) -> None:
    """Accept what the model is sure enough of, if the brand wants that."""
    if model.accept_above is None:
        return
    sure = Suggestion.objects.filter(model=model, state=State.OPEN, probability__gte=model.accept_above)
    accept(list(sure.values_list("pk", flat=True)), Actor.system(f"content model v{model.number}"), is_automatic=True)


def accept(ids: Sequence[int], by: Actor, *, is_automatic: bool = False) -> int:
    """Write these open suggestions into their items; how many. A category that the item has got meanwhile stays."""
    with transaction.atomic():
        take_turn(Lock.ITEMS)
        found = list(Suggestion.objects.filter(pk__in=ids, state=State.OPEN).order_by("-probability", "pk"))
        items = Item.objects.select_for_update().in_bulk({one.item_id for one in found})
        taken = [one for one in found if _write(items[one.item_id], one)]
        accepted = {one.pk for one in taken}
        for one in found:
            one.state = State.ACCEPTED if one.pk in accepted else State.DISMISSED
            one.is_automatic, one.decided_by, one.decided_at = is_automatic, by.label[:200], timezone.now()
        _store(items.values(), found)
        if taken:
            record(by, "accept", "suggestions", str(len(taken)), values=sorted({one.value for one in taken})[:20])
    return len(taken)


def dismiss(ids: Sequence[int], by: Actor) -> int:
    """Put open suggestions away for good; how many."""
    with transaction.atomic():
        decided = {"state": State.DISMISSED, "decided_by": by.label[:200], "decided_at": timezone.now()}
        num: int = Suggestion.objects.filter(pk__in=ids, state=State.OPEN).update(**decided)
        if num:
            record(by, "dismiss", "suggestions", str(num))
    return num


def undo(suggestion: Suggestion, by: Actor) -> None:
    """Take an accepted suggestion out of its item again. Raises Conflict when it is not accepted."""
    with transaction.atomic():
        take_turn(Lock.ITEMS)
        suggestion.refresh_from_db()
        if suggestion.state != State.ACCEPTED:
            raise Conflict(_("Only an accepted suggestion can be taken back."))
        item = Item.objects.select_for_update().get(pk=suggestion.item_id)
        if suggestion.field == Field.TAG:
            item.tags = [tag for tag in item.tags if tag != suggestion.value]
        elif item.category == suggestion.value:
            item.category = ""
        suggestion.state, suggestion.decided_by, suggestion.decided_at = State.UNDONE, by.label[:200], timezone.now()
        _store([item], [suggestion])
        record(by, "undo", "suggestions", item.external_id, values=[suggestion.value])


def _write(item: Item, suggestion: Suggestion) -> bool:
    """Put the value into the item; False when there is no place for it any more."""
    if suggestion.field == Field.TAG:
        if suggestion.value in item.tags:
            return False
        item.tags = [*item.tags, suggestion.value]
        return True
    if item.category:
        return False
    item.category = suggestion.value
    return True


def _store(items: Iterable[Item], decided: Iterable[Suggestion]) -> None:
    changed = list(items)
    for item in changed:
        item.updated_at = timezone.now()
    Item.objects.bulk_update(changed, ["category", "tags", "updated_at"], batch_size=500)
    Suggestion.objects.bulk_update(decided, ["state", "is_automatic", "decided_by", "decided_at"], batch_size=500)


def open_ones() -> QuerySet[Any]:
    """The suggestions that wait for a decision, the most probable first."""
    return Suggestion.objects.filter(state=State.OPEN).select_related("item", "model").order_by("-probability", "pk")


def decided_ones() -> QuerySet[Any]:
    """What became of the others, the newest first."""
    decided = Suggestion.objects.exclude(state=State.OPEN).select_related("item", "model")
    return decided.order_by("-decided_at", "-pk")
