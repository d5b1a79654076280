"""The library of subscription notices."""

import pytest

from connectors.wechat import template_library as library
from connectors.wechat.errors import BadMessage

BASE = "/wxaapi/newtmpl/"


def test_categories_and_keywords(client, listener):
    listener.answer(BASE + "getcategory", {"errcode": 0, "errmsg": "ok", "data": [{"id": 616, "name": "公交"}]})
    assert library.read_categories(client) == (library.Category(616, "公交"),)
    row = {"kid": 1, "name": "物品名称", "example": "名称", "rule": "thing"}
    listener.answer(BASE + "getpubtemplatekeywords", {"errcode": 0, "errmsg": "ok", "count": 1, "data": [row]})
    assert library.read_keywords(client, "99") == (library.LibraryKeyword(1, "物品名称", "名称", "thing"),)
    assert listener.last.params["tid"] == "99"


def test_titles_come_thirty_a_call(client, listener):
    def answer(asked):
        start, limit = int(asked.params["start"]), int(asked.params["limit"])
        rows = [
            {"tid": number, "title": "题", "type": 2, "categoryId": "616"}
            for number in range(start, min(start + limit, 31))
        ]
        return {"errcode": 0, "errmsg": "ok", "count": 31, "data": rows}

    listener.answer(BASE + "getpubtemplatetitles", answer)
    found = list(library.read_titles(client, (616, 617)))
    assert len(found) == 31
    assert found[30] == library.LibraryTemplate("30", "题", 2, 616)
    assert [(asked.params["ids"], asked.params["start"]) for asked in listener.asked] == [
        ("616,617", "0"), ("616,617", "30")
    ]  # fmt: skip


def test_no_category_is_no_call(client, listener):
    with pytest.raises(BadMessage):
        next(library.read_titles(client, ()))
    assert listener.asked == []
