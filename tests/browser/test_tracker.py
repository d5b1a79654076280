"""The tracking script in a real browser, on a page of another origin, against the running collector; the mini-program
script under a stand-in for `wx`; the pages that watch both."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.actors import Actor
from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from audience.models import Contact, Event
from catalog.models import Item
from connectors.models import HeldEvent, TrackingKey
from connectors.tracking import keys, tokens
from connectors.tracking.tokens import Purpose
from tests.browser.conftest import CHECKOUT, PHONE

APP_ID = "wx0123456789abcdef"
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>一杯好茶</title>
<meta name="fanwise:item" content="a1"><script>{before}</script>
<script src="{site}/static/track/fanwise.js" data-key="{key}" {options} async></script>
</head>
<body style="height:4000px"><button id="like" data-fw="like">👍</button>
<button id="other" data-fw="share" data-fw-item="a2"><i>share</i></button>
<audio id="sound" data-fw-media="audio-1"></audio>
</body></html>"""


class H5:
    """A brand's own page, served from an origin that is not the site's."""

    def __init__(self, site_address: str, key: TrackingKey) -> None:
        self.html, self.site, self.key = "", site_address, key
        h5 = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(h5.html.encode())

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write(self, options: str = "", before: str = "") -> None:
        """What the page says; `options` are attributes of the script."""
        self.html = PAGE.format(site=self.site, key=self.key.code, options=options, before=before)


@pytest.fixture
def h5(site, shop, person) -> Iterator[H5]:
    with tenant_scope(shop):
        key = keys.create(shop, "H5", [APP_ID], needs_consent=False, by=Actor.person(person))
        Item.objects.bulk_create([Item(external_id=code, title=code) for code in ("a1", "a2", "audio-1")])
    page = H5(site.address, key)
    TrackingKey.objects.update(places=[page.origin, APP_ID])
    page.write('data-delay="0.2"')
    yield page
    page.server.shutdown()
    page.server.server_close()


@pytest.fixture
def phone(chromium, h5) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN")
    yield context
    context.close()


@pytest.fixture
def calls(phone) -> list[str]:
    """The bodies of all requests to the collector, beacons too."""
    made: list[str] = []
    phone.on("request", lambda one: made.append(one.post_data or "") if "/collect/" in one.url else None)
    return made


@pytest.fixture
def follower(shop) -> Contact:
    with tenant_scope(shop):
        return Contact.objects.create(external_id="u1")


@pytest.fixture
def token(shop, follower) -> str:
    with tenant_scope(shop):
        return tokens.mint(follower, Purpose.SESSION)[0]


@pytest.fixture
def seen(shop) -> Callable[[int], list[tuple[str, str | None]]]:
    """`seen(3)` waits for three events and gives (kind word, item) of all, held ones included."""

    def wait(num: int, seconds: float = 8) -> list[tuple[str, str | None]]:
        end = time.monotonic() + seconds
        while True:
            found = everything(shop)
            if len(found) >= num or time.monotonic() > end:
                return [(EventKind(kind).word, item) for kind, item, _dwell, _value in found]
            time.sleep(0.1)

    return wait


def everything(shop):
    with tenant_scope(shop):
        codes = dict(Item.objects.values_list("pk", "external_id"))
        found = [
            *Event.objects.values_list("kind", "item_id", "dwell_seconds", "value", "occurred_at"),
            *HeldEvent.objects.values_list("kind", "item_id", "dwell_seconds", "value", "occurred_at"),
        ]
    rows = sorted(found, key=lambda row: row[4])
    return [(kind, codes.get(item), dwell, value) for kind, item, dwell, value, _at in rows]


def show(page: Page, state: str) -> None:
    """Pretend that the person switched to another window, or back."""
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def ready(page: Page) -> None:
    page.wait_for_function("Boolean(window.fanwise && window.fanwise.track)", timeout=5000)


def test_a_follower_reads_likes_and_shares(phone, h5, token, seen, shop):
    h5.write('data-delay="0.2"', before='window.fanwise = [["custom", "early", { score: 3 }]];')
    page = phone.new_page()
    page.goto(f"{h5.origin}/read?id=1&fwt={token}&x=2#top")
    ready(page)
    assert page.url == f"{h5.origin}/read?id=1&x=2#top"
    page.click("#like")
    page.click("#other i")
    assert seen(4) == [("view", "a1"), ("custom", "a1"), ("like", "a1"), ("share", "a2")]
    with tenant_scope(shop):
        assert Event.objects.filter(contact__external_id="u1").count() == 4
        assert Event.objects.get(kind=EventKind.CUSTOM).text == 'early {"score":3}'
    assert page.evaluate(f"JSON.parse(localStorage.getItem('fw.{h5.key.code}')).q") == []


def test_only_visible_time_counts(phone, h5, token, seen, shop):
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.evaluate("window.scrollTo(0, 4000)")
    page.wait_for_timeout(1500)
    show(page, "hidden")
    page.wait_for_timeout(2500)
    show(page, "visible")
    page.wait_for_timeout(1200)
    show(page, "hidden")
    assert seen(3) == [("view", "a1"), ("read", "a1"), ("read", "a1")]
    seconds = [dwell for kind, _item, dwell, _value in everything(shop) if kind == EventKind.READ]
    assert (1.4 <= seconds[0] <= 2.2, 1.1 <= seconds[1] <= 1.9) == (True, True), seconds
    depths = [value for kind, _item, _dwell, value in everything(shop) if kind == EventKind.READ]
    assert min(depths) >= 0.99


def test_time_stops_when_nobody_is_there(phone, h5, token, seen, shop):
    h5.write('data-delay="0.2" data-idle="1"')
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.wait_for_timeout(4000)
    show(page, "hidden")
    assert len(seen(2)) == 2
    (seconds,) = [dwell for kind, _item, dwell, _value in everything(shop) if kind == EventKind.READ]
    assert 1 <= seconds <= 2.2


def test_leaving_sends_what_is_left(phone, h5, token, seen, calls):
    h5.write('data-delay="600"')
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.wait_for_timeout(1300)
    page.click("#like")
    assert calls == []
    page.goto("about:blank")
    assert seen(3) == [("view", "a1"), ("like", "a1"), ("read", "a1")]


def test_what_happens_offline_arrives_later_and_once(phone, h5, token, seen, shop):
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    assert seen(1) == [("view", "a1")]
    phone.set_offline(True)
    page.click("#like")
    page.evaluate("fanwise.favourite('a2')")
    page.wait_for_timeout(600)
    assert len(everything(shop)) == 1
    kept = page.evaluate(f"JSON.parse(localStorage.getItem('fw.{h5.key.code}')).q.map(one => one.kind)")
    assert kept == ["like", "favourite"]
    phone.set_offline(False)
    assert seen(3) == [("view", "a1"), ("like", "a1"), ("favourite", "a2")]
    page.wait_for_timeout(600)
    assert len(everything(shop)) == 3


def test_a_long_time_offline_keeps_the_newest_200(phone, h5, seen):
    page = phone.new_page()
    page.goto(h5.origin)
    ready(page)
    seen(1)
    phone.set_offline(True)
    page.evaluate("for (var i = 0; i < 500; i++) fanwise.custom('n' + i)")
    kept = page.evaluate(f"JSON.parse(localStorage.getItem('fw.{h5.key.code}')).q.map(one => one.name)")
    assert (len(kept), kept[-1]) == (200, "n499")
    phone.set_offline(False)
    assert len(seen(201)) == 201


def test_nothing_is_sent_or_kept_before_the_person_agrees(phone, h5, calls, seen, token):
    TrackingKey.objects.update(needs_consent=True)
    h5.write('data-delay="0.2" data-consent="required"')
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.click("#like")
    page.wait_for_timeout(800)
    assert (calls, page.evaluate("localStorage.length")) == ([], 0)
    page.evaluate("fanwise.consent(true)")
    assert seen(2) == [("view", "a1"), ("like", "a1")]


def test_who_declines_is_not_observed(phone, h5, calls, seen):
    h5.write('data-delay="0.2" data-consent="required"')
    page = phone.new_page()
    page.goto(h5.origin)
    ready(page)
    page.evaluate("fanwise.consent(false)")
    page.click("#like")
    page.reload()
    ready(page)
    page.click("#like")
    page.wait_for_timeout(500)
    page.goto("about:blank")
    assert (seen(1, seconds=1), calls) == ([], [])


def test_withdrawing_says_one_last_word(phone, h5, calls, seen, shop, token):
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.evaluate("fanwise.consent(true)")
    seen(1)
    page.wait_for_function(f"JSON.parse(localStorage.getItem('fw.{h5.key.code}')).q.length === 0")
    num_calls = len(calls)
    page.evaluate("fanwise.consent(false)")
    page.click("#like")
    page.wait_for_timeout(800)
    assert [json.loads(body)["events"][0]["state"] for body in calls[num_calls:]] == ["withdrawn"]
    with tenant_scope(shop):
        assert Contact.objects.get().is_personalisation_off


def test_opting_out_sends_nothing_from_then_on(phone, h5, calls, seen):
    page = phone.new_page()
    page.goto(h5.origin)
    ready(page)
    seen(1)
    page.evaluate("fanwise.optOut()")
    num_calls = len(calls)
    page.click("#like")
    page.reload()
    ready(page)
    page.click("#like")
    page.wait_for_timeout(1200)
    page.goto("about:blank")
    page.wait_for_timeout(300)
    assert len(calls) == num_calls
    assert len(seen(1)) == 1


def test_a_browser_that_asks_for_privacy_is_left_alone(phone, h5, calls):
    phone.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { get: () => true })")
    page = phone.new_page()
    page.goto(h5.origin)
    ready(page)
    page.click("#like")
    page.wait_for_timeout(600)
    assert calls == []


def test_played_time_is_measured(phone, h5, token, seen, shop):
    page = phone.new_page()
    page.goto(f"{h5.origin}/?fwt={token}")
    ready(page)
    page.evaluate(
        """() => {
            const sound = document.getElementById("sound");
            let at = 0;
            Object.defineProperty(sound, "currentTime", { get: () => at });
            Object.defineProperty(sound, "duration", { get: () => 40 });
            const tell = (type, to) => { at = to; sound.dispatchEvent(new Event(type)); };
            tell("play", 0);
            for (let second = 0.5; second <= 8; second += 0.5) tell("timeupdate", second);
            tell("timeupdate", 30);  // a jump is not listening
            tell("timeupdate", 30.5);
            tell("pause", 30.5);
        }"""
    )
    assert seen(2) == [("view", "a1"), ("play", "audio-1")]
    assert everything(shop)[1][2:] == (8.5, 0.76)


def test_a_key_that_does_not_work_here_is_not_tried_again(phone, h5, calls):
    TrackingKey.objects.update(places=["https://elsewhere.test"])
    page = phone.new_page()
    page.goto(h5.origin)
    ready(page)
    page.wait_for_timeout(600)
    page.click("#like")
    page.wait_for_timeout(800)
    assert len(calls) == 1


def test_a_refusing_server_is_asked_again_with_patience(phone, h5, calls, seen):
    answers = iter([503, 429])

    def answer(route):
        status = next(answers, None)
        route.fulfill(status=status) if status else route.continue_()

    phone.route("**/collect/**", answer)
    page = phone.new_page()
    page.clock.install()
    page.goto(h5.origin)
    ready(page)
    for _attempt in range(3):
        page.clock.run_for(11_000)
        page.wait_for_timeout(100)
    assert ("view", "a1") in seen(1)
    assert len(calls) >= 3


# --- the mini program -----------------------------------------------------------------------------------------------

WX = """options => {
    const kept = {}, sent = [], hooks = { hide: [], show: [] };
    window.sent = sent; window.kept = kept; window.hooks = hooks; window.isOffline = false;
    window.wx = {
        request(one) {
            if (window.isOffline) return setTimeout(() => one.fail({ errMsg: "request:fail" }));
            sent.push(one);
            setTimeout(() => one.success({ statusCode: 202 }));
        },
        setStorage(one) { kept[one.key] = JSON.parse(JSON.stringify(one.data)); },
        getStorageSync: (key) => kept[key] || "",
        onAppHide(act) { hooks.hide.push(act); },
        onAppShow(act) { hooks.show.push(act); },
    };
    window.Page = (one) => { window.last = one; };
    const module = { exports: {} };
    new Function("module", options.code)(module);
    window.fanwise = module.exports;
    fanwise.init(options.init);
    window.open = (route, query, more) => {
        Page({ ...more });
        const page = Object.assign(window.last, { route, options: query });
        page.onLoad && page.onLoad(query);
        page.onShow();
        return page;
    };
}"""


@pytest.fixture
def mini(phone, h5) -> Callable[..., Page]:
    """`mini(consent="required")` is a mini program with the script in it; the clock stands until it is moved."""

    def make(**more: str) -> Page:
        page = phone.new_page()
        page.clock.install()
        page.goto("about:blank")
        code = (CHECKOUT / "static/track/fanwise-mini.js").read_text()
        page.evaluate(WX, {"code": code, "init": {"server": h5.site, "key": h5.key.code, **more}})
        return page

    return make


def bodies(page: Page) -> list[dict]:
    return [json.loads(text) for text in page.evaluate("sent.map(one => one.data)")]


def noted(page: Page) -> list[tuple[str, str]]:
    return [(event["kind"], event["item"]) for body in bodies(page) for event in body["events"]]


def test_a_mini_program_notes_pages_time_and_sharing(mini, h5, token, seen, shop):
    page = mini()
    page.evaluate("token => fanwise.identify(token)", token)
    page.evaluate(
        """() => { window.first = open("pages/read/index", { id: "7" }, {
            onLoad() { fanwise.page({ item: "a1", title: "一杯好茶" }); },
            onShareAppMessage() { return { title: "x" }; } }); }"""
    )
    page.clock.run_for(12_000)
    assert page.evaluate("first.onShareAppMessage()") == {"title": "x"}
    page.evaluate("() => { first.onHide(); window.second = open('pages/shop/index', { b: 2, a: 1 }); }")
    page.clock.run_for(5_000)
    page.evaluate("hooks.hide.forEach(act => act())")
    page.clock.run_for(1_000)
    shop_page = "pages/shop/index?a=1&b=2"
    assert noted(page) == [
        ("view", "a1"), ("share", "a1"), ("read", "a1"), ("view", shop_page), ("read", shop_page),
    ]  # fmt: skip
    reads = [event["dwell_seconds"] for body in bodies(page) for event in body["events"] if event["kind"] == "read"]
    assert reads == pytest.approx([12, 5], abs=0.3)
    for call in page.evaluate("sent.map(one => ({ url: one.url, data: one.data, header: one.header }))"):
        referer = {"Referer": f"https://servicewechat.com/{APP_ID}/5/page-frame.html"}
        request = urllib.request.Request(call["url"], call["data"].encode(), call["header"] | referer)
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["rejected"] == []
    assert sorted(seen(5)) == sorted(noted(page))
    with tenant_scope(shop):
        assert Event.objects.filter(contact__external_id="u1").count() == 5


def test_a_mini_program_keeps_events_while_offline(mini):
    page = mini()
    page.evaluate("() => { isOffline = true; open('pages/a', {}); }")
    page.clock.run_for(20_000)
    assert noted(page) == []
    assert [event["kind"] for event in page.evaluate("Object.values(kept)[0].q")] == ["view"]
    page.evaluate("() => { isOffline = false; hooks.show.forEach(act => act()); }")
    page.clock.run_for(60_000)
    assert noted(page) == [("view", "pages/a")]
    assert page.evaluate("Object.values(kept)[0].q") == []


def test_a_mini_program_waits_for_consent_and_obeys_opting_out(mini):
    page = mini(consent="required")
    page.evaluate("() => { open('pages/a', {}); fanwise.like('a1'); }")
    page.clock.run_for(10_000)
    assert (noted(page), page.evaluate("Object.keys(kept)")) == ([], [])
    page.evaluate("fanwise.consent(true)")
    page.clock.run_for(5_000)
    assert [kind for body in bodies(page) for kind in [event["kind"] for event in body["events"]]] == [
        "view", "like", "consent",
    ]  # fmt: skip
    assert {body["consent"] for body in bodies(page)} == {"granted"}
    page.evaluate("() => { fanwise.optOut(); fanwise.like('a1'); hooks.hide.forEach(act => act()); }")
    page.clock.run_for(10_000)
    assert len(bodies(page)) == 1


# --- the pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_live_page_follows_a_sample_page(visitor, person, h5, language):
    TrackingKey.objects.update(needs_consent=True)
    watcher = visitor(language)
    watcher.sign_in(person.email)
    live = watcher.open("/b/shop/tracking/")
    reader = visitor(language, PHONE)
    reader.sign_in(person.email)
    sample = reader.open(f"/track/demo/?key={h5.key.code}")
    sample.locator("#ask #yes").click()
    sample.locator("button[data-fw=like]").click()
    expect(sample.locator("#noted li")).to_have_count(3)
    expect(live.locator(".fw-live-line .ti-thumb-up")).to_be_visible(timeout=15_000)
    assert watcher.overflow() == reader.overflow() == 0
    sample.locator("#out").click()
    expect(sample.locator("#in")).to_be_visible()


def test_the_tracker_pages_fit_a_phone(visitor, person, h5):
    hand = visitor("zh", PHONE)
    hand.sign_in(person.email)
    for path in ("", "install/", "links/"):
        hand.open(f"/b/shop/tracking/{path}")
        assert hand.overflow() == 0, path
