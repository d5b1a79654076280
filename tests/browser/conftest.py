"""A site of its own for the browser: web server and worker on the test database, and Chromium before them."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from kombu import Connection
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts import tenants
from accounts.models import Job, Tenant, User
from config.celery import app as celery_app
from config.processes import free_port, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
START_SECONDS = 120
PASSWORD = "browser-password-1"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="no Chromium: apt install chromium, or set CHROMIUM to its path")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if CHROMIUM is None:
                item.add_marker(missing)


@dataclass(frozen=True)
class Site:
    """A running site."""

    address: str
    queue_url: str

    def hint(self, job: Job) -> None:
        """Tell the site's worker of a job that this process made: the two do not share a queue."""
        with Connection(self.queue_url) as connection:
            celery_app.send_task(job.task, args=[job.tenant_id, job.pk], queue=job.queue, connection=connection)


def _environment(folder: Path) -> dict[str, str]:
    """The test's own settings, on the test database, with a state folder and a queue of its own."""
    database = connections["default"].settings_dict["NAME"]
    with_path = {
        name: urlunsplit(urlsplit(os.environ[name])._replace(path=f"/{path}"))
        for name, path in (("DATABASE_URL", database), ("CELERY_BROKER_URL", "11"), ("CACHE_URL", "12"))
    }
    own = {"FANWISE_STATE": str(folder), "DEBUG": "1", "LOG_LEVEL": "WARNING", "TRAINING_THREADS": "1"}
    return os.environ | with_path | own


def _start(folder: Path, name: str, *command: str) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command], cwd=CHECKOUT, env=_environment(folder), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


@pytest.fixture(scope="session")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Granian and one worker for all queues, on the test database."""
    folder, port = tmp_path_factory.mktemp("site"), free_port(8700)
    for name in ("CELERY_BROKER_URL", "CACHE_URL"):  # an earlier test database had the same ids
        redis.Redis.from_url(_environment(folder)[name]).flushdb()
    worker = ["celery", "-A", "config", "worker", "-P", "solo", "-Q", "default,sending,training", "--without-gossip"]
    web = ["granian", "--interface", "wsgi", "--port", str(port), "--blocking-threads", "4", "config.wsgi:application"]
    processes = [_start(folder, "web", *web), _start(folder, "worker", *worker, "--without-mingle", "-l", "INFO")]
    address = f"http://localhost:{port}"
    try:
        _await(lambda: _answers(address), folder / "web.log")
        _await(lambda: " ready." in (folder / "worker.log").read_text(), folder / "worker.log")
        yield Site(address, _environment(folder)["CELERY_BROKER_URL"])
    finally:
        for process in processes:
            _end(process)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5):
            return True
    except OSError:
        return False


def _await(is_ready: Callable[[], bool], log: Path) -> None:
    if not wait_until(is_ready, START_SECONDS):
        pytest.fail(f"the site did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests. Its event loop runs in this thread, which Django is told to accept."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visitor:
    """A person with a browser window, and what the browser complained about meanwhile."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda answer: self._see(answer.status, answer.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {text}")

    def _see(self, status: int, url: str) -> None:
        if status >= 400:
            self.complaints.append(f"{status} {url}")

    def open(self, path: str) -> Page:
        """Go to a path of the site."""
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        """Through the form, as everybody does."""
        page = self.open("/accounts/login/?next=/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.locator("main button.btn-primary").click()
        page.wait_for_url(lambda url: "/accounts/login/" not in url)
        return page

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """`visitor("en")` opens a window; at the end, no window may have had anything to complain about."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def make(language: str, window: dict[str, int] = DESKTOP) -> Visitor:
        contexts.append(chromium.new_context(locale={"zh": "zh-CN", "en": "en-US"}[language], viewport=window))
        visitors.append(Visitor(contexts[-1], site.address))
        return visitors[-1]

    yield make
    for context in contexts:
        context.close()
    complaints = [complaint for one in visitors for complaint in one.complaints]
    assert not complaints, "\n".join(complaints[:8])


@pytest.fixture
def person(transactional_db: None) -> User:
    """Somebody the site's process knows: it does not share the quick hash of the other tests."""
    hasher = PBKDF2PasswordHasher()
    return User.objects.create(email="lin@browser.test", name="林欣", password=hasher.encode(PASSWORD, hasher.salt()))


@pytest.fixture
def shop(person: User) -> Tenant:
    return tenants.create("青禾生活", "retail", person, slug="shop")
