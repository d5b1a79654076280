"""Pages and API of studies: started, watched, used, refused."""

import pytest
from django.test import Client

from accounts.tenancy import tenant_scope
from modeling import studies
from modeling.models import Purpose, Study, TrainingRun
from tests.modeling.behaviour import fill_engagement
from tests.modeling.test_studies import work

STUDIES, NEW = "/b/brand/models/studies/", "/b/brand/models/studies/new/"
SEARCH = {"preset": "quick", "budget_minutes": "5", "num_trials": "4", "pruning": "median",
          "names": ["learning_rate", "dropout"], "families": ["engagement_dnn"], "outcome": "auto"}  # fmt: skip


@pytest.fixture
def english(as_owner):
    as_owner.cookies["django_language"] = "en"
    return as_owner


@pytest.fixture
def table(scope, hints):
    fill_engagement(160)


@pytest.fixture
def searched(table, by):
    names = ["learning_rate", "dropout"]
    return work(studies.start(studies.plan_search("engagement", "debug", names=names, num_trials=5), by))


def text(response):
    return response.content.decode()


def test_every_kind_can_be_begun_from_the_pages(english, table):
    page = text(english.get(STUDIES)) + text(english.get("/b/brand/models/new/?purpose=engagement"))
    for kind in Study.Kind.values:
        assert f"{NEW}{kind}/" in page
        for purpose in Purpose.values:
            assert english.get(f"{NEW}{kind}/?purpose={purpose}").status_code == 200
    assert "/b/brand/models/studies/" in text(english.get("/b/brand/models/"))


def test_the_form_starts_a_search_and_shows_it(english, table):
    response = english.post(f"{NEW}search/?purpose=engagement", SEARCH)
    study = Study.objects.get()
    assert response.headers["Location"] == f"{STUDIES}{study.code}/"
    assert (study.budget_minutes, study.options["num_trials"]) == (5, 4)
    assert sorted(study.options["space"]) == ["dropout", "learning_rate"]
    assert "Waiting for a free worker" in text(english.get(response.headers["Location"]))
    again = english.post(f"{NEW}search/?purpose=engagement", SEARCH)
    assert (again.status_code, Study.objects.count()) == (422, 1)
    assert "Another study of this brand is under way" in text(again)


@pytest.mark.parametrize(("field", "value"), [("budget_minutes", "0"), ("names", []), ("pruning", "hope")])
def test_wrong_fields_are_refused(english, table, field, value):
    assert english.post(f"{NEW}search/?purpose=engagement", SEARCH | {field: value}).status_code == 422
    assert not Study.objects.exists()


def test_the_page_shows_trials_charts_and_trains_with_the_best(english, searched):
    page = text(english.get(f"{STUDIES}{searched.code}/"))
    for part in ("Best so far", "chart-best", "chart-importance-", "chart-slice-dropout", "Learning rate", "preset"):
        assert part in page, part
    live = english.get(f"{STUDIES}{searched.code}/live/")
    assert (live.status_code, "every 2s" in text(live)) == (286, False)
    best = studies.best_trials(searched)[0]
    response = english.post(f"{STUDIES}{searched.code}/train/", {"trial": str(best.number)})
    run = TrainingRun.objects.get()
    assert response.headers["Location"] == f"/b/brand/models/runs/{run.code}/"
    assert run.config["trainer"]["learning_rate"] == best.settings["learning_rate"]
    for unknown in ("99", "x", ""):
        assert english.post(f"{STUDIES}{searched.code}/train/", {"trial": unknown}).status_code == 404


def test_the_forecast_is_said_in_a_sentence(english, table, by):
    study = work(studies.start(studies.plan_learning_curve("engagement", "debug", num_seeds=2), by))
    page = text(english.get(f"{STUDIES}{study.code}/"))
    assert "chart-forecast" in page
    assert "wice the data would" in page


def test_folds_show_mean_and_error(english, table, by):
    study = work(studies.start(studies.plan_cross_validation("engagement", "debug", num_folds=3), by))
    page = text(english.get(f"{STUDIES}{study.code}/"))
    mean = study.result["summary"]["logistic"]["auc"]
    assert f"{mean['mean']:.4f}" in page
    assert f"± {mean['error']:.4f}" in page


def test_a_viewer_looks_but_changes_nothing(searched, teammate):
    client = Client()
    client.force_login(teammate("viewer"))
    assert client.get(f"{STUDIES}{searched.code}/").status_code == client.get(STUDIES).status_code == 200
    for act in ("cancel/", "retry/", "train/"):
        assert client.post(f"{STUDIES}{searched.code}/{act}", {"trial": "0"}).status_code == 403
    assert client.post(f"{NEW}search/", SEARCH).status_code == 403
    assert not TrainingRun.objects.exists()


def test_unknown_studies_and_kinds_are_not_found(english, scope):
    assert english.get(f"{STUDIES}nope/").status_code == 404
    assert english.get(f"{NEW}horoscope/").status_code == 404


def test_a_study_by_api(api, brand, hints):
    with tenant_scope(brand):
        fill_engagement(160)

    def post(path, body):
        return api.post(f"/api/v1/studies/{path}", body, content_type="application/json")

    wanted = {"kind": "learning_curve", "purpose": "engagement", "budget_minutes": 3, "num_seeds": 2}
    assert post("", wanted | {"num_folds": 4}).json()["code"] == "config_invalid"
    started = post("", wanted)
    assert started.status_code == 202, started.content
    code = started.json()["code"]
    assert (started.json()["options"], started.json()["budget_minutes"]) == ({"num_seeds": 2}, 3)
    assert post("", wanted).status_code == 409
    assert api.get(f"/api/v1/studies/{code}/trials/").json() == []
    assert post(f"{code}/cancel/", {}).json()["job"]["state"] == "cancelled"
    assert post(f"{code}/train/", {"trial": 0}).status_code == 404
    assert [one["code"] for one in api.get("/api/v1/studies/").json()["results"]] == [code]
