"""Finding items by what is asked."""

from datetime import UTC, datetime

import pytest

from catalog import items
from catalog.models import Item

KINDS = {"a": "article", "b": "article", "c": "video", "d": "product", "e": "product"}
TITLES = {"a": "换季护肤", "b": "咖啡入门", "c": "护肤跟练", "d": "面霜", "e": "手冲壶"}
PRICES = {"d": 16800, "e": 9900}


@pytest.fixture(autouse=True)
def _catalog(scope):
    for day, (external_id, kind) in enumerate(KINDS.items(), start=1):
        Item.objects.create(
            external_id=external_id,
            kind=kind,
            title=TITLES[external_id],
            category="咖啡" if external_id in "be" else "护肤",
            tags=["换季", "敏感肌"] if external_id in "acd" else ["手冲"],
            author="林小满" if external_id == "c" else "",
            price_fen=PRICES.get(external_id),
            state="draft" if external_id == "e" else "active",
            published_at=datetime(2026, 1, day, tzinfo=UTC) if external_id != "a" else None,
        )


def found(**conditions):
    return "".join(item.external_id for item in items.search(**conditions))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "edcba"),
        ({"kind": "article"}, "ba"),
        ({"category": "护肤"}, "dca"),
        ({"tag": "换季"}, "dca"),
        ({"state": "draft"}, "e"),
        ({"text": "护肤"}, "ca"),
        ({"text": "林小满"}, "c"),
        ({"text": "手冲"}, "eb"),
        ({"text": "D"}, "d"),
        ({"kind": "product", "tag": "敏感肌", "state": "active"}, "d"),
        ({"text": "没有"}, ""),
        ({"order": "cheapest"}, "edcba"),
        ({"order": "dearest"}, "decba"),
        ({"order": "changed"}, "edcba"),
    ],
)
def test_search(conditions, expected):
    assert found(**conditions) == expected


def test_categories_and_tags_come_with_the_most_used_first():
    assert items.categories() == ["护肤", "咖啡"]
    assert items.tags() == ["换季", "敏感肌", "手冲"]
