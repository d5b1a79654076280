"""Drafts written here: opened, saved without losing what changed on WeChat meanwhile, deleted; articles taken back.

WeChat's draft box is the only copy. It can replace an article but not add, drop or reorder any, so a draft whose number
of articles changes is put in anew and the old one deleted after that. Writes the audit trail and catalog.Item's state.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from catalog import items
from catalog.models import Item
from common.errors import Conflict
from connectors import capabilities
from connectors.clients import AccountClient, client_for
from connectors.models import ConnectedAccount
from connectors.problems import explained
from connectors.wechat import drafts, materials, publishing
from connectors.wechat.articles import Article, Crop, StoredArticle, check_posts
from connectors.wechat.errors import BadMessage

_SEEN = (
    "title", "author", "digest", "content", "source_url", "thumb_media_id", "article_type", "can_comment",
    "is_fans_only", "image_media_ids",
)  # fmt: skip
_CROPS = {"wide_crop": "pic_crop_235_1", "square_crop": "pic_crop_1_1"}


class ChangedMeanwhile(Conflict):
    """Somebody changed or deleted the draft on WeChat after it was opened here; nothing was written."""

    code = "changed_meanwhile"


@dataclass(frozen=True)
class Opened:
    """A draft as it was read; `mark` changes whenever any of its articles does."""

    media_id: str
    articles: tuple[StoredArticle, ...]
    mark: str

    @property
    def is_editable(self) -> bool:
        """Whether every article is of the kind written here; picture posts and goods are written in the console."""
        return all(one.article_type == "news" and not one.raw.get("product_info") for one in self.articles)


def read(account: ConnectedAccount, media_id: str) -> Opened:
    """The draft now. Raises PlatformFailed."""
    with explained():
        return _open(client_for(account), media_id)


def _open(client: AccountClient, media_id: str) -> Opened:
    articles = drafts.read_draft(client, media_id).articles
    facts = [{name: getattr(one, name) for name in _SEEN} for one in articles]
    mark = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Opened(media_id, articles, mark)


def check(articles: tuple[Article, ...]) -> None:
    """Raise PlatformFailed for what WeChat would refuse; costs no call."""
    with explained():
        check_posts(articles)


def create(account: ConnectedAccount, articles: tuple[Article, ...], by: Actor) -> str:
    """Put a new draft into the box; its media_id. Call outside transactions."""
    check(articles)
    client = _client(account)
    with explained():
        media_id = drafts.add_draft(client, *articles)
    _note(account, by, "create_draft", articles[0].title)
    return media_id


def save(
    account: ConnectedAccount, media_id: str, articles: tuple[Article, ...], by: Actor, *, seen: str,
    is_overwriting: bool = False,
) -> str:  # fmt: skip
    """Write the articles; the media_id the draft has now. Call outside transactions.

    Raises ChangedMeanwhile unless the draft is as it was `seen` (or `is_overwriting`). WeChat has no conditional
    write: a change within the moment between look and write is not noticed.
    """
    check(articles)
    client = _client(account)
    with explained():
        now = _open(client, media_id)
        if now.mark != seen and not is_overwriting:
            raise ChangedMeanwhile(
                "The draft was changed on WeChat after you opened it. Load it again, or save over the other change."
            )
        media_id = _write(client, now, articles)
    _note(account, by, "save_draft", articles[0].title)
    return media_id


def _write(client: AccountClient, now: Opened, articles: tuple[Article, ...]) -> str:
    if len(now.articles) != len(articles):
        media_id = drafts.add_draft(client, *articles)
        drafts.delete_draft(client, now.media_id)
        return media_id
    for index, (old, new) in enumerate(zip(now.articles, articles, strict=True)):
        if written(old) != new:
            drafts.replace_article(client, now.media_id, index, new)
    return now.media_id


def written(stored: StoredArticle) -> Article:
    """A stored article as it would be written again."""
    crops: dict[str, Any] = {ours: _crop(stored.raw.get(theirs)) for ours, theirs in _CROPS.items()}
    names = ("title", "content", "thumb_media_id", "author", "digest", "source_url", "can_comment", "is_fans_only")
    return Article(**{name: getattr(stored, name) for name in names}, **crops)


def _crop(text: Any) -> Crop | None:
    try:
        left, top, right, bottom = (float(edge) for edge in str(text or "").split("_"))
    except ValueError:
        return None
    return Crop(left, top, right, bottom)


def delete(account: ConnectedAccount, media_id: str, title: str, by: Actor) -> None:
    """Delete a draft for good. Call outside transactions."""
    client = _client(account)
    with explained():
        drafts.delete_draft(client, media_id)
    _note(account, by, "delete_draft", title)


def upload_picture(account: ConnectedAccount, content: bytes) -> str:
    """The address, on WeChat, of a picture for bodies of articles: JPG or PNG, at most 1 MB."""
    client = _client(account)
    with explained():
        return materials.upload_article_image(client, content)


def take_back(account: ConnectedAccount, article_id: str, index: int, title: str, by: Actor) -> None:
    """Delete a published article (`index` from 1) or a whole post (0) for good; the catalog's items are retired.

    Call outside transactions.
    """
    client = _client(account)
    with explained():
        if not article_id:
            raise BadMessage("The article has no id. Load the page again.")
        publishing.unpublish(client, article_id, index)
    with tenant_scope(account.brand_id):
        found = Item.objects.filter(external_id__startswith=f"{article_id}:").exclude(state=Item.State.RETIRED)
        for item in found if index == 0 else found.filter(external_id=f"{article_id}:{index}"):
            items.set_state(item, Item.State.RETIRED, by)
        record(by, "unpublish_article", "account", account.code, name=title[:200])


def _note(account: ConnectedAccount, by: Actor, verb: str, title: str) -> None:
    with tenant_scope(account.brand_id):
        record(by, verb, "account", account.code, name=title[:200])


def _client(account: ConnectedAccount) -> AccountClient:
    with tenant_scope(account.brand_id):
        if not capabilities.has(account, "drafts"):
            raise Conflict("WeChat keeps drafts for verified public accounts only. Verify %(name)s.", name=account.name)
        return client_for(account)
