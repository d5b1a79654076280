"""Follower tags: 100 per account, 20 per follower, batches of 50 (fact sheet 3)."""

from itertools import islice
from typing import Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.errors import Refusal
from simulator.platform.users import PAGE_SIZE, named_users, openid_page, stored_openids
from simulator.world import Tag

SYSTEM_TAGS = (0, 1, 2)
MAX_TAGS = 100
MAX_NAME = 30
MAX_BATCH = 50
MAX_TAGS_OF_USER = 20
MAX_DELETABLE = 100_000
RULES: dict[str, Any] = {"need": Need.FANS, "permission_sets": (2, 100)}


@endpoint("POST", "/cgi-bin/tags/create", **RULES)
def create_tag(call: Call) -> dict[str, Any]:
    """A new tag with a number of its own."""
    account, name = call.account, _checked_name(call)
    if sum(tag.id not in SYSTEM_TAGS for tag in account.tags.values()) >= MAX_TAGS:
        raise Refusal(45056)
    tag = Tag(account.next_tag_id, name)
    account.tags[str(tag.id)] = tag
    account.next_tag_id += 1
    return {"tag": {"id": tag.id, "name": tag.name}}


@endpoint("GET", "/cgi-bin/tags/get", **RULES)
def list_tags(call: Call) -> dict[str, Any]:
    """All tags with their sizes."""
    return {"tags": [{"id": tag.id, "name": tag.name, "count": tag.count} for tag in call.account.tags.values()]}


@endpoint("POST", "/cgi-bin/tags/update", **RULES)
def rename_tag(call: Call) -> dict[str, Any]:
    """Renames a tag of one's own."""
    tag = _own_tag(call)
    tag.name = _checked_name(call, tag)
    return OK


@endpoint("POST", "/cgi-bin/tags/delete", **RULES)
def delete_tag(call: Call) -> dict[str, Any]:
    """Deletes a tag and takes it from everybody, unless too many have it."""
    tag = _own_tag(call)
    if tag.count > MAX_DELETABLE:
        raise Refusal(45057)
    for user in call.account.users.values():
        if tag.id in user.tag_ids:
            user.tag_ids.remove(tag.id)
    del call.account.tags[str(tag.id)]
    return OK


@endpoint("POST", "/cgi-bin/user/tag/get", **RULES)
def list_tagged(call: Call) -> dict[str, Any]:
    """One page of a tag's followers after `next_openid`."""
    tag, after = _tag(call, call.body.get("tagid")), str(call.body.get("next_openid") or "")
    return openid_page(
        list(islice(stored_openids(call.account, after, lambda user: tag.id in user.tag_ids), PAGE_SIZE))
    )


@endpoint("POST", "/cgi-bin/tags/members/batchtagging", **RULES)
def tag_users(call: Call) -> dict[str, Any]:
    """Tags up to 50 followers: all of them or none."""
    tag, users = _tag(call, call.body.get("tagid")), named_users(call, MAX_BATCH)
    fresh = [user for user in users if tag.id not in user.tag_ids]
    if not all(user.is_following for user in users):
        raise Refusal(40003)
    if any(len(user.tag_ids) >= MAX_TAGS_OF_USER for user in fresh):
        raise Refusal(45059)
    for user in fresh:
        user.tag_ids.append(tag.id)
    tag.count += len(fresh)
    return OK


@endpoint("POST", "/cgi-bin/tags/members/batchuntagging", **RULES)
def untag_users(call: Call) -> dict[str, Any]:
    """Takes the tag from up to 50."""
    tag, users = _tag(call, call.body.get("tagid")), named_users(call, MAX_BATCH)
    tagged = [user for user in users if tag.id in user.tag_ids]
    for user in tagged:
        user.tag_ids.remove(tag.id)
    tag.count -= len(tagged)
    return OK


@endpoint("POST", "/cgi-bin/tags/getidlist", **RULES)
def list_tags_of_user(call: Call) -> dict[str, Any]:
    """The tags of one follower."""
    return {"tagid_list": list(call.user(call.body.get("openid")).tag_ids)}


def _tag(call: Call, tag_id: Any) -> Tag:
    tag = call.account.tags.get(str(tag_id))
    if tag is None:
        raise Refusal(45159)
    return tag


def _fields(call: Call) -> dict[str, Any]:
    fields = call.body.get("tag")
    if not isinstance(fields, dict):
        raise Refusal(40035, "tag")
    return fields


def _own_tag(call: Call) -> Tag:
    tag_id = _fields(call).get("id")
    if tag_id in SYSTEM_TAGS:
        raise Refusal(45058)
    return _tag(call, tag_id)


def _checked_name(call: Call, renamed: Tag | None = None) -> str:
    name = _fields(call).get("name")
    if not isinstance(name, str) or not name.strip():
        raise Refusal(45157)
    if len(name) > MAX_NAME:
        raise Refusal(45158)
    if any(tag.name == name for tag in call.account.tags.values() if tag is not renamed):
        raise Refusal(45157)
    return name
