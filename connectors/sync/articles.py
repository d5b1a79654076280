"""Published articles and drafts into the catalog.

Stage: collect. Writes catalog.Item: kind article, `external_id` "<article_id or media_id>:<index from 1>", state
active for published ones and draft for drafts; a deleted article and a draft that is gone are retired. What the brand
added to an item itself (tags, category) stays.
"""

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext_noop as _

from accounts.actors import Actor
from catalog import items
from catalog.models import Item
from connectors.models import ConnectedAccount, SyncRun
from connectors.sync.steps import Step
from connectors.wechat import drafts, publishing
from connectors.wechat.articles import StoredArticle
from connectors.wechat.client import WeChatClient

PUBLISHED, DRAFTS = "published", "drafts"
STAGES = {PUBLISHED: _("Reading published articles"), DRAFTS: _("Reading drafts")}
WECHAT = Actor.system("WeChat")
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


def steps(run: SyncRun, client: WeChatClient) -> Iterator[Step]:
    """Published posts, newest first, then the draft box."""
    phase, offset = run.cursor.get("phase", PUBLISHED), run.cursor.get("offset", 0)
    if phase == PUBLISHED:
        for posts in publishing.published_pages(client, offset):
            write = partial(_keep_posts, run.account, posts.entries)
            cursor = {"phase": PUBLISHED, "offset": posts.next_offset}
            yield Step(write, cursor, posts.next_offset, posts.total, STAGES[PUBLISHED])
        yield Step(dict, {"phase": DRAFTS, "offset": 0}, stage=STAGES[DRAFTS])
        offset = 0
    seen: list[str] = []
    for page in drafts.draft_pages(client, offset):
        seen += [draft.media_id for draft in page.entries]
        write = partial(_keep_drafts, run.account, page.entries)
        cursor = {"phase": DRAFTS, "offset": page.next_offset}
        yield Step(write, cursor, page.next_offset, page.total, STAGES[DRAFTS])
    if offset == 0:  # the whole box was read in this sitting
        yield Step(partial(_retire_drafts, run.account, seen), {"phase": DRAFTS, "offset": 0}, stage=STAGES[DRAFTS])


def _keep_posts(account: ConnectedAccount, posts: Sequence[publishing.PublishedPost]) -> dict[str, int]:
    rows = [
        _item(account, post.article_id, place, article, post.updated_at)
        | {"state": Item.State.RETIRED if article.is_deleted else Item.State.ACTIVE, "url": article.url[:500]}
        for post in posts
        for place, article in enumerate(post.articles, 1)
    ]
    return _write(rows, "articles")


def _keep_drafts(account: ConnectedAccount, found: Sequence[drafts.Draft]) -> dict[str, int]:
    rows = [
        _item(account, draft.media_id, place, article, None) | {"state": Item.State.DRAFT}
        for draft in found
        for place, article in enumerate(draft.articles, 1)
    ]
    return _write(rows, "drafts")


def _write(rows: list[dict[str, Any]], word: str) -> dict[str, int]:
    num_new, num_changed = items.upsert(rows, WECHAT) if rows else (0, 0)
    return {f"new_{word}": num_new, f"known_{word}": num_changed}


def _item(
    account: ConnectedAccount, whole: str, place: int, article: StoredArticle, at: datetime | None
) -> dict[str, Any]:
    attributes = {"account": account.app_id, "digest": article.digest, "thumb_media_id": article.thumb_media_id}
    row: dict[str, Any] = {
        "external_id": f"{whole}:{place}",
        "kind": Item.Kind.ARTICLE,
        "title": article.title[:200],
        "author": article.author[:80],
        "text": plain_text(article.content)[:20_000],
        "attributes": {name: value for name, value in attributes.items() if value},
        "published_at": at,
    }
    if article.thumb_url.startswith("https://"):
        row["picture"] = article.thumb_url[:300]
    return row


def _retire_drafts(account: ConnectedAccount, media_ids: Sequence[str]) -> dict[str, int]:
    kept = Item.objects.filter(state=Item.State.DRAFT, attributes__account=account.app_id, url="")
    gone = [item for item in kept if item.external_id.rpartition(":")[0] not in set(media_ids)]
    for item in gone:
        items.set_state(item, Item.State.RETIRED, WECHAT)
    return {"drafts_gone": len(gone)}


def plain_text(content: str) -> str:
    """The words of an article's HTML, for search and learning."""
    return _BLANKS.sub(" ", html.unescape(_MARKUP.sub(" ", content))).strip()
