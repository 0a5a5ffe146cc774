"""One field to add a movie or to find one."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IS_MARKED, MARK, follow


@pytest.fixture
def person(open_browser):
    reader = open_browser()
    reader.register()
    return reader


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
@pytest.mark.parametrize("view", ["", "watched"])
def test_both_lists_have_one_field_with_two_buttons(open_browser, javascript, view):
    reader = open_browser(320, javascript=javascript)
    reader.register()
    page, watchlist = reader.page, reader.page.url
    for title in ("Ran", "Ronin"):
        reader.add(title, "1985")
    reader.watch("Ran")
    page.goto(watchlist + view)
    reader.title_field.fill("Heat (1995)")
    page.get_by_role("button", name="Add to watchlist" if view else "Add", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Added “Heat (1995)”")
    reader.title_field.fill("r")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("1 found")).to_be_attached()
    assert reader.titles == (["Ran"] if view else ["Ronin"])
    assert urlsplit(page.url).path == urlsplit(watchlist).path + view
    assert parse_qs(urlsplit(page.url).query) == {"q": ["r"]}


def test_ten_movies_are_typed_in_a_row(person):
    page = person.page
    page.goto(f"{page.url}?sort=title")
    page.evaluate(MARK)
    person.slow_down(150)
    person.title_field.focus()
    titles = [f"Movie {number}" for number in range(10)]
    for title in titles:
        page.keyboard.type(title)
        page.keyboard.press("Enter")
    expect(page.locator(".movies > li")).to_have_count(10)
    assert person.titles == titles[::-1]
    expect(person.title_field).to_be_focused()
    expect(person.title_field).to_have_value("")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_visible()
    assert page.evaluate(IS_MARKED)
    assert "sort" not in page.url  # the new movies are on top of the list


def test_movie_is_added_on_the_watched_list_in_place(person):
    person.add("Ran")
    person.watch("Ran")
    page = person.page
    follow(page, "Watched")
    page.evaluate(MARK)
    person.add("Heat")
    expect(page.get_by_role("status")).to_contain_text("Added “Heat” to your watchlist.")
    assert person.titles == ["Ran"]
    assert page.evaluate(IS_MARKED)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_enter_finds_on_the_watched_list(open_browser, javascript):
    reader = open_browser(javascript=javascript)
    reader.register()
    reader.add("Ran")
    reader.watch("Ran")
    page = reader.page
    follow(page, "Watched")
    reader.title_field.fill("ra")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 found")).to_be_visible()
    assert reader.titles == ["Ran"]


def test_same_movie_again_is_answered_neutrally(person):
    person.add("Heat")
    person.add("heat")
    expect(person.page.locator(".message.info")).to_contain_text("already on your watchlist")
    expect(person.page.get_by_role("alert")).to_be_empty()


def test_options_are_own_movies_then_films_then_add(person):
    for title, year in (("The Godfather", "1972"), ("Godzilla", "1954"), ("God’s Own Country", "2017")):
        person.add(title, year)
    person.watch("Godzilla")
    page = person.page
    person.title_field.press_sequentially("god")
    options = page.locator(".suggestions [role=option]")
    expect(options.last).to_have_text("Add “god” to your watchlist")
    texts = [" ".join(text.split()) for text in options.all_inner_texts()]
    assert sorted(texts[:3]) == [
        "Godzilla 1954 · watched",
        "God’s Own Country 2017 · on your watchlist",
        "The Godfather 1972 · on your watchlist",
    ]
    assert "The Godfather Part II 1974 · Francis Ford Coppola" in texts[3:-1]
    assert not any(text.startswith("The Godfather 1972") for text in texts[3:])
    page.get_by_role("option", name="Godzilla 1954 · watched").click()
    expect(page.get_by_role("heading", name="Godzilla")).to_be_visible()


def test_film_is_added_by_one_click(person):
    page = person.page
    person.title_field.press_sequentially("amelie")
    page.get_by_role("option", name="Amélie 2001").click()
    expect(page.get_by_role("status")).to_contain_text("Added “Amélie (2001)”.")
    expect(person.title_field).to_be_focused()
    follow(page, "Amélie")
    expect(page.get_by_text("Directed by Jean-Pierre Jeunet")).to_be_visible()


def test_enter_adds_what_is_typed_unless_an_option_is_highlighted(person):
    page = person.page
    person.title_field.press_sequentially("blade run")
    expect(page.locator(".suggestions [role=option]").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “blade run”.")
    person.title_field.press_sequentially("blade runner 20")
    expect(page.get_by_role("option", name="Blade Runner 2049")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “Blade Runner 2049 (2017)”.")
    person.title_field.press_sequentially("blade")
    expect(page.get_by_role("option", name="Add “blade” to your watchlist")).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “blade”.")
    assert person.titles == ["blade", "Blade Runner 2049", "blade run"]


def test_chosen_film_waits_for_the_reason(person):
    page = person.page
    page.locator("#add summary").click()
    person.title_field.press_sequentially("black rain 1989")
    page.get_by_role("option", name="Black Rain 1989 · Shōhei Imamura").click()
    expect(person.title_field).to_have_value("Black Rain (1989)")
    assert person.titles == []
    page.get_by_label("Why it’s on the list").fill("Sam recommended it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “Black Rain (1989)”.")
    expect(page.get_by_label("Why it’s on the list")).to_be_hidden()
    follow(page, "Black Rain")
    expect(page.get_by_text("Directed by Shōhei Imamura")).to_be_visible()
    expect(page.get_by_text("Sam recommended it")).to_be_visible()


def test_escape_closes_the_options(person):
    person.title_field.press_sequentially("heat")
    expect(person.page.locator(".suggestions [role=option]").first).to_be_visible()
    person.page.keyboard.press("Escape")
    expect(person.page.locator(".suggestions [role=option]")).to_have_count(0)
    expect(person.title_field).to_have_value("heat")


def test_refused_title_stays_in_the_field(person):
    page = person.page
    person.title_field.fill("Gigli (2003)")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Trust me")
    expect(person.title_field).to_have_value("Gigli (2003)")
    expect(person.title_field).to_be_focused()


@pytest.mark.parametrize("failure", ["abort", 429, 500])
def test_title_comes_back_if_the_movie_was_not_added(person, failure):
    page = person.page
    if failure == "abort":
        page.route("**/add", lambda route: route.abort())
    else:
        page.route("**/add", lambda route: route.fulfill(status=failure, body="down"))
    person.title_field.fill("Heat")
    page.keyboard.press("Enter")
    said = "The site didn’t answer." if failure == "abort" else "The site had a problem."
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(person.title_field).to_have_value("Heat")
    page.unroute("**/add")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “Heat”.")
    person.complaints.clear()  # Chromium logs the failed request, too


def test_title_typed_meanwhile_and_the_failed_one_are_both_kept(person):
    page = person.page
    page.route("**/add", lambda route: (page.wait_for_timeout(300), route.abort()))
    person.title_field.fill("Heat")
    page.keyboard.press("Enter")
    page.keyboard.type("Ran")
    expect(page.get_by_role("alert")).to_contain_text("“Heat” wasn’t added.")
    expect(person.title_field).to_have_value("Ran")
    person.complaints.clear()


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_empty_watchlist_invites(open_browser, javascript):
    reader = open_browser(320, javascript=javascript)
    reader.register()
    page = reader.page
    expect(reader.title_field).to_be_visible()
    suggested = page.locator(".empty button")
    expect(suggested).to_have_count(3)
    suggested.first.click()
    expect(page.get_by_role("status")).to_contain_text("Added “Spirited Away (2001)”.")
    assert reader.titles == ["Spirited Away"]
