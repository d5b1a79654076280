"""The tree of what can go wrong with WeChat. `permanent` says whether the same call would fail again.

    WeChatError
        BadPush, BadSignature      a push is not WeChat's or not readable; nothing may be done with it
        BadMessage, TooLong        refused by us before the call: the platform would refuse it
        StoreBusy                  the shared token store did not give its lock in time
        TransportFailed            no answer, or none that is WeChat's
        Refused                    WeChat answered with an errcode; named children where the reaction differs

`template` is an English source string with `%(name)s` slots, as in the site's errors; the site translates it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.wechat.clock import next_beijing_midnight, now
from connectors.wechat.errcodes import Meaning, Reaction, explain

_RID = re.compile(r"\s*(?:rid|hint):\s*\[?([\w-]+)\]?\s*$")
_ADDRESS = re.compile(r"(?:invalid ip|request ?ip)[:\s]+([0-9A-Fa-f.:]+)", re.IGNORECASE)


class WeChatError(Exception):
    """An expected failure: `code` for machines, the sentence for people."""

    code: ClassVar[str] = "wechat_error"
    permanent: bool = True

    def __init__(self, template: str, **context: Any) -> None:
        super().__init__(template)
        self.template = template
        self.context = context

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template % self.context if self.context else self.template

    def __str__(self) -> str:
        return self.message


class BadPush(WeChatError):
    """What arrived at the callback cannot be read as a push of WeChat."""

    code = "bad_push"


class BadSignature(BadPush):
    """The push is not signed or encrypted with this account's token, key and AppID."""

    code = "bad_signature"


class BadMessage(WeChatError):
    """What shall be sent breaks a rule of the platform; nothing was sent."""

    code = "bad_message"


class TooLong(BadMessage):
    """A field is longer than the platform takes."""

    code = "too_long"


class StoreBusy(WeChatError):
    """The lock of the shared token store was not free in time."""

    code = "store_busy"
    permanent = False


class TransportFailed(WeChatError):
    """No answer, or none of WeChat's: timeout, closed connection, HTML, half a body, too much.

    `may_have_arrived` is False when the request surely never reached the platform, so that repeating it is safe.
    """

    code = "transport_failed"
    permanent = False

    def __init__(self, template: str, *, may_have_arrived: bool, is_timeout: bool = False, **context: Any) -> None:
        super().__init__(template, **context)
        self.may_have_arrived = may_have_arrived
        self.is_timeout = is_timeout


class Refused(WeChatError):
    """WeChat's answer carries an errcode. `rid` names the call for Tencent's support."""

    code = "refused"

    def __init__(
        self, errcode: int, errmsg: str = "", path: str = "", answer: Mapping[str, Any] | None = None,
        *, meaning: Meaning | None = None,
    ) -> None:  # fmt: skip
        rid = _RID.search(errmsg)
        address = _ADDRESS.search(errmsg)
        self.errcode = errcode
        self.errmsg = _RID.sub("", errmsg)
        self.rid = rid[1] if rid else ""
        self.path = path
        self.answer = dict(answer or {})
        self.address = address[1] if address else ""
        self.meaning = meaning or explain(errcode)
        self.at = now()
        slots = {"errcode": errcode, "errmsg": self.errmsg, "rid": self.rid, "address": self.address, "path": path}
        super().__init__(self.meaning.template, **slots)
        self.permanent = self.meaning.is_permanent

    @property
    def reaction(self) -> Reaction:
        """What to do about it."""
        return self.meaning.reaction

    @property
    def until(self) -> datetime | None:
        """When the refusal ends by itself; None when that is not known."""
        if self.reaction == Reaction.WAIT_A_DAY:
            return next_beijing_midnight(self.at)
        return self.at + timedelta(minutes=1) if self.reaction == Reaction.WAIT_A_MINUTE else None

    def __str__(self) -> str:
        return f"{self.message} [{self.path} {self.errcode} {self.errmsg} rid={self.rid}]"


class InvalidToken(Refused):
    """40001, 40014, 42001: the access token is not, or no longer, valid."""

    code = "invalid_token"


class BadSecret(Refused):
    """40125, or 40001 from the call that issues tokens: the AppSecret is wrong."""

    code = "bad_secret"


class BadAppId(Refused):
    """40013."""

    code = "bad_app_id"


class AddressNotListed(Refused):
    """40164, 61004: `address` has to be added to the IP whitelist."""

    code = "address_not_listed"


class AddressUnconfirmed(Refused):
    """89501, 89503, 89506, 89507: the administrator has to confirm the address, or refused it."""

    code = "address_unconfirmed"


class SecretFrozen(Refused):
    """40243."""

    code = "secret_frozen"


class Busy(Refused):
    """-1."""

    code = "busy"


class OverQuota(Refused):
    """45009: today's quota of the call is used up (by the platform's count or by ours)."""

    code = "over_quota"


class TooFast(Refused):
    """45011: too many calls in this minute."""

    code = "too_fast"


class NotAllowed(Refused):
    """48001, 48004: the account's kind, verification or permissions do not allow the call."""

    code = "not_allowed"


class NotFollowing(Refused):
    """43004, 50005: the person does not follow the account."""

    code = "not_following"


class UnknownPerson(Refused):
    """40003, 46004, 49003: no openid of this account."""

    code = "unknown_person"


class RefusesMessages(Refused):
    """48002, 43019: the person takes no messages, or is on the blacklist."""

    code = "refuses_messages"


class WindowClosed(Refused):
    """45015: the person has not acted lately enough."""

    code = "window_closed"


class WindowUsedUp(Refused):
    """45047: the messages allowed since the person's last act are used up."""

    code = "window_used_up"


class NoSubscription(Refused):
    """43101, 43107: no consent left for this template, or notices switched off."""

    code = "no_subscription"


class NoMassSends(Refused):
    """45028."""

    code = "no_mass_sends"


class AlreadySent(Refused):
    """45065: this clientmsgid had been sent; `msg_id` is the first one's."""

    code = "already_sent"

    @property
    def msg_id(self) -> str:
        """The msg_id of the message that had been sent."""
        return str(self.answer.get("msg_id", ""))


class MediaExpired(Refused):
    """40007, 46001: upload the file again."""

    code = "media_expired"


class BadTemplate(Refused):
    """40036, 40037, 43104, 43108, 43116: the template is unknown or stopped."""

    code = "bad_template"


class BadTemplateData(Refused):
    """47003: errmsg names the field."""

    code = "bad_template_data"


class NotAuthorised(Refused):
    """61003, 61023, 61007: the account's authorisation to our platform is gone or too narrow."""

    code = "not_authorised"


class BadTicket(Refused):
    """61005, 61006: the component's verify ticket is too old or wrong."""

    code = "bad_ticket"


class BadAuthCode(Refused):
    """61009, 61010: the authorisation code is used up or too old."""

    code = "bad_auth_code"


class LoginExpired(Refused):
    """40029, 40030, 40163, 42002, 42003, 42007: the person has to log in again."""

    code = "login_expired"


class NoMenu(Refused):
    """46003."""

    code = "no_menu"


_CHILDREN: dict[type[Refused], tuple[int, ...]] = {
    InvalidToken: (40001, 40014, 42001),
    BadSecret: (40125,),
    BadAppId: (40013,),
    AddressNotListed: (40164, 61004),
    AddressUnconfirmed: (89501, 89503, 89506, 89507),
    SecretFrozen: (40243,),
    Busy: (-1,),
    OverQuota: (45009,),
    TooFast: (45011,),
    NotAllowed: (48001, 48004),
    NotFollowing: (43004, 50005),
    UnknownPerson: (40003, 46004, 49003),
    RefusesMessages: (48002, 43019),
    WindowClosed: (45015,),
    WindowUsedUp: (45047,),
    NoSubscription: (43101, 43107),
    NoMassSends: (45028,),
    AlreadySent: (45065,),
    MediaExpired: (40007, 46001),
    BadTemplate: (40036, 40037, 43104, 43108, 43116),
    BadTemplateData: (47003,),
    NotAuthorised: (61003, 61007, 61023),
    BadTicket: (61005, 61006),
    BadAuthCode: (61009, 61010),
    LoginExpired: (40029, 40030, 40163, 42002, 42003, 42007),
    NoMenu: (46003,),
}
_BY_CODE = {errcode: kind for kind, errcodes in _CHILDREN.items() for errcode in errcodes}
TOKEN_PATHS = {"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/component/api_component_token"}
_PER_MINUTE_PATHS = {"/wxa/getwxacodeunlimit"}  # there 45009 means the minute


def refusal(errcode: int, errmsg: str = "", path: str = "", answer: Mapping[str, Any] | None = None) -> Refused:
    """The error for an errcode other than 0: its class, its sentence and what to do about it."""
    if path in _PER_MINUTE_PATHS and errcode == 45009:
        return TooFast(errcode, errmsg, path, answer, meaning=explain(45011))
    if path in TOKEN_PATHS and errcode == 40001:
        return BadSecret(errcode, errmsg, path, answer, meaning=explain(errcode, is_token_call=True))
    return _BY_CODE.get(errcode, Refused)(errcode, errmsg, path, answer)
