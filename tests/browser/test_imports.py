"""Importing a real account on a phone, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS, follow
from tests.browser.test_pages import check_page
from tests.services.imports.files import SAMPLES, zipped

IMPORT_MILLISECONDS = 60_000
FILE = {"name": "letterboxd-alice-2026-11-27-12-00-utc.zip", "mimeType": "application/zip"}
NUMBERS = ["3,391", "0", "2,659"]


@pytest.fixture(params=[True, False], ids=["scripts", "plain"])
def phone(request, open_browser):
    return open_browser(WIDTHS["phone"], javascript=request.param)


def test_real_account_is_imported_and_taken_back(phone):
    page = phone.page
    phone.register()
    follow(page, "Import your list")
    expect(page.get_by_role("heading", name="Import", exact=True)).to_be_visible()
    check_page(phone, "imports, empty")
    page.get_by_label("File").set_input_files(FILE | {"buffer": zipped(SAMPLES / "letterboxd-export")})
    page.get_by_role("button", name="Upload").click()
    wait_until_finished(phone, page.get_by_role("button", name="Import", exact=True), "file is read")
    assert numbers(page) == NUMBERS
    page.get_by_role("button", name="Import", exact=True).click()
    wait_until_finished(phone, page.get_by_role("button", name="Undo import"), "import is written")
    assert numbers(page) == NUMBERS
    follow(page, "Not imported (226)")
    expect(page.locator(".import-reason")).to_contain_text("only in your lists")
    check_page(phone, "report, filtered")
    page.get_by_role("button", name="Undo import").click()
    expect(page.get_by_role("heading", name="Import undone")).to_be_visible(timeout=IMPORT_MILLISECONDS)
    assert numbers(page) == ["3,391", "0"]
    check_page(phone, "import, taken back")
    follow(page, "All imports")
    expect(page.locator(".import-list")).to_contain_text("Undone")
    check_page(phone, "imports")
    follow(page, "Back to my watchlist")
    expect(page.get_by_role("link", name="Import your list")).to_be_visible()


def wait_until_finished(phone, sign, name):
    """Check the page with the progress bar, which refreshes itself, and the page that follows."""
    expect(phone.page.get_by_role("progressbar")).to_be_visible()
    with phone.with_javascript():
        phone.page.evaluate("window.stop()")  # a page that refreshes itself cannot be checked
    check_page(phone, f"import, while the {name}")
    follow(phone.page, "Refresh now")
    expect(sign).to_be_visible(timeout=IMPORT_MILLISECONDS)
    check_page(phone, f"import, after the {name}")


def numbers(page):
    return page.locator(".import-counts dd").all_inner_texts()
