"""Real data as a user would bring it: MovieLens-100K through the web form and through the API, trained, recommended.

The licence forbids shipping the data: the test looks for it beside the project (or in FANWISE_DATA) and skips clearly.
"""

import os
import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts.tenancy import tenant_scope
from audience.models import Contact, Event, Import
from catalog.models import Item
from modeling.models import ModelVersion

DATA = Path(os.environ.get("FANWISE_DATA", settings.BASE_DIR.parent / "shared/data"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (DATA / "ml-100k.inter").exists(), reason="MovieLens-100K is not beside the project"),
]
OPTIONS = {"earliest": "1990-01-01", "default_kind": "view"}


@pytest.fixture
def run_import(brand, work):
    """Do the import's job and return it with its report."""

    def done(code):
        work()
        with tenant_scope(brand):
            batch = Import.objects.select_related("job").get(code=code)
            assert batch.state == "done", (batch.job.error_template, batch.job.error_context)
            return batch.report

    return done


def upload_by_form(client, name, preset):
    """What a browser does: send the file, then send the check page back with the guessed columns."""
    with (DATA / name).open("rb") as file:
        answer = client.post("/b/brand/data/upload/", {"file": file})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    page = client.get(f"{answer.url}?preset={preset}")
    bounds = [*page.context["options_form"], *(column.choice for column in page.context["columns"])]
    fields = {bound.html_name: bound.value() for bound in bounds}
    fields = {key: value for key, value in fields.items() if value not in (None, "", False)}
    fields |= {"preset": preset}
    if preset == "events":
        fields |= OPTIONS
    answer = client.post(f"{answer.url}start/", fields)
    assert answer.status_code == 302, re.findall(r"invalid-feedback[^<]*>([^<]+)", answer.content.decode())
    return answer.url.rstrip("/").split("/")[-1]


def upload_by_api(api, name, preset):
    with (DATA / name).open("rb") as file:
        draft = api.post("/api/v1/imports/", {"file": file}).json()
    body = {"preset": preset, "options": OPTIONS if preset == "events" else {}}
    answer = api.post(f"/api/v1/imports/{draft['code']}/confirm/", body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    return draft["code"]


def test_by_the_web_form_then_again_by_the_api(as_owner, api, brand, work, run_import):
    items = run_import(upload_by_form(as_owner, "ml-100k.item", "items"))
    events = run_import(upload_by_form(as_owner, "ml-100k.inter", "events"))
    assert (items["accepted"], events["rows"], events["accepted"]) == (1682, 100_000, 100_000)
    with tenant_scope(brand):
        assert (Item.objects.count(), Contact.objects.count(), Event.objects.count()) == (1682, 943, 100_000)
        assert Item.objects.get(external_id="1").title == "Toy Story"
        first = Event.objects.order_by("occurred_at").first()
        assert first.occurred_at.isoformat() == "1997-09-20T03:05:10+00:00"

    replay = run_import(upload_by_api(api, "ml-100k.inter", "events"))
    assert replay["present"] + replay["duplicates"] == 100_000
    with tenant_scope(brand):
        assert Event.objects.count() == 100_000

    answer = api.post("/api/v1/runs/", {"purpose": "next_item", "preset": "quick"}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    work()
    run = api.get(f"/api/v1/runs/{answer.json()['code']}/").json()
    assert run["job"]["state"] == "succeeded", run["job"]
    with tenant_scope(brand):
        live = ModelVersion.objects.get(stage="live")
        bought = set(Event.objects.filter(contact__external_id="1").values_list("item__external_id", flat=True))
    slate = api.get("/api/v1/contacts/1/recommendations/?num_items=10").json()
    assert (len(slate["items"]), slate["model"]["version"]) == (10, live.code)
    assert slate["is_personal"] == (live.kind != "popularity")  # the gate may find that popularity predicts best
    assert bought
    page = as_owner.get("/b/brand/models/versions/")
    assert page.status_code == 200
