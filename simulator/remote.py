"""The simulator from outside: starts one in a process of its own and speaks to its control API over HTTP.

For tests, the demo and scripts. Every control has a method of its own name here: `platform.follow(app_id=…, …)`.
"""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 20


class ControlError(Exception):
    """The simulator did not understand."""


@dataclass(frozen=True)
class RemoteAccount:
    """What whoever registers an account learns."""

    app_id: str
    secret: str
    original_id: str
    name: str
    kind: str


@dataclass
class PlatformControl:
    """The control API of the simulator at `url`."""

    url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))

    def do(self, control: str, /, **arguments: Any) -> Any:
        """Any control by name; raises ControlError when it cannot be done."""
        answer = self.http.post(f"{self.url}/_control/{control}", json=arguments)
        value = answer.json()
        if answer.status_code != 200:
            raise ControlError(f"{control}: {value['error']}")
        return value

    def add_account(self, kind: str = "service", verified: bool = True, **more: Any) -> RemoteAccount:
        """Registers an account."""
        return RemoteAccount(**self.do("add_account", kind=kind, verified=verified, **more))

    def add_user(self, app_id: str, person: str = "", following: bool = True) -> str:
        """A follower, without any push; returns the openid."""
        return str(self.do("add_user", app_id=app_id, person=person, following=following)["openid"])

    def add_users(self, app_id: str, num: int, person: str = "") -> list[str]:
        """So many followers' openids."""
        users = self.do("add_user", app_id=app_id, person=person, num=num)
        return [str(user["openid"]) for user in users]

    def advance(self, seconds: float) -> float:
        """Moves simulated time; returns the new time."""
        return float(self.do("clock", advance=seconds)["now"])

    def now(self) -> float:
        """Simulated Unix seconds."""
        return float(self.do("clock")["now"])

    def delivered(self, app_id: str = "", openid: str = "") -> list[dict[str, Any]]:
        """What people really got: via (passive, custom, template, mass, …), kind, payload."""
        return self.read("delivered", app_id, openid)

    def pushes(self, app_id: str = "", openid: str = "") -> list[dict[str, Any]]:
        """Every delivery of a push with the answer, after waiting for those under way."""
        self.do("settle")
        return self.read("push", app_id, openid)

    def calls(self, path: str = "", app_id: str = "") -> list[dict[str, Any]]:
        """The API calls that arrived, of a path or all."""
        return [line for line in self.read("call", app_id) if path in ("", line["path"])]

    def read(self, kind: str, app_id: str = "", subject: str = "") -> list[dict[str, Any]]:
        """All lines of a log."""
        lines: list[dict[str, Any]] = []
        while True:
            after = lines[-1]["id"] if lines else 0
            more = self.do("log", kind=kind, app_id=app_id, subject=subject, after=after, limit=5000)
            lines += more
            if len(more) < 5000:
                return lines

    def fail(self, kind: str, **rule: Any) -> None:
        """Adds a fault: fail("errcode", errcode=45009, path=…, remaining=1)."""
        self.do("add_fault", kind=kind, **rule)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **arguments: self.do(name, **arguments)


class SimulatorProcess:
    """A simulator in its own process on a free port; a context manager that gives its control."""

    def __init__(self, state: Path | None = None, port: int = 0) -> None:
        self._command = [sys.executable, "-m", "simulator", "--port", str(port)]
        self._command += ["--state", str(state)] if state else []

    def __enter__(self) -> PlatformControl:
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            self._command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("simulator: "):
            raise ControlError("the simulator did not start")
        self.control = PlatformControl(line.removeprefix("simulator: ").strip())
        return self.control

    def __exit__(self, *_: object) -> None:
        self.control.http.close()
        self.process.terminate()
        self.process.wait(START_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.kill()
