"""Fixtures for the browser tests: the site on a real server, and real browsers.

A message on the browser's console, or a request to another host, fails the test.
"""

import itertools
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import waitress.server
from playwright.sync_api import Locator, Page, sync_playwright

from flicklist import main
from tests.clients import PASSWORD
from tests.conftest import LIMITS, SECRET, dispose

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
HOW_TO_GET_ONE = "These tests need Chromium. On Debian: apt-get install chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
WIDTHS = {"phone": 320, "desktop": 1280}
NODE_MODULES = Path(__file__).parent / "node_modules"
TIMEOUT_MILLISECONDS = 10_000

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    settings = {
        "flicklist.database_url": f"sqlite:///{tmp_path_factory.mktemp('site')}/flicklist.db",
        "flicklist.migrate_at_start": "true",
        "flicklist.secret": SECRET,
        "flicklist.https": "false",
        "flicklist.bcrypt_cost": "4",
        **{f"flicklist.{name}": "" for name in LIMITS},
    }
    app = main({}, **settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = waitress.server.create_server(app, host="127.0.0.1", port=port, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    dispose(app)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.exit(HOW_TO_GET_ONE, returncode=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Reader:
    """A browser page, with shortcuts for what people do on the site."""

    def __init__(self, page: Page, site: str, *, javascript: bool) -> None:
        self.page = page
        self._developer_tools = page.context.new_cdp_session(page)
        self.javascript = javascript
        self._run_scripts(javascript)
        self.site = site
        self.email = f"reader{next(_numbers)}@example.com"
        self.complaints: list[str] = []
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        page.on("console", lambda message: self.complain(message.text))
        page.on("pageerror", lambda error: self.complain(str(error)))
        page.on("request", self.note_request)

    def complain(self, text: str) -> None:
        # Chromium logs this for every 4xx page, such as a refused form.
        if not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.complaints.append(text)

    def note_request(self, request) -> None:
        if not request.url.startswith(self.site):
            self.complaints.append(f"asked for {request.url}")

    @contextmanager
    def with_javascript(self) -> Iterator[None]:
        """Enable JavaScript meanwhile, so that test scripts run on a page that was loaded without it."""
        self._run_scripts(True)
        yield
        self._run_scripts(self.javascript)

    def slow_down(self, milliseconds: int) -> None:
        """Delay each response from now on."""
        self._developer_tools.send("Network.enable")
        conditions = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
        self._developer_tools.send("Network.emulateNetworkConditions", conditions)

    def _run_scripts(self, on: bool) -> None:  # noqa: FBT001 - clear from the name
        self._developer_tools.send("Emulation.setScriptExecutionDisabled", {"value": not on})

    def go(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.page

    def register(self) -> None:
        page = self.go("/register")
        page.get_by_label("Email").fill(self.email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Repeat password").fill(PASSWORD)
        page.get_by_role("button", name="Register").click()
        page.get_by_role("heading", name="Watchlist").wait_for()

    def add(self, title: str, year: str = "") -> None:
        self.title_field.fill(title)
        self.year_field.fill(year)
        self.page.get_by_role("button", name="Add").click()
        self.page.get_by_text(title).first.wait_for()

    def watch(self, title: str) -> None:
        self.page.get_by_role("button", name=f"I watched it! {title}").click()
        self.page.get_by_text("Watched “").wait_for()

    @property
    def title_field(self) -> Locator:
        return self.page.locator("#add").get_by_label("Title")

    @property
    def year_field(self) -> Locator:
        return self.page.locator("#add").get_by_label("Year")

    @property
    def titles(self) -> list[str]:
        return self.page.locator(".movies .title").all_inner_texts()

    @property
    def said(self) -> str:
        return " ".join(self.page.locator(".message p").all_inner_texts())


@pytest.fixture
def open_browser(chromium, site):
    """Return a function that opens a browser of a width, in light or dark, with or without JavaScript."""
    opened = []

    def open_one(width=1280, scheme="light", *, javascript=True, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            reduced_motion="reduce",  # no animations, so that colours are final at once
            **options,
        )
        reader = Reader(context.new_page(), site, javascript=javascript)
        opened.append((context, reader))
        return reader

    yield open_one
    for context, reader in opened:
        context.close()
        assert reader.complaints == []


@pytest.fixture(params=list(itertools.product(WIDTHS, ["light", "dark"], ["scripts", "plain"])), ids="-".join)
def reader(request, open_browser):
    """A reader in each width and colour scheme, with and without JavaScript."""
    size, scheme, scripts = request.param
    return open_browser(WIDTHS[size], scheme, javascript=scripts == "scripts")
