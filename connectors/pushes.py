"""What each push does once a worker applies it. Stage: collect. Writes contacts, identities, events and consent through
audience's public functions, the state of connected accounts, and conversations.

`HANDLERS` is the one registry: a push of a kind that is not in it is kept only. A handler runs inside the account's
scope and one transaction with the receipt's mark, so it takes effect once. Pushes arrive late and out of order: what
counts is `push.event_at`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.actors import Actor
from audience import contacts, erasures, events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Consent, Contact, Identity
from connectors import conversations, publications, qrcodes
from connectors.models import AccountProblem, ConnectedAccount, Publication, PushReceipt
from connectors.wechat import pushes
from connectors.wechat.pushes import AccountPush, Message, Push

Handler = Callable[[ConnectedAccount, Any, PushReceipt], None]
WECHAT = Actor.system("WeChat")
_MAX_TEXT = 2000
_SIMULATED_AHEAD = timedelta(days=30)
_Kind = Identity.Kind


def contact_of(account: ConnectedAccount, openid: str) -> Contact:
    """The person with this openid of the account; becomes a contact if unknown."""
    return contacts.known_as(_Kind.OPENID, account.app_id, openid)


def moment_of(account: ConnectedAccount, push: Push) -> datetime:
    """When it happened; now if that cannot be. The clock of a practice account may run ahead of ours."""
    return plausible(account, push.event_at)


def plausible(account: ConnectedAccount, at: datetime) -> datetime:
    """`at`, or now if an event of the account cannot have happened then."""
    is_near = account.is_simulated and at < timezone.now() + _SIMULATED_AHEAD
    return at if is_near or events.is_plausible(at) else timezone.now()


def note_act(account: ConnectedAccount, push: AccountPush, kind: EventKind, text: str = "") -> Contact:
    """Record the push as an act of its person; the same push again adds nothing."""
    contact = contact_of(account, push.person)
    act = NewEvent(
        source=Source.WECHAT,
        source_id=f"{account.app_id}:{push.dedupe_key}",
        contact_id=contact.pk,
        kind=kind,
        occurred_at=moment_of(account, push),
        text=text[:_MAX_TEXT] or None,
    )
    events.record([act])
    return contact


def _hear_act(account: ConnectedAccount, push: AccountPush, kind: EventKind, text: str = "") -> Contact:
    """As `note_act`, and what the act changes about the ways to its person."""
    contact = note_act(account, push, kind, text)
    conversations.hear(account, push, moment_of(account, push), contact)
    return contact


# --- following ------------------------------------------------------------------------------------------------------


def follow(account: ConnectedAccount, push: pushes.Followed, receipt: PushReceipt) -> None:
    """Somebody follows, perhaps by a code whose scene is noted."""
    contact = _hear_act(account, push, EventKind.FOLLOW, push.scene)
    qrcodes.note(account, contact, push.scene, moment_of(account, push), is_new_follower=True)
    contacts.note_following(account.app_id, push.person, moment_of(account, push), is_following=True)
    _learn_original_id(account, push)


def unfollow(account: ConnectedAccount, push: pushes.Unfollowed, receipt: PushReceipt) -> None:
    """Somebody left."""
    _hear_act(account, push, EventKind.UNFOLLOW)
    contacts.note_following(account.app_id, push.person, moment_of(account, push), is_following=False)


def _learn_original_id(account: ConnectedAccount, push: AccountPush) -> None:
    if not account.original_id and push.receiver.startswith("gh_"):
        account.original_id = push.receiver[:32]
        account.save(update_fields=["original_id"])


# --- acts -----------------------------------------------------------------------------------------------------------


def note_scan(account: ConnectedAccount, push: pushes.Scanned, receipt: PushReceipt) -> None:
    """A follower scanned a code of ours."""
    contact = _hear_act(account, push, EventKind.SCAN, push.scene)
    qrcodes.note(account, contact, push.scene, moment_of(account, push), is_new_follower=False)


def note_click(account: ConnectedAccount, push: pushes.MenuClicked, receipt: PushReceipt) -> None:
    """A tap on a menu button."""
    _hear_act(account, push, EventKind.CLICK, push.key)


def note_view(account: ConnectedAccount, push: pushes.MenuLinkOpened, receipt: PushReceipt) -> None:
    """A link of the menu was opened."""
    note_act(account, push, EventKind.VIEW, push.url)


def note_page_view(account: ConnectedAccount, push: pushes.MenuMiniProgramOpened, receipt: PushReceipt) -> None:
    """A mini program was opened from the menu."""
    note_act(account, push, EventKind.VIEW, push.page_path)


def note_code_scan(account: ConnectedAccount, push: pushes.CodeScanned, receipt: PushReceipt) -> None:
    """Any code was scanned through the menu."""
    _hear_act(account, push, EventKind.SCAN, push.result)


def note_message(account: ConnectedAccount, push: Message, receipt: PushReceipt) -> None:
    """Somebody wrote; words are kept as text, other messages by what they are."""
    words = push.content if isinstance(push, pushes.TextMessage) else f"[{receipt.kind}]"
    contact = note_act(account, push, EventKind.MESSAGE_IN, words)
    conversations.hear_message(account, push, moment_of(account, push), contact, words)
    _learn_original_id(account, push)


def hear(account: ConnectedAccount, push: AccountPush, receipt: PushReceipt) -> None:
    """What is no act of its own but opens or closes ways: entering the chat, choices about notices."""
    conversations.hear(account, push, moment_of(account, push), contact_of(account, push.person))


# --- our messages ---------------------------------------------------------------------------------------------------


def end_broadcast(account: ConnectedAccount, push: pushes.MassSent, receipt: PushReceipt) -> None:
    """A mass message has gone out: it counts against the limits of the day and the month."""
    conversations.end_broadcast(account, push, moment_of(account, push))


def end_template(account: ConnectedAccount, push: pushes.TemplateSent, receipt: PushReceipt) -> None:
    """A template message arrived, or why not."""
    conversations.end_template(account, push)


def end_notices(account: ConnectedAccount, push: pushes.SubscriptionSent, receipt: PushReceipt) -> None:
    """Subscription notices arrived, or why not."""
    conversations.end_notices(account, push)


# --- people's rights ------------------------------------------------------------------------------------------------


def clean_profile(account: ConnectedAccount, push: pushes.ProfileCleaned, receipt: PushReceipt) -> None:
    """WeChat removed a name or picture: our copy goes too."""
    contacts.clear_profile(contact_of(account, push.person), WECHAT)


def withdraw_consent(account: ConnectedAccount, push: pushes.PersonEvent, receipt: PushReceipt) -> None:
    """An authorisation was withdrawn, or the person closed their WeChat account: consent ends, deletion is due."""
    contact, at = contact_of(account, push.person), moment_of(account, push)
    evidence = f"{push.event} {push.revoke_info}".strip()
    for purpose in Consent.Purpose.values:
        contacts.set_consent(contact, purpose, Consent.State.WITHDRAWN, WECHAT, evidence=evidence, at=at)
    due_at = timezone.now() + timedelta(days=settings.DELETION_DELAY_DAYS)
    erasures.schedule(contact, reason=push.event, due_at=due_at, by=WECHAT)


# --- what the account brings out ------------------------------------------------------------------------------------


def end_publication(account: ConnectedAccount, push: pushes.Published, receipt: PushReceipt) -> None:
    """A publication of ours is out or refused; one made in the console is unknown here."""
    row = Publication.objects.filter(account=account, publish_id=push.job_id).first()
    if row is not None and not row.is_ended:
        urls = [article.url for article in sorted(push.articles, key=lambda article: article.index)]
        publications.settle(row, push.publish_status, push.article_id, urls, push.failed_indexes)


# --- the account itself ---------------------------------------------------------------------------------------------

_VERIFICATION_FAILED = gettext_noop(
    "WeChat did not verify the account: %(reason)s. Correct it in the console and apply again."
)
_VERIFICATION_ENDED = gettext_noop(
    "The account's verification has expired, so most calls are refused. Renew it in the console."
)
_VERIFICATION_DUE = gettext_noop("The account's verification ends on %(day)s. Renew it in the console before that day.")


def change_verification(account: ConnectedAccount, push: pushes.VerificationChanged, receipt: PushReceipt) -> None:
    """A step in the life of the account's verification; a late push does not undo a newer one."""
    newer = PushReceipt.objects.filter(account=account, kind__in=_VERIFICATION, state=PushReceipt.State.APPLIED)
    if newer.filter(event_at__gt=push.event_at).exists():
        return
    event, until = push.event.lower(), push.expires_at
    if event == "qualification_verify_success":
        account.is_verified, account.verified_until = True, until
    elif event == "verify_expired":
        account.is_verified = False
        _report(account, event, _VERIFICATION_ENDED, push)
    elif event == "annual_renew":
        account.verified_until = until or account.verified_until
        _report(account, event, _VERIFICATION_DUE, push, day=f"{until:%Y-%m-%d}" if until else "–")
    elif event.endswith("_fail"):
        _report(account, event, _VERIFICATION_FAILED, push, reason=push.reason or "–")
    account.save(update_fields=["is_verified", "verified_until"])


_VERIFICATION = [f"event.{name}" for name in pushes.VerificationChanged.names]


def _report(account: ConnectedAccount, code: str, message: str, push: Push, **context: str) -> None:
    latest: dict[str, Any] = {"message": message, "context": context, "last_at": push.event_at, "num_times": 1}
    AccountProblem.objects.update_or_create(
        account=account, code=code[:60], path="", defaults=latest, create_defaults=latest | {"first_at": push.event_at}
    )


HANDLERS: dict[type[Push], Handler] = {
    pushes.Followed: follow,
    pushes.Unfollowed: unfollow,
    pushes.Scanned: note_scan,
    pushes.MenuClicked: note_click,
    pushes.MenuLinkOpened: note_view,
    pushes.MenuMiniProgramOpened: note_page_view,
    pushes.CodeScanned: note_code_scan,
    pushes.TextMessage: note_message,
    pushes.ImageMessage: note_message,
    pushes.VoiceMessage: note_message,
    pushes.VideoMessage: note_message,
    pushes.LocationMessage: note_message,
    pushes.LinkMessage: note_message,
    pushes.MiniProgramCard: note_message,
    pushes.ChatEntered: hear,
    pushes.SubscriptionsChosen: hear,
    pushes.MassSent: end_broadcast,
    pushes.TemplateSent: end_template,
    pushes.SubscriptionSent: end_notices,
    pushes.ProfileCleaned: clean_profile,
    pushes.Published: end_publication,
    pushes.ConsentWithdrawn: withdraw_consent,
    pushes.PersonGone: withdraw_consent,
    pushes.VerificationChanged: change_verification,
}
"""What applying a push of each kind does; further stages add their own entries here."""
