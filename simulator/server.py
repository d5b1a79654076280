"""HTTP in front of the simulator: one thread per connection, keep-alive, and the power to hang or cut a connection."""

import contextlib
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from simulator import schedule
from simulator.app import Simulator
from simulator.calls import Request, Response
from simulator.control import start_anew
from simulator.crowd_control import crowds_of
from simulator.pushing import Pusher
from simulator.storage import SNAPSHOT_SECONDS
from simulator.world import World

MAX_BODY_BYTES = 64 * 1024 * 1024


class Server(ThreadingHTTPServer):
    """Holds the simulator; ends without waiting for open connections."""

    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        self.stopping = threading.Event()
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are nobody's trouble; everything else is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: Server

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._read_chunks() if headers.get("transfer-encoding") == "chunked" else self.rfile.read(length)
        request = Request(self.command, path, query, headers, body, self._caller(headers))
        self._send(self.server.simulator.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _caller(self, headers: dict[str, str]) -> str:
        return headers.get("x-simulated-address") or str(self.client_address[0])

    def _send(self, response: Response) -> None:
        if response.delay_seconds:
            self._wait(response.delay_seconds)
        if response.is_cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        head = [f"HTTP/1.1 {response.status} {_reason(response.status)}", f"Content-Type: {response.content_type}"]
        head += [f"Content-Length: {len(response.body)}", f"Date: {self.date_time_string()}"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + response.body)  # one packet

    def _wait(self, seconds: float) -> None:
        self.server.stopping.wait(seconds)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the calls are in the world's log."""


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


class Running:
    """A simulator at work on `port` (0: a free one), with its clockwork and its pusher."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, state: Path | None = None, seed: int = 1) -> None:
        self.world = World(state, seed)
        self.server = Server((host, port), Simulator(self.world))
        self.pusher = Pusher(self.world)
        self.port = int(self.server.server_address[1])
        start_anew(self.world)
        self._threads = [
            threading.Thread(target=self.server.serve_forever, args=(0.05,), name="http", daemon=True),
            threading.Thread(target=schedule.run_forever, args=(self.world, self.server.stopping), daemon=True),
            threading.Thread(target=crowds_of(self.world).run_forever, args=(self.server.stopping,), daemon=True),
            threading.Thread(target=self._keep_saving, daemon=True),
        ]

    def start(self) -> "Running":
        """Begins to listen."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Ends everything and writes the last snapshot."""
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.pusher.stop()
        for thread in self._threads:
            thread.join(5)
        self.world.save()
        self.world.storage.close()

    def _keep_saving(self) -> None:
        saved_at = time.monotonic()
        while not self.server.stopping.wait(0.5):
            if time.monotonic() - saved_at >= SNAPSHOT_SECONDS:
                self.world.save()
                saved_at = time.monotonic()
