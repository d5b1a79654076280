"""`python -m simulator --port N [--state FILE]`: runs the stand-in platform until SIGTERM or Ctrl-C."""

import argparse
import signal
import threading
from pathlib import Path
from types import FrameType

from simulator.server import Running


def main() -> None:
    """Prints its address when it listens; port 0 takes a free one."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8700, help="port to listen on; 0: a free one")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps the simulated world; none: memory only")
    parser.add_argument("--seed", type=int, default=1, help="of a new world's dice")
    arguments = parser.parse_args()
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    running = Running(arguments.host, arguments.port, arguments.state, arguments.seed).start()
    print(f"simulator: http://{arguments.host}:{running.port}", flush=True)
    stopping.wait()
    running.stop()


if __name__ == "__main__":
    main()
