"""The second half of ./test: every check and test, also after one that failed, then a table of results."""

# ruff: noqa: S603

import difflib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from config import local
from config.processes import StartError, processes_marked
from config.state import CHECKOUT
from config.supervisor import MARK, Stopped, end_children, only_one, site_environment, stop_on_signals

OPENAPI = CHECKOUT / "docs" / "openapi.yaml"
PRODUCTION = {"DEBUG": "0", "HTTPS": "1", "ALLOWED_HOSTS": "fanwise.example", "BEHIND_PROXY": "1"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
APT = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
HANG_OPTIONS = ["-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true"]
SHARING_OPTIONS = ["--numprocesses=2"]
"""Two processes share the tests; those that drive a browser have one site and queue, so they run by themselves."""
SLOWEST_OPTIONS = ["--durations=10", "--durations-min=3"]

Environment = dict[str, str]


@dataclass(frozen=True)
class Result:
    """What a step came to; `output` is shown when it failed."""

    name: str
    seconds: float
    outcome: str  # "ok", "FAILED" or "SKIPPED"
    output: str = ""


@dataclass(frozen=True)
class Step:
    """A named check: it succeeds when `check` returns an empty text, else the text says what is wrong."""

    name: str
    check: Callable[[Environment], str]

    def run(self, environment: Environment) -> Result:
        """Times the check."""
        began = time.monotonic()
        output = self.check(environment)
        return Result(self.name, time.monotonic() - began, "FAILED" if output else "ok", output)


# --- the checks -----------------------------------------------------------------------------------------------------


def _output_on_failure(command: Sequence[str], environment: Environment) -> str:
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    said = (done.stdout + done.stderr).strip() or f"exit status {done.returncode}"
    return said if done.returncode else ""


def _command(*words: str, **extra: str) -> Callable[[Environment], str]:
    return lambda environment: _output_on_failure(words, environment | extra)


def _manage(*words: str, **extra: str) -> Callable[[Environment], str]:
    return _command(sys.executable, "manage.py", *words, **extra)


def compare_openapi(environment: Environment) -> str:
    """The schema made from the code must be valid and equal to the committed one."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "openapi.yaml"
        failure = _manage("spectacular", "--validate", "--fail-on-warn", "--file", str(made))(environment)
        if failure:
            return failure
        committed = OPENAPI.read_text().splitlines() if OPENAPI.exists() else []
        difference = difflib.unified_diff(committed, made.read_text().splitlines(), "committed", "code", lineterm="")
    lines = list(difference)[:80]
    return "\n".join([*lines, "renew it: ./run manage spectacular --file docs/openapi.yaml"]) if lines else ""


def quick_steps() -> list[Step]:
    """Everything but the tests."""
    return [
        Step("format", _command("ruff", "format", "--check", ".")),
        Step("types", _command("mypy", ".")),
        Step("lint", _command("ruff", "check", ".")),
        Step("layers", _command("lint-imports")),
        Step("site", _manage("check", "--fail-level", "WARNING")),
        Step("deployment", _manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)),
        Step("migrations", _manage("makemigrations", "--check", "--dry-run")),
        Step("API contract", compare_openapi),
        Step("translations", _manage("messages", "--check")),
    ]


# --- pytest ---------------------------------------------------------------------------------------------------------


def find_browser() -> str | None:
    """Chromium on PATH; root on Debian and Ubuntu gets it from apt, with Chinese fonts."""
    if found := next(filter(None, map(shutil.which, BROWSERS)), None):
        return found
    if os.getuid() == 0 and shutil.which("apt-get"):
        print("  installing chromium for the browser tests ...", flush=True)
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]):
            subprocess.run([*APT, *command], env=quiet, stdin=subprocess.DEVNULL, capture_output=True)
    return shutil.which("chromium")


def pytest_command(*arguments: str) -> list[str]:
    """pytest; a test that hangs ends the run and shows where it hangs."""
    return [sys.executable, "-m", "pytest", *HANG_OPTIONS, *arguments]


def run_pytest(environment: Environment, name: str, marked: str, *options: str) -> tuple[Result, str]:
    """Runs pytest, showing its output as it comes; also gives its closing line."""
    began, closing = time.monotonic(), ""
    command = pytest_command("-m", marked, *options, *SLOWEST_OPTIONS)
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                closing = line.strip() or closing
        except Stopped:
            process.terminate()
            raise
    return Result(name, time.monotonic() - began, "FAILED" if process.returncode else "ok"), closing


def run_tests(environment: Environment, is_fast: bool) -> tuple[list[Result], str]:
    """The tests that can run here, and what pytest says at their end."""
    if is_fast:
        result, closing = run_pytest(environment, "tests", "not slow and not browser", *SHARING_OPTIONS)
        return [result], closing
    browser = find_browser()
    results, closings = [], []
    result, closing = run_pytest(environment, "tests", "not browser", *SHARING_OPTIONS)
    results.append(result)
    closings.append(closing)
    if browser:
        result, closing = run_pytest(environment | {"CHROMIUM": browser}, "browser tests", "browser")
        results.append(result)
        closings.append(closing)
    else:
        print("SKIPPED browser tests: no chromium on PATH (Debian, Ubuntu: apt install chromium fonts-noto-cjk)")
        results.append(Result("browser tests", 0.0, "SKIPPED"))
    return results, "\n".join(closings)


# --- the commands ---------------------------------------------------------------------------------------------------


def show(result: Result) -> None:
    """One line per step, and what a failed one said."""
    print(f"{result.name:<14} {result.seconds:6.1f} s  {result.outcome}", flush=True)
    if result.output:
        print("    " + result.output.replace("\n", "\n    "), flush=True)


def run_all(environment: Environment, is_fast: bool) -> int:
    """All steps, two at a time, then the tests; 1 when any failed."""
    compiled = Step("catalogues", _manage("messages", "--compile")).run(environment)
    show(compiled)
    results = [compiled]
    with ThreadPoolExecutor(2) as pool:
        for result in pool.map(lambda step: step.run(environment), quick_steps()):
            show(result)
            results.append(result)
    tests, closing = run_tests(environment, is_fast)
    results += tests
    print("\nstep           seconds  result")
    for result in results:
        print(f"{result.name:<14} {result.seconds:7.1f}  {result.outcome}")
    print(closing, flush=True)
    return int(any(result.outcome == "FAILED" for result in results))


def run_command(arguments: list[str], environment: Environment) -> int:
    """./test, ./test fast, ./test pytest ARGS."""
    match arguments:
        case []:
            return run_all(environment, is_fast=False)
        case ["fast"]:
            return run_all(environment, is_fast=True)
        case ["pytest", *rest]:
            return subprocess.run(pytest_command(*rest), cwd=CHECKOUT, env=environment).returncode
        case _:
            print("usage: ./test [fast | pytest ARGS]", file=sys.stderr)
            return 2


def main(arguments: list[str]) -> int:
    """Starts services of its own, runs the command, leaves no process behind."""
    state = Path(os.environ.get("FANWISE_TEST_STATE") or CHECKOUT / ".state" / "test").resolve()
    stop_on_signals()
    with only_one(state), local.running(state) as services:
        environment = site_environment(services) | {"DEBUG": os.environ.get("DEBUG", "1"), MARK: str(state)}
        try:
            return run_command(arguments, environment)
        finally:
            left = processes_marked(MARK, str(state))
            if left:
                print(f"ending {len(left)} processes that tests left behind", file=sys.stderr)
                end_children(state, patience=3)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StartError as error:
        sys.exit(f"fanwise: {error}")
    except Stopped:
        sys.exit(128 + signal.SIGINT)
