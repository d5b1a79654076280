"""The same device in several requests at once: every event once, one name, nothing left waiting."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from accounts.tenancy import tenant_scope
from audience.models import Event
from catalog.models import Item
from connectors.models import HeldEvent, Visitor
from connectors.tracking import tallies
from tests.connectors.tracking.conftest import ORIGIN

pytestmark = pytest.mark.django_db(transaction=True)


def post(address, visitor, rows, token=""):
    """One request on a connection of its own."""
    body = {"visitor": visitor, "events": rows, "token": token}
    try:
        answer = Client().post(address, json.dumps(body), content_type="text/plain", headers={"origin": ORIGIN})
        return answer.status_code, answer.json()
    finally:
        connection.close()


def at_once(calls):
    with ThreadPoolExecutor(6) as pool:
        return [call.result() for call in [pool.submit(post, *call) for call in calls]]


def test_a_batch_sent_six_times_at_once_counts_once(key, article, follower, token_of, brand):
    rows = [{"id": f"e{number}", "kind": "read", "item": f"new-{number % 5}"} for number in range(30)]
    address, token = f"/collect/v1/events?key={key.code}", token_of(follower)
    answers = at_once([(address, "device-00000001", rows if odd else rows[::-1], token) for odd in (0, 1) * 3])
    assert [status for status, _body in answers] == [202] * 6
    assert sum(body["accepted"] for _status, body in answers) == 30
    with tenant_scope(brand):
        assert (Event.objects.count(), Visitor.objects.count(), Item.objects.count()) == (30, 1, 6)
        assert tallies.totals(f"key:{key.code}") == {"accepted": 30, "duplicate": 150}


def test_naming_and_holding_at_once_leave_nothing_waiting(key, follower, token_of, brand):
    address, token = f"/collect/v1/events?key={key.code}", token_of(follower)
    calls = [
        (address, "device-00000001", [{"id": f"n{n}", "kind": "view"}], token if n % 3 == 0 else "") for n in range(18)
    ]
    assert {status for status, _body in at_once(calls)} == {202}
    post(address, "device-00000001", [])
    with tenant_scope(brand):
        assert (Event.objects.count(), HeldEvent.objects.count(), Visitor.objects.count()) == (18, 0, 1)
