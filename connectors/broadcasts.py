"""Which mass messages an account has sent and whom they may have reached. Stage: collect.

Reads Broadcast (what WeChat finished, from here or from its console), MassSend and MassBatch. A batch to chosen people
counts for those people only; what WeChat has not finished yet, or perhaps never got, counts from its call on.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from connectors.models import Broadcast, ConnectedAccount, MassBatch, MassSend

_Audience = MassSend.Audience
_MAYBE_SENT = (MassBatch.State.SENDING, MassBatch.State.SENT, MassBatch.State.UNKNOWN)


@dataclass(frozen=True)
class Known:
    """When mass messages went out, oldest first: to this person, to everybody or a tag, to everybody."""

    received_at: tuple[datetime, ...]
    account_at: tuple[datetime, ...]
    public_at: tuple[datetime, ...]


def known(account: ConnectedAccount, openid: str, since: datetime) -> Known:
    """What counts against the limits of the account and of this person since then."""
    ended = dict(
        Broadcast.objects.filter(account=account, ended_at__gte=since, num_sent__gt=0).values_list("msg_id", "ended_at")
    )
    heard = set(Broadcast.objects.filter(account=account, ended_at__gte=since).values_list("msg_id", flat=True))
    batches = MassBatch.objects.filter(send__account=account).filter(
        Q(called_at__gte=since, state__in=_MAYBE_SENT) | Q(msg_id__in=list(ended))
    )
    mine = set(batches.filter(openids__contains=[openid]).values_list("pk", flat=True))
    received, to_many, public = [], [], []
    for pk, msg_id, called_at, audience in batches.values_list("pk", "msg_id", "called_at", "send__audience"):
        at = ended.pop(msg_id, None) if msg_id in heard else called_at
        if at is None:  # WeChat sent it to nobody
            continue
        is_list = audience == _Audience.CONTACTS
        received += [at] if not is_list or pk in mine else []
        to_many += [] if is_list else [at]
        public += [at] if audience == _Audience.ALL else []
    others = list(ended.values())  # from the console: to whom is not told
    return Known(*(tuple(sorted(times + others)) for times in (received, to_many, public)))
