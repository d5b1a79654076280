"""Pages of the catalog, as people use them."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from catalog.models import Item
from tests.catalog.test_pictures import picture

FACTS = {
    "external_id": "p/1", "title": "神经酰胺面霜", "kind": "product", "state": "active", "text": "修护屏障",
    "category": "护肤", "author": "青禾自选", "tags": "面霜，换季, 面霜、敏感肌", "price": "168.50",
    "duration_minutes": "", "url": "https://example.cn/p/1", "published_at": "2026-03-01T09:30", "picture_address": "",
}  # fmt: skip


@pytest.fixture
def item(brand):
    with tenant_scope(brand):
        return Item.objects.create(
            external_id="p/1", title="面霜", kind="product", price_fen=16800, duration_seconds=125
        )


def in_brand(brand):
    with tenant_scope(brand):
        return list(Item.objects.order_by("pk"))


def test_a_new_item_is_written_with_all_its_facts(as_owner, brand):
    answer = as_owner.post("/b/brand/catalog/new/", FACTS)
    assert answer["Location"] == "/b/brand/catalog/item/p/1/"
    (item,) = in_brand(brand)
    assert (item.title, item.kind, item.category, item.tags) == (
        "神经酰胺面霜",
        "product",
        "护肤",
        ["面霜", "换季", "敏感肌"],
    )
    assert (item.price_fen, item.duration_seconds, item.published_at.isoformat()) == (
        16850,
        None,
        "2026-03-01T01:30:00+00:00",
    )


def test_an_existing_id_is_refused_and_nothing_changes(as_owner, brand, item):
    answer = as_owner.post("/b/brand/catalog/new/", FACTS, headers={"accept-language": "en"})
    assert answer.status_code == 422
    assert "exists already" in answer.content.decode()
    assert in_brand(brand)[0].title == "面霜"


def test_an_edit_keeps_the_seconds_that_the_form_rounds(as_owner, brand, item):
    page = as_owner.get("/b/brand/catalog/edit/p/1/")
    facts = {name: value for name, value in page.context["form"].initial.items() if value is not None}
    as_owner.post("/b/brand/catalog/edit/p/1/", facts | {"tags": "", "title": "新面霜"})
    changed = in_brand(brand)[0]
    assert (changed.title, changed.duration_seconds, changed.price_fen) == ("新面霜", 125, 16800)


def test_a_new_picture_replaces_the_old_file(as_owner, brand, item, django_capture_on_commit_callbacks):
    def send():
        upload = SimpleUploadedFile("a.png", picture().getvalue())
        with django_capture_on_commit_callbacks(execute=True):
            assert as_owner.post("/b/brand/catalog/edit/p/1/", FACTS | {"picture_file": upload}).status_code == 302
        return in_brand(brand)[0].picture

    first, second = send(), send()
    assert first.startswith(f"pictures/{brand.pk}/")
    assert default_storage.exists(second)
    assert not default_storage.exists(first)


@pytest.mark.parametrize("content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ program"])
def test_a_bad_picture_is_refused_and_nothing_is_stored(as_owner, brand, item, content):
    upload = SimpleUploadedFile("a.png", content, "image/png")
    answer = as_owner.post("/b/brand/catalog/edit/p/1/", FACTS | {"picture_file": upload})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"picture_file"}
    assert (in_brand(brand)[0].title, in_brand(brand)[0].picture) == ("面霜", "")
    assert not default_storage.exists(f"pictures/{brand.pk}")


def test_the_state_changes_and_is_recorded(as_owner, brand, item):
    as_owner.post("/b/brand/catalog/state/p/1/", {"state": "retired"})
    assert in_brand(brand)[0].state == "retired"
    with tenant_scope(brand):
        entry = AuditEntry.objects.get(verb="set_state")
    assert (entry.object_code, entry.details) == ("p/1", {"before": "active", "after": "retired"})


def test_an_unknown_state_changes_nothing(as_owner, brand, item):
    as_owner.post("/b/brand/catalog/state/p/1/", {"state": "gone"})
    assert in_brand(brand)[0].state == "active"


def test_a_viewer_sees_but_cannot_change(client, teammate, brand, item):
    client.force_login(teammate("viewer"))
    page = client.get("/b/brand/catalog/item/p/1/").content.decode()
    assert "/b/brand/catalog/edit/p/1/" not in page
    assert client.get("/b/brand/catalog/edit/p/1/").status_code == 403
    assert client.post("/b/brand/catalog/state/p/1/", {"state": "retired"}).status_code == 403
    assert in_brand(brand)[0].state == "active"


@pytest.mark.parametrize("page", ["", "item/p/1/", "edit/p/1/", "new/"])
def test_a_stranger_finds_nothing(as_stranger, brand, item, page):
    assert as_stranger.get(f"/b/brand/catalog/{page}").status_code == 404
    assert as_stranger.get("/b/other/catalog/item/p/1/").status_code == 404


@pytest.mark.parametrize("look", ["", "table"])
def test_a_long_list_asks_the_database_no_more_than_a_short_one(as_owner, brand, item, look):
    address = f"/b/brand/catalog/?look={look}"
    with CaptureQueriesContext(connection) as short:
        as_owner.get(address)
    with tenant_scope(brand):
        Item.objects.bulk_create([Item(external_id=str(n), title=f"文章 {n}", tags=["a"]) for n in range(60)])
    with CaptureQueriesContext(connection) as long:
        page = as_owner.get(address)
    assert len(page.context["page"].object_list) == 24
    assert len(long) == len(short)


def test_filters_and_pages_keep_each_other(as_owner, brand):
    with tenant_scope(brand):
        Item.objects.bulk_create([Item(external_id=str(n), title=f"咖啡 {n}", kind="video") for n in range(30)])
        Item.objects.create(external_id="x", title="咖啡机", kind="product")
    page = as_owner.get("/b/brand/catalog/?text=咖啡&kind=video&page=2")
    assert len(page.context["page"].object_list) == 6
    assert "?text=%E5%92%96%E5%95%A1&amp;kind=video&amp;page=1" in page.content.decode()


def test_the_empty_catalog_offers_the_upload(as_owner, client, teammate, brand):
    assert "/b/brand/data/upload/?preset=items" in as_owner.get("/b/brand/catalog/").content.decode()
    client.force_login(teammate("viewer"))
    assert "/b/brand/data/upload/" not in client.get("/b/brand/catalog/").content.decode()
