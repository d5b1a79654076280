"""A brand's home: doors while it is empty, then the flow, the next step, the steps that tick, the model that serves."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import jobs, tenants
from accounts.models import Job, Membership, Role
from accounts.tenancy import tenant_scope
from audience import contacts, events
from audience.kinds import EventKind, Source
from audience.models import Contact, Import
from campaigns import overview
from campaigns.advice import Situation, first_steps, next_step
from catalog import items
from catalog.models import Item
from modeling.models import Dataset, ModelVersion, Purpose, TrainingRun

EN = {"accept-language": "en"}
HOME = "/b/brand/"


def page(client: Client, path: str = HOME) -> str:
    return client.get(path, headers=EN).content.decode()


def add_people(by, num_contacts: int = 3, num_items: int = 2) -> None:
    contacts.upsert([{"external_id": f"c{n}", "name": f"粉丝{n}"} for n in range(num_contacts)], by)
    items.upsert([{"external_id": f"i{n}", "title": f"文章{n}"} for n in range(num_items)], by)


def add_events(kinds: dict[EventKind, int], at: datetime | None = None, prefix: str = "e") -> None:
    contact, item = Contact.objects.order_by("pk").first(), Item.objects.order_by("pk").first()
    rows = [kind for kind, count in kinds.items() for _ in range(count)]
    at = at or timezone.now() - timedelta(minutes=1)
    events.record(
        events.NewEvent(Source.API, f"{prefix}{number}", contact.pk, kind, at, item.pk)
        for number, kind in enumerate(rows)
    )


def add_run(state: str = Job.State.SUCCEEDED, preset: str = "quick") -> TrainingRun:
    job = Job.objects.create(task="modeling.train", queue="training", state=state)
    dataset = Dataset.objects.create(purpose=Purpose.NEXT_ITEM, content_hash=job.code, directory="none")
    return TrainingRun.objects.create(
        purpose=Purpose.NEXT_ITEM, dataset=dataset, config_hash="c", job=job, preset=preset, config={}
    )


def add_version(run: TrainingRun, kind: str, hr: float, *, stage: str = "candidate", number: int = 1) -> ModelVersion:
    return ModelVersion.objects.create(
        number=number, purpose=run.purpose, kind=kind, run=run, dataset=run.dataset, directory="none", digest="d",
        metrics={"test": {"hr_at_10": hr, "ndcg_at_10": hr / 2}}, stage=stage, promoted_at=timezone.now(),
    )  # fmt: skip


def advice_now() -> str:
    return next_step(Situation.of(overview.flow(), overview.enough_data(), overview.serving())).button


# --- an empty brand -------------------------------------------------------------------------------------------------


def test_an_empty_brand_shows_its_doors(as_owner):
    home = page(as_owner)
    assert 'href="/b/brand/data/upload/"' in home
    assert 'href="/b/brand/settings/keys/"' in home
    assert "Explore the demo brand" not in home


def test_the_demo_is_a_door_for_its_members(as_owner, owner):
    tenants.create("演示", "retail", owner, slug="demo", is_demo=True)
    assert 'href="/b/demo/"' in page(as_owner)


def test_who_may_not_upload_is_told_whom_to_ask(client, teammate):
    client.force_login(teammate("viewer"))
    home = page(client)
    assert 'href="/b/brand/data/upload/"' not in home
    assert "Your role may look but not upload" in home


def test_the_first_event_opens_home(as_owner, brand, by):
    pulse = f"{HOME}pulse/?jobs=0&events=0"
    assert "HX-Refresh" not in as_owner.get(pulse).headers
    with tenant_scope(brand):
        add_people(by)
        add_events({EventKind.READ: 1})
    assert as_owner.get(pulse).headers["HX-Refresh"] == "true"
    assert "Where shall we begin?" not in page(as_owner)


# --- the flow -------------------------------------------------------------------------------------------------------


def test_the_numbers_are_the_brands_own(as_owner, brand, other_brand, by):
    with tenant_scope(other_brand):
        add_people(by, 7, 7)
        add_events({EventKind.READ: 9})
    with tenant_scope(brand):
        add_people(by)
        add_events({EventKind.READ: 4, EventKind.LIKE: 2})
    assert re.findall(r'fw-stat-value">([\d,]+)<', page(as_owner)) == ["3", "2", "6"]


def test_the_chart_holds_thirty_days_by_group(scope, by):
    add_people(by)
    last = datetime(2026, 11, 20, 4, tzinfo=UTC)
    add_events({EventKind.READ: 3, EventKind.PURCHASE: 1}, last, "new")
    add_events({EventKind.LIKE: 2}, last - timedelta(days=29), "old")
    add_events({EventKind.LIKE: 5}, last - timedelta(days=30), "older")
    flow = overview.flow()
    days = list(flow.per_day)
    assert (days[0], days[-1], len(days)) == ("2026-10-22", "2026-11-20", 30)
    assert sum(sum(day.values()) for day in flow.per_day.values()) == 6
    assert flow.per_day["2026-11-20"]["reading"] == 3
    assert flow.per_day["2026-11-20"]["shopping"] == 1
    options = overview.chart_options(flow)
    assert len(options["series"]) == 3
    assert all(len(series["data"]) == 30 for series in options["series"])
    json.dumps(options)


def test_an_event_counts_for_the_day_of_the_brands_clock(scope, by):
    add_people(by)
    add_events({EventKind.READ: 1}, datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    with timezone.override("Asia/Shanghai"):
        assert overview.flow().per_day["2026-11-21"]["reading"] == 1


def test_the_items_most_people_met_come_first(as_owner, brand, by):
    with tenant_scope(brand):
        add_people(by)
        people, things = list(Contact.objects.order_by("pk")), list(Item.objects.order_by("pk"))
        at = timezone.now() - timedelta(days=1)
        rows = [(0, 1), (1, 1), (2, 1), (0, 0)]
        events.record(
            events.NewEvent(Source.API, f"t{who}{what}", people[who].pk, EventKind.READ, at, things[what].pk)
            for who, what in rows
        )
        assert [(item.external_id, num) for item, num in overview.top_items()] == [("i1", 3), ("i0", 1)]


# --- the next step --------------------------------------------------------------------------------------------------


def test_without_behaviour_the_advice_is_to_upload(scope, by):
    add_people(by)
    assert advice_now() == "上传文件" or advice_now() == "Upload a file"


def test_with_too_little_the_advice_says_how_much_is_missing(scope, by):
    add_people(by)
    add_events({EventKind.READ: 5})
    situation = Situation.of(overview.flow(), overview.enough_data(), overview.serving())
    assert "5" in next_step(situation).text
    assert "1000" in next_step(situation).text


@pytest.fixture
def rich(scope, by):
    """Enough behaviour to train: 100 followers with 11 items each."""
    add_people(by, 100, 12)
    at = timezone.now() - timedelta(days=2)
    things = list(Item.objects.values_list("pk", flat=True))
    events.record(
        events.NewEvent(Source.API, f"r{person}-{thing}", person, EventKind.READ, at, thing)
        for person in Contact.objects.values_list("pk", flat=True)
        for thing in things[:11]
    )
    return scope


def advised_page() -> str:
    return next_step(Situation.of(overview.flow(), overview.enough_data(), overview.serving())).page.name


def test_with_enough_the_advice_is_to_train(rich):
    assert advised_page() == "modeling:new_run"


def test_a_simple_model_does_not_end_the_advice_to_train(rich):
    add_version(add_run(preset="simple"), "item_knn", 0.3, stage="live")
    assert advised_page() == "modeling:new_run"


def test_a_running_training_is_shown_first(rich):
    run = add_run(Job.State.RUNNING)
    advice = next_step(Situation.of(overview.flow(), overview.enough_data(), overview.serving()))
    assert (advice.page.name, advice.page.args) == ("modeling:run", (run.code,))


def test_an_unchecked_upload_comes_before_everything(rich):
    add_run(Job.State.RUNNING)
    Import.objects.create(code="draft1", filename="a.csv", file="x", size_bytes=1, sha256="0" * 64)
    advice = next_step(Situation.of(overview.flow(), overview.enough_data(), overview.serving()))
    assert (advice.page.name, advice.page.args) == ("audience:import", ("draft1",))


def test_much_new_behaviour_asks_for_another_training(rich):
    run = add_run()
    Dataset.objects.filter(pk=run.dataset_id).update(created_at=timezone.now() - timedelta(days=1))
    add_version(run, "transformer_knn", 0.3, stage="live")
    assert advised_page() == "modeling:new_run"


def test_when_all_is_done_the_advice_is_to_look(rich):
    add_version(add_run(), "transformer_knn", 0.3, stage="live")
    assert advised_page() == "recommendations:preview"


# --- the first steps ------------------------------------------------------------------------------------------------


def ticks(seen: tuple[str, ...] = ()) -> list[bool]:
    situation = Situation.of(overview.flow(), overview.enough_data(), overview.serving())
    return [step.is_done for step in first_steps(situation, seen, is_demo=False)]


def test_steps_tick_by_what_has_happened(rich):
    assert ticks() == [True, False, False, False]
    add_version(add_run(preset="simple"), "popularity", 0.2, stage="live")
    assert ticks() == [True, False, False, False]
    add_run(Job.State.FAILED)
    assert ticks() == [True, False, False, False]
    add_run()
    assert ticks() == [True, False, True, False]
    assert ticks(("report", "recommendations")) == [True, True, True, True]


def test_looking_at_a_step_ticks_it(as_owner, brand, by):
    with tenant_scope(brand):
        add_people(by)
    assert 'fw-num">1/4<' in page(as_owner)
    assert as_owner.get(f"{HOME}steps/report/").status_code == 302
    assert 'fw-num">2/4<' in page(as_owner)
    assert as_owner.get(f"{HOME}steps/nonsense/").status_code == 404


# --- the model that serves ------------------------------------------------------------------------------------------


def test_the_live_model_stands_beside_the_best_simple_one(scope):
    run = add_run()
    add_version(run, "transformer_knn", 0.36, stage="live", number=1)
    add_version(run, "popularity", 0.1, number=2)
    add_version(run, "item_knn", 0.3, number=3)
    serving = overview.serving()
    assert (serving.version.kind, serving.simple.kind) == ("transformer_knn", "item_knn")
    row = serving.rows[0]
    assert (row.metric.key, row.live, row.simple) == ("hr_at_10", 0.36, 0.3)
    assert row.gain_percent == pytest.approx(20)


def test_a_live_simple_model_is_compared_with_the_other_simple_one(scope):
    run = add_run(preset="simple")
    add_version(run, "item_knn", 0.3, stage="live", number=1)
    add_version(run, "popularity", 0.1, number=2)
    assert overview.serving().simple.kind == "popularity"


# --- open work ------------------------------------------------------------------------------------------------------


def test_open_work_is_shown_until_it_ends(as_owner, brand):
    with tenant_scope(brand):
        job = jobs.start("audience.import", "default")
        Import.objects.create(code="up1", filename="a.csv", file="x", size_bytes=1, sha256="0" * 64, job=job)
    assert 'href="/b/brand/data/up1/"' in page(as_owner, f"{HOME}pulse/?jobs=1")
    with tenant_scope(brand):
        Job.objects.update(state=Job.State.SUCCEEDED)
    assert as_owner.get(f"{HOME}pulse/?jobs=1").headers["HX-Refresh"] == "true"


def test_polling_stops_when_nothing_can_change(as_owner, brand, by):
    with tenant_scope(brand):
        add_people(by)
        add_events({EventKind.READ: 1})
    assert as_owner.get(f"{HOME}pulse/?jobs=0").status_code == 286


def test_the_card_of_a_brand_shows_its_numbers(as_owner, brand, by):
    with tenant_scope(brand):
        add_people(by)
        add_events({EventKind.READ: 2})
    assert re.findall(r'fw-figure">(\d+)<', page(as_owner, f"{HOME}card/")) == ["3", "2"]


def test_a_member_without_rights_sees_no_button_for_the_advice(client, brand, teammate, by):
    with tenant_scope(brand):
        add_people(by)
    client.force_login(teammate("viewer"))
    assert Membership.objects.filter(tenant=brand, role=Role.VIEWER).count() == 1
    home = page(client)
    assert "Nobody’s behaviour is here yet" in home
    assert 'href="/b/brand/data/upload/"' not in home
