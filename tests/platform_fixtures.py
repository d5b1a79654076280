"""A simulated WeChat platform: one process per test run, an empty world per test, and a listener for its pushes."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest

from simulator.remote import PlatformControl, SimulatorProcess


@dataclass
class Heard:
    """One request to the listener."""

    method: str
    path: str
    params: dict[str, str]
    body: str


@dataclass
class Listener:
    """A site's callback that notes what it hears and answers as told: `answer` gets the request, returns the body."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    answer: Callable[[Heard], str] = lambda heard: heard.params.get("echostr", "success")
    status: int = 200


class _Handler(http.server.BaseHTTPRequestHandler):
    listener: Listener

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        heard = Heard(self.command, path, dict(parse_qsl(query)), body)
        self.server.listener.heard.append(heard)
        answer = self.server.listener.answer(heard).encode()
        try:
            self.send_response(self.server.listener.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            pass  # the caller's patience ended

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def platform_process() -> Iterator[PlatformControl]:
    with SimulatorProcess() as control:
        yield control


@pytest.fixture
def platform(platform_process: PlatformControl) -> PlatformControl:
    """An empty world with patience cut short: 1 s for an answer to a push, 0.2 s between its deliveries."""
    platform_process.do("reset")
    platform_process.do("settings", push_timeout_seconds=1.0, push_retry_seconds=0.2)
    return platform_process


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.listener = Listener(f"http://127.0.0.1:{server.server_address[1]}/callback")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.listener
    server.shutdown()
    server.server_close()
    thread.join()
