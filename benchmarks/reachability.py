"""Ask first, then send: no refusal for window, quota or consent, whatever people did before.

    .venv/bin/python benchmarks/reachability.py [--sends 10000] [--seed 1]

Starts the simulated platform in a process of its own with a verified service account, a verified subscription account
and a mini program. Their people follow, leave, write, tap menus, scan, allow and refuse notices at random while the
platform's clock jumps by seconds, hours and days. All that is known of them comes from the pushes the platform sends
and from our own sends, through connectors.wechat.histories; before each send reachability is asked, a random open route
is taken and the typed call made over HTTP. The judge is the platform: its errcode for each call and its log of what
really arrived, broadcasts person by person. One answer in a hundred gets lost after the message arrived.

Every line is JSON: name, value, unit, and for gated figures goal and ok. Exit status 1 when one is not ok.
`refused`: sends refused for window, quota or consent, broadcasts filtered for the monthly limit included. `missed`: of
the moments at which customer messages were said to be closed, the share at which the platform would have taken one
(the price of reading the rules strictly). `refused_unasked`: the share of sends refused when nobody asks first, at the
end of the same histories; were it 0, the judge would be blind.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.random_lives import NUM_UNASKED, PEOPLE_EACH, Ear, Tally, World
from simulator.remote import PlatformControl, SimulatorProcess

MOST = {"refused": 0, "missed": 0.1}
LEAST = {"refused_unasked": 0.2}


@contextmanager
def started() -> Iterator[tuple[PlatformControl, Ear]]:
    """The platform in a process of its own and a callback for its pushes."""
    ear = Ear()
    thread = threading.Thread(target=ear.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        with SimulatorProcess() as platform:
            yield platform, ear
    finally:
        ear.shutdown()
        ear.server_close()
        thread.join()


def prove(platform: PlatformControl, ear: Ear, num_sends: int, seed: int) -> Tally:
    """`num_sends` sends amid random acts."""
    world = World(platform, ear, seed)
    for _ in range(PEOPLE_EACH * 3):
        world.act()
    world.listen()
    while world.tally.num_sent < num_sends:
        for _ in range(world.random.randint(1, 3)):
            world.act()
            world.listen()
        for _ in range(world.random.randint(1, 6)):
            if not world.send_once():
                break
    world.platform.advance(3600)
    for side in world.sides:
        world.read_deliveries(side)
    world.send_unasked()
    world.http.close()
    return world.tally


def report(name: str, value: float, unit: str) -> bool:
    """Print one figure; False when it misses its goal."""
    line: dict[str, Any] = {"name": name, "value": value, "unit": unit}
    if name in MOST:
        line |= {"goal": MOST[name], "ok": value <= MOST[name]}
    if name in LEAST:
        line |= {"goal": LEAST[name], "ok": value >= LEAST[name]}
    print(json.dumps(line), flush=True)
    return bool(line.get("ok", True))


def main() -> int:
    """Run and report; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sends", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with started() as (platform, ear):
        tally = prove(platform, ear, arguments.sends, arguments.seed)
    report("sends", tally.num_sent, "calls")
    for channel, num in sorted(tally.sent.items()):
        report(f"sent_{channel}", num, "calls")
    for reason, num in sorted((tally.refused + tally.other).items()):
        report(f"answered: {reason}", num, "calls")
    report("arrived_one_by_one", tally.num_arrived, "messages")
    report("seconds", round(time.monotonic() - began, 1), "s")
    gated = [
        report("refused", tally.refused.total(), "sends"),
        report("missed", round(tally.num_missed / max(tally.num_closed, 1), 4), "share"),
        report("refused_unasked", tally.num_refused_unasked / NUM_UNASKED, "share"),
    ]
    return 0 if all(gated) else 1


if __name__ == "__main__":
    sys.exit(main())
