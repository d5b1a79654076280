"""Media, drafts and publishing, against the simulated platform."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.wechat import drafts, materials, menus, publishing
from connectors.wechat.articles import Article, CoverCrop, Crop, PicturePost
from connectors.wechat.errors import MediaExpired, Refused
from connectors.wechat.materials import MediaKind
from connectors.wechat.outcomes import RefusedSend, Sent
from connectors.wechat.publishing import PublishState
from tests.connectors.wechat.contract.files import JPG, MP4, PNG, amr

DAY_SECONDS = 86_400


def add_cover(account):
    return materials.upload_permanent(account.client, MediaKind.IMAGE, JPG).media_id


@pytest.mark.parametrize(("kind", "content"), [
    (MediaKind.IMAGE, PNG), (MediaKind.VOICE, amr(60)), (MediaKind.THUMB, JPG),
    (MediaKind.IMAGE, JPG + bytes(10 * 1024**2 - len(JPG))), (MediaKind.THUMB, JPG + bytes(64 * 1024 - len(JPG))),
])  # fmt: skip
def test_uploads_come_back_until_they_expire(service, kind, content):
    found = materials.upload_temporary(service.client, kind, content)
    assert found.expires_at - found.created_at == timedelta(days=3)
    assert materials.download_temporary(service.client, found.media_id).content == content
    service.platform.advance(3 * DAY_SECONDS + 1)
    with pytest.raises(MediaExpired):
        materials.download_temporary(service.client, found.media_id)


def test_a_video_has_an_address(service):
    found = materials.upload_temporary(service.client, MediaKind.VIDEO, MP4)
    assert materials.download_temporary(service.client, found.media_id).video_url.startswith("http")
    kept = materials.upload_permanent(service.client, MediaKind.VIDEO, MP4, title='题"\r\n', introduction="述")
    download = materials.download_permanent(service.client, kept.media_id)
    assert (download.title, download.introduction) == ('题"\r\n', "述")
    assert download.video_url.startswith("http")


def test_a_clear_recording(service):
    found = materials.upload_temporary(service.client, MediaKind.VOICE, amr(1))
    assert materials.download_temporary(service.client, found.media_id, is_clear_voice=True).content


def test_the_library(service):
    ids = [add_cover(service) for _ in range(21)]
    voice = materials.upload_permanent(service.client, MediaKind.VOICE, amr(1))
    counts = materials.count_materials(service.client)
    assert (counts.num_images, counts.num_voices, counts.num_videos) == (21, 1, 0)
    pages = list(materials.material_pages(service.client))
    assert [len(page.entries) for page in pages] == [20, 1]
    assert {entry.media_id for page in pages for entry in page.entries} == set(ids)
    assert materials.download_permanent(service.client, voice.media_id).content == amr(1)
    materials.delete_permanent(service.client, voice.media_id)
    with pytest.raises(MediaExpired):
        materials.download_permanent(service.client, voice.media_id)
    menus.set_menu(service.client, menus.Button("图", "media_id", media_id=ids[0]))
    with pytest.raises(Refused) as refused:
        materials.delete_permanent(service.client, ids[0])
    assert refused.value.errcode == 48005


def test_an_article_through_the_draft_box(service):
    picture = materials.upload_article_image(service.client, PNG)
    article = Article(
        "题" * 32, f'<p>文</p><img src="{picture}">', add_cover(service), "作" * 16, "摘" * 128, "https://a.cn", True,
        False,
        Crop(0, 0.25, 1, 0.75), Crop(0.1, 0, 0.9, 1),
    )  # fmt: skip
    media_id = drafts.add_draft(service.client, article)
    stored = drafts.read_draft(service.client, media_id).articles[0]
    assert (stored.title, stored.author, stored.digest) == (article.title, article.author, article.digest)
    assert (stored.content, stored.source_url, stored.can_comment) == (article.content, "https://a.cn", True)
    assert stored.thumb_media_id == article.thumb_media_id
    drafts.replace_article(service.client, media_id, 0, replace(article, title="新题"))
    assert drafts.read_draft(service.client, media_id).articles[0].title == "新题"
    assert drafts.count_drafts(service.client) == 1
    assert drafts.is_draft_box_on(service.client)
    drafts.turn_draft_box_on(service.client)
    drafts.delete_draft(service.client, media_id)
    assert drafts.count_drafts(service.client) == 0


def test_eight_articles_and_twenty_pictures(service):
    cover = add_cover(service)
    article = Article("题", "x" * 19_999, cover)
    assert len(drafts.read_draft(service.client, drafts.add_draft(service.client, *[article] * 8)).articles) == 8
    post = PicturePost("图", "文", (cover,) * 20, cover_crops=(CoverCrop("1_1", Crop(0, 0, 1, 1)),))
    stored = drafts.read_draft(service.client, drafts.add_draft(service.client, post)).articles[0]
    assert (stored.article_type, stored.image_media_ids) == ("newspic", (cover,) * 20)


def test_a_temporary_picture_is_no_cover(service):
    temporary = materials.upload_temporary(service.client, MediaKind.IMAGE, JPG).media_id
    with pytest.raises(MediaExpired):
        drafts.add_draft(service.client, Article("题", "文", temporary))


def test_forty_one_drafts_are_read_in_three_pages(service):
    cover = add_cover(service)
    for number in range(41):
        drafts.add_draft(service.client, Article(f"题{number}", "文", cover))
    pages = list(drafts.draft_pages(service.client))
    assert [len(page.entries) for page in pages] == [20, 20, 1]
    assert len({draft.articles[0].title for page in pages for draft in page.entries}) == 41
    (last,) = drafts.draft_pages(service.client, 40, with_content=False)
    assert last.entries[0].articles[0].content == ""


@pytest.mark.parametrize("kind", ["service", "subscription"])
def test_a_draft_is_published(connect, kind):
    account = connect(kind)
    media_id = drafts.add_draft(account.client, *[Article("题", "文", add_cover(account))] * 2)
    outcome = publishing.publish(account.client, media_id)
    assert isinstance(outcome, Sent)
    assert outcome.msg_data_id.isdecimal()
    assert publishing.read_publication(account.client, outcome.msg_id).state is PublishState.RUNNING
    account.platform.advance(60)
    done = publishing.read_publication(account.client, outcome.msg_id)
    assert (done.publish_id, done.state, len(done.links)) == (outcome.msg_id, PublishState.DONE, 2)
    assert drafts.count_drafts(account.client) == 0
    (page,) = publishing.published_pages(account.client)
    assert [post.article_id for post in page.entries] == [done.article_id]
    post = publishing.read_published(account.client, done.article_id)
    assert [article.url for article in post.articles] == [url for _, url in done.links]
    publishing.unpublish(account.client, done.article_id, 1)
    assert [article.is_deleted for article in publishing.read_published(account.client, done.article_id).articles] == [
        True, False
    ]  # fmt: skip
    publishing.unpublish(account.client, done.article_id)
    assert publishing.read_publication(account.client, outcome.msg_id).state is PublishState.DELETED


@pytest.mark.parametrize("state", [PublishState.NOT_ORIGINAL, PublishState.FAILED, PublishState.REJECTED])
def test_a_publication_that_fails(service, state):
    media_id = drafts.add_draft(service.client, Article("题", "文", add_cover(service)))
    service.platform.next_results(app_id=service.app_id, publish_statuses=[int(state)])
    outcome = publishing.publish(service.client, media_id)
    service.platform.advance(60)
    found = publishing.read_publication(service.client, outcome.msg_id)
    assert (found.state, found.failed_indexes) == (state, (1,))
    assert drafts.count_drafts(service.client) == 1


def test_who_may_not_publish(connect):
    outcome = publishing.publish(connect("service", verified=False).client, "M")
    assert isinstance(outcome, RefusedSend)
    assert (outcome.why.errcode, outcome.permanent) == (48001, True)
