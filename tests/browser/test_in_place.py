"""Pages that change in place, and what is kept when they do."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from flicklist.dates import format_date
from tests.browser.conftest import IS_MARKED, MARK, follow


def test_focus_follows_movie_moved_by_its_rating(list_of_movies):
    page = list_of_movies.page
    list_of_movies.select("Movie 30", "Movie 31", "Movie 32")
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 3 movies today.")
    list_of_movies.go(f"{urlsplit(page.url).path}watched?sort=rating")
    assert list_of_movies.titles == ["Movie 32", "Movie 31", "Movie 30"]
    page.evaluate(MARK)
    stars = page.get_by_label("Rating of Movie 30")
    stars.press("End")
    stars.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("5 ★")
    assert list_of_movies.titles == ["Movie 30", "Movie 32", "Movie 31"]
    expect(stars).to_be_focused()
    assert page.evaluate(IS_MARKED)


def test_undoing_on_page_of_changes_loads_no_page_and_focuses_the_change(list_of_movies):
    page = list_of_movies.page
    for numbers in ((10, 11), (12, 13), (14, 15)):
        list_of_movies.select(*(f"Movie {number}" for number in numbers))
        page.get_by_role("button", name="Mark as watched").click()
        expect(list_of_movies.row(f"Movie {numbers[1]}")).to_have_count(0)
    follow(page, "Recent changes")
    page.evaluate(MARK)
    undone = page.locator(".changes > li").nth(1)
    undone.get_by_text("Movies", exact=True).click()
    undone.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    rows = page.locator(".changes > li")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_be_focused()
    expect(rows.nth(2)).to_contain_text("Undone")
    opened = [row.locator("details").get_attribute("open") is not None for row in rows.all()]
    assert opened == [False, False, True, False]
    rows.first.get_by_role("button", name="Redo").click()
    expect(page.get_by_role("status")).to_contain_text("Redid the last change to 2 movies.")
    assert page.evaluate(IS_MARKED)


def test_in_place_edit_does_not_overwrite_newer_text(list_of_movies):
    page = list_of_movies.page
    token = page.locator("[name=csrf_token]").first.input_value()
    path = list_of_movies.site + page.get_by_role("link", name="Movie 30").get_attribute("href")
    # The message about this, with the button to undo it, is on the next page.
    page.request.post(f"{path}cross-off", form={"csrf_token": token}, max_redirects=0)
    page.goto(f"{path}edit")
    page.evaluate(MARK)
    page.get_by_label("Notes").fill("mine")
    page.request.post(f"{path}edit", form={"csrf_token": token, "title": "Movie 30", "notes": "written elsewhere"})
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("changed since")
    expect(page.get_by_label("Notes")).to_have_value("mine")
    assert page.evaluate(IS_MARKED)
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


def test_text_in_the_field_for_movies_is_kept(list_of_movies):
    list_of_movies.title_field.fill("The Good, the B")
    list_of_movies.watch("Movie 30")
    list_of_movies.page.get_by_role("button", name="Undo", exact=True).click()
    expect(list_of_movies.page.get_by_role("status")).to_contain_text("Undone: watched")
    expect(list_of_movies.title_field).to_have_value("The Good, the B")


def test_refused_action_keeps_the_selection(list_of_movies):
    page = list_of_movies.page
    list_of_movies.select("Movie 20", "Movie 21")
    page.locator("#selection summary").click()
    page.locator("#selection [name=tags]").fill("x" * 41)
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_role("alert")).to_contain_text("at most 40 characters")
    for number in (20, 21):
        expect(page.get_by_label(f"Select Movie {number}")).to_be_checked()
    expect(page.get_by_label("Select Movie 22")).not_to_be_checked()
    expect(page.locator("#selection [name=tags]")).to_have_value("x" * 41)
    expect(page.locator("#selection [name=tags]")).to_be_focused()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failed_request_keeps_the_page_and_what_was_typed(list_of_movies, status):
    page = list_of_movies.page
    follow(page, "Movie 30")
    page.get_by_text("I watched it on another day").click()
    page.get_by_label("Note", exact=True).fill("half a thou")
    page.route("**/cross-off", lambda route: route.fulfill(status=status, body="down"))
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("alert")).to_contain_text("The site had a problem. Try again.")
    expect(page.get_by_label("Note", exact=True)).to_have_value("half a thou")
    page.unroute("**/cross-off")
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30” today.")
    list_of_movies.complaints.clear()  # Chromium logs the failed request, too


def test_rating_on_movie_page_stays_on_page(list_of_movies):
    page = list_of_movies.page
    follow(page, "Movie 30")
    page.evaluate(MARK)
    page.get_by_text("I watched it on another day").click()
    page.get_by_label("Note", exact=True).fill("half a thou")
    page.get_by_label("Date", exact=True).fill("2009-0")
    page.get_by_role("button", name="I watched it!").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30” today.")
    expect(page.get_by_label("Note", exact=True)).to_have_value("half a thou")
    expect(page.get_by_label("Date", exact=True)).to_have_value("2009-0")
    expect(page.get_by_label("Date", exact=True)).to_be_visible()
    list_of_movies.click_star(page.locator("main").get_by_role("slider"), "3.5")
    expect(page.get_by_role("status")).to_contain_text("You rated “Movie 30” 3½ ★.")
    expect(page.locator("main").get_by_role("slider")).to_have_attribute("aria-valuetext", "3½ of 5 stars")
    assert page.evaluate(IS_MARKED)


def test_paging_loads_in_place_and_back_button_works(list_of_movies):
    page = list_of_movies.page
    first = page.url
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Movie 00")).to_be_visible()
    assert "after=" in page.url
    assert page.evaluate(IS_MARKED)
    page.go_back()
    expect(page.get_by_role("link", name="Movie 59")).to_be_visible()
    assert page.url == first


def test_no_movie_is_stored_in_browser_storage(list_of_movies):
    page = list_of_movies.page
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30” today.")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Movie 00")).to_be_visible()
    kept = page.evaluate("[...Object.entries(localStorage), ...Object.entries(sessionStorage)]")
    assert {name for name, _ in kept} <= {"htmx-current-path-for-history"}
    assert "Movie" not in str(kept)


def test_back_button_shows_no_movie_after_log_out(list_of_movies):
    page = list_of_movies.page
    follow(page, "Watched")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    assert "Movie" not in " ".join(list_of_movies.titles)


def test_selected_movies_are_crossed_off_together(list_of_movies):
    page = list_of_movies.page
    list_of_movies.select("Movie 50", "Movie 51", "Movie 52")
    expect(page.locator("#selection")).to_contain_text("3 selected")
    page.get_by_role("button", name="Mark as watched").click()
    expect(page.get_by_role("status")).to_contain_text("Watched 3 movies today.")
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


def test_outdated_form_shows_message_and_works_on_retry(list_of_movies):
    page = list_of_movies.page
    path = page.url
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach(field => field.value = 'x')")
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("alert")).to_contain_text("You probably logged in or out in another window.")
    assert page.url == path
    page.get_by_role("button", name="I watched it! Movie 30").click()
    expect(page.get_by_role("status")).to_contain_text("Watched “Movie 30” today.")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway", "UTC"])
def test_viewing_uses_date_of_browser(open_browser, zone):
    reader = open_browser(timezone_id=zone)
    reader.register()
    reader.add("Heat")
    hours = {"Pacific/Kiritimati": 14, "Pacific/Midway": -11, "UTC": 0}[zone]
    reader.watch("Heat")
    own = (datetime.now(UTC) + timedelta(hours=hours)).date().isoformat()
    follow(reader.page, "Watched")
    expect(reader.page.locator(".watched-on")).to_have_text(format_date(own))
