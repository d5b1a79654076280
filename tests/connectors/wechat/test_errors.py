"""Every errcode of the fact sheet has a sentence, a reaction and, where it matters, a class."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.wechat import errcodes, errors
from connectors.wechat.clock import BEIJING, beijing_day, next_beijing_midnight
from connectors.wechat.errcodes import Reaction
from connectors.wechat.errors import Refused, TransportFailed, WeChatError, refusal

LISTED = [
    -1, 40001, 40002, 40003, *range(40004, 40007), 40007, 40008, *range(40009, 40013), 40013, 40014,
    *range(40015, 40028), 40029, 40030, 40032, 40033, 40035, 40036, 40037, 40052, 40053, 40054, 40055, 40060, 40097,
    *range(40117, 40122), 40125, 40129, 40130, 40132, 40137, 40155, 40163, 40164, 40165, 40226, 40243,
    *range(41001, 41010), 41030, 42001, 42002, 42003, 42007, 43001, 43002, 43003, 43004, 43019, 43101, 43104, 43107,
    43108, 43116, *range(44001, 44005), *range(45001, 45010), 45011, 45015, 45026, 45027, 45028, 45047,
    *range(45056, 45060), 45064, 45065, 45066, 45067, 45072, 45080, 45081, 45083, 45084, 45157, 45158, 45159, 46001,
    46003, 46004, 47001, 47003, 48001, 48002, 48004, 48005, 48006, 48008, 49003, 50001, 50002, 50005,
    *range(53500, 53506), 53600, 61003, 61004, 61005, 61006, 61007, 61009, 61010, 61011, 61014, 61023, 61024, 61028,
    *range(61450, 61458), 61500, 61501, *range(65301, 65318), 76021, 76022, 85079, 85400, 85401, 85402, 87009, 87014,
    89000, 89002, 89003, 89004, 89501, 89503, 89506, 89507, *range(200011, 200018),
]  # fmt: skip
"""Section 13 of the fact sheet, as it stands there."""
OUR_FAULT = {
    40002, 40008, 40032, 40033, 40035, 40052, 40053, 40060, 40097, 40129, 40130, *range(41001, 41010), 43001, 43002,
    43003, 45067, 45072, 45083, 45084, 47001, 61500, 61501, 76021,
}  # fmt: skip
PASSING = {-1, 40001, 40014, 42001, 45009, 45011, 45028, 45066, 61005, 61006}


@pytest.mark.parametrize("errcode", LISTED)
def test_every_code_has_a_whole_sentence_and_the_right_permanence(errcode: int) -> None:
    error = refusal(errcode, "some text rid: 655e0000-11111111-22222222", "/cgi-bin/x", {"errcode": errcode})
    assert error.message.endswith(".")
    assert "%(" not in error.message
    assert error.permanent == (errcode not in PASSING)
    assert (error.reaction == Reaction.REPORT_BUG) == (errcode in OUR_FAULT)
    assert error.errcode == errcode
    assert str(errcode) in str(error)


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (40001, "InvalidToken"), (40014, "InvalidToken"), (42001, "InvalidToken"), (40125, "BadSecret"),
        (40013, "BadAppId"), (40164, "AddressNotListed"), (61004, "AddressNotListed"), (40243, "SecretFrozen"),
        (-1, "Busy"), (45009, "OverQuota"), (45011, "TooFast"), (48001, "NotAllowed"), (43004, "NotFollowing"),
        (45015, "WindowClosed"), (45047, "WindowUsedUp"), (43101, "NoSubscription"), (45065, "AlreadySent"),
        (61003, "NotAuthorised"), (61007, "NotAuthorised"), (61023, "NotAuthorised"), (40007, "MediaExpired"),
        (40003, "UnknownPerson"), (48002, "RefusesMessages"), (40163, "LoginExpired"), (89503, "AddressUnconfirmed"),
        (99999, "Refused"),
    ],
)  # fmt: skip
def test_codes_with_a_reaction_of_their_own_have_a_class(errcode: int, kind: str) -> None:
    error = refusal(errcode, "x", "/cgi-bin/x")
    assert type(error).__name__ == kind
    assert isinstance(error, WeChatError)


def test_every_class_has_a_code_of_its_own() -> None:
    todo, kinds = [WeChatError], []
    while todo:
        kinds.append(todo.pop())
        todo += kinds[-1].__subclasses__()
    codes = [kind.code for kind in kinds if kind.__module__ == errors.__name__]
    assert len(codes) == len(set(codes))
    assert set(errcodes.MEANINGS) >= {-1, 40001, 45015}


def test_40001_of_the_token_call_means_the_secret() -> None:
    error = refusal(40001, "invalid credential", "/cgi-bin/stable_token")
    assert type(error) is errors.BadSecret
    assert error.permanent
    assert "AppSecret" in error.message


@pytest.mark.parametrize(
    ("errmsg", "rid", "rest"),
    [
        ("invalid credential rid: 655e1a2b-1c2d3e4f-5a6b7c8d", "655e1a2b-1c2d3e4f-5a6b7c8d", "invalid credential"),
        ("invalid media_id hint: [zM7nda0480]", "zM7nda0480", "invalid media_id"),
        ("ok", "", "ok"),
        ("", "", ""),
        ("reach limit, rid: 1-2-3 ", "1-2-3", "reach limit,"),
    ],
)
def test_the_request_id_is_kept_apart(errmsg: str, rid: str, rest: str) -> None:
    error = refusal(45009, errmsg, "/x")
    assert (error.rid, error.errmsg) == (rid, rest)


@pytest.mark.parametrize(
    ("errcode", "errmsg", "address"),
    [
        (40164, "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: a-b-c", "1.2.3.4"),
        (40164, "invalid ip 2408:8756::1, not in whitelist", "2408:8756::1"),
        (61004, "access clientip is not registered requestIP: 5.6.7.8 rid: a-b-c", "5.6.7.8"),
    ],
)
def test_the_refused_address_is_read(errcode: int, errmsg: str, address: str) -> None:
    error = refusal(errcode, errmsg, "/x")
    assert error.address == address
    assert address in error.message


def test_a_mass_message_sent_before_tells_its_id() -> None:
    error = refusal(
        45065, "clientmsgid exist", "/cgi-bin/message/mass/sendall", {"errcode": 45065, "msg_id": 3147483655}
    )
    assert isinstance(error, errors.AlreadySent)
    assert (error.msg_id, error.reaction) == ("3147483655", Reaction.DONE)


def test_when_a_refusal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # half past midnight in Beijing, on the 2nd
    monkeypatch.setattr(errors, "now", lambda: noon)
    assert refusal(45009, "", "/x").until == datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    assert refusal(45011, "", "/x").until == noon + timedelta(minutes=1)
    assert refusal(45009, "", "/wxa/getwxacodeunlimit").until == noon + timedelta(minutes=1)
    assert refusal(45015, "", "/x").until is None
    assert beijing_day(noon).isoformat() == "2026-03-02"
    assert next_beijing_midnight(noon) == datetime(2026, 3, 3, tzinfo=BEIJING)


def test_a_percent_sign_in_the_platforms_words_does_no_harm() -> None:
    assert "100%s" in refusal(47003, "argument 100%s invalid", "/x").message
    assert str(TransportFailed("Lost.", may_have_arrived=False)) == "Lost."


def test_an_unknown_code_keeps_everything() -> None:
    error = refusal(123456, "new trouble rid: 1-2-3", "/x", {"errcode": 123456, "extra": 1})
    assert type(error) is Refused
    assert (error.answer["extra"], error.rid, error.permanent) == (1, "1-2-3", True)
