"""A small shop: items, contacts, acts and published models in a few words."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.conf import settings

from accounts.models import Job, Tenant
from audience import events
from audience.kinds import EventKind, Source
from audience.models import Contact
from catalog.models import Item
from modeling.artifacts import write_artifact
from modeling.item_knn import ItemKnnRecommender
from modeling.models import Dataset, ModelVersion, Purpose, TrainingRun
from modeling.popularity import PopularityRecommender
from recommendations import serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    serving.clear()
    yield
    serving.clear()


class Shop:
    """Makes things in the brand in scope; items and contacts are known by short names."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def item(self, name: str, **fields: Any) -> Item:
        """An active item that has been in the catalogue for long."""
        fields = {"title": f"《{name}》", "published_at": LONG_AGO, **fields}
        self.items[name] = Item.objects.create(external_id=name, **fields)
        return self.items[name]

    def contact(self, name: str = "c1", **fields: Any) -> Contact:
        return Contact.objects.create(external_id=name, name=name, **fields)

    def act(
        self,
        contact: Contact,
        item: str | None,
        kind: EventKind = EventKind.READ,
        *,
        days_ago: float = 1,
        **fields: Any,
    ) -> None:
        """One event, `days_ago` before NOW."""
        source = fields.pop("source", Source.TRACKER)
        at = fields.pop("at", NOW - timedelta(days=days_ago))
        item_id = self.items[item].pk if item else None
        events.record([events.NewEvent(source, uuid4().hex, contact.pk, kind, at, item_id, **fields)])

    def publish(self, recommender: Any, *, is_live: bool = True) -> ModelVersion:
        """Write the model's files and register it; a live one takes the place of the present one."""
        number = ModelVersion.objects.count() + 1
        directory = f"{number}"
        write_artifact(Path(settings.MODEL_DIR) / directory, recommender.to_artifact())
        if is_live:
            ModelVersion.objects.filter(stage="live").update(stage="retired")
        job = Job.objects.create(task="modeling.train", queue="training")
        purpose = Purpose.NEXT_ITEM
        dataset = Dataset.objects.create(purpose=purpose, content_hash=uuid4().hex, directory="d")
        run = TrainingRun.objects.create(purpose=purpose, dataset=dataset, config_hash=uuid4().hex, job=job)
        return ModelVersion.objects.create(
            number=number, purpose=purpose, kind=recommender.kind, run=run, dataset=dataset, directory=directory,
            digest="", stage="live" if is_live else "candidate",
        )  # fmt: skip

    def knn(self, *pairs: tuple[str, str, float]) -> ItemKnnRecommender:
        """An item-kNN over all items so far in which (before, after, weight) are the only neighbours."""
        keys = np.array(sorted(item.pk for item in self.items.values()), np.int64)
        index = {name: int(np.searchsorted(keys, item.pk)) for name, item in self.items.items()}
        rows = sorted((index[before], index[after], weight) for before, after, weight in pairs)
        sizes = np.bincount([row[0] for row in rows], minlength=len(keys))
        return ItemKnnRecommender(
            item_keys_N=keys,
            offsets_N1=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            neighbours_P=np.array([row[1] for row in rows], np.int32),
            weights_P=np.array([row[2] for row in rows], np.float32),
            window=10,
            decay=0.5,
        )

    def popularity(self, **shares: float) -> PopularityRecommender:
        """A popularity model over all items so far; items left out have none."""
        known = sorted(self.items.values(), key=lambda item: item.pk)
        values = np.array([shares.get(item.external_id, 0) for item in known], np.float32)
        return PopularityRecommender(np.array([item.pk for item in known], np.int64), values, 7.0)


@pytest.fixture
def shop(scope: Tenant) -> Shop:
    return Shop()
