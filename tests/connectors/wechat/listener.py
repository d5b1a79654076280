"""A real HTTP server that writes down what it is asked and answers what the test told it to."""

import json
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    params: dict[str, str]
    raw: bytes
    content_type: str

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the usual 5 drops connections of fifty threads


class Listener:
    """`answers[path]` is a queue; its last entry is given again and again; without one: {"errcode":0,"errmsg":"ok"}."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, deque[Any]] = defaultdict(deque)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, *answers: Any) -> None:
        self.answers[path] = deque(answers)

    def next_answer(self, path: str) -> Any:
        waiting = self.answers[path]
        if not waiting:
            return {"errcode": 0, "errmsg": "ok"}
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                raw,
                self.headers.get("Content-Type", ""),
            )
            listener.asked.append(asked)
            found = listener.next_answer(parts.path)
            if found is None:  # close without a word
                self.close_connection = True
                self.connection.close()
                return
            self._send(found(asked) if callable(found) else found)

        def _send(self, found: Any) -> None:
            content_type = "application/json"
            if isinstance(found, tuple):
                content_type, content = found
            else:
                content = json.dumps(found, ensure_ascii=False).encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
