"""The menu of an account: read, published, kept, restored, deleted on the page, on the simulated platform."""

import pytest
from django.test import Client

from accounts.models import AuditEntry, Role
from accounts.tenancy import tenant_scope
from connectors.models import ConnectedAccount, MenuVersion
from connectors.secrets import seal

MENU = {
    "b1-name": "商城", "b1-type": "view", "b1-value": "https://shop.example/",
    "b2-name": "服务", "b2_1-name": "门店", "b2_1-type": "click", "b2_1-value": "SHOPS",
    "b2_2-name": "扫一扫", "b2_2-type": "scancode_push", "b2_2-value": "SCAN",
}  # fmt: skip
BODY = [
    {"name": "商城", "type": "view", "url": "https://shop.example/"},
    {"name": "服务", "sub_button": [
        {"name": "门店", "type": "click", "key": "SHOPS"}, {"name": "扫一扫", "type": "scancode_push", "key": "SCAN"},
    ]},
]  # fmt: skip


@pytest.fixture
def connected(brand, platform, settings):
    """`connected()` is a simulated account of the brand."""
    settings.SIMULATOR_URL = platform.url

    def do(kind="service", verified=True):
        remote = platform.add_account(kind=kind, verified=verified)
        with tenant_scope(brand):
            made = ConnectedAccount(
                app_id=remote.app_id, name="青禾", kind=kind, is_verified=verified, is_simulated=True
            )
            seal(made, "app_secret", remote.secret)
            made.save()
        return made

    return do


@pytest.fixture
def page(connected, teammate):
    """A marketer's way to the menu of a verified service account."""
    account, client = connected(), Client()
    client.force_login(teammate(Role.MARKETER))
    return Page(client, account)


class Page:
    def __init__(self, client, account):
        self.client, self.account = client, account
        self.url = f"/b/brand/channels/{account.code}/menu/"

    def send(self, **changes):
        return self.client.post(self.url, MENU | changes)


def versions(brand):
    with tenant_scope(brand):
        found = MenuVersion.objects.order_by("number")
        return [(one.number, one.origin, one.buttons) for one in found]


def names(platform, page):
    """The names people see."""
    openid = platform.add_user(page.account.app_id)
    return [button["name"] for button in platform.menu_of(app_id=page.account.app_id, openid=openid)["button"]]


def test_a_menu_is_published_kept_and_shown(page, platform, brand):
    assert page.client.get(page.url).status_code == 200
    assert page.send().status_code == 302
    assert names(platform, page) == ["商城", "服务"]
    assert versions(brand) == [(1, "here", BODY)]
    shown = page.client.get(page.url).text
    assert 'value="https://shop.example/"' in shown
    assert 'value="SHOPS"' in shown
    with tenant_scope(brand):
        assert AuditEntry.objects.filter(verb="publish_menu", object_code=page.account.code).count() == 1
        assert MenuVersion.objects.get().created_by.startswith("marketer")


def test_an_older_version_is_restored_as_a_new_one(page, platform, brand):
    page.send()
    page.send(**{"b1-name": "新品"})
    with tenant_scope(brand):
        first = MenuVersion.objects.get(number=1)
    assert page.client.post(f"{page.url}{first.code}/restore/").status_code == 302
    assert names(platform, page) == ["商城", "服务"]
    assert [(number, body[0]["name"]) for number, _origin, body in versions(brand)] == [
        (1, "商城"),
        (2, "新品"),
        (3, "商城"),
    ]


def test_a_menu_made_elsewhere_is_kept_before_it_is_replaced_and_deleted(page, platform, brand):
    page.send()
    with tenant_scope(brand):
        MenuVersion.objects.all().delete()
    page.send(**{"b1-name": "新品"})
    assert versions(brand)[0] == (1, "found", BODY)
    assert page.client.post(f"{page.url}delete/").status_code == 302
    assert names(platform, page) == []
    assert [row[:2] for row in versions(brand)] == [(1, "found"), (2, "here")]


@pytest.mark.parametrize(("field", "fits", "too_long"), [
    ("b1-name", "一二三四五x", "一二三四五xy"), ("b2_1-name", "字" * 20, "字" * 20 + "x"),
    ("b2_1-value", "K" * 128, "K" * 129), ("b1-value", "https://a/" + "x" * 1014, "https://a/" + "x" * 1015),
])  # fmt: skip
def test_limits_hold_at_the_edge(page, platform, brand, field, fits, too_long):
    answer = page.send(**{field: too_long})
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.text
    assert platform.calls("/cgi-bin/menu/create") == []
    assert versions(brand) == []
    assert page.send(**{field: fits}).status_code == 302


@pytest.mark.parametrize(("changes", "field"), [
    ({"b1-name": ""}, "b1-name"), ({"b1-value": "shop.example"}, "b1-value"), ({"b2-type": "click"}, "b2-type"),
    ({"b2_1-type": ""}, "b2_1-type"), ({"b3-name": "无"}, "b3-type"),
    ({"b1-type": "miniprogram"}, "b1-app_id"),
])  # fmt: skip
def test_what_is_wrong_stands_at_its_field(page, platform, brand, changes, field):
    answer = page.send(**changes)
    assert answer.status_code == 422
    wrong = [f"{form.prefix}-{name}" for slot in answer.context["form"].slots for form in (slot.form, *slot.children)
             for name in form.errors]  # fmt: skip
    assert wrong == [field]
    assert versions(brand) == []


def test_nothing_is_stored_when_wechat_refuses(page, platform, brand):
    page.send()
    platform.fail("errcode", errcode=45009, path="/cgi-bin/menu/create", remaining=1)
    answer = page.send(**{"b1-name": "新品"})
    assert answer.status_code == 422
    assert "45009" in answer.text or "alert-danger" in answer.text
    assert len(versions(brand)) == 1
    linked = page.send(**{"b1-type": "miniprogram", "b1-app_id": "wxnone", "b1-page_path": "p"})
    assert linked.status_code == 422
    assert "alert-danger" in linked.text
    assert names(platform, page) == ["商城", "服务"]
    assert len(versions(brand)) == 1


def test_an_empty_menu_is_refused(page, platform, brand):
    assert page.client.post(page.url, {}).status_code == 422
    assert platform.calls("/cgi-bin/menu/create") == []


def test_the_preview_shows_what_is_being_typed(page, platform):
    answer = page.client.post(f"{page.url}preview/", MENU | {"b1-name": "比允许的还要长的名字"})
    assert "扫一扫" in answer.text
    assert "比允许的还要长的名字" in answer.text
    assert platform.calls("/cgi-bin/menu/create") == []


def test_an_account_that_may_have_no_menu_is_told_why(connected, teammate, platform, brand):
    page = Page(Client(), connected("subscription", verified=False))
    page.client.force_login(teammate(Role.MARKETER))
    assert "微信认证" in page.client.get(page.url).text
    assert page.send().status_code == 422
    assert page.client.post(f"{page.url}delete/").status_code == 302
    assert platform.calls("/cgi-bin/menu/create") + platform.calls("/cgi-bin/menu/delete") == []
    assert versions(brand) == []


@pytest.mark.parametrize(("role", "may"), [
    (Role.OWNER, True), (Role.ADMIN, True), (Role.MARKETER, True), (Role.ANALYST, False), (Role.VIEWER, False),
])  # fmt: skip
def test_who_may_publish(connected, teammate, owner, brand, role, may):
    page = Page(Client(), connected())
    page.client.force_login(owner if role == Role.OWNER else teammate(role))
    assert ("data-menu-form" in page.client.get(page.url).text) == may
    assert page.send().status_code == (302 if may else 403)
    assert len(versions(brand)) == may
