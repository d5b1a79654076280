"""Whom a mass send goes to, how many can be reached, and the calls it takes. Stage: collect.

Reads audience.Identity and Consent, and PlatformTag. Chosen followers are those who follow now and have not refused
marketing; to everybody and to WeChat's own tags WeChat itself leaves out whoever switched messages off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from audience.contacts import tags
from audience.models import Consent, Identity
from common.errors import Conflict
from connectors import capabilities
from connectors.models import ConnectedAccount, MassSend, PlatformTag
from connectors.wechat.mass import MAX_OPENIDS, MIN_OPENIDS

_Audience = MassSend.Audience
_REFUSED = (Consent.State.DENIED, Consent.State.WITHDRAWN)


@dataclass(frozen=True)
class Estimate:
    """What pressing would do now: people meant, calls of the day's 100, and why it cannot be pressed."""

    num_people: int
    num_calls: int
    problem: Conflict | None = None


def choices(account: ConnectedAccount) -> list[tuple[str, Any]]:
    """Everybody, WeChat's tags, the brand's tags: values `all`, `tag:ID`, `contacts:NAME`, grouped by audience."""
    groups: list[tuple[str, Any]] = [("all", _Audience.ALL.label)]
    platform = PlatformTag.objects.filter(account=account).order_by("name")
    if platform:
        groups.append((str(_Audience.PLATFORM_TAG.label), [(f"tag:{one.platform_id}", one.name) for one in platform]))
    own = tags() if capabilities.has(account, "mass_people") else []
    if own:
        groups.append((str(_Audience.CONTACTS.label), [(f"contacts:{name}", name) for name in own]))
    return groups


def chosen(account: ConnectedAccount, value: str) -> dict[str, Any]:
    """The fields of MassSend that a value of `choices` stands for."""
    kind, _colon, name = value.partition(":")
    if kind == "tag":
        found = PlatformTag.objects.get(account=account, platform_id=int(name))
        return {"audience": _Audience.PLATFORM_TAG, "tag_id": found.platform_id, "tag": found.name}
    return {"audience": _Audience(kind), "tag": name}


def check(send: MassSend) -> None:
    """Raises Conflict when the account may not send so."""
    is_list = send.audience == _Audience.CONTACTS
    if not capabilities.has(send.account, "mass_people" if is_list else "mass"):
        raise Conflict(
            "WeChat lets verified accounts only send to many, and service accounts only to chosen followers. "
            "Verify %(name)s.", name=send.account.name,
        )  # fmt: skip


def estimate(send: MassSend) -> Estimate:
    """How many it would reach and cost now."""
    num = _num_meant(send)
    num_calls = len(sizes(num)) if send.audience == _Audience.CONTACTS else 1
    try:
        check(send)
        _check_number(send, num)
    except Conflict as error:
        return Estimate(num, num_calls, error)
    return Estimate(num, num_calls)


def batches(send: MassSend) -> list[tuple[list[str], int]]:
    """(openids, number of people) of each call. Raises Conflict when nobody can be reached so."""
    check(send)
    if send.audience != _Audience.CONTACTS:
        num = _num_meant(send)
        _check_number(send, num)
        return [([], num)]
    openids = list(_openids(send).values_list("value", flat=True))
    _check_number(send, len(openids))
    return [(part, len(part)) for part in _parts(openids)]


def _num_meant(send: MassSend) -> int:
    if send.audience == _Audience.PLATFORM_TAG:
        found = PlatformTag.objects.filter(account=send.account, platform_id=send.tag_id).first()
        return found.num_people if found else 0
    return int(_openids(send).count())


def _openids(send: MassSend) -> Any:
    """The followers meant, as identities; everybody when no tag of the brand is."""
    following = Q(followed_at__isnull=False) & (Q(unfollowed_at=None) | Q(followed_at__gt=F("unfollowed_at")))
    found = Identity.objects.filter(following, kind=Identity.Kind.OPENID, account_ref=send.account.app_id)
    if send.audience == _Audience.ALL:
        return found
    refused = Consent.objects.filter(purpose=Consent.Purpose.MARKETING, state__in=_REFUSED).values("contact_id")
    return found.filter(contact__tags__contains=[send.tag]).exclude(contact_id__in=refused).order_by("pk")


def _check_number(send: MassSend, num: int) -> None:
    if send.audience != _Audience.CONTACTS:
        return
    if num < MIN_OPENIDS:
        raise Conflict(
            "%(num)s followers with this tag can be reached, and WeChat sends to two or more. "
            "Choose another tag, or write to them one by one.", num=num,
        )  # fmt: skip
    if send.kind == MassSend.Kind.DRAFT and num > MAX_OPENIDS:
        raise Conflict(
            "WeChat takes a draft out of the box once it is sent, so articles reach %(most)s chosen followers at most. "
            "Choose a smaller tag, or one of WeChat's tags.", most=MAX_OPENIDS,
        )  # fmt: skip


def sizes(num: int) -> list[int]:
    """How many people each call takes: as many as WeChat allows, and never one alone."""
    whole, rest = divmod(num, MAX_OPENIDS)
    if rest == 0:
        return [MAX_OPENIDS] * whole
    if rest < MIN_OPENIDS and whole:
        return [MAX_OPENIDS] * (whole - 1) + [MAX_OPENIDS - 1, rest + 1]
    return [MAX_OPENIDS] * whole + [rest]


def _parts(openids: list[str]) -> Iterator[list[str]]:
    start = 0
    for size in sizes(len(openids)):
        yield openids[start : start + size]
        start += size
