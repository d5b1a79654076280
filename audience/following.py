"""Who follows an account: openids as contacts, when they came and left. Stage: collect. For thousands at a time.

Writes audience.Contact and Identity. Single people go through `audience.contacts`; both keep the same rule: the
newest known moment of coming and of leaving decides.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id
from audience.contacts import ids_by_external
from audience.models import Identity

_NOT_LEFT = Q(unfollowed_at=None) | Q(followed_at__gt=F("unfollowed_at"))
_NOTE_TIMES = """
WITH told AS (SELECT * FROM unnest(%(openids)s::text[], %(times)s::timestamptz[]) AS told (openid, at)),
came AS (
    UPDATE audience_identity i SET followed_at = told.at FROM told
    WHERE i.tenant_id = %(tenant)s AND i.kind = 'openid' AND i.account_ref = %(account)s AND i.value = told.openid
      AND (i.followed_at IS NULL OR i.followed_at < told.at)
    RETURNING i.contact_id, told.at
)
UPDATE audience_contact c SET followed_at = came.at, updated_at = now() FROM came
WHERE c.tenant_id = %(tenant)s AND c.id = came.contact_id AND (c.followed_at IS NULL OR c.followed_at < came.at)
"""


def contacts_of(account_ref: str, openids: Iterable[str]) -> dict[str, int]:
    """Contact ids by openid; unknown people become contacts whose external id is the openid."""
    wanted = list(dict.fromkeys(openids))
    found = _known(account_ref, wanted)
    missing = [openid for openid in wanted if openid not in found]
    if missing:
        take_turn(Lock.CONTACTS)
        contact_ids = ids_by_external(missing, create=True)
        made = [
            Identity(kind=Identity.Kind.OPENID, account_ref=account_ref, value=value, contact_id=contact_ids[value])
            for value in missing
        ]
        Identity.objects.bulk_create(made, batch_size=2000, ignore_conflicts=True)
        found |= _known(account_ref, missing)
    return found


def _known(account_ref: str, openids: list[str]) -> dict[str, int]:
    return dict(_identities(account_ref, openids).values_list("value", "contact_id"))


def _identities(account_ref: str, openids: Iterable[str]) -> Any:
    return Identity.objects.filter(kind=Identity.Kind.OPENID, account_ref=account_ref, value__in=list(openids))


def left_among(account_ref: str, openids: Iterable[str]) -> list[str]:
    """Those who have left by what is known."""
    return list(_identities(account_ref, openids).exclude(_NOT_LEFT).values_list("value", flat=True))


def note_absent(account_ref: str, openids: Iterable[str], at: datetime) -> int:
    """These people do not follow any more, and left before `at`; who came later or is known to have left stays so."""
    stayed = _identities(account_ref, openids).filter(_NOT_LEFT)
    return int(stayed.filter(Q(followed_at=None) | Q(followed_at__lt=at)).update(unfollowed_at=at))


def note_follow_times(account_ref: str, times: Mapping[str, datetime]) -> None:
    """When these people last began to follow, as the platform tells; never sets an earlier moment."""
    if times:
        values: dict[str, Any] = {"openids": list(times), "times": list(times.values()), "account": account_ref}
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_TIMES, values | {"tenant": current_tenant_id()})


def note_blocked(account_ref: str, openids: Iterable[str], at: datetime) -> int:
    """These people are on the account's blacklist; how many of them we did not know to be there."""
    known = contacts_of(account_ref, openids)
    return int(_identities(account_ref, known).filter(blocked_at=None).update(blocked_at=at))


def note_unblocked(account_ref: str, openids: Iterable[str]) -> int:
    """These people are not on the blacklist any more; how many of them were."""
    return int(_identities(account_ref, openids).exclude(blocked_at=None).update(blocked_at=None))


def blocked_before(account_ref: str, at: datetime) -> list[str]:
    """Openids of those whom we knew to be on the blacklist before that moment."""
    people = Identity.objects.filter(kind=Identity.Kind.OPENID, account_ref=account_ref, blocked_at__lt=at)
    return list(people.values_list("value", flat=True))


def learn_unionids(unionids: Mapping[int, str]) -> list[tuple[int, int]]:
    """Give contacts their unionid. Pairs (contact, other contact) whose unionid another contact has already."""
    if not unionids:
        return []
    made = [
        Identity(kind=Identity.Kind.UNIONID, value=value, contact_id=contact_id, created_at=timezone.now())
        for contact_id, value in unionids.items()
    ]
    Identity.objects.bulk_create(made, batch_size=2000, ignore_conflicts=True)
    held = Identity.objects.filter(kind=Identity.Kind.UNIONID, account_ref="", value__in=list(unionids.values()))
    owners = dict(held.values_list("value", "contact_id"))
    return [(contact_id, owners[value]) for contact_id, value in unionids.items() if owners[value] != contact_id]


def num_following(account_ref: str) -> int:
    """How many people follow the account by what is known."""
    people = Identity.objects.filter(_NOT_LEFT, kind=Identity.Kind.OPENID, account_ref=account_ref)
    return int(people.exclude(followed_at=None).count())
