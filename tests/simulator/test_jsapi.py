"""The JS-SDK's ticket and signature, with the vector every copy of Tencent's page carries; content checks."""

import hashlib

from simulator.platform.jsapi import sign_page

PAGE = "https://site.example/page?a=1"


def test_the_ticket_stays_until_close_to_its_end(platform, api):
    first = api.get("/cgi-bin/ticket/getticket", type="jsapi")
    assert (first["errcode"], first["expires_in"]) == (0, 7200)
    platform.advance(3600)
    assert api.get("/cgi-bin/ticket/getticket", type="jsapi")["ticket"] == first["ticket"]
    platform.advance(3400)
    api.token = api.fetch_token()
    assert api.get("/cgi-bin/ticket/getticket", type="jsapi")["ticket"] != first["ticket"]


def test_a_phone_checks_the_pages_signature(platform, api):
    ticket = api.get("/cgi-bin/ticket/getticket", type="jsapi")["ticket"]
    text = f"jsapi_ticket={ticket}&noncestr=n1&timestamp=1700000000&url={PAGE}"
    page = {"app_id": api.account.app_id, "url": f"{PAGE}#top", "timestamp": "1700000000", "nonce": "n1"}
    signature = hashlib.sha1(text.encode()).hexdigest()
    assert platform.open_page(**page, signature=signature) == {"errMsg": "config:ok"}
    assert platform.open_page(**page, signature="0" * 40) == {"errMsg": "config:invalid signature"}


def test_the_known_vector():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    signature = sign_page(ticket, "Wm3WZYTPz0wzccnW", "1414587457", "http://mp.weixin.qq.com?params=value")
    assert signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_texts_are_judged(platform, call_as):
    mini = call_as("miniprogram")
    openid = platform.login_code(app_id=mini.account.app_id, person="bob")["openid"]

    def judge(content: str) -> dict:
        return mini.post("/wxa/msg_sec_check", openid=openid, scene=2, version=2, content=content)

    assert judge("很好喝")["result"] == {"suggest": "pass", "label": 100}
    assert judge("违规内容")["result"]["suggest"] == "risky"
    assert judge("长" * 2501)["errcode"] == 45002
