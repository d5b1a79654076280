"""The callback for WeChat's pushes: throughput against a view that does nothing, delay under load, nothing lost.

    ./run python benchmarks/webhook.py [--seconds 4] [--rounds 5]

Starts embedded PostgreSQL and Redis of its own and the web server exactly as ./run does. The pushes are text messages
in safe mode: signature checked, decrypted, parsed, kept by one durable insert (fsync on), acknowledged. Requests are
made before the clock starts; eight kept connections send them. The view that does nothing stands on the same server
as a page of the site does, and once more at the short way that platforms' calls take; all are measured in turns. The
load generator shares the cores with all else.

Every line is JSON: name, value, unit, and for gated figures goal and ok. Exit status 1 when one is not ok.
`throughput_ratio`: callback / nothing as a page, medians over the rounds; `throughput_ratio_short`: against the short
way. `fsync`: what one durable write costs here. `p99_at_70_percent`: constant request rate (open loop, the delay counts
from the planned start) at 70 % of the callback's own saturation. `duplicates`: rows beyond one per
message after every tenth was sent three times. `lost_after_kill`: messages acknowledged with `success` that are not in
the database after all PostgreSQL processes were killed (SIGKILL) in the middle of the load and it was started again;
refused and broken deliveries are repeated as WeChat repeats them, and must all get in after the restart.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.recommend_api import web_server
from config import local, prepare, supervisor
from config.processes import processes_in, send
from config.state import load_services

NUM_CLIENTS = 8
GOALS = {"throughput_ratio": 0.40, "p99_at_70_percent": 200.0, "duplicates": 0, "lost_after_kill": 0}
SECRETS = {"callback_token": "benchToken0123456789", "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}
APP_ID = "wxbench0000000001"
OUTAGE_SECONDS = 60


# --- requests, made before the clock starts ---------------------------------------------------------------------------


def make_account() -> Any:
    """A brand with one connected account, as the page would make it."""
    from accounts import tenants
    from accounts.models import User
    from accounts.tenancy import tenant_scope
    from connectors import connections
    from connectors.models import ConnectedAccount
    from connectors.secrets import seal

    tenant = tenants.create("bench", "retail", User.objects.create_user("owner@bench.test"), slug="bench")
    with tenant_scope(tenant):
        account = ConnectedAccount(app_id=APP_ID, name="bench", kind="service")
        for field, text in SECRETS.items():
            seal(account, field, text)
        connections.enter(account)
    return account


def push_request(code: str, msg_id: int) -> bytes:
    """A whole HTTP request: a text message of one of 5,000 people, in safe mode."""
    from connectors.wechat.crypto import encrypt, sign
    from connectors.wechat.documents import write_xml

    stamp, nonce, token = str(int(time.time())), secrets.token_hex(5), SECRETS["callback_token"]
    message = {
        "ToUserName": "gh_bench", "FromUserName": f"oBench{msg_id % 5000:022d}", "CreateTime": int(stamp),
        "MsgType": "text", "Content": "这件外套还有货吗？", "MsgId": str(msg_id),
    }  # fmt: skip
    sealed = encrypt(write_xml(message), SECRETS["aes_key"], APP_ID)
    query = {
        "signature": sign(token, stamp, nonce), "timestamp": stamp, "nonce": nonce, "encrypt_type": "aes",
        "msg_signature": sign(token, stamp, nonce, sealed),
    }  # fmt: skip
    body = write_xml({"ToUserName": "gh_bench", "Encrypt": sealed})
    return post(f"/hooks/wechat/{code}/?{urlencode(query)}", body)


def post(path: str, body: bytes) -> bytes:
    """A POST as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Wire:
    """One kept connection that sends ready requests."""

    def __init__(self, port: int) -> None:
        self.port, self.socket = port, None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """(status, body); status 0 when the connection broke."""
        try:
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(request)
            return self._read()
        except OSError:
            self.socket = None
            return 0, b""

    def _read(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _sep, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> bytes:
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError
        return got


def in_threads(work: Any) -> None:
    """Run work(number) for every client at once."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(NUM_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- measuring --------------------------------------------------------------------------------------------------------


class Load:
    """The account under load: makes requests, and remembers what was sent and acknowledged."""

    def __init__(self, port: int, account: Any) -> None:
        self.port, self.account, self.last_id = port, account, 10**9
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()

    def make(self, num: int) -> list[tuple[int, bytes]]:
        """That many new messages as (MsgId, request)."""
        ids = range(self.last_id + 1, self.last_id + 1 + num)
        self.last_id += num
        return [(msg_id, push_request(self.account.code, msg_id)) for msg_id in ids]

    def deliver(self, wire: Wire, msg_id: int, request: bytes) -> int:
        """Send one message and note an acknowledgement; the status."""
        self.sent.add(msg_id)
        status, body = wire.ask(request)
        if status == 200 and body == b"success":
            self.acknowledged.add(msg_id)
        return status

    def saturate(self, requests: list[tuple[int, bytes]], seconds: float) -> float:
        """Pushes per second when every client sends its next one at once."""
        todo: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        for request in requests:
            todo.put(request)
        counts, end = [0] * NUM_CLIENTS, time.perf_counter() + seconds

        def work(number: int) -> None:
            wire = Wire(self.port)
            while time.perf_counter() < end:
                msg_id, request = todo.get_nowait()
                if self.deliver(wire, msg_id, request) != 200:
                    raise SystemExit("a push was refused")
                counts[number] += 1

        in_threads(work)
        return sum(counts) / seconds

    def open_loop(self, rate: float, seconds: float) -> list[float]:
        """Milliseconds from planned start to answer at a constant rate, every tenth coming thrice."""
        plan: SimpleQueue[tuple[float, int, bytes]] = SimpleQueue()
        latencies: list[float] = []
        messages = self.make(int(rate * seconds))
        sequence = [one for place, one in enumerate(messages) for _time in range(3 if place % 10 == 0 else 1)]
        began = time.perf_counter() + 0.2
        for place, (msg_id, request) in enumerate(sequence[: len(messages)]):
            plan.put((began + place / rate, msg_id, request))

        def work(_number: int) -> None:
            wire = Wire(self.port)
            while True:
                try:
                    planned, msg_id, request = plan.get_nowait()
                except Empty:
                    return
                time.sleep(max(0.0, planned - time.perf_counter()))
                self.deliver(wire, msg_id, request)
                latencies.append((time.perf_counter() - planned) * 1000)

        in_threads(work)
        return sorted(latencies)


def measure_nothing(port: int, path: str, seconds: float) -> float:
    """Answers per second of the view that does nothing, to requests of a push's size."""
    request, counts, end = post(path, b"x" * 500), [0] * NUM_CLIENTS, time.perf_counter() + seconds

    def work(number: int) -> None:
        wire = Wire(port)
        while time.perf_counter() < end:
            if wire.ask(request) != (200, b"success"):
                raise SystemExit("the yardstick does not answer")
            counts[number] += 1

    in_threads(work)
    return sum(counts) / seconds


def measure_fsync(folder: Path) -> float:
    """Milliseconds of writing 8 KB through to the disk, the median of 100."""
    times = []
    with (folder / "fsync-probe").open("wb") as file:
        for _time in range(100):
            began = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def kill_mid_load(load: Load, state: Path, seconds: float) -> dict[str, float]:
    """Kill every PostgreSQL process during the load, start it again, repeat what was not acknowledged."""
    messages, wires = load.make(int(seconds * 400)), [Wire(load.port) for _client in range(NUM_CLIENTS)]
    todo: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
    for message in messages:
        todo.put(message)
    refused: list[float] = []
    end = time.perf_counter() + seconds + OUTAGE_SECONDS

    def work(number: int) -> None:
        while time.perf_counter() < end and (message := _next(todo)):
            began = time.perf_counter()
            if load.deliver(wires[number], *message) != 200:
                refused.append((time.perf_counter() - began) * 1000)
                todo.put(message)  # WeChat asks again
                time.sleep(0.05)

    def strike() -> None:
        time.sleep(seconds / 3)
        send(signal.SIGKILL, processes_in(load_services(state).postgres_data))
        time.sleep(1.0)
        forget_services()  # else it would take them for somebody else's
        local.start(state)

    striker = threading.Thread(target=strike)
    striker.start()
    in_threads(work)
    striker.join()
    unheard = {msg_id for msg_id, _request in messages} - load.acknowledged
    return {"refused": len(refused), "slowest_refusal": max(refused, default=0.0), "never_in": len(unheard)}


def _next(todo: SimpleQueue[tuple[int, bytes]]) -> tuple[int, bytes] | None:
    try:
        return todo.get_nowait()
    except Empty:
        return None


def kept(account: Any) -> Iterator[int]:
    """The MsgIds in the database, one per row."""
    from accounts.tenancy import tenant_scope
    from connectors.models import PushReceipt
    from connectors.wechat.documents import read_document

    with tenant_scope(account.brand_id):
        for (body,) in PushReceipt.objects.filter(account=account).values_list("body").iterator(2000):
            yield int(read_document(bytes(body))["MsgId"])


# --- the run ----------------------------------------------------------------------------------------------------------

results: list[bool] = []


def report(name: str, value: float, unit: str, *, goal: float | None = None, is_least: bool = False) -> None:
    """Print one line; a figure with a goal must reach it (`is_least`) or not exceed it."""
    line: dict[str, Any] = {"name": name, "value": round(value, 4), "unit": unit}
    if goal is not None:
        line |= {"goal": goal, "ok": value >= goal if is_least else value <= goal}
        results.append(line["ok"])
    print(json.dumps(line), flush=True)


def measure(load: Load, state: Path, rounds: int, seconds: float) -> None:
    """Every figure."""
    load.saturate(load.make(2000), 0.5)  # the server's threads open their connections
    nothings, shorts, pushes = [], [], []
    for _round in range(rounds):
        nothings.append(measure_nothing(load.port, "/nothing/", seconds))
        shorts.append(measure_nothing(load.port, "/hooks/nothing/", seconds))
        pushes.append(load.saturate(load.make(int(seconds * 3000)), seconds))
    nothing, saturation = statistics.median(nothings), statistics.median(pushes)
    report("fsync", measure_fsync(state), "ms")
    report("throughput_nothing", nothing, "requests/s")
    report("throughput_nothing_short", statistics.median(shorts), "requests/s")
    report("throughput_ratio_short", saturation / statistics.median(shorts), "ratio")
    report("throughput_callback", saturation, "pushes/s")
    report("throughput_ratio", saturation / nothing, "ratio", goal=GOALS["throughput_ratio"], is_least=True)
    latencies = load.open_loop(0.7 * saturation, 2 * seconds)
    report("p50_at_70_percent", statistics.median(latencies), "ms")
    p99 = latencies[int(len(latencies) * 0.99)]
    report("p99_at_70_percent", p99, "ms", goal=GOALS["p99_at_70_percent"])
    outage = kill_mid_load(load, state, 2 * seconds)
    report("refused_while_away", outage["refused"], "deliveries")
    report("slowest_refusal", outage["slowest_refusal"], "ms", goal=5000)
    report("never_in_after_restart", outage["never_in"], "messages", goal=0)
    rows = list(kept(load.account))
    report("kept", len(rows), "messages")
    report("duplicates", len(rows) - len(set(rows)), "rows", goal=GOALS["duplicates"])
    report("lost_after_kill", len(load.acknowledged - set(rows)), "messages", goal=GOALS["lost_after_kill"])


def forget_services() -> None:
    """Take no database or broker from the environment."""
    for name in local.SERVICE_VARIABLES:
        os.environ.pop(name, None)


def main() -> int:
    """Start everything, measure, print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.webhook_site"
    forget_services()  # it kills its database: never one that somebody else uses
    with tempfile.TemporaryDirectory() as folder, local.running(Path(folder) / "state") as services:
        state = Path(services["FANWISE_STATE"])
        environment = supervisor.site_environment(services)
        os.environ.update(environment)
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        prepare.collect_static()
        account = make_account()
        connections.close_all()
        with web_server(state, environment) as port:
            measure(Load(port, account), state, options.rounds, options.seconds)
        connections.close_all()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
