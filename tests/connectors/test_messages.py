"""Messages to one person through the simulated platform: asked first, sent at most once, each outcome written down."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from audience.models import Contact, Event, Identity
from connectors import messages, receipts
from connectors.clients import AccountUnavailable
from connectors.models import Broadcast, ConnectedAccount, Conversation, MessageLog, PushReceipt
from connectors.problems import PlatformFailed
from connectors.receiving import dedupe_uuid, kind_of
from connectors.routes import routes_for
from connectors.secrets import seal
from connectors.wechat import documents, pushes, transport
from connectors.wechat.reachability import Channel, Reason

SEND_PATH = "/cgi-bin/message/custom/send"
NOTICE_PATH = "/cgi-bin/message/subscribe/bizsend"
TEMPLATE = "tmpl-order"


@pytest.fixture
def account(brand, platform, settings):
    """A verified service account on the simulated platform, connected by its secret."""
    settings.SIMULATOR_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    with tenant_scope(brand):
        made = ConnectedAccount(app_id=remote.app_id, name="青禾服务号", kind="service", is_verified=True)
        made.is_simulated, made.original_id = True, remote.original_id
        seal(made, "app_secret", remote.secret)
        made.save()
    return made


@pytest.fixture
def openid(account, platform):
    return platform.add_user(account.app_id)


@pytest.fixture
def hear(account, brand, platform):
    """`hear(document fields)` is a push of the platform, received now and applied."""

    def do(openid, **fields):
        head = {"ToUserName": account.original_id, "FromUserName": openid, "CreateTime": int(platform.now())}
        document = head | fields
        push = pushes.parse(document)
        with tenant_scope(brand):
            PushReceipt.objects.create(
                account=account, dedupe_key=dedupe_uuid(push.dedupe_key), kind=kind_of(push), openid=push.person,
                body=documents.write_xml(document), event_at=push.event_at, received_at=timezone.now(),
            )  # fmt: skip
        receipts.apply_waiting(brand.pk, account.pk)
        with tenant_scope(brand):
            assert not PushReceipt.objects.filter(state="failed").exists()

    return do


@pytest.fixture
def write(hear, platform, account):
    """`write(openid, words)`: the person writes, on the platform and to us."""

    def do(openid, words="在吗"):
        platform.do("send", app_id=account.app_id, openid=openid, Content=words)
        hear(openid, MsgType="text", Content=words, MsgId=str(time.monotonic_ns()))

    return do


@pytest.fixture
def contact(openid, write, brand):
    """Somebody who has just written."""
    write(openid)
    return contact_of(brand, openid)


@pytest.fixture
def say(account, brand, by):
    """`say(contact, words)` asks for a message and does the worker's part; the row afterwards."""

    def do(contact, words="您好"):
        with tenant_scope(brand):
            message = messages.send_text(account, contact, words, by)
            assert message.state == "pending"
        messages.deliver(brand.pk, message.pk)
        return row(brand, message)

    return do


def contact_of(brand, openid):
    with tenant_scope(brand):
        return Identity.objects.select_related("contact").get(value=openid).contact


def row(brand, message):
    with tenant_scope(brand):
        return MessageLog.objects.get(pk=message.pk)


def routes(brand, account, contact, channel=Channel.CUSTOMER_MESSAGE):
    with tenant_scope(brand):
        return [one for one in routes_for(account, contact) if one.channel == channel]


def num_sends(platform, account):
    return len(platform.calls(SEND_PATH, account.app_id))


def test_who_writes_can_be_answered_and_both_stand_in_the_log(say, contact, account, brand, platform, openid, by):
    answer = say(contact, "您好，有什么可以帮您？")
    assert (answer.state, answer.channel, answer.created_by) == ("sent", "customer_message", by.label)
    assert [one["payload"]["content"] for one in platform.delivered(account.app_id, openid)] == [answer.text]
    with tenant_scope(brand):
        log = MessageLog.objects.order_by("pk").values_list("direction", "text", "state")
        assert list(log) == [("in", "在吗", "received"), ("out", answer.text, "sent")]
        acts = list(Event.objects.order_by("kind").values_list("kind", "text"))
        assert acts == [(EventKind.MESSAGE_IN, "在吗"), (EventKind.MESSAGE_OUT, answer.text)]
        shown = Conversation.objects.get()
        assert (shown.last_text, shown.is_last_ours) == (answer.text, True)
        audit = AuditEntry.objects.get(verb="send_message")
        assert "您好" not in json.dumps(audit.details, ensure_ascii=False)


def test_the_sixth_message_is_refused_by_us_and_calls_nobody(say, contact, account, brand, platform, by):
    assert [say(contact, f"第{number}条").state for number in range(5)] == ["sent"] * 5
    with tenant_scope(brand), pytest.raises(messages.Unreachable) as refusal:
        messages.send_text(account, contact, "第六条", by)
    assert refusal.value.reason == Reason.USED_UP
    assert refusal.value.context == {"num_messages": 5}
    assert num_sends(platform, account) == 5
    with tenant_scope(brand):
        assert MessageLog.objects.filter(direction="out").count() == 5


def test_what_waits_for_a_worker_counts_already(contact, account, brand, by):
    with tenant_scope(brand):
        for number in range(5):
            messages.send_text(account, contact, f"{number}", by)
        with pytest.raises(messages.Unreachable):
            messages.send_text(account, contact, "5", by)


def test_the_window_closes_after_48_hours_and_opens_with_the_next_message(
    say, write, hear, contact, account, brand, platform, openid
):
    (route,) = routes(brand, account, contact)
    assert (route.is_open, route.num_left, route.trigger) == (True, 5, "message")
    platform.advance(48 * 3600 + 60)
    hear(openid, MsgType="event", Event="VIEW", EventKey="https://a.example")  # opens nothing, and tells the time
    (route,) = routes(brand, account, contact)
    assert (route.is_open, route.reason) == (False, Reason.WINDOW_CLOSED)
    with pytest.raises(messages.Unreachable, match="ended at"):
        say(contact)
    assert num_sends(platform, account) == 0
    write(openid)
    assert say(contact).state == "sent"


def test_a_late_push_does_not_forget_what_was_sent_since(say, contact, hear, account, brand, openid, platform):
    for number in range(3):
        say(contact, f"{number}")
    late = int(platform.now()) - 30
    hear(openid, MsgType="event", Event="CLICK", EventKey="menu", CreateTime=late)
    left = {one.trigger: one.num_left for one in routes(brand, account, contact)}
    assert left["message"] == 2
    assert "menu_click" not in left  # 3 messages a tap, all of them sent since


def test_a_refusal_of_the_platform_is_written_down_with_its_reason(say, contact, account, brand, platform, openid):
    platform.refuse_messages(app_id=account.app_id, openid=openid)
    answer = say(contact)
    assert (answer.state, answer.why_code) == ("refused", "wechat_48002")
    assert answer.why_template
    assert answer.rid
    (route,) = routes(brand, account, contact)
    assert route.reason == Reason.REFUSES_MESSAGES
    with pytest.raises(messages.Unreachable):
        say(contact)
    assert num_sends(platform, account) == 1
    with tenant_scope(brand):
        assert not Event.objects.filter(kind=EventKind.MESSAGE_OUT).exists()


def test_who_left_unnoticed_is_no_follower_any_more(say, contact, account, brand, platform):
    platform.fail("errcode", errcode=43004, path=SEND_PATH, remaining=1)
    assert say(contact).why_code == "wechat_43004"
    (route,) = routes(brand, account, contact)
    assert route.reason == Reason.NOT_FOLLOWING
    with tenant_scope(brand):
        assert Identity.objects.get().unfollowed_at is not None


def test_a_cut_connection_leaves_unknown_and_is_never_repeated(say, contact, account, brand, platform):
    platform.fail("close", path=SEND_PATH, remaining=1)
    answer = say(contact)
    assert (answer.state, bool(answer.why_template)) == ("unknown", True)
    messages.deliver(brand.pk, answer.pk)
    messages.sweep()
    assert row(brand, answer).state == "unknown"
    assert num_sends(platform, account) <= 1
    (route,) = routes(brand, account, contact)
    assert route.num_left == 4  # it may have arrived


def test_a_timeout_leaves_unknown(say, contact, account, brand, platform, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUT", transport.TIMEOUT.__class__(0.5))
    transport.shared_http().close()
    transport.shared_http.cache_clear()
    platform.fail("hang", path=SEND_PATH, seconds=1.5, remaining=1)
    answer = say(contact)
    transport.shared_http().close()
    transport.shared_http.cache_clear()
    assert answer.state == "unknown"
    messages.deliver(brand.pk, answer.pk)
    assert row(brand, answer).state == "unknown"


def test_two_workers_send_a_message_once(contact, account, brand, platform, by):
    with tenant_scope(brand):
        message = messages.send_text(account, contact, "一次", by)
    messages.deliver(brand.pk, message.pk)
    messages.deliver(brand.pk, message.pk)
    assert num_sends(platform, account) == 1


def test_a_lost_hint_is_found_and_a_lost_worker_given_up(contact, account, brand, platform, by):
    with tenant_scope(brand):
        unheard, lost = (messages.send_text(account, contact, words, by) for words in ("一", "二"))
        MessageLog.objects.filter(pk=unheard.pk).update(created_at=timezone.now() - timedelta(minutes=1))
        MessageLog.objects.filter(pk=lost.pk).update(state="sending", claimed_at=timezone.now() - timedelta(minutes=6))
    assert messages._sweep_brand(brand.pk, timezone.now()) == 2
    assert (row(brand, unheard).state, row(brand, lost).state) == ("sent", "unknown")
    assert num_sends(platform, account) == 1


def test_what_waited_too_long_or_lost_its_window_is_not_sent(contact, account, brand, platform, by, hear, openid):
    with tenant_scope(brand):
        old, other = (messages.send_text(account, contact, words, by) for words in ("旧", "新"))
        MessageLog.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    hear(openid, MsgType="event", Event="unsubscribe", EventKey="")
    for message in (old, other):
        messages.deliver(brand.pk, message.pk)
    assert (row(brand, old).state, row(brand, old).why_code) == ("refused", "sent_too_late")
    assert (row(brand, other).state, row(brand, other).why_code) == ("refused", "unreachable")
    assert num_sends(platform, account) == 0


def test_a_paused_account_sends_nothing(contact, account, brand, by, platform):
    with tenant_scope(brand):
        message = messages.send_text(account, contact, "一", by)
        ConnectedAccount.objects.update(state="paused")
        account.refresh_from_db()
        with pytest.raises(AccountUnavailable):
            messages.send_text(account, contact, "二", by)
    messages.deliver(brand.pk, message.pk)
    assert (row(brand, message).state, row(brand, message).why_code) == ("refused", "account_unavailable")
    assert num_sends(platform, account) == 0


def test_what_wechat_would_not_take_is_refused_before(contact, account, brand, by, platform):
    with tenant_scope(brand), pytest.raises(PlatformFailed, match="at most 2048"):
        messages.send_text(account, contact, "长" * 700, by)
    with tenant_scope(brand), pytest.raises(PlatformFailed, match="no web address"):
        messages.send_card(account, contact, "春茶", "java script", by)
    with tenant_scope(brand):
        assert not MessageLog.objects.filter(direction="out").exists()


def test_a_card_arrives(contact, account, brand, by, platform, openid):
    with tenant_scope(brand):
        message = messages.send_card(account, contact, "春茶", "https://tea.example/", by, description="新到")
    messages.deliver(brand.pk, message.pk)
    assert row(brand, message).state == "sent"
    (got,) = platform.delivered(account.app_id, openid)
    assert got["kind"] == "news"


def subscribe(hear, openid, answer, event="subscribe_msg_popup_event"):
    wrapper = "SubscribeMsgPopupEvent" if "popup" in event else "SubscribeMsgChangeEvent"
    choice = {"TemplateId": TEMPLATE, "SubscribeStatusString": answer}
    hear(openid, MsgType="event", Event=event, **{wrapper: {"List": choice | {"PopupScene": "1"}}})


def test_a_subscription_is_used_up_by_one_notice(contact, hear, account, brand, by, platform, openid):
    notice = Channel.SUBSCRIPTION_NOTICE
    subscribe(hear, openid, "accept")
    (route,) = routes(brand, account, contact, notice)
    assert (route.is_open, route.num_left, route.template_id) == (True, 1, TEMPLATE)
    platform.fail("errcode", errcode=0, path=NOTICE_PATH, remaining=1)  # the template exists only for us
    with tenant_scope(brand):
        message = messages.send_notice(account, contact, TEMPLATE, {"thing1": "已发货"}, by)
    (route,) = routes(brand, account, contact, notice)
    assert (route.is_open, route.reason) == (False, Reason.NO_CONSENT)  # on its way
    messages.deliver(brand.pk, message.pk)
    assert row(brand, message).state == "sent"
    with tenant_scope(brand):
        assert Conversation.objects.get().consents[TEMPLATE]["num_left"] == 0
        with pytest.raises(messages.Unreachable, match="no subscription left"):
            messages.send_notice(account, contact, TEMPLATE, {"thing1": "再来"}, by)
    assert len(platform.calls(NOTICE_PATH)) == 1


def test_a_refused_notice_leaves_the_subscription_and_closes_the_way(
    contact, hear, account, brand, by, platform, openid
):
    subscribe(hear, openid, "accept")
    platform.fail("errcode", errcode=43101, path=NOTICE_PATH, remaining=1)
    with tenant_scope(brand):
        message = messages.send_notice(account, contact, TEMPLATE, {"thing1": "已发货"}, by)
    messages.deliver(brand.pk, message.pk)
    assert (row(brand, message).state, row(brand, message).why_code) == ("refused", "wechat_43101")
    (route,) = routes(brand, account, contact, Channel.SUBSCRIPTION_NOTICE)
    assert route.reason == Reason.NO_CONSENT


def test_a_subscription_taken_back_in_the_settings_is_gone(contact, hear, account, brand, openid):
    subscribe(hear, openid, "accept")
    subscribe(hear, openid, "reject", "subscribe_msg_change_event")
    (route,) = routes(brand, account, contact, Channel.SUBSCRIPTION_NOTICE)
    assert route.reason == Reason.NO_CONSENT


def test_an_undelivered_notice_says_so(contact, hear, account, brand, openid):
    with tenant_scope(brand):
        sent = MessageLog.objects.create(
            conversation=Conversation.objects.get(), direction="out", kind="notice", channel="subscription_notice",
            at=timezone.now(), state="sent", msg_id="77",
        )  # fmt: skip
    result = {"TemplateId": TEMPLATE, "MsgID": "77", "ErrorCode": "43101", "ErrorStatus": "user refuse"}
    hear(openid, MsgType="event", Event="subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": result})
    assert (row(brand, sent).state, row(brand, sent).why_context) == ("refused", {"status": "user refuse"})


def test_broadcasts_of_the_month_count(contact, hear, account, brand, openid):
    def left():
        return routes(brand, account, contact, Channel.BROADCAST_LIST)[0]

    assert left().num_left == 4
    for number in range(4):
        hear(
            "operator", MsgType="event", Event="MASSSENDJOBFINISH", MsgID=str(number), Status="send success",
            TotalCount=9, FilterCount=9, SentCount=9, ErrorCount=0,
        )  # fmt: skip
    assert (left().is_open, left().reason) == (False, Reason.MONTH_FULL)
    with tenant_scope(brand):
        assert Broadcast.objects.count() == 4


def test_nobody_unknown_to_the_account_is_written_to(account, brand, by):
    with tenant_scope(brand):
        someone = Contact.objects.create(external_id="nobody")
        assert routes_for(account, someone) == []
        with pytest.raises(messages.Unreachable, match="does not know this person"):
            messages.send_text(account, someone, "x", by)
        assert not Conversation.objects.exists()


def test_old_messages_are_forgotten(say, contact, brand, settings):
    say(contact)
    settings.MESSAGE_KEEP_DAYS = 30
    assert messages.forget_old(brand.pk, timezone.now() + timedelta(days=29)) == 0
    assert messages.forget_old(brand.pk, timezone.now() + timedelta(days=31)) == 2
