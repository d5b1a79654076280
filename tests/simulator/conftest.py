"""An account, its token, and raw calls: these tests speak HTTP from the fact sheet and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from simulator.remote import PlatformControl, RemoteAccount


class Caller:
    """Calls the platform as one account would, with a token of the stable pool."""

    def __init__(self, platform: PlatformControl, account: RemoteAccount) -> None:
        self.platform, self.account = platform, account
        self.http = platform.http
        self.token = self.fetch_token()

    def fetch_token(self) -> str:
        body = {"grant_type": "client_credential", "appid": self.account.app_id, "secret": self.account.secret}
        return self.http.post(f"{self.platform.url}/cgi-bin/stable_token", json=body).json()["access_token"]

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self.http.get(f"{self.platform.url}{path}", params={"access_token": self.token, **params}).json()

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        return self.send(path, json.dumps(body, ensure_ascii=False).encode()).json()

    def send(self, path: str, content: bytes, **more: Any) -> httpx.Response:
        params = {"access_token": self.token}
        return self.http.post(f"{self.platform.url}{path}", params=params, content=content, **more)


@pytest.fixture
def call_as(platform: PlatformControl) -> Callable[..., Caller]:
    """A caller for a new account of a kind: call_as("subscription", verified=False)."""

    def make(kind: str = "service", verified: bool = True, **more: Any) -> Caller:
        return Caller(platform, platform.add_account(kind, verified, **more))

    return make


@pytest.fixture
def api(call_as: Callable[..., Caller]) -> Caller:
    """A verified service account."""
    return call_as()
