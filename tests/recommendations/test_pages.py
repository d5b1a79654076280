"""The pages: choose a person, see the slate with reasons, compare versions; the profile and similar-items parts."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from audience.models import Engagement, Import
from modeling.models import Purpose
from recommendations.charts import interest_radar
from recommendations.interests import Interest
from recommendations.models import ContactScore
from recommendations.provenance import Provenance
from tests.recommendations.conftest import Shop

PREVIEW = "/b/brand/recommendations/"


@pytest.fixture
def filled(brand: Tenant) -> Shop:
    """Two people who did something; after 茶 comes 杯, by the candidate 壶."""
    with tenant_scope(brand):
        shop = Shop()
        shop.item("tea", title="好茶", tags=["茶"], category="饮品")
        shop.item("cup", title="好杯", tags=["茶"], kind="product", price_fen=9900)
        shop.item("pot", title="好壶", kind="product")
        shop.live = shop.publish(shop.knn(("tea", "cup", 3)))
        shop.candidate = shop.publish(shop.knn(("tea", "pot", 2)), is_live=False)
        shop.lin, shop.wang = shop.contact("林欣"), shop.contact("王芳")
        for number in range(3):
            shop.act(shop.lin, "tea", EventKind.LIKE, at=timezone.now() - timedelta(hours=number + 1))
        shop.act(shop.wang, "pot", EventKind.READ, at=timezone.now() - timedelta(hours=1))
    return shop


@pytest.fixture
def english(as_owner: Client) -> Client:
    as_owner.cookies["django_language"] = "en"
    return as_owner


def test_the_liveliest_person_is_shown_at_once_with_reasons(english: Client, filled: Shop) -> None:
    response = english.get(PREVIEW)
    text = response.content.decode()
    assert response.context["asked"].contact == filled.lin
    assert "Because you liked “好茶”" in text
    assert "¥99" in text
    assert "/static/catalog/product.svg" in text


def test_a_person_is_found_by_name(english: Client, filled: Shop) -> None:
    response = english.get(PREVIEW, {"text": "王"})
    assert [person.name for person in response.context["asked"].found] == ["王芳"]
    assert response.context["asked"].contact == filled.wang
    assert english.get(PREVIEW, {"text": "nobody"}).context["asked"].is_newcomer


def test_two_versions_stand_side_by_side_with_their_differences(english: Client, filled: Shop) -> None:
    asked = {"contact": filled.lin.code, "against": filled.candidate.code, "kind": "product"}
    live, candidate = english.get(PREVIEW, asked).context["columns"]
    assert [entry.item.external_id for entry in live.slate.items] == ["cup", "pot"]
    assert [entry.item.external_id for entry in candidate.slate.items] == ["pot", "cup"]
    assert (live.only_here, candidate.asked) == (frozenset(), filled.candidate)


def test_what_a_new_follower_sees(english: Client, filled: Shop) -> None:
    response = english.get(PREVIEW, {"contact": "new"})
    assert response.context["columns"][0].slate.fallback == "anonymous"
    assert "What a new follower sees" in response.content.decode()


def test_a_broken_model_is_shown_on_the_page(english: Client, filled: Shop, settings) -> None:
    (settings.MODEL_DIR / filled.live.directory / "weights.safetensors").unlink()
    text = english.get(PREVIEW, {"contact": filled.lin.code}).content.decode()
    assert "files cannot be read" in text
    assert "rec-note-bad" in text


def test_a_brand_without_anything_has_a_page(english: Client) -> None:
    response = english.get(PREVIEW)
    assert response.status_code == 200
    assert "Nothing to recommend" in response.content.decode()


def test_the_profile_part_names_numbers_and_their_origin(english: Client, filled: Shop, brand: Tenant) -> None:
    with tenant_scope(brand):
        ContactScore.objects.create(
            contact=filled.lin, purpose=Purpose.ENGAGEMENT, version=filled.live, probability=0.42, percentile=95.0,
            scored_at=timezone.now(),
        )  # fmt: skip
    response = english.get(f"/b/brand/recommendations/profile/{filled.lin.code}/")
    text = response.content.decode()
    for part in ("饮品", "observed", "42 %", "modelled", "3 acts in 90 days", "Because you liked “好茶”"):
        assert part in text
    assert response.context["profile"].contact == filled.lin


def test_the_profile_of_somebody_who_never_acted_says_so(english: Client, brand: Tenant) -> None:
    with tenant_scope(brand):
        contact = Shop().contact()
    text = english.get(f"/b/brand/recommendations/profile/{contact.code}/").content.decode()
    assert "No interest can be seen yet" in text
    assert "No act in the last 180 days." in text


def test_similar_items_are_a_part_of_the_items_page(english: Client, filled: Shop) -> None:
    text = english.get("/b/brand/recommendations/similar/tea/").content.decode()
    assert "好杯" in text
    assert "often chosen together" in text


def test_foreign_codes_are_not_found(as_stranger: Client, filled: Shop) -> None:
    for address in (
        PREVIEW,
        f"/b/other/recommendations/profile/{filled.lin.code}/",
        "/b/other/recommendations/similar/tea/",
        f"/b/other/recommendations/?contact={filled.lin.code}",
        f"/b/other/recommendations/?version={filled.live.code}",
    ):
        assert as_stranger.get(address).status_code == 404


def test_a_viewer_may_look(brand: Tenant, filled: Shop, teammate) -> None:
    client = Client()
    client.force_login(teammate("viewer"))
    assert client.get(PREVIEW).status_code == 200


def test_a_radar_needs_three_axes_and_has_the_strongest_at_the_rim() -> None:
    interests = [Interest(name, weight, 1, Provenance(1)) for name, weight in (("a", 0.5), ("b", 0.25), ("c", 0.25))]
    assert interest_radar(interests[:2]) is None
    radar = interest_radar(interests)
    assert radar is not None
    assert radar.shape.split()[0] == "0.0,-84.0"
    assert [axis.anchor for axis in radar.axes] == ["middle", "start", "end"]


def test_the_profile_of_somebody_in_an_engagement_table_shows_its_numbers(
    as_owner: Client, filled: Shop, brand: Tenant
):
    with tenant_scope(brand):
        upload = Import.objects.create(filename="weixin_data.csv", file="x", size_bytes=1, sha256="0" * 64)
        Engagement.objects.create(contact=filled.lin, batch=upload, likes=3, time_spent=120, label=True)
    page = as_owner.get(f"/b/brand/recommendations/profile/{filled.lin.code}/")
    assert page.status_code == 200
    assert "weixin_data.csv" in page.content.decode()
