"""The front-end packages: locked by hash, free of addresses, and every file a page asks for is served."""

import json
import re
from pathlib import Path

from config.bootstrap import keep_served
from config.state import CHECKOUT

PACKAGE = json.loads((CHECKOUT / "package.json").read_text())
LOCKED = json.loads((CHECKOUT / "package-lock.json").read_text())["packages"]
PREFIXES = {
    "tabler": "@tabler/core/dist",
    "icons": "@tabler/icons-webfont/dist",
    "echarts": "echarts/dist",
    "alpine": "@alpinejs/csp/dist",
}


def test_every_package_is_locked_by_hash_without_an_address() -> None:
    assert {name for name, entry in LOCKED.items() if name and "integrity" not in entry} == set()
    assert {name for name, entry in LOCKED.items() if "resolved" in entry} == set()
    assert LOCKED[""]["dependencies"] == PACKAGE["dependencies"]


def test_every_package_file_a_template_names_is_served() -> None:
    named = set()
    for template in (CHECKOUT / "templates").rglob("*.html"):
        for path in re.findall(r"""\{%\s*static\s+["']([^"']+)["']""", template.read_text()):
            prefix, _, rest = path.partition("/")
            if prefix in PREFIXES:
                named.add(f"{PREFIXES[prefix]}/{rest}")
    assert named - set(PACKAGE["served"]) == set()


def test_served_files_name_no_source_map(tmp_path: Path, monkeypatch) -> None:
    packages = tmp_path / "work"
    for served in PACKAGE["served"]:
        (packages / served).parent.mkdir(parents=True, exist_ok=True)
        (packages / served).write_bytes(b"a{}\n/*# sourceMappingURL=a.css.map */\n//# sourceMappingURL=a.js.map\n\xff")
    monkeypatch.setattr("config.bootstrap.CHECKOUT", tmp_path)
    monkeypatch.setattr("config.bootstrap.NODE_MODULES", tmp_path / "node_modules")
    (tmp_path / "package.json").write_text(json.dumps(PACKAGE))
    keep_served(packages)
    assert (tmp_path / "node_modules/echarts/dist/echarts.common.min.js").read_bytes() == b"a{}\n\xff"
    font = "node_modules/@tabler/icons-webfont/dist/fonts/tabler-icons.woff2"
    assert b"sourceMappingURL" in (tmp_path / font).read_bytes()
