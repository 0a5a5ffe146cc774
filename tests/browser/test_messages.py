"""Messages: closing them, reaching them by keyboard, and what they must not cover."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS

LONG = "The Assassination of Jesse James by the Coward Robert Ford"


@pytest.fixture(params=WIDTHS.values(), ids=WIDTHS)
def crossed_off(request, open_browser):
    """A person who has just crossed off the first of twelve movies."""
    reader = open_browser(request.param)
    reader.register()
    page = reader.page
    token = page.locator("[name=csrf_token]").first.input_value()
    for number in range(12):
        page.request.post(f"{page.url}add", form={"csrf_token": token, "title": f"{number:02} {LONG}"})
    page.reload()
    reader.watch(f"11 {LONG}")
    return reader


def test_message_has_a_close_button(crossed_off):
    page = crossed_off.page
    page.get_by_label("Close message").click()
    expect(page.locator(".message")).to_have_count(0)


def test_escape_closes_the_message(crossed_off):
    page = crossed_off.page
    page.keyboard.press("Escape")
    expect(page.locator(".message")).to_have_count(0)


def test_message_can_be_closed_without_javascript(open_browser):
    reader = open_browser(javascript=False)
    reader.register()
    reader.page.get_by_label("Close message").click()
    expect(reader.page.locator(".message")).to_have_count(0)
    expect(reader.page.get_by_role("heading", name="Watchlist")).to_be_visible()


def test_undo_is_the_next_tab_stop_after_the_control_that_was_used(crossed_off):
    page = crossed_off.page
    used = page.get_by_role("button", name="Undo: 11 The")
    expect(used).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_focused()
    for _ in range(4):  # stars, yesterday, another day, close
        page.keyboard.press("Tab")
    expect(page.get_by_label("Close message")).to_be_focused()
    page.keyboard.press("Tab")
    expect(crossed_off.row(f"10 {LONG}").get_by_role("link")).to_be_focused()


def test_shift_tab_leads_from_the_message_to_the_control_that_was_used(crossed_off):
    page = crossed_off.page
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Undo: 11 The")).to_be_focused()


def test_message_never_covers_the_last_row(crossed_off):
    page = crossed_off.page
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = page.locator(".movies > li").last.bounding_box()
    message = page.locator(".message").bounding_box()
    assert last["y"] + last["height"] <= message["y"]


def test_row_reached_by_keyboard_is_not_behind_the_message(crossed_off):
    page = crossed_off.page
    for number in range(10, -1, -1):
        check = page.get_by_role("button", name=f"I watched it! {number:02}")
        check.focus()
        box, message = check.bounding_box(), page.locator(".message").bounding_box()
        assert box["y"] + box["height"] <= message["y"], number


def test_message_does_not_move_the_list(open_browser):
    reader = open_browser(WIDTHS["phone"])
    reader.register()
    for title in ("Ran", "Heat", "Stalker"):
        reader.add(title)
    reader.page.reload()
    first = reader.page.locator(".movies > li").first
    before = first.bounding_box()["y"]
    reader.watch("Ran")
    assert first.bounding_box()["y"] == before


def test_message_stays(crossed_off):
    page = crossed_off.page
    page.wait_for_timeout(6000)
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_visible()


def test_long_title_is_shortened_in_message(open_browser):
    reader = open_browser()
    reader.register()
    reader.add(LONG, "2007")
    reader.watch(LONG)
    expect(reader.page.get_by_role("status")).to_contain_text(
        "Watched “The Assassination of Jesse James by the… (2007)” today."
    )


def test_message_does_not_cover_the_bar_for_selected_movies(open_browser):
    reader = open_browser(WIDTHS["phone"])
    reader.register()
    for title in ("Ran", "Heat", "Stalker"):
        reader.add(title)
    page = reader.page
    reader.select("Ran")
    page.route("**/cross-off", lambda route: route.abort())
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("alert")).to_contain_text("The site didn’t answer.")
    page.unroute("**/cross-off")
    reader.complaints.clear()
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Ran” today.")


@pytest.mark.parametrize("width", [390, 1280])
def test_list_stays_in_place_while_the_date_is_typed(list_of_movies, width):
    page = list_of_movies.page
    page.set_viewport_size({"width": width, "height": 800})
    page.reload()
    list_of_movies.check_of("Movie 30").scroll_into_view_if_needed()
    list_of_movies.watch("Movie 30")
    page.get_by_text("Another day", exact=True).click()
    position = page.evaluate("scrollY")
    page.get_by_label("Date watched").click()
    page.keyboard.type("03/04/2021")
    assert page.evaluate("scrollY") == position > 0
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("“03/04/2021” could be two different dates.")).to_be_visible()
    page.keyboard.type("2")
    assert page.evaluate("scrollY") == position


@pytest.mark.parametrize("width", [390, 1280])
def test_list_stays_in_place_while_tags_are_typed(list_of_movies, width):
    page = list_of_movies.page
    page.set_viewport_size({"width": width, "height": 800})
    list_of_movies.select("Movie 30")
    page.locator(".tagging summary").click()
    position = page.evaluate("scrollY")
    page.locator("#selection [name=tags]").click()
    page.keyboard.type("own it, cinema")
    assert page.evaluate("scrollY") == position > 0
