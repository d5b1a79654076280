"""An account's tags: at most 100, a person wears at most 20; 0, 1 and 2 belong to the system."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.wechat.answers import demand, inner, number, rows, text, texts
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import BadMessage
from connectors.wechat.limits import check_chars
from connectors.wechat.users import Applied, OpenidPage, apply_in_batches, openid_pages

NAME_CHARS = 30
TAGGING_BATCH = 50
SYSTEM_TAG_IDS = frozenset({0, 1, 2})
MAX_TAGS = 100
MAX_TAGS_PER_PERSON = 20


@dataclass(frozen=True)
class Tag:
    """A tag and how many people wear it."""

    id: int
    name: str
    num_people: int = 0

    @property
    def is_system(self) -> bool:
        """Whether it belongs to the platform and cannot be changed."""
        return self.id in SYSTEM_TAG_IDS


def read_tags(client: WeChatClient) -> tuple[Tag, ...]:
    """All tags of the account."""
    answer = client.call("GET", "/cgi-bin/tags/get")
    return tuple(Tag(number(row, "id"), text(row, "name"), number(row, "count")) for row in rows(answer, "tags"))


def create_tag(client: WeChatClient, name: str) -> Tag:
    """Make a tag; the name has 1 to 30 characters and is new (45157)."""
    check_chars("Tag name", name, NAME_CHARS, is_needed=True)
    path = "/cgi-bin/tags/create"
    tag = inner(client.call("POST", path, body={"tag": {"name": name}}), "tag")
    return Tag(int(demand(tag, "id", path)), text(tag, "name"))


def rename_tag(client: WeChatClient, tag_id: int, name: str) -> None:
    """Give a tag another name."""
    check_chars("Tag name", name, NAME_CHARS, is_needed=True)
    _change(client, "/cgi-bin/tags/update", {"id": _own(tag_id), "name": name})


def delete_tag(client: WeChatClient, tag_id: int) -> None:
    """Remove a tag; one worn by more than 100,000 people has to be taken off them first (45057)."""
    _change(client, "/cgi-bin/tags/delete", {"id": _own(tag_id)})


def _change(client: WeChatClient, path: str, tag: dict[str, Any]) -> None:
    client.call("POST", path, body={"tag": tag})


def _own(tag_id: int) -> int:
    if tag_id in SYSTEM_TAG_IDS:
        raise BadMessage("Tag %(tag_id)s belongs to WeChat and cannot be changed. Choose another tag.", tag_id=tag_id)
    return tag_id


def tagged_pages(client: WeChatClient, tag_id: int, next_openid: str = "") -> Iterator[OpenidPage]:
    """Pages of the people who wear a tag."""
    return openid_pages(
        lambda cursor: client.call(
            "POST", "/cgi-bin/user/tag/get", body={"tagid": tag_id, "next_openid": cursor}, idempotent=True
        ),
        next_openid,
    )


def tag_users(client: WeChatClient, tag_id: int, openids: Iterable[str]) -> Applied:
    """Put a tag on people, 50 per call. Repeating it does no harm."""
    return _apply(client, "/cgi-bin/tags/members/batchtagging", tag_id, openids)


def untag_users(client: WeChatClient, tag_id: int, openids: Iterable[str]) -> Applied:
    """Take a tag off people, 50 per call. Repeating it does no harm."""
    return _apply(client, "/cgi-bin/tags/members/batchuntagging", tag_id, openids)


def _apply(client: WeChatClient, path: str, tag_id: int, openids: Iterable[str]) -> Applied:
    def change(batch: Sequence[str]) -> None:
        client.call("POST", path, body={"openid_list": list(batch), "tagid": tag_id}, idempotent=True)

    return apply_in_batches(change, openids, TAGGING_BATCH)


def read_tags_of(client: WeChatClient, openid: str) -> tuple[int, ...]:
    """The ids of the tags a person wears."""
    answer = client.call("POST", "/cgi-bin/tags/getidlist", body={"openid": openid}, idempotent=True)
    return tuple(int(tag_id) for tag_id in texts(answer, "tagid_list"))
