"""Pages of uploads, as people use them: upload, check, start, report, download, undo."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import jobs
from accounts.models import Job
from accounts.tenancy import tenant_scope
from audience import imports, undoing
from audience.models import Event, Import
from audience.presets import PRESETS
from audience.views.reports import SAMPLES

LOG = """用户,文章,动作,时间,停留时长
u1,a1,阅读,2026-05-01 12:00,30
u1,a2,点赞,2026-05-01 12:01,
u2,a1,阅读,昨天晚上,45.5
u2,,关注,2026-06-02 08:01,
u2,,关注,2026-06-02 08:01,
"""
COLUMNS = ("contact", "item", "kind", "occurred_at", "dwell_seconds")
OPTIONS = {
    "time_zone": "Asia/Shanghai", "earliest": "2011-01-21", "default_kind": "", "kind_words": "",
    "unknown_items": "create", "item_kind": "article", "dwell_quantile": "0.995", "max_events_per_minute": "120",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *args, **kwargs: None)


def upload(client, content=LOG, name="行为.csv", **headers):
    file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
    return client.post("/b/brand/data/upload/", {"file": file}, headers=headers)


@pytest.fixture
def draft(as_owner, brand):
    """The address of a fresh upload's page."""
    return upload(as_owner)["Location"]


def answers(columns=COLUMNS, **options):
    return {f"column_{n}": field for n, field in enumerate(columns)} | {"preset": "events"} | OPTIONS | options


def batch_of(brand):
    with tenant_scope(brand):
        return Import.objects.select_related("job").get()


def work(brand, what=imports.run):
    """Do what the worker would do."""
    jobs.run(brand.pk, batch_of(brand).job.pk, what)


def num_events(brand):
    with tenant_scope(brand):
        return Event.objects.count()


@pytest.fixture
def done(as_owner, brand, draft):
    """The address of a finished import's page."""
    as_owner.post(f"{draft}start/", answers())
    work(brand)
    return draft


def test_the_check_page_shows_what_was_found(as_owner, draft):
    page = as_owner.get(draft)
    assert [column.choice.value() for column in page.context["columns"]] == list(COLUMNS)
    assert page.context["columns"][2].samples == ["阅读", "点赞", "关注"]
    assert page.context["preset"].name == "events"
    assert len(page.context["preview"].rows) == 5


def test_the_check_page_says_what_would_become_of_the_first_rows(as_owner, draft):
    rehearsal = as_owner.get(draft).context["rehearsal"]
    assert (rehearsal.rows, rehearsal.rejected) == (5, 1)
    assert [reason.code for reason in rehearsal.reasons] == ["time_unreadable"]


def test_problems_follow_the_answers_while_they_are_given(as_owner, brand, draft):
    def problems(columns):
        return as_owner.post(f"{draft}check/", answers(columns)).context

    assert problems(COLUMNS)["errors"] == []
    assert len(problems(("", "item", "kind", "occurred_at", ""))["errors"]) == 1
    assert problems(("contact", "item", "", "occurred_at", ""))["must_set_options"]
    wrong_time = problems(("contact", "occurred_at", "kind", "", ""))["rehearsal"]
    assert (wrong_time.rows, wrong_time.rejected) == (5, 5)
    assert batch_of(brand).state == "draft"


def test_words_that_nobody_knows_are_named_before_the_start(as_owner, brand):
    draft = upload(as_owner, LOG.replace("点赞", "打卡"))["Location"]
    assert as_owner.get(draft).context["rehearsal"].unknown_words == {"打卡": 1}
    explained = as_owner.post(f"{draft}check/", answers(kind_words="打卡 = lesson_complete")).context["rehearsal"]
    assert explained.unknown_words == {}


def test_the_file_is_read_again_under_another_encoding_and_separator(as_owner, brand):
    draft = upload(as_owner, "用户;文章,时间\n甲;乙,2026-05-01\n".encode("gb18030"))["Location"]
    assert batch_of(brand).layout["headers"] == ["用户;文章", "时间"]
    as_owner.post(f"{draft}layout/", {"encoding": "gb18030", "delimiter": ";"})
    batch = batch_of(brand)
    assert (batch.layout["headers"], batch.layout["delimiter"]) == (["用户", "文章,时间"], ";")
    as_owner.post(f"{draft}layout/", {"encoding": "utf-8", "delimiter": ";"})
    assert batch_of(brand).layout["encoding"] == "utf-8"
    assert as_owner.get(draft).status_code == 200


def test_a_reading_that_fails_is_refused_and_changes_nothing(as_owner, brand):
    draft = upload(as_owner, "a,b\n1,2\n")["Location"]
    before = batch_of(brand).layout
    as_owner.post(f"{draft}layout/", {"encoding": "utf-16-le", "delimiter": ","})
    assert batch_of(brand).layout == before


def test_a_finished_import_is_not_read_again(as_owner, brand, done):
    before = batch_of(brand).layout
    as_owner.post(f"{done}layout/", {"encoding": "gb18030", "delimiter": ";"})
    assert batch_of(brand).layout == before


def test_another_kind_of_table_brings_its_own_columns_and_settings(as_owner, draft):
    page = as_owner.get(f"{draft}?preset=contacts")
    assert page.context["columns"][0].choice.value() == "external_id"
    assert "account_ref" in page.context["options_form"].fields
    assert as_owner.get(f"{draft}?preset=nonsense").status_code == 404


def test_htmx_is_led_to_the_page(as_owner, brand):
    answer = upload(as_owner, **{"hx-request": "true"})
    assert answer["HX-Redirect"] == f"/b/brand/data/{batch_of(brand).code}/"


@pytest.mark.parametrize(
    ("content", "fix"), [("", "has a header line and rows"), ("a,b\n", "no rows below"), (b"%PDF-1.7", "PDF file")]
)
def test_an_unreadable_file_is_refused_with_the_fix_and_nothing_is_stored(as_owner, brand, content, fix):
    answer = upload(as_owner, content, **{"accept-language": "en"})
    assert answer.status_code == 422
    assert fix in answer.context["errors"][0]
    with tenant_scope(brand):
        assert not Import.objects.exists()


def test_a_form_without_a_file_says_so(as_owner, brand):
    assert as_owner.post("/b/brand/data/upload/").status_code == 422


def test_an_import_goes_from_check_through_work_to_its_report(as_owner, brand, draft):
    started = as_owner.post(f"{draft}start/", answers())
    assert started["Location"] == draft
    page = as_owner.get(draft)
    assert page.templates[0].name == "audience/import_work.html"
    assert "hx-get" in as_owner.get(f"{draft}progress/").content.decode()
    work(brand)
    assert as_owner.get(f"{draft}progress/")["HX-Refresh"] == "true"
    report = as_owner.get(draft).context["report"]
    assert (report.rows, report.written, report.rejected, report.duplicates) == (5, 3, 1, 1)
    assert num_events(brand) == 3


@pytest.mark.parametrize(
    "columns",
    [("", "item", "kind", "occurred_at", ""), ("contact", "contact", "kind", "occurred_at", "")],
    ids=["a required one is missing", "one is taken twice"],
)
def test_a_wrong_mapping_is_shown_again_with_the_mistake(as_owner, brand, draft, columns):
    answer = as_owner.post(f"{draft}start/", answers(columns))
    assert answer.status_code == 422
    assert len(answer.context["errors"]) == 1
    assert batch_of(brand).state == "draft"


def test_rows_without_an_action_need_one_for_all(as_owner, brand, draft):
    columns = ("contact", "item", "", "occurred_at", "")
    refused = as_owner.post(f"{draft}start/", answers(columns))
    assert refused.status_code == 422
    assert refused.context["must_set_options"]
    assert as_owner.post(f"{draft}start/", answers(columns, default_kind="read")).status_code == 302


@pytest.mark.parametrize("words", ["打卡", "打卡 = 没有这个词"])
def test_own_words_must_be_pairs_with_known_words(as_owner, brand, draft, words):
    refused = as_owner.post(f"{draft}start/", answers(kind_words=words))
    assert refused.status_code == 422
    assert len(refused.context["errors"]) + len(refused.context["options_form"].errors) == 1
    assert batch_of(brand).state == "draft"


def test_own_words_are_understood(as_owner, brand):
    draft = upload(as_owner, LOG.replace("点赞", "打卡"))["Location"]
    as_owner.post(f"{draft}start/", answers(kind_words="打卡 = lesson_complete"))
    work(brand)
    assert num_events(brand) == 3


def test_the_report_explains_each_rejected_row(as_owner, done):
    page = as_owner.get(done, headers={"accept-language": "en"})
    text = page.content.decode()
    assert "The time cannot be read" in text
    assert "Write times like 2026-11-24 12:00" in text
    assert "u2,a1,阅读,昨天晚上,45.5" in text
    assert [share.name for share in page.context["shares"]] == ["new", "duplicates", "rejected"]
    assert sum(share.count for share in page.context["shares"]) == 5


def test_the_rejected_rows_are_a_download(as_owner, done):
    answer = as_owner.get(f"{done}rejects/")
    assert "attachment" in answer["Content-Disposition"]
    assert "昨天晚上" in b"".join(answer.streaming_content).decode()


def test_there_is_no_download_before_the_import(as_owner, draft):
    assert as_owner.get(f"{draft}rejects/").status_code == 404


def test_the_same_file_again_is_announced_and_adds_nothing(as_owner, brand, done):
    again = upload(as_owner)["Location"]
    assert f'href="{done}"' in as_owner.get(again).content.decode()
    as_owner.post(f"{again}start/", answers())
    with tenant_scope(brand):
        jobs.run(brand.pk, Import.objects.get(code=again.split("/")[-2]).job.pk, imports.run)
    page = as_owner.get(again)
    assert page.context["has_added_nothing"]
    assert num_events(brand) == 3


def test_an_undo_takes_everything_back(as_owner, brand, done):
    as_owner.post(f"{done}undo/")
    work(brand, undoing.run)
    assert batch_of(brand).state == "undone"
    assert num_events(brand) == 0
    page = as_owner.get(done).content.decode()
    assert f"{done}undo/" not in page


def test_a_cancelled_import_can_be_started_again(as_owner, brand, draft):
    as_owner.post(f"{draft}start/", answers())
    as_owner.post(f"{draft}cancel/")
    assert batch_of(brand).job.state == Job.State.CANCELLED
    page = as_owner.get(draft)
    assert page.templates[0].name == "audience/check.html"
    as_owner.post(f"{draft}start/", answers())
    work(brand)
    assert num_events(brand) == 3


def test_a_draft_is_discarded_and_a_finished_import_is_not(as_owner, brand, draft):
    assert as_owner.post(f"{draft}discard/")["Location"] == "/b/brand/data/"
    with tenant_scope(brand):
        assert not Import.objects.exists()


def test_a_finished_import_is_not_discarded(as_owner, brand, done):
    assert as_owner.post(f"{done}discard/")["Location"] == done
    assert batch_of(brand).state == "done"


def test_a_viewer_sees_reports_but_cannot_upload_start_or_undo(client, as_owner, teammate, brand, done):
    client.force_login(teammate("viewer"))
    assert client.get(done).status_code == 200
    assert client.get("/b/brand/data/upload/").status_code == 403
    assert upload(client).status_code == 403
    for act in ("layout", "check", "start", "undo", "discard", "cancel"):
        assert client.post(f"{done}{act}/").status_code == 403
    assert batch_of(brand).state == "done"


def test_a_stranger_finds_nothing(as_stranger, brand, draft):
    other = draft.replace("/b/brand/", "/b/other/")
    for address in (draft, other, f"{other}progress/", f"{other}rejects/"):
        assert as_stranger.get(address).status_code == 404
    assert as_stranger.post(f"{other}start/", answers()).status_code == 404
    assert batch_of(brand).state == "draft"


def test_a_long_list_asks_the_database_no_more_than_a_short_one(as_owner, brand, done):
    with CaptureQueriesContext(connection) as short:
        as_owner.get("/b/brand/data/")
    with tenant_scope(brand):
        job = batch_of(brand).job
        Import.objects.bulk_create(
            [
                Import(filename=f"{n}.csv", file="x", size_bytes=1, sha256=str(n), preset="events", job=job)
                for n in range(24)
            ]
        )
    with CaptureQueriesContext(connection) as long:
        page = as_owner.get("/b/brand/data/")
    assert len(page.context["rows"]) == 25
    assert len(long) == len(short)


def test_the_readiness_counts_what_people_did_with_items(as_owner, brand, done):
    page = as_owner.get("/b/brand/data/readiness/")
    have = {row.bar.name: row.bar.have for row in page.context["rows"]}
    assert have == {"events": 2, "contacts": 0, "items": 2, "days": 1}
    assert not page.context["is_enough"]


def test_the_help_names_every_kind_of_table(as_owner, brand):
    page = as_owner.get("/b/brand/data/formats/").content.decode()
    assert all(str(preset.label) in page for preset in PRESETS.values())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.preset.name)
def test_each_sample_file_is_recognised_and_every_row_of_it_is_accepted(as_owner, brand, by, sample):
    content = (Path("static") / sample.path).read_bytes()
    draft = upload(as_owner, content, sample.path)["Location"]
    batch = batch_of(brand)
    assert batch.preset == sample.preset.name
    assert as_owner.get(draft).status_code == 200
    with tenant_scope(brand):
        imports.confirm(batch, batch.preset, batch.mapping, batch.options, by)
    work(brand)
    report = batch_of(brand).report
    assert (report["rejected"], report["accepted"]) == (0, report["rows"])
    assert len(batch.mapping) == len(batch.layout["headers"])


def test_a_failed_import_offers_to_retry(as_owner, brand, draft, monkeypatch):
    monkeypatch.setattr(imports.import_runs, "decode", lambda *_args, **_options: 1 / 0)
    as_owner.post(f"{draft}start/", answers())
    work(brand)
    monkeypatch.undo()
    page = as_owner.get(draft, headers={"accept-language": "en"}).content.decode()
    assert "Press retry" in page
    assert "</i>Retry</button>" in page
    assert "Start the import" not in page


def test_the_report_warns_before_an_undo_that_takes_a_later_uploads_rows(as_owner, brand, done):
    again = upload(as_owner, name="again.csv")["Location"]
    as_owner.post(f"{again}start/", answers())
    with tenant_scope(brand):
        jobs.run(brand.pk, Import.objects.get(code=again.split("/")[-2]).job.pk, imports.run)
        Import.objects.filter(filename="again.csv").update(done_at=timezone.now() + timedelta(hours=1))
    warning = "later uploads held some of these rows too"
    first, second = (as_owner.get(url, headers={"accept-language": "en"}).content.decode() for url in (done, again))
    assert warning in first
    assert f'<a href="{again}">again.csv</a>' in first
    assert warning not in second
