"""The check before our component is released to all accounts (全网发布): Tencent's testers write to accounts of nobody.

Stage: collect. Reads pushes for accounts that no brand has connected; keeps nothing. The fixed text is answered at
once; a code to be used is handed to a worker, because the tester wants an empty answer first.
"""

import logging
from collections.abc import Mapping

from celery import current_app
from kombu.exceptions import OperationalError as BrokerError

from connectors import open_platform
from connectors.receiving import MAX_AGE
from connectors.wechat import crypto, pushes, release_check, replies
from connectors.wechat.errors import BadPush, WeChatError
from connectors.wechat.pushes import AccountPush
from connectors.wechat.tokens import MemoryStore

logger = logging.getLogger(__name__)
TASK = "connectors.tasks.answer_release_check"


def answer(query: Mapping[str, str], body: bytes) -> bytes:
    """The answer to a tester's push. Raises BadPush for all that is not the tester's, BadSignature for forgeries."""
    shared = open_platform.shared_secrets()
    opened = crypto.open_push(shared, query, body, max_age=MAX_AGE)
    push = pushes.parse(opened.document)
    if not isinstance(push, AccountPush):
        raise BadPush("This address takes pushes to one account, not notices to a platform.")
    if auth_code := release_check.find_auth_code(push):
        _hand_over(push.sender, auth_code)
        return b""
    if reply := release_check.find_reply(push):
        return crypto.seal_reply(shared, opened, replies.write(reply, push, is_json=opened.is_json))
    if isinstance(push, pushes.Message):
        raise BadPush("No brand has connected this account.")
    return replies.ACCEPTED


def _hand_over(openid: str, auth_code: str) -> None:
    """A message with more than ids: the code works once, for an account of Tencent's, and is worthless after."""
    try:
        current_app.send_task(TASK, args=[openid, auth_code], queue="default", retry=False)
    except BrokerError:  # the tester presses the button again
        logger.warning("release_check_hint_failed")


def answer_by_api(openid: str, auth_code: str) -> None:
    """Use the tester's code and send what it waits for; its token is forgotten at once."""
    try:
        release_check.answer_by_api(open_platform.component(), openid, auth_code, MemoryStore())
    except WeChatError as error:
        logger.warning("release_check_failed", extra={"code": error.code})
