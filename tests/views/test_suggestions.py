"""Suggestions while a title is typed: matching, order and access."""

import logging

import pytest

from flicklist.services import suggestions
from flicklist.services.catalog import DEFAULT_PATH, all_films
from flicklist.services.suggestions import MAX_SUGGESTIONS

DR_STRANGELOVE = "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb"
# A search, and the film that people most probably mean by it.
SEARCHES = [
    ("ameli", "Amélie", 2001),
    ("star wars", "Star Wars", 1977),
    ("parasi", "Parasite", 2019),
    ("barbi", "Barbie", 2023),
    ("oppen", "Oppenheimer", 2023),
    ("anora", "Anora", 2024),
    ("spirited", "Spirited Away", 2001),
    ("princess m", "Princess Mononoke", 1997),
    ("metrop", "Metropolis", 1927),
    ("nosf", "Nosferatu", 1922),
    ("dune", "Dune", 2021),
    ("the godf", "The Godfather", 1972),
    ("lord of the", "The Lord of the Rings: The Fellowship of the Ring", 2001),
    ("seven sam", "Seven Samurai", 1954),
    ("8 1/2", "8½", 1963),
    ("wall", "WALL·E", 2008),
    ("m", "M", 1931),
    ("up", "Up", 2009),
    ("it", "It", 2017),
    ("her", "Her", 2013),
    ("drive", "Drive", 2011),
    ("matrix", "The Matrix", 1999),
    ("alien", "Alien", 1979),
    ("joker", "Joker", 2019),
    ("roma", "Roma", 2018),
    ("ran", "Ran", 1985),
]


def suggest(query):
    return [(film.title, film.year) for film in suggestions.suggest(DEFAULT_PATH, query)]


def suggested(query):
    return [title for title, _ in suggest(query)]


@pytest.mark.parametrize(("query", "title", "year"), SEARCHES)
def test_film_that_people_mean_comes_first(query, title, year):
    assert suggest(query)[0] == (title, year)


def test_exact_title_comes_before_better_known_films():
    assert suggested("heat")[0] == "Heat"
    assert suggested("The Godfather")[0] == "The Godfather"


@pytest.mark.parametrize(
    ("original", "title"),
    [("le fabuleux destin", "Amélie"), ("gisaengchung", "Parasite"), ("기생충", "Parasite")],
)
def test_original_title_finds_the_film(original, title):
    assert suggested(original)[0] == title


def test_query_can_begin_with_any_word():
    assert "The Matrix" in suggested("matrix")
    assert suggested("godfather part") == ["The Godfather Part II", "The Godfather Part III"]
    assert suggested("strangelove")[0].startswith("Dr. Strangelove")


def test_film_that_begins_with_the_query_comes_before_an_equally_known_one():
    titles = suggested("wall")
    assert titles.index("WALL·E") < titles.index("The Wolf of Wall Street")


def test_word_matches_only_by_its_beginning():
    assert suggested("atrix") == []
    assert suggested("matrix god") == []


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("amelie", "Amélie"),
        ("AMÉLIE", "Amélie"),
        ("ame\u0301lie", "Amélie"),
        ("  Amélie  ", "Amélie"),
        ("dr strangelove", DR_STRANGELOVE),
        ("Dr.Strangelove", DR_STRANGELOVE),
        ("schindlers l", "Schindler's List"),
        ("Schindler’s L", "Schindler's List"),
        ("avventura", "L'Avventura"),
        ("l'avv", "L'Avventura"),
        ("x-men origins", "X-Men Origins: Wolverine"),
        ("xmen origins", "X-Men Origins: Wolverine"),
        ("x men origins", "X-Men Origins: Wolverine"),
        ("la conf", "L.A. Confidential"),
        ("L.A. Conf", "L.A. Confidential"),
        ("et the extra terr", "E.T. the Extra-Terrestrial"),
        ("thelma and l", "Thelma & Louise"),
        ("Thelma & L", "Thelma & Louise"),
        ("8 1/2", "8½"),
        ("8½", "8½"),
        ("walle", "WALL·E"),
        ("wall-e", "WALL·E"),
        ("heat (1995)", "Heat"),
        ("mission impossible 1996", "Mission: Impossible"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(typed, title):
    assert suggested(typed)[0] == title


@pytest.mark.parametrize(("letters", "plain"), [("Łódź", "lodz"), ("Ærø", "aero"), ("Œuvre", "oeuvre"), ("ẞ", "ss")])
def test_special_letters_are_found_by_plain_letters(letters, plain):
    assert suggested(letters) == suggested(plain)


def test_non_ascii_letters_of_catalog_are_found_by_plain_letters():
    odd = [film for film in all_films() if set(film.title.casefold()) & set("æœøłđðþ")]
    table = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
    assert odd
    for film in odd:
        assert (film.title, film.year) in suggest(film.title.casefold().translate(table))


def test_year_after_the_title_selects_the_remake():
    assert suggest("solaris 2002") == [("Solaris", 2002)]
    assert suggest("Solaris (1972)") == [("Solaris", 1972)]
    assert suggest("solaris 1999") == []


def test_remakes_have_different_years():
    assert suggest("solaris") == [("Solaris", 1972), ("Solaris", 2002)]


@pytest.mark.parametrize("query", ["th", "the", "man", "of the", "of", "in"])
def test_at_most_eight_distinct_films_are_suggested(query):
    films = suggest(query)
    assert len(films) == len(set(films)) == MAX_SUGGESTIONS


EMPTY = ["", " ", "\0", "\u0301\u0301", "\ud800"]
NO_WORDS = ["?!", "$", "...", "-'", "%", "_" * 50, "\0\0\0", "🎬🎬"]
LONG = ["x" * 201, "heat" + " " * 200, "x" * 5000]
STRANGE = ["\ufdfa" * 200, "a." * 100, "888888"]


@pytest.mark.parametrize("query", [*EMPTY, *NO_WORDS, *LONG, *STRANGE])
def test_query_that_is_empty_too_long_or_wordless_finds_nothing(query):
    assert suggest(query) == []


def test_films_are_found_by_their_titles_and_years():
    films = [film for film in all_films()[::100] if film.title != "$"]
    assert len(films) > 400
    missing = [film for film in films if (film.title, film.year) not in suggest(f"{film.title} {film.year}")]
    assert missing == []


def test_suggestions_are_json_with_title_year_and_director(alice):
    response = alice.get("/suggestions", {"q": "solaris"})
    assert response.content_type == "application/json"
    films = response.json
    assert all(type(film.pop("id")) is int for film in films)
    assert films == [
        {"title": "Solaris", "year": 1972, "director": "Andrei Tarkovsky"},
        {"title": "Solaris", "year": 2002, "director": "Steven Soderbergh"},
    ]


@pytest.mark.parametrize("query", ["q=", "", "x=heat", "q=%07%07%07", "q=" + "x" * 5000, "q=%F0%9F%8E%AC", "q=%25%5F"])
def test_suggestions_are_an_empty_list_if_nothing_is_found(alice, query):
    assert alice.get(f"/suggestions?{query}").json == []


def test_markup_stays_text(alice):
    response = alice.get("/suggestions", {"q": "<script>alert(1)</script>"})
    assert "<" not in response
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_suggestions_need_log_in(visitor):
    response = visitor.get("/suggestions", {"q": "solaris"}, status=303)
    assert response.location.startswith("http://localhost/register?")
    assert "Solaris" not in response


def test_suggestions_cost_one_statement(alice, statements):
    statements.clear()
    alice.get("/suggestions", {"q": "the"})
    assert len(statements) == 1, statements


def test_suggestions_do_not_change_session(alice):
    """A late response must not restore an older cookie with older messages."""
    assert "Set-Cookie" not in alice.get("/suggestions", {"q": "heat"}).headers


def test_movie_outside_catalog_can_be_added(alice):
    assert suggest("Our holidays in Lodz") == []
    assert alice.add("Our holidays in Łódź", "2024").html.select_one(".movies").find(string="Our holidays in Łódź")


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_site_without_readable_catalog_has_no_suggestions(make_app, alice, tmp_path, content, caplog):
    path = tmp_path / "catalog.sqlite"
    if content is not None:
        path.write_bytes(content)
    alice.app = make_app(catalog_path=str(path))
    with caplog.at_level(logging.WARNING):
        assert alice.get("/suggestions", {"q": "heat"}).json == []
    assert f"the catalog {path} cannot be read" in caplog.text
