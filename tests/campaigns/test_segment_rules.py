"""Whom a rule means: every kind of condition, groups, refusals, contradictions, why."""

from datetime import timedelta

import pytest

from audience import contacts
from audience.models import Identity
from campaigns.segments import queries
from campaigns.segments.conditions import KINDS
from campaigns.segments.contradictions import contradictions
from campaigns.segments.fields import RuleInvalid
from campaigns.segments.rules import read_rule
from catalog.models import Item
from connectors.models import ConnectedAccount, Conversation
from tests.campaigns.conftest import NOW


def events_of(kinds, op="at_least", value=1, **more):
    return {"on": "events", "kinds": kinds, "op": op, "value": value, **more}


def test_facts(crowd):
    crowd.person("ann", gender="female", age_band="25_34", region="上海")
    crowd.person("bob", gender="male", region="北京")
    crowd.person("kim")
    assert crowd.who({"on": "gender", "op": "is", "values": ["female", "male"]}) == {"ann", "bob"}
    assert crowd.who({"on": "gender", "op": "is_not", "values": ["male"]}) == {"ann", "kim"}
    assert crowd.who({"on": "region", "op": "is", "values": ["上海"]}) == {"ann"}
    assert crowd.who({"on": "age_band", "op": "is", "values": ["25_34"]}) == {"ann"}


def test_tags(crowd):
    crowd.person("ann", tags=["vip", "tea"])
    crowd.person("bob", tags=["vip"])
    crowd.person("kim")
    assert crowd.who({"on": "tags", "op": "any", "values": ["tea", "vip"]}) == {"ann", "bob"}
    assert crowd.who({"on": "tags", "op": "all", "values": ["tea", "vip"]}) == {"ann"}
    assert crowd.who({"on": "tags", "op": "none", "values": ["tea"]}) == {"bob", "kim"}


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        ("is", "gold", {"ann"}),
        ("is_not", "gold", {"bob", "kim"}),
        ("contains", "OL", {"ann"}),
        ("at_least", "10", {"bob"}),
        ("at_most", "10", set()),
        ("known", None, {"ann", "bob"}),
        ("unknown", None, {"kim"}),
    ],
)
def test_own_fields(crowd, op, value, found):
    crowd.person("ann", attributes={"level": "gold"})
    crowd.person("bob", attributes={"level": "12"})
    crowd.person("kim")
    assert crowd.who({"on": "attribute", "name": "level", "op": op, "value": value}) == found


def test_what_people_type_is_never_sql(crowd):
    crowd.person("ann", region="x'); DROP TABLE audience_contact; --")
    evil = "x'); DROP TABLE audience_contact; --"
    assert crowd.who({"on": "region", "op": "is", "values": [evil]}) == {"ann"}
    assert crowd.who({"on": "attribute", "name": "%s' OR TRUE --", "op": "is", "value": "%(x)s"}) == set()


def test_following_and_windows(crowd):
    account = ConnectedAccount.objects.create(app_id="wx1", name="青禾", kind="service")
    for name, left in (("ann", None), ("bob", NOW)):
        person = crowd.person(name, followed_at=NOW - timedelta(days=10))
        Identity.objects.create(
            contact=person, kind="openid", account_ref="wx1", value=name, followed_at=NOW - timedelta(days=10),
            unfollowed_at=left,
        )  # fmt: skip
    crowd.person("kim")
    wrote = {"message": (NOW - timedelta(hours=47)).isoformat()}
    Conversation.objects.create(account=account, openid="ann", contact=crowd.people["ann"], openings=wrote)
    late = {"message": (NOW - timedelta(hours=49)).isoformat(), "menu_click": (NOW - timedelta(minutes=2)).isoformat()}
    Conversation.objects.create(account=account, openid="bob", contact=crowd.people["bob"], openings=late)
    assert crowd.who({"on": "follows", "op": "is"}) == {"ann"}
    assert crowd.who({"on": "follows", "op": "is_not", "account": "wx1"}) == {"bob", "kim"}
    assert crowd.who({"on": "followed", "op": "within", "days": 10}) == {"ann", "bob"}
    assert crowd.who({"on": "followed", "op": "longer_ago", "days": 9}) == {"ann", "bob"}
    assert crowd.who({"on": "window"}) == {"ann"}
    assert crowd.who({"on": "window", "account": "wx2"}) == set()


def test_consent_and_personalisation(crowd, by):
    for name in ("ann", "bob", "kim"):
        crowd.person(name)
    contacts.set_consent(crowd.people["ann"], "marketing", "granted", by, evidence="test")
    contacts.set_consent(crowd.people["bob"], "personalisation", "withdrawn", by, evidence="test")
    assert crowd.who({"on": "consent", "purpose": "marketing", "op": "granted"}) == {"ann"}
    assert crowd.who({"on": "consent", "purpose": "marketing", "op": "unasked"}) == {"bob", "kim"}
    assert crowd.who({"on": "consent", "purpose": "personalisation", "op": "refused"}) == {"bob"}
    assert crowd.who({"on": "personalisation", "op": "off"}) == {"bob"}


def test_counted_acts(crowd):
    tea = Item.objects.create(external_id="tea", kind="product", category="茶", tags=["绿茶"])
    pot = Item.objects.create(external_id="pot", kind="product", category="器")
    for days in (1, 2, 40):
        crowd.act("ann", "purchase", days, tea, amount_fen=5_000)
    crowd.act("bob", "purchase", 3, pot, amount_fen=20_000)
    crowd.act("kim", "like", 1, tea)
    assert crowd.who(events_of(["purchase"], value=2)) == {"ann"}
    assert crowd.who(events_of(["purchase"], value=3, days=30)) == set()
    assert crowd.who(events_of(["purchase"], "at_most", 1)) == {"bob", "kim"}
    assert crowd.who(events_of(["purchase"], "none", days=30)) == {"kim"}
    assert crowd.who(events_of(["purchase"], value=150, measure="yuan")) == {"ann", "bob"}
    assert crowd.who(events_of(["purchase", "like"], categories=["茶"])) == {"ann", "kim"}
    assert crowd.who(events_of(["like"], item_tags=["绿茶"], item_kinds=["product"], items=["tea"])) == {"kim"}


def test_last_act(crowd):
    crowd.act("ann", "read", 3)
    crowd.act("bob", "read", 8)
    crowd.person("kim")
    assert crowd.who({"on": "last_act", "op": "within", "days": 7}) == {"ann"}
    assert crowd.who({"on": "last_act", "op": "longer_ago", "days": 7}) == {"bob"}
    assert crowd.who({"on": "last_act", "op": "longer_ago", "days": 7, "kinds": ["like"]}) == set()


def test_one_act_after_another(crowd):
    tea, pot = Item.objects.create(external_id="tea"), Item.objects.create(external_id="pot")
    crowd.act("ann", "add_to_cart", 10, tea)
    crowd.act("ann", "purchase", 9, pot)
    crowd.act("bob", "add_to_cart", 10, tea)
    crowd.act("kim", "add_to_cart", 1, tea)
    cart = {"on": "sequence", "first": ["add_to_cart"], "then": ["purchase"], "days": 3, "since_days": 30}
    assert crowd.who(cart | {"op": "did"}) == {"ann"}
    assert crowd.who(cart | {"op": "did", "item": "same"}) == set()
    assert crowd.who(cart | {"op": "did_not"}) == {"bob"}  # kim still has time
    assert crowd.who(cart | {"op": "did_not", "item": "same"}) == {"ann", "bob"}


def test_random_shares_split_everybody(crowd):
    for number in range(60):
        crowd.person(f"p{number}")
    halves = [crowd.who({"on": "bucket", "first": first, "last": first + 50}) for first in (0, 50)]
    assert halves[0] | halves[1] == set(crowd.people)
    assert not halves[0] & halves[1]
    assert 15 < len(halves[0]) < 45


def test_groups(crowd):
    crowd.person("ann", gender="female", tags=["vip"])
    crowd.person("bob", gender="male", tags=["vip"])
    crowd.person("kim", gender="female")
    female, vip = {"on": "gender", "op": "is", "values": ["female"]}, {"on": "tags", "op": "any", "values": ["vip"]}
    assert crowd.who(female, vip) == {"ann"}
    assert crowd.who(female, vip, mode="any") == {"ann", "bob", "kim"}
    assert crowd.who({"not": {"all": [female, vip]}}) == {"bob", "kim"}
    assert crowd.who({"any": [{"not": female}, {"all": [female, vip]}]}) == {"ann", "bob"}


def test_every_kind_can_be_negated_and_asked_of_one_person(crowd):
    crowd.person("ann")
    wanted = {
        "gender": {"op": "is", "values": ["female"]}, "age_band": {"op": "is", "values": ["25_34"]},
        "region": {"op": "is", "values": ["x"]}, "city": {"op": "is", "values": ["x"]},
        "tags": {"op": "any", "values": ["x"]}, "attribute": {"name": "x", "op": "at_least", "value": "1"},
        "everybody": {}, "follows": {"op": "is"}, "followed": {"op": "within", "days": 1}, "window": {},
        "consent": {"purpose": "marketing", "op": "granted"}, "personalisation": {"op": "off"},
        "score": {"op": "top", "percent": 10}, "bucket": {"first": 0, "last": 0.0 + 1},
        "events": {"kinds": ["like"], "op": "at_least", "value": 1}, "last_act": {"op": "within", "days": 1},
        "sequence": {"first": ["like"], "then": ["share"], "op": "did", "days": 1, "since_days": 1},
    }  # fmt: skip
    assert wanted.keys() == KINDS.keys() - {"segment"}
    for on, values in wanted.items():
        one = {"on": on, **values}
        assert crowd.who({"any": [one, {"not": one}]}) == {"ann"}, on
        finding = queries.explain(read_rule(one), crowd.people["ann"], NOW)
        assert finding.holds == (crowd.who(one) == {"ann"}), on
        assert finding.parts[0].words


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "Condition 1: “on” must be one of"),
        ({"all": []}, "Group 1 is empty"),
        ({"all": [{"on": "gender", "op": "is", "values": []}]}, "Condition 1.1: choose at least one value of values"),
        ({"all": [{"on": "gender", "op": "was", "values": ["male"]}]}, "op must be one of is, is_not"),
        ({"all": [{"on": "magic"}]}, "Condition 1.1: “on” must be one of"),
        ({"all": [{"on": "everybody", "sql": "1"}]}, "sql is not known there"),
        ({"all": [{"on": "followed", "op": "within", "days": 0}]}, "days must be a whole number from 1 to 3650"),
        ({"all": [{"on": "followed", "op": "within", "days": 1.5}]}, "days must be a whole number"),
        ({"all": [{"on": "followed", "op": "within", "days": True}]}, "days must be a whole number"),
        ({"all": [{"on": "tags", "op": "any", "values": ["x" * 200]}]}, "at most 128 characters"),
        ([], "Condition 1"),
        ({"any": [{"not": {"any": [{"not": {"any": [{"on": "everybody"}]}}]}}]}, "nested 5 deep"),
        ({"all": [{"on": "everybody"}] * 51}, "at most 50 conditions"),
    ],
)
def test_a_rule_that_cannot_be_read_says_where_and_why(raw, said, scope):
    with pytest.raises(RuleInvalid) as error:
        read_rule(raw)
    assert said in str(error.value)


def test_contradictions_are_found(scope):
    female, male = ({"on": "gender", "op": "is", "values": [one]} for one in ("female", "male"))
    rule = {
        "all": [
            female, {"all": [male]}, {"on": "tags", "op": "all", "values": ["a", "b"]},
            {"on": "tags", "op": "none", "values": ["b"]}, events_of(["like"], value=3),
            events_of(["like"], "at_most", 2),
            {"on": "bucket", "first": 50, "last": 50},
        ]
    }  # fmt: skip
    assert len(contradictions(read_rule(rule))) == 4
    assert contradictions(read_rule({"any": [female, male]})) == []
    assert contradictions(read_rule({"all": [events_of(["like"], value=3), events_of(["share"], "none")]})) == []
