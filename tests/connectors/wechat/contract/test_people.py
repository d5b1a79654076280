"""Followers, tags, blacklist, QR codes and menus, against the simulated platform."""

import httpx
import pytest

from connectors.wechat import accounts, menus, qrcodes, tags, users
from connectors.wechat.errors import NotAllowed, NotFollowing, OverQuota, Refused, UnknownPerson
from connectors.wechat.menus import Button


def test_twenty_five_thousand_followers_are_read_and_the_reading_resumes(service):
    service.platform.grow_crowd(app_id=service.app_id, num=25_000)
    pages = users.follower_pages(service.client)
    first = next(pages)
    assert (len(first.openids), first.total) == (10_000, 25_000)
    rest = list(users.follower_pages(service.client, first.next_openid))
    assert [len(page.openids) for page in rest] == [10_000, 5_000]
    assert len({openid for page in (first, *rest) for openid in page.openids}) == 25_000
    new = service.add_follower()
    assert [page.openids for page in users.follower_pages(service.client, rest[-1].next_openid)] == [(new,)]


def test_a_full_last_page_ends(service):
    service.platform.grow_crowd(app_id=service.app_id, num=10_000)
    assert [len(page.openids) for page in users.follower_pages(service.client)] == [10_000]
    assert len(service.platform.calls("/cgi-bin/user/get")) == 2


def test_quota_of_reading_followers(service):
    service.platform.change_account(app_id=service.app_id, limits={"/cgi-bin/user/get": 1})
    service.add_follower()
    assert len(list(users.follower_pages(service.client))) == 1
    with pytest.raises(OverQuota):
        next(users.follower_pages(service.client))
    accounts.clear_quota(service.client, "/cgi-bin/user/get")
    assert len(list(users.follower_pages(service.client))) == 1
    quota = accounts.read_quota(service.client, "/cgi-bin/user/get")
    assert (quota.daily_limit, quota.num_used, quota.num_left) == (1, 1, 0)
    accounts.clear_quotas(service.client, service.app_id)
    accounts.clear_quotas_by_secret(service.client, service.app_id, service.account.secret)
    assert accounts.read_quota(service.client, "/cgi-bin/user/get").num_used == 0


def test_what_the_platform_tells_of_a_person(service):
    openid = service.add_follower()
    tag = tags.create_tag(service.client, "会员")
    assert tags.tag_users(service.client, tag.id, [openid]).num_done == 1
    users.set_remark(service.client, openid, "小" * 30)
    person = users.read_user(service.client, openid)
    assert (person.is_following, person.remark, person.tag_ids) == (True, "小" * 30, (tag.id,))
    assert person.followed_at is not None
    assert list(users.read_users(service.client, [openid])) == [person]
    service.let("unfollow", openid)
    assert users.read_user(service.client, openid).is_following is False


def test_tags_both_ways(service):
    openids = service.platform.add_users(service.app_id, 120)
    tag = tags.create_tag(service.client, "广" * 30)
    assert tags.tag_users(service.client, tag.id, openids).num_done == 120
    assert next(tags.tagged_pages(service.client, tag.id)).openids == tuple(openids)
    assert tags.read_tags_of(service.client, openids[0]) == (tag.id,)
    assert tags.Tag(tag.id, "广" * 30, 120) in tags.read_tags(service.client)
    assert tags.untag_users(service.client, tag.id, openids[:70]).num_done == 70
    assert len(next(tags.tagged_pages(service.client, tag.id)).openids) == 50
    tags.rename_tag(service.client, tag.id, "老客")
    with pytest.raises(Refused) as refused:
        tags.create_tag(service.client, "老客")
    assert refused.value.errcode == 45157
    tags.delete_tag(service.client, tag.id)
    assert tag.id not in {found.id for found in tags.read_tags(service.client)}


def test_one_stranger_among_the_tagged(service):
    openids = service.platform.add_users(service.app_id, 49)
    tag = tags.create_tag(service.client, "会员")
    done = tags.tag_users(service.client, tag.id, [*openids, "o" + "x" * 27])
    assert (done.num_done, [found.openid for found in done.rejected]) == (49, ["o" + "x" * 27])
    assert isinstance(done.rejected[0].why, UnknownPerson)


def test_the_blacklist(service):
    openids = service.platform.add_users(service.app_id, 45)
    assert users.block(service.client, openids).num_done == 45
    assert set(next(users.blacklist_pages(service.client)).openids) == set(openids)
    assert users.unblock(service.client, openids[:44]).num_done == 44
    assert next(users.blacklist_pages(service.client)).openids == (openids[44],)


def test_codes_that_are_scanned(service):
    code = qrcodes.create_temporary(service.client, "店-7", 3600)
    permanent = qrcodes.create_permanent(service.client, 100_000)
    assert code.expires_at is not None
    assert permanent.expires_at is None
    picture = httpx.get(qrcodes.image_url(code.ticket, service.platform.url), trust_env=False)
    assert picture.headers["Content-Type"] == "image/jpg"
    openid = service.platform.add_user(service.app_id, following=False)
    service.let("scan", openid, ticket=code.ticket)
    person = users.read_user(service.client, openid)
    assert (person.scene, person.qr_scene) == ("ADD_SCENE_QR_CODE", "店-7")
    bad = httpx.get(qrcodes.image_url("none", service.platform.url), trust_env=False)
    assert bad.status_code == 404


def test_who_may_make_codes(subscription):
    with pytest.raises(NotAllowed):
        qrcodes.create_permanent(subscription.client, 1)


MENU = (
    Button("优惠", "click", key="V1"),
    Button(
        "更多",
        children=(Button("商城", "view", url="https://shop.cn/"), Button("扫码", "scancode_waitmsg", key="S")),
    ),
)


def test_menus_come_back_as_they_were_set(service):
    client = service.client
    assert menus.read_menus(client) == menus.Menus(None)
    assert menus.read_shown_menu(client) == menus.Menus(None)
    menus.set_menu(client, *MENU)
    assert menus.read_menus(client).default.buttons == MENU
    assert menus.read_shown_menu(client).default.buttons == MENU
    tag = tags.create_tag(client, "会员")
    vip = Button("专享", "click", key="VIP")
    menu_id = menus.add_conditional_menu(client, menus.MatchRule(tag_id=tag.id), vip)
    found = menus.read_menus(client).conditional
    assert [(menu.buttons, menu.menu_id, dict(menu.rule)) for menu in found] == [
        ((vip,), menu_id, {"tag_id": str(tag.id)})
    ]
    openid = service.add_follower()
    assert menus.try_menu(client, openid) == MENU
    tags.tag_users(client, tag.id, [openid])
    assert menus.try_menu(client, openid) == (vip,)
    menus.delete_conditional_menu(client, menu_id)
    assert menus.try_menu(client, openid) == MENU
    menus.delete_menus(client)
    assert menus.read_menus(client) == menus.Menus(None)


def test_a_conditional_menu_needs_a_default_one(service):
    with pytest.raises(Refused) as refused:
        menus.add_conditional_menu(service.client, menus.MatchRule(phone=1), MENU[0])
    assert refused.value.errcode == 65303


def test_menus_at_their_limits_are_taken(service):
    child = Button("国" * 20, "view", url="https://a.cn/" + "x" * 1011)
    menus.set_menu(service.client, *[Button("国国国国国a", children=(child,) * 5)] * 3)
    menus.set_menu(service.client, Button("x", "click", key="国" * 42 + "ab"))


def test_what_a_request_was(service):
    with pytest.raises(Refused) as refused:
        users.read_user(service.client, "o" + "x" * 27)
    record = accounts.read_request(service.client, refused.value.rid)
    assert '"errcode":40003' in record.answer
    assert accounts.read_api_addresses(service.client)
    assert accounts.read_callback_addresses(service.client)


def test_moved_people_get_new_openids(service, connect):
    old = connect()
    person = old.platform.add_user(old.app_id, "mover")
    found = list(users.exchange_openids(service.client, old.app_id, [person, "o" + "x" * 27]))
    assert [row.old_openid for row in found] == [person, "o" + "x" * 27]
    assert not found[1].new_openid
    assert found[1].error


def test_nobody_left_to_reach(service):
    openid = service.add_follower()
    service.let("unfollow", openid)
    with pytest.raises((UnknownPerson, NotFollowing)):
        users.set_remark(service.client, openid, "x")
