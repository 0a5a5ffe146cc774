"""The sort order and the filters."""

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IS_MARKED, MARK, WIDTHS, follow


@pytest.fixture(params=["scripts", "plain"])
def shelf(request, open_browser):
    """A person with three movies, with and without JavaScript."""
    reader = open_browser(WIDTHS["phone"], javascript=request.param == "scripts")
    reader.register()
    for title, year in (("Heat", "1995"), ("Ran", "1985"), ("Amélie", "2001")):
        reader.add(title, year)
    reader.page.goto(reader.page.url)
    with reader.with_javascript():
        reader.page.evaluate(MARK)
    return reader


def apply(reader):
    """Without JavaScript, press the button that applies the search."""
    if not reader.javascript:
        reader.page.get_by_role("button", name="Sort").click()
    else:
        expect(reader.page.get_by_role("button", name="Sort")).to_be_hidden()


def test_sort_order_applies_at_once(shelf):
    shelf.page.get_by_label("Sort").focus()
    shelf.page.get_by_label("Sort").select_option("year")
    apply(shelf)
    shelf.page.wait_for_url("**sort=year**")
    assert shelf.titles == ["Amélie", "Heat", "Ran"]
    if shelf.javascript:
        assert shelf.page.url.endswith("?sort=year")  # no empty fields
        assert shelf.page.evaluate(IS_MARKED)
        expect(shelf.page.get_by_label("Sort")).to_be_focused()
        shelf.page.go_back()
        expect(shelf.page.locator(".movies .title").first).to_have_text("Amélie")


def test_filters_apply_at_once_and_each_can_be_removed(shelf):
    page = shelf.page
    page.get_by_text("Filters").click()
    page.get_by_label("Decade").select_option("1990")
    apply(shelf)
    expect(page.get_by_text("1 found")).to_be_attached()
    assert shelf.titles == ["Heat"]
    if shelf.javascript:
        expect(page.get_by_label("Decade")).to_be_visible()  # the filters stay open
        page.get_by_text("Filters").click()
    page.get_by_text("Filters").click()
    page.get_by_role("button", name="Show movies").click()
    expect(page.get_by_label("Decade")).to_be_hidden()
    chip = page.get_by_role("link", name="Remove the filter 1990s")
    expect(chip).to_have_text("1990s")
    chip.click()
    expect(chip).to_have_count(0)
    assert shelf.titles == ["Amélie", "Ran", "Heat"]


@pytest.mark.parametrize("shelf", ["scripts"], indirect=True)
def test_link_clicked_while_another_response_is_awaited_is_followed(shelf):
    page = shelf.page
    page.goto(f"{page.url}?decade=1990")
    shelf.slow_down(500)
    page.get_by_label("Sort").select_option("year")
    page.get_by_role("link", name="Remove the filter 1990s").click()
    page.wait_for_url(lambda url: "sort=year" in url and "decade" not in url)
    expect(page.locator(".movies .title")).to_have_count(3)


def test_enter_key_in_a_filter_closes_the_filters(shelf):
    page = shelf.page
    page.get_by_text("Filters").click()
    page.get_by_label("Longest runtime").fill("100")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Remove the filter up to 100 min")).to_be_visible()
    expect(page.get_by_label("Longest runtime")).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_refused_filter_covers_no_movie_and_no_message_covers_it(open_browser, width, javascript):
    reader = open_browser(width, javascript=javascript)
    reader.register()
    reader.add("Heat")
    page = reader.page
    page.goto(f"{page.url}?q=heat&added_from=03/04/2021")
    shown = [".message", "#add", "#search > .chips", "#filters .filter-fields", ".movies > li"]
    boxes = [page.locator(each).bounding_box() for each in shown]
    assert all(upper["y"] + upper["height"] <= lower["y"] for upper, lower in pairwise(boxes))


def test_back_from_movie_leads_to_previous_search(shelf):
    page = shelf.page
    shelf.title_field.fill("1985")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("1 found")).to_be_attached()
    search = page.url
    follow(page, "Ran")
    expect(page.get_by_role("heading", name="Ran")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("1 found")).to_be_attached()
    assert page.url == search


def test_selection_starts_with_select_and_ends_with_done(shelf):
    page = shelf.page
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.get_by_role("link", name="Select", exact=True).click()
    expect(page.get_by_role("checkbox")).to_have_count(3)
    if shelf.javascript:
        expect(page.get_by_role("button", name="Mark as watched")).to_be_disabled()
    page.get_by_text("Ran", exact=True).last.click()  # the whole row is the label
    expect(page.get_by_label("Select Ran")).to_be_checked()
    if shelf.javascript:
        expect(page.locator("#selection")).to_contain_text("1 selected")
    page.get_by_role("link", name="Select all on this page").click()
    expect(page.get_by_label("Select Heat")).to_be_checked()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("checkbox")).to_have_count(0)
