"""Tags both ways: exact requests, names at their limit, batches of fifty."""

import pytest

from connectors.wechat import tags
from connectors.wechat.errors import BadMessage, Refused, TooLong, TransportFailed


def test_tags_are_read_with_their_counts(client, listener):
    found = [{"id": 2, "name": "星标组", "count": 0}, {"id": 100, "name": "会员", "count": 9}]
    listener.answer("/cgi-bin/tags/get", {"tags": found})
    found = tags.read_tags(client)
    assert found == (tags.Tag(2, "星标组", 0), tags.Tag(100, "会员", 9))
    assert [tag.is_system for tag in found] == [True, False]
    assert listener.last.method == "GET"


def test_a_tag_is_created_with_thirty_characters(client, listener):
    listener.answer("/cgi-bin/tags/create", {"tag": {"id": 134, "name": "广" * 30}})
    assert tags.create_tag(client, "广" * 30) == tags.Tag(134, "广" * 30)
    assert listener.last.body == {"tag": {"name": "广" * 30}}


@pytest.mark.parametrize(("name", "error"), [("广" * 31, TooLong), ("", BadMessage), ("  ", BadMessage)])
def test_a_bad_name_is_refused_without_a_call(client, listener, name, error):
    for change in (lambda: tags.create_tag(client, name), lambda: tags.rename_tag(client, 100, name)):
        with pytest.raises(error):
            change()
    assert listener.asked == []


def test_a_tag_is_renamed_and_deleted(client, listener):
    tags.rename_tag(client, 134, "老客")
    tags.delete_tag(client, 134)
    assert [(asked.path, asked.body) for asked in listener.asked] == [
        ("/cgi-bin/tags/update", {"tag": {"id": 134, "name": "老客"}}),
        ("/cgi-bin/tags/delete", {"tag": {"id": 134}}),
    ]


@pytest.mark.parametrize("tag_id", [0, 1, 2])
def test_system_tags_are_left_alone(client, listener, tag_id):
    for change in (lambda: tags.rename_tag(client, tag_id, "x"), lambda: tags.delete_tag(client, tag_id)):
        with pytest.raises(BadMessage):
            change()
    assert listener.asked == []


def test_the_platforms_refusal_keeps_its_code_and_rid(client, listener):
    message = "already exists hint rid: 655e1234-12345678-1234abcd"
    listener.answer("/cgi-bin/tags/create", {"errcode": 45157, "errmsg": message})
    with pytest.raises(Refused) as refused:
        tags.create_tag(client, "会员")
    assert (refused.value.errcode, refused.value.rid) == (45157, "655e1234-12345678-1234abcd")


def test_an_answer_without_the_new_id_is_no_answer(client, listener):
    listener.answer("/cgi-bin/tags/create", {"errcode": 0, "errmsg": "ok"})
    with pytest.raises(TransportFailed) as failed:
        tags.create_tag(client, "会员")
    assert failed.value.may_have_arrived


def test_people_are_tagged_fifty_a_call(client, listener):
    openids = [f"o{number}" for number in range(101)]
    assert tags.tag_users(client, 134, openids).num_done == 101
    assert [asked.body for asked in listener.asked] == [
        {"openid_list": openids[:50], "tagid": 134},
        {"openid_list": openids[50:100], "tagid": 134},
        {"openid_list": openids[100:], "tagid": 134},
    ]
    tags.untag_users(client, 134, ["o1"])
    assert listener.last.path == "/cgi-bin/tags/members/batchuntagging"


def test_a_full_person_is_named_and_the_others_are_tagged(client, listener):
    def answer(asked):
        return {"errcode": 45059, "errmsg": "over"} if "o7" in asked.body["openid_list"] else {"errcode": 0}

    listener.answer("/cgi-bin/tags/members/batchtagging", answer)
    done = tags.tag_users(client, 134, [f"o{number}" for number in range(50)])
    assert (done.num_done, [found.openid for found in done.rejected]) == (49, ["o7"])
    assert len(listener.asked) <= 13


def test_nobody_to_tag_is_no_call(client, listener):
    assert tags.tag_users(client, 134, []).num_done == 0
    assert listener.asked == []


def test_people_of_a_tag_and_tags_of_a_person(client, listener):
    answer = {"count": 1, "data": {"openid": ["oA"]}, "next_openid": "oA"}
    listener.answer("/cgi-bin/user/tag/get", answer)
    assert next(tags.tagged_pages(client, 134)).openids == ("oA",)
    assert listener.last.body == {"tagid": 134, "next_openid": ""}
    listener.answer("/cgi-bin/tags/getidlist", {"tagid_list": [134, 2]})
    assert tags.read_tags_of(client, "oA") == (134, 2)
    assert listener.last.body == {"openid": "oA"}
