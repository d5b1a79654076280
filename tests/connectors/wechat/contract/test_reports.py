"""Statistics, links and codes, against the simulated platform: what people did days ago is what the reports say."""

from datetime import datetime, time, timedelta

import pytest

from connectors.wechat import accounts, comments, datacube, drafts, links, mass, materials, statistics
from connectors.wechat import template_library as library
from connectors.wechat.articles import Article
from connectors.wechat.clock import BEIJING, now
from connectors.wechat.datacube import Calendar
from connectors.wechat.errors import Refused
from connectors.wechat.materials import MediaKind
from connectors.wechat.outcomes import Sent
from tests.connectors.wechat.contract.files import JPG

DAY_SECONDS = 86_400
DAYS_AGO = 3  # so that the next day is counted too, whatever the hour is in Beijing


def at(platform, days_ago):
    """Let the platform live some days ago, around noon in Beijing, so that now those days can be asked for."""
    noon = datetime.combine(datacube.last_whole_day(), time(12), BEIJING) + timedelta(days=1 - days_ago)
    platform.clock(to=noon.timestamp())


@pytest.fixture
def day(platform):
    return datacube.last_whole_day() - timedelta(days=DAYS_AGO - 1)


def send_article(account):
    cover = materials.upload_permanent(account.client, MediaKind.IMAGE, JPG).media_id
    draft = drafts.add_draft(account.client, Article("今日推荐", "文", cover))
    outcome = mass.send_to_all(account.client, mass.DraftPayload(draft), "job-1")
    assert isinstance(outcome, Sent)
    account.platform.advance(600)
    return f"{outcome.msg_data_id}_1"


def live(account):
    """Three followers; two read the article, one shares, likes and keeps it; one follower leaves, one writes."""
    readers = [account.add_follower() for _ in range(3)]
    msg_id = send_article(account)
    for openid in readers[:2]:
        account.let("read", openid, msgid=msg_id, seconds=60)
    for kind in ("share", "zaikan", "like", "favorite"):
        account.let("react", readers[0], msgid=msg_id, kind=kind, scene="moments" if kind == "share" else "")
    account.let("send", readers[0], kind="text", Content="好")
    account.let("send", readers[0], kind="text", Content="好")
    account.let("unfollow", readers[2])
    return msg_id


@pytest.fixture
def lived(platform, connect):
    at(platform, DAYS_AGO)
    account = connect()
    msg_id = live(account)
    platform.clock(to=now().timestamp())
    return account, msg_id


def test_what_was_read_shared_and_liked(lived, day):
    account, msg_id = lived
    (read,) = statistics.read_articles(account.client, day).rows
    assert (read.msg_id, read.num_readers) == (msg_id, 2)
    assert {source.scene: source.num_people for source in read.sources} == {"全部": 2, "公众号消息": 2}
    (shared,) = statistics.read_shares(account.client, day).rows
    assert (shared.msg_id, shared.num_sharers) == (msg_id, 1)
    history = statistics.read_article_history(account.client, day)
    assert [row.day for row in history.rows[:2]] == [day, day + timedelta(days=1)]
    first = history.rows[0]
    assert (first.title, first.published_on, first.is_notified) == ("今日推荐", day, True)
    assert (first.num_readers, first.num_sharers, first.num_hearts, first.num_likes, first.num_collectors) == (
        2, 1, 1, 1, 1
    )  # fmt: skip
    assert first.read_minutes == 1.0
    assert history.rows[1].num_readers == 0
    (summary, rest) = statistics.read_account(account.client, day, day + timedelta(days=1))
    assert (summary.rows[0].num_readers, summary.rows[0].num_likes, rest.rows[0].num_readers) == (2, 1, 0)


def test_the_old_reports_say_the_same_until_they_stop(lived, day):
    account, msg_id = lived
    (row,) = statistics.read_articles(account.client, day, legacy=True).rows
    assert (row.msg_id, row.num_readers, row.num_times_read, row.is_legacy) == (msg_id, 2, 2, True)
    history = statistics.read_article_history(account.client, day, legacy=True).rows
    assert [found.day for found in history[:2]] == [day, day + timedelta(days=1)]


def test_followers_messages_and_pushes(lived, day):
    account, _ = lived
    (changes,) = statistics.read_follows(account.client, day - timedelta(days=5), day)
    assert sum(row.num_new for row in changes.rows) == 3
    assert sum(row.num_lost for row in changes.rows) == 1
    (totals,) = statistics.read_follower_totals(account.client, day - timedelta(days=1), day)
    assert [row.num_followers for row in totals.rows] == [0, 2]
    (messages,) = statistics.read_messages(account.client, day, day)
    assert [(row.message_type, row.num_people, row.num_messages) for row in messages.rows] == [(1, 1, 2)]
    (hours,) = statistics.read_messages(account.client, day, day, by_hour=True)
    assert [(row.hour, row.num_messages) for row in hours.rows] == [(12, 2)]
    assert next(statistics.read_pushes(account.client, day, day)).rows == ()


def span_of(report, day):
    if report.calendar == Calendar.WEEK:
        monday = day - timedelta(days=day.weekday() + 7)
        return monday, monday + timedelta(days=6)
    if report.calendar == Calendar.MONTH:
        last = day.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    return day - timedelta(days=report.span_days - 1), day


@pytest.mark.parametrize("name", datacube.REPORTS)
def test_every_report_answers_for_its_longest_span(connect, name):
    report = datacube.REPORTS[name]
    account = connect("miniprogram" if report.is_mini_program else "service")
    answered = datacube.read_report(account.client, name, *span_of(report, datacube.last_reliable_day()))
    assert not answered.is_delayed
    assert "errcode" not in answered.raw


def test_one_day_more_is_refused_by_the_platform_too(service):
    """The client would not ask; the platform agrees with it."""
    last = datacube.last_whole_day()
    body = {"begin_date": (last - timedelta(days=7)).isoformat(), "end_date": last.isoformat()}
    with pytest.raises(Refused) as refused:
        service.client.call("POST", "/datacube/getusersummary", body=body)
    assert refused.value.errcode == 61501


def test_short_keys(service):
    key = links.shorten(service.client, "长" * 1365 + "x", 3600)
    found = links.expand(service.client, key)
    assert found.data == "长" * 1365 + "x"
    assert found.expires_at is not None
    service.platform.advance(3601)
    with pytest.raises(Refused):
        links.expand(service.client, key)


def test_links_into_a_mini_program(mini):
    target = links.Target("pages/a", "c=1")
    url = links.create_url_link(mini.client, target, lives_days=30)
    assert links.read_url_link(mini.client, url)["url_link_info"]["query"] == "c=1"
    scheme = links.create_scheme(mini.client, target)
    assert links.read_scheme(mini.client, scheme)["scheme_info"]["path"] == "pages/a"
    assert links.create_expiring_url_link(mini.client, target, now() + timedelta(days=2)).startswith("https://")
    assert links.create_short_link(mini.client, "pages/a", "题").startswith("#小程序://")


def test_codes_of_a_mini_program(mini):
    found = links.draw_code(mini.client, "s=" + "x" * 30, "pages/a", style=links.CodeStyle(280))
    assert found.content_type.startswith("image/")
    assert links.draw_limited_code(mini.client, "pages/a?b=1").content
    assert links.draw_square_code(mini.client, "pages/a?b=1").content


def test_the_callback_seen_from_outside(service):
    service.platform.set_callback(app_id=service.app_id, url=f"{service.platform.url}/callback", token="abc123")
    found = accounts.check_callback(service.client)
    assert found.lookups
    assert found.pings


def test_comments_under_an_article(service):
    openid = service.add_follower()
    cover = materials.upload_permanent(service.client, MediaKind.IMAGE, JPG).media_id
    draft = drafts.add_draft(service.client, Article("题", "文", cover, can_comment=True))
    msg_data_id = mass.send_to_all(service.client, mass.DraftPayload(draft), "job-1").msg_data_id
    service.platform.advance(600)
    comments.open_comments(service.client, msg_data_id)
    service.let("react", openid, msgid=f"{msg_data_id}_1", kind="comment", text="好文")
    ((found,),) = (page.comments for page in comments.comment_pages(service.client, msg_data_id))
    assert (found.openid, found.content, found.is_elected, found.reply) == (openid, "好文", False, "")
    comments.elect(service.client, msg_data_id, 0, found.comment_id)
    comments.reply(service.client, msg_data_id, 0, found.comment_id, "谢谢")
    (page,) = comments.comment_pages(service.client, msg_data_id, kind=comments.CommentKind.ELECTED)
    assert (page.comments[0].is_elected, page.comments[0].reply) == (True, "谢谢")
    comments.unelect(service.client, msg_data_id, 0, found.comment_id)
    comments.delete_reply(service.client, msg_data_id, 0, found.comment_id)
    comments.delete_comment(service.client, msg_data_id, 0, found.comment_id)
    assert list(comments.comment_pages(service.client, msg_data_id)) == []
    comments.close_comments(service.client, msg_data_id)


def test_the_template_library(mini):
    (category, *_) = library.read_categories(mini.client)
    titles = {title.library_id: title for title in library.read_titles(mini.client, [category.id])}
    assert (titles["1101"].title, titles["1101"].type) == ("课程开课提醒", 2)
    assert [keyword.rule for keyword in library.read_keywords(mini.client, "1101")] == [
        "thing",
        "time",
        "thing",
        "thing",
    ]
