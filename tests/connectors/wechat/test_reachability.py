"""Which routes are open: by example, and for any history (counts never exceeded, quotas restarted, Beijing months)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.wechat.clock import BEIJING
from connectors.wechat.reachability import (
    MEANINGS,
    Channel,
    Consent,
    Facts,
    Opening,
    Reason,
    Refusal,
    all_routes,
    count_send,
    open_routes,
    reopen,
)
from connectors.wechat.rules import AccountKind, Trigger, rules_at

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUBSCRIPTION, SERVICE, MINI = AccountKind
FOLLOWER = Facts(SERVICE, True, is_following=True, followed_at=NOW - timedelta(days=100))


def ago(**span):
    return NOW - timedelta(**span)


def on(channel, facts, now=NOW):
    return [route for route in all_routes(facts, now) if route.channel == channel]


def only(channel, facts, now=NOW):
    (route,) = on(channel, facts, now)
    return route


def customer(facts, now=NOW):
    return only(Channel.CUSTOMER_MESSAGE, facts, now)


# --- customer messages ----------------------------------------------------------------------------------------------


def test_a_message_opens_five_for_two_days():
    route = customer(replace(FOLLOWER, openings=(Opening(Trigger.MESSAGE, ago(hours=1), 2),)))
    assert (route.is_open, route.num_left, route.trigger) == (True, 3, Trigger.MESSAGE)
    assert route.until == ago(hours=1) + timedelta(hours=48, seconds=-2)
    assert route.is_for_marketing


@pytest.mark.parametrize("trigger", [Trigger.MENU_CLICK, Trigger.FOLLOW, Trigger.SCAN])
def test_a_tap_opens_three_for_a_minute(trigger):
    facts = replace(FOLLOWER, openings=(Opening(trigger, ago(seconds=57)),))
    assert (customer(facts).num_left, customer(facts).until) == (3, NOW + timedelta(seconds=1))
    closed = customer(facts, NOW + timedelta(seconds=1))
    assert (closed.is_open, closed.reason) == (False, Reason.WINDOW_CLOSED)


def test_each_open_window_is_a_route_of_its_own():
    facts = replace(
        FOLLOWER, openings=(Opening(Trigger.SCAN, ago(seconds=5), 0), Opening(Trigger.MESSAGE, ago(hours=1), 4))
    )
    routes = on(Channel.CUSTOMER_MESSAGE, facts)
    assert [(route.trigger, route.num_left) for route in routes] == [(Trigger.MESSAGE, 1), (Trigger.SCAN, 3)]


def test_used_up_and_the_other_still_open():
    facts = replace(
        FOLLOWER, openings=(Opening(Trigger.SCAN, ago(seconds=5), 0), Opening(Trigger.MESSAGE, ago(hours=1), 5))
    )
    assert [route.trigger for route in on(Channel.CUSTOMER_MESSAGE, facts)] == [Trigger.SCAN]
    used = replace(facts, openings=(facts.openings[1],))
    assert (customer(used).reason, customer(used).context) == (Reason.USED_UP, {"num_messages": 5})


def test_who_never_did_anything_is_not_reached():
    assert customer(FOLLOWER).reason is Reason.NO_CONTACT


def test_a_payment_opens_nothing_today():
    facts = replace(FOLLOWER, openings=(Opening(Trigger.PAYMENT, ago(hours=1)),))
    assert customer(facts).reason is Reason.NO_CONTACT


@pytest.mark.parametrize("errcode", [45015, 45047])
def test_the_platforms_no_closes_the_window_until_the_next_act(errcode):
    opening = Opening(Trigger.MESSAGE, ago(hours=2))
    facts = replace(FOLLOWER, openings=(opening,), refusals=(Refusal(errcode, ago(hours=1)),))
    assert customer(facts).reason is Reason.USED_UP
    assert customer(replace(facts, openings=(replace(opening, at=ago(minutes=30)),))).is_open


def test_what_happened_before_the_last_follow_counts_no_more():
    facts = replace(FOLLOWER, followed_at=ago(hours=1), openings=(Opening(Trigger.MESSAGE, ago(hours=2)),))
    assert customer(facts).reason is Reason.NO_CONTACT


def test_a_mini_program_needs_no_follow():
    facts = Facts(MINI, False, openings=(Opening(Trigger.ENTER_CHAT, ago(seconds=10), 1),))
    assert (customer(facts).num_left, customer(facts).trigger) == (1, Trigger.ENTER_CHAT)


# --- what closes everything -----------------------------------------------------------------------------------------

OPEN = replace(
    FOLLOWER,
    openings=(Opening(Trigger.MESSAGE, ago(hours=1)),),
    template_ids=("T1",),
    consents=(Consent("N1", 1, ago(days=1)),),
)


def reasons(facts):
    return {route.channel: route.reason for route in all_routes(facts, NOW)}


def test_all_routes_of_a_good_follower_are_open():
    assert set(reasons(OPEN).values()) == {None}
    assert len(open_routes(OPEN, NOW)) == len(Channel)


def test_one_who_left_can_only_get_what_they_subscribed_to():
    found = reasons(replace(OPEN, is_following=False))
    assert found.pop(Channel.SUBSCRIPTION_NOTICE) is None
    assert set(found.values()) == {Reason.NOT_FOLLOWING}


def test_the_platform_knows_better_who_follows():
    refused = replace(OPEN, refusals=(Refusal(43004, ago(minutes=1), "T1"),))
    assert reasons(refused)[Channel.BROADCAST_TAG] is Reason.NOT_FOLLOWING
    back = replace(refused, followed_at=ago(seconds=10), openings=(Opening(Trigger.FOLLOW, ago(seconds=10)),))
    assert set(reasons(back).values()) == {None}


def test_the_blacklist_closes_all():
    assert set(reasons(replace(OPEN, is_blacklisted=True)).values()) == {Reason.BLACKLISTED}
    assert set(reasons(replace(OPEN, refusals=(Refusal(43019, ago(days=1)),))).values()) == {Reason.BLACKLISTED}


def test_an_unverified_account_sends_nothing():
    assert set(reasons(replace(OPEN, is_verified=False)).values()) == {Reason.NOT_VERIFIED}


def test_a_subscription_account_has_fewer_ways():
    assert reasons(replace(OPEN, kind=SUBSCRIPTION)) == {
        Channel.CUSTOMER_MESSAGE: None, Channel.TEMPLATE: Reason.WRONG_KIND,
        Channel.SUBSCRIPTION_NOTICE: Reason.WRONG_KIND, Channel.BROADCAST_TAG: None,
        Channel.BROADCAST_LIST: Reason.WRONG_KIND, Channel.BROADCAST_ALL: None,
    }  # fmt: skip


def test_who_switched_messages_off_is_left_alone_until_they_write():
    facts = replace(OPEN, refusals=(Refusal(48002, ago(minutes=30)),))
    found = reasons(facts)
    assert found.pop(Channel.SUBSCRIPTION_NOTICE) is None
    assert set(found.values()) == {Reason.REFUSES_MESSAGES}
    wrote = replace(facts, openings=(Opening(Trigger.MESSAGE, ago(minutes=1)),))
    assert set(reasons(wrote).values()) == {None}


# --- templates and notices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("errcode", "reason"), [(43116, Reason.TEMPLATE_STOPPED), (43101, Reason.NO_CONSENT)])
def test_a_refused_template_is_closed_and_the_other_open(errcode, reason):
    facts = replace(OPEN, template_ids=("T1", "T2"), refusals=(Refusal(errcode, ago(days=1), "T1"),))
    found = {route.template_id: route.reason for route in on(Channel.TEMPLATE, facts)}
    assert found == {"T1": reason, "T2": None}
    assert not any(route.is_for_marketing for route in on(Channel.TEMPLATE, facts))


def test_notices_have_as_many_as_consents_are_left():
    facts = replace(
        FOLLOWER,
        notice_template_ids=("N0", "N1"),
        consents=(Consent("N1", 2, ago(days=9)), Consent("N2", 0, ago(days=9)), Consent("N3", None, ago(days=9))),
    )
    routes = on(Channel.SUBSCRIPTION_NOTICE, facts)
    found = {route.template_id: (route.is_open, route.num_left, route.reason) for route in routes}
    assert found == {
        "N0": (False, None, Reason.NO_CONSENT), "N1": (True, 2, None), "N2": (False, None, Reason.NO_CONSENT),
        "N3": (True, None, None),
    }  # fmt: skip


def test_a_refused_notice_is_closed_until_the_next_consent():
    facts = replace(FOLLOWER, consents=(Consent("N1", 2, ago(days=9)),), refusals=(Refusal(43101, ago(days=1), "N1"),))
    assert only(Channel.SUBSCRIPTION_NOTICE, facts).reason is Reason.NO_CONSENT
    again = replace(facts, consents=(Consent("N1", 1, ago(hours=1)),))
    assert only(Channel.SUBSCRIPTION_NOTICE, again).is_open


# --- broadcasts -----------------------------------------------------------------------------------------------------

FIRST = datetime(2026, 11, 1, tzinfo=BEIJING)
NEXT = datetime(2026, 12, 1, tzinfo=BEIJING)


def test_four_broadcasts_a_month_reach_a_follower():
    at = tuple(FIRST + timedelta(days=day) for day in range(3))
    route = only(Channel.BROADCAST_TAG, replace(FOLLOWER, broadcasts_received_at=at))
    assert (route.num_left, route.until) == (1, NEXT)
    full = only(Channel.BROADCAST_LIST, replace(FOLLOWER, broadcasts_received_at=(*at, ago(hours=1))))
    assert (full.reason, full.opens_at) == (Reason.MONTH_FULL, NEXT)
    assert full.context == {"num_messages": 4, "opens_at": NEXT}


def test_the_month_is_beijings():
    before, after = FIRST - timedelta(seconds=1), FIRST
    facts = replace(FOLLOWER, broadcasts_received_at=(before,) * 3 + (after,) * 3)
    assert only(Channel.BROADCAST_TAG, facts, FIRST + timedelta(hours=1)).num_left == 1
    assert FIRST.astimezone(UTC).month == 10
    facts = replace(FOLLOWER, broadcasts_received_at=(NEXT - timedelta(seconds=1),) * 4)
    assert not only(Channel.BROADCAST_TAG, facts, NEXT - timedelta(seconds=1)).is_open
    assert only(Channel.BROADCAST_TAG, facts, NEXT).num_left == 4


def test_the_public_history_is_counted_for_the_account():
    facts = replace(FOLLOWER, public_broadcasts_at=(FIRST,) * 4)
    assert only(Channel.BROADCAST_ALL, facts).reason is Reason.MONTH_FULL
    assert only(Channel.BROADCAST_TAG, facts).num_left == 4


def test_a_subscription_account_broadcasts_once_a_day():
    midnight = datetime(2026, 11, 24, tzinfo=BEIJING)
    account = replace(FOLLOWER, kind=SUBSCRIPTION)
    sent = replace(account, account_broadcasts_at=(midnight,))
    for channel in (Channel.BROADCAST_TAG, Channel.BROADCAST_ALL):
        assert only(channel, account).num_left == 1
        route = only(channel, sent)
        assert (route.reason, route.opens_at) == (Reason.DAY_FULL, midnight + timedelta(days=1))
    yesterday = replace(account, account_broadcasts_at=(midnight - timedelta(seconds=1),))
    assert only(Channel.BROADCAST_TAG, yesterday).is_open


def test_every_reason_has_a_sentence_whose_slots_are_filled():
    assert set(MEANINGS) == set(Reason)
    facts = [
        replace(OPEN, openings=(Opening(Trigger.MESSAGE, ago(days=3)),), broadcasts_received_at=(NOW,) * 4),
        replace(OPEN, openings=(Opening(Trigger.MESSAGE, NOW, 5),)),
        replace(OPEN, kind=SUBSCRIPTION, account_broadcasts_at=(NOW,)),
    ]
    closed = [route for fact in facts for route in all_routes(fact, NOW) if not route.is_open]
    assert {route.reason for route in closed} >= {Reason.WINDOW_CLOSED, Reason.USED_UP, Reason.DAY_FULL}
    for route in closed:
        assert "%(" not in (route.template % route.context if route.context else route.template)


# --- any history ----------------------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(st.integers(0, 90_000), st.sampled_from([*Trigger, "send", "send", "view"])), max_size=40
)  # seconds since the last act, what happened


class World:
    """The stricter platform: one window per trigger, a message counts in every window open at the time."""

    def __init__(self):
        self.windows = {}

    def open(self, trigger, at):
        rule = rules_at(at).window(SERVICE, trigger)
        if rule and rule.num_messages:
            self.windows[trigger] = [at + timedelta(seconds=rule.window_seconds), rule.num_messages]

    def takes(self, at):
        is_open = any(at < end and left > 0 for end, left in self.windows.values())
        for window in self.windows.values():
            window[1] -= 1
        return is_open


@settings(max_examples=300, deadline=None)
@given(ACTS)
def test_an_open_route_is_never_refused_and_never_exceeds_its_count(acts):
    now, openings, world = NOW, (), World()
    for seconds, act in acts:
        now += timedelta(seconds=seconds)
        routes = open_routes(replace(FOLLOWER, openings=openings), now)
        left = [route.num_left for route in routes if route.channel == Channel.CUSTOMER_MESSAGE]
        assert all(0 < num <= 5 for num in left)
        if isinstance(act, Trigger):
            openings = reopen(openings, act, now)
            world.open(act, now)
        elif act == "send" and left:
            assert world.takes(now)
            openings = count_send(openings)


@given(st.sampled_from([Trigger.MESSAGE, Trigger.MENU_CLICK, Trigger.FOLLOW, Trigger.SCAN]), st.integers(0, 9))
def test_each_new_act_begins_its_count_anew(trigger, num_sent):
    openings = (Opening(trigger, ago(seconds=30), num_sent),)
    facts = replace(FOLLOWER, openings=reopen(openings, trigger, NOW))
    assert customer(facts).num_left == rules_at(NOW).window(SERVICE, trigger).num_messages


@given(st.integers(0, 1000))
def test_a_late_older_push_changes_nothing(seconds):
    openings = (Opening(Trigger.MESSAGE, NOW, 3),)
    assert reopen(openings, Trigger.MESSAGE, NOW - timedelta(seconds=seconds)) == openings


@given(st.lists(st.integers(-40 * 86_400, 0), max_size=8), st.integers(0, 40 * 86_400))
def test_broadcasts_left_are_those_of_beijings_month(sent_seconds, now_seconds):
    now = NOW + timedelta(seconds=now_seconds)
    at = tuple(now + timedelta(seconds=seconds) for seconds in sent_seconds)
    in_month = [
        moment for moment in at
        if (moment + timedelta(hours=8)).strftime("%Y%m") == (now + timedelta(hours=8)).strftime("%Y%m")
    ]  # fmt: skip
    route = only(Channel.BROADCAST_TAG, replace(FOLLOWER, broadcasts_received_at=at), now)
    assert route.is_open == (len(in_month) < 4)
    assert (route.num_left or 0) == max(0, 4 - len(in_month))
