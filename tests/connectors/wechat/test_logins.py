"""Logins without a network: addresses, signatures and encrypted data, by Tencent's samples and wechatpy as oracle."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.client.api import WeChatJSAPI
from wechatpy.crypto import WeChatWxaCrypto

from connectors.wechat import component, jssdk, miniprogram, oauth
from connectors.wechat.client import WeChatClient
from connectors.wechat.component import AccountKinds, PreAuthCode
from connectors.wechat.errors import BadSignature, LoginExpired, TooLong, TransportFailed
from connectors.wechat.oauth import Scope, SecretRoute
from tests.connectors.wechat.listener import Listener

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# Tencent's published samples.
APP_ID, SESSION_KEY, IV = "wx4f4bc4dec97d474b", "tiihtNczf5v6AKRyjwEUhQ==", "r7BXXKkLb8qrSNn05n0qiA=="
ENCRYPTED = (
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz"
    "6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz"
    "/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1p"
    "JAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO"
    "0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="
)
TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"


def query_of(link: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(link).query, keep_blank_values=True)


# --- web login ------------------------------------------------------------------------------------------------------


def test_the_link_has_its_parameters_in_wechats_order() -> None:
    link = oauth.authorise_link("wx1", "https://a.cn/b?c=1&d=好", "x y", Scope.USERINFO, component_app_id="wxP",
                                is_forced_popup=True)  # fmt: skip
    assert link.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=https%3A%2F%2F")
    assert link.endswith("#wechat_redirect")
    assert query_of(link) == [
        ("appid", "wx1"), ("redirect_uri", "https://a.cn/b?c=1&d=好"), ("response_type", "code"),
        ("scope", "snsapi_userinfo"), ("state", "x y"), ("forcePopup", "true"), ("component_appid", "wxP"),
    ]  # fmt: skip
    assert [name for name, _ in query_of(oauth.authorise_link("wx1", "https://a.cn", "s"))][-1] == "state"
    with pytest.raises(TooLong, match="128"):
        oauth.authorise_link("wx1", "https://a.cn", "好" * 43)


def test_a_login_shows_no_secret_and_knows_its_end(listener: Listener) -> None:
    listener.answer("/sns/oauth2/access_token", {
        "access_token": "TOKEN", "expires_in": 7200, "refresh_token": "REFRESH", "openid": "oA", "scope": "snsapi_base",
        "unionid": "u"})  # fmt: skip
    route = SecretRoute("wx1", "SECRET", base_url=listener.url)
    login = oauth.exchange_code(route, "CODE", clock=lambda: NOON)
    assert (login.openid, login.union_id, login.expires_at) == ("oA", "u", NOON + timedelta(hours=2))
    assert listener.last.params == {
        "appid": "wx1",
        "secret": "SECRET",
        "code": "CODE",
        "grant_type": "authorization_code",
    }
    assert not any(secret in repr(login) + repr(route) for secret in ("TOKEN", "REFRESH", "SECRET"))
    renewed = {"access_token": "TOKEN2", "expires_in": 7200, "refresh_token": "REFRESH", "openid": "oA", "scope": "x"}
    listener.answer("/sns/oauth2/refresh_token", renewed)
    assert oauth.refresh_login(route, "REFRESH").access_token == "TOKEN2"
    assert "secret" not in listener.last.params


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"errcode": 40163, "errmsg": "code been used"}, LoginExpired),
        ({"errcode": 40029, "errmsg": "invalid code"}, LoginExpired),
        ({"errcode": 42003, "errmsg": "code expired"}, LoginExpired),
        ({"openid": "oVirtual", "access_token": "t", "is_snapshotuser": 1}, oauth.SnapshotVisitor),
        ({"access_token": "t"}, TransportFailed),
    ],
)
def test_a_code_that_is_no_login(answer: dict[str, Any], kind: type[Exception], listener: Listener) -> None:
    listener.answer("/sns/oauth2/access_token", answer)
    with pytest.raises(kind):
        oauth.exchange_code(SecretRoute("wx1", "s", base_url=listener.url), "CODE")
    assert len(listener.asked) == 1  # a code works once: never asked twice


# --- component pages ------------------------------------------------------------------------------------------------


def test_both_authorisation_pages() -> None:
    code = PreAuthCode("preauthcode@@@x/y", NOON)
    wanted = [
        ("component_appid", "wxP"),
        ("pre_auth_code", "preauthcode@@@x/y"),
        ("redirect_uri", "https://a.cn/b?c=1"),
    ]
    link = component.login_link("wxP", code, "https://a.cn/b?c=1", kinds=AccountKinds.OFFICIAL)
    assert link.startswith("https://mp.weixin.qq.com/cgi-bin/componentloginpage?")
    assert query_of(link) == [*wanted, ("auth_type", "1")]
    link = component.phone_link("wxP", code, "https://a.cn/b?c=1", app_id="wx1")
    assert link.startswith("https://open.weixin.qq.com/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&")
    assert link.endswith("#wechat_redirect")
    assert query_of(link)[2:] == [*wanted, ("auth_type", "3"), ("biz_appid", "wx1")]
    assert "preauth" not in repr(code)


# --- mini program ---------------------------------------------------------------------------------------------------


def test_tencents_sample_of_encrypted_data() -> None:
    content = miniprogram.decrypt_user_data(ENCRYPTED, IV, SESSION_KEY, APP_ID)
    assert content == WeChatWxaCrypto(SESSION_KEY, IV, APP_ID).decrypt_message(ENCRYPTED)
    assert (content["nickName"], content["watermark"]["appid"]) == ("Band", APP_ID)
    with pytest.raises(BadSignature):
        miniprogram.decrypt_user_data(ENCRYPTED, IV, SESSION_KEY, "wx4f4bc4dec97d474c")


def test_tencents_sample_of_signed_data() -> None:
    raw = (
        '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN",'
        '"avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAt'
        'pujxyzYsrztuuICqIM5ibXQ/0"}'
    )
    miniprogram.check_raw_data(raw, "75e81ceda165f4ffa64f4068af58c64b8f54b88c", "HyVFkGl5F5OQWJZZaNzBBg==")
    for changed in (raw + " ", raw.replace("Band", "band")):
        with pytest.raises(BadSignature):
            miniprogram.check_raw_data(changed, "75e81ceda165f4ffa64f4068af58c64b8f54b88c", "HyVFkGl5F5OQWJZZaNzBBg==")


def encrypt(content: bytes) -> str:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(base64.b64decode(SESSION_KEY)), modes.CBC(base64.b64decode(IV))).encryptor()
    padded = padder.update(content) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"watermark":1}', b'{"a":1}', b"[" * 5000, b"\xff\xfe", b'{"watermark":{"appid":["wx"]}}'],
)
def test_decrypted_rubbish_is_refused(content: bytes) -> None:
    with pytest.raises(BadSignature):
        miniprogram.decrypt_user_data(encrypt(content), IV, SESSION_KEY, APP_ID)


@given(st.binary(max_size=100), st.binary(max_size=20), st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_other_bytes_are_refused(encrypted: bytes, iv: bytes, key: bytes) -> None:
    parts = [base64.b64encode(part).decode() for part in (encrypted, iv, key)]
    with pytest.raises(BadSignature):
        miniprogram.decrypt_user_data(*parts, APP_ID)
    for broken in ("*", "é", "AAA"):
        with pytest.raises(BadSignature):
            miniprogram.decrypt_user_data(broken, IV, SESSION_KEY, APP_ID)


def test_huge_data_is_refused_before_it_is_decrypted() -> None:
    with pytest.raises(BadSignature):
        miniprogram.decrypt_user_data("A" * 70_000, IV, SESSION_KEY, APP_ID)


def test_a_phone_number_of_another_mini_program_is_refused(client: WeChatClient, listener: Listener) -> None:
    info = {"phoneNumber": "13900000000", "purePhoneNumber": "13900000000", "countryCode": "86"}
    listener.answer(miniprogram.PHONE_PATH, {"errcode": 0, "phone_info": info | {"watermark": {"appid": "wxapp"}}})
    phone = miniprogram.fetch_phone_number(client, "CODE", "oA")
    assert (phone.plain, phone.country_code) == ("13900000000", "86")
    assert "139" not in repr(phone)
    assert listener.last.body == {"code": "CODE", "openid": "oA"}
    listener.answer(miniprogram.PHONE_PATH, {"errcode": 0, "phone_info": info | {"watermark": {"appid": "wxevil"}}})
    with pytest.raises(BadSignature):
        miniprogram.fetch_phone_number(client, "CODE")


# --- JS-SDK ---------------------------------------------------------------------------------------------------------


def test_tencents_sample_of_a_signed_page() -> None:
    at = datetime.fromtimestamp(1414587457, UTC)
    config = jssdk.sign_page("wx1", TICKET, "http://mp.weixin.qq.com?params=value#top", nonce="Wm3WZYTPz0wzccnW",
                             clock=lambda: at)  # fmt: skip
    assert config.signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    assert (config.timestamp, config.nonce, config.app_id) == (1414587457, "Wm3WZYTPz0wzccnW", "wx1")
    assert replace(config, nonce="") != config


@given(st.text(alphabet="abc/?&=%#好", max_size=40))
@settings(max_examples=50, deadline=None)
def test_wechatpy_signs_every_page_the_same(tail: str) -> None:
    url = f"https://a.cn/{tail}"
    config = jssdk.sign_page("wx1", TICKET, url, nonce="n", clock=lambda: NOON)
    oracle = WeChatJSAPI(None).get_jsapi_signature("n", TICKET, int(NOON.timestamp()), url.partition("#")[0])
    assert config.signature == oracle
