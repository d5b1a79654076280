"""Queries of the request path, prepared on the server.

Planning a query over many month partitions costs several times its run; a prepared one is planned once per connection.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from django.db import connection


def fetch_prepared(query: LiteralString, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query in the running transaction, planned once per connection."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(query, params, prepare=True).fetchall()
