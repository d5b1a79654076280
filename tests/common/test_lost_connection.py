"""A connection that the server ended while nobody used it is replaced before the next request; others are not asked."""

import pytest
from django.db import connection

from common.queries import fetch_prepared


def end_by_the_server(pid: int) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])
    other.close()


@pytest.mark.django_db(transaction=True)
def test_an_ended_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    first = connection.connection
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    assert connection.is_usable()
    end_by_the_server(first.info.backend_pid)
    connection.close_if_unusable_or_obsolete()  # what the start of a request does
    assert fetch_prepared("SELECT 1", []) == [(1,)]
    assert connection.connection is not first


@pytest.mark.django_db
def test_a_living_connection_is_not_asked(django_assert_num_queries) -> None:
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert connection.is_usable()
