"""`manage.py rotate_secrets`: every stored secret under the first master key, resumable, none opened or lost."""

import base64
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.tenancy import tenant_scope
from connectors.models import AccountToken, ConnectedAccount, OpenPlatform
from connectors.secrets import is_current, seal, unseal

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (3, 4))


def rotate():
    said = StringIO()
    call_command("rotate_secrets", stdout=said)
    return said.getvalue().strip()


@pytest.fixture
def stored(account, other_brand, settings, brand):
    """Secrets of two brands and of the installation, all under the old key."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    with tenant_scope(brand):
        for field in ("app_secret", "callback_token", "aes_key"):
            seal(account, field, f"ours-{field}")
        account.save()
        token = AccountToken(account=account, key="k")
        seal(token, "value", "token")
        token.save()
    with tenant_scope(other_brand):
        theirs = ConnectedAccount(app_id="wxtheirs", name="x", kind="service")
        seal(theirs, "app_secret", "theirs")
        theirs.save()
    platform = OpenPlatform(app_id="wxplatform")
    seal(platform, "ticket", "ticket")
    platform.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    return account


def test_every_secret_moves_to_the_first_key_and_opens_without_the_old_one(stored, settings, brand, other_brand):
    assert rotate() == "6 secrets rewrapped with the first key"
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with tenant_scope(brand):
        found = ConnectedAccount.objects.get()
        assert unseal(found, "aes_key") == "ours-aes_key"
        assert unseal(AccountToken.objects.get(), "value") == "token"
    with tenant_scope(other_brand):
        assert unseal(ConnectedAccount.objects.get(), "app_secret") == "theirs"
    assert unseal(OpenPlatform.objects.get(), "ticket") == "ticket"


def test_a_second_run_finds_nothing_to_do(stored):
    rotate()
    assert rotate() == "0 secrets rewrapped with the first key"


def test_an_interrupted_run_is_finished_by_the_next(stored, monkeypatch, brand):
    from connectors.management.commands import rotate_secrets

    whole, calls = rotate_secrets.rewrap, []

    def stop_after_two(row, field):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(field)
        return whole(row, field)

    monkeypatch.setattr(rotate_secrets, "rewrap", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        rotate()
    monkeypatch.setattr(rotate_secrets, "rewrap", whole)
    rotate()
    with tenant_scope(brand):
        assert is_current(ConnectedAccount.objects.get().aes_key)


def test_secrets_that_no_key_opens_are_counted_and_left(stored, settings, brand):
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="6 secrets"):
        rotate()
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    with tenant_scope(brand):
        assert unseal(ConnectedAccount.objects.get(), "app_secret") == "ours-app_secret"
