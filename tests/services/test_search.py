"""Searching, sorting and paging a list."""

from datetime import UTC, datetime
from itertools import chain
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from flicklist.dates import format_date
from flicklist.models import Movie, User, Viewing
from flicklist.search_words import query_words
from flicklist.services.catalog import DEFAULT_PATH, all_films
from flicklist.services.pagination import PageRequest
from flicklist.services.search import SearchFilters, Sort
from flicklist.services.suggestions import suggest
from flicklist.services.watchlist import watchlist_page
from flicklist.views.watchlist import WATCHED_SORTS, WATCHLIST_SORTS
from tests.clients import Client, messages, titles

SORTED_LISTS = [("", sort) for sort in WATCHLIST_SORTS] + [("watched", sort) for sort in WATCHED_SORTS]
MAX_PAGES = 10


@pytest.fixture
def shelf(alice, db):
    """Alice, with movies on the watchlist and watched movies."""
    owner_id = db.scalars(select(User.id)).one()

    def movie(title, year=None, rating=None, watched_on=(), why="", notes="", added="2020-05-05"):
        watched_at = datetime(2021, 1, 1, tzinfo=UTC) if watched_on or rating else None
        one = Movie(
            title=title, year=year, owner_id=owner_id, rating=rating, watched_at=watched_at, why=why, notes=notes
        )
        one.added_at = datetime.fromisoformat(added).replace(tzinfo=UTC)
        one.viewings = [Viewing(watched_on=day) for day in watched_on]
        one.refresh_last_watched_on()
        one.refresh_search_columns()
        db.add(one)
        db.flush()

    movie("Amélie", 2001, why="Zoë said so", added="2019-12-31")
    movie("The Sting", 1973, notes="con men & 100% fun_", added="2020-01-01")
    movie("Ænigma", None, added="2020-02-29")
    movie("Smørrebrød", 2001)
    movie("Heat", 1995, rating=9, watched_on=["2009-07-14", "2020"])
    movie("A Separation", 2011, rating=10, watched_on=["2012-03"])
    movie("Ran", 1985, watched_on=["2009"])
    movie("Stalker", 1979, rating=3, watched_on=[None])
    db.commit()
    return alice


def found(person, view="", **query):
    return set(titles(person.get(person.list_path + view, query)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("amelie", {"Amélie"}),
        ("AMÉLIE", {"Amélie"}),
        ("ame\u0301lie", {"Amélie"}),
        ("zoe", {"Amélie"}),
        ("con men", {"The Sting"}),
        ("fun sting", {"The Sting"}),
        ("aenigma", {"Ænigma"}),
        ("smorrebrod", {"Smørrebrød"}),
        ("100%", {"The Sting"}),
        ("fun_", {"The Sting"}),
        ("%", {"The Sting"}),
        ("_", {"The Sting"}),
        ("heat", set()),
    ],
)
def test_search_finds_words_in_title_why_and_notes_ignoring_accents(shelf, query, expected):
    assert found(shelf, q=query) == expected


TITLES = [
    ("Ocean's Eleven", 2001),
    ("Spider-Man", 2002),
    ("Schindler’s List", 1993),
    ("8½", 1963),
    ("S.W.A.T.", 2003),
    ("Heat", 1995),
    ("Mission: Impossible", 1996),
    ("2001: A Space Odyssey", 1968),
    ("Toy Story™", None),
    ("M*A*S*H", 1970),
    ("WALL·E", 2008),
    ("Thelma & Louise", 1991),
    ("हिन्दी", None),
    ("हन", None),
    ("기생충", 2019),
    ("$", 1971),
    ("🎬", None),
]


@pytest.fixture
def titled(alice, db):
    owner_id = db.scalars(select(User.id)).one()
    db.add_all(Movie(title=title, year=year, owner_id=owner_id) for title, year in TITLES)
    db.commit()
    return alice


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("oceans eleven", {"Ocean's Eleven"}),
        ("ocean’s eleven", {"Ocean's Eleven"}),
        ("spiderman", {"Spider-Man"}),
        ("spider man", {"Spider-Man"}),
        ("spider‑man", {"Spider-Man"}),
        ("schindlers list", {"Schindler’s List"}),
        ("schindler's list", {"Schindler’s List"}),
        ("8 1/2", {"8½"}),
        ("swat", {"S.W.A.T."}),
        ("s.w.a.t.", {"S.W.A.T."}),
        ("heat.", {"Heat"}),
        ("heat (1995)", {"Heat"}),
        ("heat 1996", set()),
        ("mission impossible 1996", {"Mission: Impossible"}),
        ("1996", {"Mission: Impossible"}),
        ("１９９６", {"Mission: Impossible"}),
        ("2001", {"Ocean's Eleven", "2001: A Space Odyssey"}),
        ("200", {"2001: A Space Odyssey"}),
        ("tm", {"Toy Story™"}),
        ("mash", {"M*A*S*H"}),
        ("wall-e", {"WALL·E"}),
        ("walle", {"WALL·E"}),
        ("thelma and louise", {"Thelma & Louise"}),
        ("हिन्दी", {"हिन्दी"}),
        ("기생", {"기생충"}),
        ("$", {"$"}),
        ("🎬", {"🎬"}),
        ("?", set()),
        ("h\u00adeat", {"Heat"}),
    ],
)
def test_search_ignores_punctuation_and_matches_the_year(titled, query, expected):
    assert found(titled, q=query) == expected


def test_search_finds_what_suggestions_find(alice, db):
    """For the beginnings of a sample of all titles, with and without the year."""
    owner_id = db.scalars(select(User.id)).one()
    sample = all_films()[::200]
    db.add_all(Movie(title=film.title, year=film.year, owner_id=owner_id) for film in sample)
    db.commit()
    for film in sample:
        for query in (film.title, film.title[:4], f"{film.title} {film.year}", " ".join(query_words(film.title))):
            if (film.title, film.year) in [suggestion[1:3] for suggestion in suggest(DEFAULT_PATH, query)]:
                filters = SearchFilters(query)
                page, _ = watchlist_page(
                    db.connection(), owner_id, Sort.TITLE, PageRequest(), filters=filters, time_zone=ZoneInfo("UTC")
                )
                assert (film.title, film.year) in {(title, year) for _, title, year, *_ in page.rows}, query


def test_search_without_result_names_the_matches_on_the_other_list(titled):
    titled.cross_off("Heat")
    page = titled.get(titled.list_path, {"q": "heat", "sort": "title"})
    assert "“heat” isn’t on your watchlist." in page.html.main.text
    assert "Your watched list has 1 match." in page.html.main.text
    assert titles(page.click("Show it")) == ["Heat"]
    page = titled.get(titled.list_path + "watched", {"q": "list"})
    assert "Your watchlist has 1 match." in page.html.main.text
    assert titles(page.click("Show it")) == ["Schindler’s List"]


def test_search_without_result_on_either_list_names_no_matches(titled):
    page = titled.get(titled.list_path, {"q": "nothing like it"})
    assert "“nothing like it” isn’t on your watchlist." in page.html.main.text
    assert "Show it" not in page.text


@pytest.mark.parametrize("view", ["", "watched"])
def test_text_that_is_on_neither_list_can_be_added(titled, view):
    page = titled.get(titled.list_path + view, {"q": "nothing like it"})
    button = page.html.find("button", string="Add “nothing like it” to your watchlist")
    titled.send(button.find_parent("form")["action"], title=button["value"])
    assert "nothing like it" in titled.watchlist()


def test_search_with_other_filters_offers_nothing_to_add(titled):
    page = titled.get(titled.list_path, {"q": "heat", "decade": "1930"})
    assert "No movies found on your watchlist." in page.html.main.text
    assert not page.html.select(".empty form")


def test_matches_of_another_person_are_not_counted(titled, bob):
    bob.add("Ran")
    bob.cross_off("Ran")
    assert "Show it" not in titled.get(titled.list_path, {"q": "ran"}).text


def test_lists_sort_articles_punctuation_and_numbers_as_people_do(alice, db):
    in_order = [
        "$",
        "8½",
        "12 Angry Men",
        "À bout de souffle",
        "A Beautiful Mind",
        "Ocean's 8",
        "Ocean's 11",
        "Ocean's 12",
        "[REC]",
        "¡Three Amigos!",
    ]
    owner_id = db.scalars(select(User.id)).one()
    db.add_all(Movie(title=title, owner_id=owner_id) for title in reversed(in_order))
    db.commit()
    page = alice.get(alice.list_path, {"sort": "title"})
    assert titles(page) == in_order


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"decade": "2000"}, {"Amélie", "Smørrebrød"}),
        ({"decade": "1970", "q": "sting"}, {"The Sting"}),
        ({"added_from": "2020"}, {"The Sting", "Ænigma", "Smørrebrød"}),
        ({"added_to": "2019"}, {"Amélie"}),
        ({"added_from": "2020-01-01", "added_to": "2020-01-01"}, {"The Sting"}),
        ({"added_from": "2020-02", "added_to": "2020-02"}, {"Ænigma"}),
    ],
)
def test_filters_of_the_watchlist(shelf, query, expected):
    assert found(shelf, **query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"rated": "yes"}, {"Heat", "A Separation", "Stalker"}),
        ({"rated": "no"}, {"Ran"}),
        ({"min_rating": "4.5"}, {"Heat", "A Separation"}),
        ({"min_rating": "5"}, {"A Separation"}),
        ({"watched_from": "2009", "watched_to": "2009"}, {"Heat", "Ran"}),
        ({"watched_from": "2009-08", "watched_to": "2009-09"}, {"Ran"}),
        ({"watched_from": "2012"}, {"Heat", "A Separation"}),
        ({"watched_to": "2009-07-14"}, {"Heat", "Ran"}),
        ({"watched_to": "2009-07-13"}, {"Ran"}),
        ({"watched_from": "2008", "watched_to": "2008"}, set()),
        ({"watched_to": "2012-02"}, {"Heat", "Ran"}),
        ({"watched_from": "2012-02", "watched_to": "2012-02-29"}, set()),
    ],
)
def test_filters_of_the_watched_list(shelf, query, expected):
    assert found(shelf, "watched", **query) == expected


def test_added_date_uses_time_zone_of_site(shelf, make_app, db):
    db.execute(update(Movie).where(Movie.title == "Amélie").values(added_at=datetime(2020, 3, 1, 22, 30, tzinfo=UTC)))
    db.commit()
    vienna = Client(make_app(time_zone="Europe/Vienna"), shelf.email)
    vienna.log_in()
    query = {"added_from": "2020-03-01", "added_to": "2020-03-01"}
    assert found(shelf, **query) == {"Amélie"}
    vienna.list_path = shelf.list_path
    assert found(vienna, **query) == {"Amélie"}
    db.execute(update(Movie).where(Movie.title == "Amélie").values(added_at=datetime(2020, 3, 1, 23, 30, tzinfo=UTC)))
    db.commit()
    assert found(vienna, **query) == set()
    assert found(vienna, added_from="2020-03-02", added_to="2020-03-02") == {"Amélie"}
    page = vienna.get(vienna.movie_path("Amélie") + "/")
    assert '<time datetime="2020-03-02">2 Mar 2020</time>' in page


def test_search_is_kept_in_url_and_form(shelf):
    page = shelf.get(shelf.list_path, {"q": "sting", "decade": "1970", "sort": "title"})
    form = page.html.select_one("form#search")
    assert form.get("method", "get") == "get"
    assert form.select_one("[name=q]")["value"] == "sting"
    assert form.select_one("[name=decade] [selected]")["value"] == "1970"
    assert form.select_one("[name=sort] [selected]")["value"] == "title"


def chips(page):
    """Return the active filters, with the link that removes each."""
    return {chip.text: chip["href"] for chip in page.html.select("#search .chip")}


def test_active_filters_are_shown_each_with_a_link_that_removes_it(shelf):
    watched = shelf.list_path + "watched"
    query = {
        "q": "e",
        "decade": "1990",
        "min_rating": "4.5",
        "rated": "yes",
        "watched_from": "2009-07",
        "added_to": "2026-01-02",
        "max_runtime": "200",
        "sort": "title",
    }
    page = shelf.get(watched, query)
    assert titles(page) == ["Heat"]
    assert list(chips(page)) == [
        "“e”",
        "1990s",
        "up to 200 min",
        "rated",
        "4½ ★ or more",
        "added to 2 Jan 2026",
        "watched from July 2009",
    ]
    for number in range(len(chips(page)), 0, -1):
        assert len(chips(page)) == number
        page = shelf.get(next(iter(chips(page).values())))
    assert parse_qs(page.request.query_string) == {"sort": ["title"]}
    assert set(titles(page)) == {"A Separation", "Heat", "Ran", "Stalker"}


def test_invalid_filter_is_not_shown_as_active(shelf):
    assert chips(shelf.get(shelf.list_path, {"added_from": "soon", "tag": "a,b", "decade": "1951"})) == {}


def test_field_for_movies_finds_on_the_list_it_is_on(shelf):
    for view, title in (("", "Amélie"), ("watched", "Heat")):
        page = shelf.find(title.upper(), view)
        assert page.request.path == shelf.list_path + view
        assert titles(page) == [title]


@pytest.mark.parametrize("text", ["", "x" * 900, "\a"])
def test_text_that_cannot_be_found_shows_the_list(shelf, text):
    assert shelf.find(text).status_int == 200


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("fun", [("The Sting", False)]),
        ("s", [("A Separation", True), ("Smørrebrød", False), ("Stalker", True), ("The Sting", False)]),
    ],
)
def test_matches_are_a_few_movies_of_both_lists(shelf, query, matches):
    found = shelf.get(shelf.list_path + "matches", {"q": query}).json
    assert sorted((movie["title"], movie["is_watched"]) for movie in found) == matches


def test_matches_that_begin_with_the_text_come_first(shelf):
    shelf.add("Heart and Heat")
    found = shelf.get(shelf.list_path + "matches", {"q": "heat"}).json
    assert [(movie["title"], movie["year"]) for movie in found] == [("Heat", 1995), ("Heart and Heat", None)]
    assert shelf.get(f"{shelf.list_path}{found[0]['id']}/").html.h1.text == "Heat"


@pytest.mark.parametrize("query", ["", " ", "\a", "x" * 201, "xyzzy"])
def test_text_that_matches_nothing_has_no_matches(shelf, query):
    assert shelf.get(shelf.list_path + "matches", {"q": query}).json == []


def test_removed_movies_and_those_of_others_do_not_match(shelf, bob):
    shelf.send(shelf.movie_path("Heat") + "/remove")
    assert shelf.get(shelf.list_path + "matches", {"q": "heat"}).json == []
    assert bob.get(bob.list_path + "matches", {"q": "ran"}).json == []


def test_empty_result_has_message_and_link_to_whole_list(shelf):
    page = shelf.get(shelf.list_path, {"q": "nothing like it"})
    assert "isn’t on your watchlist." in page.html.main.text
    assert len(titles(page.click("Show the whole list"))) == 4


NO_DATE = "Enter a date like 14 Jul 2009, July 2009 or 2009."
INVISIBLE = "There are invisible characters in the search text. Try typing instead of pasting."


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"added_from": "last week"}, "The filter “Date added from” was not used. " + NO_DATE),
        ({"watched_to": "2009-13"}, "The filter “Date watched to” was not used. " + NO_DATE),
        ({"q": "x" * 201}, "The search was not used. The search text can have at most 200 characters."),
        ({"q": "bell\a"}, "The search was not used. " + INVISIBLE),
        ({"added_to": "9999-12-31"}, "The filter “Date added to” was not used. " + NO_DATE),
    ],
)
def test_invalid_filter_is_reported_and_ignored(shelf, query, problem):
    page = shelf.get(shelf.list_path, query)
    assert messages(page, "error") == [problem]
    assert len(titles(page)) == 4


@pytest.mark.parametrize(
    ("view", "query", "label", "expected"),
    [
        ("", {"added_from": "2020", "added_to": "2019-12-31"}, "Date added", {"The Sting", "Ænigma", "Smørrebrød"}),
        ("watched", {"watched_from": "2012-02", "watched_to": "2012-01"}, "Date watched", {"Heat", "A Separation"}),
    ],
)
def test_end_of_span_is_ignored_if_before_start(shelf, view, query, label, expected):
    page = shelf.get(shelf.list_path + view, query)
    assert messages(page, "error") == [f"The filter “{label} to” was not used. The first date is after the second."]
    assert page.html.select_one("#filters .problem").text == "The first date is after the second."
    assert set(titles(page)) == expected


def test_invalid_filter_stays_in_its_field(shelf):
    page = shelf.get(shelf.list_path, {"added_from": "soon", "q": "amelie"})
    assert titles(page) == ["Amélie"]
    form = page.html.select_one("form#search")
    assert form.select_one("[name=added_from]")["value"] == "soon"
    assert form.select_one("details").has_attr("open")


def test_filters_take_dates_as_people_write_them(shelf):
    watched = shelf.list_path + "watched"
    page = shelf.get(watched, {"watched_from": "1.1.2009", "watched_to": "July 13, 2009"})
    assert list(chips(page)) == ["watched from 1 Jan 2009 to 13 Jul 2009"]
    assert titles(page) == ["Ran"]
    today = format_date(datetime.now(UTC).date().isoformat())
    assert list(chips(shelf.get(watched, {"added_to": "today"}))) == [f"added to {today}"]


def test_ambiguous_date_in_filter_has_a_link_for_each_reading(shelf):
    page = shelf.get(shelf.list_path, {"added_to": "03/04/2021", "q": "amelie"})
    assert messages(page, "error") == [
        "The filter “Date added to” was not used. “03/04/2021” could be two different dates."
    ]
    assert page.html.select_one("#added_to-problem").text == "“03/04/2021” could be two different dates. Choose one."
    page = page.click("4 Mar 2021")
    assert list(chips(page)) == ["“amelie”", "added to 4 Mar 2021"]
    assert page.forms["search"]["added_to"].value == "4 Mar 2021"


def test_every_word_must_match_and_quote_style_does_not_matter(shelf):
    shelf.add("“Crocodile” Dundee – a long, long and rather windy title of many words")
    assert found(shelf, q='"crocodile" - windy') == {
        "“Crocodile” Dundee – a long, long and rather windy title of many words"
    }
    assert found(shelf, q="a long and rather windy title of many words indeed") == set()


@pytest.mark.parametrize("query", [{"sort": "x"}, {"sort": "rating"}])
def test_unknown_sort_order_is_ignored(shelf, query):
    page = shelf.get(shelf.list_path, query)
    assert (len(titles(page)), messages(page, "error")) == (4, [])


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"decade": "1920s"}, "The filter “Decade” was not used. Choose a decade from the 1870s to the 2030s."),
        ({"rated": "x"}, "The filter “Rated” was not used. Choose whether the movie is rated."),
        ({"min_rating": "6"}, "The filter “Minimum rating” was not used. Choose a minimum rating from ½ to 5 stars."),
    ],
)
def test_unknown_choice_is_reported_and_not_used(shelf, query, problem):
    page = shelf.get(shelf.list_path + "watched", query)
    assert (len(titles(page)), messages(page, "error")) == (4, [problem])
    (field,) = page.html.select("#filters [aria-invalid=true]")
    assert field["name"] == next(iter(query))


def test_several_refused_filters_are_counted(shelf):
    page = shelf.get(shelf.list_path, {"max_runtime": "long", "added_to": "someday"})
    assert messages(page, "error") == ["2 filters were not used. Please correct them."]


@pytest.mark.parametrize(
    ("view", "sort", "expected"),
    [
        ("", "", ["Smørrebrød", "Ænigma", "The Sting", "Amélie"]),
        ("", "oldest", ["Amélie", "The Sting", "Ænigma", "Smørrebrød"]),
        ("", "title", ["Ænigma", "Amélie", "Smørrebrød", "The Sting"]),
        ("", "year", ["Smørrebrød", "Amélie", "The Sting", "Ænigma"]),
        ("watched", "", ["Heat", "A Separation", "Ran", "Stalker"]),
        ("watched", "rating", ["A Separation", "Heat", "Stalker", "Ran"]),
        ("watched", "title", ["Heat", "Ran", "A Separation", "Stalker"]),
        ("watched", "year", ["A Separation", "Heat", "Ran", "Stalker"]),
    ],
)
def test_list_is_sorted(shelf, view, sort, expected):
    assert titles(shelf.get(shelf.list_path + view, {"sort": sort})) == expected


@pytest.fixture
def duplicates(alice, db):
    """Alice, with lists in which nearly all sort keys are equal or missing."""
    owner_id = db.scalars(select(User.id)).one()
    moments = [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2)]
    for number in range(260):
        movie = Movie(
            title=f"{'The ' * (number % 2)}Movie {number}", owner_id=owner_id, year=[None, 1999, 2001][number % 3]
        )
        movie.sort_title = f"movie {number % 3}"
        movie.added_at = moments[number % 2]
        if number % 2:
            movie.watched_at = moments[number % 4 // 2]
            movie.rating = [None, 5, 7][number % 3]
            movie.last_watched_on = ["", "2009", "2009-07", "2009-07-14"][number % 4]
        db.add(movie)
    db.commit()
    return alice


@pytest.mark.parametrize(("view", "sort"), SORTED_LISTS)
def test_paging_in_both_directions_shows_each_movie_once(duplicates, view, sort):
    forwards, last = walk(duplicates, duplicates.get(duplicates.list_path + view, {"sort": sort}), "next")
    everything = list(chain(*forwards))
    assert sorted(everything) == sorted(
        {f"{'The ' * (n % 2)}Movie {n}" for n in range(260) if n % 2 == (view == "watched")}
    )
    assert [len(page) for page in forwards] == [50, 50, 30]
    backwards, _ = walk(duplicates, last, "prev")
    assert list(reversed(backwards)) == forwards


def walk(person, page, direction):
    """Follow the page links in a direction, and return the titles of each page, and the last page."""
    seen = [titles(page)]
    for _ in range(MAX_PAGES):
        link = page.html.select_one(f".pager [rel={direction}]")
        if link is None:
            return seen, page
        page = person.get(link["href"])
        seen.append(titles(page))
    raise AssertionError("the list has no end")


def test_page_links_keep_the_search(duplicates):
    page = duplicates.get(duplicates.list_path, {"q": "movie", "decade": "1990", "sort": "title"})
    assert page.html.select_one(".count").text == "43 found"
    pages, last = walk(duplicates, page, "next")
    assert last.html.select_one("form#search [name=decade] [selected]")["value"] == "1990"
    assert all(int(title.split()[-1]) % 3 == 1 for title in chain(*pages))


def test_action_returns_to_same_page_despite_long_url(alice, db):
    alice.add("The first")
    owner_id = db.scalars(select(User.id)).one()
    movies = [f"Приключения Шерлока Холмса и доктора Ватсона: сокровища Агры, серия {n:03}" for n in range(60)]
    db.add_all(Movie(title=title, owner_id=owner_id) for title in movies)
    db.commit()
    page = alice.get(alice.list_path, {"sort": "title", "q": "приключения шерлока холмса и доктора ватсона " * 4})
    page = alice.get(page.html.select_one("[rel=next]")["href"])
    assert titles(page) == movies[50:]
    landed = alice.press(page, f"I watched it! {movies[55]}")
    assert landed.request.path_qs == page.request.path_qs
    assert titles(landed) == [*movies[50:55], *movies[56:]]


@pytest.mark.parametrize(("view", "sort"), SORTED_LISTS)
def test_last_page_is_shown_if_requested_page_is_empty(duplicates, db, view, sort):
    pages, last = walk(duplicates, duplicates.get(duplicates.list_path + view, {"sort": sort}), "next")
    ids = [int(link["href"].split("/")[-2]) for link in last.html.select(".movies a.title")]
    db.execute(delete(Viewing).where(Viewing.movie_id.in_(ids)))
    db.execute(delete(Movie).where(Movie.id.in_(ids)))
    db.commit()
    page = duplicates.get(last.request.path_qs)
    assert titles(page) == pages[-2]
    assert not page.html.select_one("[rel=next]")
    before, _ = walk(duplicates, page, "prev")
    assert before == pages[-2::-1]


INVALID_CURSORS = [
    "WzFd",  # [1]
    "WzEsMl0",  # [1,2]
    "bnVsbA",  # null
    "W10",  # []
    "WyJhIiwyXQ",  # ["a",2]
    "WzEsMSwxXQ",  # [1,1,1]
    "W1tdLFtdXQ",  # [[],[]]
    "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OSwxXQ",  # [999999999999999999999,1]
    "é",
    "=",
    "W" * 3000,
]


@pytest.mark.parametrize(("view", "sort"), SORTED_LISTS)
def test_invalid_cursor_still_shows_a_page(shelf, view, sort):
    for cursor in INVALID_CURSORS:
        for name in ("after", "before"):
            page = shelf.get(shelf.list_path + view, {name: cursor, "sort": sort}, status=200)
            assert 0 < len(titles(page)) <= 4


def test_title_in_any_script_is_stored_and_found_whatever_the_client_encoding(monkeypatch, make_app):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    person = Client(make_app())
    person.register("zoe@example.com")
    person.add("Жизнь")
    assert found(person, q="жизнь") == {"Жизнь"}


def test_search_finds_only_own_movies(shelf, bob):
    assert found(bob, q="sting") == set()
    assert found(bob, "watched", rated="yes") == set()
