"""Fixtures for the browser tests: the site on a real server, and real browsers.

A message on the browser's console, or a request to another host, fails the test.
"""

import itertools
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import waitress.server
from playwright.sync_api import Locator, Page, sync_playwright

from flicklist import main
from flicklist.text import shorten
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
MARK = "document.querySelector('html').dataset.marked = 'yes'"
IS_MARKED = "document.querySelector('html').dataset.marked === 'yes'"

PRIVACY = """# Privacy

This site stores your email address, and the movies on your list. Nobody else sees them.

## Cookies

There is one cookie, which keeps you logged in.

| What | Where | How long |
| --- | --- | --- |
| Cookie | Your browser | 90 days |
| Backups of everything | On an encrypted disk at home | 4 weeks |

### Questions

- Write to <anna@example.com>.
- Or see [the pages about data protection](https://example.com/a-very-long-address-that-must-wrap-on-a-small-phone).
"""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "privacy.md").write_text(PRIVACY, encoding="utf-8")
    with running_site(folder, privacy_page="privacy.md", contact="anna@example.com") as url:
        yield url


@contextmanager
def running_site(folder: Path, **changed: str) -> Iterator[str]:
    """Run the site with other settings, on a database in a folder. Yields its URL."""
    settings = {
        "flicklist.database_url": f"sqlite:///{folder}/flicklist.db",
        "flicklist.migrate_at_start": "true",
        "flicklist.secret": SECRET,
        "flicklist.https": "false",
        "flicklist.bcrypt_cost": "4",
        **{f"flicklist.{name}": "" for name in LIMITS},
        **{f"flicklist.{name}": value for name, value in changed.items()},
    }
    app = main({"here": str(folder)}, **settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = waitress.server.create_server(app, host="127.0.0.1", port=port, threads=8)

    def serve() -> None:
        with suppress(OSError):  # closing the sockets ends the loop that waits for them
            server.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    dispose(app)


@pytest.fixture(scope="session")
def playwright():
    """Playwright, of which a process can have one at a time."""
    if CHROMIUM is None:
        pytest.exit(HOW_TO_GET_ONE, returncode=1)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


HARMLESS_MESSAGES = (
    "Failed to load resource: the server responded with a status of 4",  # any refused form
    "[DOM] ",  # hints about forms
    "Autofocus processing was blocked",  # by Chromium, in a part that was replaced; htmx sets the focus
)


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
        if not text.startswith(HARMLESS_MESSAGES):
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
        self.title_field.fill(f"{title} ({year})" if year else title)
        with self.page.expect_response(is_next_page):
            self.page.locator("#add button:not(.find)").click()
        self.page.locator(".message", has_text=shorten(title)).first.wait_for()

    def watch(self, title: str) -> None:
        self.check_of(title).click()
        self.page.get_by_text("Watched “").wait_for()

    def leave_list(self) -> None:
        """Move the pointer and the focus out of the list. A movie that was crossed off leaves it, too."""
        self.title_field.focus()
        self.page.mouse.move(1, 1)
        self.page.locator(".movies > .crossed-off").first.wait_for(state="detached")

    def check_of(self, title: str) -> Locator:
        return self.page.get_by_role("button", name=f"I watched it! {title}")

    def row(self, title: str) -> Locator:
        return self.page.locator(".movies > li", has=self.page.get_by_text(title, exact=True))

    def select(self, *titles: str) -> None:
        """Select movies, in the mode that has checkboxes."""
        self.page.get_by_role("link", name="Select", exact=True).click()
        for title in titles:
            self.page.get_by_label(f"Select {title}", exact=True).check()

    def rate(self, title: str, stars: str) -> None:
        """Give a movie on the watched list a rating such as ``4.5``."""
        field = self.page.locator(".movies").get_by_label(f"Rating of {title}", exact=True)
        if not self.javascript:
            field.select_option(stars)
            self.row(title).get_by_role("button", name="Rate").click()
        else:
            self.click_star(field, stars)
        self.page.get_by_text("You rated “").wait_for()
        self.page.locator(".htmx-request, .htmx-settling").first.wait_for(state="detached")

    def rating_of(self, title: str) -> str | None:
        """Return the rating of a movie on the watched list, as a screen reader says it."""
        row = self.row(title)
        if not self.javascript:
            chosen = row.locator("select option:checked")
            return chosen.inner_text().replace(" ★", " of 5 stars")
        return row.get_by_role("slider").get_attribute("aria-valuetext")

    @staticmethod
    def click_star(slider: Locator, stars: str) -> None:
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] * (float(stars) - 0.25) / 5, "y": box["height"] / 2})

    @property
    def title_field(self) -> Locator:
        return self.page.locator("#add [name=title]")

    @property
    def titles(self) -> list[str]:
        return self.page.locator(".movies .title").all_inner_texts()

    @property
    def said(self) -> str:
        return " ".join(self.page.locator(".message p").all_inner_texts())


def follow(page: Page, name: str) -> None:
    """Click a link that loads another page, and wait for that page. A click alone returns before it is there."""
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).click()


def is_next_page(response) -> bool:
    """Return whether this is the page that follows a form."""
    return response.request.redirected_from is not None


@pytest.fixture
def open_browser(chromium, site):
    """Return a function that opens a browser of a width, in light or dark, with or without JavaScript."""
    opened = []

    def open_one(width=1280, scheme="light", *, height=800, javascript=True, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
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


# Each pair of a width, a scheme, and scripts or none, is in one of these.
READERS = [
    ("phone", "light", "scripts"),
    ("phone", "dark", "plain"),
    ("desktop", "light", "plain"),
    ("desktop", "dark", "scripts"),
]


@pytest.fixture(params=READERS, ids="-".join)
def reader(request, open_browser):
    """A reader in each width and colour scheme, with and without JavaScript."""
    size, scheme, scripts = request.param
    return open_browser(WIDTHS[size], scheme, javascript=scripts == "scripts")


@pytest.fixture
def list_of_movies(open_browser):
    """A person with sixty movies, scrolled to the thirtieth. The page is marked, to see whether another is loaded."""
    reader = open_browser()
    reader.register()
    path = reader.page.url
    token = reader.page.locator("[name=csrf_token]").first.input_value()
    for number in range(60):
        reader.page.request.post(f"{path}add", form={"csrf_token": token, "title": f"Movie {number:02}"})
    reader.page.reload()
    reader.page.get_by_role("button", name="I watched it! Movie 30").scroll_into_view_if_needed()
    reader.page.evaluate(MARK)
    return reader
