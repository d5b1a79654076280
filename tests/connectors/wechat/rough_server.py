"""A server on a bare socket, for everything a decent server does not do: hang, drip, break off, never stop."""

import socket
import threading
import time
from collections.abc import Callable

Behaviour = Callable[[socket.socket], None]


class RoughServer:
    """Hands each connection, its request read, to the next behaviour; the last one goes on for ever."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)
        self.requests: list[bytes] = []
        self.is_closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.is_closed.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self.is_closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.requests.append(_read_request(connection))
            behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            try:
                behave(connection)
            except OSError:
                return  # the client left


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answers(content: bytes, status: str = "200 OK", *headers: str) -> Behaviour:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + content)


def closes(connection: socket.socket) -> None:
    """Not a word."""


def hangs(connection: socket.socket) -> None:
    """Silence."""
    time.sleep(5)


def sends_half(connection: socket.socket) -> None:
    """Promises 100 bytes and gives 12."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"errcode":0')


def drips(connection: socket.socket) -> None:
    """A byte now and then, each within the read timeout."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def never_stops(connection: socket.socket) -> None:
    """Chunk after chunk."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"2000\r\n" + b"a" * 0x2000 + b"\r\n")
