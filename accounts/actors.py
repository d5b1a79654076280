"""Who acts: a signed-in person, an API key or the system itself; and the trail they leave."""

from dataclasses import dataclass
from typing import Any

from accounts.models import ApiKey, AuditEntry, User


@dataclass(frozen=True)
class Actor:
    """The one on whose behalf something is changed; passed as `by=` to every mutation."""

    label: str
    user: User | None = None
    ip: str | None = None

    @classmethod
    def person(cls, user: User, ip: str | None = None) -> "Actor":
        return cls(label=user.email, user=user, ip=ip)

    @classmethod
    def key(cls, key: ApiKey, ip: str | None = None) -> "Actor":
        return cls(label=f"API key {key.prefix} ({key.name})", ip=ip)

    @classmethod
    def system(cls, name: str) -> "Actor":
        return cls(label=f"system: {name}")


def record(by: Actor, verb: str, object_type: str, object_code: str, **details: Any) -> None:
    """Write one line of the audit trail in the current scope."""
    AuditEntry.objects.create(
        verb=verb,
        object_type=object_type,
        object_code=object_code,
        actor=by.label[:200],
        user=by.user,
        ip=by.ip,
        details=details,
    )
