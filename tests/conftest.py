"""The cast: a brand with an owner and teammates of every role, and a stranger with a brand of its own.

The test database is made and migrated by the schema's owner; the tests then run as the site's own role, so that
row-level security binds them as it binds the product.
"""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connections, router
from django.test import Client

from accounts import jobs, keys, tenants
from accounts.actors import Actor
from accounts.models import Job, Membership, Role, Tenant, User
from accounts.tenancy import tenant_scope

pytest_plugins = ["tests.platform_fixtures"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest, request: pytest.FixtureRequest) -> Iterator[None]:
    keep = request.config.getvalue("reuse_db") and not request.config.getvalue("create_db")
    owner, default = connections["owner"], connections["default"]
    owner.settings_dict["TEST"]["NAME"] += os.environ.get("PYTEST_XDIST_WORKER", "")
    with django_db_blocker.unblock():
        name = owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
        with owner.cursor() as cursor:  # only tests empty tables
            role = owner.ops.quote_name(default.settings_dict["USER"])
            cursor.execute(f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}")
        owner.close()
        default.close()
        default.settings_dict["NAME"] = name
        router.routers = []  # so that flush, after a transactional test, may empty the tables as the site's role
        yield
        default.close()
        if not keep:
            owner.creation.destroy_test_db(settings.DATABASES["owner"]["NAME"], verbosity=0)


@pytest.fixture(autouse=True)
def _empty_events_after_a_transactional_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Flush empties managed tables only; the partitioned event table is made by SQL."""
    yield
    marker = request.node.get_closest_marker("django_db")
    is_transactional = bool(marker and marker.kwargs.get("transaction"))
    if is_transactional or {"transactional_db", "live_server"} & set(request.fixturenames):
        request.getfixturevalue("django_db_blocker").unblock()
        with connections["default"].cursor() as cursor:
            cursor.execute("TRUNCATE audience_event, audience_event_key")
        request.getfixturevalue("django_db_blocker").restore()


@pytest.fixture(autouse=True)
def _fresh_cache_and_files(tmp_path: Path, settings) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MODEL_DIR = tmp_path / "models"
    settings.FIELD_ENCRYPTION_KEYS = [base64.b64encode(bytes(32)).decode()]
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CACHES = settings.CACHES | {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    yield
    shutil.rmtree(tmp_path / "models", ignore_errors=True)


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner@brand.test", "owner-password", name="林欣")


@pytest.fixture
def brand(owner: User) -> Tenant:
    return tenants.create("青禾生活", "retail", owner, slug="brand")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger@other.test", "stranger-password", name="陌生人")


@pytest.fixture
def other_brand(stranger: User) -> Tenant:
    return tenants.create("别家品牌", "retail", stranger, slug="other")


@pytest.fixture
def scope(brand: Tenant) -> Iterator[Tenant]:
    """The test runs inside the brand's scope."""
    with tenant_scope(brand):
        yield brand


@pytest.fixture
def by(owner: User) -> Actor:
    return Actor.person(owner)


@pytest.fixture
def teammate(brand: Tenant):
    """`teammate("viewer")` is a member of the brand with that role."""

    def make(role: str) -> User:
        user = User.objects.create_user(f"{role}@brand.test", "teammate-password")
        Membership.objects.create(tenant=brand, user=user, role=Role(role))
        return user

    return make


@pytest.fixture
def as_owner(owner: User, brand: Tenant) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def as_stranger(stranger: User, other_brand: Tenant) -> Client:
    client = Client()
    client.force_login(stranger)
    return client


@pytest.fixture
def api_key(brand: Tenant, by: Actor) -> str:
    """A key of the brand with every scope."""
    with tenant_scope(brand):
        return keys.create(brand, "test", list(keys.SCOPES), by)[1]


@pytest.fixture
def api(api_key: str) -> Client:
    """A client that calls the REST API with the brand's key."""
    return Client(headers={"authorization": f"Bearer {api_key}"})


@pytest.fixture
def work(brand: Tenant, monkeypatch: pytest.MonkeyPatch, settings):
    """`work()` does every waiting job of the brand now, in this process, as the workers would.

    No heartbeat comes meanwhile: it is of another connection, which does not see what the test has not committed.
    """
    settings.JOB_HEARTBEAT_SECONDS = 600
    current_app.loader.import_default_modules()
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *args, **kwargs: None)

    def do_all() -> int:
        num_done = 0
        while True:
            with tenant_scope(brand):
                waiting = Job.objects.filter(state=Job.State.QUEUED).order_by("pk").first()
            if waiting is None:
                return num_done
            current_app.tasks[waiting.task].run(brand.pk, waiting.pk)
            num_done += 1

    return do_all
