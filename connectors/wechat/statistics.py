"""Typed rows of the platform's reports on followers, articles, messages and pushes (datacube.py asks for them).

Stage: collect. Reads from: the platform's datacube. Writes to: nothing; the caller stores rows as platform totals.
None stands for a number the platform did not give: unknown is not zero. Shares and rates are kept as it writes them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from connectors.wechat.answers import Answer, inner, maybe_number, number, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.datacube import Answered, read_days, read_report
from connectors.wechat.errors import TransportFailed

Row = TypeVar("Row")

# Where new followers came from (getusersummary); 51, payment, was merged into 0 in June 2023.
FOLLOW_SOURCES = {
    0: "other", 1: "search", 17: "card", 30: "qr_code", 57: "account_name_in_article", 100: "advertisement",
    149: "mini_program", 161: "reprint", 200: "channels", 201: "live",
}  # fmt: skip
# Where reads came from (getuserread, legacy).
READ_SOURCES = {
    99999999: "all", 0: "session", 1: "friends", 2: "moments", 4: "history", 5: "other", 6: "top_stories", 7: "search",
}  # fmt: skip
SHARE_SCENES = {1: "friend", 2: "moments", 3: "weibo", 255: "other"}
MESSAGE_TYPES = {1: "text", 2: "image", 3: "voice", 4: "video", 6: "other"}


@dataclass(frozen=True)
class SourceCount:
    """People who came by one way; `scene` is the platform's Chinese text ("全部" is all of them)."""

    scene: str
    num_people: int


@dataclass(frozen=True)
class ArticleDay:
    """One article on one day: people, not times. `msg_id` is "<msg_data_id>_<index from 1>"."""

    day: date
    msg_id: str
    title: str = ""
    url: str = ""
    published_on: date | None = None
    is_notified: bool | None = None
    num_readers: int | None = None
    num_sharers: int | None = None
    num_hearts: int | None = None
    num_likes: int | None = None
    num_comments: int | None = None
    num_collectors: int | None = None
    praise_fen: int | None = None
    num_follower_readers: int | None = None
    delivery_rate: float | None = None
    finish_rate: float | None = None
    read_minutes: float | None = None
    sources: tuple[SourceCount, ...] = ()
    jumps: tuple[tuple[float, float], ...] = ()
    """Where readers left: (position, rate)."""
    num_times_read: int | None = None
    """Times, not people: only the legacy reports have it."""
    is_legacy: bool = False
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class AccountDay:
    """All articles of an account on one day."""

    day: date
    num_readers: int | None
    num_sharers: int | None
    num_hearts: int | None
    num_likes: int | None
    num_comments: int | None
    num_collectors: int | None
    num_source_clickers: int | None
    num_sent_pages: int | None
    sources: tuple[SourceCount, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class FollowDay:
    """New and lost followers of one day by how they came; a day has several rows."""

    day: date
    source: int
    num_new: int
    num_lost: int

    @property
    def source_name(self) -> str:
        """The way by name; "other" for a number the documentation does not know."""
        return FOLLOW_SOURCES.get(self.source, "other")


@dataclass(frozen=True)
class FollowerTotal:
    """How many followers there were at the end of a day."""

    day: date
    num_followers: int


@dataclass(frozen=True)
class MessageDay:
    """People who wrote, and their messages of one type."""

    day: date
    message_type: int
    num_people: int
    num_messages: int
    hour: int | None = None


@dataclass(frozen=True)
class PushDay:
    """Pushes of a day: how many, how many failed, and how long our answers took."""

    day: date
    num_pushes: int
    num_failed: int
    total_milliseconds: int
    most_milliseconds: int


@dataclass(frozen=True)
class Days(Generic[Row]):
    """Typed rows of one call; `is_delayed`: ask again later, the numbers are not final."""

    rows: tuple[Row, ...]
    is_delayed: bool
    answered: Answered


def read_articles(client: WeChatClient, day: date, *, legacy: bool = False) -> Days[ArticleDay]:
    """Readers of each article on a day; `legacy` asks the report that Tencent no longer maintains."""
    if legacy:
        return _days(read_report(client, "getarticlesummary", day), lambda row: [_legacy_day(row, row)])
    return _days(read_report(client, "getarticleread", day), lambda row: [_article_day(row, inner(row, "detail"))])


def read_shares(client: WeChatClient, day: date) -> Days[ArticleDay]:
    """People who shared each article on a day."""
    return _days(read_report(client, "getarticleshare", day), lambda row: [_article_day(row, inner(row, "detail"))])


def read_article_history(client: WeChatClient, published_on: date, *, legacy: bool = False) -> Days[ArticleDay]:
    """Each day so far (30 at most, legacy 7) of the articles published on a day."""
    if legacy:
        return _days(
            read_report(client, "getarticletotal", published_on),
            lambda row: [_legacy_day(row, detail) for detail in rows(row, "details")],
        )
    return _days(
        read_report(client, "getarticletotaldetail", published_on),
        lambda row: [_article_day(row, detail) for detail in rows(row, "detail_list")],
    )


def read_account(client: WeChatClient, first_day: date, last_day: date) -> Iterator[Days[AccountDay]]:
    """All articles together, day by day; one call per page."""
    for answered in read_days(client, "getbizsummary", first_day, last_day):
        yield _days(answered, lambda row: [_account_day(row, inner(row, "detail"))])


def read_follows(client: WeChatClient, first_day: date, last_day: date) -> Iterator[Days[FollowDay]]:
    """New and lost followers by day and way; seven days a call."""
    for answered in read_days(client, "getusersummary", first_day, last_day):
        yield _days(
            answered,
            lambda row: [
                FollowDay(
                    _day(row, "ref_date"),
                    number(row, "user_source"),
                    number(row, "new_user"),
                    number(row, "cancel_user"),
                )
            ],
        )


def read_follower_totals(client: WeChatClient, first_day: date, last_day: date) -> Iterator[Days[FollowerTotal]]:
    """Followers at the end of each day; seven days a call."""
    for answered in read_days(client, "getusercumulate", first_day, last_day):
        yield _days(answered, lambda row: [FollowerTotal(_day(row, "ref_date"), number(row, "cumulate_user"))])


def read_messages(
    client: WeChatClient, first_day: date, last_day: date, *, by_hour: bool = False
) -> Iterator[Days[MessageDay]]:
    """Messages people wrote, by day (seven a call) or hour (one day a call) and type."""
    name = "getupstreammsghour" if by_hour else "getupstreammsg"
    for answered in read_days(client, name, first_day, last_day):
        yield _days(answered, lambda row: [_message_day(row)])


def read_pushes(client: WeChatClient, first_day: date, last_day: date) -> Iterator[Days[PushDay]]:
    """How the platform saw our callback, by day; thirty a call."""
    for answered in read_days(client, "getinterfacesummary", first_day, last_day):
        yield _days(
            answered,
            lambda row: [
                PushDay(
                    _day(row, "ref_date"), number(row, "callback_count"), number(row, "fail_count"),
                    number(row, "total_time_cost"), number(row, "max_time_cost"),
                )
            ],
        )  # fmt: skip


def _days(answered: Answered, typed: Callable[[dict[str, Any]], list[Row]]) -> Days[Row]:
    found = tuple(entry for row in answered.rows for entry in typed(row))
    return Days(found, answered.is_delayed, answered)


def _day(row: Answer, field_name: str) -> date:
    """A day written as 2026-11-23 or 20261123. Raises TransportFailed for anything else."""
    try:
        return date.fromisoformat(text(row, field_name))
    except ValueError:
        raise TransportFailed(
            "WeChat's answer to %(path)s lacks %(field)s. Try again later.",
            may_have_arrived=True, path="/datacube", field=field_name,
        ) from None  # fmt: skip


def _message_day(row: Answer) -> MessageDay:
    hour = maybe_number(row, "ref_hour")
    return MessageDay(
        _day(row, "ref_date"), number(row, "msg_type"), number(row, "msg_user"), number(row, "msg_count"),
        None if hour is None else hour // 100,
    )  # fmt: skip


def _article_day(row: dict[str, Any], detail: dict[str, Any]) -> ArticleDay:
    """A row of the reports since 2025; in a history `ref_date` is the day of publishing, `stat_date` the day itself."""
    is_history = "stat_date" in detail
    published = maybe_number(row, "publish_type")
    return ArticleDay(
        day=_day(detail, "stat_date") if is_history else _day(row, "ref_date"),
        msg_id=text(row, "msgid"),
        title=text(row, "title"),
        url=text(row, "content_url"),
        published_on=_day(row, "ref_date") if is_history else None,
        is_notified=None if published is None else published == 0,
        num_readers=maybe_number(detail, "read_user"),
        num_sharers=maybe_number(detail, "share_user"),
        num_hearts=maybe_number(detail, "zaikan_user"),
        num_likes=maybe_number(detail, "like_user"),
        num_comments=maybe_number(detail, "comment_count"),
        num_collectors=maybe_number(detail, "collection_user"),
        praise_fen=maybe_number(detail, "praise_money"),
        num_follower_readers=maybe_number(detail, "read_subscribe_user"),
        delivery_rate=_fraction(detail, "read_delivery_rate"),
        finish_rate=_fraction(detail, "read_finish_rate"),
        read_minutes=_fraction(detail, "read_avg_activetime"),
        sources=_sources(detail),
        jumps=tuple(
            (_fraction(jump, "position") or 0.0, _fraction(jump, "rate") or 0.0)
            for jump in rows(detail, "read_jump_position")
        ),
        raw={**row, "detail_list": [detail]} if is_history else row,
    )


def _legacy_day(row: dict[str, Any], detail: dict[str, Any]) -> ArticleDay:
    """A row of the old reports."""
    is_history = "stat_date" in detail
    return ArticleDay(
        day=_day(detail, "stat_date" if is_history else "ref_date"),
        msg_id=text(row, "msgid"),
        title=text(row, "title"),
        published_on=_day(row, "ref_date") if is_history else None,
        num_readers=maybe_number(detail, "int_page_read_user"),
        num_times_read=maybe_number(detail, "int_page_read_count"),
        num_sharers=maybe_number(detail, "share_user"),
        num_collectors=maybe_number(detail, "add_to_fav_user"),
        is_legacy=True,
        raw={**row, "details": [detail]} if is_history else row,
    )


def _account_day(row: dict[str, Any], detail: dict[str, Any]) -> AccountDay:
    return AccountDay(
        day=_day(row, "ref_date"),
        num_readers=maybe_number(detail, "read_user"),
        num_sharers=maybe_number(detail, "share_user"),
        num_hearts=maybe_number(detail, "zaikan_user"),
        num_likes=maybe_number(detail, "like_user"),
        num_comments=maybe_number(detail, "comment_count"),
        num_collectors=maybe_number(detail, "collection_user"),
        num_source_clickers=maybe_number(detail, "redirect_ori_page_user"),
        num_sent_pages=maybe_number(detail, "send_page_count"),
        sources=_sources(detail),
        raw=row,
    )


def _sources(detail: dict[str, Any]) -> tuple[SourceCount, ...]:
    return tuple(
        SourceCount(text(row, "scene_desc"), number(row, "user_count")) for row in rows(detail, "read_user_source")
    )


def _fraction(row: Answer, field_name: str) -> float | None:
    try:
        return float(row[field_name])
    except (KeyError, TypeError, ValueError):
        return None
