"""Materials, drafts and publications on their pages, on the simulated platform."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import jobs
from accounts.models import AuditEntry, Job, Role
from accounts.tenancy import tenant_scope
from connectors import publications, pushes
from connectors.clients import client_for
from connectors.models import Publication
from connectors.wechat import drafts, materials
from connectors.wechat.articles import Article
from connectors.wechat.materials import MediaKind
from connectors.wechat.pushes import parse
from tests.connectors.test_menus import connected  # noqa: F401  # a fixture
from tests.connectors.wechat.contract.files import JPG, MP4, amr

from .conftest import event


class Page:
    def __init__(self, client, account):
        self.client, self.account = client, account
        self.url = f"/b/brand/channels/{account.code}/"

    def upload(self, shelf, content, **fields):
        return self.client.post(f"{self.url}materials/{shelf}/", {"file": SimpleUploadedFile("a", content)} | fields)


@pytest.fixture
def page(connected, teammate):  # noqa: F811  # the fixture of that name
    client = Client()
    client.force_login(teammate(Role.MARKETER))
    return Page(client, connected())


@pytest.fixture
def draft(page, brand):
    with tenant_scope(brand):
        client = client_for(page.account)
        cover = materials.upload_permanent(client, MediaKind.IMAGE, JPG).media_id
        return drafts.add_draft(client, Article("春茶上新", "文", cover))


def publication(brand):
    with tenant_scope(brand):
        return Publication.objects.select_related("job").get()


def step(brand):
    """A worker takes the publication's job once."""
    with tenant_scope(brand):
        job = Job.objects.get(task=publications.TASK)
    jobs.run(brand.pk, job.pk, publications.work)


def audits(brand, verb):
    with tenant_scope(brand):
        return AuditEntry.objects.filter(verb=verb).count()


@pytest.mark.parametrize(("shelf", "content", "fields"), [
    ("image", JPG, {}), ("voice", amr(60), {}), ("video", MP4, {"title": "片"}),
])  # fmt: skip
def test_a_file_is_uploaded_listed_and_deleted(page, brand, shelf, content, fields):
    assert page.upload(shelf, content, **fields).status_code == 302
    answer = page.client.get(f"{page.url}materials/{shelf}/")
    (entry,) = answer.context["found"]
    assert entry.media_id in answer.text
    assert answer.context["num"] == 1
    page.client.post(f"{page.url}materials/{shelf}/delete/", {"media_id": entry.media_id, "name": entry.name})
    assert page.client.get(f"{page.url}materials/{shelf}/").context["found"] == ()
    assert (audits(brand, "upload_material"), audits(brand, "delete_material")) == (1, 1)


@pytest.mark.parametrize(("shelf", "content", "fields"), [
    ("image", MP4, {}), ("image", JPG + bytes(10 * 1024**2), {}), ("voice", amr(61), {}), ("video", MP4, {}),
    ("drafts", JPG, {}),
])  # fmt: skip
def test_what_wechat_would_refuse_costs_no_call(page, platform, brand, shelf, content, fields):
    answer = page.upload(shelf, content, **fields)
    assert answer.status_code == 422
    assert platform.calls("/cgi-bin/material/add_material") == []
    assert audits(brand, "upload_material") == 0


def test_twenty_stand_on_a_page(page, brand):
    with tenant_scope(brand):
        client = client_for(page.account)
        for _ in range(21):
            materials.upload_permanent(client, MediaKind.IMAGE, JPG)
    sizes = [len(page.client.get(f"{page.url}materials/image/?page={n}").context["found"]) for n in (1, 2, "x")]
    assert sizes == [20, 1, 20]


def test_a_refused_upload_says_why_and_notes_nothing(page, platform, brand):
    platform.fail("errcode", errcode=45009, path="/cgi-bin/material/add_material", remaining=1)
    answer = page.upload("image", JPG)
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"]
    assert audits(brand, "upload_material") == 0


def test_a_material_the_menu_uses_is_not_deleted(page, platform, brand):
    page.upload("image", JPG)
    (entry,) = page.client.get(f"{page.url}materials/image/").context["found"]
    menu = {"b1-name": "图", "b1-type": "media_id", "b1-value": entry.media_id}
    assert page.client.post(f"{page.url}menu/", menu).status_code == 302
    answer = page.client.post(f"{page.url}materials/image/delete/", {"media_id": entry.media_id}, follow=True)
    assert len(answer.context["found"]) == 1
    assert audits(brand, "delete_material") == 0


def test_a_draft_is_published_by_asking(page, platform, brand, draft):
    assert "春茶上新" in page.client.get(f"{page.url}materials/drafts/").text
    page.client.post(f"{page.url}publish/", {"media_id": draft, "title": "春茶上新"})
    step(brand)
    row = publication(brand)
    assert (row.state, row.num_asked) == ("running", 1)
    assert page.client.get(f"{page.url}publications/{row.code}/").status_code == 200
    platform.advance(5)
    step(brand)
    row = publication(brand)
    assert (row.state, len(row.links), row.job.state) == ("published", 1, "succeeded")
    assert page.client.get(f"{page.url}publications/{row.code}/").status_code == 286
    assert row.links[0] in page.client.get(f"{page.url}materials/published/").text.replace("&amp;", "&")


@pytest.mark.parametrize(("status", "words"), [(2, "original"), (3, "could not"), (4, "rejected")])
def test_a_refused_publication_says_why(page, platform, brand, draft, status, words):
    platform.next_results(app_id=page.account.app_id, publish_statuses=[status])
    page.client.post(f"{page.url}publish/", {"media_id": draft, "title": "春茶上新"})
    step(brand)
    platform.advance(5)
    step(brand)
    row = publication(brand)
    assert (row.state, row.links) == ("refused", [])
    assert words in row.reason
    assert drafts.count_drafts(client_for(page.account)) == 1


def test_the_push_ends_a_publication_before_the_job_asks_again(page, platform, brand, draft):
    page.client.post(f"{page.url}publish/", {"media_id": draft, "title": "春茶上新"})
    step(brand)
    num_calls = len(platform.calls("/cgi-bin/freepublish/get"))
    told = {"publish_id": publication(brand).publish_id, "publish_status": "0", "article_id": "A1",
            "article_detail": {"count": 1, "item": [{"idx": 1, "article_url": "https://mp/1"}]}}  # fmt: skip
    with tenant_scope(brand):
        push = parse(event("PUBLISHJOBFINISH", PublishEventInfo=told))
        pushes.HANDLERS[type(push)](page.account, push, None)
    step(brand)
    row = publication(brand)
    assert (row.state, row.article_id, row.links, row.job.state) == ("published", "A1", ["https://mp/1"], "succeeded")
    assert len(platform.calls("/cgi-bin/freepublish/get")) == num_calls


def test_a_draft_is_handed_over_once(page, platform, brand, draft):
    for _ in range(2):
        page.client.post(f"{page.url}publish/", {"media_id": draft, "title": "春茶上新"})
    row = publication(brand)  # one only
    with tenant_scope(brand):
        Publication.objects.update(state="submitting")  # a worker died after this
    step(brand)
    assert publication(brand).state == "unknown"
    assert platform.calls("/cgi-bin/freepublish/submit") == []
    assert row.title == "春茶上新"


def test_a_draft_that_is_gone_is_refused(page, brand):
    page.client.post(f"{page.url}publish/", {"media_id": "gone", "title": "x"})
    step(brand)
    row = publication(brand)
    assert (row.state, row.job.state, row.job.error_code) == ("refused", "failed", "wechat_40007")


def test_an_unverified_account_is_told_why(connected, teammate, platform, brand):  # noqa: F811  # the fixture
    page = Page(Client(), connected("subscription", verified=False))
    page.client.force_login(teammate(Role.MARKETER))
    assert "微信认证" in page.client.get(f"{page.url}materials/image/").text
    assert page.upload("image", JPG).status_code == 422
    page.client.post(f"{page.url}publish/", {"media_id": "m", "title": "x"})
    with tenant_scope(brand):
        assert not Publication.objects.exists()
    assert platform.calls("/cgi-bin/material/add_material") == []


@pytest.mark.parametrize("role", [Role.ANALYST, Role.VIEWER])
def test_who_only_looks_changes_nothing(page, teammate, brand, draft, role):
    page.client.force_login(teammate(role))
    assert page.client.get(f"{page.url}materials/drafts/").status_code == 200
    posts = [
        ("materials/image/", {}),
        ("materials/image/delete/", {"media_id": "m"}),
        ("publish/", {"media_id": draft}),
    ]
    assert [page.client.post(page.url + path, data).status_code for path, data in posts] == [403, 403, 403]
    with tenant_scope(brand):
        assert not Publication.objects.exists()
