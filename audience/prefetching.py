"""Work ahead in a thread: the next chunks are decoded and cleaned while the database stores the last one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
_CHECK_SECONDS = 0.1


class Ahead(Generic[Item]):
    """Items that a thread computes, in order. Iterating raises the thread's error in its place."""

    def __init__(self, waiting: "Queue[tuple[bool, Item | BaseException | None]]") -> None:
        self._waiting = waiting

    @property
    def is_ready(self) -> bool:
        """Whether the next step of the iteration need not wait."""
        return not self._waiting.empty()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        is_item, content = self._waiting.get()
        if is_item:
            return content  # type: ignore[return-value]  # an item, as the flag says
        self._waiting.put((False, content))  # for whoever asks again
        if isinstance(content, BaseException):
            raise content
        raise StopIteration


@contextmanager
def ahead(make: Callable[[], Iterator[Item]], depth: int) -> Iterator[Ahead[Item]]:
    """The items of `make()`, computed in a thread up to `depth` items ahead; its errors are raised here.

    The thread must not touch the database: it has no connection and no tenant scope.
    """
    waiting: Queue[tuple[bool, Item | BaseException | None]] = Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(make, waiting, stop), daemon=True, name="ahead")
    thread.start()
    try:
        yield Ahead(waiting)
    finally:
        stop.set()
        thread.join()


def _fill(
    make: Callable[[], Iterator[Item]], waiting: Queue[tuple[bool, Item | BaseException | None]], stop: threading.Event
) -> None:
    try:
        for item in make():
            if not _put(waiting, (True, item), stop):
                return
    except BaseException as error:  # noqa: BLE001  # handed over: the consumer raises it
        _put(waiting, (False, error), stop)
    else:
        _put(waiting, (False, None), stop)


def _put(
    waiting: Queue[tuple[bool, Item | BaseException | None]],
    entry: tuple[bool, Item | BaseException | None],
    stop: threading.Event,
) -> bool:
    while not stop.is_set():
        try:
            waiting.put(entry, timeout=_CHECK_SECONDS)
        except Full:
            continue
        return True
    return False
