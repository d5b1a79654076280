"""The editor of drafts and taking back published articles, on the simulated platform over HTTP."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import AuditEntry, Role
from accounts.tenancy import tenant_scope
from catalog.models import Item
from connectors.article_html import clean
from connectors.clients import client_for
from connectors.models import Publication
from connectors.wechat import drafts, materials, publishing
from connectors.wechat.articles import Article
from connectors.wechat.materials import MediaKind
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture
from tests.connectors.wechat.contract.files import JPG, MP4

PICTURE = "http://mmbiz.qpic.cn/mmbiz_jpg/abc/0"


class Editor:
    def __init__(self, client, account):
        self.client, self.account = client, account
        self.url = f"/b/brand/channels/{account.code}/"

    def new(self, *articles, **more):
        return self.client.post(f"{self.url}drafts/new/", form(*articles) | more)

    def save(self, media_id, *articles, **more):
        return self.client.post(f"{self.url}drafts/{media_id}/edit/", form(*articles) | more)

    def open(self, media_id):
        return self.client.get(f"{self.url}drafts/{media_id}/edit/")


def form(*articles):
    sent = {"order": ",".join(f"a{n}" for n in range(len(articles)))}
    return sent | {f"a{n}-{name}": value for n, one in enumerate(articles) for name, value in one.items()}


@pytest.fixture
def editor(connected, teammate):  # noqa: F811  # the fixture of that name
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    return Editor(client, connected())


@pytest.fixture
def cover(editor, brand):
    with tenant_scope(brand):
        return materials.upload_permanent(client_for(editor.account), MediaKind.IMAGE, JPG).media_id


@pytest.fixture
def article(cover):
    return {"title": "春茶上新", "content": "<p>好茶</p>", "thumb_media_id": cover}


@pytest.fixture
def box(editor, brand):
    """`box()` is every draft as WeChat has it: its id and articles."""

    def read():
        with tenant_scope(brand):
            (page,) = drafts.draft_pages(client_for(editor.account))
        return [(one.media_id, one.articles) for one in page.entries]

    return read


def audits(brand, verb):
    with tenant_scope(brand):
        return AuditEntry.objects.filter(verb=verb).count()


def test_a_draft_is_written_with_a_new_cover_and_opened_again(editor, box, brand):
    asked = {"title": "春茶上新", "author": "小林", "digest": "摘要", "content": "<p>好茶</p>", "can_comment": "on"}
    answer = editor.new(asked | {"cover_file": SimpleUploadedFile("c.jpg", JPG)})
    ((media_id, (one,)),) = box()
    assert (answer.status_code, answer.url) == (302, f"{editor.url}drafts/{media_id}/edit/")
    assert (one.title, one.author, one.digest, one.content) == ("春茶上新", "小林", "摘要", "<p>好茶</p>")
    assert (one.can_comment, bool(one.thumb_media_id)) == (True, True)
    shown = editor.open(media_id)
    assert "春茶上新" in shown.text
    assert shown.context["form"].articles[0].cover_id == one.thumb_media_id
    assert (audits(brand, "create_draft"), audits(brand, "upload_material")) == (1, 1)


@pytest.mark.parametrize(("change", "field"), [
    ({"title": ""}, "title"), ({"title": "长" * 33}, "title"), ({"author": "长" * 17}, "author"),
    ({"digest": "长" * 129}, "digest"), ({"content": ""}, "content"), ({"content": "<p>" + "长" * 20_000}, "content"),
    ({"thumb_media_id": ""}, "thumb_media_id"), ({"source_url": "ftp://x"}, "source_url"),
    ({"content": '<img src="https://elsewhere.example/a.png">'}, "content"),
    ({"cover_file": SimpleUploadedFile("c.jpg", MP4)}, "cover_file"),
])  # fmt: skip
def test_what_wechat_would_refuse_is_said_at_its_field_and_costs_no_call(editor, article, platform, change, field):
    num_calls = len(platform.calls("/cgi-bin/material/add_material"))
    answer = editor.new(article | change)
    assert (answer.status_code, list(answer.context["form"].articles[0].errors)) == (422, [field])
    assert platform.calls("/cgi-bin/draft/add") == []
    assert len(platform.calls("/cgi-bin/material/add_material")) == num_calls


def test_articles_are_added_moved_and_dropped_before_anything_is_sent(editor, article, platform):
    second = article | {"title": "夏茶"}
    added = editor.new(article, action="add").context["form"]
    assert added.order == "a0,a1"
    moved = editor.new(article, second, action="up-a1").context["form"]
    assert [one["title"].value() for one in moved.articles] == ["夏茶", "春茶上新"]
    dropped = editor.new(article, second, action="drop-a0").context["form"]
    assert [one["title"].value() for one in dropped.articles] == ["夏茶"]
    assert platform.calls("/cgi-bin/draft/add") == []


def test_only_what_changed_is_replaced_and_another_number_makes_the_draft_anew(editor, article, box, platform, brand):
    editor.new(article, article | {"title": "夏茶"})
    ((media_id, _articles),) = box()
    seen = editor.open(media_id).context["form"].seen
    editor.save(media_id, article, article | {"title": "秋茶"}, seen=seen)
    ((same, (one, two)),) = box()
    assert (same, one.title, two.title) == (media_id, "春茶上新", "秋茶")
    assert len(platform.calls("/cgi-bin/draft/update")) == 1
    seen = editor.open(media_id).context["form"].seen
    editor.save(media_id, article | {"title": "秋茶"}, seen=seen)
    ((other, (only,)),) = box()
    assert (other != media_id, only.title) == (True, "秋茶")
    assert audits(brand, "save_draft") == 2


def test_a_change_on_wechat_is_not_overwritten_unless_asked(editor, article, box, cover, brand):
    editor.new(article)
    ((media_id, _articles),) = box()
    seen = editor.open(media_id).context["form"].seen
    with tenant_scope(brand):
        drafts.replace_article(client_for(editor.account), media_id, 0, Article("控制台改的", "文", cover))
    answer = editor.save(media_id, article, seen=seen)
    assert (answer.status_code, answer.context["is_behind"]) == (422, True)
    assert box()[0][1][0].title == "控制台改的"
    assert editor.save(media_id, article, seen=seen, action="overwrite").status_code == 302
    assert box()[0][1][0].title == "春茶上新"


def test_a_draft_is_saved_and_published_in_one_go(editor, article, brand, hints):
    assert editor.new(article, action="publish").url == f"{editor.url}materials/drafts/"
    with tenant_scope(brand):
        assert Publication.objects.get().title == "春茶上新"


def test_a_draft_is_deleted(editor, article, box, brand):
    editor.new(article)
    ((media_id, _articles),) = box()
    editor.client.post(f"{editor.url}drafts/delete/", {"media_id": media_id, "title": "春茶上新"})
    with tenant_scope(brand):
        assert drafts.count_drafts(client_for(editor.account)) == 0
    assert audits(brand, "delete_draft") == 1
    assert editor.open(media_id).status_code == 302


def test_a_picture_of_a_body_gets_an_address_of_wechats_and_stays(editor, article, box):
    file = SimpleUploadedFile("p.jpg", JPG)
    url = editor.client.post(f"{editor.url}drafts/picture/", {"file": file}).json()["url"]
    assert editor.new(article | {"content": f'<p><img src="{url}"></p>'}).status_code == 302
    assert url.replace("&", "&amp;") in box()[0][1][0].content
    refused = editor.client.post(f"{editor.url}drafts/picture/", {"file": SimpleUploadedFile("p", MP4)})
    assert (refused.status_code, bool(refused.json()["error"])) == (422, True)


def test_the_preview_shows_no_script(editor, article):
    sent = form(article | {"content": "<p onclick=x()>好<script>alert(1)</script></p>", "title": "<b>"})
    shown = editor.client.post(f"{editor.url}drafts/preview/", sent).text
    assert "<p>好</p>" in shown
    assert "&lt;b&gt;" in shown
    assert "alert" not in shown


def test_a_published_article_is_taken_back_and_leaves_the_catalog(editor, article, box, platform, brand):
    editor.new(article, article | {"title": "夏茶"})
    with tenant_scope(brand):
        client = client_for(editor.account)
        publishing.publish(client, box()[0][0])
        platform.advance(5)
        (page,) = publishing.published_pages(client)
        article_id = page.entries[0].article_id
        for index in (1, 2):
            Item.objects.create(external_id=f"{article_id}:{index}", kind="article", title="茶")
    sent = {"article_id": article_id, "index": "2", "title": "夏茶"}
    editor.client.post(f"{editor.url}unpublish/", sent)
    with tenant_scope(brand):
        found = publishing.read_published(client, article_id).articles
        assert [one.is_deleted for one in found] == [False, True]
        states = Item.objects.order_by("external_id").values_list("state", flat=True)
        assert list(states) == ["active", "retired"]
    assert audits(brand, "unpublish_article") == 1
    for wrong in ({"index": "x"}, {"index": "9"}, {"article_id": ""}, {"article_id": "gone"}):
        editor.client.post(f"{editor.url}unpublish/", sent | wrong)
    assert audits(brand, "unpublish_article") == 1


@pytest.mark.parametrize("role", [Role.ANALYST, Role.VIEWER])
def test_who_may_not_edit_writes_no_draft(editor, article, teammate, platform, role):
    editor.client.force_login(teammate(role))
    paths = ["drafts/new/", "drafts/x/edit/", "drafts/delete/", "drafts/picture/", "drafts/preview/", "unpublish/"]
    assert [editor.client.post(editor.url + path, form(article)).status_code for path in paths] == [403] * 6
    assert platform.calls("/cgi-bin/draft/add") == []


@pytest.mark.parametrize(("body", "kept"), [
    ("<p>好<script>x</script>茶</p>", "<p>好茶</p>"),
    ('<section style="color: red; background: url(x)">a</section>', '<section style="color: red">a</section>'),
    ('<a href="javascript:x()">a</a><a href="https://b.example/">b</a>', '<a>a</a><a href="https://b.example/">b</a>'),
    (f'<img src="{PICTURE}" onerror="x"><img src="https://b.example/c.png">', f'<img src="{PICTURE}">'),
    ("<b><i>a</b>c", "<b><i>a</i></b>c"), ("1 < 2 & 3", "1 &lt; 2 &amp; 3"), ("<form><p>a</form>", "<p>a</p>"),
    ('<p style="position:fixed;top:0">a</p>', '<p style="top:0">a</p>'),
])  # fmt: skip
def test_html_is_kept_to_what_wechat_shows(body, kept):
    assert clean(body).html == kept
    assert clean(kept).html == kept
