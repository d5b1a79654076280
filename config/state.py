"""The one ignored folder with everything ./run keeps: secrets, logs, data of the embedded servers, uploads, models."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from config.processes import StartError
from config.programs import make_passable

CHECKOUT = Path(__file__).resolve().parent.parent
DATABASE = "fanwise"
LOGIN_FILE = "demo_login.txt"  # what ./run shows of the demo brand


@dataclass(frozen=True)
class Services:
    """Where the embedded servers live: decided at the first start, kept in `services.json`, readable for us alone."""

    home: Path  # folder of their data: the state folder, or one outside it that the servers' user can enter
    postgres_port: int
    redis_port: int
    superuser_password: str
    owner_password: str
    app_password: str
    redis_password: str

    @property
    def postgres_data(self) -> Path:
        """The PostgreSQL cluster."""
        return self.home / "postgres"

    @property
    def redis_data(self) -> Path:
        """The append-only files of Redis."""
        return self.home / "redis"

    def postgres_url(self, role: str, password: str, database: str = DATABASE) -> str:
        """The address of a database for one role."""
        return f"postgres://{role}:{password}@127.0.0.1:{self.postgres_port}/{database}"

    def redis_url(self, number: int) -> str:
        """The address of one of the numbered Redis databases."""
        return f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/{number}"


def state_folder() -> Path:
    """FANWISE_STATE, else `.state` in the checkout."""
    return Path(os.environ.get("FANWISE_STATE") or CHECKOUT / ".state").resolve()


def open_state(state: Path) -> None:
    """Creates the state folder; raises StartError for one that is not ours or holds more than our state."""
    for kept in (CHECKOUT, Path.home()):
        if kept.is_relative_to(state):
            raise StartError(f"FANWISE_STATE={state} holds other things too: name a folder of its own")
    try:
        make_passable(state)
    except PermissionError as error:
        raise StartError(f"cannot create the state folder {state}: set FANWISE_STATE to a folder you own") from error
    if (owner := state.stat().st_uid) != os.getuid():
        raise StartError(f"{state} belongs to user id {owner}: start as that user, or set FANWISE_STATE")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only we can read, complete or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def secret_key(state: Path) -> str:
    """Django's SECRET_KEY: generated once."""
    path = state / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(50))
    return path.read_text()


def field_key(state: Path) -> str:
    """The master key of stored secrets (FIELD_ENCRYPTION_KEYS): generated once."""
    path = state / "field_key"
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode())
    return path.read_text()


def load_services(state: Path) -> Services | None:
    """The decisions of the first start, or None before it. A state folder may be moved as a whole."""
    path = state / "services.json"
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Services(**stored | {"home": Path(stored["home"] or state)})


def save_services(state: Path, services: Services) -> Services:
    """Keeps the decisions."""
    home = "" if services.home == state else str(services.home)
    write_private(state / "services.json", json.dumps(asdict(services) | {"home": home}, indent=1))
    return services


def move_ports(state: Path, services: Services, **ports: int) -> Services:
    """The same decisions with other ports, kept."""
    return save_services(state, replace(services, **ports))  # type: ignore[arg-type]  # ports are numbers
