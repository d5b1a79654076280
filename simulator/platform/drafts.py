"""The draft box (fact sheet 5.1)."""

import secrets
from typing import TYPE_CHECKING, Any

from simulator.article_rules import check_article, check_articles
from simulator.calls import OK, Call, Need, endpoint
from simulator.content_state import Draft
from simulator.errors import Refusal
from simulator.platform.materials import page_of

if TYPE_CHECKING:
    from simulator.world import Account

SETS = (11, 100)


@endpoint("POST", "/cgi-bin/draft/add", need=Need.FANS, permission_sets=SETS)
def add(call: Call) -> dict[str, Any]:
    """A new draft of 1 to 8 articles."""
    articles = check_articles(call.account.content, call.body.get("articles"))
    draft = Draft(secrets.token_urlsafe(48), articles, call.now)
    call.account.content.drafts[draft.id] = draft
    return {"media_id": draft.id, "item": []}


@endpoint("POST", "/cgi-bin/draft/get", need=Need.FANS, permission_sets=SETS)
def get(call: Call) -> dict[str, Any]:
    """Its articles."""
    draft = find_draft(call.account, call.body.get("media_id"))
    return {
        "news_item": shown(call.account, draft),
        "create_time": int(draft.updated_at),
        "update_time": int(draft.updated_at),
    }


@endpoint("POST", "/cgi-bin/draft/update", need=Need.FANS, permission_sets=SETS)
def update(call: Call) -> dict[str, Any]:
    """Replaces one article; `index` counts from 0."""
    draft = find_draft(call.account, call.body.get("media_id"))
    index = call.body.get("index")
    if not isinstance(index, int) or not 0 <= index < len(draft.articles):
        raise Refusal(40060)
    is_only = len(draft.articles) == 1
    draft.articles[index] = check_article(call.account.content, call.body.get("articles"), is_only=is_only)
    draft.updated_at = call.now
    return OK


@endpoint("POST", "/cgi-bin/draft/delete", need=Need.FANS, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Gone for good."""
    draft = find_draft(call.account, call.body.get("media_id"))
    del call.account.content.drafts[draft.id]
    return OK


@endpoint("GET", "/cgi-bin/draft/count", need=Need.FANS, permission_sets=SETS)
def count(call: Call) -> dict[str, Any]:
    """How many drafts."""
    return {"total_count": len(call.account.content.drafts)}


@endpoint("POST", "/cgi-bin/draft/batchget", need=Need.FANS, permission_sets=SETS)
def list_page(call: Call) -> dict[str, Any]:
    """At most 20, the last changed first."""
    offset, num = page_of(call.body)
    drafts = sorted(call.account.content.drafts.values(), key=lambda one: -one.updated_at)
    without = bool(call.body.get("no_content"))
    items = [_listed(call.account, one, without) for one in drafts[offset : offset + num]]
    return {"total_count": len(drafts), "item_count": len(items), "item": items}


@endpoint("POST", "/cgi-bin/draft/switch", need=Need.FANS, permission_sets=SETS)
def switch(call: Call) -> dict[str, Any]:
    """The draft box is on and stays on."""
    return {**OK, "is_open": 1}


def find_draft(account: "Account", media_id: Any) -> Draft:
    """The draft; 40007 if there is none."""
    draft = account.content.drafts.get(media_id) if isinstance(media_id, str) else None
    if draft is None:
        raise Refusal(40007)
    return draft


def shown(account: "Account", draft: Draft, *, without_content: bool = False) -> list[dict[str, Any]]:
    """Its articles with preview address and cover address."""
    return [
        shown_article(account, one, f"http://mp.weixin.qq.com/s?tempkey={draft.id[:24]}_{index}", without_content)
        for index, one in enumerate(draft.articles, start=1)
    ]


def shown_article(account: "Account", article: dict[str, Any], url: str, without_content: bool) -> dict[str, Any]:
    """One article as reads answer it."""
    cover = account.content.media.get(article["thumb_media_id"])
    entry = article | {"url": url, "thumb_url": cover.url if cover else ""}
    if without_content:
        del entry["content"]
    return entry


def _listed(account: "Account", draft: Draft, without_content: bool) -> dict[str, Any]:
    content = {"news_item": shown(account, draft, without_content=without_content)}
    return {"media_id": draft.id, "content": content, "update_time": int(draft.updated_at)}
