"""The world survives a clean end whole and a kill as of its last snapshot; many callers at once are served."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from simulator.remote import SimulatorProcess


def test_the_world_survives_a_restart(tmp_path):
    state = tmp_path / "world.sqlite3"
    with SimulatorProcess(state) as platform:
        account = platform.add_account(crowd_size=1000)
        openid = platform.add_user(account.app_id, "alice")
        platform.unfollow(app_id=account.app_id, openid=openid)
        platform.advance(86400)
        token = fetch(platform, account)
        before = platform.do("state", app_id=account.app_id)
    with SimulatorProcess(state) as platform:
        after = platform.do("state", app_id=account.app_id)
        assert after["accounts"] == before["accounts"]
        assert abs(after["now"] - time.time() - 86400) < 5
        assert fetch(platform, account) == token
        answer = httpx.get(f"{platform.url}/cgi-bin/user/info", params={"access_token": token, "openid": openid})
        assert answer.json() == {"subscribe": 0, "openid": openid}
        assert platform.calls("/cgi-bin/stable_token")


def fetch(platform, account) -> str:
    body = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret}
    return platform.http.post(f"{platform.url}/cgi-bin/stable_token", json=body).json()["access_token"]


def test_64_callers_at_once_are_served(platform, api):
    def call(_number: int) -> int:
        with httpx.Client(trust_env=False) as client:
            return sum(
                "tags" in client.get(f"{platform.url}/cgi-bin/tags/get", params={"access_token": api.token}).json()
                for _ in range(5)
            )

    with ThreadPoolExecutor(64) as callers:
        assert sum(callers.map(call, range(64))) == 320
