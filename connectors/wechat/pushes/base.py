"""What all pushes have in common: when it happened, to whom, by whom, and how a repeated delivery is known."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from connectors.wechat.documents import Document
from connectors.wechat.errors import BadPush
from connectors.wechat.pushes.wire import read_fields, read_moment, text

_MAX_KEY = 200


@dataclass(frozen=True, kw_only=True)
class Push:
    """One push. Text that arrived stays in `raw`, for kinds and fields not known yet."""

    names: ClassVar[tuple[str, ...]] = ()
    """The MsgType, Event or InfoType that this kind is known by."""
    raw: Document = field(repr=False, compare=False)
    event_at: datetime
    """When it happened by WeChat's clock, to the second."""

    @classmethod
    def read(cls, document: Document) -> Self:
        """The push in a document of this kind. Raises BadPush."""
        if "CreateTime" not in document:
            raise BadPush("The push lacks the field %(field)s.", field="CreateTime")
        at = read_moment("CreateTime", document["CreateTime"])
        return cls(raw=document, event_at=at, **read_fields(cls, document))

    @property
    def dedupe_key(self) -> str:
        """The same for every delivery of one push, and for no other push of the account; at most 200 characters."""
        raise NotImplementedError

    def _key(self, *parts: str) -> str:
        key = ":".join(parts)
        if len(key) <= _MAX_KEY:
            return key
        return f"{key[:100]}:{hashlib.sha256(key.encode()).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class AccountPush(Push):
    """A push to one account."""

    receiver: str = text("ToUserName")
    """The account's original id, `gh_…`."""
    sender: str = text("FromUserName")
    """The person's openid; for some events an id of the platform's."""

    @property
    def person(self) -> str:
        """The openid of whom it is about; empty when it is about nobody."""
        return self.sender


@dataclass(frozen=True, kw_only=True)
class Message(AccountPush):
    """Something a person sent."""

    msg_id: str = text("MsgId")
    """64 bits, kept as text."""
    msg_data_id: str = text("MsgDataId", "")
    """Set when it was sent from an article."""
    article_index: str = text("Idx", "")

    @property
    def dedupe_key(self) -> str:
        """By MsgId."""
        return self._key("message", self.msg_id)


@dataclass(frozen=True, kw_only=True)
class Event(AccountPush):
    """Something that happened."""

    event: str = text("Event")

    @property
    def identity(self) -> str:
        """What tells two events of one kind, person and second apart."""
        value: Any = self.raw.get("EventKey", "")
        return value if isinstance(value, str) else str(value)

    @property
    def dedupe_key(self) -> str:
        """By sender, time, event and key: events have no id."""
        return self._key("event", self.person, str(int(self.event_at.timestamp())), self.event, self.identity)


@dataclass(frozen=True, kw_only=True)
class FinishedJob(Event):
    """The platform finished what it had accepted before. `job_id` is the id it had given then."""

    job_id: str

    @property
    def dedupe_key(self) -> str:
        """By event and id of the job."""
        return self._key("job", self.event, self.job_id)


@dataclass(frozen=True, kw_only=True)
class ComponentPush(Push):
    """A push to our component on the Open Platform."""

    component_app_id: str = text("AppId")
    info_type: str = text("InfoType")

    @property
    def identity(self) -> str:
        """What tells two pushes of one kind and second apart."""
        return ""

    @property
    def dedupe_key(self) -> str:
        """By kind, time and what it is about."""
        seconds = str(int(self.event_at.timestamp()))
        return self._key("component", self.component_app_id, self.info_type, seconds, self.identity)


@dataclass(frozen=True, kw_only=True)
class Unknown(AccountPush):
    """A message or event of a kind not known here: kept raw and shown."""

    kind: str = text("MsgType")
    event: str = text("Event", "")
    msg_id: str = text("MsgId", "")

    @property
    def dedupe_key(self) -> str:
        """By MsgId if it has one, else by its whole content: what identifies it is not known."""
        if self.msg_id:
            return self._key("message", self.msg_id)
        return self._key("unknown", self.kind, self.event, hashlib.sha256(repr(self.raw).encode()).hexdigest())


@dataclass(frozen=True, kw_only=True)
class UnknownNotice(ComponentPush):
    """A push to the component of a kind not known here: kept raw and shown."""

    @property
    def identity(self) -> str:
        """Its whole content."""
        return hashlib.sha256(repr(self.raw).encode()).hexdigest()
