"""Pages of contacts, as people use them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience import events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Consent, Contact
from catalog.models import Item

FACTS = {
    "name": "林小满", "gender": "female", "age_band": "25_34", "region": "浙江", "city": "杭州", "tags": "宝妈、会员",
    "attributes": "积分: 320\n渠道：门店", "followed_at": "2026-03-01T09:30", "evidence": "",
    "consent_marketing": "", "consent_personalisation": "", "consent_training": "",
}  # fmt: skip


@pytest.fixture
def contact(brand):
    with tenant_scope(brand):
        return Contact.objects.create(external_id="c1", name="林小满", code="ccc", attributes={"积分": 320})


def fresh(brand):
    with tenant_scope(brand):
        return Contact.objects.get(code="ccc")


def act(brand, contact, num, item=None):
    with tenant_scope(brand):
        item_id = Item.objects.create(external_id=item, title=f"《{item}》").pk if item else None
        rows = [
            NewEvent(Source.API, f"{item}{n}", contact.pk, EventKind.READ, timezone.now() - timedelta(hours=n), item_id)
            for n in range(num)
        ]
        events.record(rows)


def test_the_list_finds_by_pinyin(as_owner, brand, contact):
    with tenant_scope(brand):
        Contact.objects.filter(pk=contact.pk).update(name_sort="lin xiao man")
        Contact.objects.create(external_id="c2", name="王芳", name_sort="wang fang")
    page = as_owner.get("/b/brand/contacts/?text=linxiao")
    assert [row.external_id for row, _acts in page.context["rows"]] == ["c1"]


def test_nonsense_in_the_address_asks_nothing(as_owner, brand, contact):
    page = as_owner.get("/b/brand/contacts/?gender=xx&region=nowhere&has_events=perhaps&order=up&page=abc")
    assert [row.external_id for row, _acts in page.context["rows"]] == ["c1"]


def test_a_long_list_asks_the_database_no_more_than_a_short_one(as_owner, brand, contact):
    with CaptureQueriesContext(connection) as short:
        as_owner.get("/b/brand/contacts/")
    with tenant_scope(brand):
        Contact.objects.bulk_create([Contact(external_id=str(n), name=f"粉丝{n}", tags=["a"]) for n in range(40)])
    act(brand, contact, 5)
    with CaptureQueriesContext(connection) as long:
        page = as_owner.get("/b/brand/contacts/")
    assert len(page.context["rows"]) == 30
    assert len(long) == len(short)


def test_a_contacts_page_shows_what_it_did(as_owner, brand, contact):
    act(brand, contact, 3, "换季护肤")
    page = as_owner.get("/b/brand/contacts/ccc/").content.decode()
    assert page.count("《换季护肤》") == 3
    assert "/b/brand/catalog/item/%E6%8D%A2%E5%AD%A3%E6%8A%A4%E8%82%A4/" in page


def test_a_long_timeline_asks_the_database_no_more_than_a_short_one(as_owner, brand, contact):
    act(brand, contact, 1, "a")
    with CaptureQueriesContext(connection) as short:
        as_owner.get("/b/brand/contacts/ccc/")
    act(brand, contact, 25, "b")
    with CaptureQueriesContext(connection) as long:
        as_owner.get("/b/brand/contacts/ccc/")
    assert len(long) == len(short)


def test_older_acts_follow_where_the_page_ended(as_owner, brand, contact):
    act(brand, contact, 35)
    place = as_owner.get("/b/brand/contacts/ccc/").context["timeline"].next
    older = as_owner.get("/b/brand/contacts/ccc/timeline/", {"after": str(place)})
    assert len(older.context["timeline"].events) == 5
    assert as_owner.get("/b/brand/contacts/ccc/timeline/", {"after": "nonsense"}).status_code == 404


def test_the_switch_turns_personalisation_off_and_on_at_once(as_owner, brand, contact):
    off = as_owner.post("/b/brand/contacts/ccc/personalisation/", headers={"hx-request": "true"})
    assert off["HX-Trigger"] == "personalisation-changed"
    assert fresh(brand).is_personalisation_off
    assert as_owner.post("/b/brand/contacts/ccc/personalisation/", {"is_on": "on"}).status_code == 302
    assert not fresh(brand).is_personalisation_off
    with tenant_scope(brand):
        verbs = AuditEntry.objects.filter(object_type="contact").order_by("pk").values_list("verb", flat=True)
        assert list(verbs) == ["personalisation_off", "personalisation_on"]


def test_an_edit_writes_facts_and_keeps_the_type_of_an_unchanged_field(as_owner, brand, contact):
    assert as_owner.post("/b/brand/contacts/ccc/edit/", FACTS).status_code == 302
    changed = fresh(brand)
    assert (changed.gender, changed.city, changed.tags) == ("female", "杭州", ["宝妈", "会员"])
    assert changed.attributes == {"积分": 320, "渠道": "门店"}


def test_a_new_answer_needs_its_proof(as_owner, brand, contact):
    refused = as_owner.post("/b/brand/contacts/ccc/edit/", FACTS | {"consent_marketing": "granted"})
    assert refused.status_code == 422
    assert refused.context["form"].errors.keys() == {"evidence"}
    with tenant_scope(brand):
        assert not Consent.objects.exists()
    assert fresh(brand).city == ""


def test_withdrawing_personalisation_switches_it_off(as_owner, brand, contact):
    answers = {"consent_personalisation": "withdrawn", "evidence": "电话，2026-11-20"}
    as_owner.post("/b/brand/contacts/ccc/edit/", FACTS | answers)
    with tenant_scope(brand):
        consent = Consent.objects.get()
    assert (consent.purpose, consent.state, consent.evidence) == ("personalisation", "withdrawn", "电话，2026-11-20")
    assert fresh(brand).is_personalisation_off


@pytest.mark.parametrize("line", ["没有冒号", ": leer"])
def test_own_fields_that_are_no_pairs_are_refused(as_owner, brand, contact, line):
    refused = as_owner.post("/b/brand/contacts/ccc/edit/", FACTS | {"attributes": line})
    assert refused.context["form"].errors.keys() == {"attributes"}
    assert fresh(brand).attributes == {"积分": 320}


def test_a_viewer_sees_but_cannot_change(client, teammate, brand, contact):
    client.force_login(teammate("viewer"))
    assert client.get("/b/brand/contacts/ccc/").status_code == 200
    assert client.post("/b/brand/contacts/ccc/personalisation/").status_code == 403
    assert client.post("/b/brand/contacts/ccc/edit/", FACTS).status_code == 403
    assert not fresh(brand).is_personalisation_off
    assert fresh(brand).city == ""


def test_what_people_did_with_an_item(as_owner, brand, contact):
    act(brand, contact, 4, "a/b")
    page = as_owner.get("/b/brand/activity/a/b/")
    assert page.context["activity"].kinds == [(EventKind.READ, 4, 1)]


def test_a_stranger_finds_nothing(as_stranger, brand, contact):
    for page in ("", "ccc/", "ccc/edit/", "ccc/timeline/"):
        assert as_stranger.get(f"/b/brand/contacts/{page}").status_code == 404
        if page:
            assert as_stranger.get(f"/b/other/contacts/{page}").status_code == 404
