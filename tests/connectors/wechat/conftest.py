"""A client that talks to a listener of our own, with a token that is always good."""

from collections.abc import Iterator

import httpx
import pytest

from connectors.wechat.client import WeChatClient
from tests.connectors.wechat.listener import Listener


class FixedToken:
    """Always the same token."""

    def get(self) -> str:
        return "TOKEN"

    def renew(self, stale: str) -> str:
        return stale


@pytest.fixture
def listener() -> Iterator[Listener]:
    started = Listener()
    yield started
    started.close()


@pytest.fixture
def client(listener: Listener) -> Iterator[WeChatClient]:
    with httpx.Client() as http:
        yield WeChatClient("wxapp", FixedToken(), base_url=listener.url, http=http, sleep=lambda seconds: None)
