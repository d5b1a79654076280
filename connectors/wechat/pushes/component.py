"""What the Open Platform tells our component (fact sheet 8): its ticket, and who authorised or left it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from connectors.wechat.pushes.base import ComponentPush
from connectors.wechat.pushes.wire import moment, text


@dataclass(frozen=True, kw_only=True)
class TicketIssued(ComponentPush):
    """A new verify ticket; comes every 10 minutes, lives 12 hours. Keep the last one."""

    names = ("component_verify_ticket",)
    ticket: str = field(repr=False, metadata=text("ComponentVerifyTicket").metadata)

    @property
    def identity(self) -> str:
        """The ticket, hashed: it is a secret."""
        return hashlib.sha256(self.ticket.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Authorised(ComponentPush):
    """An account was authorised, or (`updateauthorized`) its permissions changed. The redirect brings the same code."""

    names = ("authorized", "updateauthorized")
    app_id: str = text("AuthorizerAppid")
    auth_code: str = field(repr=False, metadata=text("AuthorizationCode").metadata)
    auth_code_expires_at: datetime | None = moment("AuthorizationCodeExpiredTime")
    pre_auth_code: str = text("PreAuthCode", "")

    @property
    def identity(self) -> str:
        """The account and its code, hashed: it is a secret."""
        return f"{self.app_id}:{hashlib.sha256(self.auth_code.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, kw_only=True)
class Unauthorised(ComponentPush):
    """An account withdrew its authorisation: stop, drop its tokens, start the deletion clock."""

    names = ("unauthorized",)
    app_id: str = text("AuthorizerAppid")

    @property
    def identity(self) -> str:
        """The account."""
        return self.app_id


NOTICES = (TicketIssued, Authorised, Unauthorised)
