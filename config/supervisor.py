"""The second half of ./run: embedded servers, preparation, web server, workers, beat, simulator, and one clean exit.

Every child carries FANWISE_CHILD in its environment, so that the next start finds what a killed one left behind.
"""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from config import local
from config.bootstrap import run_step
from config.processes import (
    StartError,
    free_port,
    last_lines,
    launch,
    log_path,
    processes_marked,
    seconds_alive,
    send,
    wait_until,
)
from config.state import CHECKOUT, LOGIN_FILE, open_state, state_folder

MARK = "FANWISE_CHILD"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound
FIRST_PAGE_SECONDS = 120
WARM_STOP_SECONDS = 15
COLD_STOP_SECONDS = 5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MAX_DEATHS = 3  # of one child within DEATH_SECONDS: then everything stops
DEATH_SECONDS = 60
SIMULATOR_PORT = 8700  # or one of the next

# What a start on one's own machine means; every variable set outside wins.
SITE_DEFAULTS = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DEBUG": "0",
    "HTTPS": "0",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "EMAIL_VERIFICATION": "none",
    "PYTHONUNBUFFERED": "1",
    # Imports work in several threads: with an arena for each, glibc keeps much more than it needs.
    "MALLOC_ARENA_MAX": "2",
    # Answers are many small products: one BLAS thread each. Trainers' idle threads sleep instead of spinning.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
}


class Stopped(BaseException):
    """Ctrl-C or SIGTERM arrived."""


@dataclass
class Child:
    """One process of the site."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    is_step: bool = False
    """Whether it ends by itself when its work is done."""
    process: subprocess.Popen[str] | None = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Launches it; its output goes to its log."""
        self.process = launch(self.command, CHECKOUT, self.log, self.environment)

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process is not None else 0


def site_environment(services: dict[str, str]) -> dict[str, str]:
    """The whole environment of the site's processes."""
    return SITE_DEFAULTS | dict(os.environ) | services


def choose_simulator_port(environment: dict[str, str]) -> int | None:
    """Where the demo brand's platform listens; None without a demo brand, or when SIMULATOR_URL names another."""
    if environment.get("FANWISE_DEMO", "1") == "0" or "SIMULATOR_URL" in environment:
        return None
    return free_port(SIMULATOR_PORT, tries=100)


def build_simulator(state: Path, port: int) -> Child:
    """The simulated WeChat platform: for this machine alone, and without any of the site's secrets."""
    folder = state / "simulator"
    folder.mkdir(mode=0o700, exist_ok=True)
    command = ["simulator", "--port", str(port), "--state", str(folder / "world.sqlite3")]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {"PYTHONUNBUFFERED": "1", MARK: str(state)}
    return Child("simulator", [sys.executable, "-m", *command], log_path(state, "simulator"), environment)


def build_children(state: Path, environment: dict[str, str], host: str, port: int) -> list[Child]:
    """The processes of the site: one web server, a worker per queue, beat."""
    web = [
        "granian", "--interface", "wsgi", "--host", host, "--port", str(port), "--workers", "1",
        "--blocking-threads", "8", "--blocking-threads-idle-timeout", "600", "--no-ws", "config.wsgi:application",
    ]  # fmt: skip
    worker = ["celery", "-A", "config", "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    (state / "beat").mkdir(mode=0o700, exist_ok=True)
    beat = ["celery", "-A", "config", "beat", "--pidfile=", "--schedule", str(state / "beat" / "schedule")]
    commands = {
        "web": web,
        "default": [*worker, "-Q", "default", "-n", "default@%h", "-c", "2"],
        "sending": [*worker, "-Q", "sending", "-n", "sending@%h", "-P", "threads", "-c", "4"],
        "training": [*worker, "-Q", "training", "-n", "training@%h", "-c", "1", "--prefetch-multiplier", "1"],
        "beat": beat,
    }
    marked = environment | {MARK: str(state)}
    web_only = {name: value for name, value in marked.items() if name != "DATABASE_OWNER_URL"}
    return [
        Child(name, [sys.executable, "-m", *command], log_path(state, name), web_only if name == "web" else marked)
        for name, command in commands.items()
    ]


# --- one ./run per state folder -------------------------------------------------------------------------------------


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Keeps a second start out; raises StartError with the address of the first."""
    open_state(state)
    with (state / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"already at work in {state}: {_first_start(state)}") from None
        (state / "run.json").unlink(missing_ok=True)
        yield


def _first_start(state: Path) -> str:
    path = state / "run.json"
    if not path.exists():
        return "a start that is not ready yet, or ./test"
    first = json.loads(path.read_text())
    return f"{first['address']} (process {first['pid']}; Ctrl-C there or `kill {first['pid']}` stops it)"


def end_leftovers(state: Path) -> None:
    """Ends the children of a ./run that was killed."""
    left = processes_marked(MARK, str(state))
    if left:
        print(f"  ending {len(left)} processes that a killed start left behind", flush=True)
        end_children(state, patience=3)


def end_children(state: Path, patience: float = WARM_STOP_SECONDS) -> None:
    """Asks all children to finish what they do, then to drop it, then kills them."""

    def are_gone() -> bool:
        return not processes_marked(MARK, str(state))

    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGQUIT, COLD_STOP_SECONDS), (signal.SIGKILL, 5)):
        left = processes_marked(MARK, str(state))
        send(number, left if number == signal.SIGKILL else leaders(left))
        if wait_until(are_gone, seconds):
            return


def leaders(pids: list[int]) -> list[int]:
    """Those that lead a session (the master processes, which end their own helpers); all, when none does."""
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == pid:
                found.append(pid)
    return found or pids


# --- starting and watching ------------------------------------------------------------------------------------------


def choose_address() -> tuple[str, int]:
    """HOST and PORT; without PORT the first free one from 8000 on."""
    host = os.environ.get("HOST") or "127.0.0.1"
    wanted = os.environ.get("PORT")
    port = free_port(int(wanted or 8000), tries=1 if wanted else 100)
    if wanted and port != int(wanted):
        raise StartError(f"port {wanted} is taken: set PORT to another, or leave it out")
    return host, port


def await_first_page(web: Child, host: str, port: int) -> None:
    """Returns when the web server shows a page; raises StartError when it ends, stays silent or errs."""

    def is_decided() -> bool:
        return web.exit_code() is not None or first_status(host, port) is not None

    wait_until(is_decided, FIRST_PAGE_SECONDS)
    status = first_status(host, port) if web.exit_code() is None else None
    if status is None or status >= 500:
        trouble = "does not answer" if status is None else f"answers with error {status}"
        raise StartError(f"the web server {trouble}; the end of {web.log}:\n{last_lines(web.log)}")


def first_status(host: str, port: int) -> int | None:
    """The HTTP status of the first page, None without a server."""
    connection = http.client.HTTPConnection("127.0.0.1" if host in EVERYWHERE else host, port, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def watch(children: list[Child]) -> NoReturn:
    """Restarts a child that dies and says so; raises StartError for one that keeps dying."""
    while True:
        time.sleep(0.3)
        for child in list(children):
            code = child.exit_code()
            if code is not None and child.is_step:
                children.remove(child)
                if code:
                    print(f"{child.name} failed ({_describe(code)}), see {child.log}", file=sys.stderr, flush=True)
            elif code is not None:
                _revive(child, code)


def _revive(child: Child, code: int) -> None:
    now = time.monotonic()
    child.deaths = [death for death in child.deaths if now - death < DEATH_SECONDS] + [now]
    message = f"{child.name} ended ({_describe(code)}); the end of {child.log}:\n{last_lines(child.log)}"
    if len(child.deaths) >= MAX_DEATHS:
        raise StartError(message)
    print(f"{message}\nstarting {child.name} again", file=sys.stderr, flush=True)
    child.start()


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def stop_on_signals() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP raise Stopped, once."""
    for number in STOP_SIGNALS:
        signal.signal(number, _raise_stopped)


def _raise_stopped(_number: int, _frame: FrameType | None) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _prepare(environment: dict[str, str]) -> None:
    quiet = {"LOG_LEVEL": "WARNING"} | environment
    if subprocess.run([sys.executable, "-m", "config.prepare"], cwd=CHECKOUT, env=quiet).returncode:
        raise StartError("preparation failed, see above")


def _serve(state: Path) -> None:
    end_leftovers(state)
    host, port = choose_address()
    address = f"http://{host}:{port}/"
    with contextlib.ExitStack() as stack:
        services: dict[str, str] = {}
        run_step(f"starting {local.wanted()}", lambda: services.update(stack.enter_context(local.running(state))))
        environment = site_environment(services)
        stack.callback(end_children, state)
        simulators = _start_simulator(state, environment)
        children = build_children(state, environment, host, port)
        _prepare(environment)
        run_step("starting web server, workers and beat", lambda: _start_children(children, host, port))
        told = {"pid": os.getpid(), "address": address, "simulator": environment.get("SIMULATOR_URL", "")}
        (state / "run.json").write_text(json.dumps(told))
        print(f"\nFanwise is ready after {seconds_alive():.1f} s: {address}\n{_login(state)}", end="", flush=True)
        print(f"Logs: {state / 'logs'}. Ctrl-C stops everything.", flush=True)
        steps = _start_demo_life(state, environment, host, port) if simulators and local.wants_postgres() else []
        watch([*children, *simulators, *steps])


def _start_simulator(state: Path, environment: dict[str, str]) -> list[Child]:
    """Starts it before the demo brand is made, and puts its address into the environment."""
    port = choose_simulator_port(environment)
    if port is None:
        return []
    environment["SIMULATOR_URL"] = f"http://127.0.0.1:{port}"
    simulator = build_simulator(state, port)
    simulator.start()
    return [simulator]


def _start_demo_life(state: Path, environment: dict[str, str], host: str, port: int) -> list[Child]:
    """Beside the ready site: the demo brand's account in our own simulator; not in somebody else's database."""
    site = f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}"
    command = [sys.executable, "manage.py", "enliven_demo_brand", "--site", site]
    quiet = {"LOG_LEVEL": "WARNING"} | environment | {MARK: str(state)}
    step = Child("demo-life", command, log_path(state, "demo-life"), quiet, is_step=True)
    step.start()
    return [step]


def _start_children(children: list[Child], host: str, port: int) -> None:
    """The web server alone first: the first page should not wait for the others' start."""
    web, *others = children
    web.start()
    await_first_page(web, host, port)
    for child in others:
        child.start()


def _login(state: Path) -> str:
    path = state / LOGIN_FILE
    return path.read_text().strip() + "\n" if path.exists() else ""


# --- the commands ---------------------------------------------------------------------------------------------------


def serve() -> int:
    """Starts everything and stays until Ctrl-C or SIGTERM."""
    state = state_folder()
    stop_on_signals()
    os.umask(0o077)  # uploads and models are for nobody else on this machine
    try:
        with only_one(state):
            _serve(state)
    except Stopped:
        print("\nFanwise has stopped.", flush=True)
    return 0


def run_python(arguments: list[str]) -> int:
    """Runs Python (manage.py, a benchmark) beside a running ./run, or with servers started for it alone."""
    state = state_folder()
    with local.running(state) as services:
        command = [sys.executable, *arguments]
        environment = running_simulator(state) | site_environment(services)
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for it; we stay to stop the servers
        return process.wait()


def running_simulator(state: Path) -> dict[str, str]:
    """SIMULATOR_URL of the ./run that is at work here, if it has a simulator."""
    path = state / "run.json"
    address = json.loads(path.read_text()).get("simulator") if path.exists() else ""
    return {"SIMULATOR_URL": address} if address else {}


def reset() -> int:
    """Deletes all data after asking."""
    state = state_folder()
    if not state.exists():
        print(f"nothing to delete: {state} does not exist")
        return 0
    with only_one(state):
        size = sum(path.lstat().st_size for path in state.rglob("*") if path.is_file()) / 1e6
        print(f"This deletes {state} ({size:.0f} MB): database, uploads, models, secrets. Type yes to go on: ", end="")
        if sys.stdin.readline().strip().lower() != "yes":
            print("nothing was deleted")
            return 1
        end_leftovers(state)
        local.clear(state)
    print("deleted")
    return 0


def main(arguments: list[str]) -> int:
    """The command line after bootstrap."""
    match arguments:
        case []:
            return serve()
        case ["manage", *rest]:
            return run_python(["manage.py", *rest])
        case ["python", *rest]:
            return run_python(rest)
        case ["--reset"]:
            return reset()
        case _:
            print(f"fanwise: unknown arguments {' '.join(arguments)}; see ./run --help", file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StartError as error:
        sys.exit(f"fanwise: {error}")
