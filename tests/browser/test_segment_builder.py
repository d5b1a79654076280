"""The builder of a segment in a real browser: counted while it is built, saved, opened again as it was."""

import os

from playwright.sync_api import expect

from accounts.tenancy import tenant_scope
from audience.models import Contact
from campaigns.models import Segment
from tests.browser.conftest import PHONE


def test_a_segment_is_built_counted_and_saved(visitor, person, shop):
    with tenant_scope(shop):
        rows = [
            Contact(external_id=f"p{n}", name=f"粉丝{n}", tags=["vip"] if n < 3 else [], gender="female")
            for n in range(9)
        ]
        Contact.objects.bulk_create(rows)
    one = visitor("en")
    one.sign_in(person.email)
    page = one.open("/b/shop/segments/new/")
    page.fill("input[name=name]", "VIP women")
    page.locator(".seg-kind").first.select_option("tags")
    page.locator("[data-field=values] input").first.fill("vip")
    expect(page.locator("#preview .seg-size")).to_have_text("3")
    page.locator(".seg-group > .btn-list > button").first.click()
    page.locator(".seg-kind").nth(1).select_option("gender")
    page.get_by_role("button", name="Male", exact=True).click()
    expect(page.locator("#preview .seg-size")).to_have_text("0")
    page.get_by_role("button", name="Female", exact=True).click()
    expect(page.locator("#preview .seg-size")).to_have_text("3")
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/builder.png", full_page=True)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".seg-size")).to_have_text("3")
    expect(page.locator(".seg-share").first).to_be_visible()
    if folder:
        page.screenshot(path=f"{folder}/segment.png", full_page=True)
    with tenant_scope(shop):
        rule = Segment.objects.get().rule
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".seg-words")).to_be_visible()
    with tenant_scope(shop):
        assert (Segment.objects.get().rule, Segment.objects.get().number) == (rule, 1)
    phone = visitor("zh", PHONE)
    phone.sign_in(person.email)
    for path in ("", "new/"):
        phone.open(f"/b/shop/segments/{path}")
        assert phone.overflow() <= 0
    if folder:
        phone.page.screenshot(path=f"{folder}/phone.png", full_page=True)
