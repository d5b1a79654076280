"""Articles that went out: numbers, addresses, who may still open them."""

from typing import TYPE_CHECKING, Any

from simulator.article_rules import article_url
from simulator.content_state import Draft, Publication

if TYPE_CHECKING:
    from simulator.world import Account, World

NUM_KEPT = 2000


def new_msg_data_id(world: "World") -> int:
    """The number that joins articles to statistics: 2 and nine digits, as the platform's are."""
    return 2_650_000_000 + world.next_id() % 1_000_000_000


def bring_out(
    world: "World", account: "Account", draft: Draft, msg_data_id: int, *, is_notified: bool, article_id: str = ""
) -> Publication:
    """The draft leaves the box and its articles can be read at lasting addresses."""
    articles = [
        one | {"url": article_url(account.original_id, msg_data_id, index), "is_deleted": False}
        for index, one in enumerate(draft.articles, start=1)
    ]
    publication = Publication(msg_data_id, articles, world.now(), is_notified, article_id)
    publications = account.content.publications
    publications[str(msg_data_id)] = publication
    account.content.drafts.pop(draft.id, None)
    while len(publications) > NUM_KEPT:
        del publications[next(iter(publications))]
    return publication


def take_back(publication: Publication, index: int) -> bool:
    """Deletes article `index` (from 1; 0: all); whether there is one."""
    if not 0 <= index <= len(publication.articles):
        return False
    for number, article in enumerate(publication.articles, start=1):
        if index in (0, number):
            article["is_deleted"] = True
    return True


def addresses(publication: Publication) -> list[dict[str, Any]]:
    """Index and address of each article."""
    return [{"idx": number, "article_url": one["url"]} for number, one in enumerate(publication.articles, start=1)]


def find_published(account: "Account", article_id: Any) -> Publication | None:
    """By the article_id of freepublish."""
    found = (one for one in account.content.publications.values() if one.article_id)
    return next((one for one in found if one.article_id == article_id), None)
