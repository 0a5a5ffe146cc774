"""Optional JavaScript: lists that change in place, suggestions, and the date in the browser."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from flicklist.dates import format_date
from tests.browser.conftest import WIDTHS

MARK = "document.querySelector('html').dataset.marked = 'yes'"
IS_MARKED = "document.querySelector('html').dataset.marked === 'yes'"


@pytest.fixture
def list_of_movies(open_browser):
    """A person with sixty movies, scrolled to the thirtieth."""
    reader = open_browser()
    reader.register()
    path = reader.page.url
    token = reader.page.locator("[name=csrf_token]").first.input_value()
    for number in range(60):
        reader.page.request.post(f"{path}add", form={"csrf_token": token, "title": f"Movie {number:02}"})
    reader.page.reload()
    reader.page.get_by_role("button", name="I watched it! Movie 30").scroll_into_view_if_needed()
    reader.page.evaluate(MARK)
    return reader


def test_crossing_off_and_undoing_load_no_page_and_keep_scroll_position(list_of_movies):
    page = list_of_movies.page
    before = page.evaluate("scrollY")
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    expect(page.get_by_role("button", name="Undo")).to_be_in_viewport()
    assert "Movie 30" not in list_of_movies.titles
    assert abs(page.evaluate("scrollY") - before) < 100
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert "Movie 30" in list_of_movies.titles
    assert page.evaluate(IS_MARKED)


def test_focus_moves_to_next_movie_in_place(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").press("Enter")
    expect(page.get_by_role("button", name="I watched it! Movie 29")).to_be_focused()


def test_focus_follows_movie_moved_by_its_rating(list_of_movies):
    page = list_of_movies.page
    for number in (30, 31, 32):
        page.get_by_label(f"Select Movie {number}").check()
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 3 movies.")
    list_of_movies.go(f"{urlsplit(page.url).path}watched?sort=rating")
    assert list_of_movies.titles == ["Movie 32", "Movie 31", "Movie 30"]
    page.evaluate(MARK)
    last = page.locator(".movies > li", has_text="Movie 30")
    last.get_by_role("combobox").select_option("5")
    last.get_by_role("button", name="Rate").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("5 ★")
    assert list_of_movies.titles == ["Movie 30", "Movie 32", "Movie 31"]
    expect(last.get_by_role("button", name="Rate")).to_be_focused()
    assert page.evaluate(IS_MARKED)


def test_focus_moves_from_undo_to_redo_without_scrolling(list_of_movies):
    page = list_of_movies.page
    below = page.locator(".movies > li", has_text="Movie 28")
    page.get_by_role("button", name="I watched it! Movie 30").press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    place, height = below.bounding_box()["y"], page.evaluate("scrollY")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("button", name="Redo")).to_be_focused()
    assert page.evaluate("scrollY") == height
    assert abs(below.bounding_box()["y"] - place) <= below.bounding_box()["height"] + 1  # the row that came back
    page.get_by_label("Select Movie 28").check()
    height = page.evaluate("scrollY")
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 28”.")
    assert page.evaluate("scrollY") == height


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


def test_undoing_on_page_of_changes_loads_no_page_and_focuses_the_change(list_of_movies):
    page = list_of_movies.page
    for numbers in ((10, 11), (12, 13), (14, 15)):
        for number in numbers:
            page.get_by_label(f"Select Movie {number}").check()
        page.get_by_role("button", name="Mark as watched").click()
        expect(page.get_by_label(f"Select Movie {numbers[1]}")).to_have_count(0)
    page.get_by_role("link", name="Recent changes").click()
    page.evaluate(MARK)
    undone = page.locator(".changes > li").nth(1)
    undone.get_by_text("Which movies").click()
    undone.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Undone.")
    rows = page.locator(".changes > li")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_be_focused()
    expect(rows.nth(2)).to_contain_text("changed since")
    opened = [row.locator("details").get_attribute("open") is not None for row in rows.all()]
    assert opened == [False, False, True, False]
    rows.first.get_by_role("button", name="Redo").click()
    expect(page.get_by_role("status")).to_contain_text("Redone.")
    assert page.evaluate(IS_MARKED)


def test_second_click_of_double_click_is_ignored(list_of_movies):
    page = list_of_movies.page
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="I watched it! Movie 59").dblclick(delay=50)
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 59”.")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Undo").dblclick(delay=50)
    expect(page.get_by_role("status")).to_contain_text("Undone")
    page.wait_for_timeout(500)
    page.reload()
    assert list_of_movies.titles[:3] == ["Movie 59", "Movie 58", "Movie 57"]


def test_held_key_crosses_off_one_movie(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").focus()
    for _ in range(10):
        page.keyboard.down("Enter")
        page.wait_for_timeout(60)
    page.keyboard.up("Enter")
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    page.wait_for_timeout(300)
    assert {"Movie 29", "Movie 31"} <= set(list_of_movies.titles)
    assert "Movie 30" not in list_of_movies.titles


def test_slow_network_handles_one_request_at_a_time_and_shows_it(list_of_movies):
    page = list_of_movies.page
    list_of_movies.slow_down(500)
    page.get_by_role("button", name="I watched it! Movie 30").click(no_wait_after=True)
    other = page.get_by_role("button", name="I watched it! Movie 31")
    expect(other).to_have_css("pointer-events", "none")
    other.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    assert "Movie 31" in list_of_movies.titles
    other.click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 31”.")


def test_slow_repeated_clicks_all_count(list_of_movies):
    page = list_of_movies.page
    page.evaluate("scrollTo(0, 0)")
    button = page.get_by_role("button", name="I watched it! Movie 59").bounding_box()
    for times in range(3):  # at the same spot, like somebody who goes through the list
        page.mouse.click(button["x"] + 5, button["y"] + 5, click_count=times + 1)
        page.wait_for_timeout(600)
    page.reload()
    assert list_of_movies.titles[0] == "Movie 56"


def test_form_sent_during_request_is_sent_after_it(list_of_movies):
    page, held = list_of_movies.page, []
    page.route("**/cross-off", lambda route: held.append(route))  # noqa: PLW0108 - Playwright rejects a built-in method
    page.get_by_role("button", name="I watched it! Movie 30").click(no_wait_after=True)
    list_of_movies.title_field.fill("Ran")
    list_of_movies.title_field.press("Enter")
    page.wait_for_timeout(300)
    held[0].continue_()
    expect(page.get_by_role("status")).to_contain_text("Added “Ran”.")
    assert "Movie 30" not in list_of_movies.titles


def test_next_page_waits_for_running_request(list_of_movies):
    page = list_of_movies.page
    first = page.url
    list_of_movies.slow_down(500)
    page.get_by_role("button", name="I watched it! Movie 30").click(no_wait_after=True)
    page.get_by_role("link", name="Next").dispatch_event("click")
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    page.wait_for_timeout(1500)
    assert page.url == first
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def test_text_typed_during_swap_is_kept(list_of_movies):
    page = list_of_movies.page
    list_of_movies.slow_down(200)
    page.get_by_role("button", name="I watched it! Movie 30").click(no_wait_after=True)
    list_of_movies.title_field.focus()
    page.keyboard.type("The quick brown fox jumps over", delay=25)
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    expect(list_of_movies.title_field).to_have_value("The quick brown fox jumps over")
    expect(list_of_movies.title_field).to_be_focused()


def test_filters_stay_open(list_of_movies):
    page = list_of_movies.page
    page.get_by_text("Filters").click()
    list_of_movies.watch("Movie 30")
    expect(page.get_by_label("Decade")).to_be_visible()


def test_in_place_edit_does_not_overwrite_newer_text(list_of_movies):
    page = list_of_movies.page
    token = page.locator("[name=csrf_token]").first.input_value()
    page.get_by_role("link", name="Movie 30").click()
    page.get_by_label("Notes").fill("mine")
    elsewhere = {"csrf_token": token, "title": "Movie 30", "notes": "written elsewhere"}
    page.request.post(f"{page.url}edit", form=elsewhere)
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed in another window")
    expect(page.get_by_text("written elsewhere")).to_be_visible()


def test_back_from_restored_movie_leads_to_list(list_of_movies):
    page = list_of_movies.page
    path, token = page.url, page.locator("[name=csrf_token]").first.input_value()
    movie = page.get_by_role("link", name="Movie 30").get_attribute("href")
    page.request.post(f"{list_of_movies.site}{movie}remove", form={"csrf_token": token})
    page.get_by_role("button", name="I watched it! Movie 30").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="Movie 30")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    assert page.url == path
    assert "Movie 30" in list_of_movies.titles


def test_message_does_not_cover_buttons_of_selection_bar(open_browser):
    reader = open_browser(WIDTHS["phone"])
    reader.register()
    page = reader.page
    token = page.locator("[name=csrf_token]").first.input_value()
    for number in range(12):
        title = f"{number:02} The Assassination of Jesse James by the Coward Robert Ford"
        page.request.post(f"{page.url}add", form={"csrf_token": token, "title": title})
    page.reload()
    page.get_by_role("button", name="I watched it! 11 The").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “")
    page.get_by_label("Select 10 The").check()
    page.route("**/cross-off", lambda route: route.abort())
    page.locator("#selection").get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("alert")).to_contain_text("The site did not answer.")
    page.unroute("**/cross-off")
    reader.complaints.clear()
    page.locator("#selection").get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “")


def test_unsent_input_in_other_forms_is_kept(list_of_movies):
    page = list_of_movies.page
    for number in (20, 21):
        page.get_by_label(f"Select Movie {number}").check()
    list_of_movies.title_field.fill("The Good, the B")
    list_of_movies.watch("Movie 30")
    expect(list_of_movies.title_field).to_have_value("The Good, the B")
    for number in (20, 21):
        expect(page.get_by_label(f"Select Movie {number}")).to_be_checked()
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 2 movies.")
    list_of_movies.go(f"{urlsplit(page.url).path}watched")
    page.get_by_label("Rating of Movie 20").select_option("3")
    page.get_by_label("Rating of Movie 21").select_option("4")
    row = page.locator(".movies > li", has_text="Movie 20")
    row.get_by_role("button", name="Rate").click()
    expect(page.get_by_role("status")).to_contain_text("You rated “Movie 20” 3 ★.")
    expect(page.get_by_label("Rating of Movie 21")).to_have_value("4")
    row = page.locator(".movies > li", has_text="Movie 21")
    row.get_by_role("button", name="Rate").click()
    expect(page.get_by_role("status")).to_contain_text("You rated “Movie 21” 4 ★.")
    expect(page.get_by_label("Rating of Movie 20")).to_have_value("3")


def test_back_from_movie_leads_to_previous_search(list_of_movies):
    page = list_of_movies.page
    page.get_by_label("Search this list").fill("movie 1")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("15 found")).to_be_visible()
    search = page.url
    page.get_by_role("link", name="Movie 15").click()
    expect(page.get_by_role("heading", name="Movie 15")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("15 found")).to_be_visible()
    assert page.url == search


def test_rating_on_movie_page_stays_on_page(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("link", name="Movie 30").click()
    page.evaluate(MARK)
    page.get_by_label("Notes").fill("half a thou")
    page.get_by_text("Add a viewing").click()
    page.get_by_label("Date", exact=True).fill("2009-0")
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    expect(page.get_by_label("Notes")).to_have_value("half a thou")
    expect(page.get_by_label("Date", exact=True)).to_have_value("2009-0")
    expect(page.get_by_label("Date", exact=True)).to_be_visible()
    page.locator("label", has_text="3½ of 5").click()
    page.get_by_role("button", name="Rate").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You rated “Movie 30” 3½ ★.")
    expect(page.get_by_role("radio", name="3½ of 5 stars")).to_be_checked()
    expect(page.get_by_role("button", name="Rate")).to_be_focused()
    assert page.evaluate(IS_MARKED)


def test_paging_loads_in_place_and_back_button_works(list_of_movies):
    page = list_of_movies.page
    first = page.url
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Movie 00", exact=True)).to_be_visible()
    assert "after=" in page.url
    assert page.evaluate(IS_MARKED)
    page.go_back()
    expect(page.get_by_text("Movie 59", exact=True)).to_be_visible()
    assert page.url == first


def test_no_movie_is_stored_in_browser_storage(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Movie 00", exact=True)).to_be_visible()
    kept = page.evaluate("[...Object.entries(localStorage), ...Object.entries(sessionStorage)]")
    assert {name for name, _ in kept} <= {"htmx-current-path-for-history"}
    assert "Movie" not in str(kept)


def test_back_button_shows_no_movie_after_log_out(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("link", name="Watched", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    assert "Movie" not in " ".join(list_of_movies.titles)


def test_rating_in_list_stays_in_list(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “")
    page.get_by_role("link", name="Watched", exact=True).click()
    page.get_by_label("Rating of Movie 30").select_option("3.5")
    page.evaluate(MARK)
    page.get_by_role("button", name="Rate").first.click()
    expect(page.get_by_role("img", name="3½ of 5 stars")).to_be_visible()
    assert page.evaluate(IS_MARKED)


def test_selected_movies_are_crossed_off_together(list_of_movies):
    page = list_of_movies.page
    for number in (50, 51, 52):
        page.get_by_label(f"Select Movie {number}").check()
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 3 movies.")
    assert page.evaluate(IS_MARKED)


def test_ended_login_session_leads_to_login_wall_with_reason(list_of_movies):
    page = list_of_movies.page
    watchlist = page.url
    page.context.clear_cookies()
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Your changes weren’t saved.")
    expect(page.get_by_role("heading", name="Keep a list")).to_be_focused()
    wanted = quote(urlsplit(watchlist).path, safe="")
    assert page.url == f"{list_of_movies.site}/register?next={wanted}"
    page.get_by_role("link", name="Log in").first.click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_expired_form_shows_message_and_works_on_retry(list_of_movies):
    page = list_of_movies.page
    path = page.url
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach(field => field.value = 'x')")
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("heading", name="This form has expired")).to_be_visible()
    assert page.url == path
    page.reload()
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30”.")


def test_unreachable_site_shows_message_and_keeps_list(list_of_movies):
    page = list_of_movies.page
    page.route("**/cross-off", lambda route: route.abort())
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("alert")).to_contain_text("The site did not answer.")
    assert "Movie 30" in list_of_movies.titles
    list_of_movies.complaints.clear()  # Chromium logs the failed request, too


def test_stars_are_radio_buttons(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “")
    page.get_by_role("link", name="Watched", exact=True).click()
    page.get_by_role("link", name="Movie 30").click()
    expect(page.get_by_role("radio")).to_have_count(11)
    page.locator("label", has_text="4½ of 5").click()
    expect(page.get_by_role("radio", name="4½ of 5 stars")).to_be_checked()
    page.get_by_role("button", name="Rate").click()
    expect(page.get_by_role("radio", name="4½ of 5 stars")).to_be_checked()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway", "UTC"])
def test_viewing_uses_date_of_browser(open_browser, zone):
    reader = open_browser(timezone_id=zone)
    reader.register()
    reader.add("Heat")
    hours = {"Pacific/Kiritimati": 14, "Pacific/Midway": -11, "UTC": 0}[zone]
    reader.watch("Heat")
    own = (datetime.now(UTC) + timedelta(hours=hours)).date().isoformat()
    reader.page.get_by_role("link", name="Watched", exact=True).click()
    expect(reader.page.locator(".watched-on")).to_have_text(f"watched {format_date(own)}")


def test_clicking_suggestion_fills_title_and_year(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.page
    reader.title_field.press_sequentially("amelie")
    page.get_by_role("option", name="Amélie 2001").click()
    expect(reader.title_field).to_have_value("Amélie")
    expect(reader.year_field).to_have_value("2001")


def test_choosing_suggestion_by_keyboard_adds_no_movie(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.page
    reader.title_field.press_sequentially("blade run")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(reader.title_field).to_have_value("Blade Runner")
    expect(reader.year_field).to_have_value("1982")
    assert reader.titles == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “Blade Runner (1982)”.")
    page.get_by_role("link", name="Blade Runner").click()
    expect(page.get_by_text("Directed by Ridley Scott")).to_be_visible()


def test_suggestion_decides_between_films_of_the_same_title_and_year(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.page
    reader.title_field.press_sequentially("black rain 1989")
    page.get_by_role("option", name="Black Rain 1989 Shōhei Imamura").click()
    page.locator("#add summary").click()
    page.get_by_label("Why it’s on the list").fill("Sam recommended it")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Black Rain").click()
    expect(page.get_by_text("Directed by Shōhei Imamura")).to_be_visible()
    expect(page.get_by_text("Sam recommended it")).to_be_visible()
