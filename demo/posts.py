"""What the demo brand publishes in WeChat: articles of its own catalog, each with a tracked link to what it is about.

Stage: collect. Reads catalog items; writes tracked links, and drafts, publications and broadcasts on the platform.
"""

import io
from dataclasses import dataclass
from uuid import uuid4

from PIL import Image, ImageDraw

from accounts.actors import Actor
from accounts.tenancy import tenant_scope
from catalog.models import Item
from connectors.models import ConnectedAccount
from connectors.tracking import links
from connectors.wechat import drafts, mass, materials, publishing
from connectors.wechat.articles import DIGEST_CHARS, TITLE_CHARS, Article
from connectors.wechat.client import WeChatClient
from connectors.wechat.outcomes import Sent
from demo.content import BRAND_NAME, BRAND_URL, load_books

NUM_BROADCAST = 2
"""Of each batch so many articles are sent to everybody; the others are published only."""


@dataclass(frozen=True)
class Text:
    """An article before it has a cover on the platform."""

    title: str
    digest: str
    content: str
    source_url: str
    colours: tuple[str, str]


def batches(account: ConnectedAccount, site: str, by: Actor, num: int) -> list[list[Text]]:
    """One article per category of the catalog, dealt into `num` batches."""
    with tenant_scope(account.brand_id):
        texts = [text for book in load_books() if (text := _text(book["name"], book["palette"], site, by))]
    return [texts[place::num] for place in range(num)]


def _text(category: str, palette: list[str], site: str, by: Actor) -> Text | None:
    """A column about the newest articles of a category; None where the brand has none."""
    found = Item.objects.filter(kind=Item.Kind.ARTICLE, category=category, state=Item.State.ACTIVE)
    items = list(found.order_by("-published_at", "pk")[:3])
    if not items:
        return None
    first = items[0]
    target = first.url or f"{BRAND_URL}/{first.external_id}"
    link = links.create(f"专栏：{first.title}"[:80], target, by, item=first, campaign="专栏", channel="公众号")
    content = "".join(f"<h2>{item.title}</h2><p>{item.text}</p>" for item in items)
    title = f"{category}专栏｜{first.title}"[:TITLE_CHARS]
    return Text(title, first.text[:DIGEST_CHARS], content, f"{site}/t/{link.code}/", (palette[0], palette[2]))


def send(client: WeChatClient, texts: list[Text]) -> None:
    """Broadcast the first articles to all followers and publish the others; a refused broadcast is published too."""
    articles = [_article(client, text) for text in texts]
    head, rest = articles[:NUM_BROADCAST], articles[NUM_BROADCAST:]
    if head:
        media_id = drafts.add_draft(client, *head)
        outcome = mass.send_to_all(client, mass.DraftPayload(media_id), uuid4().hex)
        if not isinstance(outcome, Sent):
            publishing.publish(client, media_id)
    if rest:
        publishing.publish(client, drafts.add_draft(client, *rest))


def _article(client: WeChatClient, text: Text) -> Article:
    cover = materials.upload_permanent(client, materials.MediaKind.IMAGE, _cover(*text.colours))
    return Article(
        title=text.title, digest=text.digest, content=text.content, source_url=text.source_url, author=BRAND_NAME,
        thumb_media_id=cover.media_id, can_comment=True,
    )  # fmt: skip


def _cover(ground: str, figure: str) -> bytes:
    """A plain cover in two colours, as PNG."""
    picture = Image.new("RGB", (900, 383), ground)
    drawing = ImageDraw.Draw(picture)
    drawing.ellipse((560, -60, 980, 360), fill=figure)
    drawing.rectangle((60, 300, 320, 312), fill=figure)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
