"""Readers' comments on articles that went out (fact sheet 5.3)."""

from typing import TYPE_CHECKING, Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.content_state import Comment, Publication
from simulator.errors import Refusal

if TYPE_CHECKING:
    from simulator.world import Account

MAX_COUNT = 49
SETS = (7, 11)


@endpoint("POST", "/cgi-bin/comment/open", need=Need.FANS, permission_sets=SETS)
def open_comments(call: Call) -> dict[str, Any]:
    """Readers may comment."""
    _article(call)["need_open_comment"] = 1
    return OK


@endpoint("POST", "/cgi-bin/comment/close", need=Need.FANS, permission_sets=SETS)
def close_comments(call: Call) -> dict[str, Any]:
    """Readers may no longer comment."""
    _article(call)["need_open_comment"] = 0
    return OK


@endpoint("POST", "/cgi-bin/comment/list", need=Need.FANS, permission_sets=SETS)
def list_comments(call: Call) -> dict[str, Any]:
    """A page: `type` 0 all, 1 normal, 2 elected."""
    _article(call)
    begin, num, kind = (call.body.get(name, 0) for name in ("begin", "count", "type"))
    if not isinstance(num, int) or not 0 < num <= MAX_COUNT or kind not in (0, 1, 2):
        raise Refusal(40035)
    found = [one for one in comments_of(call.account, _key(call)) if kind == 0 or one.is_elected == (kind == 2)]
    return {**OK, "total": len(found), "comment": [_listed(one) for one in found[begin : begin + num]]}


@endpoint("POST", "/cgi-bin/comment/markelect", need=Need.FANS, permission_sets=SETS)
def elect(call: Call) -> dict[str, Any]:
    """Shows a comment among the chosen ones."""
    _comment(call).is_elected = True
    return OK


@endpoint("POST", "/cgi-bin/comment/unmarkelect", need=Need.FANS, permission_sets=SETS)
def unelect(call: Call) -> dict[str, Any]:
    """Takes that back."""
    _comment(call).is_elected = False
    return OK


@endpoint("POST", "/cgi-bin/comment/delete", need=Need.FANS, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Removes a comment."""
    comment = _comment(call)
    call.account.content.comments[_key(call)].remove(comment)
    return OK


@endpoint("POST", "/cgi-bin/comment/reply/add", need=Need.FANS, permission_sets=SETS)
def reply(call: Call) -> dict[str, Any]:
    """Answers a comment."""
    text = call.body.get("content")
    if not isinstance(text, str) or not text:
        raise Refusal(44004)
    comment = _comment(call)
    comment.reply, comment.replied_at = text, int(call.now)
    return OK


@endpoint("POST", "/cgi-bin/comment/reply/delete", need=Need.FANS, permission_sets=SETS)
def delete_reply(call: Call) -> dict[str, Any]:
    """Removes the answer."""
    comment = _comment(call)
    comment.reply, comment.replied_at = "", 0
    return OK


def comments_of(account: "Account", key: str) -> list[Comment]:
    """The comments of article `<msg_data_id>_<index>`, the oldest first."""
    return account.content.comments.get(key, [])


def find_article(publication: Publication | None, index: int) -> dict[str, Any] | None:
    """Article `index` (from 1) unless it is deleted."""
    if publication is None or not 1 <= index <= len(publication.articles):
        return None
    article = publication.articles[index - 1]
    return None if article["is_deleted"] else article


def _key(call: Call) -> str:
    """The API counts articles from 0, the statistics from 1."""
    index = call.body.get("index", 0)
    return f"{call.body.get('msg_data_id')}_{index + 1 if isinstance(index, int) else 0}"


def _article(call: Call) -> dict[str, Any]:
    number, _, index = _key(call).partition("_")
    article = find_article(call.account.content.publications.get(number), int(index))
    if article is None:
        raise Refusal(88000 if number == "None" else 88001)
    return article


def _comment(call: Call) -> Comment:
    _article(call)
    wanted = call.body.get("user_comment_id")
    found = next((one for one in comments_of(call.account, _key(call)) if one.id == wanted), None)
    if found is None:
        raise Refusal(88008)
    return found


def _listed(comment: Comment) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "user_comment_id": comment.id,
        "openid": comment.openid,
        "create_time": comment.at,
        "content": comment.text,
        "comment_type": int(comment.is_elected),
    }
    reply = {"content": comment.reply, "create_time": comment.replied_at}
    return entry | {"reply": reply} if comment.reply else entry
