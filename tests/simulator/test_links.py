"""Short keys, URL links, schemes and codes (fact sheet 6.2, 6.5)."""

import pytest

from tests.simulator.site import DAY, Site, make_site


@pytest.fixture
def mini(platform) -> Site:
    mini = make_site(platform, "miniprogram")
    platform.set_pages(app_id=mini.app_id, pages=["pages/index"])
    return mini


def test_short_keys_live_thirty_days_at_most(platform):
    site = make_site(platform)
    key = site.post("/cgi-bin/shorten/gen", {"long_data": "长" * 1000, "expire_seconds": 60})["short_key"]
    fetched = site.post("/cgi-bin/shorten/fetch", {"short_key": key})
    assert (fetched["long_data"], fetched["expire_seconds"] <= 60) == ("长" * 1000, True)
    platform.advance(61)
    assert site.errcode("/cgi-bin/shorten/fetch", {"short_key": key}) == 40035
    assert site.errcode("/cgi-bin/shorten/gen", {"long_data": "a" * 4097}) == 40035
    assert site.errcode("/cgi-bin/shorten/gen", {"long_data": "a", "expire_seconds": 2_592_001}) == 40035


def test_url_links_and_schemes_open_known_pages_for_thirty_days(mini):
    body = {"path": "pages/index", "query": "a=1", "expire_type": 1, "expire_interval": 30}
    link = mini.post("/wxa/generate_urllink", body)["url_link"]
    assert link.startswith("https://wxaurl.cn/")
    info = mini.post("/wxa/query_urllink", {"url_link": link})
    assert (info["url_link_info"]["query"], info["url_link_quota"]["long_time_used"]) == ("a=1", 1)
    assert mini.errcode("/wxa/generate_urllink", body | {"expire_interval": 31}) == 85401
    late = {"expire_type": 0, "expire_time": int(mini.platform.now()) + 31 * DAY}
    assert mini.errcode("/wxa/generate_urllink", body | late) == 85401
    assert mini.errcode("/wxa/generate_urllink", body | {"path": "pages/none"}) == 41030
    assert mini.errcode("/wxa/generate_urllink", body | {"query": "a" * 1025}) == 40212
    scheme = mini.post("/wxa/generatescheme", {"jump_wxa": {"path": "pages/index"}})["openlink"]
    assert scheme.startswith("weixin://dl/business/?t=")
    assert mini.post("/wxa/queryscheme", {"scheme": scheme})["scheme_info"]["path"] == "pages/index"
    short = mini.post("/wxa/genwxashortlink", {"page_url": "pages/index?a=1", "page_title": "首页"})["link"]
    assert short.startswith("#小程序://")


def test_codes_are_pictures_or_refusals(mini):
    path = "/wxa/getwxacodeunlimit"
    code = mini.raw("POST", path, json={"scene": "a=1", "page": "pages/index", "width": 280})
    assert code.headers["content-type"] == "image/png"
    assert code.content.startswith(b"\x89PNG")
    assert mini.errcode(path, {"scene": "a" * 33}) == 40169
    assert mini.errcode(path, {"scene": "中"}) == 40169
    assert mini.errcode(path, {"scene": "a", "page": "/pages/index"}) == 40165
    assert mini.errcode(path, {"scene": "a", "page": "pages/none"}) == 41030
    assert (
        mini.raw("POST", path, json={"scene": "a", "page": "pages/none", "check_path": False}).content[:4] == b"\x89PNG"
    )
    assert mini.raw("POST", "/wxa/getwxacode", json={"path": "pages/index?a=1"}).content[:4] == b"\x89PNG"


def test_official_accounts_have_no_mini_program_links(platform):
    assert make_site(platform).errcode("/wxa/generate_urllink", {}) == 48001
