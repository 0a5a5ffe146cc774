"""The whole story, from registering to finding all as it was: by mouse, by keyboard, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS
from tests.people import PASSWORD


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def either(request, open_browser):
    return open_browser(WIDTHS["phone"], javascript=request.param)


def test_the_story_by_mouse(either):
    page = either.page
    either.go("/")
    expect(page.get_by_role("alert")).to_contain_text("Please register or log in first.")
    either.register()
    expect(page.get_by_role("status")).to_contain_text("Welcome to FlickList!")
    either.add("Heat", "1995")
    either.add("heat", "1995")
    assert "already on your watchlist" in either.said
    either.add("Amélie")
    either.title_field.fill("Gigli")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("Trust me, you don’t want to add “Gigli”")
    assert either.titles == ["Amélie", "Heat"]
    either.watch("Heat")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert either.titles == ["Amélie", "Heat"]
    either.watch("Heat")
    page.get_by_role("link", name="Ratings").click()
    page.get_by_label("Rating of Heat").select_option("4.5")
    page.get_by_role("button", name="Rate").first.click()
    expect(page.get_by_role("status")).to_contain_text("is rated 4.5 of 5 stars")
    page.get_by_role("button", name="Log out").click()
    either.go("/")
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    page.get_by_role("link", name="Log in").first.click()
    log_in(page, either.email, "wrong horse battery")
    expect(page.get_by_role("alert")).to_contain_text("Wrong email or password.")
    log_in(page, either.email, PASSWORD)
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    assert either.titles == ["Amélie"]
    page.get_by_role("link", name="Ratings").click()
    expect(page.get_by_role("img", name="4½ of 5 stars")).to_be_visible()


def log_in(page, email, password):
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.locator("#log-in button").click()


def test_the_story_by_keyboard_alone(open_browser):
    reader = open_browser()
    page = reader.page
    keys = page.keyboard
    reader.go("/register")
    tab_to(page, "Email")
    for typed in (reader.email, PASSWORD, PASSWORD):
        keys.type(typed)
        keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    tab_to(page, "Title")
    keys.type("Heat")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("“Heat” is on your watchlist.")
    tab_to(page, "I watched it! Heat")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is crossed off")
    reader.go("/")
    tab_to(page, "Ratings")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Ratings")).to_be_visible()
    tab_to(page, "Heat")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Heat")).to_be_visible()
    tab_to(page, "no rating")
    for _ in range(9):
        keys.press("ArrowRight")
    tab_to(page, "Rate")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is rated 4.5 of 5 stars")


def tab_to(page, name):
    """Press Tab until what has that name has the focus, and shows it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(NAME_OF_FOCUSED) == name:
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


NAME_OF_FOCUSED = """() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.cloneNode(true);
  label?.querySelectorAll("input, small, select").forEach((part) => part.remove());
  return (element.ariaLabel || label?.textContent || element.textContent || "").trim();
}"""
