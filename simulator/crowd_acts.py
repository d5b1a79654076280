"""What one follower does, given their taste and what they see; every act goes the way a real one would."""

import json
import math
import random
import re
from dataclasses import dataclass
from typing import Any

from simulator import behaviour, consents, figures, openids, reading
from simulator.brand_site import BrandSite, Item, Visit
from simulator.crowd_state import Crowd, Feed, Reaction
from simulator.errors import Refusal
from simulator.platform.comments import find_article
from simulator.tastes import NAMES, TOPICS, Member, affinity, member_of, topics_of
from simulator.world import Account, User, World

URL = re.compile(r"https?://[^\s\"'<>)，。）]+")
NEWCOMER = "newcomer-"
CHARACTERS_PER_SECOND = 9.0
MAX_REACTIONS = 5000
QUESTIONS = ("有{word}相关的推荐吗？", "{word}多少钱？", "想了解一下{word}", "最近有{word}活动吗？", "在吗，想问{word}")
ANSWERS = ("好的，谢谢", "想看看", "有链接吗？", "可以", "怎么报名？", "这个不错")
REFUSALS = ("不用了", "退订", "不感兴趣，别发了")
COMMENTS = ("写得真好", "收藏了", "学到了", "期待下一篇", "能再讲细一点吗？")
PAGES = ("pages/index/index", "pages/goods/detail", "pages/cart/index")


@dataclass
class Scene:
    """The crowd of one account at one moment."""

    world: World
    account: Account
    crowd: Crowd
    site: BrandSite | None
    dice: random.Random

    def count(self, kind: str) -> None:
        """One more act of this kind."""
        self.crowd.counts[kind] = self.crowd.counts.get(kind, 0) + 1

    @property
    def num_members(self) -> int:
        """All there are: those of the beginning and newcomers."""
        return self.account.crowd_size + self.crowd.num_newcomers

    def openid(self, number: int) -> str:
        """The openid of member `number`."""
        if number < self.account.crowd_size:
            return openids.crowd_openids(self.account.app_id, number, 1)[0]
        return openids.openid_of(self.account.app_id, f"{NEWCOMER}{number - self.account.crowd_size}")

    def member(self, number: int) -> Member:
        """Their traits."""
        return member_of(self.world.state.seed, self.account.app_id, number)

    def member_behind(self, openid: str) -> Member | None:
        """The member with this openid; None for a person someone else plays."""
        number = openids.crowd_number(self.account.app_id, openid)
        if number is None:
            user = self.account.users.get(openid)
            if user is None or not user.person.startswith(NEWCOMER):
                return None
            number = self.account.crowd_size + int(user.person.removeprefix(NEWCOMER))
        return self.member(number)

    def anyone(self) -> tuple[Member, User] | None:
        """A random follower, not stored yet, or None when chance picked someone who left."""
        number = self.dice.randrange(self.num_members)
        user = self.account.find_user(self.openid(number))
        return (self.member(number), user) if user is not None and user.is_following else None

    def plan(self, wait_seconds: float, openid: str, kind: str, text: str = "", key: str = "") -> None:
        """Decides to do something later; a full head forgets."""
        if len(self.crowd.reactions) < MAX_REACTIONS:
            self.crowd.reactions.append(Reaction(self.world.now() + wait_seconds, openid, kind, text, key))


# --- reading --------------------------------------------------------------------------------------------------------


def read_feed(scene: Scene, feed: Feed, member: Member, user: User, way: str) -> None:
    """Opens an article, stays as long as it pleases, and maybe does more."""
    care, dice = affinity(member, feed.topics), scene.dice
    depth = min(1.0, max(0.05, dice.betavariate(1 + 4 * care, 2)))
    seconds = min(900.0, 4 + feed.num_characters * depth / CHARACTERS_PER_SECOND * math.exp(dice.gauss(0, 0.4)))
    if not feed.msgid:
        scene.count("read_text")
    else:
        try:
            reading.read_article(scene.world, scene.account, user, feed.msgid, way, round(seconds, 1), depth)
        except Refusal:
            return  # taken back meanwhile
        scene.count("read")
        _react_to_article(scene, feed, member, user, care * depth)
    if feed.urls and dice.random() < 0.6 * care * depth:
        scene.plan(seconds, user.openid, "open", dice.choice(feed.urls))


def _react_to_article(scene: Scene, feed: Feed, member: Member, user: User, joy: float) -> None:
    chances = (("like", 0.9), ("zaikan", 0.4), ("favorite", 0.3), ("share", 0.5), ("comment", 0.15))
    for kind, weight in chances:
        if scene.dice.random() >= member.warmth * joy * weight:
            continue
        if kind == "comment" and not _takes_comments(scene.account, feed.msgid):
            continue
        place = scene.dice.choice(reading.SHARE_SCENES[:2]) if kind == "share" else ""
        text = scene.dice.choice(COMMENTS) if kind == "comment" else ""
        reading.react(scene.world, scene.account, user, feed.msgid, kind, scene=place, text=text)
        scene.count(kind)
        if kind == "share":
            _pass_on(scene, feed, "朋友圈" if place == "moments" else "聊天会话")


def _pass_on(scene: Scene, feed: Feed, way: str) -> None:
    """A friend sees what was shared, and reads it if they care; a friend's friend is another day's story."""
    found = scene.anyone()
    if found is None or scene.dice.random() >= affinity(found[0], feed.topics):
        return
    reading.read_article(scene.world, scene.account, found[1], feed.msgid, way, 20.0, 0.7)
    scene.count("read")


def _takes_comments(account: Account, msgid: str) -> bool:
    number, _, index = msgid.partition("_")
    article = find_article(account.content.publications.get(number), int(index))
    return bool(article and article["need_open_comment"])


# --- answering ------------------------------------------------------------------------------------------------------


def consider_message(scene: Scene, line: dict[str, Any]) -> None:
    """A message for one follower lies on the phone: open, answer, tap, or have enough of it."""
    member = scene.member_behind(line["subject"])
    user = scene.account.users.get(line["subject"])
    if member is None or user is None:
        return
    text = json.dumps(line["payload"], ensure_ascii=False)
    care, dice, wait = affinity(member, topics_of(text)), scene.dice, scene.dice.expovariate(1 / 400)
    if _has_enough(scene, member, user, care):
        return
    if dice.random() >= 0.3 + 0.6 * care:
        return
    scene.count("opened_message")
    if line["kind"] == "msgmenu":
        choice = dice.choice(line["payload"]["list"])
        scene.plan(wait, user.openid, "tap", str(choice["content"]), str(choice["id"]))
    elif (urls := URL.findall(text)) and dice.random() < 0.3 + 0.6 * care:
        scene.plan(wait, user.openid, "open", dice.choice(urls))
    elif ("？" in text or "?" in text) and dice.random() < 0.2 + 0.5 * care:
        scene.plan(wait, user.openid, "say", dice.choice(ANSWERS))


def _has_enough(scene: Scene, member: Member, user: User, care: float) -> bool:
    """Counts the message against the week's patience; who has none left leaves, refuses or says so."""
    week = int(scene.world.now() // (7 * 86400))
    if scene.crowd.week != week:
        scene.crowd.week, scene.crowd.heard = week, {}
    heard = scene.crowd.heard.get(user.openid, 0) + (1 if care > 0.15 else 2)
    scene.crowd.heard[user.openid] = heard
    if heard <= member.patience or scene.dice.random() >= 0.25:
        return False
    kind = scene.dice.choices(("leave", "refuse", "say"), (5, 2, 3))[0]
    scene.plan(60.0, user.openid, kind, scene.dice.choice(REFUSALS) if kind == "say" else "")
    return True


def feel_broadcast(scene: Scene, openid: str, topics: list[float]) -> None:
    """A mass send arrived: it uses up patience even when nobody opens it."""
    member, user = scene.member_behind(openid), scene.account.users.get(openid)
    if member is not None and user is not None:
        _has_enough(scene, member, user, affinity(member, topics))


def do_planned(scene: Scene, reaction: Reaction) -> None:
    """What was decided happens now, if the follower is still there."""
    user = scene.account.keep_user(reaction.openid)
    member = scene.member_behind(reaction.openid)
    if user is None or member is None or not user.is_following:
        return
    match reaction.kind:
        case "say":
            behaviour.send(scene.world, scene.account, user, "text", Content=reaction.text)
        case "tap":
            behaviour.tap_message_menu(scene.world, scene.account, user, reaction.key, reaction.text)
        case "open":
            open_link(scene, member, user, reaction.text)
        case "leave":
            behaviour.unfollow(scene.world, scene.account, user)
        case "refuse":
            user.refuses_messages = True
    scene.count(reaction.kind)


# --- of one's own accord --------------------------------------------------------------------------------------------


def ask_something(scene: Scene, member: Member, user: User) -> None:
    """Writes about what they love."""
    word = scene.dice.choice(TOPICS[NAMES[member.loves]][:6])
    text = scene.dice.choice(QUESTIONS).format(word=word)
    behaviour.send(scene.world, scene.account, user, "text", Content=text)
    scene.count("say")


def tap_menu(scene: Scene, member: Member, user: User) -> None:
    """Taps a button of the menu, if there is one."""
    buttons = (scene.account.menu or {}).get("button") or []
    leaves = [leaf for one in buttons for leaf in (one.get("sub_button") or [one])]
    if not leaves:
        return
    leaf = scene.dice.choice(leaves)
    event, key = {
        "click": ("CLICK", leaf.get("key", "")),
        "view": ("VIEW", leaf.get("url", "")),
        "miniprogram": ("view_miniprogram", leaf.get("pagepath", "")),
    }.get(leaf.get("type", ""), ("", ""))
    if not event:
        return
    behaviour.tap_menu(scene.world, scene.account, user, event, key)
    scene.count("menu")
    if event == "VIEW":
        open_link(scene, member, user, key)
    elif event == "view_miniprogram":
        shop(scene, member, user, "1035")


def scan_code(scene: Scene, user: User) -> bool:
    """Scans one of the account's living QR codes; whether there was one."""
    now = scene.world.now()
    codes = [one.ticket for one in scene.account.qr_codes.values() if one.is_permanent or now < one.expires_at]
    if not codes:
        return False
    behaviour.scan(scene.world, scene.account, user, scene.dice.choice(codes))
    scene.count("scan")
    return True


def join(scene: Scene) -> None:
    """Somebody new follows: by a code in a shop, a friend's card, or search."""
    user = behaviour.meet(scene.world, scene.account, f"{NEWCOMER}{scene.crowd.num_newcomers}")
    scene.crowd.num_newcomers += 1
    if scene.dice.random() < 0.5 and scan_code(scene, user):
        scene.count("follow")
        return
    way = scene.dice.choice(("ADD_SCENE_SEARCH", "ADD_SCENE_PROFILE_CARD", "ADD_SCENE_PROFILE_LINK"))
    behaviour.follow(scene.world, scene.account, user, way)
    scene.count("follow")


def answer_popup(scene: Scene, member: Member, user: User) -> None:
    """An article or page asks for a subscription: the warm say yes."""
    notices = [one.id for one in scene.account.messaging.templates.values() if one.kind != "template"]
    if notices:
        accepts = scene.dice.random() < 0.3 + member.warmth
        answers = {scene.dice.choice(notices): accepts}
        consents.answer_popup(scene.world, scene.account, user, answers, None if scene.account.is_mini else 2)
        scene.count("consent" if accepts else "refusal")


def shop(scene: Scene, member: Member, user: User, way: str = "1001") -> None:
    """Looks around in the mini program and on the brand's shelf; may buy."""
    mini = scene.world.state.accounts.get(scene.crowd.mini_app_id)
    item = _choose(scene, member)
    if mini is not None:
        visitor = behaviour.meet(scene.world, mini, user.person)
        reading.visit_page(scene.world, mini, visitor, PAGES[0], 8.0, scene=way)
        reading.visit_page(scene.world, mini, visitor, PAGES[1], 25.0, scene=way, is_entry=False)
        scene.count("visit")
    buys = _would_buy(scene, member, item)
    if mini is not None and buys:
        reading.visit_page(scene.world, mini, visitor, PAGES[2], 12.0, scene=way, is_entry=False)
        figures.count_act(scene.world, mini.app_id, "order", visitor.openid)
    if buys:
        _note_order(scene, user, item)
    _visit_site(scene, member, user, item, buys=buys)


def open_link(scene: Scene, member: Member, user: User, url: str) -> None:
    """Opens a link of a message, a menu or an article: the brand's site sees it."""
    scene.count("click")
    item = _choose(scene, member)
    buys = item is not None and _would_buy(scene, member, item)
    if buys:
        _note_order(scene, user, item)
    _visit_site(scene, member, user, item, link=url, buys=buys)


def _note_order(scene: Scene, user: User, item: Item | None) -> None:
    scene.world.log("order", scene.account.app_id, user.openid, item=item.external_id if item else "")
    scene.count("buy")


def _choose(scene: Scene, member: Member) -> Item | None:
    """The best liked of a handful of things seen."""
    items = scene.site.items if scene.site else []
    if not items:
        return None
    seen = [scene.dice.choice(items) for _ in range(6)]
    return max(seen, key=lambda one: affinity(member, one.topics))


def _would_buy(scene: Scene, member: Member, item: Item | None) -> bool:
    wish = affinity(member, item.topics) if item else 0.4
    return scene.dice.random() < 0.5 * wish * (1 - member.thrift)


def _visit_site(
    scene: Scene, member: Member, user: User, item: Item | None, *, link: str = "", buys: bool = False
) -> None:
    if scene.site is None or not (item or link):
        return
    dice = scene.dice
    events: list[dict[str, Any]] = []
    if item is not None:
        care = affinity(member, item.topics)
        dwell, depth = round(5 + 60 * care * dice.random(), 1), round(min(1.0, 0.2 + care * dice.random()), 2)
        events = [{"kind": "view"}, {"kind": "read", "dwell_seconds": dwell, "value": depth}]
        events += [{"kind": kind} for kind in ("like", "share", "favourite") if dice.random() < member.warmth * care]
        events += [{"kind": "add_to_cart"}] if buys else []
        events = [one | {"item": item.external_id, "title": item.title} for one in events]
    order = item if buys and item and item.price_fen else None
    scene.site.add(Visit(user.openid, scene.world.now(), link if _is_of_site(scene.site, link) else "", events, order))


def _is_of_site(site: BrandSite, link: str) -> bool:
    return link.startswith(site.settings.url)
