"""Text typed into a form that is sent after the login session has ended is kept."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS, follow
from tests.browser.test_pages import check_page
from tests.clients import PASSWORD

SEND_AGAIN = "You probably logged in or out in another window. Nothing was saved yet. Please send the form once more."
NOTES = "The lights went out twice.\nThen they <came> back."


@pytest.mark.parametrize("javascript", [True, False])
def test_long_note_comes_back_after_login(chromium, open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    reader.add("Heat", "1995")
    page = reader.page
    follow(page, "Heat")
    follow(page, "Edit")
    page.get_by_label("Notes").fill(NOTES)
    log_out_elsewhere(chromium, reader)
    page.get_by_role("button", name="Save").click()
    log_in_again(reader)
    expect(page.get_by_label("Notes")).to_have_value(NOTES)
    assert reader.said == SEND_AGAIN
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved “Heat (1995)”.")).to_be_visible()
    expect(page.locator(".notes")).to_have_text(NOTES)


@pytest.mark.parametrize("javascript", [True, False])
def test_title_comes_back_after_login(chromium, open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    log_out_elsewhere(chromium, reader)
    if javascript:
        with reader.page.expect_response("**/suggestions?*"):
            reader.title_field.press_sequentially("Heat (1995)")
    else:
        reader.title_field.fill("Heat (1995)")
    reader.page.get_by_role("button", name="Add", exact=True).click()
    expect(reader.page.get_by_text("If you leave the page, it is lost.")).to_be_visible()
    assert reader.said == "You’re logged out, so nothing was saved. Log in to get back to what you typed."
    check_page(reader, "login with an unsent form")
    log_in_again(reader)
    expect(reader.title_field).to_have_value("Heat (1995)")
    assert reader.said == SEND_AGAIN


@pytest.mark.parametrize("javascript", [True, False])
def test_tags_for_selected_movies_come_back_after_login(chromium, open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    for title in ("Heat", "Ran"):
        reader.add(title)
    page = reader.page
    reader.select("Ran")
    page.locator("#selection summary").click()
    page.locator("#selection [name=tags]").fill("own it")
    log_out_elsewhere(chromium, reader)
    page.get_by_role("button", name="Add tags").click()
    log_in_again(reader)
    expect(page.locator("#selection [name=tags]")).to_have_value("own it")
    assert reader.said == SEND_AGAIN
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_text("Added the tag “own it” to “Ran”.")).to_be_visible()


def log_in_again(reader):
    page = reader.page
    page.get_by_label("Email").fill(reader.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#log-in").get_by_role("button", name="Log in").click()
    if not reader.javascript:
        page.get_by_role("button", name="Continue").click()


def log_out_elsewhere(chromium, reader):
    """End the login session with a copy of its cookie, as another browser can."""
    other = chromium.new_context(storage_state=reader.page.context.storage_state())
    page = other.new_page()
    page.goto(reader.site)
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    other.close()
