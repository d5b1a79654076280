"""Every kind of push becomes its own type, from XML and from JSON, with a time and a key against repetition."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.wechat import pushes
from connectors.wechat.documents import read_document, write_xml
from connectors.wechat.errors import BadPush
from connectors.wechat.pushes import EVENTS, JOBS, MESSAGES, NOTICES, parse
from tests.connectors.wechat.push_samples import AT, KINDS, SECONDS, event, message, notice

IDS = [document.get("Event") or document.get("InfoType") or document["MsgType"] for _, document, _ in KINDS]


@pytest.mark.parametrize(("kind", "document", "facts"), KINDS, ids=IDS)
def test_each_kind_has_its_type_and_fields(
    kind: type[pushes.Push], document: dict[str, Any], facts: dict[str, Any]
) -> None:
    from_json = parse(read_document(json.dumps(document).encode()))
    from_xml = parse(read_document(write_xml(document)))
    for push in (from_json, from_xml):
        assert type(push) is kind
        assert push.event_at == AT
        assert {name: getattr(push, name) for name in facts} == facts
        assert 0 < len(push.dedupe_key) <= 200
    assert dataclasses.replace(from_json, raw={}) == dataclasses.replace(from_xml, raw={})
    if not isinstance(from_json, pushes.Unknown | pushes.UnknownNotice):
        assert from_json.dedupe_key == from_xml.dedupe_key


def test_every_kind_of_push_stands_in_the_table_above() -> None:
    tested = {kind for kind, _, _ in KINDS}
    assert {*EVENTS, *JOBS, *MESSAGES, *NOTICES} <= tested


def test_an_unknown_push_keeps_everything() -> None:
    document = event("brand_new_thing", Foo={"Bar": "1"})
    assert parse(document).raw == document


def test_a_message_id_of_64_bits_stays_exact() -> None:
    push = parse(read_document(b'{"ToUserName":"g","FromUserName":"o","CreateTime":"1760000000","MsgType":"text",'
                               b'"Content":"x","MsgId":18446744073709551615,"MsgDataId":9,"Idx":1}'))  # fmt: skip
    assert isinstance(push, pushes.TextMessage)
    assert (push.msg_id, push.msg_data_id, push.article_index) == ("18446744073709551615", "9", "1")
    assert push.dedupe_key == "message:18446744073709551615"


def test_the_json_list_without_wrapper_is_read_as_object_and_as_array() -> None:
    one = {"TemplateId": "A", "SubscribeStatusString": "accept", "PopupScene": "0"}
    as_object = parse(event("subscribe_msg_popup_event", List=one))
    as_array = parse(event("subscribe_msg_popup_event", List=[one]))
    two = parse(event("subscribe_msg_popup_event", List=[one, one | {"TemplateId": "B"}]))
    assert as_object == as_array
    assert [choice.template_id for choice in two.choices] == ["A", "B"]  # type: ignore[attr-defined]  # all have it
    sent = parse(
        event("subscribe_msg_sent_event", List={"TemplateId": "A", "MsgID": "5", "ErrorCode": "0", "ErrorStatus": "ok"})
    )
    assert sent.results == (pushes.NoticeResult("A", "5", "0", "ok"),)  # type: ignore[attr-defined]  # all have it


# --- repetition -----------------------------------------------------------------------------------------------------


def test_a_second_delivery_has_the_same_key_and_another_fact_another() -> None:
    base = event("CLICK", EventKey="SALE")
    others = [
        base | {"CreateTime": SECONDS + 1}, base | {"FromUserName": "oBen"}, base | {"EventKey": "NEWS"},
        event("VIEW", EventKey="SALE"), event("SCAN", EventKey="SALE", Ticket="t"),
    ]  # fmt: skip
    keys = [parse(document).dedupe_key for document in (base, dict(base), *others)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 6


def test_finished_jobs_are_known_by_their_job_not_by_time() -> None:
    first = parse(event("MASSSENDJOBFINISH", MsgID=1, Status="send success"))
    again = parse(event("MASSSENDJOBFINISH", MsgID="1", Status="send success") | {"CreateTime": SECONDS + 60})
    other = parse(event("TEMPLATESENDJOBFINISH", MsgID=1, Status="success"))
    assert first.dedupe_key == again.dedupe_key == "job:MASSSENDJOBFINISH:1"
    assert other.dedupe_key != first.dedupe_key


def test_two_notices_sent_in_one_second_are_two_facts() -> None:
    keys = {
        parse(event("subscribe_msg_sent_event", List={"TemplateId": "A", "MsgID": msg_id, "ErrorCode": 0})).dedupe_key
        for msg_id in (1, 2)
    }
    assert len(keys) == 2


def test_long_keys_are_cut_but_stay_apart() -> None:
    keys = [parse(event("VIEW", EventKey="https://x/" + "a" * 1000 + end)).dedupe_key for end in "12"]
    assert keys[0] != keys[1]
    assert max(map(len, keys)) <= 200


def test_secrets_of_the_platform_are_neither_in_keys_nor_in_repr() -> None:
    ticket = parse(notice("component_verify_ticket", ComponentVerifyTicket="ticket@@@secret"))
    code = parse(notice("authorized", AuthorizerAppid="wx1", AuthorizationCode="code@@@secret"))
    for push in (ticket, code):
        assert "secret" not in push.dedupe_key + repr(push)


# --- bad pushes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "MsgType"),
        ({"MsgType": ["text"]}, "MsgType"),
        (message("text", Content={"a": "b"}), "Content"),
        (message("text", Content=[1]), "Content"),
        (message("text", MsgId=None), "MsgId"),
        (message("text", MsgId=True), "MsgId"),
        (message("text", MsgId=1.5), "MsgId"),
        (message("image"), "MediaId"),
        (message("location", Location_X="north", Location_Y=1), "Location_X"),
        (message("location", Location_X="nan", Location_Y=1), "Location_X"),
        (message("location", Location_X="1e999", Location_Y=1), "Location_X"),
        (message("text", CreateTime="soon"), "CreateTime"),
        (message("text", CreateTime=-5), "CreateTime"),
        (message("text", CreateTime=10**18), "CreateTime"),
        (message("text", CreateTime={}), "CreateTime"),
        (message("text", FromUserName=None), "FromUserName"),
        (message("text", ToUserName=["a"]), "ToUserName"),
        ({"MsgType": "text"}, "CreateTime"),
        (event("CLICK"), "EventKey"),
        (event("MASSSENDJOBFINISH", Status="send success"), "MsgID"),
        (event("MASSSENDJOBFINISH", MsgID=1, Status="x", TotalCount="many"), "TotalCount"),
        (event("PUBLISHJOBFINISH", PublishEventInfo="x"), "PublishEventInfo.publish_id"),
        (event("subscribe_msg_popup_event", List="A"), "List"),
        (event("subscribe_msg_popup_event", List={"SubscribeStatusString": "accept"}), "List.TemplateId"),
        (event("subscribe_msg_sent_event"), "List"),
        (event("user_authorization_revoke"), "OpenID"),
        (notice("authorized"), "AuthorizerAppid"),
        (event("brand_new_thing", MsgId={}), "MsgId"),
    ],
)  # fmt: skip
def test_wrong_and_missing_fields_are_named(document: dict[str, Any], field: str) -> None:
    with pytest.raises(BadPush) as caught:
        parse(document)
    assert caught.value.context["field"] == field
    assert field in str(caught.value)


# --- anything at all ------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([document for _, document, _ in KINDS]), st.data())
@settings(max_examples=400, deadline=None)
def test_no_value_in_any_field_does_worse_than_a_bad_push(document: dict[str, Any], data: st.DataObject) -> None:
    changed = document | {data.draw(st.sampled_from(sorted(document))): data.draw(VALUES)}
    with contextlib.suppress(BadPush):
        push = parse(changed)
        assert isinstance(push.dedupe_key, str)
        assert len(push.dedupe_key) <= 200
        assert isinstance(getattr(push, "person", ""), str)
