"""Programs inside wheels, and folders, that the user the servers run as can reach (see `processes.low_user`).

Root starts the servers as `nobody`, who may not enter a closed home folder: then programs and data lie elsewhere.
The permissions of existing folders are never changed.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from config.processes import LOW_USER, StartError, low_user


def _reachable(path: Path) -> bool:
    """Whether the user the servers run as may enter this folder or run this file."""
    return subprocess.run(["test", "-x", str(path)], cwd="/", **low_user()).returncode == 0


def choose_home(state: Path) -> Path:
    """Where the servers keep their data: the state folder, or for root with a closed home a folder outside it."""
    if _reachable(state):
        return state
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    for parent in (Path("/var/lib/fanwise"), Path(tempfile.gettempdir()) / "fanwise"):
        home = parent / name
        with contextlib.suppress(OSError):
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            if home.stat().st_uid == os.getuid() and _reachable(home):
                return home
    raise StartError(f"user {LOW_USER} cannot enter {state} nor /var/lib/fanwise: set FANWISE_STATE elsewhere")


def give(path: Path) -> Path:
    """Makes a file or folder the property of the user the servers run as."""
    if not path.exists():
        path.mkdir(mode=0o700)
    if user := low_user():
        os.chown(path, user["user"], user["group"])
    return path


def package_folder(package: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def runnable(program: Path, tree: Path, home: Path) -> Path:
    """The program where it is, or in a copy of its tree below `home` when the servers' user cannot reach it."""
    if _reachable(program):
        return program
    stamp = hashlib.sha256(f"{tree} {program.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = home / "programs" / f"{tree.name}-{stamp}"
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, exist_ok=True)
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(tree, new, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "__pycache__"))
        new.chmod(0o755)
        new.rename(copy)
    return copy / program.relative_to(tree)
