"""One start per state folder, children that die, and an end that leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import supervisor
from config.processes import StartError, free_port, processes_marked, wait_until
from config.supervisor import (
    MARK,
    Child,
    build_children,
    build_simulator,
    choose_address,
    choose_simulator_port,
    end_children,
    end_leftovers,
    only_one,
    running_simulator,
)
from simulator.remote import PlatformControl

PATIENT = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGQUIT)]; "
    "print('ready', flush=True); time.sleep(600)"
)
WITH_HELPER = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "time.sleep(600)"
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    for pid in processes_marked(MARK, str(folder)):
        os.kill(pid, signal.SIGKILL)


def _child(state: Path, program: str, name: str = "web") -> Child:
    child = Child(name, [sys.executable, "-c", program], state / f"{name}.log", {MARK: str(state)})
    child.start()
    return child


def _marked(state: Path) -> list[int]:
    return processes_marked(MARK, str(state))


def test_a_second_start_is_refused_with_the_address_of_the_first(state: Path) -> None:
    with only_one(state):
        (state / "run.json").write_text(json.dumps({"pid": 4711, "address": "http://127.0.0.1:8000/"}))
        with pytest.raises(StartError, match=r"http://127.0.0.1:8000/ \(process 4711;"), only_one(state):
            pass
    with only_one(state):
        assert not (state / "run.json").exists()


def test_a_port_asked_for_and_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(StartError, match=f"port {port} is taken"):
            choose_address()
    assert choose_address() == ("127.0.0.1", port)


def test_a_child_that_dies_is_started_again_and_given_up_the_third_time(
    state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    child = _child(state, "print('no memory'); raise SystemExit(3)", "training")
    with pytest.raises(StartError, match=r"training ended \(exit status 3\).*\n.*no memory"):
        supervisor.watch([child])
    assert len(child.deaths) == 3
    assert capfd.readouterr().err.count("starting training again") == 2


def test_a_killed_child_is_named_with_its_signal(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    child = _child(state, PATIENT, "default")
    first = child.process
    assert first is not None
    first.kill()
    first.wait()
    supervisor._revive(child, first.returncode)
    assert "default ended (signal SIGKILL)" in capfd.readouterr().err
    assert child.exit_code() is None
    end_children(state)
    child.exit_code()


def test_children_and_their_helpers_end(state: Path) -> None:
    children = [_child(state, PATIENT, "web"), _child(state, WITH_HELPER, "default")]
    assert wait_until(lambda: len(_marked(state)) == 3, 10)
    reaper = threading.Thread(target=lambda: [child.process.wait() for child in children if child.process])
    reaper.start()
    end_children(state, patience=2)
    reaper.join(5)
    assert _marked(state) == []


def test_a_child_that_ignores_every_gentle_signal_is_killed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "COLD_STOP_SECONDS", 0.2)
    child = _child(state, STUBBORN)
    assert wait_until(lambda: "ready" in child.log.read_text(), 10)
    end_children(state, patience=0.2)
    assert child.process is not None
    assert child.process.wait(5) == -signal.SIGKILL


def test_what_a_killed_start_left_behind_is_ended(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = (
        "import subprocess, sys, os\n"
        f"subprocess.Popen([sys.executable, '-c', {PATIENT!r}], start_new_session=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {MARK: str(state)}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == -signal.SIGKILL
    assert len(_marked(state)) == 1
    end_leftovers(state)
    assert _marked(state) == []
    assert "ending 1 processes" in capfd.readouterr().out


def test_the_web_server_never_sees_the_owner_of_the_schema(state: Path) -> None:
    environment = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner"}
    children = {child.name: child for child in build_children(state, environment, "127.0.0.1", 8000)}
    assert list(children) == ["web", "default", "sending", "training", "beat"]
    assert "DATABASE_OWNER_URL" not in children["web"].environment
    assert children["training"].environment["DATABASE_OWNER_URL"] == "owner"


def test_the_demo_brand_alone_gets_a_simulator(state: Path) -> None:
    assert choose_simulator_port({}) in range(8700, 8800)
    assert choose_simulator_port({"FANWISE_DEMO": "0"}) is None
    assert choose_simulator_port({"SIMULATOR_URL": "http://elsewhere:1"}) is None
    assert choose_simulator_port({"SIMULATOR_URL": ""}) is None


def test_the_simulator_answers_without_the_sites_secrets_and_keeps_its_world(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "the site's")
    port = free_port()
    for _ in range(2):
        simulator = build_simulator(state, port)
        assert "SECRET_KEY" not in simulator.environment
        simulator.start()
        control = PlatformControl(f"http://127.0.0.1:{port}")
        assert wait_until(lambda: _answers(port), 20), simulator.log.read_text()
        accounts = control.do("state")["accounts"]
        if not accounts:
            control.add_account(app_id="wx1")
        control.http.close()
        assert simulator.process is not None
        simulator.process.terminate()
        assert simulator.process.wait(20) == 0
    assert list(accounts) == ["wx1"]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_commands_beside_a_running_site_find_its_simulator(state: Path) -> None:
    assert running_simulator(state) == {}
    (state / "run.json").write_text('{"pid": 1, "address": "http://a/", "simulator": "http://127.0.0.1:8700"}')
    assert running_simulator(state) == {"SIMULATOR_URL": "http://127.0.0.1:8700"}
