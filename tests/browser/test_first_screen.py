"""Most of the first screen of a list shows movies."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from flicklist.services.demo_movies import MOVIES
from tests.browser.conftest import follow

SCREENS = {(390, 844): 9, (320, 640): 6, (1280, 800): 12}


@pytest.fixture(params=SCREENS, ids=lambda size: f"{size[0]}x{size[1]}")
def screen(request, open_browser):
    """A window of one size, and the number of movies it must show. The person has the movies of the demo account."""
    width, height = request.param
    reader = open_browser(width, height=height)
    reader.register()
    page = reader.page
    token = page.locator("[name=csrf_token]").first.input_value()
    for movie in MOVIES:
        form = {"csrf_token": token, "title": movie.title, "year": str(movie.year), "why": movie.why}
        page.request.post(f"{page.url}add", form=form)
    page.reload()
    return reader, height, SCREENS[request.param]


def visible_rows(page):
    return [row for row in page.locator(".movies > li").all()[:60] if row.evaluate(IS_WHOLE)]


IS_WHOLE = "row => { const box = row.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"


def check_screen(page, height, number):
    assert len(visible_rows(page)) >= number
    assert page.locator(".movies").bounding_box()["y"] < height / 4


def test_watchlist_shows_enough_movies(screen):
    reader, height, number = screen
    check_screen(reader.page, height, number)


def test_watched_list_shows_enough_movies(screen):
    reader, height, number = screen
    page = reader.page
    reader.page.goto(f"{page.url}?select=all")
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched ")
    follow(page, "Watched")
    check_screen(page, height, number)


ROW = 40 * 1.0625 + 1  # the text is 6.25 % larger than usual


def test_controls_are_one_row_and_active_filters_another_one_on_a_phone(screen):
    reader, _, _ = screen
    page = reader.page
    rows_with_filters = 1 if page.viewport_size["width"] == 1280 else 2
    controls = page.get_by_label("Sort"), page.get_by_text("Filters"), page.get_by_role("link", name="Select")
    for query, rows in (("", 1), ("?q=the&decade=1950", rows_with_filters)):
        page.goto(f"{reader.site}{urlsplit(page.url).path}{query}")
        expect(page.locator("#search .chip")).to_have_count(2 if query else 0)
        assert page.locator("#search").bounding_box()["height"] <= rows * ROW
        for control in controls:
            expect(control).to_be_in_viewport(ratio=1)


def test_wide_screen_has_three_columns(screen):
    reader, _, _ = screen
    columns = {row.bounding_box()["x"] for row in reader.page.locator(".movies > li").all()[:6]}
    assert len(columns) == (3 if reader.page.viewport_size["width"] == 1280 else 1)


def test_long_title_is_clamped_to_two_lines(screen):
    reader, _, _ = screen
    reader.add("x " * 99)
    title = reader.page.locator(".movies > li .title-line").first
    line = title.locator(".title").evaluate("element => parseFloat(getComputedStyle(element).lineHeight)")
    assert title.bounding_box()["height"] <= 2 * line + 6


def test_posters_show_initials_and_year_in_a_color_of_the_title(screen):
    reader, _, _ = screen
    page = reader.page
    poster = reader.row("Vertigo").locator(".poster")
    shown = poster.evaluate("each => ['::before', '::after'].map(part => getComputedStyle(each, part).content)")
    assert shown == ['"V"', '"1958"']
    expect(poster).to_have_attribute("aria-hidden", "true")
    assert len({each.get_attribute("class") for each in page.locator(".movies .poster").all()}) > 5
    expect(page.get_by_role("checkbox")).to_have_count(0)
