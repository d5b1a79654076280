"""Random lives on the simulated platform, and sends that ask reachability first (see reachability.py beside this)."""

import http.server
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from connectors.wechat import customer_messages, mass, qrcodes, subscriptions, templates
from connectors.wechat.client import WeChatClient
from connectors.wechat.documents import read_document
from connectors.wechat.errors import Refused
from connectors.wechat.histories import after_push, after_send
from connectors.wechat.outcomes import Outcome, RefusedSend, Sent
from connectors.wechat.pushes import AccountPush, MassSent, parse
from connectors.wechat.reachability import BROADCAST_CHANNELS, Channel, Facts, Route, open_routes
from connectors.wechat.rules import AccountKind
from connectors.wechat.tokens import MemoryStore, StableTokens
from simulator.remote import PlatformControl, RemoteAccount

PEOPLE_EACH = 40
JUDGED = {45009, 45011, 45015, 45028, 45047, 43101, 43107}  # window, quota, consent
JUMPS_SECONDS = (1, 5, 20, 58, 61, 600, 5 * 3600, 47 * 3600, 3 * 86_400)
MAX_LOOKS = 60  # at most so many people are looked at before somebody acts again
LOSSY_PATHS = ("/cgi-bin/message/custom/send", "/cgi-bin/message/subscribe/send", "/cgi-bin/message/subscribe/bizsend")
LOSS = 0.01
NUM_UNASKED = 200
COURSE = {"thing1": "瑜伽课", "time2": "2026-11-24 19:30"}
PROGRESS = {"thing1": "英语", "phrase2": "优秀"}


@dataclass
class Side:
    """One account: its client, its people and what is known about them."""

    account: RemoteAccount
    client: WeChatClient
    facts: dict[str, Facts]
    once: str = ""
    long: str = ""
    template: str = ""
    ticket: str = ""
    heard: list[AccountPush] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    num_broadcasts: int = 0
    last_line: int = 0

    @property
    def kind(self) -> AccountKind:
        return AccountKind(self.account.kind)


@dataclass
class Tally:
    """What is counted."""

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    num_closed: int = 0
    num_missed: int = 0
    num_arrived: int = 0
    num_refused_unasked: int = 0

    @property
    def num_sent(self) -> int:
        return self.sent.total() + self.refused.total() + self.other.total()


class Ear(http.server.ThreadingHTTPServer):
    """The callback: reads every push into the list of its account."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hearing)
        self.sides: dict[str, Side] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Hearing(http.server.BaseHTTPRequestHandler):
    """One delivery."""

    server: Ear

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        push = parse(read_document(body))
        assert isinstance(push, AccountPush)
        self.server.sides[self.path.split("?")[0].strip("/")].heard.append(push)
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *_: object) -> None:
        pass


class World:
    """The platform, the accounts and the dice."""

    def __init__(self, platform: PlatformControl, ear: Ear, seed: int) -> None:
        self.platform, self.ear, self.random, self.tally = platform, ear, random.Random(seed), Tally()
        self.http = httpx.Client(trust_env=False)
        for path in LOSSY_PATHS:  # the answer gets lost, the message does not
            platform.fail("close", path=path, probability=LOSS, after=True)
        self.sides = [self.connect(kind, f"{kind} {number}") for number, kind in enumerate(AccountKind)]

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.platform.now(), UTC)

    def connect(self, kind: AccountKind, name: str) -> Side:
        account = self.platform.add_account(kind.value, True, name=name)
        callback = {"url": f"{self.ear.url}/{account.app_id}", "token": "abc123", "format": "json"}
        self.platform.set_callback(app_id=account.app_id, **callback)
        tokens = StableTokens(
            account.app_id, account.secret, MemoryStore(), base_url=self.platform.url, http=self.http, clock=self.now
        )
        client = WeChatClient(account.app_id, tokens, base_url=self.platform.url, http=self.http)
        side = Side(account, client, {})
        self.ear.sides[account.app_id] = side
        self.prepare(side)
        known = Facts(
            kind, True,
            template_ids=(side.template,) if side.template else (),
            notice_template_ids=tuple(filter(None, (side.once, side.long))),
            long_term_template_ids=(side.long,) if side.long else (),
        )  # fmt: skip
        for number in range(PEOPLE_EACH):
            openid = self.platform.add_user(account.app_id, f"{name} {number}", following=False)
            side.facts[openid] = known
        return side

    def prepare(self, side: Side) -> None:
        """Templates and a code, as far as the account may have them."""
        if side.kind != AccountKind.SUBSCRIPTION:
            side.once = subscriptions.add_template(side.client, "1101", (1, 2), "开课提醒")
            side.long = subscriptions.add_template(side.client, "1104", (1, 3), "学习进度")
        if side.kind == AccountKind.SERVICE:
            side.template = templates.add_template(side.client, "1101", ("课程名称", "开课时间"))
            side.ticket = qrcodes.create_permanent(side.client, "shop").ticket

    # --- people act ---------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Somebody does something, or time passes."""
        if self.random.random() < 0.3:
            self.platform.advance(self.random.choice(JUMPS_SECONDS))
        side = self.random.choice(self.sides)
        openid = self.random.choice(list(side.facts))
        act, fields = self.random.choice(self.possible_acts(side, openid))
        if act == "refuse_messages":
            (side.muted.add if fields["on"] else side.muted.discard)(openid)
        self.platform.do(act, app_id=side.account.app_id, openid=openid, **fields)

    def possible_acts(self, side: Side, openid: str) -> list[tuple[str, dict[str, Any]]]:
        """What this person could do now; writing twice as often as the rest."""
        writes = ("send", {"kind": "text", "Content": "在吗"})
        acts: list[tuple[str, dict[str, Any]]] = []
        if side.kind == AccountKind.MINIPROGRAM:
            acts += [writes, ("enter_chat", {})]
        elif side.facts[openid].is_following:
            acts += [writes, writes, ("unfollow", {})]
            acts += [("tap_menu", {"event": event, "key": "K"}) for event in ("CLICK", "VIEW", "scancode_waitmsg")]
            acts += [("tap_message_menu", {"menu_id": "1", "content": "好"})]
            acts += [("refuse_messages", {"on": self.random.random() < 0.2})]
        else:
            acts += [("follow", {})] * 4
        if side.ticket:
            acts.append(("scan", {"ticket": side.ticket}))
        if side.once:
            answers = {template: self.random.random() < 0.7 for template in (side.once, side.long)}
            acts.append(("answer_popup", {"answers": answers}))
            acts.append(("refuse_templates", {"template_ids": [self.random.choice((side.once, side.long))]}))
        return acts

    def listen(self) -> None:
        """Wait for the pushes under way and apply them."""
        self.platform.do("settle")
        for side in self.sides:
            heard, side.heard = side.heard, []
            for push in heard:
                if push.person in side.facts and not isinstance(push, MassSent):
                    side.facts[push.person] = after_push(side.facts[push.person], push)

    def send_unasked(self) -> None:
        """What asking saves: the same kind of sends to anybody."""
        for _ in range(NUM_UNASKED):
            self.act()
            side = self.random.choice(self.sides)
            openid = self.random.choice(list(side.facts))
            outcome = customer_messages.send(side.client, openid, customer_messages.Text("您好"), side.kind)
            self.tally.num_refused_unasked += isinstance(outcome, RefusedSend)

    # --- we send ------------------------------------------------------------------------------------------------------

    def send_once(self) -> bool:
        """Look at people until one can be reached, and send; False when nobody could be."""
        now = self.now()
        for _ in range(MAX_LOOKS):
            side = self.random.choice(self.sides)
            openid = self.random.choice(list(side.facts))
            routes = open_routes(side.facts[openid], now)
            if not any(route.channel == Channel.CUSTOMER_MESSAGE for route in routes):
                self.check_closed(side, openid)
            # Broadcasts, templates and long-term notices are nearly always open: taken, but not to the end of the rest.
            weights = [1.0 if route.num_left and route.channel not in BROADCAST_CHANNELS else 0.05 for route in routes]
            if routes and self.random.random() < max(weights):
                self.send(side, openid, self.random.choices(routes, weights)[0], now)
                return True
        return False

    def check_closed(self, side: Side, openid: str) -> None:
        """Now and then: would the platform have taken a customer message after all?"""
        if self.random.random() > 0.05 or openid in side.muted:
            return
        windows = self.platform.do("windows", app_id=side.account.app_id, openid=openid)
        is_reachable = side.facts[openid].is_following or side.kind == AccountKind.MINIPROGRAM
        self.tally.num_closed += 1
        self.tally.num_missed += is_reachable and any(windows.values())

    def send(self, side: Side, openid: str, route: Route, now: datetime) -> None:
        if route.channel in BROADCAST_CHANNELS:
            self.broadcast(side, openid, route, now)
            return
        outcome = self.call(side, openid, route)
        side.facts[openid] = after_send(side.facts[openid], route, outcome, now)
        self.count(route, outcome)

    def call(self, side: Side, openid: str, route: Route) -> Outcome:
        """The typed call of a route to one person."""
        if route.channel == Channel.CUSTOMER_MESSAGE:
            return customer_messages.send(side.client, openid, customer_messages.Text("您好"), side.kind)
        if route.channel == Channel.TEMPLATE:
            return templates.send(side.client, templates.TemplateMessage(openid, route.template_id, COURSE))
        values = PROGRESS if route.template_id == side.long else COURSE
        notice = subscriptions.Notice(openid, route.template_id, values)
        if side.kind == AccountKind.MINIPROGRAM:
            return subscriptions.send_from_mini_program(side.client, notice)
        return subscriptions.send_from_service_account(side.client, notice)

    def count(self, route: Route, outcome: Outcome) -> None:
        if isinstance(outcome, Sent):
            self.tally.sent[route.channel.value] += 1
            return
        why = outcome.why
        errcode = why.errcode if isinstance(why, Refused) else 0
        is_judged = isinstance(outcome, RefusedSend) and errcode in JUDGED
        name = f"{route.channel.value} {errcode or type(why).__name__}"
        (self.tally.refused if is_judged else self.tally.other)[name] += 1

    def broadcast(self, side: Side, openid: str, route: Route, now: datetime) -> None:
        """To this person and up to four others for whom the same route is open, or to all if it is open for all."""
        reachable = [other for other in side.facts if self.is_open(side, other, route.channel, now)]
        followers = [other for other, facts in side.facts.items() if facts.is_following]
        payload, name = mass.TextPayload("今晚八点"), f"job-{side.num_broadcasts}"
        if route.channel == Channel.BROADCAST_LIST:
            people = [openid, *self.random.sample([o for o in reachable if o != openid], min(4, len(reachable) - 1))]
            if len(people) < 2:
                return
            outcome = mass.send_to_list(side.client, tuple(people), payload, name)
        elif route.channel == Channel.BROADCAST_ALL:
            people = followers
            if side.kind == AccountKind.SERVICE and {*followers} - {*reachable} - side.muted:
                return
            outcome = mass.send_to_all(side.client, payload, name)
        else:  # a tag is a list that the platform keeps: nothing new to prove
            return
        side.num_broadcasts += 1
        self.count(route, outcome)
        if isinstance(outcome, Sent):
            self.finish_broadcast(side, people, route, outcome, now)

    def read_deliveries(self, side: Side) -> list[dict[str, Any]]:
        """What arrived since the last look, counted."""
        lines: list[dict[str, Any]] = []
        while more := self.platform.do("log", kind="delivered", app_id=side.account.app_id, after=side.last_line):
            lines += more
            side.last_line = more[-1]["id"]
        self.tally.num_arrived += sum(line["via"] in ("custom", "subscription", "template") for line in lines)
        return lines

    def is_open(self, side: Side, openid: str, channel: Channel, now: datetime) -> bool:
        return any(route.channel == channel for route in open_routes(side.facts[openid], now))

    def finish_broadcast(self, side: Side, people: list[str], route: Route, sent: Sent, now: datetime) -> None:
        """Wait for the job's end and compare who got it with who should have."""
        self.platform.advance(60)
        self.platform.do("settle")
        ended_at = next(
            push.event_at for push in side.heard if isinstance(push, MassSent) and push.job_id == sent.msg_id
        )
        self.listen()
        lines = self.read_deliveries(side)
        got = {line["subject"] for line in lines if line["via"] == "mass" and line["msg_id"] == sent.msg_id}
        missing = {*people} - got - side.muted
        if missing:
            self.tally.refused[f"{route.channel.value} filtered"] += len(missing)
        is_public = route.channel == Channel.BROADCAST_ALL
        for openid, facts in side.facts.items():
            if openid in people:
                facts = after_send(facts, route, sent, ended_at)
            side.facts[openid] = replace(
                facts,
                account_broadcasts_at=(*facts.account_broadcasts_at, now)[-40:],
                public_broadcasts_at=(*facts.public_broadcasts_at, now)[-40:]
                if is_public
                else facts.public_broadcasts_at,
            )
