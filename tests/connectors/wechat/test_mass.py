"""Broadcasts: targets, payloads, our own id, and what comes of a repetition."""

from datetime import timedelta

import pytest

from connectors.wechat import mass
from connectors.wechat.clock import now
from connectors.wechat.errors import BadMessage, NoMassSends, NotAllowed, TooLong
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown

ALL = "/cgi-bin/message/mass/sendall"
LIST = "/cgi-bin/message/mass/send"
OK = {"errcode": 0, "errmsg": "send job submission success", "msg_id": 34182, "msg_data_id": 206227730}
TEXT = mass.TextPayload("今晚八点")


def test_everybody_gets_a_draft(client, listener):
    listener.answer(ALL, OK)
    assert mass.send_to_all(client, mass.DraftPayload("M1"), "job-1") == Sent("34182", "206227730")
    assert listener.last.body == {
        "filter": {"is_to_all": True}, "msgtype": "mpnews", "mpnews": {"media_id": "M1"},
        "send_ignore_reprint": 0, "clientmsgid": "job-1",
    }  # fmt: skip


def test_a_tag_gets_a_text(client, listener):
    listener.answer(ALL, {"errcode": 0, "msg_id": "9223372036854775807"})
    outcome = mass.send_to_tag(client, 134, TEXT, "job-2", ignore_reprint=True)
    assert outcome == Sent("9223372036854775807")
    assert listener.last.body == {
        "filter": {"is_to_all": False, "tag_id": 134}, "msgtype": "text", "text": {"content": "今晚八点"},
        "send_ignore_reprint": 1, "clientmsgid": "job-2",
    }  # fmt: skip


@pytest.mark.parametrize(("payload", "msgtype", "fields"), [
    (mass.VoicePayload("M1"), "voice", {"voice": {"media_id": "M1"}}),
    (mass.PicturesPayload(("M1", "M2"), "看", True, True), "image",
     {"images": {"media_ids": ["M1", "M2"], "recommend": "看", "need_open_comment": 1, "only_fans_can_comment": 1}}),
    (mass.VideoPayload("M1"), "mpvideo", {"mpvideo": {"media_id": "M1"}}),
    (mass.CouponPayload("C1"), "wxcard", {"wxcard": {"card_id": "C1"}}),
])  # fmt: skip
def test_other_payloads(client, listener, payload, msgtype, fields):
    listener.answer(LIST, OK)
    mass.send_to_list(client, ("oA", "oB"), payload, "job-3")
    assert listener.last.body == {
        "touser": ["oA", "oB"], "msgtype": msgtype, **fields, "send_ignore_reprint": 0, "clientmsgid": "job-3"
    }  # fmt: skip


@pytest.mark.parametrize("num", [2, 10_000])
def test_a_list_has_two_to_ten_thousand_people(client, listener, num):
    listener.answer(LIST, OK)
    outcome = mass.send_to_list(client, tuple(f"o{number}" for number in range(num)), TEXT, "job-4")
    assert isinstance(outcome, Sent)
    assert len(listener.last.body["touser"]) == num


@pytest.mark.parametrize("openids", [
    ("oA",), ("oA", "oA"), (), tuple(f"o{number}" for number in range(10_001)),
])  # fmt: skip
def test_other_lists_are_refused_without_a_call(client, listener, openids):
    outcome = mass.send_to_list(client, openids, TEXT, "job-5")
    assert isinstance(outcome, RefusedSend)
    assert isinstance(outcome.why, BadMessage)
    assert listener.asked == []


@pytest.mark.parametrize(("msg_id", "error"), [("国" * 21 + "ab", TooLong), ("", BadMessage)])
def test_our_id_has_one_to_sixty_four_bytes(client, listener, msg_id, error):
    outcome = mass.send_to_all(client, TEXT, msg_id)
    assert isinstance(outcome, RefusedSend)
    assert type(outcome.why) is error
    assert listener.asked == []
    listener.answer(ALL, OK)
    assert isinstance(mass.send_to_all(client, TEXT, "国" * 21 + "a"), Sent)


@pytest.mark.parametrize("payload", [
    mass.TextPayload("x" * 2049), mass.TextPayload(""), mass.DraftPayload(""), mass.PicturesPayload(()),
    mass.PicturesPayload(("M1", "")), mass.VoicePayload(""), mass.VideoPayload(""), mass.CouponPayload(""),
])  # fmt: skip
def test_a_bad_payload_is_refused_without_a_call(client, listener, payload):
    outcome = mass.send_to_all(client, payload, "job-6")
    assert isinstance(outcome, RefusedSend)
    assert outcome.permanent
    assert listener.asked == []


def test_a_known_id_is_the_first_send(client, listener):
    listener.answer(ALL, {"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": 34182})
    assert mass.send_to_all(client, TEXT, "job-7") == Sent("34182", was_sent_before=True)


def test_a_repetition_within_a_minute_waits(client, listener):
    listener.answer(ALL, {"errcode": 45066, "errmsg": "same clientmsgid retry too fast"})
    outcome = mass.send_to_all(client, TEXT, "job-8")
    assert isinstance(outcome, RefusedSend)
    assert not outcome.permanent
    assert timedelta(seconds=50) < outcome.until - now() <= timedelta(seconds=60)


@pytest.mark.parametrize(("errcode", "kind", "permanent"), [(45028, NoMassSends, False), (48001, NotAllowed, True)])
def test_refusals(client, listener, errcode, kind, permanent):
    listener.answer(ALL, {"errcode": errcode, "errmsg": "x"})
    outcome = mass.send_to_all(client, TEXT, "job-9")
    assert isinstance(outcome, RefusedSend)
    assert (type(outcome.why), outcome.permanent) == (kind, permanent)


@pytest.mark.parametrize("answer", [None, {"errcode": 0, "errmsg": "ok"}, ("text/html", b"busy")])
def test_an_answer_without_msg_id_is_unknown(client, listener, answer):
    listener.answer(ALL, answer)
    assert isinstance(mass.send_to_all(client, TEXT, "job-10"), Unknown)
    assert len(listener.asked) == 1


def test_a_preview_goes_to_one_person(client, listener):
    path = "/cgi-bin/message/mass/preview"
    listener.answer(path, {"errcode": 0, "errmsg": "preview success", "msg_id": 34183})
    assert mass.preview(client, TEXT, openid="oA") == Sent("34183")
    assert listener.last.body == {"touser": "oA", "msgtype": "text", "text": {"content": "今晚八点"}}
    mass.preview(client, mass.PicturesPayload(("M1", "M2")), wechat_name="boss")
    assert listener.last.body == {"towxname": "boss", "msgtype": "image", "image": {"media_id": "M1"}}
    for both in ({}, {"openid": "oA", "wechat_name": "boss"}):
        assert isinstance(mass.preview(client, TEXT, **both), RefusedSend)
    assert len(listener.asked) == 2


@pytest.mark.parametrize(("status", "state"), [
    ("SEND_SUCCESS", mass.MassState.SUCCESS), ("SENDING", mass.MassState.SENDING),
    ("SEND_FAIL", mass.MassState.FAILED), ("DELETE", mass.MassState.DELETED), ("other", mass.MassState.UNKNOWN),
])  # fmt: skip
def test_progress(client, listener, status, state):
    listener.answer("/cgi-bin/message/mass/get", {"msg_id": "34182", "msg_status": status})
    assert mass.read_state(client, "34182") is state
    assert listener.last.body == {"msg_id": "34182"}


def test_deletion_counts_articles_from_one(client, listener):
    mass.delete(client, "34182", 2)
    assert listener.last.body == {"msg_id": "34182", "article_idx": 2}
    mass.delete(client, "34182", url="https://mp.weixin.qq.com/s/x")
    assert listener.last.body == {"msg_id": "34182", "article_idx": 0, "url": "https://mp.weixin.qq.com/s/x"}
    for index in (-1, 9):
        with pytest.raises(BadMessage):
            mass.delete(client, "34182", index)
    assert len(listener.asked) == 2


def test_speed(client, listener):
    listener.answer("/cgi-bin/message/mass/speed/get", {"speed": 3, "realspeed": 15})
    assert mass.read_speed(client) == 3
    mass.set_speed(client, 4)
    assert listener.last.body == {"speed": 4}
    with pytest.raises(BadMessage):
        mass.set_speed(client, 5)


def test_a_video_is_made_ready(client, listener):
    listener.answer("/cgi-bin/media/uploadvideo", {"type": "video", "media_id": "V1", "created_at": 1})
    assert mass.prepare_video(client, "M1", "题", "述") == "V1"
    assert listener.last.body == {"media_id": "M1", "title": "题", "description": "述"}
