"""What must hold before the site starts: translations, static files, schema, demo brand.

One process for all steps, so that Django is loaded once: `python -m config.prepare`.
"""

import hashlib
import io
import os
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command

from config.bootstrap import run_step
from config.state import LOGIN_FILE, write_private


def compile_messages() -> None:
    """Makes the .mo files of the catalogues in locale/."""
    call_command("messages", "--compile", stdout=io.StringIO())


def static_fingerprint() -> str:
    """Changes when a static file comes, goes or changes."""
    listed = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            listed.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(listed)).encode()).hexdigest()


def collect_static() -> None:
    """Copies, fingerprints and compresses the static files when one has changed; DEBUG serves them in place."""
    stamp = settings.STATE_DIR / "static.stamp"
    fingerprint = static_fingerprint()
    if settings.DEBUG or (stamp.exists() and stamp.read_text() == fingerprint and settings.STATIC_ROOT.exists()):
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)


def migrate() -> None:
    """Brings the schema up to date, as its owner."""
    call_command("migrate", database="owner", interactive=False, verbosity=0)


def create_demo_brand(login: Path) -> None:
    """Makes the demo brand when it is missing; keeps what the command says (the login or why not) for later."""
    said = io.StringIO()
    try:
        call_command("create_demo_brand", stdout=said)
    except CommandError as error:  # the site is useful without it
        said.write(f"{error}\nFANWISE_DEMO=0 starts without the demo brand.")
    write_private(login, said.getvalue())


def main() -> None:
    """All steps in order."""
    run_step("loading the site", django.setup)
    run_step("compiling translations", compile_messages)
    run_step("collecting static files", collect_static)
    run_step("migrating the database", migrate)
    login = settings.STATE_DIR / LOGIN_FILE
    login.unlink(missing_ok=True)
    if os.environ.get("FANWISE_DEMO", "1") != "0":
        run_step("making the demo brand", lambda: create_demo_brand(login))


if __name__ == "__main__":
    main()
