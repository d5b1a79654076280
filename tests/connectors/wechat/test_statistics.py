"""Reports: exact days and bodies, spans, typed rows of the new and the old articles reports."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from connectors.wechat import datacube, statistics
from connectors.wechat.errors import BadMessage, Refused, TransportFailed

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(NOW, tick=True):
        yield


SOURCES = [{"scene_desc": "全部", "user_count": 120}, {"scene_desc": "朋友圈", "user_count": 20}]
READ = {"ref_date": "2026-11-23", "msgid": "2247483647_1", "detail": {"read_user": 120, "read_user_source": SOURCES}}


def test_readers_of_a_day(client, listener):
    listener.answer("/datacube/getarticleread", {"list": [READ], "is_delay": False})
    found = statistics.read_articles(client, DAY)
    assert not found.is_delayed
    assert found.rows == (
        statistics.ArticleDay(
            DAY, "2247483647_1", num_readers=120,
            sources=(statistics.SourceCount("全部", 120), statistics.SourceCount("朋友圈", 20)),
        ),
    )  # fmt: skip
    assert found.rows[0].raw == READ
    assert listener.last.body == {"begin_date": "2026-11-23", "end_date": "2026-11-23"}


def test_numbers_that_are_late(client, listener):
    listener.answer("/datacube/getarticleread", {"list": [], "is_delay": True})
    found = statistics.read_articles(client, DAY)
    assert (found.rows, found.is_delayed) == ((), True)


def test_sharers_of_a_day(client, listener):
    row = {"ref_date": "2026-11-23", "msgid": "1_1", "detail": {"share_user": 7}}
    listener.answer("/datacube/getarticleshare", {"list": [row], "is_delay": False})
    assert statistics.read_shares(client, DAY).rows[0].num_sharers == 7


DETAIL = {
    "stat_date": "2026-11-23", "read_user": 100, "read_user_source": SOURCES, "share_user": 9, "zaikan_user": 8,
    "like_user": 7, "comment_count": 6, "collection_user": 5, "praise_money": 400, "read_subscribe_user": 90,
    "read_delivery_rate": 0.12, "read_finish_rate": "0.5", "read_avg_activetime": 1.5,
    "read_jump_position": [{"position": 0.25, "rate": 0.4}],
}  # fmt: skip


def test_the_history_of_an_article(client, listener):
    listener.answer("/datacube/getarticletotaldetail", {"is_delay": False, "list": [{
        "ref_date": "2026-11-20", "msgid": "2247483647_1", "publish_type": 0, "title": "题", "content_url": "u",
        "detail_list": [DETAIL | {"stat_date": "2026-11-22"}, DETAIL],
    }]})  # fmt: skip
    found = statistics.read_article_history(client, date(2026, 11, 20)).rows
    assert [row.day for row in found] == [date(2026, 11, 22), DAY]
    last = found[1]
    assert (last.published_on, last.is_notified, last.title, last.url) == (date(2026, 11, 20), True, "题", "u")
    counts = (
        last.num_readers,
        last.num_sharers,
        last.num_hearts,
        last.num_likes,
        last.num_comments,
        last.num_collectors,
    )
    assert counts == (100, 9, 8, 7, 6, 5)
    assert (last.praise_fen, last.num_follower_readers) == (400, 90)
    assert (last.delivery_rate, last.finish_rate, last.read_minutes) == (0.12, 0.5, 1.5)
    assert last.jumps == ((0.25, 0.4),)


def test_what_the_platform_did_not_say_is_unknown(client, listener):
    listener.answer("/datacube/getarticleread", {"list": [{"ref_date": "2026-11-23", "msgid": "1_1", "detail": {}}]})
    row = statistics.read_articles(client, DAY).rows[0]
    assert (row.num_readers, row.num_sharers, row.is_notified, row.sources) == (None, None, None, ())


def test_the_old_reports(client, listener):
    listener.answer("/datacube/getarticlesummary", {"list": [{
        "ref_date": "2026-11-23", "msgid": "1_1", "title": "题", "int_page_read_user": 10, "int_page_read_count": 15,
        "share_user": 2, "share_count": 3, "add_to_fav_user": 1, "add_to_fav_count": 1,
    }]})  # fmt: skip
    row = statistics.read_articles(client, DAY, legacy=True).rows[0]
    assert (row.num_readers, row.num_times_read, row.num_sharers, row.num_collectors) == (10, 15, 2, 1)
    assert row.is_legacy
    listener.answer("/datacube/getarticletotal", {"list": [{
        "ref_date": "2026-11-20", "msgid": "1_1", "title": "题",
        "details": [{"stat_date": "2026-11-21", "target_user": 99, "int_page_read_user": 10}],
    }]})  # fmt: skip
    row = statistics.read_article_history(client, date(2026, 11, 20), legacy=True).rows[0]
    assert (row.day, row.published_on, row.num_readers) == (date(2026, 11, 21), date(2026, 11, 20), 10)


def test_the_account_day_by_day(client, listener):
    def answer(asked):
        detail = {"read_user": 50, "zaikan_user": 3, "like_user": 2, "redirect_ori_page_user": 1, "send_page_count": 4}
        return {"list": [{"ref_date": asked.body["begin_date"], "detail": detail}], "is_delay": False}

    listener.answer("/datacube/getbizsummary", answer)
    found = list(statistics.read_account(client, date(2026, 11, 22), DAY))
    assert [days.rows[0].day for days in found] == [date(2026, 11, 22), DAY]
    row = found[0].rows[0]
    assert (row.num_readers, row.num_hearts, row.num_source_clickers, row.num_sent_pages) == (50, 3, 1, 4)


def test_follows_are_read_seven_days_a_call(client, listener):
    listener.answer("/datacube/getusersummary", {"list": [
        {"ref_date": "2026-11-20", "user_source": 30, "new_user": 5, "cancel_user": 1},
        {"ref_date": "2026-11-20", "user_source": 12345, "new_user": 2, "cancel_user": 0},
    ]})  # fmt: skip
    found = list(statistics.read_follows(client, date(2026, 11, 9), DAY))
    assert [(asked.body["begin_date"], asked.body["end_date"]) for asked in listener.asked] == [
        ("2026-11-09", "2026-11-15"), ("2026-11-16", "2026-11-22"), ("2026-11-23", "2026-11-23")
    ]  # fmt: skip
    rows = found[0].rows
    assert rows[0] == statistics.FollowDay(date(2026, 11, 20), 30, 5, 1)
    assert [row.source_name for row in rows] == ["qr_code", "other"]


def test_totals_messages_and_pushes(client, listener):
    listener.answer("/datacube/getusercumulate", {"list": [{"ref_date": "2026-11-23", "cumulate_user": 1217056}]})
    found = next(statistics.read_follower_totals(client, DAY, DAY))
    assert found.rows == (statistics.FollowerTotal(DAY, 1_217_056),)
    row = {"ref_date": "2026-11-23", "msg_type": 1, "msg_user": 3, "msg_count": 9}
    listener.answer("/datacube/getupstreammsg", {"list": [row]})
    assert next(statistics.read_messages(client, DAY, DAY)).rows == (statistics.MessageDay(DAY, 1, 3, 9),)
    listener.answer("/datacube/getupstreammsghour", {"list": [row | {"ref_hour": 2300}]})
    assert next(statistics.read_messages(client, DAY, DAY, by_hour=True)).rows[0].hour == 23
    times = {"total_time_cost": 5000, "max_time_cost": 900}
    row = {"ref_date": "2026-11-23", "callback_count": 100, "fail_count": 1, **times}
    listener.answer("/datacube/getinterfacesummary", {"list": [row]})
    assert next(statistics.read_pushes(client, DAY, DAY)).rows == (statistics.PushDay(DAY, 100, 1, 5000, 900),)


def test_an_unreadable_day_is_no_answer(client, listener):
    listener.answer("/datacube/getusercumulate", {"list": [{"ref_date": "soon", "cumulate_user": 1}]})
    with pytest.raises(TransportFailed):
        next(statistics.read_follower_totals(client, DAY, DAY))


def test_mini_programs_write_their_days_otherwise(client, listener):
    path = "/datacube/getweanalysisappiddailyvisittrend"
    listener.answer(path, {"list": [{"ref_date": "20261123", "visit_pv": 7}]})
    found = datacube.read_report(client, "getweanalysisappiddailyvisittrend", DAY)
    assert listener.last.body == {"begin_date": "20261123", "end_date": "20261123"}
    assert found.rows == ({"ref_date": "20261123", "visit_pv": 7},)


@pytest.mark.parametrize("name", ["getweanalysisappidvisitpage", "getweanalysisappiddailyretaininfo"])
def test_an_object_with_a_date_is_one_row(client, listener, name):
    answer = {"ref_date": "20261123", "list": [{"page_path": "a"}], "visit_uv": [{"key": 0, "value": 5}]}
    listener.answer(f"/datacube/{name}", answer)
    assert datacube.read_report(client, name, DAY).rows == (answer,)


@pytest.mark.parametrize(("name", "first", "last"), [
    ("getarticleread", date(2026, 11, 22), DAY),
    ("getarticleread", date(2025, 10, 31), date(2025, 10, 31)),
    ("getusersummary", date(2026, 11, 16), DAY),
    ("getuserread", date(2026, 11, 20), DAY),
    ("getusercumulate", date(2026, 11, 24), date(2026, 11, 24)),
    ("getusercumulate", DAY, date(2026, 11, 22)),
    ("getusercumulate", date(2014, 11, 30), date(2014, 11, 30)),
    ("getweanalysisappidweeklyvisittrend", date(2026, 11, 17), DAY),
    ("getweanalysisappidweeklyvisittrend", date(2026, 11, 16), date(2026, 11, 21)),
    ("getweanalysisappidmonthlyvisittrend", date(2026, 10, 1), date(2026, 10, 30)),
    ("getweanalysisappiduserportrait", date(2026, 11, 22), DAY),
])  # fmt: skip
def test_days_the_platform_would_refuse_are_not_asked_for(client, listener, name, first, last):
    with pytest.raises(BadMessage):
        datacube.read_report(client, name, first, last)
    assert listener.asked == []


@pytest.mark.parametrize(("name", "first", "last"), [
    ("getusersummary", date(2026, 11, 17), DAY),
    ("getupstreammsgdist", date(2026, 11, 9), DAY),
    ("getinterfacesummary", date(2026, 10, 25), DAY),
    ("getarticleread", date(2025, 11, 1), date(2025, 11, 1)),
    ("getweanalysisappidweeklyvisittrend", date(2026, 11, 16), date(2026, 11, 22)),
    ("getweanalysisappidmonthlyvisittrend", date(2026, 10, 1), date(2026, 10, 31)),
    ("getweanalysisappidmonthlyvisittrend", date(2026, 2, 1), date(2026, 2, 28)),
    ("getweanalysisappiduserportrait", date(2026, 11, 17), DAY),
])  # fmt: skip
def test_spans_at_their_limit(client, listener, name, first, last):
    listener.answer(f"/datacube/{name}", {"list": []})
    assert datacube.read_report(client, name, first, last).rows == ()


def test_today_is_beijings():
    with time_machine.travel(datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC), tick=False):
        assert datacube.last_whole_day() == date(2026, 11, 22)
    with time_machine.travel(datetime(2026, 11, 23, 16, tzinfo=UTC), tick=False):
        assert datacube.last_whole_day() == DAY


def test_yesterday_is_final_from_eight_in_the_morning():
    morning = datetime(2026, 11, 24, 0, tzinfo=UTC)  # 08:00 in Beijing
    assert datacube.last_reliable_day(morning) == DAY
    assert datacube.last_reliable_day(morning - timedelta(seconds=1)) == date(2026, 11, 22)


def test_the_platforms_refusal_is_raised(client, listener):
    listener.answer("/datacube/getarticleread", {"errcode": 61501, "errmsg": "date range error"})
    with pytest.raises(Refused) as refused:
        statistics.read_articles(client, DAY)
    assert refused.value.errcode == 61501


def test_whole_spans_are_not_read_day_by_day(client, listener):
    with pytest.raises(BadMessage):
        next(datacube.read_days(client, "getweanalysisappidweeklyvisittrend", date(2026, 11, 2), DAY))
