"""How a connected account is doing: token, quotas, pushes, problems. Reads connectors' tables and writes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from connectors import quotas
from connectors.models import AccountProblem, AccountToken, Authorisation, ConnectedAccount, PushReceipt
from connectors.quotas import Spent
from connectors.receiving import last_refusal

RECENT = timedelta(days=7)
NUM_PROBLEMS = 20
_State = PushReceipt.State


@dataclass(frozen=True)
class Light:
    """Whether WeChat's pushes arrive: nothing yet, address confirmed, or the first push is there."""

    checked_at: datetime | None
    first_at: datetime | None
    last_at: datetime | None
    refused: str = ""
    """What the last refused knock within an hour had wrong: `token` or `keys`."""

    @property
    def is_on(self) -> bool:
        """Whether a push has arrived."""
        return self.first_at is not None


@dataclass(frozen=True)
class Card:
    """One account in the list."""

    account: ConnectedAccount
    light: Light
    num_problems: int
    num_failed: int

    @property
    def needs_care(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.num_problems or self.num_failed or self.account.state == ConnectedAccount.State.REVOKED)


@dataclass(frozen=True)
class Health:
    """Everything the health page shows about one account."""

    light: Light
    token: AccountToken | None
    is_token_valid: bool
    quotas: list[Spent]
    num_pushes: dict[str, int]
    """Pushes of the last seven days by state."""
    problems: list[AccountProblem]
    authorisation: Authorisation | None


def overview() -> list[Card]:
    """The brand's accounts that are not disconnected, oldest first."""
    since = timezone.now() - RECENT
    found = ConnectedAccount.objects.exclude(state=ConnectedAccount.State.DISCONNECTED).order_by("created_at", "pk")
    problems = _counted(AccountProblem.objects.filter(last_at__gte=since))
    failed = _counted(PushReceipt.objects.filter(state=_State.FAILED, received_at__gte=since))
    return [Card(one, light_of(one), problems.get(one.pk, 0), failed.get(one.pk, 0)) for one in found]


def _counted(rows: Any) -> dict[int, int]:
    return dict(rows.values_list("account_id").annotate(num=Count("pk")))


def light_of(account: ConnectedAccount) -> Light:
    """Whether pushes arrive; looks at what came, also before a worker has applied it."""
    times = PushReceipt.objects.filter(account=account).order_by("-received_at").values_list("received_at", flat=True)
    newest = times.first()
    refused = last_refusal(account.pk)
    return Light(account.checked_at, account.first_push_at or newest, newest or account.last_push_at, refused)


def of(account: ConnectedAccount) -> Health:
    """The account's health now."""
    now = timezone.now()
    recent = PushReceipt.objects.filter(account=account, received_at__gte=now - RECENT)
    token = AccountToken.objects.filter(account=account).exclude(value=None).order_by("-expires_at").first()
    return Health(
        light=light_of(account),
        token=token,
        is_token_valid=bool(token and token.expires_at and token.expires_at > now),
        quotas=quotas.today(account),
        num_pushes=dict(recent.values_list("state").annotate(num=Count("pk"))),
        problems=list(AccountProblem.objects.filter(account=account).order_by("-last_at")[:NUM_PROBLEMS]),
        authorisation=Authorisation.objects.filter(account=account).first(),
    )
