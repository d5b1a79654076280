"""Crowd mode: generated followers by the thousand live by the simulated clock, the same way for the same seed.

Each minute throws its own dice, so a world moved forward by a day lives the same day as one that was watched. Nothing
grows with time but bounded tables. The clock runs faster only as long as the site keeps up with the pushes.
"""

import math
import random
import threading
import time
from typing import Any

from simulator import crowd_acts, figures
from simulator.brand_site import BrandSite
from simulator.crowd_acts import URL, Scene
from simulator.crowd_state import Crowd, Feed
from simulator.delivered import CROWD
from simulator.tastes import RHYTHM, Member, attention, interest_fades, reading_chance, topics_of
from simulator.world import DAY_SECONDS, Account, User, World

CELL_SECONDS = 60
CELLS_AT_ONCE = 30  # under one hold of the world's lock
MAX_PENDING_PUSHES = 300
FEED_SECONDS, MAX_FEEDS = 7 * DAY_SECONDS, 40
MAX_CHANCE = 0.9  # of reading_chance
HOMEPAGE_CHANCE = 0.06  # of someone whom nothing was sent to
# Acts of one follower's own accord per day.
RATES = {"say": 0.02, "menu": 0.06, "scan": 0.004, "shop": 0.05, "popup": 0.01, "leave": 0.0006}


class Crowds:
    """All crowds of a world, and their ways to the brands' sites."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sites: dict[str, BrandSite] = {}

    def site_of(self, crowd: Crowd) -> BrandSite | None:
        """The brand's site as it is configured now."""
        site = self.sites.get(crowd.app_id)
        if site is not None and site.settings != crowd.brand:
            self.sites.pop(crowd.app_id).stop()
            site = None
        if site is None and crowd.brand.url:
            site = self.sites[crowd.app_id] = BrandSite(crowd.brand)
        return site

    def live_some(self, num_cells: int = CELLS_AT_ONCE) -> int:
        """Lives at most so many due minutes of each crowd that is on; returns how many are left. Under the lock."""
        left = 0
        for crowd in self.world.state.crowds.values():
            account = self.world.state.accounts.get(crowd.app_id)
            if crowd.is_on and account is not None:
                due = int(self.world.now() // CELL_SECONDS) - crowd.last_cell - 1
                for _ in range(min(due, num_cells)):
                    self._live_cell(account, crowd)
                left += max(due - num_cells, 0)
        return left

    def run_forever(self, stopping: threading.Event) -> None:
        """Lives until told to stop, and moves the clock at the crowds' speed."""
        before = time.monotonic()
        while not stopping.wait(0.05):
            now = time.monotonic()
            with self.world.lock:
                left = 0 if self.num_pending() > MAX_PENDING_PUSHES else self.live_some()
                speed = max((one.speed for one in self.world.state.crowds.values() if one.is_on), default=1.0)
                if speed > 1 and not left and self.num_pending() <= MAX_PENDING_PUSHES:
                    self.world.clock.advance((now - before) * (speed - 1))
            before = now
        for site in self.sites.values():
            site.stop()

    def num_pending(self) -> int:
        """Pushes on their way."""
        pusher = getattr(self.world.send_push, "__self__", None)
        return int(pusher.num_pending()) if pusher is not None else 0

    def forget(self) -> None:
        """The world starts anew."""
        for site in self.sites.values():
            site.stop()
        self.sites.clear()

    def _live_cell(self, account: Account, crowd: Crowd) -> None:
        crowd.last_cell += 1
        dice = random.Random(f"{self.world.state.seed} {crowd.app_id} {crowd.last_cell}")
        scene = Scene(self.world, account, crowd, self.site_of(crowd), dice)
        with self.world.at((crowd.last_cell + 0.5) * CELL_SECONDS):
            if scene.num_members:
                live_minute(scene)
            if crowd.last_cell % 1440 == 0:
                figures.forget_old(self.world)


def live_minute(scene: Scene) -> None:
    """What happens in one minute."""
    _look_at_phone(scene)
    _find_publications(scene)
    now = scene.world.now()
    due = [one for one in scene.crowd.reactions if one.at <= now]
    scene.crowd.reactions = [one for one in scene.crowd.reactions if one.at > now]
    for reaction in due:
        crowd_acts.do_planned(scene, reaction)
    hour = (now + 8 * 3600) % DAY_SECONDS / 3600
    for feed in list(scene.crowd.feeds):
        _read(scene, feed, hour)
    _act_freely(scene, hour)


def _look_at_phone(scene: Scene) -> None:
    """What was delivered until now: broadcasts become feeds, single messages are considered one by one."""
    crowd, now = scene.crowd, scene.world.now()
    for line in scene.world.storage.read_log("delivered", crowd.app_id, after=crowd.last_log_id, limit=5000):
        if line["at"] > now:
            break
        crowd.last_log_id = line["id"]
        if line["via"] == "mass":
            feeds = _feeds_of(scene, line)
            if line["subject"] != CROWD:
                crowd_acts.feel_broadcast(scene, line["subject"], feeds[0].topics)
        elif line["kind"] != "broken":
            crowd_acts.consider_message(scene, line)


def _feeds_of(scene: Scene, line: dict[str, Any]) -> list[Feed]:
    """The feeds of a mass send, made at its first line."""
    known = [one for one in scene.crowd.feeds if one.msg_id == line["msg_id"]]
    if known:
        return known
    payload = line["payload"]
    publication = scene.account.content.publications.get(str(payload.get("msg_data_id")))
    if publication is None:
        text = str(payload.get("content") or payload.get("title") or "")
        feeds = [Feed("", line["msg_id"], topics_of(text), line["at"], len(text), URL.findall(text))]
    else:
        feeds = _article_feeds(publication.articles, publication.msg_data_id, line["msg_id"], line["at"])
    _add_feeds(scene, feeds)
    return feeds


def _find_publications(scene: Scene) -> None:
    """What was published without notice since the last look."""
    last, now = scene.crowd.last_publication_at, scene.world.now()
    for publication in reversed(scene.account.content.publications.values()):
        if publication.at <= last:
            break
        if publication.at <= now:
            scene.crowd.last_publication_at = max(publication.at, scene.crowd.last_publication_at)
            if not publication.is_notified:
                _add_feeds(scene, _article_feeds(publication.articles, publication.msg_data_id, "", publication.at))


def _article_feeds(articles: list[dict[str, Any]], msg_data_id: int, msg_id: str, at: float) -> list[Feed]:
    feeds = []
    for index, article in enumerate(articles, start=1):
        text = f"{article['title']} {article['title']} {article['digest']} {article['content']}"
        urls = [*URL.findall(article["content"]), *([article["content_source_url"]] * 2)]
        topics, length = topics_of(text), len(article["content"])
        feeds.append(Feed(f"{msg_data_id}_{index}", msg_id, topics, at, length, [one for one in urls if one]))
    return feeds


def _add_feeds(scene: Scene, feeds: list[Feed]) -> None:
    oldest = scene.world.now() - FEED_SECONDS
    scene.crowd.feeds = [*(one for one in scene.crowd.feeds if one.born_at > oldest), *feeds][-MAX_FEEDS:]


def _read(scene: Scene, feed: Feed, hour: float) -> None:
    """Those whose moment it is open the feed; who got it by message more often than who strolls by."""
    age = scene.world.now() - feed.born_at
    if not 0 <= age < FEED_SECONDS:
        return
    share = interest_fades(age, CELL_SECONDS) * _rhythm(hour)
    for _ in range(_poisson(scene.dice, scene.num_members * share * MAX_CHANCE)):
        found = scene.anyone()
        if found is None:
            continue
        member, user = found
        is_sent = bool(feed.msg_id) and _received(scene, user.openid, feed.msg_id)
        if not is_sent and (not feed.msgid or scene.dice.random() >= HOMEPAGE_CHANCE):
            continue
        is_willing = scene.dice.random() < reading_chance(member, feed.topics) / MAX_CHANCE
        if is_willing and not _has_read(scene, user.openid, feed):
            user = scene.account.keep_user(user.openid) or user
            way = "公众号消息" if is_sent else scene.dice.choice(("公众号主页", "推荐", "搜一搜"))
            crowd_acts.read_feed(scene, feed, member, user, way)


def _received(scene: Scene, openid: str, msg_id: str) -> bool:
    query = """SELECT 1 FROM log WHERE kind = 'delivered' AND app_id = ? AND subject IN (?, ?)
        AND json_extract(body, '$.msg_id') = ? LIMIT 1"""
    return bool(scene.world.storage.execute(query, (scene.account.app_id, openid, CROWD, msg_id)))


def _has_read(scene: Scene, openid: str, feed: Feed) -> bool:
    return bool(feed.msgid) and figures.has_acted(scene.world, scene.account.app_id, "read", openid, feed.msgid)


def _act_freely(scene: Scene, hour: float) -> None:
    """What followers do without being asked."""
    per_cell = CELL_SECONDS / DAY_SECONDS * _rhythm(hour)
    for kind, rate in RATES.items():
        for _ in range(_poisson(scene.dice, scene.num_members * rate * scene.crowd.liveliness * per_cell)):
            found = scene.anyone()
            if found is not None and scene.dice.random() < attention(found[0], hour) / (3 * _rhythm(hour)):
                _act(scene, kind, found[0], scene.account.keep_user(found[1].openid) or found[1])
    for _ in range(_poisson(scene.dice, scene.crowd.newcomers_per_day * per_cell)):
        crowd_acts.join(scene)


def _act(scene: Scene, kind: str, member: Member, user: User) -> None:
    match kind:
        case "say":
            crowd_acts.ask_something(scene, member, user)
        case "menu":
            crowd_acts.tap_menu(scene, member, user)
        case "scan":
            crowd_acts.scan_code(scene, user)
        case "shop":
            crowd_acts.shop(scene, member, user)
        case "popup":
            crowd_acts.answer_popup(scene, member, user)
        case "leave":
            scene.plan(0, user.openid, "leave")


def _rhythm(hour: float) -> float:
    """The crowd's attention in this hour, 1 on the day's average."""
    return RHYTHM[int(hour) % 24] * 24 / sum(RHYTHM)


def _poisson(dice: random.Random, mean: float) -> int:
    """A Poisson number; by the normal law when it is large."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, num = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        num += 1
    return num
