"""An uploaded event log, from the file to visible rows: counts, idempotency, all or nothing, undo."""

import csv
import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import jobs
from accounts.locks import Lock
from accounts.models import Job
from accounts.tenancy import tenant_scope
from audience import event_writing, import_runs, imports, tasks, undoing
from audience.decoding import decode
from audience.kinds import EventKind
from audience.models import Contact, Event, Import
from audience.problems import EmptyFile
from catalog.models import Item

LOG = """用户,文章,动作,时间,停留时长
u1,a1,阅读,2026-05-01 12:00,30
u1,a2,点赞,2026-05-01 12:01,
u2,a1,阅读,2026-06-02 08:00,45.5
u2,,关注,2026-06-02 08:01,
"""


@pytest.fixture
def hints(monkeypatch):
    """The hints sent to the queue, instead of a broker."""
    sent = []
    monkeypatch.setattr(jobs.current_app, "send_task", lambda task, args, queue, retry, **_options: sent.append(task))
    return sent


@pytest.fixture
def upload(scope, by, hints):
    """`upload(content, **options)` runs a whole import and returns it, finished."""

    def run(content: str | bytes, preset: str = "", mapping: dict | None = None, **options) -> Import:
        data = content.encode() if isinstance(content, str) else content
        batch = imports.create(io.BytesIO(data), "behaviour.csv", by)
        job = imports.confirm(batch, preset or batch.preset, mapping or batch.mapping, batch.options | options, by)
        jobs.run(scope.pk, job.pk, imports.run)
        batch.refresh_from_db()
        return batch

    return run


def undo(batch: Import, by) -> None:
    job = imports.undo(batch, by)
    jobs.run(batch.tenant_id, job.pk, undoing.run)
    batch.refresh_from_db()


def counts(batch: Import) -> dict[str, int]:
    names = ("rows", "accepted", "rejected", "duplicates", "present", "written")
    return {name: batch.report[name] for name in names}


def test_an_event_log_becomes_events_contacts_and_untitled_items(upload):
    batch = upload(LOG)
    assert (batch.state, batch.job.state, batch.preset) == ("done", "succeeded", "events")
    assert counts(batch) == {"rows": 4, "accepted": 4, "rejected": 0, "duplicates": 0, "present": 0, "written": 4}
    rows = Event.objects.order_by("occurred_at").values_list(
        "contact__external_id", "item__external_id", "kind", "dwell_seconds", "batch_id"
    )
    assert list(rows) == [
        ("u1", "a1", EventKind.READ, 30.0, batch.pk),
        ("u1", "a2", EventKind.LIKE, None, batch.pk),
        ("u2", "a1", EventKind.READ, 45.5, batch.pk),
        ("u2", None, EventKind.FOLLOW, None, batch.pk),
    ]
    assert list(Item.objects.order_by("external_id").values_list("external_id", "state", "title")) == [
        ("a1", "active", ""),
        ("a2", "active", ""),
    ]
    assert (batch.report["new_contacts"], batch.report["new_items"]) == (2, 2)
    assert batch.first_event_at.isoformat() == "2026-05-01T04:00:00+00:00"


def test_the_same_file_again_adds_nothing(upload):
    upload(LOG)
    again = upload(LOG)
    assert counts(again) == {"rows": 4, "accepted": 4, "rejected": 0, "duplicates": 0, "present": 4, "written": 0}
    assert Event.objects.count() == 4


def test_an_overlapping_file_adds_only_what_is_new(upload):
    upload(LOG)
    more = upload(LOG + "u3,a1,阅读,2026-06-03 09:00,12\nu3,a1,阅读,2026-06-03 09:00,12\n")
    assert counts(more) == {"rows": 6, "accepted": 6, "rejected": 0, "duplicates": 1, "present": 4, "written": 1}
    assert (Event.objects.count(), Contact.objects.count()) == (5, 3)


def test_an_own_id_counts_once_whatever_else_the_row_says(upload):
    head = "事件ID,用户,文章,动作,时间\n"
    first = upload(head + "e1,u1,a1,阅读,2026-05-01 12:00\ne2,u1,a1,阅读,2026-05-01 12:00\n")
    again = upload(head + "e1,u1,a1,点赞,2026-07-01 12:00\ne3,u1,a1,阅读,2026-05-01 12:00\n")
    assert (first.report["written"], again.report["written"]) == (2, 1)
    assert again.report["present"] + again.report["duplicates"] == 1
    assert Event.objects.count() == 3


def test_a_packed_gb18030_file_is_read(upload):
    batch = upload(gzip.compress(LOG.encode("gb18030")))
    assert (batch.report["written"], Contact.objects.count()) == (4, 2)


def test_an_empty_file_is_refused_and_not_kept(scope, by):
    with pytest.raises(EmptyFile):
        imports.create(io.BytesIO(b""), "behaviour.csv", by)
    assert Import.objects.count() == 0


def test_an_undo_leaves_nothing_and_the_file_may_come_again(upload, by):
    batch = upload(LOG)
    rejects, undo_file = batch.rejects_file, batch.undo_file
    undo(batch, by)
    assert (batch.state, Event.objects.count(), Contact.objects.count(), Item.objects.count()) == ("undone", 0, 0, 0)
    assert not (undo_file and default_storage.exists(undo_file))
    assert rejects == batch.rejects_file
    assert upload(LOG).report["written"] == 4


def test_other_brands_do_not_see_the_new_months(upload, other_brand):
    """Bulk uploads make months as tables of their own; each must be under row-level security once it is attached."""
    upload(LOG)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE NOT (relrowsecurity AND relforcerowsecurity)), array_agg(relname::text) "
            "FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'audience_event'::regclass"
        )
        num_naked, names = cursor.fetchone()
    assert num_naked == 0
    assert {"audience_event_2026_05", "audience_event_2026_06"} <= set(names)
    with tenant_scope(other_brand), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audience_event_2026_05")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM audience_event")
        assert cursor.fetchone() == (0,)


def test_a_database_that_goes_away_while_writing_leaves_nothing_and_the_job_open(upload, scope, by, monkeypatch):
    def fail(*_args):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(event_writing, "_send", fail)
    monkeypatch.setattr(jobs.connection, "close", lambda: None)  # the test's own transaction runs on it
    batch = imports.create(io.BytesIO(LOG.encode()), "behaviour.csv", by)
    job = imports.confirm(batch, "events", batch.mapping, batch.options, by)
    jobs.run(scope.pk, job.pk, imports.run)
    job.refresh_from_db()
    assert (job.state, Event.objects.count(), Contact.objects.count()) == (Job.State.RUNNING, 0, 0)
    monkeypatch.undo()
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    jobs.run(scope.pk, job.pk, imports.run)
    assert Event.objects.count() == 4


@pytest.fixture
def small_blocks(monkeypatch):
    """Files are read a few rows at a time, as large ones are."""
    monkeypatch.setattr(import_runs, "decode", partial(decode, block_bytes=200))


def test_a_file_in_many_pieces_gives_the_same_as_in_one(upload, small_blocks):
    rows = [f"u{n % 7},a{n % 5},阅读,2026-0{4 + n // 40}-{1 + n % 20:02} 12:00,{n}" for n in range(160)]
    late = "u9,a1,阅读,2026-04-03 09:00,5"  # of a month that the file had left
    batch = upload("\n".join(["用户,文章,动作,时间,停留时长", *rows, late, rows[0]]))
    assert counts(batch) == {
        "rows": 162, "accepted": 162, "rejected": 0, "duplicates": 1, "present": 0, "written": 161,
    }  # fmt: skip
    assert (Event.objects.count(), Contact.objects.count()) == (161, 8)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid WHERE indisvalid AND "
            "inhparent IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'audience_event'::regclass) "
            "AND indrelid::regclass::text ~ '2026_0[4-7]$'"
        )
        assert cursor.fetchone() == (8,)  # both indexes of each month


def test_the_rows_of_a_robots_minute_are_taken_out_and_nothing_else(upload, small_blocks):
    robot = [f"r1,a{n},阅读,2026-05-01 12:00:{n:02},{n}" for n in range(30)]
    person = [f"u1,a{n},阅读,2026-05-01 12:{n:02}:00,{n}" for n in range(30)]
    batch = upload("\n".join(["用户,文章,动作,时间,停留时长", *robot, *person]), max_events_per_minute=20)
    assert counts(batch) == {
        "rows": 60, "accepted": 30, "rejected": 30, "duplicates": 0, "present": 0, "written": 30,
    }  # fmt: skip
    assert set(Event.objects.values_list("contact__external_id", flat=True)) == {"u1"}
    assert batch.report["reasons"][0]["code"] == "bot_rate"


def test_an_own_id_of_a_robots_row_stays_free(upload, small_blocks):
    robot = [f"e{n},r1,a1,阅读,2026-05-01 12:00:{n:02}" for n in range(30)]
    batch = upload("\n".join(["事件ID,用户,文章,动作,时间", *robot]), max_events_per_minute=20)
    assert (batch.report["rejected"], Event.objects.count()) == (30, 0)
    again = upload("事件ID,用户,文章,动作,时间\ne3,u1,a1,阅读,2026-05-01 12:00\n")
    assert again.report["written"] == 1


def test_long_dwell_times_are_cut_wherever_in_the_file_they_stand(upload, small_blocks):
    rows = [f"u{n},a1,阅读,2026-05-01 12:00,{1000 if n < 30 else 10}" for n in range(300)]
    batch = upload("\n".join(["用户,文章,动作,时间,停留时长", *rows]), dwell_quantile=0.85)
    longest = Event.objects.order_by("-dwell_seconds").values_list("dwell_seconds", flat=True)[0]
    assert 10 <= longest <= 10.3
    assert {rule["name"]: rule["count"] for rule in batch.report["rules"]}["dwell_quantile"] == 30
    assert batch.report["written"] == 300


def test_rows_with_unknown_items_are_set_aside_when_asked(upload, scope, small_blocks):
    Item.objects.create(external_id="a1", title="一杯好茶")
    batch = upload(LOG, unknown_items="skip")
    assert counts(batch) == {"rows": 4, "accepted": 3, "rejected": 1, "duplicates": 0, "present": 0, "written": 3}
    assert (batch.report["unmatched_items"], batch.report["unmatched_examples"]) == (1, ["a2"])


@contextmanager
def another_import_of(tenant) -> Iterator[None]:
    """Another worker's connection holds the brand's turn."""
    settings = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    with psycopg.connect(**{name: settings[key] for name, key in names.items()}) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Lock.IMPORT.value, tenant.pk])
        yield


def test_an_upload_that_must_wait_goes_back_into_the_queue(upload, scope, by, hints):
    """The worker is free for other work meanwhile, whatever the number of uploads that wait."""
    with another_import_of(scope):
        batch = upload(LOG)
        assert (batch.state, batch.job.state, batch.job.attempt) == ("confirmed", "queued", 0)
        assert batch.job.stage == "Waiting for another import"
        assert (Event.objects.count(), Contact.objects.count()) == (0, 0)
        assert hints == ["audience.tasks.run_import"]
    jobs.run(scope.pk, batch.job.pk, imports.run)
    batch.refresh_from_db()
    assert (batch.state, batch.job.state, Event.objects.count()) == ("done", "succeeded", 4)


def test_an_undo_that_must_wait_goes_back_into_the_queue(upload, scope, by, monkeypatch):
    batch = upload(LOG)
    monkeypatch.setattr(import_runs, "try_turn", lambda lock: False)  # the test's transaction has the real one
    undo(batch, by)
    assert (batch.state, batch.job.state, Event.objects.count()) == ("done", "queued", 4)
    monkeypatch.undo()
    jobs.run(scope.pk, batch.job.pk, undoing.run)
    assert Event.objects.count() == 0


def test_an_undo_names_later_uploads_that_held_the_same_rows(upload):
    first = upload(LOG)
    later = upload(LOG + "u3,a1,阅读,2026-06-03 09:00,12\n")
    other = upload("用户,文章,动作,时间,停留时长\nu5,a1,阅读,2026-07-01 12:00,30\n")
    for hours, batch in enumerate((first, later, other)):  # the test's transaction has one time for all
        batch.done_at += timedelta(hours=hours)
        batch.save()
    found = [imports.later_with_same_rows(batch) for batch in (first, later, other)]
    assert found == [[later], [], []]


def test_an_undo_puts_the_time_of_the_last_change_back(upload, by):
    """Otherwise the upload before could not be undone after it."""
    people = "用户ID,昵称,城市\nu1,{},广州\n"
    first = upload(people.format("小满"), preset="contacts")
    before = Contact.objects.get().updated_at
    second = upload(people.format("大满"), preset="contacts")
    Contact.objects.update(updated_at=second.done_at)  # the test's transaction has one time for both
    undo(second, by)
    assert (Contact.objects.get().name, Contact.objects.get().updated_at) == ("小满", before)
    undo(first, by)
    assert Contact.objects.count() == 0


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_the_download_of_rejected_rows_starts_no_formula(upload, start):
    batch = upload(f'用户,文章,动作,时间\n"{start}",a1,阅读,昨天\n')
    lines = list(csv.reader(io.StringIO(b"".join(imports.rejects_csv(batch)).decode("utf-8-sig"))))
    assert lines[1][3] == f"'{start},a1,阅读,昨天"


def test_what_a_killed_worker_left_goes_after_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new, foreign = tmp_path / "fanwise-import-spool-a", tmp_path / "fanwise-import-spool-b", tmp_path / "other"
    for folder in (old, new, foreign):
        folder.mkdir()
        (folder / "0_0.arrow").write_bytes(b"x")
    file = tmp_path / "fanwise-import-file-c"
    file.write_bytes(b"x")
    for path in (old, foreign, file):
        os.utime(path, (0, 0))
    tasks.remove_leftovers()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fanwise-import-spool-b", "other"]
