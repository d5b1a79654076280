"""Runs: what may start, what is offered instead, one at a time, cancel and retry."""

import pytest
from django.utils import timezone, translation

from accounts.models import AuditEntry, Job
from accounts.tenancy import tenant_scope
from audience.models import Contact, Engagement
from common.errors import Conflict, NotEnoughData
from common.translation import explain
from modeling import readiness, runs
from modeling.errors import ConfigInvalid, LabelHasOneClass
from modeling.models import TrainingPoint, TrainingRun
from tests.modeling.behaviour import fill, fill_engagement, work


@pytest.fixture
def enough(scope, hints):
    fill(40, 30, 26)


def end(run, state=Job.State.SUCCEEDED):
    """The run's job as if a worker had done it on the data there is now."""
    Job.objects.filter(pk=run.job_id).update(state=state)
    fingerprint = runs.plan("next_item", "debug").recipe.fingerprint()
    TrainingRun.objects.filter(pk=run.pk).update(data_fingerprint=fingerprint)
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_a_start_makes_a_queued_job_and_an_audit_line(brand, by, hints):
    with tenant_scope(brand):
        fill(40, 30, 26)
        run, is_new = runs.start(runs.plan("next_item", "quick"), by)
        entry = AuditEntry.objects.get(object_type="training_run")
        assert (is_new, run.job.state, run.job.queue, entry.verb) == (True, "queued", "training", "start")
    assert hints == [("modeling.train", [brand.pk, run.job_id], "training")]


def test_too_little_data_is_refused_with_what_is_missing(scope, hints):
    fill(20, 12, 3)
    with pytest.raises(NotEnoughData) as refusal:
        runs.plan("next_item", "quick")
    assert str(refusal.value) == "There are 60 interactions with items; training needs 1000. Upload more behaviour."
    assert TrainingRun.objects.count() == 0


def test_too_few_followers_are_refused_however_much_they_did(scope, hints):
    fill(25, 50, 44)
    with pytest.raises(NotEnoughData, match="three or more"):
        runs.plan("next_item", "quick")


def test_a_label_with_one_class_is_named(scope, hints):
    fill_engagement(200, labels=(True,))
    with pytest.raises(LabelHasOneClass) as refusal:
        runs.plan("engagement", "quick")
    assert refusal.value.code == "label_has_one_class"
    assert str(refusal.value).startswith("All 200 followers have the same outcome")


def test_too_few_of_one_class_are_refused(scope, hints):
    fill_engagement(200, labels=(True, *[False] * 19))
    with pytest.raises(NotEnoughData, match="10 followers converted; training needs 15"):
        runs.plan("engagement", "quick")


@pytest.mark.parametrize(
    "problem",
    [
        lambda: fill(20, 12, 3) or runs.plan("next_item", "quick"),
        lambda: fill_engagement(200, labels=(True,)) or runs.plan("engagement", "quick"),
    ],
)
def test_refusals_read_in_both_languages(scope, hints, problem):
    with pytest.raises((NotEnoughData, LabelHasOneClass)) as refusal:
        problem()
    with translation.override("zh-hans"):
        chinese = explain(refusal.value)
    with translation.override("en"):
        assert explain(refusal.value) == str(refusal.value)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)


def test_readiness_counts_what_there_is_and_says_what_is_needed(enough):
    found = readiness.of("next_item")
    assert [(line.have, line.needed) for line in found.lines] == [(1040, 1000), (40, 30), (30, 10)]
    assert found.is_enough
    assert not readiness.of("engagement").is_enough


def test_settings_are_changed_by_name_within_limits(enough):
    plan = runs.plan("next_item", "quick", {"width": 32, "learning_rate": 0.01})
    assert (plan.recipe.config.transformer.width, plan.recipe.config.trainer.learning_rate) == (32, 0.01)
    for changes in (
        {"width": 100_000},
        {"width": 32.5},
        {"width": "32"},
        {"width": True},
        {"num_threads": 64},
        {"families": ["rnn"]},
    ):
        with pytest.raises(ConfigInvalid):
            runs.plan("next_item", "quick", changes)


def test_heads_must_divide_the_width(enough):
    with pytest.raises(ConfigInvalid):
        runs.plan("next_item", "quick", {"width": 30, "num_heads": 4})


def test_unknown_presets_and_purposes_are_refused(enough):
    for purpose, preset in (("next_item", "huge"), ("weather", "quick")):
        with pytest.raises(ConfigInvalid):
            runs.plan(purpose, preset)


def test_the_same_data_and_settings_give_the_run_that_is_there(enough, by):
    first, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    assert runs.start(runs.plan("next_item", "debug"), by) == (first, False)
    end(first)
    assert runs.start(runs.plan("next_item", "debug"), by) == (first, False)
    assert TrainingRun.objects.count() == 1


def test_other_settings_new_data_or_force_train_again(enough, by):
    first = end(runs.start(runs.plan("next_item", "debug"), by)[0])
    other = end(runs.start(runs.plan("next_item", "debug", {"max_epochs": 3}), by)[0])
    again = end(runs.start(runs.plan("next_item", "debug"), by, force=True)[0])
    fill_more()
    newest, is_new = runs.start(runs.plan("next_item", "debug"), by)
    assert is_new
    assert len({first.pk, other.pk, again.pk, newest.pk}) == 4


def fill_more():
    """Another follower with a little behaviour."""
    from datetime import UTC, datetime

    from audience import events
    from audience.events import NewEvent
    from audience.kinds import EventKind, Source
    from catalog.models import Item

    contact, item = Contact.objects.create(external_id="new"), Item.objects.order_by("pk")[0]
    events.record([NewEvent(Source.API, "new", contact.pk, EventKind.READ, datetime(2026, 5, 1, tzinfo=UTC), item.pk)])


def test_a_failed_run_is_no_result(enough, by):
    failed = end(runs.start(runs.plan("next_item", "debug"), by)[0], Job.State.FAILED)
    run, is_new = runs.start(runs.plan("next_item", "debug"), by)
    assert (is_new, run == failed) == (True, False)


def test_one_deep_training_of_a_brand_at_a_time(enough, by):
    first, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    with pytest.raises(Conflict, match=first.code):
        runs.start(runs.plan("next_item", "debug", {"max_epochs": 3}), by)
    assert TrainingRun.objects.count() == 1
    assert runs.start_simple(by).preset == "simple"


def test_another_brand_trains_meanwhile(enough, by, other_brand):
    runs.start(runs.plan("next_item", "debug"), by)
    with tenant_scope(other_brand):
        fill(40, 30, 26)
        assert runs.start(runs.plan("next_item", "debug"), by)[1] is True


def test_the_simple_run_needs_hardly_anything_and_goes_to_the_default_queue(scope, by, hints):
    assert runs.start_simple(by) is None
    fill(3, 4, 3)
    run = runs.start_simple(by)
    assert (run.job.queue, run.job.task) == ("default", "modeling.train_simple")
    assert runs.start_simple(by) == run


def test_the_simple_run_is_repeated_for_new_data_only(scope, by, hints):
    fill(5, 5, 4)
    first = work(runs.start_simple(by))
    assert runs.start_simple(by) == first
    fill_more()
    assert runs.start_simple(by) != first


def test_an_import_that_ended_brings_a_simple_run_once(scope, by, hints):
    fill(5, 5, 4)
    assert runs.start_simple_after_imports() == 0
    imported = Job.objects.create(
        task="audience.tasks.run_import", queue="default", state=Job.State.SUCCEEDED, ended_at=timezone.now()
    )
    assert runs.start_simple_after_imports() == 1
    assert runs.start_simple_after_imports() == 0
    run = TrainingRun.objects.get()
    assert (run.preset, run.created_by) == ("simple", "system: after an import")
    work(run)
    Job.objects.filter(pk=imported.pk).update(ended_at=timezone.now())
    assert runs.start_simple_after_imports() == 0
    assert TrainingRun.objects.count() == 1


def test_cancel_ends_a_waiting_run_and_retry_brings_it_back(enough, by):
    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    runs.cancel(run, by)
    run.job.refresh_from_db()
    assert run.job.state == Job.State.CANCELLED
    with pytest.raises(Conflict):
        runs.cancel(run, by)
    runs.retry(run, by)
    run.job.refresh_from_db()
    assert run.job.state == Job.State.QUEUED
    verbs = AuditEntry.objects.filter(object_type="training_run").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["start", "cancel", "retry"]


def test_a_retry_waits_its_turn(enough, by):
    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    runs.cancel(run, by)
    run.job.refresh_from_db()
    runs.start(runs.plan("next_item", "debug", {"max_epochs": 3}), by)
    with pytest.raises(Conflict):
        runs.retry(run, by)


def test_points_after_a_step(enough, by):
    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    TrainingPoint.objects.bulk_create(
        TrainingPoint(run=run, step=step, epoch=1, elapsed_seconds=1.0) for step in (30, 10, 20)
    )
    assert [point.step for point in runs.points_after(run, 10)] == [20, 30]


def test_labels_come_from_events_where_no_table_was_uploaded(enough):
    assert runs.plan("next_item", "quick").recipe.readiness().is_enough
    assert Engagement.objects.count() == 0
    with pytest.raises(LabelHasOneClass):
        runs.plan("engagement", "quick", {"label_kinds": ["purchase"]})
