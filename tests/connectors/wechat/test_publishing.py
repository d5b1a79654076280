"""Publishing: start, progress, what is published."""

import pytest

from connectors.wechat import publishing
from connectors.wechat.errors import BadMessage, NotAllowed, Refused
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown
from connectors.wechat.publishing import PublishState

SUBMIT = "/cgi-bin/freepublish/submit"
GET = "/cgi-bin/freepublish/get"


@pytest.mark.parametrize("publish_id", ["100000001", 100000001])
def test_publish_id_is_text_or_number(client, listener, publish_id):
    listener.answer(SUBMIT, {"errcode": 0, "errmsg": "ok", "publish_id": publish_id, "msg_data_id": 2247483647})
    assert publishing.publish(client, "M1") == Sent("100000001", "2247483647")
    assert listener.last.body == {"media_id": "M1"}


@pytest.mark.parametrize(("errcode", "kind"), [(48001, NotAllowed), (53503, Refused), (53504, Refused)])
def test_refusals(client, listener, errcode, kind):
    listener.answer(SUBMIT, {"errcode": errcode, "errmsg": "x"})
    outcome = publishing.publish(client, "M1")
    assert isinstance(outcome, RefusedSend)
    assert (type(outcome.why), outcome.permanent) == (kind, True)


def test_a_lost_answer_is_unknown(client, listener):
    listener.answer(SUBMIT, None)
    assert isinstance(publishing.publish(client, "M1"), Unknown)
    assert len(listener.asked) == 1


def test_a_publication_that_is_done(client, listener):
    listener.answer(GET, {
        "publish_id": 100000001, "publish_status": 0, "article_id": "A1",
        "article_detail": {"count": 2, "item": [{"idx": 1, "article_url": "u1"}, {"idx": 2, "article_url": "u2"}]},
        "fail_idx": [],
    })  # fmt: skip
    assert publishing.read_publication(client, "100000001") == publishing.Publication(
        "100000001", PublishState.DONE, "A1", ((1, "u1"), (2, "u2"))
    )


@pytest.mark.parametrize(("status", "state"), [
    (1, PublishState.RUNNING), (2, PublishState.NOT_ORIGINAL), (3, PublishState.FAILED), ("4", PublishState.REJECTED),
    (5, PublishState.DELETED), (6, PublishState.BANNED), (99, PublishState.UNKNOWN),
])  # fmt: skip
def test_other_states(client, listener, status, state):
    listener.answer(GET, {"publish_id": "1", "publish_status": status, "fail_idx": [2]})
    found = publishing.read_publication(client, "1")
    assert (found.state, found.failed_indexes, found.article_id) == (state, (2,), "")


def test_published_posts_are_read_twenty_a_page(client, listener):
    def batch(asked):
        items = [
            {"article_id": f"A{number}", "update_time": 1_764_000_000,
             "content": {"news_item": [{"title": "题", "is_deleted": number == 0}]}}
            for number in range(asked.body["offset"], min(asked.body["offset"] + 20, 21))
        ]  # fmt: skip
        return {"total_count": 21, "item_count": len(items), "item": items}

    listener.answer("/cgi-bin/freepublish/batchget", batch)
    pages = list(publishing.published_pages(client))
    assert [len(page.entries) for page in pages] == [20, 1]
    first = pages[0].entries[0]
    assert (first.article_id, first.articles[0].title, first.articles[0].is_deleted) == ("A0", "题", True)
    assert listener.asked[0].body == {"offset": 0, "count": 20, "no_content": 0}


def test_one_post_is_read_and_deleted(client, listener):
    listener.answer("/cgi-bin/freepublish/getarticle", {"news_item": [{"title": "题", "url": "u"}]})
    assert publishing.read_published(client, "A1").articles[0].url == "u"
    publishing.unpublish(client, "A1", 8)
    assert (listener.last.path, listener.last.body) == (
        "/cgi-bin/freepublish/delete",
        {"article_id": "A1", "index": 8},
    )
    with pytest.raises(BadMessage):
        publishing.unpublish(client, "A1", 9)
