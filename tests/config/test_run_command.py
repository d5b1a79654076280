"""./run itself, without its first half (the installation): ready, seen, killed, ready again, stopped."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import local
from config.processes import free_port, processes_marked
from config.state import CHECKOUT
from config.supervisor import MARK, end_children

pytestmark = pytest.mark.slow
NOT_INHERITED = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "CACHE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS",
    "DEBUG", MARK,
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in NOT_INHERITED:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "state"
    yield folder
    end_children(folder, patience=3)
    local.clear(folder)


def _environment(state: Path) -> dict[str, str]:
    return dict(os.environ) | {"FANWISE_STATE": str(state), "FANWISE_DEMO": "0", "PORT": str(free_port())}


def _start(environment: dict[str, str]) -> tuple[subprocess.Popen[str], list[str]]:
    """Starts ./run and returns what it printed until the address appeared."""
    process = subprocess.Popen(
        [sys.executable, "-m", "config.supervisor"],
        cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            return process, lines
    pytest.fail("".join(lines))


def _page(lines: list[str]) -> tuple[int, str]:
    address = re.search(r"http://\S+", "".join(lines))
    assert address is not None
    with urllib.request.urlopen(address.group()) as answer:
        return answer.status, answer.read().decode()


def test_a_killed_start_is_followed_by_a_clean_one_that_stops_everything(state: Path) -> None:
    environment = _environment(state)
    first, lines = _start(environment)
    status, page = _page(lines)
    assert status == 200
    assert "<html" in page
    second = subprocess.run(
        [sys.executable, "-m", "config.supervisor"], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert second.returncode == 1
    assert f"process {first.pid};" in second.stderr
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert len(processes_marked(MARK, str(state))) >= 6
    third, lines = _start(environment)
    assert "that a killed start left behind" in "".join(lines)
    assert _page(lines)[0] == 200
    third.send_signal(signal.SIGTERM)
    said, _ = third.communicate(timeout=60)
    assert said.endswith("Fanwise has stopped.\n")
    assert third.returncode == 0
    assert processes_marked(MARK, str(state)) == []
    assert local.is_running(state) == {"PostgreSQL": False, "Redis": False}
