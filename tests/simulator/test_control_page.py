"""The control page and the reads behind it."""

import re
from pathlib import Path

import pytest

from tests.simulator.site import Site, make_site

PAGES = Path("simulator/pages")


@pytest.fixture
def site(platform) -> Site:
    return make_site(platform, name="春茶学堂")


def test_the_page_and_its_files_are_served(platform):
    page = platform.http.get(f"{platform.url}/_control/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in re.findall(r'(?:href|src)="(/_control/[^"]+)"', page.text):
        assert platform.http.get(platform.url + name).status_code == 200
    assert "https://" not in page.text


def test_every_word_of_the_page_has_both_languages():
    words = (PAGES / "words.js").read_text()
    chinese, english = words.split("\n  en: {")
    html, script = (PAGES / "control.html").read_text(), (PAGES / "control.js").read_text()
    used = set(re.findall(r'data-(?:word|hint)="(\w+)"', html)) | set(re.findall(r'\bword\("(\w+)"\)', script))
    for name in used:
        assert re.search(rf"\b{name}: ", chinese), name
        assert re.search(rf"\b{name}: ", english), name
    assert re.findall(r"\b(\w+): [\"{]", chinese.split("zh: {")[1]) == re.findall(r"\b(\w+): [\"{]", english)


def test_the_overview_shows_accounts_and_faults(site):
    site.platform.fail("errcode", errcode=45009, path="/cgi-bin/message")
    site.platform.add_users(site.app_id, 2)
    world = site.platform.overview()
    [account] = world["accounts"]
    assert (account["name"], account["num_following"]) == ("春茶学堂", 2)
    assert [fault["errcode"] for fault in world["faults"]] == [45009]


def test_users_are_found_by_name_and_by_openid(site):
    openid = site.platform.add_user(site.app_id, "李雷")
    site.platform.add_user(site.app_id, "韩梅梅")
    site.platform.grow_crowd(app_id=site.app_id, num=1000)
    sleeper = site.platform.list_openids(app_id=site.app_id, first=999, num=1)[0]
    assert [one["openid"] for one in site.platform.users(app_id=site.app_id, search="李雷")["users"]] == [openid]
    assert [one["openid"] for one in site.platform.users(app_id=site.app_id, search=sleeper)["users"]] == [sleeper]
    assert len(site.platform.users(app_id=site.app_id)["users"]) == 2


def test_the_newest_lines_come_first(site):
    openid = site.platform.add_user(site.app_id, "li")
    for number in range(5):
        site.platform.send(app_id=site.app_id, openid=openid, Content=str(number))
    lines = site.platform.latest(kind="said", app_id=site.app_id, num=3)
    assert [line["message"]["Content"] for line in lines] == ["4", "3", "2"]


def test_a_purchase_is_noted(site):
    openid = site.platform.add_user(site.app_id, "li")
    site.platform.buy(app_id=site.app_id, openid=openid, item="p1", amount_fen=100)
    assert [(one["item"], one["amount_fen"]) for one in site.platform.read("order", site.app_id)] == [("p1", 100)]
