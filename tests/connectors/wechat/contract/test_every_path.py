"""Every path the typed calls name exists at the simulated platform, with that method."""

import re
from pathlib import Path

import connectors.wechat
from connectors.wechat.datacube import REPORTS
from simulator import app
from simulator.calls import find_endpoint

_PATH = re.compile(r'"(/(?:cgi-bin|wxa|wxaapi|datacube)/[\w/]+)"')
_WITH_METHOD = re.compile(r'\.(?:call|fetch)\(\s*"(GET|POST)",\s*"(/[\w/-]+)"')
MODULES = (
    "users", "tags", "datacube", "drafts", "publishing", "materials", "menus", "qrcodes", "customer_messages",
    "templates", "subscriptions", "template_library", "mass", "accounts", "links", "comments",
)  # fmt: skip
SOURCES = [Path(connectors.wechat.__path__[0], f"{name}.py").read_text() for name in MODULES]


def test_every_path_exists():
    assert app.Simulator  # the areas are registered with it
    paths = {path for source in SOURCES for path in _PATH.findall(source)}
    paths |= {report.path for report in REPORTS.values()}
    assert len(paths) > 100
    missing = {path for path in paths if not (find_endpoint("GET", path) or find_endpoint("POST", path))}
    assert missing == set()


def test_every_method_fits():
    named = {found for source in SOURCES for found in _WITH_METHOD.findall(source)}
    assert len(named) > 40
    assert {(method, path) for method, path in named if find_endpoint(method, path) is None} == set()
