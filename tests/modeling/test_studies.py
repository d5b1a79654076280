"""Searches on the site's side: planned, done by a worker, killed, cancelled, kept within their budget, used."""

import pytest

from accounts import jobs
from accounts.jobs import LeaseLost
from accounts.models import AuditEntry, Job
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from modeling import runs, studies, study_jobs
from modeling.errors import ConfigInvalid, TrainingDiverged
from modeling.models import ModelVersion, Study, Trial
from tests.modeling.behaviour import fill_engagement

SEARCH = {"names": ["learning_rate", "hidden_1", "dropout"], "num_trials": 6, "budget_minutes": 10}


@pytest.fixture
def table(scope, hints):
    fill_engagement(160)


def start(by, **options):
    return studies.start(studies.plan_search("engagement", "debug", **{**SEARCH, **options}), by)


def work(study):
    """Do the study's job as a worker would; the study as it is afterwards."""
    jobs.run(study.tenant_id, study.job_id, study_jobs.work)
    with tenant_scope(study.tenant_id):
        return Study.objects.select_related("job", "dataset").get(pk=study.pk)


def rows(study):
    return [(t.number, t.family, t.settings, t.steps, t.state, t.value) for t in study.trials.all()]


def test_a_search_tries_the_preset_first_and_then_what_promises_most(table, by):
    study = work(start(by))
    trials = list(study.trials.all())
    assert study.job.state == Job.State.SUCCEEDED, study.job.error_template
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4, 5]
    assert trials[0].settings == {"learning_rate": 0.002, "hidden_1": 64, "dropout": 0.1}
    assert all(trial.settings.keys() == trials[0].settings.keys() for trial in trials)
    assert len({trial.settings["learning_rate"] for trial in trials}) == 6
    assert [step for step, _value in trials[0].steps] == [1, 2, 3]
    assert trials[0].value == min(value for _step, value in trials[0].steps)
    assert study.result["ended_by"] == "trials"
    assert not study_jobs.study_directory(study).exists()


def test_no_trial_looks_at_the_test_stage(table, by):
    study = work(start(by, num_trials=2))
    assert "log_loss" in study.trials.first().metrics
    assert not ModelVersion.objects.exists()


def test_a_killed_search_goes_on_with_the_trial_under_way(table, by, monkeypatch):
    unbroken = rows(work(start(by)))
    save, num_saved = study_jobs.Bench.save, []

    def die(bench, trial, *fields):
        save(bench, trial, *fields)
        num_saved.append(1)
        if len(num_saved) == 10:  # inside the third trial
            raise LeaseLost("killed")

    monkeypatch.setattr(study_jobs.Bench, "save", die)
    study = work(start(by))
    assert (study.job.state, study.trials.count()) == (Job.State.RUNNING, 3)
    monkeypatch.setattr(study_jobs.Bench, "save", save)
    Job.objects.filter(pk=study.job_id).update(lease_until=study.created_at)
    study = work(study)
    assert study.job.state == Job.State.SUCCEEDED
    assert rows(study) == unbroken


def test_the_budget_ends_the_search(table, by, monkeypatch):
    study = start(by)
    account = study_jobs._Attempt._account

    def take_long(attempt):
        account(attempt)
        attempt.trial.seconds += 250

    monkeypatch.setattr(study_jobs._Attempt, "_account", take_long)
    study = work(study)
    assert study.result["ended_by"] == "minutes"
    assert study.trials.count() == 3  # 3 x 250 s is more than ten minutes
    assert study.job.state == Job.State.SUCCEEDED


def test_a_cancelled_search_keeps_its_trials_and_can_go_on(table, by, monkeypatch):
    study, begin = start(by), study_jobs.Bench.begin

    def cancel_at_third(bench, number, family, values):
        if number == 2:
            studies.cancel(study, by)
        return begin(bench, number, family, values)

    monkeypatch.setattr(study_jobs.Bench, "begin", cancel_at_third)
    study = work(study)
    assert (study.job.state, study.trials.exclude(state="running").count()) == (Job.State.CANCELLED, 2)
    monkeypatch.setattr(study_jobs.Bench, "begin", begin)
    studies.retry(study, by)
    study = work(study)
    assert (study.job.state, study.trials.count()) == (Job.State.SUCCEEDED, 6)


def test_a_trial_that_fails_is_noted_and_the_search_goes_on(table, by, monkeypatch):
    from modeling.recipes import EngagementRecipe

    fit_one = EngagementRecipe.fit_one

    def diverge_once(recipe, dataset, sample, directory, on_progress, should_stop):
        if directory.name == "1":
            raise TrainingDiverged("The loss is no longer a number.")
        return fit_one(recipe, dataset, sample, directory, on_progress, should_stop)

    monkeypatch.setattr(EngagementRecipe, "fit_one", diverge_once)
    study = work(start(by, num_trials=3))
    assert [trial.state for trial in study.trials.all()] == ["complete", "failed", "complete"]
    assert "loss is no longer a number" in study.trials.get(number=1).error_template
    with pytest.raises(Conflict):
        studies.train_with(study.trials.get(number=1), by)


def test_the_best_settings_start_a_normal_training(table, by):
    study = work(start(by, num_trials=3))
    best = studies.best_trials(study)[0]
    assert best.value == min(trial.value for trial in study.trials.all())
    run, is_new = studies.train_with(best, by)
    assert is_new
    assert run.config["trainer"]["learning_rate"] == best.settings["learning_rate"]
    assert run.config["network"]["hidden_1"] == best.settings["hidden_1"]
    verbs = AuditEntry.objects.filter(object_code=study.code).order_by("pk").values_list("verb", "details")
    assert list(verbs) == [
        ("start", {"kind": "search", "purpose": "engagement", "budget_minutes": 10}),
        ("train_with", {"trial": best.number}),
    ]
    assert studies.train_with(best, by) == (run, False)


def test_a_study_gives_way_to_what_waits_and_loses_nothing(table, by):
    study = start(by, num_trials=2)
    waiting = runs.start(runs.plan("engagement", "debug"), by)[0]
    study = work(study)
    assert (study.job.state, study.job.stage) == (Job.State.QUEUED, study_jobs.WAITING)
    Job.objects.filter(pk=waiting.job_id).update(state=Job.State.SUCCEEDED)
    assert work(study).trials.count() == 2


def test_one_study_at_a_time(table, by):
    study = start(by)
    with pytest.raises(Conflict):
        start(by)
    assert Study.objects.get() == study


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ["weather"]},
        {"families": ["horoscope"]},
        {"num_trials": 1},
        {"num_trials": 501},
        {"budget_minutes": 0},
        {"pruning": "hope"},
        {"seed": -1},
        {"changes": {"weather": 1}},
    ],
)
def test_a_wrong_plan_is_refused(table, by, wrong):
    with pytest.raises(ConfigInvalid):
        start(by, **wrong)
    assert not Study.objects.exists()
    assert not Trial.objects.exists()
