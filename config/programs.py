"""Programs inside wheels, and folders, that the user the servers run as can reach (see `processes.low_user`).

Root starts the servers as `nobody`, who may not enter a closed home folder: then programs and data lie elsewhere.
The permissions of existing folders are never changed.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.processes import LOW_USER, StartError, low_user


def reachable(path: Path) -> bool:
    """Whether the user the servers run as may enter this folder or run this file."""
    return subprocess.run(["test", "-x", str(path)], cwd="/", **low_user()).returncode == 0


def choose_home(state: Path) -> Path:
    """Where the servers keep their data: the state folder, or for root with a closed home a folder outside it."""
    if reachable(state):
        return state
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    for parent in (Path("/var/lib/fanwise"), Path(tempfile.gettempdir()) / "fanwise"):
        home = parent / name
        with contextlib.suppress(OSError):
            make_passable(home)
            if home.stat().st_uid == os.getuid() and reachable(home):
                return home
    raise StartError(f"user {LOW_USER} cannot enter {state} nor /var/lib/fanwise: set FANWISE_STATE elsewhere")


def make_passable(folder: Path) -> None:
    """Creates a folder others may pass through but not list, whatever the umask; leaves existing ones alone."""
    if not folder.exists():
        make_passable(folder.parent)
        folder.mkdir()
        folder.chmod(0o711)


def give(path: Path) -> Path:
    """Makes a file or folder the property of the user the servers run as."""
    if not path.exists():
        path.mkdir(mode=0o700)
    if user := low_user():
        os.chown(path, user["user"], user["group"])
    return path


def runnable(program: str, trees: tuple[str, ...], home: Path) -> Path | None:
    """The program where it lies, or in a copy below `home` when the servers' user cannot reach it; None without it.

    `program` and `trees` are paths below site-packages; the trees hold the program and the libraries it loads.
    """
    packages = next((folder for folder in map(Path, sys.path) if (folder / program).is_file()), None)
    if packages is None or reachable(packages / program):
        return packages and packages / program
    stamp = hashlib.sha256(f"{packages} {(packages / program).stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = home / "programs" / stamp
    if not copy.exists():
        _copy_trees(packages, trees, copy)
    return copy / program


def _copy_trees(packages: Path, trees: tuple[str, ...], copy: Path) -> None:
    make_passable(copy.parent)
    new = copy.with_name(copy.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    for tree in trees:
        if (packages / tree).exists():
            shutil.copytree(packages / tree, new / tree, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include"))
    for path in [new, *new.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
    new.rename(copy)
