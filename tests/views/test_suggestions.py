"""Suggestions while a title is typed: matching, order and access."""

import pytest

from flicklist.services.suggestions import FILMS, MAX_SUGGESTIONS, all_films, suggest


def suggested(query):
    return [film.title for film in suggest(query)]


def test_catalog_has_each_film_once():
    films = all_films()
    assert len(films) > 17_000
    assert len(set(films)) == len(films)
    assert all(film.title.strip() == film.title != "" for film in films)
    assert FILMS.with_name("NOTICE.md").exists()


def test_film_with_exact_title_comes_first():
    assert suggested("heat")[:3] == ["Heat", "Heat", "Heat"]
    assert suggested("The Godfather")[0] == "The Godfather"


def test_match_at_start_of_title_comes_before_match_at_later_word():
    titles = suggested("heat")
    assert titles.index("Heat and Dust") < titles.index("The Heat") < MAX_SUGGESTIONS


def test_films_with_fewer_skipped_words_come_first():
    titles = suggested("delta")
    assert titles.index("The Delta Force") < titles.index("Down in the Delta")


def test_query_can_start_at_any_word():
    assert "The Matrix" in suggested("matrix")
    assert suggested("godfather part") == ["The Godfather Part II", "The Godfather Part III"]


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
        ("dr strangelove", "Dr. Strangelove"),
        ("Dr.Strangelove", "Dr. Strangelove"),
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
        ("walle", "WALL-E"),
        ("WALL·E", "WALL-E"),
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
        assert film in suggest(film.title.casefold().translate(table))


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


SHORT = ["", " ", "h", " h ", "a\n", "\0", "\u0301\u0301", "\ud800"]
NO_WORDS = ["?!", "$", "...", "-'", "%", "_" * 50, "\0\0\0", "🎬🎬"]
LONG = ["x" * 201, "heat" + " " * 200, "x" * 5000]
STRANGE = ["\ufdfa" * 200, "a." * 100, "99999"]


@pytest.mark.parametrize("query", [*SHORT, *NO_WORDS, *LONG, *STRANGE])
def test_query_that_is_too_short_too_long_or_wordless_finds_nothing(query):
    assert suggest(query) == []


def test_films_are_found_by_their_titles():
    films = [film for film in all_films()[::50] if len(film.title) > 1 and film.title != "$"]
    assert [film for film in films if film not in suggest(film.title)] == []


def test_suggestions_are_json_with_titles_and_years(alice):
    response = alice.get("/suggestions", {"q": "solaris"})
    assert response.content_type == "application/json"
    assert response.json == [{"title": "Solaris", "year": 1972}, {"title": "Solaris", "year": 2002}]


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
