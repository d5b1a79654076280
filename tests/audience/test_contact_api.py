"""Contacts over the REST API: facts, identities, consent."""

from accounts.tenancy import tenant_scope
from audience.models import Consent, Contact, Identity

URL = "/api/v1/contacts/"
LIN = {
    "external_id": "u1", "name": "林小满", "gender": "female", "age_band": "25_34", "region": "浙江",
    "identities": [{"kind": "openid", "account_ref": "wx1", "value": "o-1"}],
}  # fmt: skip


def post(api, body, url=URL):
    return api.post(url, body, content_type="application/json")


def test_a_contact_arrives_with_its_identity_and_a_pinyin_sort_key(api, brand):
    assert post(api, LIN).status_code == 201
    with tenant_scope(brand):
        contact = Contact.objects.get()
        assert (contact.name_sort, contact.identities.get().value) == ("lin xiao man", "o-1")


def test_the_same_contact_again_is_an_update_with_one_identity(api, brand):
    post(api, LIN)
    assert post(api, LIN | {"city": "杭州"}).status_code == 200
    with tenant_scope(brand):
        assert (Contact.objects.get().city, Identity.objects.count()) == ("杭州", 1)


def test_an_identity_of_another_contact_is_a_conflict_and_nothing_is_written(api, brand):
    post(api, LIN)
    answer = post(api, LIN | {"external_id": "u2"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    with tenant_scope(brand):
        assert Contact.objects.count() == 1


def test_withdrawn_personalisation_is_switched_off_at_once(api, brand):
    answer = post(api, LIN | {"consents": {"personalisation": "withdrawn", "marketing": "granted"}})
    assert answer.json()["is_personalisation_off"] is True
    assert answer.json()["consent"] == {"personalisation": "withdrawn", "marketing": "granted"}
    with tenant_scope(brand):
        assert Consent.objects.count() == 2


def test_an_unknown_purpose_is_refused(api, brand):
    assert post(api, LIN | {"consents": {"spam": "granted"}}).status_code == 400


def test_a_contacts_events_are_listed_newest_first(api, brand):
    post(api, LIN)
    rows = [
        {"id": f"e{day}", "contact": "u1", "kind": "follow", "occurred_at": f"2026-10-0{day}T00:00:00Z"}
        for day in (1, 3, 2)
    ]
    assert post(api, {"events": rows}, "/api/v1/events/").json()["accepted"] == 3
    days = [row["occurred_at"][:10] for row in api.get(f"{URL}u1/events/").json()["results"]]
    assert days == ["2026-10-03", "2026-10-02", "2026-10-01"]


def test_lists_filter_by_tag(api, brand):
    post(api, {"contacts": [LIN | {"tags": ["老客"]}, {"external_id": "u2"}]}, f"{URL}batch/")
    assert [row["external_id"] for row in api.get(f"{URL}?tag=老客").json()["results"]] == ["u1"]
