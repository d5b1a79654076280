"""Queries of the request path, prepared on the server.

Planning a query over many month partitions costs ten times its run; a prepared one is planned once per connection.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from django.db import connection

_EVERY_QUERY = 0


def fetch_prepared(query: LiteralString, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query in the running transaction, planned once per connection."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.connection.prepare_threshold = _EVERY_QUERY  # Django forbids it by None; its own cursors never prepare
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(query, params).fetchall()
