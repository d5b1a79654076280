"""From a public code to an object of the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from connectors.models import (
    ConnectedAccount,
    MassSend,
    MenuVersion,
    MessageTemplate,
    PlatformTag,
    Publication,
    QrCode,
    SyncRun,
)


def account_for(code: str) -> ConnectedAccount:
    """The connected account with this code; disconnected ones are gone."""
    found: ConnectedAccount | None = (
        ConnectedAccount.objects.filter(code=code).exclude(state=ConnectedAccount.State.DISCONNECTED).first()
    )
    if found is None:
        raise Http404
    return found


def sync_run_for(account: ConnectedAccount, code: str) -> SyncRun:
    """The account's pass with this code."""
    found: SyncRun | None = SyncRun.objects.select_related("account", "job").filter(account=account, code=code).first()
    if found is None:
        raise Http404
    return found


def platform_tag_for(account: ConnectedAccount, tag_id: int) -> PlatformTag:
    """The account's tag with this id."""
    found: PlatformTag | None = PlatformTag.objects.select_related("account").filter(account=account, pk=tag_id).first()
    if found is None:
        raise Http404
    return found


def qr_code_for(account: ConnectedAccount, code: str) -> QrCode:
    """The account's QR code with this code."""
    found: QrCode | None = QrCode.objects.select_related("account").filter(account=account, code=code).first()
    if found is None:
        raise Http404
    return found


def menu_version_for(account: ConnectedAccount, code: str) -> MenuVersion:
    """The account's menu version with this code."""
    found: MenuVersion | None = MenuVersion.objects.select_related("account").filter(account=account, code=code).first()
    if found is None:
        raise Http404
    return found


def publication_for(account: ConnectedAccount, code: str) -> Publication:
    """The account's publication with this code."""
    found: Publication | None = Publication.objects.filter(account=account, code=code).first()
    if found is None:
        raise Http404
    return found


def template_for(account: ConnectedAccount, code: str) -> MessageTemplate:
    """The account's template with this code."""
    found: MessageTemplate | None = (
        MessageTemplate.objects.select_related("account").filter(account=account, code=code).first()
    )
    if found is None:
        raise Http404
    return found


def mass_send_for(account: ConnectedAccount, code: str) -> MassSend:
    """The account's mass send with this code."""
    found: MassSend | None = (
        MassSend.objects.select_related("account", "job").filter(account=account, code=code).first()
    )
    if found is None:
        raise Http404
    return found
