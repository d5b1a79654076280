"""From a brand's rows to frames: what is taken, what is left out, and that equal data has an equal fingerprint."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from accounts.tenancy import tenant_scope
from audience import events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Consent, Contact, Engagement, Import
from catalog.models import Item
from modeling import engagement_extract, extract
from modeling.engagement_extract import EngagementExtractConfig
from modeling.models import Dataset
from tests.modeling.behaviour import fill

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)


def act(contact, kind, days=0.0, item=None, **fields):
    at = AT + timedelta(days=days)
    source_id = f"{contact.pk}:{kind}:{days}:{item and item.pk}"
    events.record(
        [NewEvent(Source.API, source_id, contact.pk, kind, at, item.pk if item else None, **fields)],
    )


@pytest.fixture
def anna(scope):
    return Contact.objects.create(external_id="anna")


@pytest.fixture
def ben(scope):
    return Contact.objects.create(external_id="ben")


@pytest.fixture
def book(scope):
    return Item.objects.create(external_id="book", category='含"引号",逗号\n换行', tags=["a", "b"])


@pytest.fixture
def lamp(scope):
    return Item.objects.create(external_id="lamp", kind="product")


def deny_training(contact, state="withdrawn"):
    Consent.objects.create(contact=contact, purpose="training", state=state, changed_at=timezone.now())


def test_interests_come_by_person_and_time_with_their_weight(anna, ben, book, lamp):
    act(ben, EventKind.READ, 0, book)
    act(anna, EventKind.PURCHASE, 2, lamp)
    act(anna, EventKind.VIEW, 1, book)
    rows = extract.next_item_frames().interactions.rows()
    day = int(AT.timestamp())
    assert rows == [
        (anna.pk, book.pk, EventKind.VIEW, day + 86400, 0.5),
        (anna.pk, lamp.pk, EventKind.PURCHASE, day + 2 * 86400, 3.0),
        (ben.pk, book.pk, EventKind.READ, day, 1.0),
    ]


def test_acts_without_interest_are_left_out(anna, book):
    for kind in (EventKind.IMPRESSION, EventKind.UNFOLLOW, EventKind.REFUND, EventKind.MESSAGE_IN):
        act(anna, kind, 0, book)
    act(anna, EventKind.READ, 0)
    assert extract.next_item_frames().interactions.height == 0


@pytest.mark.parametrize("state", ["denied", "withdrawn"])
def test_who_refused_training_teaches_nothing(anna, ben, book, state):
    act(anna, EventKind.READ, 0, book)
    act(ben, EventKind.READ, 0, book)
    deny_training(anna, state)
    frames = extract.next_item_frames()
    assert frames.interactions["user_key"].to_list() == [ben.pk]
    assert frames.users["user_key"].to_list() == [ben.pk]


def test_consent_for_another_purpose_changes_nothing(anna, book):
    act(anna, EventKind.READ, 0, book)
    Consent.objects.create(contact=anna, purpose="marketing", state="denied", changed_at=timezone.now())
    assert extract.next_item_frames().interactions.height == 1


def test_the_whole_catalogue_comes_with_any_text(anna, book, lamp):
    rows = extract.next_item_frames().items.rows()
    assert rows == [
        (book.pk, "article", '含"引号",逗号\n换行', "", "a,b", None),
        (lamp.pk, "product", "", "", "", None),
    ]


def test_blocks_of_the_stream_join_without_loss(scope, monkeypatch):
    fill(20, 9, 9)
    whole = extract.next_item_frames().interactions
    monkeypatch.setattr(extract, "BLOCK_BYTES", 100)
    assert extract.next_item_frames().interactions.equals(whole)
    assert whole.height == 180


def test_another_brand_is_not_read(anna, book, other_brand):
    act(anna, EventKind.READ, 0, book)
    with tenant_scope(other_brand):
        assert extract.next_item_frames().interactions.height == 0
        assert extract.next_item_frames().items.height == 0


def test_the_fingerprint_changes_with_events_items_and_consent_only(anna, ben, book, lamp):
    act(anna, EventKind.READ, 0, book)
    act(ben, EventKind.READ, 0, book)
    seen = [extract.fingerprint_next_item()]
    Contact.objects.filter(pk=anna.pk).update(name="安娜")
    act(anna, EventKind.IMPRESSION, 3, book)
    assert extract.fingerprint_next_item() == seen[0]
    act(anna, EventKind.READ, 1, lamp)
    seen.append(extract.fingerprint_next_item())
    Item.objects.filter(pk=lamp.pk).update(category="灯具")
    seen.append(extract.fingerprint_next_item())
    deny_training(ben)
    seen.append(extract.fingerprint_next_item())
    assert len(set(seen)) == 4


@pytest.fixture
def batch(scope):
    return Import.objects.create(filename="weixin_data.csv", file="x", size_bytes=1, sha256="0" * 64)


def test_the_uploaded_table_is_taken_with_its_own_columns(anna, ben, batch):
    row = {"batch": batch, "likes": 3, "transfers": 1, "comments": 2, "time_spent": 60.5}
    Engagement.objects.create(contact=anna, label=True, extra={"visits": 7, "city": "上海"}, **row)
    Engagement.objects.create(contact=ben, label=None, extra={"visits": 1}, **row)
    config = EngagementExtractConfig().resolved()
    frame = engagement_extract.engagement_frame(config)
    assert config.source == "table"
    assert frame.feature_names == ["likes", "transfers", "comments", "time_spent", "visits"]
    assert frame.rows.rows() == [(anna.pk, 3.0, 1.0, 2.0, 60.5, 7.0, 1)]
    assert engagement_extract.count_labels(config) == (1, 1)


def test_from_events_behaviour_comes_before_the_label(anna, ben, book, lamp):
    for day in (0, 1):
        act(anna, EventKind.LIKE, day, book)
    act(anna, EventKind.READ, 2, book, dwell_seconds=30)
    act(anna, EventKind.PURCHASE, 95, lamp)
    act(ben, EventKind.SHARE, 10, book)
    act(ben, EventKind.LIKE, 100, book)
    config = EngagementExtractConfig(label_days=20).resolved()
    rows = engagement_extract.engagement_frame(config).rows
    assert config.source == "events"
    assert rows.select("user_key", "likes", "transfers", "comments", "time_spent", "label").rows() == [
        (anna.pk, 2.0, 0.0, 0.0, 30.0, 1),
        (ben.pk, 0.0, 1.0, 0.0, 0.0, 0),
    ]
    assert rows.select("active_days", "days_since_last").rows() == [(3.0, 78.0), (1.0, 70.0)]
    assert engagement_extract.count_labels(config) == (2, 1)


def test_the_label_window_takes_at_most_a_quarter_of_the_time(anna, book):
    act(anna, EventKind.READ, 0, book)
    act(anna, EventKind.READ, 7, book)
    act(anna, EventKind.PURCHASE, 8, book)
    rows = engagement_extract.engagement_frame(EngagementExtractConfig(source="events")).rows
    assert rows.select("reads", "label").rows() == [(1.0, 1)]


def test_a_refusal_holds_for_the_engagement_table(anna, batch):
    Engagement.objects.create(contact=anna, batch=batch, label=True)
    deny_training(anna)
    assert engagement_extract.engagement_frame(EngagementExtractConfig(source="table")).rows.height == 0


def test_acts_before_the_cut_come_with_their_age_category_and_dwell(anna, ben, book, lamp):
    act(anna, EventKind.READ, 2, book, dwell_seconds=30)
    act(anna, EventKind.SCAN, 70)
    act(anna, EventKind.PURCHASE, 95, lamp)
    act(ben, EventKind.LIKE, 100, lamp)
    deny_training(ben)
    config = EngagementExtractConfig(label_days=20, feature_days=100).resolved()
    acts = engagement_extract.engagement_frame(config).acts.sort("seconds_before", descending=True)
    day = 86_400.0
    assert acts.rows() == [
        (anna.pk, EventKind.READ, '含"引号",逗号\n换行', 78 * day, 30.0),
        (anna.pk, EventKind.SCAN, None, 10 * day, None),
    ]


def test_an_uploaded_table_has_no_acts(anna, batch, book):
    Engagement.objects.create(contact=anna, batch=batch, label=True)
    act(anna, EventKind.READ, 2, book)
    assert engagement_extract.engagement_frame(EngagementExtractConfig(source="table")).acts is None


def test_acts_to_score_reach_up_to_now_and_are_cut_as_in_the_dataset(anna, ben, book):
    for day in (0, 1, 2):
        act(anna, EventKind.LIKE, day, book)
    config = {"extract": EngagementExtractConfig(source="events").to_dict(), "dataset": {"max_events": 2}}
    events = engagement_extract.acts_now(Dataset(config=config), np.array([ben.pk, anna.pk]))
    assert events.offsets.tolist() == [0, 0, 2]
    assert events.codes_EC[:, 0].tolist() == [EventKind.LIKE, EventKind.LIKE]
    assert events.codes_EC[1, 2] == 0  # the newest one is just before the reference time
