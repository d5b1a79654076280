"""The contact's newest acts: interests only, newest first, widened when few, of this brand alone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from audience.kinds import EventKind
from recommendations import histories
from tests.recommendations.conftest import NOW, Shop


@pytest.fixture
def shelf(shop: Shop) -> Shop:
    for name in "ab":
        shop.item(name)
    return shop


def test_acts_come_newest_first_and_only_interests_count(shelf: Shop) -> None:
    contact, other = shelf.contact("me"), shelf.contact("other")
    shelf.act(contact, "a", EventKind.READ, days_ago=3)
    shelf.act(contact, "b", EventKind.LIKE, days_ago=2)
    shelf.act(contact, "b", EventKind.IMPRESSION, days_ago=1)
    shelf.act(contact, None, EventKind.MESSAGE_IN, days_ago=1)
    shelf.act(other, "b", EventKind.SHARE, days_ago=1)
    behaviour = histories.read(contact.pk, NOW)
    assert behaviour.item_ids == [shelf.items["b"].pk, shelf.items["a"].pk]
    assert behaviour.kinds == [EventKind.LIKE, EventKind.READ]
    assert behaviour.times_micros[0] == (NOW - timedelta(days=2)).timestamp() * 1_000_000
    assert (behaviour.owned, behaviour.met) == (frozenset(), {shelf.items["a"].pk, shelf.items["b"].pk})


def test_old_acts_are_read_only_when_recent_ones_are_few(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "b", EventKind.PURCHASE, days_ago=1000)
    for number in range(19):
        shelf.act(contact, "a", days_ago=1 + number)
    assert len(histories.read(contact.pk, NOW).item_ids) == 20
    shelf.act(contact, "a", days_ago=30)
    behaviour = histories.read(contact.pk, NOW)
    assert set(behaviour.item_ids) == {shelf.items["a"].pk}
    assert behaviour.owned == {shelf.items["b"].pk}


def test_a_history_keeps_the_strongest_act_of_a_run(shelf: Shop) -> None:
    contact = shelf.contact()
    for place, kind in enumerate([EventKind.VIEW, EventKind.SHARE, EventKind.LIKE]):
        shelf.act(contact, "a", kind, days_ago=3 - place / 10)
    shelf.act(contact, "b", EventKind.READ, days_ago=1)
    knn = shelf.knn(("a", "b", 1))
    history = histories.read(contact.pk, NOW).history(knn.item_keys_N)
    assert history.items_T.tolist() == [0, 1]
    assert history.actions_T.tolist() == [EventKind.SHARE, EventKind.READ]
    assert history.times_T.tolist() == [int((NOW - timedelta(days=days)).timestamp()) for days in (3, 1)]


def test_the_first_look_skips_old_partitions_and_suffices_for_a_busy_contact(shelf: Shop, monkeypatch) -> None:
    contact = shelf.contact()
    for number in range(25):
        shelf.act(contact, "a", days_ago=number)
    queries = []
    monkeypatch.setattr(
        histories, "fetch_prepared", lambda *call, fetch=histories.fetch_prepared: queries.append(call) or fetch(*call)
    )
    assert len(histories.read(contact.pk, NOW).item_ids) == 25
    assert len(queries) == 1
    (query, params), plan = queries[0], []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}", params)
        plan = [row[0] for row in cursor.fetchall() if "Scan" in row[0] and "_owned" not in row[0]]
    recent = [line for line in plan if "before_2020" not in line]
    assert any("audience_event_2026_11" in line for line in recent)
    assert len(plan) - len(recent) <= 1, "only the owned items are looked up in every partition"


def test_the_first_month_bounds_every_look_back(shelf: Shop) -> None:
    contact = shelf.contact()
    assert histories.first_month() == datetime(1970, 1, 1, tzinfo=UTC)
    shelf.act(contact, "a", at=datetime(2024, 3, 15, tzinfo=UTC))
    assert histories.first_month() == datetime(2024, 3, 1, tzinfo=UTC)
    shelf.act(contact, "b", EventKind.PURCHASE, at=datetime(2019, 12, 31, tzinfo=UTC))
    assert histories.first_month() == datetime(1970, 1, 1, tzinfo=UTC)
    behaviour = histories.read(contact.pk, NOW, since=datetime(2024, 3, 1, tzinfo=UTC))
    assert (behaviour.item_ids, behaviour.owned) == ([shelf.items["a"].pk], frozenset())
    assert histories.read(contact.pk, NOW).owned == {shelf.items["b"].pk}
