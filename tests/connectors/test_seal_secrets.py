"""Stored secrets: sealed, bound to their place, rotated without being opened."""

import base64

import pytest

from accounts.tenancy import tenant_scope
from connectors.models import ConnectedAccount, OpenPlatform
from connectors.secrets import CannotUnseal, is_current, rewrap, seal, unseal

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
SECRET = "0123456789abcdef-密钥"


@pytest.fixture
def account(scope):
    return ConnectedAccount(app_id="wx1", name="青禾", kind="service")


def test_a_sealed_secret_opens_again_and_is_not_in_the_bytes(account):
    seal(account, "app_secret", SECRET)
    assert unseal(account, "app_secret") == SECRET
    assert SECRET.encode() not in account.app_secret


def test_an_empty_field_opens_to_nothing(account):
    assert unseal(account, "app_secret") == ""


def test_two_seals_of_one_secret_share_no_bytes_beyond_the_head(account):
    seal(account, "app_secret", SECRET)
    first = account.app_secret
    seal(account, "app_secret", SECRET)
    assert first[:5] == account.app_secret[:5]
    assert first[5:17] != account.app_secret[5:17]


def test_a_secret_moved_to_another_field_does_not_open(account):
    seal(account, "app_secret", SECRET)
    account.aes_key = account.app_secret
    with pytest.raises(CannotUnseal):
        unseal(account, "aes_key")


def test_a_secret_moved_to_another_table_does_not_open(account):
    seal(account, "app_secret", SECRET)
    with pytest.raises(CannotUnseal):
        unseal(OpenPlatform(app_id="wx1", token=account.app_secret), "token")


def test_a_secret_moved_to_another_brand_does_not_open(account, other_brand):
    seal(account, "app_secret", SECRET)
    with tenant_scope(other_brand), pytest.raises(CannotUnseal):
        unseal(ConnectedAccount(app_id="wx1", app_secret=account.app_secret), "app_secret")


@pytest.mark.parametrize("position", [0, 1, 20, 70, -1])
def test_a_changed_byte_is_noticed(account, position):
    seal(account, "app_secret", SECRET)
    spoiled = bytearray(account.app_secret)
    spoiled[position] ^= 1
    account.app_secret = bytes(spoiled)
    with pytest.raises(CannotUnseal):
        unseal(account, "app_secret")


def test_all_master_keys_open_and_the_first_seals(account, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    seal(account, "app_secret", SECRET)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert (unseal(account, "app_secret"), is_current(account.app_secret)) == (SECRET, False)
    account.app_secret = rewrap(account, "app_secret")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert (unseal(account, "app_secret"), is_current(account.app_secret)) == (SECRET, True)


def test_without_the_master_key_nothing_opens(account, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    seal(account, "app_secret", SECRET)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CannotUnseal):
        unseal(account, "app_secret")
