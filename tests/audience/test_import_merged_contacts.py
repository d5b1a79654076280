"""Uploads that still call a contact by the id it had before it was merged into another."""

import io

import pytest

from accounts import jobs
from audience import imports, merging, undoing
from audience.models import Contact, Engagement, Event, Identity, Import

LOG = """用户,文章,动作,时间
oA,a1,阅读,2026-05-01 12:00
u-1,a2,阅读,2026-05-01 12:01
"""


@pytest.fixture
def merge(scope, by):
    """林欣 with her shop id u-1, into whom her follower oA was merged."""
    into = Contact.objects.create(external_id="u-1", name="林欣")
    other = Contact.objects.create(external_id="oA", city="杭州")
    Identity.objects.create(contact=other, kind="openid", account_ref="wxA", value="oA")
    return merging.merge(into, other, by, "person")


@pytest.fixture
def upload(scope, by, monkeypatch):
    """`upload(content, preset)` runs a whole import and returns it, finished."""
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *_args, **_options: None)

    def run(content: str, preset: str, **options) -> Import:
        batch = imports.create(io.BytesIO(content.encode()), "rows.csv", by)
        guess = imports.guess_columns(batch, preset)
        job = imports.confirm(batch, preset, guess.mapping, batch.options | options, by)
        jobs.run(scope.pk, job.pk, imports.run)
        batch.refresh_from_db()
        assert batch.state == Import.State.DONE
        return batch

    return run


def test_events_reach_the_survivor_and_come_only_once(merge, upload):
    upload(LOG, "events")
    assert list(Contact.objects.values_list("external_id", flat=True)) == ["u-1"]
    assert list(Event.objects.values_list("contact_id", flat=True)) == [merge.into_id] * 2
    again = upload(LOG, "events")
    assert (again.report["written"], again.report["present"], again.report["new_contacts"]) == (0, 2, 0)


def test_events_from_before_the_merge_are_not_repeated_for_the_survivor(scope, by, upload):
    upload(LOG, "events")
    people = {contact.external_id: contact for contact in Contact.objects.all()}
    merging.merge(people["u-1"], people["oA"], by, "person")
    again = upload(LOG, "events")
    assert (again.report["written"], again.report["present"]) == (0, 2)
    assert list(Event.objects.values_list("contact_id", flat=True)) == [people["u-1"].pk] * 2


def test_a_contact_table_fills_the_survivor(merge, upload, by):
    batch = upload("客户ID,openid,城市\noA,oA,上海\n", "contacts", account_ref="wxA")
    survivor = Contact.objects.get()
    assert (survivor.pk, survivor.external_id, survivor.name, survivor.city) == (merge.into_id, "u-1", "林欣", "上海")
    assert (batch.report["updated"], batch.report["written"]) == (1, 0)
    assert Identity.objects.get().contact_id == merge.into_id
    job = imports.undo(batch, by)
    jobs.run(batch.tenant_id, job.pk, undoing.run)
    assert Contact.objects.get().city == "杭州"


def test_two_rows_about_one_person_count_once_the_last(merge, upload):
    batch = upload("客户ID,城市\nu-1,苏州\noA,上海\n", "contacts")
    assert batch.report["duplicates"] == 1
    assert Contact.objects.get().city == "上海"


def test_an_engagement_row_counts_for_the_survivor(merge, upload):
    upload("user,likes,transfers,comments,time_spent,label\noA,3,1,0,42,1\n", "engagement")
    assert list(Engagement.objects.values_list("contact_id", "likes")) == [(merge.into_id, 3.0)]
    assert Contact.objects.count() == 1


def test_after_the_undo_the_id_is_the_other_contacts_again(merge, upload, by):
    other = merging.undo(merge, by)
    upload(LOG, "events")
    assert set(Event.objects.values_list("contact_id", flat=True)) == {merge.into_id, other.pk}


def test_a_chain_of_merges_leads_to_its_end(merge, upload, by):
    last = Contact.objects.create(external_id="crm-9")
    merging.merge(last, Contact.objects.get(external_id="u-1"), by, "person")
    upload(LOG, "events")
    upload("客户ID,城市\noA,上海\n", "contacts")
    assert set(Event.objects.values_list("contact_id", flat=True)) == {last.pk}
    assert list(Contact.objects.values_list("external_id", "city")) == [("crm-9", "上海")]
