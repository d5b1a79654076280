"""What brands put into their pages: small, and in the JavaScript that old in-app browsers understand."""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "static" / "track"
MAX_BYTES = 8 * 1024
NEW_SYNTAX = r"=>|`|\b(let|const|class|async function|await|import|export)\b|\?\.|\?\?|\.\.\."


def bare(name: str) -> str:
    """The script without comments, indentation and the spaces around operators."""
    text = re.sub(r"/\*.*?\*/", "", (SCRIPTS / name).read_text(), flags=re.DOTALL)
    lines = [re.sub(r"(^|\s)//.*$", "", line).strip() for line in text.splitlines()]
    return re.sub(r" ?([=+\-*<>&|?:,;{}()]) ?", r"\1", "\n".join(line for line in lines if line))


@pytest.mark.parametrize("name", ["fanwise.js", "fanwise-mini.js"])
def test_a_script_is_small(name):
    assert 3000 < len(bare(name).encode()) <= MAX_BYTES


@pytest.mark.parametrize("name", ["fanwise.js", "fanwise-mini.js"])
def test_a_script_uses_only_es5(name):
    code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', bare(name))
    assert re.findall(NEW_SYNTAX, code.replace("module.exports", "")) == []
    assert re.search(NEW_SYNTAX, "var a = () => 1;")


@pytest.mark.parametrize("name", ["fanwise.js", "fanwise-mini.js"])
def test_a_script_depends_on_nothing(name):
    text = bare(name)
    assert "require(" not in text
    assert re.findall(r"https?://\w", text) == []
