"""Finding contacts by what is asked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audience import contacts, events, timeline
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact

PEOPLE = {  # external id: (name, gender, age band, region, tags, follows since)
    "a1": ("王小明", "male", "18_24", "浙江", ["会员"], datetime(2026, 1, 3, tzinfo=UTC)),
    "b2": ("李晓红", "female", "25_34", "上海", ["会员", "宝妈"], datetime(2026, 3, 1, tzinfo=UTC)),
    "c3": ("Amy", "female", "25_34", "浙江", [], None),
    "d4": ("", "", "", "", [], datetime(2026, 2, 1, tzinfo=UTC)),
}


@pytest.fixture(autouse=True)
def _people(scope, by):
    names = ("name", "gender", "age_band", "region", "tags", "followed_at")
    rows = [{"external_id": key, **dict(zip(names, facts, strict=True))} for key, facts in PEOPLE.items()]
    rows[1]["identities"] = [{"kind": "openid", "account_ref": "wx1", "value": "oABCDEF123"}]
    contacts.upsert(rows, by)
    ids = contacts.ids_by_external(PEOPLE)
    now = timezone.now()
    acts = [("a1", 2), ("a1", 40), ("c3", 1)]
    events.record(
        NewEvent(Source.API, f"{who}-{days}", ids[who], EventKind.READ, now - timedelta(days=days))
        for who, days in acts
    )
    contacts.set_personalisation(Contact.objects.get(external_id="d4"), is_off=True, by=by)


def found(**conditions):
    return "".join(contact.external_id[0] for contact in contacts.search(**conditions))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "bdac"),
        ({"order": "name"}, "cbad"),
        ({"order": "last_act"}, "cadb"),
        ({"text": "小明"}, "a"),
        ({"text": "lixiao"}, "b"),
        ({"text": "Li Xiao"}, "b"),
        ({"text": "B2"}, "b"),
        ({"text": "oABCDEF"}, "b"),
        ({"text": "oABC"}, ""),
        ({"gender": "female"}, "bc"),
        ({"age_band": "18_24"}, "a"),
        ({"region": "浙江"}, "ac"),
        ({"tag": "会员"}, "ba"),
        ({"has_events": True}, "ac"),
        ({"has_events": False}, "bd"),
        ({"is_personalisation_off": True}, "d"),
        ({"is_personalisation_off": False}, "bac"),
        ({"region": "浙江", "gender": "female", "has_events": True}, "c"),
    ],
)
def test_search(conditions, expected):
    assert found(**conditions) == expected


def test_acts_are_counted_for_those_who_acted():
    ids = contacts.ids_by_external(PEOPLE)
    acts = timeline.acts_of(ids.values())
    assert {who: acts[pk].num for who, pk in ids.items() if pk in acts} == {"a1": 2, "c3": 1}
    assert (timezone.now() - acts[ids["a1"]].last_at).days == 2


def test_regions_and_tags_come_with_the_most_frequent_first():
    assert contacts.regions() == ["浙江", "上海"]
    assert contacts.tags() == ["会员", "宝妈"]
