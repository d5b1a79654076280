"""API keys: shown once, stored as a digest, scoped, expiring, revocable."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey
from common.errors import BadInput


@pytest.fixture
def made(scope, by):
    return keys.create(scope, "shop", ["items:read"], by)


def test_the_secret_is_not_stored(made):
    key, token = made
    stored = str(ApiKey.objects.filter(pk=key.pk).values().get())
    assert token.split("_", 2)[2] not in stored
    assert keys.find(token) == key


@pytest.mark.parametrize("token", ["", "fw", "fw_x", "fw_aaaaaaaa_bbbb", "Bearer", "fw__"])
def test_a_wrong_token_finds_nothing(made, token):
    assert keys.find(token) is None


def test_a_right_prefix_with_a_wrong_secret_finds_nothing(made):
    _key, token = made
    assert keys.find(token[:-1] + ("a" if token[-1] != "a" else "b")) is None


def test_an_expired_key_finds_nothing(made):
    key, token = made
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keys.find(token) is None


def test_a_revoked_key_finds_nothing(made, by):
    key, token = made
    keys.revoke(key, by)
    assert keys.find(token) is None


def test_the_last_use_is_noted(made):
    key, token = made
    keys.find(token)
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_unknown_or_no_scopes_are_refused(scope, by, scopes):
    with pytest.raises(BadInput):
        keys.create(scope, "shop", scopes, by)
    assert ApiKey.objects.count() == 0
