"""Crossing off and rating in a list, on fast, slow and broken connections."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IS_MARKED, WIDTHS, follow

STRUCK = ".movies > .crossed-off"


def struck(reader):
    return [title for row in reader.page.locator(STRUCK).all() for title in row.locator(".title").all_inner_texts()]


@pytest.fixture
def watched(open_browser):
    """A person with three watched movies, on the watched list. Only "Heat" is rated."""
    reader = open_browser(WIDTHS["phone"])
    reader.register()
    for title in ("Heat", "Ran", "Amélie"):
        reader.add(title)
        reader.watch(title)
    follow(reader.page, "Watched")
    reader.rate("Heat", "3.5")
    return reader


# The row and its check


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_row_opens_the_movie_and_check_crosses_it_off(open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    reader.add("Heat", "1995")
    page, watchlist = reader.page, reader.page.url
    row = page.locator(".movies > li").bounding_box()
    check = reader.check_of("Heat")
    size = check.bounding_box()
    assert min(size["width"], size["height"]) >= 44
    assert check.get_attribute("title") == "I watched it!"
    page.mouse.click(row["x"] + 15, row["y"] + row["height"] / 2)  # on the poster
    expect(page.get_by_role("heading", name="Heat")).to_be_visible()
    page.goto(watchlist)
    check.click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Heat (1995)” today.")


def test_crossed_off_row_stays_until_pointer_and_focus_have_left(list_of_movies):
    page = list_of_movies.page
    before = list_of_movies.titles
    list_of_movies.watch("Movie 30")
    assert struck(list_of_movies) == ["Movie 30"]
    assert list_of_movies.titles == before
    expect(page.locator("#count")).to_have_text("59 to watch")
    page.mouse.move(1, 1)
    page.wait_for_timeout(300)
    assert struck(list_of_movies) == ["Movie 30"]  # the focus is still there
    list_of_movies.leave_list()
    assert "Movie 30" not in list_of_movies.titles
    assert page.evaluate(IS_MARKED)


def test_only_rows_that_were_clicked_are_struck(list_of_movies):
    page = list_of_movies.page
    for number in (31, 30, 29):
        list_of_movies.check_of(f"Movie {number}").hover()
        assert f"Movie {number}" not in struck(list_of_movies)
        list_of_movies.check_of(f"Movie {number}").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 29” today.")
    assert struck(list_of_movies) == ["Movie 31", "Movie 30", "Movie 29"]
    lines = page.locator(".movies .title").evaluate_all(
        "titles => titles.filter(title => !getComputedStyle(title).textDecorationColor.endsWith(', 0)')).length"
    )
    assert lines == 3
    list_of_movies.leave_list()
    assert not {"Movie 31", "Movie 30", "Movie 29"} & set(list_of_movies.titles)


def test_row_undoes_what_it_did(list_of_movies):
    page = list_of_movies.page
    list_of_movies.watch("Movie 30")
    page.get_by_role("button", name="Undo: Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    assert struck(list_of_movies) == []
    expect(list_of_movies.check_of("Movie 30")).to_be_focused()
    page.reload()
    assert "Movie 30" in list_of_movies.titles


def test_undo_in_the_message_brings_the_row_back(list_of_movies):
    page = list_of_movies.page
    before = page.evaluate("scrollY")
    list_of_movies.watch("Movie 30")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    assert struck(list_of_movies) == []
    assert "Movie 30" in list_of_movies.titles
    assert page.evaluate("scrollY") == before
    assert page.evaluate(IS_MARKED)


def test_double_click_crosses_off_once(list_of_movies):
    page = list_of_movies.page
    list_of_movies.check_of("Movie 50").dblclick(delay=50)
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 50” today.")
    page.wait_for_timeout(500)
    assert struck(list_of_movies) == ["Movie 50"]
    page.get_by_role("button", name="Undo", exact=True).dblclick(delay=50)
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    page.wait_for_timeout(500)
    page.reload()
    assert "Movie 50" in list_of_movies.titles


def test_held_key_crosses_off_one_movie(list_of_movies):
    page = list_of_movies.page
    list_of_movies.check_of("Movie 30").focus()
    for _ in range(10):
        page.keyboard.down("Enter")
        page.wait_for_timeout(60)
    page.keyboard.up("Enter")
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30” today.")
    assert struck(list_of_movies) == ["Movie 30"]


# Watch, rate and date in one move


def test_crossed_off_movie_is_rated_and_dated_in_its_message(list_of_movies):
    page = list_of_movies.page
    list_of_movies.watch("Movie 30")
    message = page.get_by_role("status")
    list_of_movies.click_star(message.get_by_role("slider"), "4.5")
    expect(message).to_contain_text("You rated “Movie 30” 4½ ★.")
    expect(message.get_by_role("slider")).to_have_attribute("aria-valuetext", "4½ of 5 stars")
    message.get_by_role("button", name="Yesterday").click()
    expect(message).to_contain_text("Watched “Movie 30” on ")
    message.get_by_text("Another day").click()
    message.get_by_label("Date watched").fill("2009-07-14")
    message.get_by_role("button", name="Save").click()
    expect(message).to_contain_text("Watched “Movie 30” on 14 Jul 2009.")
    assert page.evaluate(IS_MARKED)
    follow(page, "Watched")
    assert list_of_movies.rating_of("Movie 30") == "4½ of 5 stars"
    expect(list_of_movies.row("Movie 30")).to_contain_text("14 Jul 2009")


# Stars


def test_stars_save_with_one_click(watched):
    page = watched.page
    slider = page.get_by_label("Rating of Ran")
    watched.click_star(slider, "2.5")
    expect(page.get_by_role("status")).to_contain_text("You rated “Ran” 2½ ★.")
    expect(page.get_by_role("button", name="Rate", exact=True)).to_have_count(0)
    page.reload()
    assert watched.rating_of("Ran") == "2½ of 5 stars"
    watched.click_star(slider, "2.5")
    expect(page.get_by_role("status")).to_contain_text("Rating removed from “Ran”.")
    page.mouse.move(1, 1)  # no longer the rating under the pointer
    expect(slider).to_have_attribute("aria-valuetext", "no rating")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_rating_is_beside_its_button_without_javascript(open_browser, width):
    reader = open_browser(width, javascript=False)
    reader.register()
    reader.add("Heat")
    reader.watch("Heat")
    follow(reader.page, "Watched")
    field = reader.row("Heat").locator("select").bounding_box()
    assert reader.row("Heat").get_by_role("button", name="Rate").bounding_box()["y"] == field["y"]


def test_arrow_keys_choose_stars_and_enter_saves_them(watched):
    page = watched.page
    slider = page.get_by_label("Rating of Heat")
    slider.press("ArrowRight")
    slider.press("ArrowUp")
    expect(slider).to_have_attribute("aria-valuetext", "4½ of 5 stars")
    page.get_by_label("Rating of Ran").focus()  # without Enter nothing is saved
    expect(slider).to_have_attribute("aria-valuetext", "3½ of 5 stars")
    slider.press("5")
    slider.press("ArrowLeft")
    slider.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You rated “Heat” 4½ ★.")
    expect(slider).to_be_focused()


def test_pointer_shows_the_rating_before_it_is_chosen(watched):
    slider = watched.page.get_by_label("Rating of Ran")
    box = slider.bounding_box()
    for share in (0.5, 0.95):
        slider.hover(position={"x": box["width"] * share, "y": box["height"] / 2})
    expect(slider).to_have_attribute("aria-valuetext", "5 of 5 stars")
    watched.page.mouse.move(1, 1)
    expect(slider).to_have_attribute("aria-valuetext", "no rating")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_empty_stars_are_outlined_with_enough_contrast(open_browser, scheme):
    reader = open_browser(scheme=scheme)
    reader.register()
    reader.add("Ran")
    reader.watch("Ran")
    follow(reader.page, "Watched")
    slider = reader.page.get_by_label("Rating of Ran")
    style = slider.evaluate(
        "stars => { const s = getComputedStyle(stars, '::before'); return [s.maskImage, s.backgroundColor]; }"
    )
    assert "star-outline.svg" in style[0]
    paper = reader.page.locator("html").evaluate("html => getComputedStyle(html).backgroundColor")
    assert contrast(style[1], paper) >= 3


def contrast(one, other):
    """Return the contrast of two colors such as ``rgb(0, 0, 0)``, as in WCAG 2.2."""

    def luminance(color):
        channels = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_other_actions_are_in_the_menu_of_the_row(open_browser, javascript):
    reader = open_browser(WIDTHS["phone"], javascript=javascript)
    reader.register()
    reader.add("Heat")
    reader.watch("Heat")
    page = reader.page
    follow(page, "Watched")
    expect(page.get_by_role("button", name="I watched it again: Heat")).to_be_hidden()
    page.get_by_label("More: Heat").click()
    expect(page.get_by_role("button", name="I watched it again: Heat")).to_be_in_viewport(ratio=1)
    if javascript:
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="I watched it again: Heat")).to_be_hidden()
        page.get_by_label("More: Heat").click()
    page.get_by_role("button", name="Move to watchlist: Heat").click()
    expect(page.get_by_role("status")).to_contain_text("Moved “Heat” to your watchlist.")


# Slow and broken connections


def test_on_a_slow_connection_only_the_used_row_is_busy(list_of_movies):
    page = list_of_movies.page
    list_of_movies.slow_down(600)
    list_of_movies.check_of("Movie 30").click(no_wait_after=True)
    assert struck(list_of_movies) == ["Movie 30"]
    assert page.locator(".movies > [aria-busy=true]").count() == 1
    other = list_of_movies.check_of("Movie 31")
    expect(other).to_have_css("opacity", "1")
    other.click(no_wait_after=True)
    list_of_movies.check_of("Movie 32").click(no_wait_after=True)
    assert struck(list_of_movies) == ["Movie 32", "Movie 31", "Movie 30"]
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 32” today.")
    expect(page.locator(".movies > [aria-busy=true]")).to_have_count(0)
    page.reload()
    assert not {"Movie 30", "Movie 31", "Movie 32"} & set(list_of_movies.titles)


def test_stars_clicked_during_a_request_are_saved_after_it(watched):
    page = watched.page
    watched.slow_down(400)
    watched.click_star(page.get_by_label("Rating of Ran"), "3")
    watched.click_star(page.get_by_label("Rating of Amélie"), "4")
    expect(page.get_by_role("status")).to_contain_text("You rated “Amélie” 4 ★.")
    page.reload()
    assert [watched.rating_of(title) for title in ("Ran", "Amélie")] == ["3 of 5 stars", "4 of 5 stars"]


@pytest.mark.parametrize("failure", ["abort", 500, 503])
def test_failed_request_returns_the_row_to_what_it_was(list_of_movies, failure):
    page = list_of_movies.page
    if failure == "abort":
        page.route("**/cross-off", lambda route: route.abort())
    else:
        page.route("**/cross-off", lambda route: route.fulfill(status=failure, body="down"))
    list_of_movies.check_of("Movie 30").click()
    expect(page.get_by_role("alert")).to_contain_text("“Movie 30” wasn’t changed.")
    assert struck(list_of_movies) == []
    expect(list_of_movies.check_of("Movie 30")).to_be_focused()
    page.unroute("**/cross-off")
    list_of_movies.watch("Movie 30")
    list_of_movies.complaints.clear()  # Chromium logs the failed request, too


def test_movie_removed_elsewhere_is_not_struck(list_of_movies):
    page = list_of_movies.page
    token = page.locator("[name=csrf_token]").first.input_value()
    movie = list_of_movies.row("Movie 30").get_by_role("link").get_attribute("href")
    page.request.post(f"{list_of_movies.site}{movie}remove", form={"csrf_token": token})
    list_of_movies.check_of("Movie 30").click()
    expect(page.get_by_role("alert")).to_contain_text("“Movie 30” was removed, so it wasn’t changed.")
    assert struck(list_of_movies) == []


def test_icons_are_there_offline(list_of_movies):
    loaded = list_of_movies.page.evaluate(
        "performance.getEntriesByType('resource').map(entry => entry.name.split('/').pop())"
    )
    assert {"alert.svg", "check.svg", "info.svg", "star.svg", "star-outline.svg", "chevron.svg"} <= set(loaded)
