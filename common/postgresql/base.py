"""The backend itself; Django looks for it under this name."""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A kept connection is asked for its health only when the server has said something meanwhile.

    A server that ends a connection sends a message or closes it; either makes the idle connection readable. So the
    question costs no round trip, which is a tenth of a recommendation.
    """

    def is_usable(self) -> bool:
        """Whether the connection may be used for the next request."""
        connection: Any = self.connection
        if connection is None or connection.closed:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(super().is_usable()) if poll.poll(0) else True
