"""A raw HTTP caller of the simulated platform: token and JSON, no client library."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from simulator.remote import PlatformControl, RemoteAccount

HOUR, DAY, MINUTE = 3600, 86400, 60


@dataclass
class Site:
    """What a site would do with one account."""

    platform: PlatformControl
    account: RemoteAccount
    token: str = ""

    @property
    def app_id(self) -> str:
        return self.account.app_id

    def renew(self) -> None:
        body = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.account.secret}
        self.token = self.platform.http.post(f"{self.platform.url}/cgi-bin/stable_token", json=body).json()[
            "access_token"
        ]

    def post(self, path: str, body: Any = None, **params: str) -> dict[str, Any]:
        content = json.dumps(body if body is not None else {}, ensure_ascii=False).encode()
        return self.raw("POST", path, content=content, params=params).json()

    def get(self, path: str, **params: str) -> dict[str, Any]:
        return self.raw("GET", path, params=params).json()

    def upload(self, path: str, content: bytes, name: str = "a.jpg", data: Any = None, **params: str) -> dict[str, Any]:
        return self.raw("POST", path, files={"media": (name, content)}, data=data, params=params).json()

    def raw(self, method: str, path: str, *, params: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        if not self.token:
            self.renew()
        params = {"access_token": self.token, **(params or {})}
        answer = self.platform.http.request(method, f"{self.platform.url}{path}", params=params, **more)
        if answer.content[:12] == b'{"errcode":4' and answer.json()["errcode"] in (42001, 40001):
            self.renew()  # a test moved the clock
            answer = self.platform.http.request(
                method, f"{self.platform.url}{path}", params=params | {"access_token": self.token}, **more
            )
        assert answer.status_code == 200
        return answer

    def say(self, openid: str, text: str = "你好") -> dict[str, Any]:
        return self.post(
            "/cgi-bin/message/custom/send", {"touser": openid, "msgtype": "text", "text": {"content": text}}
        )

    def errcode(self, path: str, body: Any = None) -> int:
        return self.post(path, body).get("errcode", 0)

    def add_image(self) -> str:
        return self.upload("/cgi-bin/material/add_material", JPEG, type="image")["media_id"]

    def add_draft(self, *titles: str, **fields: Any) -> str:
        cover = self.add_image()
        articles = [
            {"title": title, "content": f"<p>{title}</p>", "thumb_media_id": cover, **fields}
            for title in titles or ("春茶怎么选",)
        ]
        return self.post("/cgi-bin/draft/add", {"articles": articles})["media_id"]


JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 100


def make_site(platform: PlatformControl, kind: str = "service", **more: Any) -> Site:
    return Site(platform, platform.add_account(kind=kind, **more))
