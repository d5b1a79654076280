"""What pushes do once a worker applies them: contacts, acts, consent, the account's own state; each once."""

import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from accounts.tenancy import tenant_scope
from audience import erasures
from audience.kinds import EventKind
from audience.models import Consent, Contact, Erasure, Event, Identity
from connectors import connections, receipts
from connectors.models import AccountProblem, ConnectedAccount, PushReceipt
from connectors.tasks import sweep_pushes
from tests.connectors.conftest import APP_ID, OPENID, event, message

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture
def apply(account, brand):
    """`apply()` does what the hinted worker does."""
    return lambda: receipts.apply_waiting(brand.pk, account.pk)


@pytest.fixture
def acts(brand):
    """`acts()` is every recorded act of the brand in the order of time: (kind, time, text)."""

    def read():
        with tenant_scope(brand):
            rows = Event.objects.order_by("occurred_at", "source_key").values_list("kind", "occurred_at", "text")
            return [(EventKind(kind), at, text) for kind, at, text in rows]

    return read


def identity(brand):
    with tenant_scope(brand):
        return Identity.objects.select_related("contact").get(kind="openid", account_ref=APP_ID, value=OPENID)


def at(minutes):
    return (NOON + timedelta(minutes=minutes)).timestamp()


def test_a_follow_makes_a_contact_with_its_openid_and_an_act(sender, apply, brand, acts):
    sender.send(event("subscribe", at=at(0), EventKey="qrscene_shop-7", Ticket="t"))
    assert apply() == 1
    found = identity(brand)
    assert (found.contact.external_id, found.contact.followed_at, found.is_following) == (OPENID, NOON, True)
    assert acts() == [(EventKind.FOLLOW, NOON, "shop-7")]


def test_a_known_contact_with_the_openid_as_its_id_gets_the_acts(sender, apply, brand):
    with tenant_scope(brand):
        known = Contact.objects.create(external_id=OPENID, name="王小明")
    sender.send(message())
    apply()
    assert identity(brand).contact == known


def test_leaving_is_noted(sender, apply, brand, acts):
    sender.send(event("subscribe", at=at(0), EventKey=""))
    sender.send(event("unsubscribe", at=at(5), EventKey=""))
    apply()
    assert not identity(brand).is_following
    assert [kind for kind, _at, _text in acts()] == [EventKind.FOLLOW, EventKind.UNFOLLOW]


def test_a_late_follow_does_not_undo_a_newer_leaving(sender, apply, brand):
    sender.send(event("unsubscribe", at=at(5), EventKey=""))
    apply()
    sender.send(event("subscribe", at=at(0), EventKey=""))
    apply()
    found = identity(brand)
    assert (found.is_following, found.followed_at, found.unfollowed_at) == (False, NOON, NOON + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("document", "act"),
    [
        (event("SCAN", at=at(0), EventKey="course-3", Ticket="t"), (EventKind.SCAN, NOON, "course-3")),
        (event("CLICK", at=at(0), EventKey="menu-hot"), (EventKind.CLICK, NOON, "menu-hot")),
        (event("VIEW", at=at(0), EventKey="https://shop.test/"), (EventKind.VIEW, NOON, "https://shop.test/")),
        (event("view_miniprogram", at=at(0), EventKey="pages/a"), (EventKind.VIEW, NOON, "pages/a")),
        (message("有货吗", at=at(0)), (EventKind.MESSAGE_IN, NOON, "有货吗")),
        (message(at=at(0), MsgType="image", MediaId="m"), (EventKind.MESSAGE_IN, NOON, "[image]")),
    ],
)  # fmt: skip
def test_an_act_is_recorded_with_its_time_and_detail(sender, apply, acts, document, act):
    sender.send(document)
    assert apply() == 1
    assert acts() == [act]


def test_shuffled_repeated_and_forged_pushes_make_each_accepted_fact_once(sender, account, apply, acts, kept):
    """Two hundred facts, each sent one to three times in any order, forgeries in between."""
    dice = random.Random(7)
    facts = [event("CLICK", at=at(number), EventKey=f"k{number}") for number in range(100)]
    facts += [message(f"m{number}", msg_id=str(number), at=at(200 + number)) for number in range(100)]
    deliveries = [fact for fact in facts for _ in range(dice.randint(1, 3))]
    dice.shuffle(deliveries)
    for number, fact in enumerate(deliveries):
        assert sender.send(fact).content == b"success"
        if number % 5 == 0:
            sender.token = "forged"
            assert sender.send(event("CLICK", EventKey="forged")).status_code == 403
            sender.token = "tokenOfTheCallback"
        if number % 50 == 0:
            apply()
    apply()
    assert len(kept()) == 200
    assert [text for _kind, _at, text in acts()] == [f"k{n}" for n in range(100)] + [f"m{n}" for n in range(100)]


def test_applying_the_same_receipt_again_adds_nothing(sender, apply, acts, brand):
    sender.send(message(at=at(0)))
    apply()
    with tenant_scope(brand):
        PushReceipt.objects.update(state="received")
    apply()
    assert len(acts()) == 1


def test_unknown_events_are_kept_only(sender, apply, kept, acts):
    sender.send(event("brand_new_event"))
    apply()
    assert ([receipt.state for receipt in kept()], acts()) == (["ignored"], [])


def test_a_push_from_the_future_counts_as_now(sender, apply, acts):
    sender.send(message(at=time.time() + 90 * 86400))
    apply()
    ((_kind, occurred_at, _text),) = acts()
    assert abs(occurred_at.timestamp() - time.time()) < 60


def test_arrival_is_noted_on_the_account(sender, apply, brand, kept):
    sender.send(message())
    apply()
    with tenant_scope(brand):
        found = ConnectedAccount.objects.get()
    assert found.first_push_at == found.last_push_at == kept()[0].received_at


def test_a_paused_accounts_pushes_are_applied_after_resuming(sender, account, apply, brand, by, acts):
    with tenant_scope(brand):
        connections.pause(account, by)
    sender.send(message(at=at(0)))
    assert (apply(), acts()) == (0, [])
    with tenant_scope(brand):
        connections.resume(account, by)
    assert (apply(), len(acts())) == (1, 1)


def test_one_push_that_cannot_be_applied_does_not_hold_up_the_others(sender, apply, kept, acts, monkeypatch, brand, by):
    def fail(account, push, receipt):
        raise ValueError("odd")

    click = receipts.HANDLERS[receipts.pushes.MenuClicked]
    monkeypatch.setitem(receipts.HANDLERS, receipts.pushes.MenuClicked, fail)
    sender.send(event("CLICK", at=at(0), EventKey="a"))
    sender.send(message(at=at(1)))
    assert apply() == 2
    assert [(receipt.kind, receipt.state) for receipt in kept()] == [("event.click", "failed"), ("text", "applied")]
    assert kept()[0].error_code == "internal_error"
    monkeypatch.setitem(receipts.HANDLERS, receipts.pushes.MenuClicked, click)
    with tenant_scope(brand):
        assert receipts.retry_failed(ConnectedAccount.objects.get(), by) == 1
    apply()
    assert [receipt.state for receipt in kept()] == ["applied", "applied"]
    assert len(acts()) == 2


def test_the_sweep_finds_pushes_whose_hint_got_lost(sender, brand, acts):
    sender.send(message())
    assert sweep_pushes() == 0  # too young: its hint may still come
    with tenant_scope(brand):
        PushReceipt.objects.update(received_at=NOON)
    assert sweep_pushes() == 1
    assert len(acts()) == 1


def test_withdrawn_authorisation_ends_consent_and_starts_the_deletion_clock(sender, apply, brand, settings):
    settings.DELETION_DELAY_DAYS = 15
    sender.send(message())
    sender.send(event("user_authorization_revoke", openid="gh_platform", OpenID=OPENID, AppID=APP_ID, RevokeInfo="205"))
    apply()
    with tenant_scope(brand):
        contact = Contact.objects.get()
        assert {c.state for c in contact.consents.all()} == {"withdrawn"}
        assert contact.consents.count() == len(Consent.Purpose.values)
        assert contact.consents.first().evidence == "user_authorization_revoke 205"
        assert contact.is_personalisation_off
        due_at = Erasure.objects.get().due_at
    assert abs(due_at.timestamp() - time.time() - 15 * 86400) < 60


def test_the_deletion_takes_the_contact_and_its_events_and_nothing_else(sender, apply, brand, acts):
    sender.send(message())
    sender.send(message(msg_id="2", **{"FromUserName": "oQHsomebodyelse"}))
    sender.send(event("user_authorization_cancellation", openid="gh_platform", OpenID=OPENID, AppID=APP_ID))
    apply()
    with tenant_scope(brand):
        now = datetime.now(UTC)
        assert erasures.erase_due(now) == 0
        assert erasures.erase_due(now + timedelta(days=16)) == 1
        assert [contact.external_id for contact in Contact.objects.all()] == ["oQHsomebodyelse"]
        assert Identity.objects.filter(value=OPENID).count() == 0
    assert len(acts()) == 1


def test_a_cleaned_profile_loses_its_name(sender, apply, brand):
    with tenant_scope(brand):
        Contact.objects.create(external_id=OPENID, name="昵称")
    sender.send(event("user_info_modified", openid="gh_platform", OpenID=OPENID, AppID=APP_ID, RevokeInfo=""))
    apply()
    with tenant_scope(brand):
        assert Contact.objects.get().name == ""


def test_an_expired_verification_is_noted_with_its_fix(sender, apply, brand):
    sender.send(event("verify_expired", at=at(0), ExpiredTime=int(at(0))))
    apply()
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().is_verified is False
        assert AccountProblem.objects.get().code == "verify_expired"


def test_a_late_expiry_does_not_undo_a_newer_verification(sender, apply, brand):
    sender.send(event("qualification_verify_success", at=at(10), ExpiredTime=int(at(500_000))))
    apply()
    sender.send(event("verify_expired", at=at(0), ExpiredTime=int(at(0))))
    apply()
    with tenant_scope(brand):
        found = ConnectedAccount.objects.get()
    assert (found.is_verified, found.verified_until) == (True, NOON + timedelta(minutes=500_000))


def test_the_account_learns_its_original_id_from_a_push(sender, account, apply, brand):
    with tenant_scope(brand):
        ConnectedAccount.objects.update(original_id="")
    sender.send(message())
    apply()
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().original_id == "gh_qinghe"


def test_old_pushes_are_forgotten_and_waiting_ones_stay(sender, apply, brand, kept, settings):
    settings.PUSH_KEEP_DAYS = 30
    sender.send(message(msg_id="1"))
    apply()
    sender.send(message(msg_id="2"))
    now = datetime.now(UTC)
    assert receipts.forget_old(brand.pk, now + timedelta(days=29)) == 0
    assert receipts.forget_old(brand.pk, now + timedelta(days=31)) == 1
    assert [receipt.state for receipt in kept()] == ["received"]
