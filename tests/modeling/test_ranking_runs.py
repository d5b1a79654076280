"""Runs of the purpose "Acts on what is shown": data, form, job, pages, API."""

import numpy as np
import pytest

from audience.models import Consent, Contact
from catalog.models import Item
from common.errors import NotEnoughData
from modeling import ranking_extract, readiness, runs, studies, versions
from modeling.errors import ConfigInvalid
from modeling.models import ModelVersion, TrainingRun
from modeling.rankers import load_ranker
from modeling.ranking_acts import CODES
from tests.modeling.behaviour import fill, fill_showings, work
from tests.modeling.test_studies import work as finish

NEW = "/b/brand/models/new/?purpose=ranking"


@pytest.fixture
def enough(scope, hints):
    fill_showings()


@pytest.fixture
def trained(enough, by):
    return work(runs.start(runs.plan("ranking", "debug"), by)[0])


def test_the_frames_hold_what_was_shown_and_done_but_nobody_who_refused(enough):
    before = ranking_extract.ranking_frames()
    assert set(before.events["code"].unique()) == {CODES["open"], CODES["like"], CODES["purchase"]}
    assert len(before.items) == Item.objects.count()
    refused = Contact.objects.order_by("pk")[0]
    digest = ranking_extract.fingerprint_ranking()
    Consent.objects.create(contact=refused, purpose="training", state="denied", changed_at="2026-03-01T00:00Z")
    after = ranking_extract.ranking_frames()
    assert refused.pk in set(before.events["user_key"])
    assert refused.pk not in set(after.events["user_key"])
    assert ranking_extract.fingerprint_ranking() != digest


def test_acts_without_showings_are_refused_with_what_is_missing(scope, hints):
    fill(5, 5, 4)
    with pytest.raises(NotEnoughData, match="Acts alone do not tell"):
        runs.plan("ranking", "quick")
    lines = readiness.of("ranking").lines
    assert [(line.have, line.is_met) for line in lines] == [(20, False), (0, False), (5, False)]


def test_families_and_settings_are_checked(enough):
    plan = runs.plan("ranking", "quick", {"families": ["ple"], "num_experts": 2})
    assert (plan.recipe.config.families, plan.recipe.config.network.num_experts) == (("ple",), 2)
    assert plan.recipe.data_config.utc_offset_seconds == 28_800
    for changes in ({"families": ["transformer"]}, {"num_experts": 99}, {"families": "ple"}):
        with pytest.raises(ConfigInvalid):
            runs.plan("ranking", "quick", changes)


def test_a_run_leaves_a_live_ranker_and_its_figures(trained):
    assert trained.job.state == "succeeded"
    kinds = list(ModelVersion.objects.order_by("number").values_list("kind", flat=True))
    assert kinds == ["act_rates", "act_trees", "din", "mmoe"]
    live = versions.live("ranking")
    assert live is not None
    assert set(live.metrics["test"]["acts"]) == {"like", "purchase"}
    assert load_ranker(versions.path_of(live)).acts == ("like", "purchase")
    points = list(trained.points.values_list("step", flat=True))
    assert len(points) == len(set(points))
    assert np.isfinite(live.metrics["test"]["log_loss"])


def test_the_pages_show_form_run_and_act_by_act(as_owner, trained):
    as_owner.cookies["django_language"] = "en"
    form = as_owner.get(NEW).content.decode()
    assert "Showings per step" in form
    assert "Order within a person" in form
    page = as_owner.get(f"/b/brand/models/runs/{trained.code}/").content.decode()
    assert "Weighted uAUC" in page
    assert "MMoE" in page
    version = versions.live("ranking")
    card = as_owner.get(f"/b/brand/models/versions/{version.code}/").content.decode()
    for part in ("Act by act", "Like", "Buy", "showings"):
        assert part in card, part
    assert "Acts on what is shown" in as_owner.get("/b/brand/models/").content.decode()


def test_the_form_starts_a_run(as_owner, enough):
    response = as_owner.post(NEW, {"preset": "quick", "families": ["din"], "width": "8"})
    run = TrainingRun.objects.get()
    assert response.headers["Location"] == f"/b/brand/models/runs/{run.code}/"
    assert (run.purpose, run.config["families"], run.config["network"]["width"]) == ("ranking", ["din"], 8)


def test_rankers_are_cross_validated_through_time(enough, by):
    study = finish(
        studies.start(studies.plan_cross_validation("ranking", "debug", {"families": ["din"]}, num_folds=3), by)
    )
    assert study.job.state == "succeeded", study.job.error_template
    trials = list(study.trials.all())
    assert [trial.settings["fold"] for trial in trials] == [0, 1, 2]
    assert all("weighted_uauc" in metrics for trial in trials for metrics in trial.metrics.values())
    assert study.result["summary"]["act_rates"]["weighted_uauc"]["num_folds"] == 3


def test_a_ranker_is_tried_by_its_validation_stage(enough, by):
    study = finish(studies.start(studies.plan_search("ranking", "debug", names=["learning_rate"], num_trials=2), by))
    assert [trial.state for trial in study.trials.all()] == ["complete", "complete"]
    assert study.trials.first().value == max(value for _step, value in study.trials.first().steps)
