"""An upload over the REST API, from the file to the report, the refused rows and the undo."""

import io

import pytest

from accounts.tenancy import tenant_scope
from audience.models import Event
from catalog.models import Item

URL = "/api/v1/imports/"
TEXT = """\
用户ID,内容ID,行为,时间,停留时长
u1,a1,阅读,2026-10-01 12:00:00,30
u1,a2,点赞,2026-10-01 12:05:00,
u2,a1,阅读,2026-10-02 09:00:00,55
u2,a1,阅读,昨天,55
"""


def send(api, text=TEXT, name="行为.csv"):
    file = io.BytesIO(text.encode())
    file.name = name
    return api.post(URL, {"file": file})


def confirm(api, code, body=None):
    return api.post(f"{URL}{code}/confirm/", body or {}, content_type="application/json")


def num_events(brand):
    with tenant_scope(brand):
        return Event.objects.count()


def test_a_file_becomes_a_draft_with_its_columns_recognised(api, brand):
    answer = send(api)
    assert answer.status_code == 201
    draft = answer.json()
    assert (draft["state"], draft["preset"]) == ("draft", "events")
    assert draft["mapping"] == {
        "contact": "用户ID", "item": "内容ID", "kind": "行为", "occurred_at": "时间", "dwell_seconds": "停留时长",
    }  # fmt: skip
    assert num_events(brand) == 0


def test_a_confirmed_import_reports_what_came_and_what_did_not(api, brand, work):
    code = send(api).json()["code"]
    assert confirm(api, code).status_code == 202
    work()
    done = api.get(f"{URL}{code}/").json()
    assert (done["state"], done["job"]["state"]) == ("done", "succeeded")
    assert (done["report"]["rows"], done["report"]["accepted"], done["report"]["rejected"]) == (4, 3, 1)
    assert num_events(brand) == 3
    rejects = api.get(f"{URL}{code}/rejects/")
    assert rejects["Content-Type"] == "text/csv"
    assert "昨天" in rejects.content.decode("utf-8-sig")


def test_the_same_file_again_adds_nothing(api, brand, work):
    for _time in range(2):
        confirm(api, send(api).json()["code"])
        work()
    assert num_events(brand) == 3


def test_an_undone_import_leaves_nothing(api, brand, work):
    code = send(api).json()["code"]
    confirm(api, code)
    work()
    assert api.post(f"{URL}{code}/undo/").status_code == 202
    work()
    assert (api.get(f"{URL}{code}/").json()["state"], num_events(brand)) == ("undone", 0)


def test_a_wrong_mapping_is_refused(api, brand):
    code = send(api).json()["code"]
    answer = confirm(api, code, {"mapping": {"contact": "no such column"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_mapping")


@pytest.mark.parametrize("text", ["", "\n", "a,b"])
def test_a_file_without_rows_is_refused_with_the_fix(api, brand, text):
    answer = send(api, text)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_cancelling_a_draft_is_a_conflict(api, brand):
    code = send(api).json()["code"]
    assert api.post(f"{URL}{code}/cancel/").status_code == 409


def test_a_waiting_import_is_cancelled_and_brings_nothing(api, brand, work):
    code = send(api).json()["code"]
    confirm(api, code)
    assert api.post(f"{URL}{code}/cancel/").json()["job"]["state"] == "cancelled"
    work()
    assert num_events(brand) == 0


def test_after_an_undo_the_same_ids_may_come_again(api, brand, work):
    text = "记录编号,用户ID,内容ID,行为,时间\ne1,u1,a1,阅读,2026-10-01 12:00:00\n"
    mapping = {"source_id": "记录编号", "contact": "用户ID", "item": "内容ID", "kind": "行为", "occurred_at": "时间"}
    for _time in range(2):
        code = send(api, text).json()["code"]
        confirm(api, code, {"mapping": mapping})
        work()
        assert num_events(brand) == 1
        api.post(f"{URL}{code}/undo/")
        work()
        assert num_events(brand) == 0


def test_an_undo_keeps_what_somebody_changed_since(api, brand, work):
    code = send(api, "商品编号,标题,类型\np1,龙井,商品\np2,普洱,商品\n", "items.csv").json()["code"]
    assert confirm(api, code, {"preset": "items"}).status_code == 202
    work()
    api.patch("/api/v1/items/p1/", {"title": "明前龙井"}, content_type="application/json")
    api.post(f"{URL}{code}/undo/")
    work()
    with tenant_scope(brand):
        assert list(Item.objects.values_list("external_id", "title")) == [("p1", "明前龙井")]
