"""The client against a real server: tokens, refusals, retries, and a platform that behaves badly."""

import logging
import traceback
from collections.abc import Callable, Iterator

import httpx
import pytest

from connectors.wechat import transport
from connectors.wechat.client import Media, WeChatClient
from connectors.wechat.errors import (
    BadMessage,
    Busy,
    InvalidToken,
    MediaExpired,
    NotAllowed,
    OverQuota,
    TransportFailed,
    WeChatError,
)
from connectors.wechat.quotas import MemoryLedger
from tests.connectors.wechat.listener import Listener
from tests.connectors.wechat.rough_server import (
    Behaviour,
    RoughServer,
    answers,
    closes,
    drips,
    hangs,
    never_stops,
    sends_half,
)

PATH = "/cgi-bin/some/call"
OK = answers(b'{"errcode":0,"errmsg":"ok"}')


class TwoTokens:
    """SECRET-A until it is refused, then SECRET-B."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def get(self) -> str:
        return "SECRET-B" if self.refused else "SECRET-A"

    def renew(self, stale: str) -> str:
        self.refused.append(stale)
        return "SECRET-B"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def rough(http: httpx.Client, sleeps: list[float]) -> Iterator[Callable[..., tuple[WeChatClient, RoughServer]]]:
    servers: list[RoughServer] = []

    def start(*behaviours: Behaviour) -> tuple[WeChatClient, RoughServer]:
        servers.append(RoughServer(*behaviours))
        client = WeChatClient("wxapp", TwoTokens(), base_url=servers[-1].url, http=http, sleep=sleeps.append)
        return client, servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.25))
    monkeypatch.setattr(transport, "DEADLINE_SECONDS", 0.3)


def teller(listener: Listener, http: httpx.Client, sleeps: list[float], **options: object) -> WeChatClient:
    return WeChatClient("wxapp", TwoTokens(), base_url=listener.url, http=http, sleep=sleeps.append, **options)


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_bodies_are_real_utf8_and_the_token_stands_in_the_query(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    teller(listener, http, sleeps).call("POST", PATH, params={"lang": "zh"}, body={"content": "你好 😀"})
    asked = listener.last
    assert asked.raw == '{"content":"你好 😀"}'.encode()
    assert asked.params == {"access_token": "SECRET-A", "lang": "zh"}
    assert asked.content_type == "application/json"


def test_a_call_without_token_sends_none(listener: Listener, http: httpx.Client, sleeps: list[float]) -> None:
    teller(listener, http, sleeps).call("GET", PATH, params={"appid": "a&b=c"}, token=False)
    assert listener.last.params == {"appid": "a&b=c"}


def test_files_travel_as_multipart_with_form_fields_beside(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    files = {"media": ("片.mp4", b"\0film", "video/mp4")}
    teller(listener, http, sleeps).call("POST", PATH, files=files, body={"description": '{"title":"片"}'})
    asked = listener.last
    assert asked.content_type.startswith("multipart/form-data; boundary=")
    assert b"\0film" in asked.raw
    assert '{"title":"片"}'.encode() in asked.raw
    assert b'name="media"' in asked.raw


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": "\ud800"}])
def test_what_cannot_be_sent_is_refused_before_the_call(
    body: object, listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    with pytest.raises(BadMessage):
        teller(listener, http, sleeps).call("POST", PATH, body=body)
    assert listener.asked == []


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_once_and_the_call_repeated(
    errcode: int, listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, {"errcode": errcode, "errmsg": "invalid"}, {"errcode": 0, "msgid": 7})
    client = teller(listener, http, sleeps)
    assert client.call("POST", PATH, body={}) == {"errcode": 0, "msgid": 7}
    assert [asked.params["access_token"] for asked in listener.asked] == ["SECRET-A", "SECRET-B"]
    assert client.tokens.refused == ["SECRET-A"]


def test_a_second_refusal_is_raised_after_exactly_two_calls(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, {"errcode": 40001, "errmsg": "invalid credential rid: 655e0000-11111111-22222222"})
    with pytest.raises(InvalidToken) as caught:
        teller(listener, http, sleeps).call("POST", PATH, body={})
    assert len(listener.asked) == 2
    assert (caught.value.rid, caught.value.errmsg) == ("655e0000-11111111-22222222", "invalid credential")


def test_without_another_token_the_call_is_not_repeated(client: WeChatClient, listener: Listener) -> None:
    listener.answer(PATH, {"errcode": 42001, "errmsg": "expired"})
    with pytest.raises(InvalidToken):
        client.call("GET", PATH)  # the fixture's source gives the stale token again
    assert len(listener.asked) == 1


# --- retries --------------------------------------------------------------------------------------------------------

BUSY = {"errcode": -1, "errmsg": "system error"}


def test_a_busy_platform_is_asked_again_with_growing_pauses(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, BUSY, BUSY, BUSY, {"total": 3})
    assert teller(listener, http, sleeps).call("GET", PATH) == {"total": 3}
    assert len(sleeps) == 3
    for pause, longest in zip(sleeps, (0.5, 1.0, 2.0), strict=True):
        assert longest / 2 <= pause <= longest


def test_a_platform_that_stays_busy_is_given_up_after_three_retries(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, BUSY)
    with pytest.raises(Busy) as caught:
        teller(listener, http, sleeps).call("POST", PATH, idempotent=True)
    assert len(listener.asked) == 4
    assert not caught.value.permanent


@pytest.mark.parametrize("errcode", [-1, 45009, 45011, 48001, 43004])
def test_a_send_is_never_repeated_whatever_the_refusal(
    errcode: int, listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, {"errcode": errcode, "errmsg": "no"})
    with pytest.raises(WeChatError):
        teller(listener, http, sleeps).call("POST", PATH, body={})
    assert (len(listener.asked), sleeps) == (1, [])


def test_a_closed_connection_repeats_a_read_once_and_a_send_never(rough: Callable[..., tuple]) -> None:
    client, server = rough(closes, OK)
    assert client.call("GET", PATH)["errcode"] == 0
    assert len(server.requests) == 2

    client, server = rough(closes)
    with pytest.raises(TransportFailed) as caught:
        client.call("GET", PATH)
    assert len(server.requests) == 2
    assert caught.value.may_have_arrived

    client, server = rough(closes, OK)
    with pytest.raises(TransportFailed) as caught:
        client.call("POST", PATH, body={"touser": "o"})
    assert len(server.requests) == 1
    assert (caught.value.may_have_arrived, caught.value.permanent) == (True, False)


def test_a_refused_connection_surely_sent_nothing_so_even_a_send_is_tried_twice(
    http: httpx.Client, sleeps: list[float]
) -> None:
    server = RoughServer(closes)
    server.close()
    client = WeChatClient("wxapp", TwoTokens(), base_url=server.url, http=http, sleep=sleeps.append)
    with pytest.raises(TransportFailed) as caught:
        client.call("POST", PATH, body={})
    assert (caught.value.may_have_arrived, len(sleeps)) == (False, 1)


# --- a platform that behaves badly ----------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [hangs, drips])
def test_silence_and_dripping_end_in_time(behaviour: Behaviour, rough: Callable[..., tuple]) -> None:
    client, server = rough(behaviour)
    with pytest.raises(TransportFailed, match="in time") as caught:
        client.call("GET", PATH)
    assert (caught.value.is_timeout, caught.value.may_have_arrived, len(server.requests)) == (True, True, 1)


BAD_ANSWERS = {
    "html": answers(b"<html><body>502 Bad Gateway</body></html>", "502 Bad Gateway", "Content-Type: text/html"),
    "html as 200": answers(b"<!DOCTYPE html><p>maintenance", "200 OK", "Content-Type: text/html"),
    "nothing": answers(b""),
    "an array": answers(b'[{"errcode":0}]'),
    "a number": answers(b"0"),
    "half json": answers(b'{"errcode":0'),
    "json of 500 without errcode": answers(b'{"error":"x"}', "500 Internal Server Error"),
    "deep json": answers(b'{"a":' * 100_000),
    "a redirect": answers(b"", "302 Found", "Location: http://127.0.0.1:9/steal"),
    "packed though not asked": answers(b"\x1f\x8b\x08\x00rubbish", "200 OK", "Content-Encoding: gzip"),
    "half a body": sends_half,
    "no http": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n"),
}


@pytest.mark.parametrize("behaviour", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_what_is_no_answer_of_wechat_leaves_open_whether_it_arrived(
    behaviour: Behaviour, rough: Callable[..., tuple]
) -> None:
    client, server = rough(behaviour)
    with pytest.raises(TransportFailed) as caught:
        client.call("POST", PATH, body={})
    assert (caught.value.may_have_arrived, caught.value.is_timeout, len(server.requests)) == (True, False, 1)


def test_an_answer_without_end_is_cut_off(rough: Callable[..., tuple], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_JSON_BYTES", 1_000_000)
    client, _ = rough(never_stops)
    with pytest.raises(TransportFailed, match="larger than 1000000 bytes"):
        client.call("POST", PATH, body={})


@pytest.mark.parametrize("behaviour", [hangs, closes, sends_half, BAD_ANSWERS["html"], BAD_ANSWERS["a redirect"],
                                       answers(b'{"errcode":40001,"errmsg":"invalid credential"}'),
                                       answers(b'{"errcode":48001,"errmsg":"api unauthorized"}')])  # fmt: skip
def test_no_token_in_logs_errors_or_repr(
    behaviour: Behaviour, rough: Callable[..., tuple], caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = rough(behaviour)
    caplog.set_level(logging.DEBUG)
    confidential = {"secret": "SECRET-C"}
    with pytest.raises(WeChatError) as caught:
        client.call("GET", PATH, params=confidential)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value) + repr(client)
    assert "SECRET-" not in told.replace('confidential = {"secret": "SECRET-C"}', "")
    assert "SECRET" not in caplog.text
    assert not isinstance(caught.value.__context__, httpx.HTTPError)


def test_httpx_still_logs_the_call_itself(
    listener: Listener, http: httpx.Client, sleeps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    teller(listener, http, sleeps).call("GET", PATH)
    assert f"{listener.url}{PATH} " in caplog.text
    assert "SECRET" not in caplog.text


# --- binary endpoints -----------------------------------------------------------------------------------------------


def test_a_file_is_fetched_as_bytes_and_a_refusal_as_a_refusal(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    client = teller(listener, http, sleeps)
    listener.answer(PATH, ("image/jpeg", b"\xff\xd8picture"))
    assert client.fetch("GET", PATH, params={"media_id": "m"}) == Media(b"\xff\xd8picture", "image/jpeg")
    listener.answer(PATH, ("text/plain", b'{"errcode":40007,"errmsg":"invalid media_id"}'))
    with pytest.raises(MediaExpired):
        client.fetch("GET", PATH)
    listener.answer(PATH, ("application/octet-stream", b' {"errcode":40007,"errmsg":"invalid media_id"}'))
    with pytest.raises(MediaExpired):
        client.fetch("GET", PATH)
    listener.answer(PATH, {"video_url": "http://v"})
    assert client.fetch("GET", PATH).content == b'{"video_url": "http://v"}'
    listener.answer(PATH, ("text/html", b"<html>"))
    with pytest.raises(TransportFailed):
        client.fetch("GET", PATH)


# --- quotas ---------------------------------------------------------------------------------------------------------


def test_a_used_up_quota_refuses_before_the_call(listener: Listener, http: httpx.Client, sleeps: list[float]) -> None:
    client = teller(listener, http, sleeps, ledger=MemoryLedger({PATH: 2}))
    client.call("POST", PATH, body={})
    client.call("POST", PATH, body={})
    with pytest.raises(OverQuota) as caught:
        client.call("POST", PATH, body={})
    assert len(listener.asked) == 2
    assert caught.value.until is not None


def test_after_45009_nothing_is_asked_until_tomorrow(
    listener: Listener, http: httpx.Client, sleeps: list[float]
) -> None:
    listener.answer(PATH, {"errcode": 45009, "errmsg": "reach max api daily quota limit"}, {"errcode": 0})
    client = teller(listener, http, sleeps, ledger=MemoryLedger({}))
    for _ in range(2):
        with pytest.raises(OverQuota):
            client.call("POST", PATH, body={})
    assert len(listener.asked) == 1


def test_every_try_is_counted(listener: Listener, http: httpx.Client, sleeps: list[float]) -> None:
    ledger = MemoryLedger({})
    listener.answer(PATH, BUSY, {"errcode": 40001}, {"errcode": 0})
    teller(listener, http, sleeps, ledger=ledger).call("GET", PATH)
    assert ledger.used(PATH) == 3
    listener.answer(PATH, {"errcode": 48001})
    with pytest.raises(NotAllowed):
        teller(listener, http, sleeps, ledger=ledger).call("GET", PATH)
    assert ledger.used(PATH) == 4
