"""The deployment checks see what is wrong and are silent when all is right."""

import pytest
from django.db import connections

from config import checks


@pytest.mark.django_db
def test_the_sites_role_passes():
    assert checks.site_role_is_bound(None, ["default"]) == []


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_owner_of_the_tables_is_refused(monkeypatch):
    owner = connections["owner"]
    monkeypatch.setitem(owner.settings_dict, "NAME", connections["default"].settings_dict["NAME"])
    monkeypatch.setattr(checks, "connection", owner)
    found = checks.site_role_is_bound(None, ["default"])
    assert [message.id for message in found] == ["fanwise.E002"]


@pytest.mark.parametrize("key", ["short", "a" * 60])
def test_a_simple_secret_key_is_refused(settings, key):
    settings.SECRET_KEY = key
    assert [message.id for message in checks.secret_key_is_random(None)] == ["fanwise.E003"]


@pytest.mark.parametrize("keys", [[], [""], ["short"], ["AAAA"]])
def test_a_missing_or_malformed_field_key_is_refused(settings, keys):
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert [message.id for message in checks.secrets_are_sealed(None)] == ["fanwise.E004"]
