"""A printed page is dark on white and has nothing that only works on a screen. A list has one line per movie."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from flicklist.dates import format_date

ON_SCREEN_ONLY = "button, input, select, textarea, summary, nav, footer, .message, .poster, .aside, [role=slider]"
LINE_HEIGHT = "parseFloat(getComputedStyle(document.querySelector('.movies .title')).lineHeight)"
HAS_BOX = "row => getComputedStyle(row, '::before').content !== 'none'"
INK = "rgb(33, 27, 22)"
TODAY = format_date(datetime.now(UTC).date().isoformat())


@pytest.fixture
def printed(open_browser):
    """Return a function that prints a page of a person with three movies, two of them watched."""
    reader = open_browser(760, "dark")
    reader.register()
    for title, year in (("Heat", "1995"), ("Amélie", "2001"), ("Ran", "")):
        reader.add(title, year)
    page = reader.page
    watchlist = page.url
    token = page.locator("[name=csrf_token]").first.input_value()
    movie = page.get_by_role("link", name="Ran").get_attribute("href")
    page.request.post(f"{reader.site}{movie}edit", form={"csrf_token": token, "title": "Ran", "why": "Ann said so"})
    for title in ("Heat", "Amélie"):
        reader.watch(title)
    page.goto(f"{watchlist}watched")
    reader.rate("Heat", "3.5")

    def print_page(path):
        page.emulate_media(media="screen")
        page.goto(watchlist + path)
        page.emulate_media(media="print")
        return page

    return print_page


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("", ["Ran"]),
        ("watched", [f"Amélie 2001 {TODAY}", f"Heat 1995 ★★★½ {TODAY}"]),
        (
            "changes/",
            ["Rated “Heat (1995)” 3½ ★ ", "Watched “Amélie (2001)” ", "Watched “Heat (1995)” ", "Edited “Ran” "],
        ),
    ],
)
def test_list_is_printed_with_one_line_per_movie(printed, path, lines):
    page = printed(path)
    rows = page.locator(".movies > li")
    found = [" ".join(text.split()) for text in rows.all_inner_texts()]
    assert [text[: len(line)] for text, line in zip(found, lines, strict=True)] == lines
    assert path == "changes/" or found == lines
    for row in rows.all():
        assert row.bounding_box()["height"] < 1.6 * page.evaluate(LINE_HEIGHT)
        assert row.evaluate(HAS_BOX) == (path == "")
        expect(row).to_have_css("color", INK)
    assert [each for each in page.locator(ON_SCREEN_ONLY).all() if each.is_visible()] == []


def test_movie_page_is_printed_with_rating_notes_and_viewings(printed):
    page = printed("watched")
    movie = page.get_by_role("link", name="Heat").get_attribute("href")
    token = page.locator("[name=csrf_token]").first.input_value()
    text = {"csrf_token": token, "title": "Heat", "year": "1995", "notes": "The coffee scene", "why": "Ann said so"}
    page.request.post(page.url.partition("/watchlists/")[0] + movie + "edit", form=text)
    added = {"csrf_token": token, "watched_on": "2009-07", "note": "in Lisbon"}
    page.request.post(page.url.partition("/watchlists/")[0] + movie + "viewings/add", form=added)
    page = printed(movie.partition("/watchlists/")[2].partition("/")[2])
    lines = [line.strip() for line in page.locator("main").inner_text().splitlines() if line.strip()]
    for line in ("Heat", "★★★½", "Ann said so", "The coffee scene", "July 2009", "in Lisbon"):
        assert line in lines
    assert "Edit" not in lines
    assert "Watched" not in lines
    expect(page.get_by_role("heading", name="Heat")).to_have_css("color", INK)
    assert [each for each in page.locator(ON_SCREEN_ONLY).all() if each.is_visible()] == []


@pytest.mark.parametrize(("path", "name"), [("", "Watchlist"), ("watched", "Watched")])
def test_printed_list_has_its_name(printed, path, name):
    heading = printed(path).get_by_role("heading", name=name, exact=True)
    assert heading.bounding_box()["height"] > 20
