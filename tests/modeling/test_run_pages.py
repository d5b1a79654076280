"""Pages of runs and versions: the main acts, the refusals, what a viewer may not do."""

import pytest
from django.test import Client

from accounts.models import Job
from modeling import charts, runs, versions
from modeling.models import ModelVersion, TrainingPoint, TrainingRun
from tests.modeling.behaviour import fill, fill_engagement, work

HOME, NEW, VERSIONS = "/b/brand/models/", "/b/brand/models/new/", "/b/brand/models/versions/"


@pytest.fixture
def english(as_owner):
    as_owner.cookies["django_language"] = "en"
    return as_owner


@pytest.fixture
def enough(scope, hints):
    fill(60, 20, 18)


@pytest.fixture
def trained(enough, by):
    return work(runs.start(runs.plan("next_item", "debug"), by)[0])


def text(response):
    return response.content.decode()


def test_an_empty_brand_is_told_what_to_do(english, scope):
    page = text(english.get(HOME))
    assert "No model serves yet" in page
    assert "No training yet" in page
    assert "/b/brand/models/new/?purpose=engagement" in page


def test_the_form_starts_a_run_and_shows_it(english, enough):
    response = english.post(NEW, {"preset": "quick", "width": "32"})
    run = TrainingRun.objects.get()
    assert response.headers["Location"] == f"/b/brand/models/runs/{run.code}/"
    assert (run.config["transformer"]["width"], run.created_by) == (32, "owner@brand.test")
    assert "Waiting for a free worker" in text(english.get(response.headers["Location"]))


def test_ticked_families_are_trained_and_none_means_the_preset(english, enough):
    page = text(english.get(NEW))
    for name in ("Recurrent network (GRU)", "Convolutional network (NextItNet)", "Gated units (HSTU)"):
        assert name in page, name
    english.post(NEW, {"preset": "quick", "families": ["hstu", "gru"], "width": "32"})
    run = TrainingRun.objects.get()
    assert run.config["families"] == ["gru", "hstu"]
    assert {run.config[family]["width"] for family in ("transformer", "gru", "next_it_net", "hstu")} == {32}
    assert english.post(NEW, {"preset": "quick", "families": ["rnn"]}).status_code == 422
    assert runs.plan("next_item", "quick").recipe.config.families == ("transformer",)


def test_the_form_says_why_nothing_can_start(english, scope, hints):
    response = english.post(NEW, {"preset": "quick"})
    assert response.status_code == 422
    assert "There are 0 interactions with items; training needs 1000." in text(response)
    assert TrainingRun.objects.count() == 0


def test_settings_outside_their_limits_are_refused(english, enough):
    response = english.post(NEW, {"preset": "quick", "dropout": "2"})
    assert response.status_code == 422
    assert TrainingRun.objects.count() == 0


def test_a_one_class_label_is_named_on_the_form(english, scope, hints):
    fill_engagement(160, labels=(False,))
    response = english.post(f"{NEW}?purpose=engagement", {"preset": "quick", "outcome": "table"})
    assert response.status_code == 422
    assert "have the same outcome" in text(response)


def test_the_same_training_is_offered_and_only_repeated_on_demand(english, enough, by):
    english.post(NEW, {"preset": "quick"})
    run = TrainingRun.objects.get()
    fingerprint = runs.plan("next_item", "quick").recipe.fingerprint()
    TrainingRun.objects.update(data_fingerprint=fingerprint)
    Job.objects.update(state=Job.State.SUCCEEDED)
    page = text(english.post(NEW, {"preset": "quick"}))
    assert "Use the finished result" in page
    assert f"/b/brand/models/runs/{run.code}/" in page
    assert TrainingRun.objects.count() == 1
    english.post(NEW, {"preset": "quick", "force": "on"})
    assert TrainingRun.objects.count() == 2


def test_a_second_training_at_a_time_is_refused_with_the_reason(english, enough):
    english.post(NEW, {"preset": "quick"})
    response = english.post(NEW, {"preset": "standard"})
    assert response.status_code == 422
    assert "Another training for this purpose is under way" in text(response)


def test_a_running_page_shows_curve_numbers_and_lists(english, enough, by):
    from audience.models import Contact
    from catalog.models import Item

    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    Job.objects.filter(pk=run.job_id).update(state=Job.State.RUNNING, stage="The deep model learns")
    contact, items = Contact.objects.first(), list(Item.objects.order_by("pk")[:6])
    for epoch in (1, 2):
        samples = [{"user_key": contact.pk, "item_keys": [item.pk for item in items[epoch - 1 : epoch + 4]]}]
        values = {
            "loss": 2.5 / epoch, "metrics": {"ndcg_at_10": 0.1 * epoch, "hr_at_10": 0.2 * epoch}, "samples": samples,
            "num_epochs": 4, "num_steps": 40, "samples_per_second": 1234.0, "eta_seconds": 75.0, "stage": "transformer",
        }  # fmt: skip
        TrainingPoint.objects.create(run=run, step=10 * epoch, epoch=epoch, elapsed_seconds=60.0 * epoch, values=values)
    response = english.get(f"{HOME}runs/{run.code}/live/")
    page = text(response)
    assert response.status_code == 200
    for part in ("chart-loss", "chart-quality", "1,234", "1 min 15 s", "文章5", "every 2s", "1.2500"):
        assert part in page, part
    assert page.count('bg-azure-lt">new') == 1
    earlier = text(english.get(f"{HOME}runs/{run.code}/?epoch=1"))
    assert ("文章0" in earlier, "文章5" in earlier, f"{run.code}/live/?epoch=1" in earlier) == (True, False, True)


def test_the_live_part_stops_asking_when_the_run_has_ended(english, trained):
    response = english.get(f"{HOME}runs/{trained.code}/live/")
    page = text(response)
    assert response.status_code == 286
    assert "every 2s" not in page
    assert "NDCG@10" in page
    assert ("No gain shown" in page) != ("Deep learning pays off" in page)
    assert page.count("/models/versions/") >= 4


def test_every_page_of_a_finished_run_reads_in_both_languages(as_owner, trained):
    live = versions.live("next_item")
    for language in ("en", "zh-hans"):
        as_owner.cookies["django_language"] = language
        for address in (HOME, NEW, VERSIONS, f"{VERSIONS}{live.code}/", f"{HOME}runs/{trained.code}/"):
            assert as_owner.get(address).status_code == 200, (language, address)


def test_the_engagement_run_shows_its_figures_and_the_confusion(english, scope, hints, by):
    fill_engagement(200)
    run = work(runs.start(runs.plan("engagement", "debug"), by)[0])
    page = text(english.get(f"{HOME}runs/{run.code}/"))
    for part in ("Accuracy", "Precision", "Recall", "F1", "AUC", "Log-loss", "Majority", "said: converts"):
        assert part in page, part
    for version in ModelVersion.objects.all():
        version_page = text(english.get(f"{VERSIONS}{version.code}/"))
        assert "measured on 40 followers" in version_page
        assert "chart-calibration" in version_page


def test_several_families_have_one_curve_each_and_a_leak_is_named(english, scope, hints, by):
    fill_engagement(200)
    changes = {"families": ["engagement_dnn", "dcn_v2", "engagement_ensemble"], "num_seeds": 2}
    run = work(runs.start(runs.plan("engagement", "debug", changes), by)[0])
    points = runs.points_after(run, -1)
    assert [series["name"] for series in charts.loss_chart(points)["series"]] == ["Deep network", "DCN-v2"]
    quality = charts.quality_chart(run, points)
    assert quality["yAxis"]["name"] == "AUC"
    assert [[x for x, _value in series["data"]] for series in quality["series"]][:2] == [[1, 2, 3], [1, 2, 3]]
    page = text(english.get(f"{HOME}runs/{run.code}/"))
    assert "These columns alone tell" not in page
    run.dataset.counts["leaking_features"] = ["paid_at"]
    run.dataset.save(update_fields=["counts"])
    assert "These columns alone tell the outcome: paid_at." in text(english.get(f"{HOME}runs/{run.code}/"))


def test_families_are_chosen_in_the_form_and_those_over_acts_are_refused_for_a_table(english, scope, hints):
    fill_engagement(200)
    asked = {"preset": "quick", "outcome": "table", "families": ["trees", "event_rnn"]}
    response = english.post(f"{NEW}?purpose=engagement", asked)
    assert response.status_code == 422
    assert "event_rnn read acts in order" in text(response)
    assert english.post(f"{NEW}?purpose=engagement", asked | {"families": ["trees"]}).status_code == 302
    assert TrainingRun.objects.get().config["families"] == ["trees"]


def test_promote_roll_back_and_retire(english, trained, by):
    live = versions.live("next_item")
    other = ModelVersion.objects.exclude(pk=live.pk).get(kind__in=["popularity", "item_knn"])
    english.post(f"{VERSIONS}{other.code}/promote/")
    assert versions.live("next_item") == other
    english.post("/b/brand/models/roll-back/next_item/")
    assert versions.live("next_item") == live
    deep = ModelVersion.objects.get(kind="transformer")
    english.post(f"{VERSIONS}{deep.code}/retire/")
    deep.refresh_from_db()
    assert deep.stage == "retired"


def test_a_refused_promotion_says_why(english, trained):
    ModelVersion.objects.filter(kind="transformer").update(verdict={"promote": False})
    deep = ModelVersion.objects.get(kind="transformer")
    response = english.post(f"{VERSIONS}{deep.code}/promote/", follow=True)
    assert "showed no certain gain" in text(response)
    assert versions.live("next_item") != deep


def test_cancel_and_retry(english, enough, by):
    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    english.post(f"{HOME}runs/{run.code}/cancel/")
    run.job.refresh_from_db()
    assert run.job.state == Job.State.CANCELLED
    english.post(f"{HOME}runs/{run.code}/retry/")
    run.job.refresh_from_db()
    assert run.job.state == Job.State.QUEUED


def test_a_viewer_looks_but_changes_nothing(trained, teammate):
    client = Client()
    client.force_login(teammate("viewer"))
    version = versions.live("next_item")
    run_page, version_page = f"{HOME}runs/{trained.code}/", f"{VERSIONS}{version.code}/"
    assert client.get(run_page).status_code == client.get(version_page).status_code == 200
    acts = [NEW, f"{run_page}cancel/", f"{run_page}retry/", f"{version_page}promote/", f"{version_page}retire/"]
    for address in [*acts, f"{HOME}roll-back/next_item/"]:
        assert client.post(address).status_code == 403, address
    assert (TrainingRun.objects.count(), versions.live("next_item")) == (1, version)


def test_unknown_runs_versions_and_purposes_are_not_found(english, scope):
    for address in (f"{HOME}runs/nope/", f"{VERSIONS}nope/", f"{NEW}?purpose=weather", f"{VERSIONS}?purpose=weather"):
        assert english.get(address).status_code == 404, address
    assert english.post("/b/brand/models/roll-back/weather/").status_code == 404
