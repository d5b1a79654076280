"""Segments: made, changed, frozen, uploaded, put away; pages and API; portrait."""

import json

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience.models import Contact
from campaigns.models import Segment, SegmentMember, SegmentVersion
from campaigns.segments import book, portraits, queries
from campaigns.segments.fields import RuleInvalid
from campaigns.segments.rules import read_rule
from campaigns.segments.sql import Sql
from common.errors import BadInput, Conflict

VIP = {"all": [{"on": "tags", "op": "any", "values": ["vip"]}]}
EVERYBODY = {"all": [{"on": "everybody"}]}
HTML = {"HTTP_ACCEPT_LANGUAGE": "en"}


def in_segment(code):
    return {"all": [{"on": "segment", "op": "in", "segment": code}]}


def members(segment):
    people = queries.people(queries.members_sql(segment, queries.ask_now()))
    return list(people.values_list("external_id", flat=True))


@pytest.fixture
def people(scope):
    rows = [Contact(external_id=f"p{n}", tags=["vip"] if n < 3 else [], gender="female") for n in range(10)]
    return Contact.objects.bulk_create(rows)


def test_a_segment_by_rule_follows_the_people(people, by):
    segment = book.create("  VIP  guests ", read_rule(VIP), by)
    assert (segment.name, segment.num_members) == ("VIP guests", 3)
    Contact.objects.filter(external_id="p9").update(tags=["vip"])
    assert members(segment) == ["p0", "p1", "p2", "p9"]


def test_a_frozen_list_stays_and_can_be_shortened(people, by):
    segment = book.freeze("then", read_rule(VIP), by)
    Contact.objects.filter(external_id="p9").update(tags=["vip"])
    assert members(segment) == ["p0", "p1", "p2"]
    book.remove_member(segment, people[0].pk, by)
    assert (members(segment), segment.num_members) == (["p1", "p2"], 2)
    with pytest.raises(Conflict):
        book.remove_member(book.create("rule", read_rule(VIP), by), people[1].pk, by)


def test_an_uploaded_list_tells_unknown_ids(people, by):
    done = book.upload("list", ["p1", " p2 ", "p1", "nobody"], by)
    assert (done.num_given, done.num_found, done.unknown) == (3, 2, ["nobody"])
    assert members(done.segment) == ["p1", "p2"]
    with pytest.raises(BadInput, match="None of the 1 ids"):
        book.upload("none", ["nobody"], by)
    assert Segment.objects.count() == 1


def test_every_change_keeps_a_version_that_can_come_back(people, by):
    segment = book.create("one", read_rule(VIP), by)
    book.change(segment, "two", read_rule(EVERYBODY), by, number=1)
    with pytest.raises(Conflict, match="changed this segment meanwhile"):
        book.change(segment, "three", read_rule(VIP), by, number=1)
    again = book.restore(segment, 1, by)
    assert (again.name, again.rule, again.number, again.num_members) == ("one", VIP, 3, 3)
    assert list(SegmentVersion.objects.values_list("number", flat=True)) == [3, 2, 1]
    assert AuditEntry.objects.filter(object_type="segment").count() == 3


def test_segments_build_on_each_other_but_never_in_a_circle(people, by):
    first = book.create("vip", read_rule(VIP), by)
    second = book.create("built", read_rule(in_segment(first.code)), by)
    fixed = book.freeze("fixed", read_rule(in_segment(second.code)), by)
    rest = {"all": [{"on": "segment", "op": "not_in", "segment": fixed.code}]}
    assert book.create("rest", read_rule(rest), by).num_members == 7
    with pytest.raises(RuleInvalid, match="circle"):
        book.change(first, "vip", read_rule(in_segment(second.code)), by)
    with pytest.raises(Conflict, match="built"):
        book.archive(first, by)
    book.archive(second, by)
    num = Segment.objects.count()
    with pytest.raises(RuleInvalid, match="no longer exists"):
        book.create("lost", read_rule(in_segment("nothing")), by)
    assert Segment.objects.count() == num
    first.refresh_from_db()
    assert (first.rule, first.number) == (VIP, 1)


def test_a_name_is_used_once(people, by):
    book.create("one", read_rule(VIP), by)
    with pytest.raises(BadInput, match="already a segment"):
        book.create("one", read_rule(VIP), by)
    with pytest.raises(BadInput):
        book.create(" ", read_rule(VIP), by)
    assert Segment.objects.count() == 1


def test_the_portrait_tells_chance_from_difference(scope, by):
    rows = [Contact(external_id=f"p{n}", gender="female" if n % 2 else "male", region="上海") for n in range(400)]
    for row in rows[:100]:
        row.tags, row.gender = ["vip"], "female"
    Contact.objects.bulk_create(rows)
    with translation.override("en"):
        facets = portraits.portrait_of(queries.matching(read_rule(VIP), queries.ask_now()))
    shares = {share.label: share for facet in facets for share in facet.shares}
    assert (shares["Female"].percent, shares["Female"].base_percent, shares["Female"].direction) == (100, 62.5, "more")
    assert shares["Male"].direction == "less"
    assert (shares["上海"].percent, shares["上海"].direction) == (100, "")


def test_pages(as_owner, people, brand, by):
    for place in ("", "new/", "upload/"):
        assert as_owner.get(f"/b/brand/segments/{place}").status_code == 200
    rule = json.dumps(VIP)
    answer = as_owner.post("/b/brand/segments/preview/", {"rule": rule}, **HTML).content.decode()
    assert ">3<" in answer
    assert "30 % of 10" in answer
    broken = as_owner.post("/b/brand/segments/preview/", {"rule": '{"all": []}'}, **HTML).content.decode()
    assert "Group 1 is empty" in broken
    assert as_owner.post("/b/brand/segments/new/", {"name": "", "rule": rule}).status_code == 422
    assert as_owner.post("/b/brand/segments/new/", {"name": "x", "rule": "{"}).status_code == 422
    assert as_owner.post("/b/brand/segments/new/", {"name": "vip", "rule": rule}).status_code == 302
    segment = Segment.objects.get()
    page = f"/b/brand/segments/{segment.code}/"
    assert "p2" in as_owner.get(page).content.decode()
    assert "vip" in as_owner.get(f"{page}portrait/").content.decode()
    assert "has any of the tags vip" in as_owner.get(f"{page}why/{people[0].code}/", **HTML).content.decode()
    table = as_owner.get(f"{page}members.csv").content.decode().splitlines()
    assert (len(table), table[1].split(",")[0]) == (4, "p0")
    assert as_owner.post(f"{page}edit/", {"name": "two", "rule": rule, "number": "7"}, **HTML).status_code == 422
    assert as_owner.post(f"{page}edit/", {"name": "two", "rule": rule, "number": "1"}).status_code == 302
    as_owner.post(f"{page}restore/", {"number": "1"})
    as_owner.post(f"{page}archive/")
    segment.refresh_from_db()
    assert (segment.name, segment.is_archived) == ("vip", True)


def test_an_uploaded_file_on_the_page(as_owner, people):
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("list.csv", "p1,林\r\np5,王\r\n".encode("gb18030"))
    assert as_owner.post("/b/brand/segments/upload/", {"name": "l", "ids": "p1", "file": file}).status_code == 302
    assert SegmentMember.objects.count() == 2
    assert as_owner.post("/b/brand/segments/upload/", {"name": "m"}).status_code == 422


def test_a_viewer_looks_but_does_not_change(teammate, people, by):
    segment = book.create("vip", read_rule(VIP), by)
    viewer = Client()
    viewer.force_login(teammate("viewer"))
    assert viewer.get(f"/b/brand/segments/{segment.code}/").status_code == 200
    assert viewer.post(f"/b/brand/segments/{segment.code}/archive/").status_code == 403
    assert viewer.get(f"/b/brand/segments/{segment.code}/members.csv").status_code == 403


def test_the_api(api, brand, by):
    with tenant_scope(brand):
        Contact.objects.bulk_create(Contact(external_id=f"p{n}", tags=["vip"] if n < 3 else []) for n in range(5))

    def post(path, body):
        return api.post(f"/api/v1/segments/{path}", json.dumps(body), content_type="application/json")

    size = post("preview/", {"rule": VIP}).json()
    assert (size["num_members"], size["warnings"]) == (3, [])
    made = post("", {"name": "vip", "rule": VIP})
    assert made.status_code == 201
    code = made.json()["code"]
    assert [one["external_id"] for one in api.get(f"/api/v1/segments/{code}/members/").json()["results"]] == [
        "p2",
        "p1",
        "p0",
    ]
    refused = post("", {"name": "x", "rule": {"all": [{"on": "magic"}]}})
    assert (refused.status_code, refused.json()["code"]) == (400, "rule_invalid")
    assert post("preview/", []).status_code == 400
    changed = api.patch(f"/api/v1/segments/{code}/", json.dumps({"name": "v"}), content_type="application/json").json()
    assert (changed["name"], changed["number"], changed["rule"]) == ("v", 2, VIP)
    listed = post("lists/", {"name": "l", "ids": ["p4", "zz"]}).json()
    assert (listed["num_found"], listed["unknown"], listed["segment"]["kind"]) == (1, ["zz"], "fixed")
    assert api.delete(f"/api/v1/segments/{code}/").status_code == 204
    assert [one["name"] for one in api.get("/api/v1/segments/").json()["results"]] == ["l"]


def test_a_rule_that_takes_too_long_is_stopped_and_leaves_the_transaction_whole(people, monkeypatch):
    monkeypatch.setattr(queries, "LIMIT_SECONDS", 0.2)
    with pytest.raises(queries.TooSlow):
        queries.fetch(Sql("SELECT pg_sleep(5)"))
    assert Contact.objects.count() == 10


def test_a_segment_that_can_no_longer_be_read_says_so_on_every_page(as_owner, people, by):
    segment = book.create("one", read_rule(VIP), by)
    Segment.objects.filter(pk=segment.pk).update(rule=in_segment("gone"))
    page = f"/b/brand/segments/{segment.code}/"
    for place in ("", "portrait/", f"why/{people[0].code}/"):
        answer = as_owner.get(page + place, **HTML)
        assert (answer.status_code, "no longer exists" in answer.content.decode()) == (200, True), place
    assert as_owner.get(f"{page}members.csv").status_code == 302
