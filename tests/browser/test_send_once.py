"""A second click on a button that loads a page changes nothing: the response to the first one is shown."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import follow
from tests.browser.test_account import begin_two_factor
from tests.clients import NEW_PASSWORD, PASSWORD

BETWEEN_CLICKS_MILLISECONDS = 150
ANSWER_MILLISECONDS = 600


def click_twice(reader, button):
    """Click a button again before the response to the first click arrives."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    reader.slow_down(ANSWER_MILLISECONDS)
    for _ in range(2):
        reader.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        reader.page.wait_for_timeout(BETWEEN_CLICKS_MILLISECONDS)


@pytest.fixture
def member(open_browser):
    reader = open_browser()
    reader.register()
    return reader


def test_second_click_on_register_leads_to_the_watchlist(open_browser):
    reader = open_browser()
    page = reader.go("/register")
    page.get_by_label("Email").fill(reader.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat password").fill(PASSWORD)
    click_twice(reader, page.get_by_role("button", name="Register"))
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("")


def test_second_click_on_change_password_logs_nobody_out(member):
    page = member.go("/account/#change-password")
    form = page.locator("#change-password")
    form.get_by_label("Current password").fill(PASSWORD)
    form.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    form.get_by_label("Repeat new password").fill(NEW_PASSWORD)
    click_twice(member, form.get_by_role("button", name="Change password"))
    expect(page.get_by_role("status").first).to_contain_text("Your password was changed.")
    member.go("/account/")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def test_second_click_on_turn_on_shows_the_recovery_codes(member):
    page = begin_two_factor(member)
    click_twice(member, page.get_by_role("button", name="Turn on"))
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    follow(page, "I’ve saved them")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def test_second_click_on_delete_says_that_the_account_was_deleted(member):
    page = member.go("/account/#delete-account")
    form = page.locator("#delete-account")
    form.get_by_label("Current password").fill(PASSWORD)
    form.get_by_role("textbox").last.fill("delete")
    click_twice(member, form.get_by_role("button", name="Delete"))
    expect(page.get_by_role("status").first).to_contain_text("Your account was deleted.")


def test_form_can_be_sent_again_on_the_way_back(open_browser):
    reader = open_browser()
    page = reader.go("/login")
    for _ in range(2):
        page.get_by_label("Email").fill("nobody@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).not_to_have_text("")
        page.go_back()
        expect(page.get_by_role("alert")).to_have_text("")
