"""The check before a component is released to all accounts (全网发布, fact sheet 8): Tencent's testers write to us.

Two texts have fixed answers; the third step, answering tickets, is the component's everyday work. Tencent's test
accounts are nobody's: no brand has connected them, which is how a site tells them from real people who type the words.
"""

from connectors.wechat.client import WeChatClient
from connectors.wechat.component import AuthorizerTokens, Component
from connectors.wechat.pushes import AccountPush, TextMessage
from connectors.wechat.replies import TextReply
from connectors.wechat.tokens import TokenStore

_TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"
_CODE_PREFIX = "QUERY_AUTH_CODE:"


def find_reply(push: AccountPush) -> TextReply | None:
    """The passive reply that the tester waits for; None for every other push."""
    is_asked = isinstance(push, TextMessage) and push.content == _TEXT
    return TextReply(f"{_TEXT}_callback") if is_asked else None


def find_auth_code(push: AccountPush) -> str:
    """The code to answer through the API after an empty answer; empty for every other push."""
    if isinstance(push, TextMessage) and push.content.startswith(_CODE_PREFIX):
        return push.content.removeprefix(_CODE_PREFIX).strip()
    return ""


def answer_by_api(component: Component, openid: str, auth_code: str, store: TokenStore) -> None:
    """Exchange the tester's code and send what it waits for, within a few seconds. Raises Refused, TransportFailed."""
    granted = component.query_authorisation(auth_code)
    tokens = AuthorizerTokens(component, granted.app_id, store)
    tokens.accept(granted)
    client = WeChatClient(granted.app_id, tokens, base_url=component.transport.base_url)
    body = {"touser": openid, "msgtype": "text", "text": {"content": f"{auth_code}_from_api"}}
    client.call("POST", "/cgi-bin/message/custom/send", body=body)
