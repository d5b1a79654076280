"""Template messages: news of a service somebody uses, from verified service accounts. They may not be marketing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.wechat.answers import demand, inner, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_filled, check_url
from connectors.wechat.notices import MiniProgramPage, values_body
from connectors.wechat.outcomes import Outcome, Sent, outcome_of

MAX_TEMPLATES = 25


@dataclass(frozen=True)
class Template:
    """A template the account may use; `content` has a slot {{key.DATA}} per field."""

    template_id: str
    title: str
    content: str
    example: str = ""
    industry: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class TemplateMessage:
    """One message. If both are given, the mini program's page wins over `url`; neither: a tap leads nowhere."""

    openid: str
    template_id: str
    values: Mapping[str, str]
    url: str = ""
    page: MiniProgramPage | None = None

    def body(self) -> dict[str, Any]:
        """As the platform reads it. Raises BadMessage or TooLong."""
        check_filled("Recipient", self.openid)
        check_filled("Template", self.template_id)
        body: dict[str, Any] = {"touser": self.openid, "template_id": self.template_id}
        if self.url:
            check_url("Link", self.url)
            body["url"] = self.url
        if self.page:
            body["miniprogram"] = self.page.body()
        return {**body, "data": values_body(self.values)}


def send(client: WeChatClient, message: TemplateMessage, client_msg_id: str = "") -> Outcome:
    """Send one message; the push TEMPLATESENDJOBFINISH says later whether it arrived.

    With `client_msg_id` the platform sends it to this person once in about ten minutes, so that an Unknown one may be
    repeated in that time with the same id.
    """
    path = "/cgi-bin/message/template/send"

    def post() -> Sent:
        body = message.body()
        if client_msg_id:
            body["client_msg_id"] = client_msg_id
        return Sent(text(client.call("POST", path, body=body), "msgid"))

    return outcome_of(path, post)


def read_templates(client: WeChatClient) -> tuple[Template, ...]:
    """The account's templates."""
    answer = client.call("GET", "/cgi-bin/template/get_all_private_template")
    return tuple(
        Template(
            text(row, "template_id"), text(row, "title"), text(row, "content"), text(row, "example"),
            (text(row, "primary_industry"), text(row, "deputy_industry")),
        )
        for row in rows(answer, "template_list")
    )  # fmt: skip


def add_template(client: WeChatClient, short_id: str, keywords: tuple[str, ...] = ()) -> str:
    """Take a template out of the platform's library, with these of its keywords; the answer is its template_id."""
    path = "/cgi-bin/template/api_add_template"
    check_filled("Template", short_id)
    body: dict[str, Any] = {"template_id_short": short_id, "keyword_name_list": list(keywords)}
    return demand(client.call("POST", path, body=body), "template_id", path)


def delete_template(client: WeChatClient, template_id: str) -> None:
    """Give a template back."""
    client.call("POST", "/cgi-bin/template/del_private_template", body={"template_id": template_id})


def read_industries(client: WeChatClient) -> tuple[tuple[str, str], tuple[str, str]]:
    """The account's two industries, each as (class, name)."""
    answer = client.call("GET", "/cgi-bin/template/get_industry")
    first, second = inner(answer, "primary_industry"), inner(answer, "secondary_industry")
    return (
        (text(first, "first_class"), text(first, "second_class")),
        (text(second, "first_class"), text(second, "second_class")),
    )


def set_industries(client: WeChatClient, first_id: str, second_id: str) -> None:
    """Choose the account's two industries; possible once a month."""
    body = {"industry_id1": first_id, "industry_id2": second_id}
    client.call("POST", "/cgi-bin/template/api_set_industry", body=body)
