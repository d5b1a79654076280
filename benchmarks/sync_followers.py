"""A pass over a million simulated followers: within the day's calls, taken up after kill -9, memory flat.

    .venv/bin/python benchmarks/sync_followers.py [--followers 1000000]

Starts embedded PostgreSQL and Redis and the simulated platform, connects an account and does the pass as a worker
does, in a process of its own. That process is killed (SIGKILL) twice, in the middle of the list and of the details;
each time another goes on. Each line is JSON: name, value, unit, and for gated figures goal and ok. Exit status 1 when
one is not ok.

`contacts`, `followers`: rows afterwards, one per follower. `list_calls`: calls that read the list, of 500 a day;
`repeated_list_calls`: those made again after the kill. `peak_memory`: the most any of the workers had resident (VmHWM).
`growth`: its increase from a tenth of the details to their end.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config import local, supervisor
from simulator.remote import SimulatorProcess

LIST_CALLS_A_DAY = 500
GOAL_MEGABYTES, GOAL_GROWTH_MEGABYTES = 300, 60
results: list[bool] = []


def report(name: str, value: float, unit: str, *, equal: float | None = None, at_most: float | None = None) -> None:
    """Print one figure and keep whether it meets its goal."""
    goal = equal if equal is not None else at_most
    is_ok = (equal is None or value == equal) and (at_most is None or value <= at_most)
    results.append(is_ok)
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "goal": goal, "ok": is_ok}), flush=True)


def memory_megabytes(pid: int) -> tuple[float, float]:
    """Resident memory now and at most of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


def work(tenant_id: int, job_id: int) -> None:
    """What a worker process does with the job's message."""
    import django

    django.setup()
    from accounts import jobs
    from connectors.sync import runs

    jobs.run(tenant_id, job_id, runs.work)


class Bench:
    """The brand, its account, and the pass under way."""

    def __init__(self, app_id: str, secret: str) -> None:
        from accounts import tenants
        from accounts.actors import Actor
        from accounts.models import User
        from accounts.tenancy import tenant_scope
        from connectors.models import ConnectedAccount
        from connectors.secrets import seal
        from connectors.sync import runs

        owner = User.objects.create(email="bench@bench.test")
        self.tenant = tenants.create("测速", "retail", owner, slug="bench")
        self.scope = lambda: tenant_scope(self.tenant)
        with self.scope():
            account = ConnectedAccount(app_id=app_id, name="测速", kind="service", is_verified=True, is_simulated=True)
            seal(account, "app_secret", secret)
            account.save()
            self.run = runs.start(account, "followers", Actor.person(owner))
        self.peak = 0.0

    def state(self) -> Any:
        """The pass as it stands."""
        from connectors.models import SyncRun

        with self.scope():
            return SyncRun.objects.select_related("job").get(pk=self.run.pk)

    def work_until(self, is_enough: Any) -> list[float]:
        """Let a worker go on; kill it when `is_enough(state)`. Its resident memory over time, in MB."""
        command = [sys.executable, __file__, "--work", str(self.tenant.pk), str(self.run.job_id)]
        worker = subprocess.Popen(command)
        seen: list[float] = []
        while worker.poll() is None:
            time.sleep(0.5)
            state = self.state()
            if worker.poll() is None:
                resident, peak = memory_megabytes(worker.pid)
                self.peak = max(self.peak, peak)
                seen += [resident] if state.cursor.get("phase") == "details" else []
            if is_enough(state):
                worker.send_signal(signal.SIGKILL)
        worker.wait()
        return seen

    def expire_lease(self) -> None:
        """What time does to the lease of a dead worker."""
        from datetime import timedelta

        from django.utils import timezone

        from accounts.models import Job

        with self.scope():
            Job.objects.filter(pk=self.run.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))


def measure(num: int, platform: Any) -> None:
    """The pass with its two kills, and what came of it."""
    from audience.models import Contact
    from connectors.models import Follower

    remote = platform.add_account(kind="service", verified=True, limits={})
    platform.do("grow_crowd", app_id=remote.app_id, num=num)
    bench = Bench(remote.app_id, remote.secret)
    began = time.perf_counter()
    bench.work_until(lambda state: state.counts.get("following", 0) >= num // 2)
    at_kill = len(platform.calls("/cgi-bin/user/get"))
    standing = bench.state().counts.get("following", 0) // 10_000
    bench.expire_lease()
    bench.work_until(lambda state: state.cursor.get("phase") == "details" and state.cursor.get("done", 0) >= num // 2)
    bench.expire_lease()
    seen = bench.work_until(lambda _state: False)
    seconds = time.perf_counter() - began
    ended = bench.state()
    if ended.job.state != "succeeded":
        raise SystemExit(f"the pass ended as {ended.job.state}: {ended.job.error_template} {ended.job.error_context}")
    list_calls = len(platform.calls("/cgi-bin/user/get"))
    with bench.scope():
        report("contacts", Contact.objects.count(), "rows", equal=num)
        report("followers", Follower.objects.count(), "rows", equal=num)
        report("asked_about", Follower.objects.filter(told_at__isnull=False).count(), "rows", equal=num)
    report("list_calls", list_calls, "calls", at_most=LIST_CALLS_A_DAY)
    report("repeated_list_calls", at_kill - standing, "calls", at_most=2)
    report("peak_memory", bench.peak, "MB", at_most=GOAL_MEGABYTES)
    report("growth", max(seen) - seen[len(seen) // 10], "MB", at_most=GOAL_GROWTH_MEGABYTES)
    report("seconds", seconds, "s")


def main() -> int:
    """Start the services, measure, print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--followers", type=int, default=1_000_000)
    parser.add_argument("--work", type=int, nargs=2, help="only do this job of this tenant")
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        local.running(Path(folder) / "state") as services,
        SimulatorProcess() as platform,
    ):
        more = {"LOG_LEVEL": "ERROR", "SIMULATOR_URL": platform.url}
        os.environ.update(supervisor.site_environment(services) | more)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        measure(options.followers, platform)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
