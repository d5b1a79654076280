"""A brand's behaviour for the tests of the site's side of modeling: small, with or without something to learn."""

from datetime import UTC, datetime, timedelta

import numpy as np

from accounts import jobs
from accounts.tenancy import tenant_scope
from audience import events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact, Engagement, Import
from catalog.models import Item
from modeling import training_jobs
from modeling.models import TrainingRun

START = datetime(2026, 3, 1, tzinfo=UTC)


def fill(num_contacts: int, num_items: int, events_each: int, *, is_shuffled: bool = False) -> None:
    """Contacts who go through the items in a circle from a start of their own; shuffled, in any order (seed 7)."""
    generator = np.random.default_rng(7)
    contacts = Contact.objects.bulk_create(
        Contact(external_id=f"c{n:04d}", name=f"粉丝{n}") for n in range(num_contacts)
    )
    items = Item.objects.bulk_create(
        Item(external_id=f"i{n:03d}", title=f"文章{n}", category=f"栏目{n % 4}") for n in range(num_items)
    )
    rows = []
    for contact in contacts:
        places = (generator.integers(num_items) + np.arange(events_each)) % num_items
        if is_shuffled:
            places = generator.permutation(num_items)[:events_each]
        for step, place in enumerate(places):
            at = START + timedelta(days=float(generator.random()) * 0.9 + step)
            source_id = f"{contact.pk}:{step}"
            rows.append(NewEvent(Source.UPLOAD, source_id, contact.pk, EventKind.READ, at, items[place].pk))
    events.record(rows)


def fill_engagement(num_rows: int, *, labels: tuple[bool, ...] = (True, False)) -> None:
    """Rows of the field's wide table; who converts likes, shares, comments and stays more (seed 7)."""
    generator = np.random.default_rng(7)
    batch = Import.objects.create(filename="weixin_data.csv", file="x", size_bytes=1, sha256="0" * 64)
    contacts = Contact.objects.bulk_create(Contact(external_id=f"e{n:04d}") for n in range(num_rows))
    rows = []
    for n, contact in enumerate(contacts):
        label = labels[n % len(labels)]
        likes, transfers, comments = generator.poisson((9, 5, 4) if label else (3, 1, 1)).tolist()
        counts = {"likes": likes, "transfers": transfers, "comments": comments}
        time_spent = float(generator.gamma(4, 60 if label else 25))
        rows.append(Engagement(contact=contact, batch=batch, time_spent=time_spent, label=label, **counts))
    Engagement.objects.bulk_create(rows)


def work(run: TrainingRun) -> TrainingRun:
    """Do the run's job as a worker would; the run as it is afterwards."""
    jobs.run(run.tenant_id, run.job_id, training_jobs.train)
    with tenant_scope(run.tenant_id):
        return TrainingRun.objects.select_related("job", "dataset").get(pk=run.pk)


def fill_showings(num_contacts: int = 60, num_items: int = 40, num_days: int = 12) -> None:
    """Four items a day are read by each contact; even items are liked, odd ones bought by those who buy (seed 7)."""
    generator = np.random.default_rng(7)
    contacts = Contact.objects.bulk_create(
        Contact(external_id=f"s{n:04d}", name=f"粉丝{n}") for n in range(num_contacts)
    )
    items = Item.objects.bulk_create(
        Item(
            external_id=f"i{n:03d}", title=f"文章{n}", category=f"栏目{n % 4}", author=f"作者{n % 2}",
            kind="product" if n % 2 else "article", price_fen=1000 if n % 2 else None,
        )
        for n in range(num_items)
    )  # fmt: skip
    rows = []
    for contact in contacts:
        for day in range(num_days):
            for place in generator.permutation(num_items)[:4]:
                at = START + timedelta(days=day, seconds=int(generator.integers(0, 80_000)))
                opened = EventKind.VIEW if place % 2 else EventKind.READ
                rows.append((contact, items[place], opened, at))
                if place % 2 == 0 and generator.random() < 0.4:
                    rows.append((contact, items[place], EventKind.LIKE, at + timedelta(seconds=30)))
                if place % 2 and generator.random() < 0.15:
                    rows.append((contact, items[place], EventKind.PURCHASE, at + timedelta(seconds=60)))
    events.record(
        [
            NewEvent(Source.UPLOAD, f"show:{number}", contact.pk, kind, at, item.pk)
            for number, (contact, item, kind, at) in enumerate(rows)
        ]
    )
