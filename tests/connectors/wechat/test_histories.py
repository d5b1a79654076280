"""How facts change by pushes and sends, in any order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.wechat.errors import TransportFailed, refusal
from connectors.wechat.histories import after_push, after_send
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown
from connectors.wechat.pushes import parse
from connectors.wechat.reachability import Channel, Consent, Facts, Opening, Refusal, Route
from connectors.wechat.rules import AccountKind, Trigger

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW = Facts(AccountKind.SERVICE, True, notice_template_ids=("N1", "N2"), long_term_template_ids=("N2",))
FOLLOWER = replace(NEW, is_following=True, followed_at=NOW)


def push(event="", seconds=0, **fields):
    kind = {"MsgType": "event", "Event": event} if event else {"MsgType": "text", "Content": "hi", "MsgId": "1"}
    at = NOW + timedelta(seconds=seconds)
    return parse({"ToUserName": "gh_1", "FromUserName": "oA", "CreateTime": int(at.timestamp()), **kind, **fields})


def chosen(event, *answers, seconds=0):
    rows = [{"TemplateId": template_id, "SubscribeStatusString": word} for template_id, word in answers]
    return push(event, seconds, List=rows)


def heard(facts, *pushes):
    for one in pushes:
        facts = after_push(facts, one)
    return facts


def test_a_follow_opens_a_window():
    facts = heard(NEW, push("subscribe", EventKey=""))
    assert (facts.is_following, facts.followed_at) == (True, NOW)
    assert facts.openings == (Opening(Trigger.FOLLOW, NOW),)


@pytest.mark.parametrize(("event", "fields", "trigger"), [
    ("", {}, Trigger.MESSAGE), ("", {"bizmsgmenuid": "101"}, Trigger.MENU_CLICK),
    ("CLICK", {"EventKey": "K"}, Trigger.MENU_CLICK), ("SCAN", {"EventKey": "1", "Ticket": "T"}, Trigger.SCAN),
    ("user_enter_tempsession", {"SessionFrom": ""}, Trigger.ENTER_CHAT),
])  # fmt: skip
def test_acts_open_windows(event, fields, trigger):
    assert heard(FOLLOWER, push(event, 5, **fields)).openings == (Opening(trigger, NOW + timedelta(seconds=5)),)


@pytest.mark.parametrize("event", ["VIEW", "LOCATION", "some_new_event"])
def test_other_pushes_change_nothing(event):
    assert heard(FOLLOWER, push(event, EventKey="https://a.cn", Latitude=1, Longitude=1)) == FOLLOWER


def test_who_leaves_loses_the_windows_and_a_late_follow_does_not_bring_them_back():
    left = heard(FOLLOWER, push(seconds=1), push("unsubscribe", 9, EventKey=""))
    assert (left.is_following, left.openings) == (False, ())
    assert heard(left, push("subscribe", 5, EventKey="")).is_following is False
    back = heard(left, push("subscribe", 20, EventKey=""))
    assert back.is_following
    assert heard(back, push("unsubscribe", 9, EventKey="")).is_following


def test_each_yes_is_good_for_one_notice_more():
    popup = "subscribe_msg_popup_event"
    facts = heard(
        FOLLOWER, chosen(popup, ("N1", "accept"), ("N2", "accept")), chosen(popup, ("N1", "accept"), seconds=9)
    )
    at = NOW + timedelta(seconds=9)
    assert facts.consents == (Consent("N1", 2, at), Consent("N2", None, NOW))
    assert heard(facts, chosen(popup, ("N1", "reject"), seconds=20)) == facts
    taken = heard(facts, chosen("subscribe_msg_change_event", ("N1", "reject"), ("N2", "reject"), seconds=30))
    assert [consent.num_left for consent in taken.consents] == [0, 0]
    assert heard(facts, chosen("subscribe_msg_change_event", ("N1", "reject"), seconds=5)) == facts


CUSTOMER = Route(Channel.CUSTOMER_MESSAGE, True)
NOTICE = Route(Channel.SUBSCRIPTION_NOTICE, True, template_id="N1")
READY = replace(
    FOLLOWER, openings=(Opening(Trigger.MESSAGE, NOW, 1),), consents=(Consent("N1", 1, NOW), Consent("N2", None, NOW))
)


@pytest.mark.parametrize("outcome", [Sent(), Unknown(TransportFailed("lost", may_have_arrived=True))])
def test_what_may_have_arrived_counts(outcome):
    assert after_send(READY, CUSTOMER, outcome, NOW).openings[0].num_sent == 2
    assert [c.num_left for c in after_send(READY, NOTICE, outcome, NOW).consents] == [0, None]
    broadcast = Route(Channel.BROADCAST_LIST, True)
    assert after_send(READY, broadcast, outcome, NOW).broadcasts_received_at == (NOW,)
    assert after_send(READY, Route(Channel.TEMPLATE, True, template_id="T1"), outcome, NOW) == READY


def test_a_refusal_is_remembered_once():
    refused = RefusedSend(refusal(43101), permanent=True)
    once = after_send(READY, NOTICE, refused, NOW)
    again = after_send(once, NOTICE, refused, NOW + timedelta(seconds=1))
    assert again.refusals == (Refusal(43101, NOW + timedelta(seconds=1), "N1"),)
    assert again.consents == READY.consents


@pytest.mark.parametrize("errcode", [-1, 45009, 45011, 40007])
def test_refusals_that_say_nothing_about_the_person_are_not(errcode):
    assert after_send(READY, CUSTOMER, RefusedSend(refusal(errcode), permanent=False), NOW) == READY
