"""Every page is accessible, valid HTML and fits its window, in every width and scheme, with and without JavaScript."""

import json
import shutil
import subprocess

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NODE_MODULES, follow
from tests.clients import PASSWORD
from tests.services.imports.files import MADE

AXE = (NODE_MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
VNU = NODE_MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
WORK_MILLISECONDS = 20_000  # for the thread that works on imports, and the refresh of its page
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# The Content Security Policy allows no data: URLs. Pico has some, which pico-icons.css removes.
DATA_URLS = """
    [...document.querySelectorAll("*")].map(element => getComputedStyle(element).backgroundImage)
    .filter(image => image.includes("data:"))
"""


def check_page(reader, name):
    """Check the current page of a reader."""
    page = reader.page
    page.wait_for_load_state()
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window, f"{name} is wider than its window"
    with reader.with_javascript():
        assert page.evaluate("'htmx' in window") == reader.javascript
        assert page.evaluate(DATA_URLS) == [], name
        page.evaluate(AXE)
        found = page.evaluate("tags => axe.run(document, {runOnly: tags}).then(result => result.violations)", RULES)
    assert found == [], f"{name}: " + json.dumps(
        [(each["id"], [node["html"] + node["failureSummary"] for node in each["nodes"]]) for each in found], indent=1
    )


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280])
def test_header_shows_email_or_log_in_links_at_every_width(open_browser, width):
    reader = open_browser(width)
    reader.email = f"maria.gonzales{width:04}@example.com"  # 30 characters
    page = reader.go("/login")
    header = page.locator("header.site-header")
    expect(header.get_by_role("link", name="Log in")).to_be_in_viewport(ratio=1)
    expect(header.get_by_role("link", name="Register")).to_be_in_viewport(ratio=1)
    reader.register()
    email = header.get_by_text(reader.email)
    expect(email).to_be_in_viewport(ratio=1)
    assert email.evaluate("element => element.scrollWidth <= element.clientWidth"), "the email is cut off"


# The words of elements that are on more than one line.
BROKEN_WORDS = r"""elements => elements.flatMap(({ firstChild }) =>
    [...firstChild.data.matchAll(/\S+/g)].filter(word => {
        const range = document.createRange();
        range.setStart(firstChild, word.index);
        range.setEnd(firstChild, word.index + word[0].length);
        return range.getClientRects().length > 1;
    }).map(word => word[0])
)"""


def test_words_in_a_table_of_a_text_page_are_not_broken(open_browser):
    page = open_browser(320).go("/privacy")
    cells = page.locator("td, th")
    assert cells.count() == 9
    assert cells.evaluate_all(BROKEN_WORDS) == []


def public_pages(reader):
    page = reader.page
    reader.go("/register")
    yield "register"
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_label("Password", exact=True).fill("password")
    page.get_by_label("Repeat password").fill("password")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("That password is too easy to guess.")
    yield "register, refused"
    reader.go("/login")
    yield "log in"
    reader.go("/password-reset/")
    yield "forgot"
    follow(page, "Privacy")
    expect(page.get_by_role("heading", name="Cookies")).to_be_visible()
    yield "privacy"
    reader.go("/static/nothing.css")
    yield "page not found"


def list_pages(reader):
    page = reader.page
    reader.register()
    yield "watchlist, empty"
    watchlist = page.url
    page.goto(f"{watchlist}changes/")
    yield "changes, empty"
    page.goto(watchlist)
    # The longest is not above the links below the list: axe takes its lines that are cut off for lines that cover them.
    for title in ("Heat", "Amélie", "x" * 200, "The Assassination of Jesse James by the Coward Robert Ford"):
        reader.add(title)
    yield "watchlist"
    if reader.javascript:
        reader.title_field.press_sequentially("blade run")
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        yield "watchlist, with suggestions"
        page.reload()
    page.get_by_text("Filters").click()
    yield "watchlist, with filters"
    reader.select("Heat")
    yield "watchlist, selected"
    page.locator("#selection summary").click()
    page.locator("#selection [name=tags]").fill(f"own it, {'x' * 40}")
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_role("status")).to_contain_text("Added the tags")
    reader.select("Heat")
    page.locator("#selection summary").click()
    page.locator("#selection [name=tags]").press_sequentially("own")
    if reader.javascript:
        expect(page.locator(".suggestions [role=option]")).to_be_visible()
    yield "watchlist, with tags"
    page.goto(f"{watchlist}?q=heat&tag=own+it&added_from=03/04/2021")
    yield "watchlist, with active filters"
    page.goto(f"{watchlist}?q=nothing+like+it")
    yield "watchlist, nothing found"
    page.goto(f"{watchlist}watched")
    yield "watched, empty"
    page.goto(watchlist)
    reader.watch("Heat")
    yield "watchlist, with undo"
    yield type_unclear_date(page)
    page.goto(f"{watchlist}watched")
    reader.rate("Heat", "3.5")
    yield "watched"
    page.get_by_label("More: Heat").click()
    yield "watched, with the menu of a row"
    page.goto(f"{watchlist}watched?q=nothing+like+it")
    yield "watched, nothing found"
    page.goto(watchlist)
    reader.select("Amélie", "x" * 200)
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 2 movies today.")


def type_unclear_date(page):
    """Type a date into the message about a movie that was crossed off. Return the name of the page."""
    page.get_by_text("Another day").click()
    page.get_by_label("Date watched").fill("03/04/2021")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="3 Apr 2021")).to_be_visible()
    return "watchlist, with a refused date"


def changes_pages(reader):
    """Go on as the member."""
    page = reader.page
    reader.go("/")
    follow(page, "Recent changes")
    page.get_by_text("Movies", exact=True).first.click()
    yield "changes"
    page.get_by_role("button", name="Undo: Watched 2 movies").click()
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    yield "changes, undone"


def movie_pages(reader):
    """Go on as the member."""
    page = reader.page
    reader.go("/")
    watchlist = page.url
    page.goto(f"{watchlist}watched")
    follow(page, "Heat")
    page.get_by_text("Add a viewing").click()
    yield "movie, watched"
    page.get_by_label("Date", exact=True).fill("03/04/2021")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("“03/04/2021” could be two different dates.")
    yield "viewing, refused"
    page.goto(f"{watchlist}watched")
    follow(page, "Heat")
    page.get_by_role("link", name="Edit viewing").first.click()
    expect(page.get_by_role("heading", name="Edit viewing", exact=True)).to_be_visible()
    yield "viewing"
    page.goto(watchlist)
    follow(page, "Amélie")
    yield "movie, to watch"
    token = page.locator("[name=csrf_token]").first.input_value()
    edit = f"{page.url}edit"
    follow(page, "Edit")
    page.locator("summary", has_text="Details").click()
    yield "movie, edited"
    page.get_by_label("Runtime").fill("long")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter the runtime in minutes")
    yield "movie, refused"
    page.get_by_label("Runtime").fill("")
    elsewhere = {"csrf_token": token, "title": "Amélie", "why": "Ann said so", "notes": "See https://example.org/"}
    page.request.post(edit, form=elsewhere)
    page.get_by_label("Notes").fill("in Paris")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed in another window")
    yield "movie, changed meanwhile"
    page.goto(watchlist)
    follow(page, "Amélie")
    yield "movie, with notes"
    yield from pages_of_movie_removed_meanwhile(page)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status")).to_contain_text("Removed “")
    page.goto(f"{watchlist}removed")
    yield "removed"
    follow(page, "Amélie")
    yield "movie, removed"


def pages_of_movie_removed_meanwhile(page):
    """Edit a movie that was removed in another tab, and restore it. Ends on the page of the movie."""
    token, remove = page.locator("[name=csrf_token]").first.input_value(), f"{page.url}remove"
    follow(page, "Edit")
    page.get_by_label("Notes").fill("in Paris, in 2001")
    page.request.post(remove, form={"csrf_token": token})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Nothing was saved")).to_be_visible()
    yield "movie, removed meanwhile"
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="Not saved yet")).to_be_visible()
    yield "movie, restored"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("in Paris, in 2001")).to_be_visible()


def account_pages(reader):
    """Go on as the member."""
    page = reader.page
    reader.go("/account/")
    yield "account"
    reader.go("/account/#two-factor")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Two-step verification")).to_be_visible()
    page.wait_for_load_state()  # and for the image
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 0
    yield "two-step verification"
    key = page.locator(".key").inner_text().replace(" ", "")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("Code").fill(pyotp.TOTP(key).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    yield "recovery codes"
    code = page.locator(".codes code").first.inner_text()
    follow(page, "I’ve saved them")
    yield "account, with two-step verification"
    page.locator("#log-out button").click()
    reader.go("/login")
    page.get_by_label("Email").fill(reader.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Two-step verification")).to_be_visible()
    yield "code"
    page.get_by_label("Code").fill(code)
    page.locator("#code button").click()
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    reader.go("/nothing")
    yield "not found"


def import_pages(reader):
    """Go on as the member."""
    page = reader.page
    reader.go("/")
    follow(page, "Import")
    expect(page.get_by_role("heading", name="Import", exact=True)).to_be_visible()
    yield "imports, empty"
    imports = page.url
    upload(page, "picture.png", b"\x89PNG\r\n\x1a\n")
    expect(page.get_by_text("This file is a picture, not a list.")).to_be_visible(timeout=WORK_MILLISECONDS)
    yield "import, refused"
    page.goto(imports)
    upload(page, f"{'x' * 60}.csv", (MADE / "letterboxd-import.csv").read_bytes())
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible(timeout=WORK_MILLISECONDS)
    yield "import, with a question"
    page.get_by_label("Yes, I watched it").check()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Check the preview again")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible(timeout=WORK_MILLISECONDS)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("button", name="Undo import")).to_be_visible(timeout=WORK_MILLISECONDS)
    yield "import, finished"
    page.goto(imports)
    yield "imports"


def upload(page, name, content):
    page.get_by_label("File").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
    page.get_by_role("button", name="Upload").click()


PAGES = (public_pages, list_pages, changes_pages, movie_pages, account_pages, import_pages)


def test_every_page_is_accessible_and_fits_its_window(reader):
    for pages in PAGES:
        for name in pages(reader):
            check_page(reader, name)


def test_every_page_is_valid_html(open_browser, tmp_path):
    reader = open_browser(javascript=False)
    for pages in PAGES:
        for name in pages(reader):
            (tmp_path / f"{name.replace(' ', '-').replace(',', '')}.html").write_text(
                reader.page.content(), encoding="utf-8"
            )
    if shutil.which("java") is None:
        pytest.fail("The checker of HTML needs Java. On Debian: apt-get install default-jre-headless")
    checked = subprocess.run(
        ["java", "-jar", VNU, "--Werror", "--format", "gnu", *sorted(tmp_path.glob("*.html"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
