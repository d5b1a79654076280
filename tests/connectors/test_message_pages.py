"""The pages of what is said: the newest conversations, one talk with its ways and the reply, the contact's part."""

import time

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import gettext, override

from accounts.models import Role
from accounts.tenancy import tenant_scope
from audience.models import Contact, Identity
from connectors import receipts
from connectors.models import Conversation, MessageLog
from connectors.wechat.reachability import MEANINGS, Reason
from tests.connectors.conftest import APP_ID, OPENID, event, message

HOUR = 3600


@pytest.fixture(autouse=True)
def english(as_owner):
    as_owner.cookies["django_language"] = "en"


@pytest.fixture
def hear(sender, account, brand):
    """`hear(document)` is a push, applied."""

    def do(document):
        assert sender.send(document).status_code == 200
        receipts.apply_waiting(brand.pk, account.pk)
        with tenant_scope(brand):
            return Identity.objects.select_related("contact").get(value=OPENID).contact

    return do


def url(account, contact, rest=""):
    return f"/b/brand/channels/{account.code}/people/{contact.code}/{rest}"


def test_who_wrote_stands_in_the_list_and_on_top_the_newest(hear, account, as_owner, brand):
    hear(message("请问有春茶吗"))
    page = as_owner.get(f"/b/brand/channels/{account.code}/messages/")
    assert "请问有春茶吗" in page.text
    assert OPENID in page.text


def test_an_empty_list_says_what_will_come(account, as_owner):
    assert "Nobody has written yet" in as_owner.get(f"/b/brand/channels/{account.code}/messages/").text


def test_a_talk_shows_words_and_ways_and_takes_an_answer(hear, account, as_owner, brand, hints):
    contact = hear(message("请问有春茶吗"))
    page = as_owner.get(url(account, contact)).text
    assert "请问有春茶吗" in page
    assert "5 messages left" in page
    assert 'name="text"' in page
    answer = as_owner.post(url(account, contact, "reply/"), {"text": "有的，明前龙井"}, follow=True)
    assert answer.status_code == 200
    assert "有的，明前龙井" in answer.text
    assert "every 2s" in answer.text
    assert as_owner.get(url(account, contact, "log/")).status_code == 200
    with tenant_scope(brand):
        ours = MessageLog.objects.get(direction="out")
        assert (ours.state, ours.created_by) == ("pending", "owner@brand.test")
        MessageLog.objects.filter(pk=ours.pk).update(state="unknown", why_template="It may have been sent.")
    ended = as_owner.get(url(account, contact, "log/"))
    assert (ended.status_code, "It may have been sent." in ended.text) == (286, True)
    assert "every 2s" not in ended.text


def test_a_hint_goes_out_once_the_message_is_committed(
    hear, account, as_owner, hints, brand, django_capture_on_commit_callbacks
):
    contact = hear(message())
    hints.clear()
    with django_capture_on_commit_callbacks(execute=True):
        as_owner.post(url(account, contact, "reply/"), {"text": "好"})
    with tenant_scope(brand):
        ours = MessageLog.objects.get(direction="out")
    assert hints == [("connectors.tasks.send_message", brand.pk, ours.pk)]


def test_a_closed_window_says_why_and_takes_nothing(hear, account, as_owner, brand):
    contact = hear(message(at=time.time() - 49 * HOUR))
    page = as_owner.get(url(account, contact)).text
    assert "The time to answer ended at" in page
    assert 'name="text"' not in page
    answer = as_owner.post(url(account, contact, "reply/"), {"text": "还在吗"})
    assert answer.status_code == 422
    assert "还在吗" in answer.text
    with tenant_scope(brand):
        assert not MessageLog.objects.filter(direction="out").exists()


def test_an_empty_answer_is_not_sent(hear, account, as_owner, brand):
    contact = hear(message())
    assert as_owner.post(url(account, contact, "reply/"), {"text": " "}).status_code == 422
    with tenant_scope(brand):
        assert not MessageLog.objects.filter(direction="out").exists()


@pytest.mark.parametrize(("role", "status"), [(Role.MARKETER, 302), (Role.ANALYST, 403), (Role.VIEWER, 403)])
def test_who_may_edit_contacts_may_answer(hear, account, brand, teammate, role, status):
    contact = hear(message())
    client = Client()
    client.force_login(teammate(role))
    page = client.get(url(account, contact))
    assert (page.status_code, 'name="text"' in page.text) == (200, status == 302)
    assert client.post(url(account, contact, "reply/"), {"text": "好"}).status_code == status
    with tenant_scope(brand):
        assert MessageLog.objects.filter(direction="out").count() == (status == 302)


def test_another_brands_people_are_not_found(hear, account, as_stranger, as_owner, other_brand):
    contact = hear(message())
    assert as_stranger.get(url(account, contact)).status_code == 404
    with tenant_scope(other_brand):
        theirs = Contact.objects.create(external_id="theirs")
    assert as_owner.get(url(account, theirs)).status_code == 404
    assert as_owner.get(f"/b/brand/channels/people/{theirs.code}/").status_code == 404


def test_a_contacts_page_leads_to_the_talk(hear, account, as_owner, brand):
    contact = hear(event("subscribe", EventKey=""))
    slot = f"/b/brand/channels/people/{contact.code}/"
    assert slot in as_owner.get(f"/b/brand/contacts/{contact.code}/").text
    part = as_owner.get(slot).text
    assert url(account, contact) in part
    with tenant_scope(brand):
        nobody = Contact.objects.create(external_id="nobody")
    assert "list-group" not in as_owner.get(f"/b/brand/channels/people/{nobody.code}/").text
    assert "does not know the person" in as_owner.get(url(account, nobody)).text


def test_older_messages_are_on_the_next_page(account, as_owner, brand):
    with tenant_scope(brand):
        contact = Contact.objects.create(external_id=OPENID)
        Identity.objects.create(contact=contact, kind="openid", account_ref=APP_ID, value=OPENID)
        talk = Conversation.objects.create(account=account, openid=OPENID, contact=contact)
        rows = [
            MessageLog(
                conversation=talk, direction="in", kind="text", text=f"word-{n:02}.", at=timezone.now(),
                state="received", msg_id=str(n),
            )
            for n in range(51)
        ]  # fmt: skip
        MessageLog.objects.bulk_create(rows)
    first, second = (as_owner.get(url(account, contact), {"page": page}).text for page in (1, 2))
    assert ("word-50." in first, "word-00." in first) == (True, False)
    assert first.index("word-01.") < first.index("word-50.")
    assert ("word-00." in second, "word-50." in second) == (True, False)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_said_in_chinese(reason):
    with override("zh-hans"):
        said = gettext(MEANINGS[reason].template)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in said)
