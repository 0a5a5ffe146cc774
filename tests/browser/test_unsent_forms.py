"""A long note that is sent after the login session has ended."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS
from tests.clients import PASSWORD

NOTES = "The lights went out twice.\nThen they <came> back."


@pytest.mark.parametrize("javascript", [True, False])
def test_long_note_comes_back_after_login(chromium, open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    reader.add("Heat", "1995")
    page = reader.page
    page.get_by_role("link", name="Heat", exact=True).click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Notes").fill(NOTES)
    log_out_elsewhere(chromium, reader)
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Email").fill(reader.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#log-in").get_by_role("button", name="Log in").click()
    if not javascript:
        page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Notes")).to_have_value(NOTES)
    assert reader.said == "Your login changed since this page opened. Nothing was saved; please send it again."
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved “Heat (1995)”.")).to_be_visible()
    expect(page.locator(".notes")).to_have_text(NOTES)


def log_out_elsewhere(chromium, reader):
    """End the login session with a copy of its cookie, as another browser can."""
    other = chromium.new_context(storage_state=reader.page.context.storage_state())
    page = other.new_page()
    page.goto(reader.site)
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    other.close()
