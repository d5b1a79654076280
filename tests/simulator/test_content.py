"""Media, materials, drafts, publishing, comments (fact sheet 5)."""

import json

import pytest

from tests.simulator.site import DAY, JPEG, MP4, PNG, Site, make_site

UPLOAD = "/cgi-bin/media/upload"


@pytest.fixture
def site(platform, listener) -> Site:
    site = make_site(platform)
    platform.set_callback(app_id=site.app_id, url=listener.url, token="token", format="json")
    return site


# --- media ----------------------------------------------------------------------------------------------------------


def test_temporary_media_live_three_days(site):
    answer = site.upload(UPLOAD, PNG, "a.png", type="image")
    assert answer["type"] == "image"
    fetched = site.raw("GET", "/cgi-bin/media/get", params={"media_id": answer["media_id"]})
    assert (fetched.content, fetched.headers["content-type"]) == (PNG, "image/png")
    site.platform.advance(3 * DAY - 60)
    assert site.raw("GET", "/cgi-bin/media/get", params={"media_id": answer["media_id"]}).content == PNG
    site.platform.advance(61)
    assert site.get("/cgi-bin/media/get", media_id=answer["media_id"])["errcode"] == 40007


@pytest.mark.parametrize(
    ("kind", "content", "errcode"),
    [
        ("painting", JPEG, 40004),
        ("image", b"hello", 40005),
        ("image", JPEG + b"\0" * 10 * 1024 * 1024, 40009),
        ("thumb", JPEG + b"\0" * 64 * 1024, 40006),
        ("thumb", PNG, 40005),
        ("video", JPEG, 40005),
        ("image", b"", 44001),
        ("voice", b"#!AMR\n" + bytes([0x3C] + [0] * 31) * 3001, 45007),
    ],
)
def test_files_are_judged_by_their_bytes(site, kind, content, errcode):
    assert site.upload(UPLOAD, content, type=kind)["errcode"] == errcode


def test_thumbs_and_videos_answer_differently(site):
    assert "thumb_media_id" in site.upload(UPLOAD, JPEG, type="thumb")
    video = site.upload(UPLOAD, MP4, "a.mp4", type="video")["media_id"]
    assert site.get("/cgi-bin/media/get", media_id=video)["video_url"].endswith(".mp4")
    assert site.raw("POST", UPLOAD, params={"type": "image"}, content=b"{}").json()["errcode"] == 41005


def test_another_accounts_media_are_unknown(site, platform):
    other = make_site(platform)
    media_id = site.upload(UPLOAD, JPEG, type="image")["media_id"]
    assert other.get("/cgi-bin/media/get", media_id=media_id)["errcode"] == 40007


def test_permanent_media_stay_and_are_listed(site):
    first = site.upload("/cgi-bin/material/add_material", JPEG, "a.jpg", type="image")
    assert first["url"].startswith("http://mmbiz.qpic.cn/")
    site.upload("/cgi-bin/material/add_material", JPEG, "b.jpg", type="image")
    described = {"description": json.dumps({"title": "t", "introduction": "i"})}
    video = site.upload("/cgi-bin/material/add_material", MP4, "c.mp4", described, type="video")["media_id"]
    assert site.upload("/cgi-bin/material/add_material", MP4, "c.mp4", type="video")["errcode"] == 47001
    site.platform.advance(400 * DAY)
    assert site.raw("POST", "/cgi-bin/material/get_material", json={"media_id": first["media_id"]}).content == JPEG
    assert site.post("/cgi-bin/material/get_material", {"media_id": video})["title"] == "t"
    assert site.get("/cgi-bin/material/get_materialcount") == {
        "voice_count": 0, "video_count": 1, "image_count": 2, "news_count": 0,
    }  # fmt: skip
    listed = site.post("/cgi-bin/material/batchget_material", {"type": "image", "offset": 1, "count": 20})
    assert (listed["total_count"], [one["name"] for one in listed["item"]]) == (2, ["a.jpg"])
    assert site.errcode("/cgi-bin/material/batchget_material", {"type": "image", "offset": 0, "count": 21}) == 40097
    assert site.errcode("/cgi-bin/material/del_material", {"media_id": first["media_id"]}) == 0
    assert site.errcode("/cgi-bin/material/get_material", {"media_id": first["media_id"]}) == 40007


def test_article_images_are_small_and_public(site, platform):
    url = site.upload("/cgi-bin/media/uploadimg", PNG, "a.png")["url"]
    assert site.upload("/cgi-bin/media/uploadimg", JPEG + b"\0" * 1024 * 1024)["errcode"] == 40009
    shown = platform.http.get(platform.url + url.removeprefix("http://mmbiz.qpic.cn"))
    assert shown.content == PNG
    assert site.get("/cgi-bin/material/get_materialcount")["image_count"] == 0


# --- drafts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"title": ""}, 45003),
        ({"title": "长" * 33}, 45003),
        ({"author": "长" * 17}, 45110),
        ({"digest": "长" * 129}, 45004),
        ({"content": "长" * 20_000}, 45002),
        ({"content": ""}, 44004),
        ({"content_source_url": "https://example.com/" + "a" * 1024}, 45005),
        ({"thumb_media_id": "none"}, 40007),
        ({"thumb_media_id": ""}, 40007),
        ({"pic_crop_1_1": "0.5_0_0.2_1"}, 53402),
        ({"article_type": "newspic"}, 40007),
    ],
)
def test_a_draft_is_checked(site, changes, errcode):
    article = {"title": "t", "content": "<p>x</p>", "thumb_media_id": site.add_image(), **changes}
    assert site.errcode("/cgi-bin/draft/add", {"articles": [article]}) == errcode
    assert site.get("/cgi-bin/draft/count") == {"total_count": 0}


def test_a_temporary_image_is_no_cover(site):
    cover = site.upload(UPLOAD, JPEG, type="image")["media_id"]
    article = {"title": "t", "content": "x", "thumb_media_id": cover}
    assert site.errcode("/cgi-bin/draft/add", {"articles": [article]}) == 40007
    assert site.errcode("/cgi-bin/draft/add", {"articles": []}) == 44003
    good = article | {"thumb_media_id": site.add_image()}
    assert site.errcode("/cgi-bin/draft/add", {"articles": [good] * 9}) == 45008


def test_scripts_and_foreign_images_are_dropped(site):
    own = site.upload("/cgi-bin/media/uploadimg", PNG, "a.png")["url"]
    body = f'<p>春茶</p><script>alert(1)</script><img src="{own}"><img src="https://elsewhere.example/x.png">'
    draft = site.add_draft("春茶", content=body)
    [article] = site.post("/cgi-bin/draft/get", {"media_id": draft})["news_item"]
    assert article["content"] == f'<p>春茶</p><img src="{own}">'
    assert article["digest"] == "春茶"
    assert article["thumb_url"]


def test_picture_posts_have_pictures_and_plain_text(site):
    images = {"image_list": [{"image_media_id": site.add_image()} for _ in range(2)]}
    article = {"article_type": "newspic", "title": "t", "content": "<b>新品</b>", "image_info": images}
    draft = site.post("/cgi-bin/draft/add", {"articles": [article]})["media_id"]
    assert site.post("/cgi-bin/draft/get", {"media_id": draft})["news_item"][0]["content"] == "新品"
    images["image_list"] *= 11
    assert site.errcode("/cgi-bin/draft/add", {"articles": [article]}) == 45008


def test_drafts_are_changed_listed_and_deleted(site):
    first, second = site.add_draft("一", "二"), site.add_draft("三")
    article = {"title": "新", "content": "x", "thumb_media_id": site.add_image()}
    update = "/cgi-bin/draft/update"
    assert site.errcode(update, {"media_id": first, "index": 2, "articles": article}) == 40060
    assert site.errcode(update, {"media_id": first, "index": 1, "articles": article}) == 0
    page = site.post("/cgi-bin/draft/batchget", {"offset": 0, "count": 20, "no_content": 1})
    assert page["total_count"] == 2
    titles = {one["media_id"]: [item["title"] for item in one["content"]["news_item"]] for one in page["item"]}
    assert titles == {first: ["一", "新"], second: ["三"]}
    assert "content" not in page["item"][0]["content"]["news_item"][0]
    assert site.errcode("/cgi-bin/draft/delete", {"media_id": first}) == 0
    assert site.errcode("/cgi-bin/draft/get", {"media_id": first}) == 40007


# --- publishing -----------------------------------------------------------------------------------------------------


def submit(site: Site, draft: str) -> dict:
    return site.post("/cgi-bin/freepublish/submit", {"media_id": draft})


def status(site: Site, publish_id: str) -> int:
    return site.post("/cgi-bin/freepublish/get", {"publish_id": publish_id})["publish_status"]


def test_publishing_takes_time_and_takes_the_draft(site):
    fan = site.platform.add_user(site.app_id, "li")
    draft = site.add_draft("一", "二")
    job = submit(site, draft)
    assert isinstance(job["publish_id"], str)
    assert status(site, job["publish_id"]) == 1
    assert submit(site, draft)["errcode"] == 53501
    site.platform.advance(3)
    done = site.post("/cgi-bin/freepublish/get", {"publish_id": job["publish_id"]})
    assert (done["publish_status"], done["article_detail"]["count"], done["fail_idx"]) == (0, 2, [])
    assert site.errcode("/cgi-bin/draft/get", {"media_id": draft}) == 40007
    listed = site.post("/cgi-bin/freepublish/batchget", {"offset": 0, "count": 20})
    assert [one["article_id"] for one in listed["item"]] == [done["article_id"]]
    article = site.post("/cgi-bin/freepublish/getarticle", {"article_id": done["article_id"]})["news_item"][1]
    assert (article["title"], article["is_deleted"]) == ("二", False)
    assert article["url"] == done["article_detail"]["item"][1]["article_url"]
    assert site.platform.delivered(site.app_id, fan) == []


def test_both_events_tell_the_end(site):
    job = submit(site, site.add_draft())
    site.platform.advance(3)
    events = {line["message"]["Event"]: line["message"] for line in site.platform.pushes(site.app_id)}
    assert set(events) == {"PUBLISHJOBFINISH", "MASSSENDJOBFINISH"}
    told = events["PUBLISHJOBFINISH"]["PublishEventInfo"]
    assert (told["publish_id"], told["publish_status"]) == (job["publish_id"], 0)
    site.platform.settings(publish_events="publish")
    submit(site, site.add_draft())
    site.platform.advance(3)
    assert len(site.platform.pushes(site.app_id)) == 3


@pytest.mark.parametrize("wanted", [2, 3, 4])
def test_a_failed_publish_keeps_the_draft(site, wanted):
    site.platform.next_results(app_id=site.app_id, publish_statuses=[wanted])
    draft = site.add_draft()
    job = submit(site, draft)
    site.platform.advance(3)
    done = site.post("/cgi-bin/freepublish/get", {"publish_id": job["publish_id"]})
    assert (done["publish_status"], done["fail_idx"]) == (wanted, [1])
    assert "article_id" not in done
    assert site.errcode("/cgi-bin/draft/get", {"media_id": draft}) == 0


def test_what_is_published_can_be_deleted_or_banned(site):
    jobs = [submit(site, site.add_draft("一", "二")) for _ in range(2)]
    site.platform.advance(3)
    article_id = site.post("/cgi-bin/freepublish/get", {"publish_id": jobs[0]["publish_id"]})["article_id"]
    delete = "/cgi-bin/freepublish/delete"
    assert site.errcode(delete, {"article_id": "none", "index": 0}) == 53600
    assert site.errcode(delete, {"article_id": article_id, "index": 3}) == 40060
    assert site.errcode(delete, {"article_id": article_id, "index": 1}) == 0
    assert status(site, jobs[0]["publish_id"]) == 0
    assert site.errcode(delete, {"article_id": article_id, "index": 0}) == 0
    assert status(site, jobs[0]["publish_id"]) == 5
    site.platform.ban_article(app_id=site.app_id, msg_data_id=jobs[1]["msg_data_id"])
    assert status(site, jobs[1]["publish_id"]) == 6


def test_unverified_accounts_do_not_publish(platform):
    site = make_site(platform, "subscription", verified=False)
    assert submit(site, "x")["errcode"] == 48001


def test_subscription_accounts_get_a_number_for_publish_id(platform):
    site = make_site(platform, "subscription")
    assert isinstance(submit(site, site.add_draft())["publish_id"], int)


def test_readers_comment_when_asked_and_are_answered(site):
    fan = site.platform.add_user(site.app_id, "li")
    job = submit(site, site.add_draft(need_open_comment=1))
    site.platform.advance(3)
    msgid, about = f"{job['msg_data_id']}_1", {"msg_data_id": job["msg_data_id"], "index": 0}
    site.platform.react(app_id=site.app_id, openid=fan, msgid=msgid, kind="comment", text="写得好")
    listing = about | {"begin": 0, "count": 10, "type": 0}
    [comment] = site.post("/cgi-bin/comment/list", listing)["comment"]
    assert (comment["content"], comment["openid"], comment["comment_type"]) == ("写得好", fan, 0)
    chosen = about | {"user_comment_id": comment["user_comment_id"]}
    assert site.errcode("/cgi-bin/comment/markelect", chosen) == 0
    assert site.errcode("/cgi-bin/comment/reply/add", chosen | {"content": "谢谢"}) == 0
    [elected] = site.post("/cgi-bin/comment/list", listing | {"type": 2})["comment"]
    assert elected["reply"]["content"] == "谢谢"
    assert site.errcode("/cgi-bin/comment/delete", chosen) == 0
    assert site.post("/cgi-bin/comment/list", listing)["total"] == 0
