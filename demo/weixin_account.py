"""The demo brand alive in the simulated WeChat: a practice account with followers, two weeks of life, and a crowd.

Stage: collect. Reads the demo brand; writes a connected account with QR codes, identities of existing contacts, tracked
links, keys, and the world of the simulator. Every step looks first whether it has been done; a second run does nothing.
"""

import time
from collections import defaultdict
from typing import Any

from django.db.models import Count

from accounts import keys as api_keys
from accounts.actors import Actor
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from audience.models import Contact, Event, Identity
from connectors import practice, qrcodes, tokens
from connectors.clients import client_for
from connectors.models import ConnectedAccount, QrCode
from connectors.sync import runs
from connectors.tracking import keys, links
from connectors.wechat import menus
from connectors.wechat.menus import Button, ButtonType
from demo import posts
from demo.content import BRAND_URL

DAY_SECONDS = 86_400
NUM_FOLLOWERS = 800
NEWCOMERS_PER_DAY = 12.0
POSTED_DAYS_AGO = (14, 6, 1)
"""When articles came out; since the last time the site has heard the account's pushes."""
LIVELINESS = 60.0
"""Acts of a crowd this small would be minutes apart, and the live page would look dead."""
PAST_LIVELINESS = 6.0
_CODES = (("门店立牌", QrCode.Purpose.SHOP, "门店"), ("包裹卡片", QrCode.Purpose.CHANNEL, "包裹卡"))
_FITTING = {
    "beauty": ("护肤",),
    "parenting": ("母婴", "亲子阅读"),
    "food": ("烘焙", "咖啡茶饮"),
    "home": ("家居收纳", "园艺"),
    "fitness": ("健身",),
    "career": ("职场技能",),
    "culture": ("摄影", "亲子阅读"),
    "travel": ("旅行",),
    "code": ("数码",),
}
"""What a simulated follower loves, and the categories that contacts like them read most."""


def enliven(tenant: Tenant, site: str, by: Actor) -> None:
    """Connect the account on the first call, follow the site to a new address on later ones.

    `site` is the site's own address without a slash at the end. Raises Conflict while the simulator is away.
    """
    account = _find(tenant)
    is_new = account is None or not _has_codes(account)
    if account is None:
        account = _connect(tenant, by)
    if not account.is_active:
        return
    if is_new:
        _live_through_the_past(account, site, by)
    _reach_today(account, until_days_ago=1)
    _move_in(account, site, by)
    _reach_today(account)
    if is_new:
        practice.ask("crowd_on", app_id=account.app_id, newcomers_per_day=NEWCOMERS_PER_DAY, liveliness=LIVELINESS)
    _fetch_lists(account, by)


def _find(tenant: Tenant) -> ConnectedAccount | None:
    """The brand's first practice account; one that somebody has disconnected stays so."""
    with tenant_scope(tenant):
        return ConnectedAccount.objects.filter(is_simulated=True).order_by("pk").first()


def _has_codes(account: ConnectedAccount) -> bool:
    with tenant_scope(account.brand_id):
        return bool(QrCode.objects.filter(account=account).exists())


def _connect(tenant: Tenant, by: Actor) -> ConnectedAccount:
    """An account that was opened two weeks ago, where nobody else lives by the simulator's clock."""
    _wind_back("")
    with tenant_scope(tenant):
        return practice.connect(tenant.name, by)


def _wind_back(app_id: str) -> None:
    """Set the clock of an otherwise empty world back to the first post."""
    world = practice.ask("state")
    if not set(world["accounts"]) - {app_id} and not world["components"] and not world["merchants"]:
        practice.ask("clock", to=time.time() - POSTED_DAYS_AGO[0] * DAY_SECONDS)


# --- two weeks before the first visitor -----------------------------------------------------------------------------


def _live_through_the_past(account: ConnectedAccount, site: str, by: Actor) -> None:
    """Followers, posts and what people did with them until yesterday; no callback is set, so the site hears nothing."""
    _wind_back(account.app_id)
    _give_followers(account)
    for days_ago, batch in zip(POSTED_DAYS_AGO, posts.batches(account, site, by, len(POSTED_DAYS_AGO)), strict=True):
        _reach_today(account, until_days_ago=days_ago)
        posts.send(client_for(account), batch)
    client = client_for(account)
    with tenant_scope(account.brand_id):
        shop = links.create("公众号菜单：好物", f"{BRAND_URL}/shop", by, campaign="菜单", channel="公众号")
    shelf = Button("逛好物", ButtonType.VIEW, url=f"{site}/t/{shop.code}/")
    menus.set_menu(client, Button("今日推荐", ButtonType.CLICK, key="today"), shelf)
    with tenant_scope(account.brand_id):
        for name, purpose, tag in _CODES:
            qrcodes.create(account, name=name, purpose=purpose, tags=[tag], lives_days=None, by=by)


def _give_followers(account: ConnectedAccount) -> None:
    """Followers come to life; each is an existing contact who reads most what the follower loves."""
    app_id = account.app_id
    pools = _contacts_by_category(account.brand_id)
    num = min(NUM_FOLLOWERS, sum(len(pool) for pool in pools.values()))
    practice.ask("crowd_on", app_id=app_id, num=num, newcomers_per_day=NEWCOMERS_PER_DAY, liveliness=PAST_LIVELINESS)
    openids = practice.ask("list_openids", app_id=app_id, num=num)
    loves = [one["loves"] for one in practice.ask("tastes", app_id=app_id, num=num)]
    with tenant_scope(account.brand_id):
        known = set(Identity.objects.filter(account_ref=app_id).values_list("value", flat=True))
        made = [
            Identity(kind=Identity.Kind.OPENID, account_ref=app_id, value=openid, contact_id=_take(pools, topic))
            for openid, topic in zip(openids, loves, strict=True)
        ]
        Identity.objects.bulk_create([one for one in made if one.value not in known], batch_size=2000)


def _contacts_by_category(tenant_id: int) -> dict[str, list[int]]:
    """Contacts under the category that most of their acts are about."""
    with tenant_scope(tenant_id):
        acts = Event.objects.filter(item__isnull=False).values_list("contact_id", "item__category")
        favourites: dict[int, str] = {
            contact: category for contact, category, _num in acts.annotate(num=Count("*")).order_by("num", "contact_id")
        }
    pools: dict[str, list[int]] = defaultdict(list)
    for contact, category in favourites.items():
        pools[category].append(contact)
    return pools


def _take(pools: dict[str, list[int]], topic: str) -> int:
    """A contact of a fitting category, or of the fullest when those are used up."""
    fullest = max(pools, key=lambda category: len(pools[category]))
    chosen = next((name for name in _FITTING.get(topic, ()) if pools.get(name)), fullest)
    return pools[chosen].pop()


def _reach_today(account: ConnectedAccount, until_days_ago: float = 0) -> None:
    """Let the crowd live until so many days before now; a clock that is there already stays."""
    wanted = time.time() - until_days_ago * DAY_SECONDS
    if practice.ask("clock")["now"] < wanted - 1:
        practice.ask("clock", to=wanted)
        practice.ask("crowd_catch_up", timeout=15.0)
        with tenant_scope(account.brand_id):
            tokens.forget(account)  # by the simulator's clock it has expired


# --- the way to the site --------------------------------------------------------------------------------------------


def _move_in(account: ConnectedAccount, site: str, by: Actor) -> None:
    """Pushes and the crowd's visits go to this address."""
    url = f"{site}/hooks/wechat/{account.code}/"
    world = practice.ask("state", app_id=account.app_id)
    if world["accounts"][account.app_id]["callback"]["url"] != url:
        practice.configure_callback(account, url)
    known = practice.ask("crowd", app_id=account.app_id)["brand"]
    if known.get("url") != site:
        own = {} if known.get("url") else _keys_and_contacts(account, by)
        practice.ask("crowd_brand", app_id=account.app_id, url=site, origin=site, **own)


def _keys_and_contacts(account: ConnectedAccount, by: Actor) -> dict[str, Any]:
    """What the brand's shop has: a key of the tracker, a key of the API, and whom an openid belongs to."""
    with tenant_scope(account.brand_id):
        tenant = Tenant.objects.get(pk=account.brand_id)
        scopes = ["contacts:write", "items:read", "events:write"]
        _key, secret = api_keys.create(tenant, "模拟器里的店铺", scopes, by)
        rows = Contact.objects.filter(identities__account_ref=account.app_id)
        contacts = dict(rows.values_list("identities__value", "external_id"))
        return {"key": keys.of_brand(tenant)[0].code, "api_key": secret, "contacts": contacts}


def _fetch_lists(account: ConnectedAccount, by: Actor) -> None:
    with tenant_scope(account.brand_id):
        fetched = runs.newest(account)
        for kind in runs.kinds_of(account):
            if kind not in fetched:
                runs.start(account, kind, by)
