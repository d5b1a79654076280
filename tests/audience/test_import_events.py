"""An uploaded event log, from the file to visible rows: counts, idempotency, all or nothing, undo."""

import gzip
import io
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import jobs
from accounts.models import Job
from accounts.tenancy import tenant_scope
from audience import event_writing, imports, undoing
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
    monkeypatch.setattr(jobs.current_app, "send_task", lambda task, args, queue, retry: sent.append(task))
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
