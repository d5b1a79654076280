"""Small tools for starting, watching and ending processes; used by config/local.py and config/supervisor.py."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

LOG_BYTES = 10_000_000
LOW_USER = "nobody"


class StartError(Exception):
    """A process cannot be had; the message says why and what to do."""


def free_port(preferred: int = 0, tries: int = 1) -> int:
    """A TCP port on 127.0.0.1 nobody listens on: the preferred one or one of the `tries` after it, else any."""
    wanted = list(range(preferred, min(preferred + tries, 65536))) if preferred else []
    for port in [*wanted, 0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StartError("no free TCP port on 127.0.0.1")


def wait_until(is_done: Callable[[], bool], seconds: float) -> bool:
    """Asks again and again, at most `seconds` long; says whether it came true."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def seconds_alive() -> float:
    """How long this process has run, through every exec: from the first line of ./run."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


# --- logs -----------------------------------------------------------------------------------------------------------


def log_path(state: Path, name: str) -> Path:
    """Where a process writes its log; an old log above 10 MB is moved to `<name>.log.1`."""
    folder = state / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, for an error message."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])


# --- the user database servers run as: PostgreSQL refuses to run as root ---------------------------------------------


def low_user() -> dict[str, Any]:
    """Arguments for Popen that drop root to `nobody`; empty for a normal user."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(LOW_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def acting_as_low_user() -> Iterator[None]:
    """Looks at /proc with the servers' eyes: in a container, root itself may not look into others' processes."""
    user = low_user()
    if not user:
        yield
        return
    os.setegid(user["group"])
    os.seteuid(user["user"])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


# --- finding and ending ---------------------------------------------------------------------------------------------


def _running() -> Iterator[Path]:
    """The /proc folders of all processes that still run (a zombie does not)."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                yield entry


def processes_in(folder: Path) -> list[int]:
    """Ids of the servers whose working directory is `folder`: a database server changes into its data folder."""
    found = []
    with acting_as_low_user():
        for entry in _running():
            with contextlib.suppress(OSError):
                if Path(os.readlink(entry / "cwd")) == folder:
                    found.append(int(entry.name))
    return sorted(found)


def processes_marked(name: str, value: str) -> list[int]:
    """Ids of the processes started with the environment variable `name` set to `value`."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in _running():
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return sorted(found)


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Sends a signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# --- starting -------------------------------------------------------------------------------------------------------


def launch(
    command: list[str], folder: Path, log: Path, environment: dict[str, str], text: str = "", **user: Any
) -> subprocess.Popen[str]:
    """Starts a process in a session of its own, so that Ctrl-C reaches only us; `text` goes to its standard input."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
            **user,
        )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(text)
    return process
