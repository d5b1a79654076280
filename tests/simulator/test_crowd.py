"""Crowd mode: the same seed lives the same life, tastes show, the brand's site sees visits, nothing grows."""

import datetime as dt
import http.server
import json
import threading
from collections import Counter
from urllib.parse import urlsplit

import pytest

from simulator.remote import SimulatorProcess
from tests.simulator.site import DAY, Site, make_site

NUM = 2000


@pytest.fixture
def site(platform) -> Site:
    site = make_site(platform, app_id="wx0000000000000001")
    platform.do("clock", to=1_780_000_000)
    site.renew()
    return site


def start(site: Site, **more) -> None:
    site.platform.crowd_on(app_id=site.app_id, num=NUM, **more)


def live(site: Site, days: float) -> dict[str, int]:
    site.platform.advance(days * DAY)
    site.platform.crowd_catch_up()
    return site.platform.crowd(app_id=site.app_id)["counts"]


def broadcast(site: Site, *titles: str, **fields) -> str:
    media_id = site.add_draft(*titles, **fields)
    body = {"filter": {"is_to_all": True}, "msgtype": "mpnews", "mpnews": {"media_id": media_id}}
    number = str(site.post("/cgi-bin/message/mass/sendall", body)["msg_data_id"])
    site.platform.advance(30)
    return number


def test_the_crowd_lives_by_itself(site):
    start(site)
    counts = live(site, 3)
    assert counts["say"] > 5
    assert counts["follow"] > 10
    said = site.platform.read("said", site.app_id)
    assert len(said) == counts["say"]
    state = site.platform.crowd(app_id=site.app_id)
    assert state["minutes_behind"] == 0
    site.platform.crowd_off(app_id=site.app_id)
    assert live(site, 3) == counts


def test_an_article_is_read_by_those_who_care(site):
    start(site, newcomers_per_day=0)
    number = broadcast(site, "瑜伽跑步健身训练", content="<p>" + "训练 " * 200 + "</p>")
    counts = live(site, 2)
    read = {line["openid"] for line in site.platform.readers(app_id=site.app_id, msgid=f"{number}_1")}
    assert 40 < len(read) < NUM / 2
    assert counts["read"] >= len(read)
    openids = site.platform.list_openids(app_id=site.app_id, num=NUM)
    tastes = site.platform.tastes(app_id=site.app_id, num=NUM)
    lovers = {openid for openid, one in zip(openids, tastes, strict=True) if one["loves"] == "fitness"}
    others = {
        openid
        for openid, one in zip(openids, tastes, strict=True)
        if one["loves"] != "fitness" and "fitness" not in one["likes"]
    }
    assert len(read & lovers) / len(lovers) > 8 * len(read & others) / len(others)
    [row] = site.post("/datacube/getarticletotaldetail", _day_of(site, -2))["list"]
    assert row["msgid"] == f"{number}_1"
    assert row["detail_list"][0]["read_user"] > 0


def _day_of(site: Site, days: int) -> dict[str, str]:
    at = dt.datetime.fromtimestamp(site.platform.now() + days * DAY, dt.timezone(dt.timedelta(hours=8)))
    return {"begin_date": at.date().isoformat(), "end_date": at.date().isoformat()}


def test_the_same_seed_lives_the_same_life():
    lives = []
    for step_days in (2.0, 0.25):
        with SimulatorProcess() as platform:
            site = make_site(platform, app_id="wx0000000000000002", secret="s")
            platform.do("clock", to=1_780_000_000)
            start(site)
            for _ in range(int(2 / step_days)):
                counts = live(site, step_days)
            said = [(line["subject"], line["message"]["Content"]) for line in platform.read("said", site.app_id)]
            lives.append((counts, said))
    assert lives[0] == lives[1]
    assert len(lives[0][1]) > 5


def test_a_pestered_crowd_leaves(site):
    start(site, newcomers_per_day=0)
    calm = live(site, 2).get("leave", 0)
    openids = site.platform.list_openids(app_id=site.app_id, num=200)
    for number in range(4):
        body = {"touser": openids, "msgtype": "text", "text": {"content": f"特价 {number}"}}
        site.post("/cgi-bin/message/mass/send", body)
    site.platform.advance(30)
    counts = live(site, 1)
    assert counts["leave"] - calm > 10
    assert counts["refuse"] > 3


def test_questions_are_answered_and_choices_tapped(site):
    start(site, newcomers_per_day=0)
    openids = site.platform.list_openids(app_id=site.app_id, num=300)
    for openid in openids:
        site.platform.send(app_id=site.app_id, openid=openid, Content="在吗")
        menu = {
            "head_content": "要看看新课吗？",
            "list": [{"id": "1", "content": "要"}, {"id": "2", "content": "不要"}],
        }
        site.post("/cgi-bin/message/custom/send", {"touser": openid, "msgtype": "msgmenu", "msgmenu": menu})
    counts = live(site, 0.25)
    assert counts["tap"] > 30
    assert counts["opened_message"] >= counts["tap"]


def test_memory_and_tables_stay_flat(site):
    start(site)
    live(site, 20)
    early = site.platform.crowd(app_id=site.app_id)
    live(site, 20)
    late = site.platform.crowd(app_id=site.app_id)
    assert late["num_stored_users"] <= NUM + late["num_newcomers"]
    assert late["num_planned"] <= 5000
    assert late["num_feeds"] <= 40
    assert early["counts"]["say"] < late["counts"]["say"]


# --- the brand's site -----------------------------------------------------------------------------------------------


class BrandHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((path, self.headers, body))
        if path.endswith("/token/"):
            self._answer({"token": "T-" + path.split("/")[4], "expires_at": "2027-01-01T00:00:00Z"})
        elif path == "/collect/v1/events":
            answer = {"accepted": len(body["events"]), "held": 0, "duplicates": 0, "rejected": []}
            self._answer(answer, 202)
        else:
            self._answer({"accepted": 1}, 202)

    def do_GET(self) -> None:
        self.server.heard.append((self.path, self.headers, None))
        items = [
            {"external_id": "p1", "title": "瑜伽垫 健身", "kind": "product", "price_fen": 9900, "tags": []},
            {"external_id": "c1", "title": "英语口语课", "kind": "course", "price_fen": 19900, "tags": ["英语"]},
        ]
        if self.path.startswith("/api/v1/items/"):
            self._answer({"results": items, "next": None})
        else:
            self.send_response(302)
            self.send_header("Location", "/landing?fwt=LINKTOKEN")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _answer(self, value: dict, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def brand_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BrandHandler)
    server.daemon_threads, server.heard = True, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_visits_orders_and_links_reach_the_brands_site(site, brand_server):
    url = f"http://127.0.0.1:{brand_server.server_address[1]}"
    mini = site.platform.add_account(kind="miniprogram")
    brand = {"url": url, "key": "fwk_1", "origin": "https://shop.example", "api_key": "fw_a_b", "contact_prefix": "wx-"}
    start(site, mini_app_id=mini.app_id, brand=brand, newcomers_per_day=0)
    broadcast(site, "瑜伽 健身 训练", content="<p>训练</p>", content_source_url=f"{url}/t/abc/")
    counts = live(site, 3)
    heard = Counter(path.split("?")[0] for path, _, _ in brand_server.heard)
    assert heard["/collect/v1/events"] > 50
    assert heard["/t/abc/"] == counts["open"] > 3
    assert heard["/api/v1/events/"] == counts["buy"] > 0
    posts = [(path, headers, body) for path, headers, body in brand_server.heard if path == "/collect/v1/events"]
    assert {headers["Origin"] for _, headers, _ in posts} == {"https://shop.example"}
    assert {body["token"] for _, _, body in posts if body["token"] == "LINKTOKEN"} == {"LINKTOKEN"}
    assert {event["item"] for _, _, body in posts for event in body["events"]} == {"p1", "c1"}
    [order, *_] = [body["events"][0] for path, _, body in brand_server.heard if path == "/api/v1/events/"]
    assert (order["kind"], order["contact"][:4], order["amount_fen"] in (9900, 19900)) == ("purchase", "wx-o", True)
    state = site.platform.crowd(app_id=site.app_id)["site"]
    assert (state["items"], state["last_error"]) == (2, "")
    visits = Site(site.platform, mini).post("/datacube/getweanalysisappiddailysummarytrend", _mini_day(site))
    assert visits["list"][0]["visit_total"] > 10


def _mini_day(site: Site) -> dict[str, str]:
    return {name: date.replace("-", "") for name, date in _day_of(site, -2).items()}


def test_a_dead_site_does_not_stop_the_crowd(site):
    start(site, brand={"url": "http://127.0.0.1:9", "key": "k", "api_key": "a"})
    broadcast(site, "瑜伽 健身 训练", content_source_url="http://127.0.0.1:9/t/abc/")
    counts = live(site, 1)
    assert counts["read"] > 10
    assert "ConnectError" in site.platform.crowd(app_id=site.app_id)["site"]["last_error"]


def test_the_clock_runs_at_the_crowds_speed(site):
    start(site, speed=3600)
    before = site.platform.now()
    threading.Event().wait(1.0)
    site.platform.crowd_off(app_id=site.app_id)
    assert 1200 < site.platform.now() - before < 5400
