"""An uploaded event log, from the file on disk to visible events, against raw COPY of the same bytes.

    .venv/bin/python benchmarks/import_events.py [--rows 1000000] [--rounds 5]

Starts embedded PostgreSQL and Redis of its own and runs the product's import job on a generated file (Chinese headers,
seven columns, about 110 bytes a row, 180 days). In turns with it the same bytes go by COPY into a plain table without
an index, as durable as the event table (logged, fsync and synchronous commit on). Each line is JSON: name, value,
unit, and for gated figures goal and ok. Exit status 1 when one is not ok. `--rows 10000000 --rounds 1` shows whether
memory stays flat; from 2,000,000 rows on only files without own ids are measured.

`ratio_fresh_months`: raw seconds over import seconds when the file brings months that no event was in yet.
`ratio_known_months`: the same for a second brand, whose events join months that are there already.
`ratio_own_ids`: as the former, for rows that carry an id of their own, each checked against all earlier ids.
`replay_rows_added`: events that the same file adds when it comes again. `peak_memory`: the most this process ever had
resident (VmHWM, file mappings in); it does all the imports of all rounds one after the other, as a worker would, while
the files are made by a process of their own. `cpu_seconds`: CPU seconds of this process and of its database connection
for one import into new months, beside those of the connection that does the raw COPY: the load of others hardly
changes them.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "2")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # after the thread limit
import polars as pl
import psycopg

from config import local, supervisor

GOAL_RATIO, GOAL_MEGABYTES = 0.40, 512
_LARGE_ROWS = 2_000_000
results: list[bool] = []


def report(name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None) -> None:
    """Print one figure and keep whether it meets its goal."""
    goal = at_least if at_least is not None else at_most
    is_ok = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    results.append(is_ok)
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "ok": is_ok}), flush=True)


def write_file(path: Path, num_rows: int, *, has_ids: bool) -> None:
    """A log of `num_rows` acts in time order, written in slices so that making it needs little memory."""
    rng = np.random.default_rng(1)
    slice_rows = 1_000_000
    with path.open("wb") as file:
        for first in range(0, num_rows, slice_rows):
            count = min(slice_rows, num_rows - first)
            span = 180 * 86_400
            seconds = np.sort(rng.integers(span * first // num_rows, span * (first + count) // num_rows + 1, count))
            people = pl.Series(rng.integers(1, max(num_rows // 50, 100), count))
            times = pl.Series(np.datetime64("2026-05-01T00:00:00", "ms") + (seconds * 1000).astype("timedelta64[ms]"))
            frame = pl.DataFrame(
                {
                    "用户": "oQ7xK5" + people.cast(pl.String).str.zfill(22),
                    "文章ID": "gh_8a2f_" + pl.Series(rng.integers(1, 2001, count)).cast(pl.String) + "_1",
                    "动作": rng.choice(["阅读", "点赞", "转发", "收藏"], count),
                    "时间": times.dt.strftime("%Y-%m-%d %H:%M:%S"),
                    "停留时长(秒)": pl.Series(rng.integers(1, 9999, count) / 10).cast(pl.String),
                    "渠道": rng.choice(["公众号会话", "朋友圈", "搜一搜", "好友转发"], count),
                    "城市": rng.choice(["广州", "上海", "成都", "武汉"], count),
                }
            )
            if has_ids:
                ids = pl.Series(np.arange(first, first + count)).cast(pl.String).str.zfill(16)
                frame = frame.with_columns(ids.alias("事件ID"))
            frame.write_csv(file, include_header=first == 0)


def make_file(path: Path, num_rows: int, *, has_ids: bool) -> None:
    """Have a process of its own write the file, so that its memory is not counted here."""
    command = [sys.executable, __file__, "--rows", str(num_rows), "--make", str(path), *(["--ids"] if has_ids else [])]
    subprocess.run(command, check=True)


def cpu_seconds_of(cursor: Any) -> float:
    """CPU seconds that the server process behind this connection has used."""
    cursor.execute("SELECT pg_backend_pid()")
    fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copy_raw(path: Path, owner_url: str, num_columns: int) -> tuple[float, float]:
    """Seconds of COPY of the file into a plain text table, and CPU seconds of the server process that did it."""
    columns = ", ".join(f"c{number} text" for number in range(num_columns))
    with psycopg.connect(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE raw_copy ({columns})")
        connection.commit()
        began = time.perf_counter()
        with path.open("rb") as file, cursor.copy("COPY raw_copy FROM STDIN (FORMAT csv, HEADER)") as copy:
            while block := file.read(1 << 17):
                copy.write(block)
        connection.commit()
        seconds = time.perf_counter() - began
        cpu_seconds = cpu_seconds_of(cursor)
        cursor.execute("DROP TABLE raw_copy")
    return seconds, cpu_seconds


def drop_months(owner_url: str) -> None:
    """Take the months away, so that the next file's are new."""
    with psycopg.connect(owner_url) as connection:
        names = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audience_event'::regclass"
        ).fetchall()
        for (name,) in names:
            if not name.endswith("before_2020"):
                connection.execute(f"DROP TABLE {name}")  # type: ignore[arg-type]  # our own partition


def import_file(path: Path, tenant: Any, by: Any) -> tuple[float, float, dict[str, Any]]:
    """Seconds of the import job, CPU seconds of it, and its report; the number of visible events is checked."""
    from django.db import connection

    from accounts import jobs
    from accounts.tenancy import tenant_scope
    from audience import imports
    from audience.models import Event

    with tenant_scope(tenant), path.open("rb") as file:
        before = Event.objects.count()
        batch = imports.create(file, "行为.csv", by)
        job = imports.confirm(batch, "events", batch.mapping, batch.options, by)
    with connection.cursor() as cursor:
        began, cpu_before = time.perf_counter(), time.process_time() + cpu_seconds_of(cursor)
        jobs.run(tenant.pk, job.pk, imports.run)
        seconds, cpu = time.perf_counter() - began, time.process_time() + cpu_seconds_of(cursor) - cpu_before
    with tenant_scope(tenant):
        batch.refresh_from_db()
        job.refresh_from_db()
        if job.state != "succeeded":
            raise SystemExit(f"the import ended as {job.state}: {job.error_template}")
        assert Event.objects.count() - before == batch.report["written"]
    return seconds, cpu, batch.report


def measure(path: Path, owner_url: str, num_rows: int, num_rounds: int, *, has_ids: bool) -> None:
    """Rounds of raw COPY and import in turns; then the replay."""
    from accounts import tenants
    from accounts.actors import Actor
    from accounts.models import User

    owner, _made = User.objects.get_or_create(email="bench@bench.test")
    by = Actor.person(owner)
    ratios: dict[str, list[float]] = {"fresh_months": [], "known_months": []}
    cpu_seconds: dict[str, list[float]] = {"raw_copy": [], "fresh_months": [], "known_months": []}
    tenant = None
    for _round in range(num_rounds):
        drop_months(owner_url)
        for name in ratios:
            raw, raw_cpu = copy_raw(path, owner_url, 8 if has_ids else 7)
            tenant = tenants.create("测速", "retail", owner, slug=f"bench-{time.time_ns()}")
            seconds, cpu, facts = import_file(path, tenant, by)
            cpu_seconds["raw_copy"].append(raw_cpu)
            cpu_seconds[name].append(cpu)
            assert facts["rows"] == num_rows
            assert facts["accepted"] == facts["written"] + facts["duplicates"] + facts["present"]
            ratios[name].append(raw / seconds)
    spread = {name: f"{min(values):.3f}-{max(values):.3f}" for name, values in ratios.items()}
    print(json.dumps({"name": "spread", "own_ids": has_ids, **spread}), flush=True)
    medians = {name: round(statistics.median(values), 2) for name, values in cpu_seconds.items()}
    print(json.dumps({"name": "cpu_seconds", "own_ids": has_ids, **medians}), flush=True)
    fresh, known = (statistics.median(values) for values in ratios.values())
    if has_ids:
        report("ratio_own_ids", known, "of raw COPY")
        return
    report("ratio_fresh_months", fresh, "of raw COPY", at_least=GOAL_RATIO)
    report("ratio_known_months", known, "of raw COPY")
    _seconds, _cpu, facts = import_file(path, tenant, by)
    report("replay_rows_added", facts["written"], "rows", at_most=0)


def main() -> int:
    """Start the services, make the file, measure, print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--make", type=Path, help="only write such a file")
    parser.add_argument("--ids", action="store_true", help="with ids of their own")
    options = parser.parse_args()
    if options.make:
        write_file(options.make, options.rows, has_ids=options.ids)
        return 0
    if "MALLOC_ARENA_MAX" not in os.environ:  # read when a process starts, so start again as ./run starts the workers
        os.environ["MALLOC_ARENA_MAX"] = supervisor.SITE_DEFAULTS["MALLOC_ARENA_MAX"]
        os.execv(sys.executable, [sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory() as folder, local.running(Path(folder) / "state") as services:
        os.environ.update(supervisor.site_environment(services) | {"LOG_LEVEL": "ERROR"})
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        owner_url = services["DATABASE_OWNER_URL"].replace("postgres://", "postgresql://")
        for has_ids in (False, True) if options.rows < _LARGE_ROWS else (False,):
            path = Path(folder) / f"events-{has_ids}.csv"
            make_file(path, options.rows, has_ids=has_ids)
            measure(path, owner_url, options.rows, options.rounds, has_ids=has_ids)
            path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report("peak_memory", peak, "MB", at_most=GOAL_MEGABYTES)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
