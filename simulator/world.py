"""The platform's state: accounts and their followers, people, tokens, and the lock, clock and dice they share.

Everything under `State` is plain data and survives a restart (records.py, storage.py). One lock guards it all: hold
`world.lock` while reading or changing anything here, and never wait for the network inside it.
"""

import json
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator import openids
from simulator.clock import Clock, beijing_date
from simulator.content_state import Content
from simulator.crowd_state import Crowd
from simulator.faults import Fault
from simulator.messaging_state import Messaging
from simulator.pay_state import Merchant
from simulator.records import from_json, to_json
from simulator.schedule import Task
from simulator.storage import Storage

DAY_SECONDS = 86400
# Beyond 2^53, so that whoever reads ids as floating-point numbers notices.
FIRST_ID = 24_000_000_000_000_000


@dataclass
class Settings:
    """What a test or the demo may change while the simulator runs (control: settings)."""

    quota_scale: float = 1.0  # multiplies every default daily quota
    push_timeout_seconds: float = 5.0
    push_retry_seconds: float = 5.0
    num_deliveries: int = 3  # of one push, the first included
    job_seconds: float = 2.0  # simulated time that an asynchronous job takes
    refuses_escapes: bool = True  # JSON bodies with \uXXXX: 40033
    pay_retry_scale: float = 1.0  # multiplies the waits between payment notifications
    ticket_seconds: float = 600.0  # between two component_verify_ticket pushes
    has_legacy_datacube: bool = True
    publish_events: str = "both"  # after a publish job: both | publish | mass


@dataclass
class Callback:
    """Where an account's pushes go and how: the console's 服务器配置."""

    url: str = ""
    token: str = ""
    aes_key: str = ""
    previous_aes_key: str = ""
    mode: str = "plain"  # plain | compatible | safe
    format: str = "xml"  # xml | json
    reports_location: bool = False
    addresses: list[str] = field(default_factory=list)  # of the URL's host


@dataclass(slots=True)
class User:
    """One person in one account."""

    openid: str
    person: str
    is_following: bool = False
    followed_at: int = 0
    unfollowed_at: int = 0
    scene: str = "ADD_SCENE_SEARCH"
    qr_scene: int = 0
    qr_scene_str: str = ""
    remark: str = ""
    tag_ids: list[int] = field(default_factory=list)
    is_blacklisted: bool = False
    refuses_messages: bool = False  # switched off in the phone: 48002
    has_consented_userinfo: bool = False
    crowd_number: int = -1  # its place among the account's generated followers; -1: added one by one
    windows: dict[str, list[float]] = field(default_factory=dict)  # trigger -> [opened at, messages used]


@dataclass
class Person:
    """A human of the simulated world, known to the platform and, by consent only, to accounts."""

    name: str
    nickname: str = ""
    avatar_url: str = ""
    phone: str = ""
    is_risky: bool = False  # jscode2session: 40226


@dataclass
class Tag:
    """A follower tag; counts are kept so that nothing has to be counted."""

    id: int
    name: str
    count: int = 0


@dataclass
class QrCode:
    """A parametric QR code."""

    ticket: str
    url: str
    scene_id: int
    scene_str: str
    is_permanent: bool
    expires_at: float


@dataclass
class Account:
    """One official account or mini program."""

    app_id: str
    secret: str
    original_id: str
    name: str
    kind: str  # subscription | service | miniprogram
    is_verified: bool = False
    is_test: bool = False
    created_at: float = 0.0
    principal: str = ""
    status: int = 1  # 1 ok, 14 closed, 16 banned, 18 warned, 19 frozen
    whitelist: list[str] | None = None  # None: every address may use the secret
    is_secret_frozen: bool = False
    denies_capabilities: list[str] = field(default_factory=list)
    open_account: str = ""  # the Open Platform account it is bound to: unionids
    oauth_domain: str = ""  # 网页授权域名; empty: any
    callback: Callback = field(default_factory=Callback)
    push_defects: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)  # path -> daily limit, over the default
    minute_limits: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    used_on: str = ""
    used_in_minute: dict[str, list[int]] = field(default_factory=dict)  # path -> [minute, calls]
    clears_in_month: dict[str, int] = field(default_factory=dict)
    force_refreshes: list[float] = field(default_factory=list)
    users: dict[str, User] = field(default_factory=dict)
    crowd_size: int = 0  # generated followers; those that changed are in `users` too
    num_following: int = 0
    tags: dict[str, Tag] = field(default_factory=lambda: {"2": Tag(2, "星标组")})
    next_tag_id: int = 100
    qr_codes: dict[str, QrCode] = field(default_factory=dict)
    num_permanent_codes: int = 0
    menu: dict[str, Any] | None = None
    conditional_menus: list[dict[str, Any]] = field(default_factory=list)
    session_keys: dict[str, str] = field(default_factory=dict)
    messaging: Messaging = field(default_factory=Messaging)
    content: Content = field(default_factory=Content)

    @property
    def is_mini(self) -> bool:
        """Whether it is a mini program."""
        return self.kind == "miniprogram"

    def find_user(self, openid: str) -> User | None:
        """The user as far as the account has one; of an unchanged crowd member a copy that is not stored."""
        user = self.users.get(openid)
        if user is not None:
            return user
        number = openids.crowd_number(self.app_id, openid)
        return self.crowd_user(openid, number) if number is not None and number < self.crowd_size else None

    def keep_user(self, openid: str) -> User | None:
        """As `find_user`, stored, so that a change to it stays."""
        user = self.find_user(openid)
        if user is not None:
            self.users.setdefault(openid, user)
        return user

    def crowd_user(self, openid: str, number: int) -> User:
        """Follower `number` of the crowd as it was born: the same one every time."""
        age = (self.crowd_size - number) * 400 * DAY_SECONDS // max(self.crowd_size, 1)
        scene = ("ADD_SCENE_SEARCH", "ADD_SCENE_PROFILE_CARD", "ADD_SCENE_OTHERS")[number % 3]
        followed_at = int(self.created_at) - age
        return User(openid, f"crowd-{number}", True, followed_at, scene=scene, crowd_number=number)

    def unionid(self, user: User) -> str:
        """Empty unless the account is bound to an Open Platform account."""
        return openids.unionid_of(self.open_account, user.person) if self.open_account else ""


@dataclass
class IssuedToken:
    """A credential that was handed out; `dies_at` comes before `expires_at` when it was retired."""

    app_id: str
    pool: str  # normal | stable | authorizer | component | oauth | oauth_refresh | ticket
    expires_at: float
    dies_at: float
    component_app_id: str = ""
    openid: str = ""
    scope: str = ""


@dataclass
class Authorization:
    """An account authorised to a component."""

    app_id: str
    refresh_token: str
    permission_sets: list[int]
    authorized_at: float
    auth_code: str = ""
    auth_code_expires_at: float = 0.0
    options: dict[str, str] = field(default_factory=dict)


@dataclass
class Component:
    """A third-party platform (第三方平台)."""

    app_id: str
    secret: str
    token: str
    aes_key: str
    event_url: str = ""  # 授权事件接收URL
    message_url: str = ""  # 消息与事件接收URL, with $APPID$
    whitelist: list[str] | None = None
    is_published: bool = True
    test_app_ids: list[str] = field(default_factory=list)
    ticket: str = ""
    ticket_expires_at: float = 0.0
    is_pushing_tickets: bool = True
    pre_auth_codes: dict[str, float] = field(default_factory=dict)  # code -> expires at
    authorizations: dict[str, Authorization] = field(default_factory=dict)  # by account
    login_domain: str = ""  # the authorisation page must be opened from it; empty: from anywhere


@dataclass
class LoginCode:
    """A one-time code of web OAuth, mini-program login or the phone button."""

    app_id: str
    openid: str
    kind: str  # oauth | login | phone
    expires_at: float
    scope: str = ""
    is_used: bool = False
    is_snapshot: bool = False


@dataclass
class State:
    """All that is kept."""

    seed: int = 1
    clock_offset_seconds: float = 0.0
    last_id: int = FIRST_ID
    settings: Settings = field(default_factory=Settings)
    accounts: dict[str, Account] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    merchants: dict[str, Merchant] = field(default_factory=dict)
    tokens: dict[str, IssuedToken] = field(default_factory=dict)
    codes: dict[str, LoginCode] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    crowds: dict[str, Crowd] = field(default_factory=dict)  # by account


class World:
    """The state with its lock, clock, dice and log."""

    def __init__(self, path: Path | None = None, seed: int = 1) -> None:
        self.lock = threading.RLock()
        self.storage = Storage(path)
        kept = self.storage.load()
        self.state = from_json(State, kept) if kept else State(seed=seed)
        self.clock = Clock(self.state.clock_offset_seconds)
        self.random = random.Random(self.state.seed + len(self.state.tokens))
        self._moment: float | None = None
        self.crowds: Any = None  # the keeper of living crowds (crowd_control.py)
        self.epoch = 0  # grows when a test starts anew: what is under way for the old one is dropped
        self.send_push: Callable[[Any], None] = lambda push: None
        self.run_outside: Callable[[Callable[[Any], None]], None] = lambda job: None

    @property
    def settings(self) -> Settings:
        """What may be changed while it runs."""
        return self.state.settings

    def now(self) -> float:
        """Simulated Unix seconds."""
        return self.clock.now() if self._moment is None else self._moment

    @contextmanager
    def at(self, moment: float) -> Iterator[None]:
        """Inside, it is `moment`: for what happened while nobody looked. Only under the lock."""
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None

    def next_id(self) -> int:
        """A new 64-bit number: messages, jobs."""
        self.state.last_id += self.random.randint(1, 9)
        return self.state.last_id

    def person(self, name: str) -> Person:
        """The human of that name, made if need be; one of the crowd gets a plain profile."""
        return self.state.people.setdefault(name, Person(name, nickname=name))

    def later(self, seconds: float, kind: str, **arguments: Any) -> None:
        """Runs the registered task `kind` when that much simulated time has passed (schedule.py)."""
        self.state.tasks.append(Task(self.now() + seconds, kind, arguments))

    def log(self, kind: str, app_id: str, subject: str, /, **body: Any) -> int:
        """Adds a line to a log: "call", "push", "delivered" (what a person really got), "notice"."""
        return self.storage.append(kind, self.now(), app_id, subject, body)

    def save(self) -> None:
        """Writes the snapshot, if there is a file to write to. Callers wait while it is copied, not while it is put."""
        if not self.storage.is_durable:
            return
        with self.lock:
            self.state.clock_offset_seconds = self.clock.offset_seconds
            copy = to_json(self.state)
        rows = [(part, json.dumps(body, ensure_ascii=False)) for part, body in copy.items()]
        with self.lock:
            self.storage.save(rows)

    def clear(self, seed: int = 1) -> None:
        """Starts a new, empty world at the real time; faults, logs and what is under way are gone."""
        self.epoch += 1
        self.storage.clear()
        self.state, self.clock, self.random = State(seed=seed), Clock(), random.Random(seed)

    def month(self) -> str:
        """The Beijing month, `2026-11`."""
        return beijing_date(self.now()).isoformat()[:7]


def make_secret(num_bytes: int = 16) -> str:
    """Random hex."""
    return secrets.token_hex(num_bytes)
