"""Every way to send, against the simulated platform; its log of what people really got is the judge."""

import pytest

from connectors.wechat import customer_messages as messages
from connectors.wechat import drafts, mass, materials, publishing, subscriptions, templates
from connectors.wechat.articles import Article
from connectors.wechat.errors import (
    BadTemplate,
    NoMassSends,
    NoSubscription,
    NotAllowed,
    NotFollowing,
    RefusesMessages,
    WindowClosed,
    WindowUsedUp,
)
from connectors.wechat.materials import MediaKind
from connectors.wechat.notices import MiniProgramPage
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown
from connectors.wechat.rules import AccountKind
from tests.connectors.wechat.contract.files import JPG, MP4, amr

SERVICE, MINI = AccountKind.SERVICE, AccountKind.MINIPROGRAM
HELLO = messages.Text("您好")


def send(account, openid, message=HELLO, kind=SERVICE):
    return messages.send(account.client, openid, message, kind)


def why(outcome):
    assert isinstance(outcome, RefusedSend), outcome
    return type(outcome.why)


def upload(account, kind, content):
    return materials.upload_temporary(account.client, kind, content).media_id


def got(account, openid, via):
    return [line for line in account.platform.delivered(account.app_id, openid) if line["via"] == via]


def writing_follower(account):
    openid = account.add_follower()
    account.let("send", openid, kind="text", Content="在吗")
    return openid


# --- customer messages ----------------------------------------------------------------------------------------------


def test_every_type_arrives(service, mini):
    service.platform.link_mini(app_id=service.app_id, mini_app_id=mini.app_id)
    image, thumb = upload(service, MediaKind.IMAGE, JPG), upload(service, MediaKind.THUMB, JPG)
    voice, video = upload(service, MediaKind.VOICE, amr(1)), upload(service, MediaKind.VIDEO, MP4)
    cover = materials.upload_permanent(service.client, MediaKind.IMAGE, JPG).media_id
    draft = drafts.add_draft(service.client, Article("题", "文", cover))
    published = publishing.publish(service.client, drafts.add_draft(service.client, Article("题", "文", cover)))
    service.platform.advance(60)
    article_id = publishing.read_publication(service.client, published.msg_id).article_id
    every = [
        HELLO, messages.Image(image), messages.Voice(voice), messages.Video(video, thumb, "题", "述"),
        messages.Music("https://a.cn/1.mp3", "https://a.cn/2.mp3", thumb, "题"), messages.News("题", "https://a.cn"),
        messages.MaterialArticle(draft), messages.PublishedArticle(article_id),
        messages.Choices((("1", "好"), ("2", "不好")), "满意吗"), messages.Coupon("C1"),
        messages.MiniProgramCard("题", "pages/a", thumb, mini.app_id),
    ]  # fmt: skip
    for message in every:
        openid = writing_follower(service)
        assert isinstance(send(service, openid, message), Sent), message
        (line,) = got(service, openid, "custom")
        assert line["kind"] == message.msgtype


def test_every_type_of_a_mini_program_arrives(mini):
    image = upload(mini, MediaKind.IMAGE, JPG)
    openid = writing_follower(mini)
    for message in (
        HELLO,
        messages.Image(image),
        messages.Link("题", "述", "https://a.cn", "https://a.cn/1.jpg"),
        messages.MiniProgramCard("题", "pages/a", image),
    ):
        assert isinstance(send(mini, openid, message, MINI), Sent), message
    assert [line["kind"] for line in got(mini, openid, "custom")] == ["text", "image", "link", "miniprogrampage"]


def test_a_text_of_2048_bytes_arrives(service):
    text = "国" * 682 + "ab"
    openid = writing_follower(service)
    assert isinstance(send(service, openid, messages.Text(text)), Sent)
    assert got(service, openid, "custom")[0]["payload"]["content"] == text


def test_windows_close_and_are_used_up(service):
    openid = service.add_follower()
    assert why(send(service, openid)) is WindowClosed
    service.let("send", openid, kind="text", Content="在吗")
    assert [type(send(service, openid)) for _ in range(5)] == [Sent] * 5
    assert why(send(service, openid)) is WindowUsedUp
    service.let("send", openid, kind="text", Content="还在吗")
    assert isinstance(send(service, openid), Sent)
    service.platform.advance(48 * 3600)
    assert why(send(service, openid)) is WindowClosed


def test_other_refusals(service, connect):
    openid = writing_follower(service)
    service.let("refuse_messages", openid)
    assert why(send(service, openid)) is RefusesMessages
    gone = writing_follower(service)
    service.let("unfollow", gone)
    assert why(send(service, gone)) is NotFollowing
    unverified = connect("subscription", verified=False)
    assert why(send(unverified, "o" + "x" * 27, kind=AccountKind.SUBSCRIPTION)) is NotAllowed


@pytest.mark.parametrize("fault", [{"kind": "close", "after": True}, {"kind": "html", "status": 502, "after": True}])
def test_a_lost_answer_is_unknown_and_the_message_arrived_once(service, fault):
    openid = writing_follower(service)
    service.client.tokens.get()
    service.platform.fail(path="/cgi-bin/message/custom/send", remaining=1, **fault)
    assert isinstance(send(service, openid), Unknown)
    assert len(got(service, openid, "custom")) == 1


def test_a_killed_token_is_renewed_and_the_message_arrives_once(service):
    openid = writing_follower(service)
    assert isinstance(send(service, openid), Sent)
    service.platform.kill_tokens(app_id=service.app_id)
    assert isinstance(send(service, openid), Sent)
    assert len(got(service, openid, "custom")) == 2


@pytest.mark.parametrize(("errcode", "permanent"), [(-1, False), (45009, False), (45011, False), (48001, True)])
def test_injected_refusals(service, errcode, permanent):
    openid = writing_follower(service)
    service.platform.fail("errcode", path="/cgi-bin/message/custom/send", errcode=errcode, remaining=1)
    outcome = send(service, openid)
    assert isinstance(outcome, RefusedSend)
    assert outcome.permanent is permanent
    assert got(service, openid, "custom") == []


def test_typing(service):
    openid = service.add_follower()
    assert messages.show_typing(service.client, openid) is False
    service.let("send", openid, kind="text", Content="在吗")
    assert messages.show_typing(service.client, openid) is True
    assert messages.show_typing(service.client, openid) is False  # shown already
    assert messages.show_typing(service.client, openid, False) is True


# --- template messages and notices ----------------------------------------------------------------------------------

VALUES = {"character_string1": "A20261124001", "const2": "已发货", "amount3": "¥99.00", "thing4": "咖啡豆"}
COURSE = {"thing1": "瑜" * 20, "time2": "2026-11-24 19:30"}


def test_a_template_message_arrives(service, mini):
    service.platform.link_mini(app_id=service.app_id, mini_app_id=mini.app_id)
    template_id = templates.add_template(service.client, "1102", ("订单编号", "订单状态", "金额", "商品名称"))
    (found,) = templates.read_templates(service.client)
    assert (found.template_id, found.title) == (template_id, "订单状态通知")
    openid = service.add_follower()
    page = MiniProgramPage(mini.app_id, "pages/order?id=1")
    message = templates.TemplateMessage(openid, template_id, VALUES, "https://a.cn", page)
    first = templates.send(service.client, message, "c-1")
    assert isinstance(first, Sent)
    assert templates.send(service.client, message, "c-1") == first
    service.platform.advance(60)
    (line,) = got(service, openid, "template")
    assert line["msg_id"] == first.msg_id
    assert "A20261124001" in line["payload"]["text"]


def test_template_refusals(service):
    template_id = templates.add_template(service.client, "1102", ("商品名称",))
    openid = service.add_follower()
    message = templates.TemplateMessage(openid, template_id, {"thing1": "货"})
    service.let("mute_template", openid, template_id=template_id)
    assert why(templates.send(service.client, message)) is NoSubscription
    service.platform.ban_template(app_id=service.app_id, template_id=template_id)
    assert why(templates.send(service.client, message)) is BadTemplate
    templates.delete_template(service.client, template_id)
    assert why(templates.send(service.client, message)) is BadTemplate
    service.let("unfollow", openid)
    assert templates.read_templates(service.client) == ()


def test_industries(service):
    templates.set_industries(service.client, "16", "31")
    assert templates.read_industries(service.client) == (("教育", "培训"), ("消费品", "消费品"))


def test_a_service_accounts_notice_uses_up_a_consent(service):
    template_id = subscriptions.add_template(service.client, "1101", (1, 2), "开课提醒")
    openid = service.add_follower()
    notice = subscriptions.Notice(openid, template_id, COURSE)
    assert why(subscriptions.send_from_service_account(service.client, notice)) is NoSubscription
    service.let("answer_popup", openid, answers={template_id: True}, scene=1)
    assert isinstance(subscriptions.send_from_service_account(service.client, notice), Sent)
    assert why(subscriptions.send_from_service_account(service.client, notice)) is NoSubscription
    assert len(got(service, openid, "subscription")) == 1


def test_a_mini_programs_notice(mini):
    once = subscriptions.add_template(mini.client, "1101", (1, 2), "开课提醒")
    long = subscriptions.add_template(mini.client, "1104", (1, 3), "学习")
    found = {template.template_id: template.type for template in subscriptions.read_templates(mini.client)}
    assert found == {once: 2, long: 3}
    openid = mini.add_follower()
    mini.let("answer_popup", openid, answers={once: True, long: True})
    notice = subscriptions.Notice(openid, once, COURSE, "pages/a")
    assert isinstance(subscriptions.send_from_mini_program(mini.client, notice), Sent)
    assert why(subscriptions.send_from_mini_program(mini.client, notice)) is NoSubscription
    progress = subscriptions.Notice(openid, long, {"thing1": "英语", "phrase2": "优秀"})
    assert [type(subscriptions.send_from_mini_program(mini.client, progress)) for _ in range(3)] == [Sent] * 3
    mini.let("switch_notices", openid, template_id=long, on=False)
    assert why(subscriptions.send_from_mini_program(mini.client, progress)) is NoSubscription
    subscriptions.delete_template(mini.client, once)
    assert len(subscriptions.read_templates(mini.client)) == 1


def test_the_old_one_time_kind(service):
    openid = service.platform.add_user(service.app_id, following=False)
    message = subscriptions.OnceMessage(openid, "TPL", 1000, "题" * 15, "文" * 200, "https://a.cn")
    assert why(subscriptions.send_once(service.client, message)) is NoSubscription
    service.let("confirm_subscription_page", openid, template_id="TPL", scene=1000, redirect_url="https://a.cn")
    assert isinstance(subscriptions.send_once(service.client, message), Sent)
    assert why(subscriptions.send_once(service.client, message)) is NoSubscription


# --- broadcasts -----------------------------------------------------------------------------------------------------


def test_a_broadcast_arrives_and_is_not_sent_twice(service):
    openids = service.platform.add_users(service.app_id, 3)
    first = mass.send_to_all(service.client, mass.TextPayload("今晚八点"), "job-1")
    assert isinstance(first, Sent)
    assert mass.read_state(service.client, first.msg_id) is mass.MassState.SENDING
    soon = mass.send_to_all(service.client, mass.TextPayload("今晚八点"), "job-1")
    assert isinstance(soon, RefusedSend)
    assert not soon.permanent
    assert soon.until is not None
    service.platform.advance(61)
    again = mass.send_to_all(service.client, mass.TextPayload("今晚八点"), "job-1")
    assert again == Sent(first.msg_id, was_sent_before=True)
    assert mass.read_state(service.client, first.msg_id) is mass.MassState.SUCCESS
    assert [len(got(service, openid, "mass")) for openid in openids] == [1, 1, 1]


def test_an_unknown_broadcast_is_repeated_with_its_id(service):
    openids = service.platform.add_users(service.app_id, 2)
    service.client.tokens.get()
    service.platform.fail("close", path="/cgi-bin/message/mass/send", remaining=1, after=True)
    payload = mass.TextPayload("今晚八点")
    assert isinstance(mass.send_to_list(service.client, tuple(openids), payload, "job-2"), Unknown)
    service.platform.advance(61)
    again = mass.send_to_list(service.client, tuple(openids), payload, "job-2")
    assert isinstance(again, Sent)
    assert again.was_sent_before
    assert [len(got(service, openid, "mass")) for openid in openids] == [1, 1]


def test_every_payload_is_taken(service):
    openids = tuple(service.platform.add_users(service.app_id, 2))
    image, voice = upload(service, MediaKind.IMAGE, JPG), upload(service, MediaKind.VOICE, amr(1))
    video = mass.prepare_video(service.client, upload(service, MediaKind.VIDEO, MP4), "题", "述")
    cover = materials.upload_permanent(service.client, MediaKind.IMAGE, JPG).media_id
    draft = drafts.add_draft(service.client, Article("题", "文", cover))
    payloads = [
        mass.DraftPayload(draft), mass.TextPayload("文"), mass.VoicePayload(voice),
        mass.PicturesPayload((image, image), "看", True), mass.VideoPayload(video), mass.CouponPayload("C1"),
    ]  # fmt: skip
    for number, payload in enumerate(payloads):
        assert isinstance(mass.preview(service.client, payload, openid=openids[0]), Sent), payload
        outcome = mass.send_to_list(service.client, openids, payload, f"job-{number}")
        assert isinstance(outcome, Sent), payload
        assert bool(outcome.msg_data_id) == isinstance(payload, mass.DraftPayload)
    service.platform.advance(600)
    assert len(got(service, openids[0], "preview")) == 6
    assert len(got(service, openids[0], "mass")) == 4  # four a month, the others are filtered
    assert drafts.count_drafts(service.client) == 0


def test_a_sent_article_is_deleted(service):
    service.add_follower()
    cover = materials.upload_permanent(service.client, MediaKind.IMAGE, JPG).media_id
    draft = drafts.add_draft(service.client, *[Article("题", "文", cover)] * 2)
    outcome = mass.send_to_all(service.client, mass.DraftPayload(draft), "job-1")
    service.platform.advance(600)
    mass.delete(service.client, outcome.msg_id, 2)
    mass.delete(service.client, outcome.msg_id)
    assert mass.read_state(service.client, outcome.msg_id) is mass.MassState.DELETED


def test_a_subscription_account_sends_once_a_day(subscription):
    payload = mass.TextPayload("早")
    assert isinstance(mass.send_to_all(subscription.client, payload, "job-1"), Sent)
    outcome = mass.send_to_all(subscription.client, payload, "job-2")
    assert why(outcome) is NoMassSends
    assert not outcome.permanent
    subscription.platform.advance(86_400)
    assert isinstance(mass.send_to_all(subscription.client, payload, "job-3"), Sent)
    assert why(mass.send_to_list(subscription.client, ("oA", "oB"), payload, "job-4")) is NotAllowed


def test_speed(service):
    mass.set_speed(service.client, 4)
    assert mass.read_speed(service.client) == 4
