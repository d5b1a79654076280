"""A connected account, and a WeChat of a few lines that speaks through httpx's transport."""

import pytest

from accounts.tenancy import tenant_scope
from connectors.models import ConnectedAccount
from connectors.secrets import seal

APP_ID, APP_SECRET = "wx00000000000000a1", "s3cret-of-the-account-32-letters"


@pytest.fixture
def account(brand):
    """A verified service account of the brand."""
    with tenant_scope(brand):
        made = ConnectedAccount(
            app_id=APP_ID, name="青禾服务号", kind="service", is_verified=True, original_id="gh_qinghe"
        )
        seal(made, "app_secret", APP_SECRET)
        made.save()
        return made
