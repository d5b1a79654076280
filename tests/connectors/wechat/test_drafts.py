"""Drafts: bodies, every limit at its edge, paging."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.wechat import drafts
from connectors.wechat.articles import Article, CoverCrop, Crop, PicturePost, StoredArticle, check_posts
from connectors.wechat.errors import BadMessage, TooLong, TransportFailed

ADD = "/cgi-bin/draft/add"
ARTICLE = Article("题", "<p>文</p>", "THUMB")
PICTURES = PicturePost("题", "文", ("P1", "P2"))


def test_an_article_with_everything(client, listener):
    listener.answer(ADD, {"media_id": "M1", "item": [{"index": 0, "ad_count": 0}]})
    full = Article(
        "题", "<p>文</p>", "THUMB", "作者", "摘要", "https://a.cn", True, True, Crop(0, 0.25, 1, 0.75), Crop(0, 0, 1, 1)
    )
    assert drafts.add_draft(client, full) == "M1"
    assert listener.last.body == {"articles": [{
        "article_type": "news", "title": "题", "author": "作者", "digest": "摘要", "content": "<p>文</p>",
        "content_source_url": "https://a.cn", "thumb_media_id": "THUMB", "need_open_comment": 1,
        "only_fans_can_comment": 1, "pic_crop_235_1": "0_0.25_1_0.75", "pic_crop_1_1": "0_0_1_1",
    }]}  # fmt: skip
    assert "文".encode() in listener.last.raw


def test_a_picture_post(client, listener):
    listener.answer(ADD, {"media_id": "M1"})
    drafts.add_draft(client, replace(PICTURES, cover_crops=(CoverCrop("1_1", Crop(0.1, 0, 0.9, 1)),)))
    assert listener.last.body == {"articles": [{
        "article_type": "newspic", "title": "题", "content": "文", "need_open_comment": 0, "only_fans_can_comment": 0,
        "image_info": {"image_list": [{"image_media_id": "P1"}, {"image_media_id": "P2"}]},
        "cover_info": {"crop_percent_list": [{"ratio": "1_1", "x1": 0.1, "y1": 0, "x2": 0.9, "y2": 1}]},
    }]}  # fmt: skip


@pytest.mark.parametrize("post", [
    replace(ARTICLE, title="题" * 32),
    replace(ARTICLE, author="作" * 16),
    replace(ARTICLE, digest="摘" * 128),
    replace(ARTICLE, content="x" * 19_999),
    replace(ARTICLE, source_url="https://a.cn/" + "x" * 1011),
    replace(PICTURES, image_media_ids=("P",) * 20),
])  # fmt: skip
def test_everything_fits_at_its_limit(client, listener, post):
    listener.answer(ADD, {"media_id": "M1"})
    assert drafts.add_draft(client, post) == "M1"


@pytest.mark.parametrize(("post", "error"), [
    (replace(ARTICLE, title="题" * 33), TooLong),
    (replace(ARTICLE, title=""), BadMessage),
    (replace(ARTICLE, author="作" * 17), TooLong),
    (replace(ARTICLE, digest="摘" * 129), TooLong),
    (replace(ARTICLE, content="x" * 20_000), TooLong),
    (replace(ARTICLE, content=""), BadMessage),
    (replace(ARTICLE, source_url="https://a.cn/" + "x" * 1012), TooLong),
    (replace(ARTICLE, source_url="a.cn"), BadMessage),
    (replace(ARTICLE, thumb_media_id=""), BadMessage),
    (replace(ARTICLE, wide_crop=Crop(0.5, 0, 0.5, 1)), BadMessage),
    (replace(ARTICLE, square_crop=Crop(0, 0, 1, 1.1)), BadMessage),
    (replace(PICTURES, image_media_ids=()), BadMessage),
    (replace(PICTURES, image_media_ids=("P",) * 21), BadMessage),
    (replace(PICTURES, title="题" * 33), TooLong),
])  # fmt: skip
def test_one_more_is_refused_without_a_call(client, listener, post, error):
    with pytest.raises(error):
        drafts.add_draft(client, post)
    with pytest.raises(error):
        drafts.replace_article(client, "M1", 0, post)
    assert listener.asked == []


def test_content_is_also_counted_in_bytes():
    with pytest.raises(TooLong) as refused:
        replace(ARTICLE, content="😀" * 262_144).check()
    assert refused.value.context["length"] == 1024**2


def test_a_draft_has_one_to_eight_articles(client, listener):
    check_posts((ARTICLE,) * 8)
    for posts in ((), (ARTICLE,) * 9):
        with pytest.raises(BadMessage):
            drafts.add_draft(client, *posts)
    assert listener.asked == []


def test_a_draft_without_media_id_is_no_answer(client, listener):
    listener.answer(ADD, {"errcode": 0, "errmsg": "ok"})
    with pytest.raises(TransportFailed):
        drafts.add_draft(client, ARTICLE)


STORED = {
    "title": "题", "author": "作者", "digest": "摘要", "content": "<p>文</p>", "content_source_url": "https://a.cn",
    "thumb_media_id": "THUMB", "thumb_url": "https://mmbiz.qpic.cn/x", "url": "https://mp.weixin.qq.com/s/x",
    "need_open_comment": 1, "only_fans_can_comment": 0,
}  # fmt: skip
READ = StoredArticle(
    "题", "作者", "摘要", "<p>文</p>", "https://a.cn", "THUMB", "https://mmbiz.qpic.cn/x",
    "https://mp.weixin.qq.com/s/x", can_comment=True,
)  # fmt: skip


def test_a_draft_is_read(client, listener):
    listener.answer("/cgi-bin/draft/get", {"news_item": [STORED]})
    assert drafts.read_draft(client, "M1") == drafts.Draft("M1", (READ,))
    assert listener.last.body == {"media_id": "M1"}


def test_a_picture_post_is_read(client, listener):
    listener.answer("/cgi-bin/draft/get", {"news_item": [
        {"article_type": "newspic", "title": "题", "image_info": {"image_list": [{"image_media_id": "P1"}]}},
    ]})  # fmt: skip
    found = drafts.read_draft(client, "M1").articles[0]
    assert (found.article_type, found.image_media_ids) == ("newspic", ("P1",))


def test_one_article_is_replaced(client, listener):
    drafts.replace_article(client, "M1", 7, ARTICLE)
    assert listener.last.path == "/cgi-bin/draft/update"
    assert listener.last.body == {"media_id": "M1", "index": 7, "articles": ARTICLE.body()}
    for index in (-1, 8):
        with pytest.raises(BadMessage):
            drafts.replace_article(client, "M1", index, ARTICLE)
    assert len(listener.asked) == 1


def test_deleting_counting_and_the_switch(client, listener):
    drafts.delete_draft(client, "M1")
    assert (listener.last.path, listener.last.body) == ("/cgi-bin/draft/delete", {"media_id": "M1"})
    listener.answer("/cgi-bin/draft/count", {"total_count": 41})
    assert drafts.count_drafts(client) == 41
    assert listener.last.method == "GET"
    listener.answer("/cgi-bin/draft/switch", {"errcode": 0, "errmsg": "ok", "is_open": 1})
    assert drafts.is_draft_box_on(client) is True
    assert listener.last.params["checkonly"] == "1"
    drafts.turn_draft_box_on(client)
    assert listener.last.params["checkonly"] == "0"


def batch(asked, total=41):
    offset, count = asked.body["offset"], asked.body["count"]
    items = [
        {"media_id": f"M{number}", "content": {"news_item": [STORED]}, "update_time": 1_764_000_000}
        for number in range(offset, min(offset + count, total))
    ]
    return {"total_count": total, "item_count": len(items), "item": items}


def test_drafts_are_read_twenty_a_page(client, listener):
    listener.answer("/cgi-bin/draft/batchget", batch)
    pages = list(drafts.draft_pages(client))
    assert [(len(page.entries), page.next_offset, page.total) for page in pages] == [
        (20, 20, 41), (20, 40, 41), (1, 41, 41)
    ]  # fmt: skip
    updated_at = datetime.fromtimestamp(1_764_000_000, UTC)
    assert pages[2].entries == (drafts.Draft("M40", (READ,), updated_at),)
    assert listener.asked[0].body == {"offset": 0, "count": 20, "no_content": 0}


def test_reading_resumes_from_an_offset(client, listener):
    listener.answer("/cgi-bin/draft/batchget", batch)
    pages = list(drafts.draft_pages(client, 40, with_content=False))
    assert [entry.media_id for page in pages for entry in page.entries] == ["M40"]
    assert [asked.body for asked in listener.asked] == [{"offset": 40, "count": 20, "no_content": 1}]


def test_a_list_that_shrinks_meanwhile_ends(client, listener):
    listener.answer("/cgi-bin/draft/batchget", {"total_count": 30, "item_count": 0, "item": []})
    assert list(drafts.draft_pages(client, 20)) == []
