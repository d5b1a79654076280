"""docs/settings.md names every environment variable the code reads, and no other."""

import re

from config.state import CHECKOUT

READS = re.compile(r"""(?:\benv\.\w+\(|\benviron\.get\(|\benviron\[)\s*["']([A-Z][A-Z0-9_]+)["']""")
FOLDERS = (
    "config", "common", "accounts", "catalog", "audience", "modeling", "recommendations", "campaigns", "demo",
    "connectors",
)  # fmt: skip
NOT_OURS = {"PATH", "PIP_EXTRA_INDEX_URL"}


def test_every_variable_has_a_line_and_every_line_a_variable() -> None:
    sources = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")]
    read = {name for path in sources for name in READS.findall(path.read_text())}
    read |= {"PYTHON"}  # read by the shell part of ./run
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", (CHECKOUT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(read - NOT_OURS)
