"""Subscription notices: a person allows a template by a tap, and each tap is good for one notice (but long-term ones).

Service accounts and mini programs send through different calls; the wrong one answers 43101 as if nobody allowed it.
The platform has no id of ours for a notice: a send that times out is Unknown and must not be repeated blindly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from connectors.wechat.answers import demand, number, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_bytes, check_chars, check_filled, check_range, check_url
from connectors.wechat.notices import MiniProgramPage, values_body
from connectors.wechat.outcomes import Outcome, Sent, outcome_of

MAX_SCENE = 10_000
ONCE_TITLE_CHARS = 15
ONCE_CONTENT_CHARS = 200
RESERVED_BYTES = 128
CONFIRM_URL = "https://mp.weixin.qq.com/mp/subscribemsg"


class Release(StrEnum):
    """Which release of the mini program a tap opens."""

    DEVELOPER = "developer"
    TRIAL = "trial"
    FORMAL = "formal"


@dataclass(frozen=True)
class NoticeTemplate:
    """A notice the account may send; `type` is 2 for once, 3 for long-term."""

    template_id: str
    title: str
    content: str
    example: str = ""
    type: int = 0


@dataclass(frozen=True)
class Notice:
    """One notice; `page` is a path inside the mini program itself, or of the one bound to the account."""

    openid: str
    template_id: str
    values: Mapping[str, str]
    page: str = ""

    def body(self) -> dict[str, Any]:
        """As the platform reads it. Raises BadMessage or TooLong."""
        check_filled("Recipient", self.openid)
        check_filled("Template", self.template_id)
        page = {"page": self.page} if self.page else {}
        return {"touser": self.openid, "template_id": self.template_id, **page, "data": values_body(self.values)}


def send_from_service_account(
    client: WeChatClient, notice: Notice, mini_program: MiniProgramPage | None = None
) -> Outcome:
    """Send a notice of a service account (订阅通知); its page is a web page or a mini program's."""

    def body() -> dict[str, Any]:
        extra = {"miniprogram": mini_program.body()} if mini_program else {}
        return {**notice.body(), **extra}

    return _send(client, "/cgi-bin/message/subscribe/bizsend", body)


def send_from_mini_program(
    client: WeChatClient, notice: Notice, release: Release = Release.FORMAL, language: str = "zh_CN"
) -> Outcome:
    """Send a notice of a mini program."""
    return _send(
        client, "/cgi-bin/message/subscribe/send",
        lambda: {**notice.body(), "miniprogram_state": release.value, "lang": language},
    )  # fmt: skip


def _send(client: WeChatClient, path: str, body: Any) -> Outcome:
    def post() -> Sent:
        answer = client.call("POST", path, body=body())
        return Sent(text(answer, "msgid"))

    return outcome_of(path, post)


def read_templates(client: WeChatClient) -> tuple[NoticeTemplate, ...]:
    """The account's notice templates."""
    answer = client.call("GET", "/wxaapi/newtmpl/gettemplate")
    return tuple(
        NoticeTemplate(
            text(row, "priTmplId"), text(row, "title"), text(row, "content"), text(row, "example"), number(row, "type")
        )
        for row in rows(answer, "data")
    )


def add_template(client: WeChatClient, library_id: str, keyword_ids: tuple[int, ...], use: str) -> str:
    """Take a template out of the platform's library; `use` says what for. The answer is its id."""
    check_filled("Use", use)
    check_filled("Template", library_id)
    path = "/wxaapi/newtmpl/addtemplate"
    body: dict[str, Any] = {"tid": library_id, "kidList": list(keyword_ids), "sceneDesc": use}
    return demand(client.call("POST", path, body=body), "priTmplId", path)


def delete_template(client: WeChatClient, template_id: str) -> None:
    """Give a template back."""
    client.call("POST", "/wxaapi/newtmpl/deltemplate", body={"priTmplId": template_id})


def confirm_url(app_id: str, template_id: str, scene: int, redirect_url: str, reserved: str = "") -> str:
    """The page on which a person allows one message of the old one-time kind; leads to `redirect_url` with openid."""
    check_range("Scene", scene, 0, MAX_SCENE)
    check_url("Redirect link", redirect_url)
    check_bytes("Reserved", reserved, RESERVED_BYTES)
    query = {
        "action": "get_confirm", "appid": app_id, "scene": scene, "template_id": template_id,
        "redirect_url": redirect_url, "reserved": reserved,
    }  # fmt: skip
    return f"{CONFIRM_URL}?{urlencode(query)}#wechat_redirect"


@dataclass(frozen=True)
class OnceMessage:
    """A message of the old one-time kind, after the person said yes on `confirm_url`'s page."""

    openid: str
    template_id: str
    scene: int
    title: str
    content: str
    url: str = ""
    page: MiniProgramPage | None = None

    def body(self) -> dict[str, Any]:
        """As the platform reads it. Raises BadMessage or TooLong."""
        check_filled("Recipient", self.openid)
        check_range("Scene", self.scene, 0, MAX_SCENE)
        check_chars("Title", self.title, ONCE_TITLE_CHARS, is_needed=True)
        check_chars("Content", self.content, ONCE_CONTENT_CHARS, is_needed=True)
        body: dict[str, Any] = {"touser": self.openid, "template_id": self.template_id}
        if self.url:
            check_url("Link", self.url)
            body["url"] = self.url
        if self.page:
            body["miniprogram"] = self.page.body()
        return {**body, "scene": str(self.scene), "title": self.title, "data": {"content": {"value": self.content}}}


def send_once(client: WeChatClient, message: OnceMessage) -> Outcome:
    """Send a message of the old one-time kind."""
    return _send(client, "/cgi-bin/message/template/subscribe", message.body)
