"""Signing in, switching the brand and the language, making an API key: in a real browser, in both languages."""

import re

import pytest
from playwright.sync_api import expect

from accounts import keys, tenants

from tests.browser.conftest import PHONE  # isort: skip

WORDS = {
    "zh": {"home": "首页", "key": "生成密钥", "revoke": "吊销", "yes": "确定", "revoked": "已吊销"},
    "en": {"home": "Home", "key": "Create the key", "revoke": "Revoke", "yes": "Yes, go on", "revoked": "Revoked"},
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_person_signs_in_and_switches_brand_and_language(visitor, person, shop, language):
    for number in range(7):
        tenants.create(f"品牌{number}", "content", person, slug=f"brand-{number}")
    someone = visitor(language)
    page = someone.sign_in("lin@browser.test")
    expect(page.locator("h1")).to_have_text({"zh": "我的品牌", "en": "My brands"}[language])
    expect(page.locator(".fw-brand-numbers .fw-figure")).to_have_count(16)
    page.get_by_role("link", name="青禾生活").click()
    expect(page.locator(".fw-nav a.active")).to_have_text(WORDS[language]["home"])
    page.locator(".fw-switch-button").click()
    page.locator(".fw-switch input").fill("品牌3")
    expect(page.locator(".fw-switch-list a:visible")).to_have_count(1)
    page.locator(".fw-switch-list a:visible").click()
    page.wait_for_url("**/b/brand-3/")
    other = {"zh": "en", "en": "zh-hans"}[language]
    page.locator(f".fw-side .fw-language button[value={other}]").click()
    expect(page.locator("html")).to_have_attribute("lang", other)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_key_is_made_copied_and_revoked(visitor, shop, language):
    words = WORDS[language]
    someone = visitor(language)
    someone.sign_in("lin@browser.test")
    page = someone.open("/b/shop/settings/keys/")
    page.fill("input[name=name]", "商城")
    page.get_by_role("button", name=words["key"]).click()
    secret = page.locator("#secret").inner_text()
    assert keys.find(secret).name == "商城"
    for tab in ("Python", "JavaScript"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(".tab-pane.active pre")).to_contain_text(secret)
    page = someone.open("/b/shop/settings/keys/")
    page.get_by_role("button", name=words["revoke"]).click()
    page.locator("#fw-confirm").get_by_role("button", name=words["yes"]).click()
    expect(page.locator(".list-group-item .fw-badge")).to_have_text(words["revoked"])
    assert keys.find(secret) is None


def test_who_says_no_to_the_question_changes_nothing(visitor, shop):
    someone = visitor("en")
    someone.sign_in("lin@browser.test")
    page = someone.open("/b/shop/settings/")
    page.get_by_role("button", name=re.compile("^Remove")).click()
    page.locator("#fw-confirm").get_by_role("button", name="Cancel").click()
    expect(page.locator("#fw-confirm")).to_be_hidden()
    assert shop.memberships.count() == 1


def test_the_menu_of_a_phone_opens_and_leads_on(visitor, shop):
    someone = visitor("zh", PHONE)
    page = someone.sign_in("lin@browser.test")
    assert someone.overflow() == 0
    expect(page.locator(".fw-nav")).to_be_hidden()
    page.locator(".fw-mobilebar button").click()
    page.locator(".fw-nav a", has_text="设置").click()
    page.wait_for_url("**/b/shop/settings/")
    assert someone.overflow() == 0
