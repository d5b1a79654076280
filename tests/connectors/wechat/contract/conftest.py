"""The typed calls against the simulated platform, over HTTP, with real tokens: each side catches the other's errors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from connectors.wechat.client import WeChatClient
from connectors.wechat.tokens import MemoryStore, StableTokens
from simulator.remote import PlatformControl, RemoteAccount


@dataclass
class Connected:
    """An account, a client that calls on its behalf, and what its followers may be told to do."""

    account: RemoteAccount
    client: WeChatClient
    platform: PlatformControl

    @property
    def app_id(self) -> str:
        return self.account.app_id

    def add_follower(self) -> str:
        return self.platform.add_user(self.app_id)

    def let(self, control: str, openid: str, **fields: object) -> object:
        """A person acts: follow, unfollow, send, tap_menu, scan, …"""
        return self.platform.do(control, app_id=self.app_id, openid=openid, **fields)


@pytest.fixture
def connect(platform: PlatformControl) -> Iterator[Callable[..., Connected]]:
    with httpx.Client(trust_env=False) as http:

        def make(kind: str = "service", verified: bool = True, **more: object) -> Connected:
            account = platform.add_account(kind, verified, **more)
            tokens = StableTokens(account.app_id, account.secret, MemoryStore(), base_url=platform.url, http=http)
            client = WeChatClient(account.app_id, tokens, base_url=platform.url, http=http, sleep=lambda seconds: None)
            return Connected(account, client, platform)

        yield make


@pytest.fixture
def service(connect: Callable[..., Connected]) -> Connected:
    return connect()


@pytest.fixture
def subscription(connect: Callable[..., Connected]) -> Connected:
    return connect("subscription")


@pytest.fixture
def mini(connect: Callable[..., Connected]) -> Connected:
    return connect("miniprogram")
