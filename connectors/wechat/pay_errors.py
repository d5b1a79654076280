"""What WeChat Pay refuses, why, and whether the same request with the same number may be sent again."""

from typing import Any

from connectors.wechat.errcodes import Meaning, Reaction
from connectors.wechat.errors import WeChatError

_CONFIG = Meaning(
    "WeChat Pay does not accept the merchant's settings (%(why)s). Compare AppID, merchant number, serial and keys.",
    Reaction.MEND_SETTINGS,
)
_UNKNOWN = Meaning("WeChat Pay knows no such order or refund (%(why)s). Check its number.", Reaction.MEND_CONTENT)
_SLOW = Meaning("WeChat Pay gets too many requests. Try again in a minute.", Reaction.WAIT_A_MINUTE)
_BUSY = Meaning("WeChat Pay is busy. Try again with the same number.", Reaction.RETRY)
_OTHER = Meaning("WeChat Pay refused: %(why)s (%(code)s). Correct the order and try again.", Reaction.MEND_CONTENT)
MEANINGS: dict[str, Meaning] = {
    "SIGN_ERROR": _CONFIG,
    "NO_AUTH": _CONFIG,
    "APPID_MCHID_NOT_MATCH": _CONFIG,
    "ORDER_NOT_EXIST": _UNKNOWN,
    "RESOURCE_NOT_EXISTS": _UNKNOWN,
    "FREQUENCY_LIMITED": _SLOW,
    "RATELIMIT_EXCEEDED": _SLOW,
    "SYSTEM_ERROR": _BUSY,
    "BANK_ERROR": _BUSY,
    "OUT_TRADE_NO_USED": Meaning(
        "The order number was used with other details. Take a new order number.", Reaction.MEND_CONTENT
    ),
    "ORDER_CLOSED": Meaning("The order is closed. Make a new order.", Reaction.MEND_CONTENT),
    "NOT_ENOUGH": Meaning(
        "The merchant's balance is too small for the refund. Top it up in the merchant console.", Reaction.MEND_SETTINGS
    ),
    "OPENID_MISMATCH": Meaning(
        "The person does not belong to the AppID of the order. Let them log in again.", Reaction.LOG_IN_AGAIN
    ),
}


class PayRefused(WeChatError):
    """WeChat Pay's answer is an error: `status` is HTTP's, `pay_code` its name, `why` its words."""

    code = "pay_refused"

    def __init__(self, status: int, pay_code: str, why: str, path: str) -> None:
        self.status = status
        self.pay_code = pay_code
        self.why = why
        self.path = path
        self.meaning = MEANINGS.get(pay_code, _OTHER)
        super().__init__(self.meaning.template, why=why, code=pay_code)
        self.permanent = self.meaning.is_permanent

    def __str__(self) -> str:
        return f"{self.message} [{self.path} {self.status} {self.pay_code}]"


def pay_refusal(status: int, answer: Any, path: str) -> PayRefused:
    """The error for an answer that is not 2xx."""
    fields = answer if isinstance(answer, dict) else {}
    code = fields.get("code")
    if not isinstance(code, str):
        code = "SYSTEM_ERROR" if status >= 500 else "RATELIMIT_EXCEEDED" if status == 429 else f"HTTP_{status}"
    return PayRefused(status, code, str(fields.get("message", "")), path)
