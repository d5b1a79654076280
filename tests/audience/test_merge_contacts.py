"""Two contacts become one, and two again: every row of every table that points at contacts, byte for byte."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import Actor
from accounts.models import AuditEntry, Role
from accounts.tenancy import TenantForeignKey, tenant_scope
from audience import contacts, erasures, events, following, merged_rows, merging
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Consent, Contact, ContactMerge, Engagement, Event, Identity, Import
from common.errors import BadInput, Conflict
from connectors.models import ConnectedAccount, Follower, QrArrival, QrCode, Visitor

AT = datetime(2026, 5, 1, 8, 30, 0, 123456, tzinfo=UTC)
NO_NOTES = {"audience_contactmerge", "accounts_auditentry"}


@pytest.fixture
def people(brand):
    """林欣 with her shop id, and the same person as a follower."""
    with tenant_scope(brand):
        into = Contact.objects.create(external_id="u-1", name="林欣", tags=["会员"], attributes={"积分": 3.5})
        other = Contact.objects.create(
            external_id="oA", city="杭州", tags=["门店", "会员"], attributes={"积分": 9, "渠道": "扫码"}, followed_at=AT
        )
        return into, other


@pytest.fixture
def furnished(brand, people):
    """Both have rows in every table; in some only one of the two rows can stay."""
    with tenant_scope(brand):
        account = ConnectedAccount.objects.create(app_id="wxA", name="青禾", kind="service")
        code = QrCode.objects.create(account=account, name="静安店", scene="s", url="http://q", ticket="t")
        batch = Import.objects.create(filename="f", file="f", size_bytes=1, sha256="0" * 64)
        for number, person in enumerate(people):
            Identity.objects.create(contact=person, kind="openid", account_ref="wxA", value=f"o{number}")
            Follower.objects.create(account=account, openid=f"o{number}", contact=person, seen_in=1, tag_ids=[2, 3])
            QrArrival.objects.create(qr_code=code, contact=person, first_at=AT, last_at=AT, num_scans=number + 1)
            Visitor.objects.create(code=f"device-{number}", contact=person, named_at=AT)
            Engagement.objects.create(contact=person, batch=batch, likes=0.1 + number, extra={"深度": 1e-7})
            act(person, f"a{number}")
    return people


def act(person, name, at=AT):
    new = NewEvent(Source.API, name, person.pk, EventKind.READ, at, dwell_seconds=1 / 3, text="好")
    assert events.record([new]) == [True]


def rows(*, leave_out=NO_NOTES):
    """Every row of contacts and of what points at them, as the database writes it."""
    tables = {relation.table for relation in merged_rows.relations()} | {"audience_contact", "audience_consent"}
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(tables - leave_out):
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            found[table] = [row for (row,) in cursor.fetchall()]
    return found


def test_everything_becomes_the_survivors(brand, furnished, by):
    into, other = furnished
    with tenant_scope(brand):
        merge = merging.merge(into, other, by, "person")
        survivor = Contact.objects.get()
        assert (survivor.pk, survivor.name, survivor.city) == (into.pk, "林欣", "杭州")
        assert survivor.tags == ["会员", "门店"]
        assert survivor.attributes == {"积分": 3.5, "渠道": "扫码"}
        assert survivor.followed_at == AT
        for model in (Identity, Follower, Visitor, Event):
            assert list(model.objects.values_list("contact_id", flat=True)) == [into.pk] * 2
        assert QrArrival.objects.get().num_scans == 1  # the survivor's; the other's waits in the merge
        assert Engagement.objects.get().likes == 0.1
        assert merge.merged_by == by.label
        line = AuditEntry.objects.get(verb="merge")
        assert (line.object_code, line.details["other"], line.details["basis"]) == ("u-1", "oA", "person")


ANSWERS = st.dictionaries(st.sampled_from(Consent.Purpose.values), st.sampled_from(Consent.State.values))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ANSWERS, second=ANSWERS, is_off=st.booleans(), name=st.sampled_from(["", "小林"]), same=st.booleans())
def test_merge_then_undo_changes_no_byte(brand, furnished, by, first, second, is_off, name, same):
    into, other = furnished
    with tenant_scope(brand):
        for person, answers in ((into, first), (other, second)):
            Consent.objects.filter(contact=person).delete()
            for purpose, state in answers.items():
                Consent.objects.create(contact=person, purpose=purpose, state=state, changed_at=AT, evidence="x")
        Contact.objects.filter(pk=other.pk).update(name=name, is_personalisation_off=is_off)
        if same and Event.objects.count() == 2:
            twin(into, other)
        before = rows()
        merge = merging.merge(into, other, by, "person")
        assert rows() != before
        merging.undo(merge, by)
        assert rows() == before


def twin(into, other):
    """An act that both have: the same moment and key."""
    act(into, "twin")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audience_event (tenant_id, contact_id, occurred_at, source_key, kind, source) "
            "SELECT tenant_id, %s, occurred_at, source_key, kind, source "
            "FROM audience_event WHERE contact_id = %s AND source_key = %s",
            [other.pk, into.pk, events.source_key(Source.API, "twin")],
        )


@pytest.mark.parametrize(
    ("mine", "others", "kept"),
    [
        ("granted", "denied", "denied"),
        ("withdrawn", "denied", "withdrawn"),
        ("denied", "granted", "denied"),
        ("granted", "granted", "granted"),
    ],
)
def test_the_stricter_answer_wins(brand, people, by, mine, others, kept):
    into, other = people
    with tenant_scope(brand):
        for person, state in ((into, mine), (other, others)):
            Consent.objects.create(contact=person, purpose="marketing", state=state, changed_at=AT)
        merging.merge(into, other, by, "person")
        assert Consent.objects.get().state == kept


def test_a_refusal_given_since_holds_for_both_after_undoing(brand, people, by):
    into, other = people
    with tenant_scope(brand):
        Consent.objects.create(contact=other, purpose="personalisation", state="granted", changed_at=AT)
        merge = merging.merge(into, other, by, "person")
        survivor = Contact.objects.get()
        contacts.set_consent(survivor, "personalisation", "withdrawn", by, evidence="asked", at=AT - timedelta(days=1))
        merging.undo(merge, by)
        assert set(Consent.objects.values_list("contact__external_id", "state")) == {
            ("u-1", "withdrawn"),
            ("oA", "withdrawn"),
        }
        assert Contact.objects.filter(is_personalisation_off=True).count() == 2


def test_what_came_since_stays_with_the_survivor(brand, furnished, by):
    into, other = furnished
    with tenant_scope(brand):
        merge = merging.merge(into, other, by, "person")
        act(into, "later")
        contacts.upsert([{"external_id": "u-1", "name": "林小欣"}], by)
        merging.undo(merge, by)
        assert Event.objects.filter(contact=into).count() == 2
        assert Event.objects.filter(contact=other).count() == 1
        assert Contact.objects.get(pk=into.pk).name == "林小欣"
        assert Contact.objects.get(pk=into.pk).city == ""


def test_the_merged_ones_id_and_code_lead_to_the_survivor(brand, people, by):
    into, other = people
    with tenant_scope(brand):
        merge = merging.merge(into, other, by, "person")
        assert contacts.ids_by_external(["oA", "u-1", "new"]) == {"oA": into.pk, "u-1": into.pk}
        assert contacts.upsert([{"external_id": "oA", "region": "浙江"}, {"external_id": "u-1"}], by) == (0, 1)
        assert contacts.find_by_code(other.code) == into
        merging.undo(merge, by)
        assert contacts.ids_by_external(["oA"]) == {"oA": other.pk}
        assert contacts.find_by_code(other.code).external_id == "oA"


def test_chains_come_apart_newest_first(brand, people, by):
    b, c = people
    with tenant_scope(brand):
        a = Contact.objects.create(external_id="crm-1")
        before = rows()
        first = merging.merge(b, c, by, "person")
        second = merging.merge(a, b, by, "person")
        assert contacts.ids_by_external(["oA"]) == {"oA": a.pk}
        with pytest.raises(Conflict, match="newest merge first"):
            merging.undo(first, by)
        merging.undo(second, by)
        merging.undo(first, by)
        assert rows() == before
        with pytest.raises(Conflict, match="already"):
            merging.undo(first, by)


def test_refusals_change_nothing(brand, other_brand, people, by):
    into, other = people
    with tenant_scope(other_brand):
        foreign = Contact.objects.create(external_id="theirs")
    with tenant_scope(brand):
        before = rows()
        with pytest.raises(BadInput, match="itself"):
            merging.merge(into, into, by, "person")
        with pytest.raises(BadInput, match="two brands"):
            merging.merge(into, foreign, by, "person")
        erasures.schedule(other, reason="asked", due_at=AT + timedelta(days=900), by=by)
        with pytest.raises(Conflict, match="erased"):
            merging.merge(into, other, by, "person")
        other.erasures.all().delete()
        assert rows() == before
        assert not ContactMerge.objects.exists()


def test_a_new_contact_with_the_old_id_stands_in_the_way_of_undoing(brand, people, by):
    with tenant_scope(brand):
        merge = merging.merge(*people, by, "person")
        Contact.objects.create(external_id="oA")
        with pytest.raises(Conflict, match="oA"):
            merging.undo(merge, by)
        assert ContactMerge.objects.get().undone_at is None


def test_the_same_unionid_merges_into_the_brands_own_contact(brand, people):
    into, follower = people
    with tenant_scope(brand):
        Identity.objects.create(contact=follower, kind="openid", account_ref="wxA", value="oA")
        following.learn_unionids({follower.pk: "U1"})
        pairs = following.learn_unionids({into.pk: "U1"})
        assert merging.merge_same_unionid([*pairs, *pairs], Actor.system("sync")) == 1
        assert Contact.objects.get().external_id == "u-1"
        assert ContactMerge.objects.get().basis == "unionid"


def test_erasing_the_survivor_takes_what_was_kept_of_the_other(brand, furnished, by):
    with tenant_scope(brand):
        merging.merge(*furnished, by, "person")
        erasures.erase(list(Contact.objects.all()), by)
        assert not ContactMerge.objects.exists()


@pytest.mark.django_db
def test_the_moving_knows_every_column_that_points_at_contacts():
    """Also those the models do not tell: any column named contact_id or with a foreign key to contacts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace "
            "AND (a.attname = 'contact_id' OR EXISTS (SELECT 1 FROM pg_constraint k "
            "WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) "
            "AND k.confrelid = 'audience_contact'::regclass AND a.attname <> 'tenant_id'))"
        )
        pointing = {f"{table}.{column}" for table, column in cursor.fetchall()}
    assert pointing - {"audience_consent.contact_id"} == {relation.name for relation in merged_rows.relations()}


def test_rows_that_may_have_to_go_are_plain():
    """A uniqueness with a condition, or a reference to a row that may have to go, needs more than the moving does."""
    for field in Contact._meta.get_fields(include_hidden=True):
        if not (field.auto_created and (field.one_to_many or field.one_to_one)):
            continue
        meta = field.related_model._meta
        uniques = [rule for rule in meta.constraints if isinstance(rule, models.UniqueConstraint)]
        about_contact = [rule for rule in uniques if field.field.name in rule.fields or rule.expressions]
        assert all(rule.condition is None and not rule.expressions for rule in about_contact), meta.label
        assert not meta.unique_together, meta.label
        if about_contact:
            pointing = [
                other for other in meta.get_fields(include_hidden=True) if isinstance(other, models.ForeignObjectRel)
            ]
            assert not pointing, meta.label
    assert isinstance(Follower._meta.get_field("contact"), TenantForeignKey)


@pytest.mark.parametrize(("role", "status"), [(Role.MARKETER, 302), (Role.VIEWER, 403), (Role.ANALYST, 403)])
def test_who_may_edit_merges_on_the_page_and_undoes(brand, people, teammate, client, role, status):
    into, other = people
    client.force_login(teammate(role))
    url = f"/b/brand/contacts/{into.code}/merge/"
    answer = client.post(url, {"with": other.code})
    assert answer.status_code == status
    with tenant_scope(brand):
        assert Contact.objects.count() == (1 if status == 302 else 2)
        merge = ContactMerge.objects.first()
    if merge:
        assert "oA" in client.get(f"/b/brand/contacts/{into.code}/").text
        assert client.post(f"/b/brand/contacts/{into.code}/merges/{merge.code}/undo/").status_code == 302
        with tenant_scope(brand):
            assert Contact.objects.count() == 2


def test_the_page_shows_before_and_after_and_suggests_whom(brand, people, as_owner):
    into, other = people
    with tenant_scope(brand):
        Identity.objects.create(contact=into, kind="phone_hash", account_ref="shop", value="h" * 64)
        Identity.objects.create(contact=other, kind="phone_hash", account_ref="app", value="h" * 64)
        assert [(s.contact, s.basis) for s in merging.suggestions(into)] == [(other, "phone_hash")]
    page = as_owner.get(f"/b/brand/contacts/{into.code}/")
    assert f"/b/brand/contacts/{into.code}/merge/?with={other.code}" in page.text
    shown = as_owner.get(f"/b/brand/contacts/{into.code}/merge/", {"with": "oA"})
    assert shown.context["preview"].after.city == "杭州"
    assert as_owner.get(f"/b/brand/contacts/{into.code}/merge/", {"with": "nobody"}).status_code == 422
    assert as_owner.post(f"/b/brand/contacts/{into.code}/merge/", {"with": into.code}).status_code == 422
    with tenant_scope(brand):
        assert Contact.objects.count() == 2
