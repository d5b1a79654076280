"""A worker in a process of its own: fetches the shared token, uses it until told, and says what it used.

Run as `python -m tests.connectors.wechat.worker URL STORE NUM_CALLS`; its store is a file under a file lock.
"""

import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.wechat.client import WeChatClient
from connectors.wechat.tokens import StableTokens, Token

SEND = "/cgi-bin/message/custom/send"


class FileStore:
    """Tokens in a file: read by all, locked across processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, key: str) -> Token | None:
        return Token.load(json.loads(self.path.read_text())) if self.path.exists() else None

    def write(self, key: str, token: Token) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(token.dump()))
        draft.replace(self.path)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        with self.path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def main(url: str, store: str, num_calls: str) -> None:
    tokens = StableTokens("wxapp", "s3cret", FileStore(Path(store)), base_url=url)
    client = WeChatClient("wxapp", tokens, base_url=url)
    for _ in range(int(num_calls)):
        assert client.call("POST", SEND, body={"touser": "o"})["errcode"] == 0
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
