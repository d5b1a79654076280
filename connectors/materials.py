"""The account's permanent library, drafts and published articles, read from WeChat page by page; uploads and deletions.

Nothing of it is kept here: WeChat's list is the list. Writes the audit trail only.
"""

from collections.abc import Iterator
from typing import Any

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import capabilities
from connectors.clients import AccountClient, client_for
from connectors.models import ConnectedAccount
from connectors.problems import explained
from connectors.wechat import drafts, materials, publishing
from connectors.wechat.materials import MaterialCounts, MediaKind, PermanentMedia
from connectors.wechat.paging import PAGE_SIZE, Page

LIMITS = {"image": 100_000, "voice": 1_000, "video": 1_000}
"""How many permanent materials an account may hold (fact sheet 5.3)."""
SHELVES = ("image", "voice", "video", "drafts", "published")


def count(account: ConnectedAccount) -> MaterialCounts:
    """How many materials there are."""
    with explained():
        return materials.count_materials(client_for(account))


def page(account: ConnectedAccount, shelf: str, number: int) -> Page[Any]:
    """Page `number` (from 1, 20 entries) of a shelf, the newest first; an empty page beyond the end."""
    offset = (number - 1) * PAGE_SIZE
    with explained():
        return next(_pages(client_for(account), shelf, offset), Page((), offset, 0))


def _pages(client: AccountClient, shelf: str, offset: int) -> Iterator[Page[Any]]:
    if shelf == "drafts":
        return drafts.draft_pages(client, offset)
    if shelf == "published":
        return publishing.published_pages(client, offset)
    return materials.material_pages(client, shelf, offset)


def upload(
    account: ConnectedAccount, kind: str, content: bytes, *, title: str = "", introduction: str = "", by: Actor
) -> PermanentMedia:
    """Keep a file on WeChat for good. Format, size and length are checked before. Call outside transactions."""
    with explained():
        materials.check_media(MediaKind(kind), content)
        made = materials.upload_permanent(
            _client(account), MediaKind(kind), content, title=title, introduction=introduction
        )
    with tenant_scope(account.brand_id):
        record(by, "upload_material", "account", account.code, kind=kind, size_bytes=len(content), name=title)
    return made


def delete(account: ConnectedAccount, media_id: str, name: str, by: Actor) -> None:
    """Delete a material for good; WeChat refuses one that the menu uses. Call outside transactions."""
    with explained():
        materials.delete_permanent(_client(account), media_id)
    with tenant_scope(account.brand_id):
        record(by, "delete_material", "account", account.code, name=name)


def _client(account: ConnectedAccount) -> AccountClient:
    with tenant_scope(account.brand_id):
        if not capabilities.has(account, "drafts"):
            raise Conflict(
                "WeChat keeps materials for verified public accounts only. Verify %(name)s.", name=account.name
            )
        return client_for(account)
