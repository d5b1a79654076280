"""Tell how far a job is while its own connection sits in one long transaction."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import InterfaceError, OperationalError, connection

from accounts.jobs import Lease, LeaseLost
from common.errors import JobCancelled

logger = logging.getLogger(__name__)
_INTERVAL_SECONDS = 1.0


class ProgressReporter:
    """Writes the job's progress from a thread with a connection of its own, about once a second.

    Inside a transaction of the caller's, where another connection could not see the job, it writes directly.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._is_direct = connection.in_atomic_block
        self._latest: tuple[int, int, str] | None = None
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="progress")

    def __enter__(self) -> Self:
        if not self._is_direct:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop writing; before the job publishes, so that nobody waits for its row."""
        self._stop.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def at(self, done: int, total: int, stage: str) -> None:
        """Note how far the work is; raises `JobCancelled` or `LeaseLost` when it must stop."""
        if self._is_direct:
            self._lease.progress(done, total, stage)
        self._latest = (done, total, stage)
        self._changed.set()
        self._lease.check()

    def _write_all(self) -> None:
        while not self._stop.is_set():
            self._changed.wait()
            self._changed.clear()
            if self._latest is not None and not self._stop.is_set():
                self._write(*self._latest)
                self._stop.wait(_INTERVAL_SECONDS)
        connection.close()

    def _write(self, done: int, total: int, stage: str) -> None:
        try:
            self._lease.progress(done, total, stage)
        except (JobCancelled, LeaseLost):
            self._stop.set()  # the worker's own thread sees it at its next `at`
        except (OperationalError, InterfaceError):  # the database is away: the worker notices by itself
            logger.warning("import_progress_failed", extra={"job": self._lease.job.pk})
            connection.close()
