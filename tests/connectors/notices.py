"""A merchant's notification address of a few lines: verifies with the client it is given, and answers as one must."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connectors.wechat.errors import WeChatError
from connectors.wechat.pay import Notification, PayClient, failure


class NoticeServer:
    """`told` are the notifications that were surely WeChat Pay's, `refused` the reasons of the others."""

    def __init__(self) -> None:
        self.client: PayClient | None = None
        self.told: list[Notification] = []
        self.refused: list[WeChatError] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/pay"

    def wait_for(self, num: int) -> list[Notification]:
        until = time.monotonic() + 5
        while len(self.told) < num and time.monotonic() < until:
            time.sleep(0.01)
        return list(self.told)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(notices: NoticeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            assert notices.client is not None
            try:
                notices.told.append(notices.client.open_notification(dict(self.headers), body))
            except WeChatError as error:
                notices.refused.append(error)
                self._answer(401, failure("signature"))
                return
            self._answer(204, b"")

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
