"""The page of a movie is for reading. It is edited on a page of its own, and the stars rate it at once."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import follow

NOTES = "The coffee scene.\nhttps://example.org/heat"


@pytest.fixture
def movie_page(reader):
    """A reader on the page of Heat, which is on the watchlist."""
    reader.register()
    reader.add("Heat", "1995")
    follow(reader.page, "Heat")
    expect(reader.page.get_by_role("heading", name="Heat")).to_be_visible()
    return reader


def test_movie_is_edited_watched_rated_and_dated(movie_page):
    page = movie_page.page
    path = page.url
    follow(page, "Edit")
    page.get_by_label("Notes").fill(NOTES)
    page.get_by_label("Tags").fill("own it")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved “Heat (1995)”.")
    assert page.url == path
    assert page.locator(".notes").inner_text() == NOTES
    expect(page.get_by_role("link", name="https://example.org/heat")).to_have_attribute("rel", "noopener nofollow")
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “")
    rating = page.locator("main").get_by_label("Your rating")
    if movie_page.javascript:
        assert rating.bounding_box()["height"] >= 44
        movie_page.click_star(rating, "4.5")
    else:
        rating.select_option("4.5")
        button = page.locator("main").get_by_role("button", name="Rate")
        assert button.bounding_box()["y"] == rating.bounding_box()["y"], "the button is on a line of its own"
        button.click()
    expect(page.get_by_role("status")).to_contain_text("You rated “Heat (1995)” 4½ ★.")
    page.get_by_text("Add a viewing").click()
    page.get_by_label("Note", exact=True).fill("with Ann")
    page.get_by_role("button", name="Yesterday").last.click()
    expect(page.get_by_role("status")).to_contain_text("Viewing added.")
    expect(page.locator(".viewings li")).to_have_count(2)
    page.locator(".viewings li").last.get_by_role("link", name="Edit viewing").click()
    page.get_by_label("Date", exact=True).fill("July 14, 2009")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Viewing saved.")
    row = page.locator(".viewings li").last
    expect(row.locator("time")).to_have_text("14 Jul 2009")
    note, date = row.locator(".note").bounding_box(), row.locator("time").bounding_box()
    assert note["x"] >= date["x"] + date["width"] or note["y"] >= date["y"] + date["height"]


def test_stars_stay_in_place_when_the_movie_is_watched_again(open_browser):
    reader = open_browser()
    reader.register()
    reader.add("Heat")
    page = reader.page
    follow(page, "Heat")
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Heat” today.")
    page.reload()
    stars = page.locator("main").get_by_role("slider", name="Your rating")
    before = stars.bounding_box()["x"]
    page.get_by_role("button", name="I watched it again").click()
    expect(page.get_by_role("status")).to_contain_text("watched today")
    page.locator(".htmx-request, .htmx-settling").first.wait_for(state="detached")
    assert stars.bounding_box()["x"] == before


def test_ambiguous_date_is_chosen_with_a_button(movie_page):
    page = movie_page.page
    page.get_by_text("I watched it on another day").click()
    page.get_by_label("Date", exact=True).fill("03/04/2021")
    page.get_by_label("Note", exact=True).fill("with Ann")
    page.keyboard.press("Enter")
    field = page.get_by_label("Date", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_value("03/04/2021")
    expect(field).to_have_accessible_description(
        re.compile(r"“03/04/2021” could be two different dates\. Choose one\.")
    )
    page.get_by_role("button", name="4 Mar 2021").click()
    expect(page.locator(".viewings li")).to_contain_text("4 Mar 2021")
    expect(page.locator(".viewings li")).to_contain_text("with Ann")


def test_refused_edit_puts_the_focus_on_the_field(movie_page):
    page = movie_page.page
    follow(page, "Edit")
    page.get_by_label("Tags").fill("x" * 41)
    page.get_by_label("Notes").fill(NOTES)
    page.get_by_role("button", name="Save").click()
    field = page.get_by_label("Tags")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("A tag can have at most 40 characters.")
    expect(page.get_by_label("Notes")).to_have_value(NOTES)


def test_details_are_beside_the_rest_on_a_wide_screen(movie_page):
    page = movie_page.page
    details = page.get_by_role("region", name="Details").bounding_box()
    viewings = page.get_by_role("region", name="Viewings").bounding_box()
    is_wide = page.viewport_size["width"] == 1280
    assert (details["x"] > viewings["x"] + viewings["width"]) == is_wide
    assert (details["y"] > viewings["y"]) != is_wide


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("title", ["x" * 200, "جدایی نادر از سیمین", "The Assassination of Jesse James " * 6])
def test_any_title_fits_the_window(open_browser, width, title):
    reader = open_browser(width)
    reader.register()
    reader.add(title.strip())
    page = reader.page
    page.locator(".movies a.title").click()
    page.locator(".movie-page").wait_for()
    for path in (page.url, f"{page.url}edit"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.go_back()
    expect(page.get_by_role("link", name="Edit", exact=True)).to_be_in_viewport(ratio=1)
