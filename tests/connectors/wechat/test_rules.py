"""The dated table: what was in force when, and what opens a window."""

from datetime import UTC, date, datetime

import pytest

from connectors.wechat.rules import (
    WINDOWS,
    Ability,
    AccountKind,
    Period,
    Trigger,
    WindowRule,
    rules_at,
    trigger_of,
)

TODAY = rules_at(datetime(2026, 11, 24, 12, tzinfo=UTC))
SUBSCRIPTION, SERVICE, MINI = AccountKind


@pytest.mark.parametrize(("kind", "trigger", "num", "seconds"), [
    *((kind, *row) for kind in (SUBSCRIPTION, SERVICE) for row in (
        (Trigger.MESSAGE, 5, 172_800), (Trigger.MENU_CLICK, 3, 60), (Trigger.FOLLOW, 3, 60), (Trigger.SCAN, 3, 60),
        (Trigger.PAYMENT, 0, 172_800))),
    (MINI, Trigger.MESSAGE, 5, 172_800), (MINI, Trigger.ENTER_CHAT, 2, 60),
])  # fmt: skip
def test_windows_of_today(kind, trigger, num, seconds):
    rule = TODAY.window(kind, trigger)
    assert (rule.num_messages, rule.window_seconds) == (num, seconds)


@pytest.mark.parametrize(
    ("kind", "trigger"),
    [(SERVICE, Trigger.ENTER_CHAT), (MINI, Trigger.FOLLOW), (MINI, Trigger.MENU_CLICK)],
)
def test_triggers_that_open_nothing(kind, trigger):
    assert TODAY.window(kind, trigger) is None


def test_it_was_twenty_before():
    assert rules_at(datetime(2023, 1, 1, tzinfo=UTC)).window(SERVICE, Trigger.MESSAGE).num_messages == 20


def test_a_rule_changes_at_midnight_in_beijing():
    last = datetime(2024, 12, 31, 15, 59, 59, tzinfo=UTC)
    first = datetime(2024, 12, 31, 16, tzinfo=UTC)
    assert rules_at(last).window(SERVICE, Trigger.MESSAGE).num_messages == 20
    assert rules_at(first).window(SERVICE, Trigger.MESSAGE).num_messages == 5


def test_no_two_rows_are_in_force_at_once():
    for when in (datetime(2022, 1, 1, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)):
        rows = [(rule.kind, rule.trigger) for rule in rules_at(when).windows]
        assert len(rows) == len(set(rows))


def test_a_brand_may_have_rows_of_its_own():
    payment = WindowRule(date(2025, 1, 1), None, "asked Tencent", SERVICE, Trigger.PAYMENT, 20, 172_800)
    rows = [payment, *(rule for rule in WINDOWS if rule.trigger != Trigger.PAYMENT)]
    rules = rules_at(datetime(2026, 1, 1, tzinfo=UTC), windows=rows)
    assert rules.window(SERVICE, Trigger.PAYMENT).num_messages == 20


def test_every_row_names_its_source():
    assert all(rule.source for rule in (*TODAY.windows, *TODAY.broadcasts, *TODAY.capabilities))


CAN = {
    Ability.CUSTOMER_MESSAGE: (0, 1, 0, 1, 1), Ability.BROADCAST: (0, 1, 0, 1, 0), Ability.MENU: (0, 1, 1, 1, 0),
    Ability.BROADCAST_LIST: (0, 0, 0, 1, 0), Ability.TEMPLATE: (0, 0, 0, 1, 0), Ability.QR_CODE: (0, 0, 0, 1, 0),
    Ability.WEB_LOGIN: (0, 0, 0, 1, 1), Ability.SUBSCRIPTION_NOTICE: (0, 0, 0, 1, 1), Ability.PUBLISH: (0, 1, 0, 1, 0),
}  # fmt: skip


@pytest.mark.parametrize(("ability", "row"), CAN.items())
def test_capabilities(ability, row):
    accounts = ((SUBSCRIPTION, False), (SUBSCRIPTION, True), (SERVICE, False), (SERVICE, True), (MINI, False))
    assert tuple(int(TODAY.can(*account, ability)) for account in accounts) == row


def test_publishing_needed_no_verification_before_july_2025():
    assert rules_at(datetime(2025, 6, 1, tzinfo=UTC)).can(SUBSCRIPTION, False, Ability.PUBLISH)


def test_broadcasts():
    def limits(kind):
        return [(rule.period, rule.num_messages, rule.is_public_only) for rule in TODAY.broadcast_limits(kind)]

    assert {kind: limits(kind) for kind in AccountKind} == {
        SUBSCRIPTION: [(Period.ACCOUNT_DAY, 1, False)],
        SERVICE: [(Period.FOLLOWER_MONTH, 4, False), (Period.ACCOUNT_MONTH, 4, True)],
        MINI: [],
    }


@pytest.mark.parametrize(("msg_type", "event", "trigger"), [
    ("text", "", Trigger.MESSAGE), ("image", "", Trigger.MESSAGE), ("location", "", Trigger.MESSAGE),
    ("event", "subscribe", Trigger.FOLLOW), ("event", "SCAN", Trigger.SCAN), ("event", "CLICK", Trigger.MENU_CLICK),
    ("event", "scancode_push", Trigger.MENU_CLICK), ("event", "scancode_waitmsg", Trigger.MENU_CLICK),
    ("event", "user_enter_tempsession", Trigger.ENTER_CHAT), ("event", "VIEW", None), ("event", "unsubscribe", None),
    ("event", "LOCATION", None), ("event", "view_miniprogram", None), ("event", "pic_weixin", None),
    ("event", "location_select", None), ("event", "TEMPLATESENDJOBFINISH", None),
])  # fmt: skip
def test_what_opens_a_window(msg_type, event, trigger):
    assert trigger_of(msg_type, event) is trigger


def test_an_answer_tapped_in_a_question_counts_as_a_menu():
    assert trigger_of("text", is_menu_answer=True) is Trigger.MENU_CLICK
