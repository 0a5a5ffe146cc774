"""Film facts of a movie: added with it, shown, edited, searched and filtered."""

import pytest
from sqlalchemy import select

from flicklist.film_facts import FilmFacts
from flicklist.models import Movie
from tests.clients import messages, problems, titles

HEAT = {
    "original_title": "Heat",
    "directors": "Michael Mann",
    "runtime": "170",
    "genres": "Crime, Drama",
    "countries": "United States",
    "imdb_id": "tt0113277",
    "tmdb_id": "949",
    "letterboxd_uri": "https://letterboxd.com/film/heat-1995/",
}


def movie(db, title="Heat"):
    db.expire_all()
    return db.scalars(select(Movie).where(Movie.title == title)).one()


def test_movie_with_title_and_year_of_a_film_gets_its_facts(alice, db):
    alice.add("Heat", "1995")
    facts = movie(db).facts
    assert (facts.directors, facts.runtime, facts.imdb_id) == ("Michael Mann", 170, "tt0113277")
    assert facts.genres == "Thriller, Mystery, Drama"


def test_movie_that_is_no_film_of_the_catalog_has_no_facts(alice, db):
    alice.add("Heat")
    alice.add("Heat", "1994")
    assert {each.facts for each in db.scalars(select(Movie))} == {FilmFacts()}


def test_chosen_suggestion_decides_between_films_of_the_same_title_and_year(alice, db):
    films = [film for film in alice.get("/suggestions?q=black rain 1989").json if film["title"] == "Black Rain"]
    assert len(films) == 2
    for film in films:
        form = alice.get(alice.list_path).forms["add"]
        form["title"], form["film"] = "Black Rain (1989)", str(film["id"])
        form.submit(status=303)
        assert movie(db, "Black Rain").directors == film["director"]
        db.delete(movie(db, "Black Rain"))
        db.commit()


@pytest.mark.parametrize("film", ["x", "0", "99999999", "-1", "1"])
def test_wrong_id_of_a_suggestion_is_ignored(alice, db, film):
    alice.send(alice.list_path + "add", title="Heat", year="1995", film=film)
    assert movie(db).directors == "Michael Mann"


def test_movie_is_added_without_a_catalog(make_app, alice, db, tmp_path):
    alice.app = make_app(catalog_path=str(tmp_path / "missing.sqlite"))
    alice.add("Heat", "1995")
    assert movie(db).facts == FilmFacts()


@pytest.fixture
def heat(alice):
    alice.add("Heat", "1995")
    edit(alice, **HEAT)
    return alice


def edit(person, title="Heat", status=303, **fields):
    form = person.get(person.movie_path(title) + "/edit").forms["edit"]
    for name, typed in fields.items():
        form[name] = typed
    return form.submit(status=status)


def test_every_fact_can_be_edited_and_is_shown(heat, db):
    facts = movie(db).facts
    assert {name: str(value) for name, value in facts._asdict().items()} == HEAT
    form = heat.get(heat.movie_path("Heat") + "/edit").forms["edit"]
    assert {name: form[name].value for name in HEAT} == HEAT
    page = heat.get(heat.movie_path("Heat") + "/")
    shown = page.html.select_one(".movie-page").text
    for text in ("Directed by Michael Mann", "2 h 50 min", "Crime", "United States"):
        assert text in " ".join(shown.split())
    links = {link["href"] for link in page.html.select(".movie-page a[rel]")}
    assert links == {
        "https://www.imdb.com/title/tt0113277/",
        "https://www.themoviedb.org/movie/949",
        "https://letterboxd.com/film/heat-1995/",
    }
    assert all("noopener" in link["rel"] for link in page.html.select(".movie-page a[rel]"))


def test_every_fact_can_be_emptied_undone_and_redone(heat, db):
    before = movie(db).facts
    page = edit(heat, **dict.fromkeys(HEAT, "")).follow()
    assert movie(db).facts == FilmFacts()
    page = heat.press(page, "Undo")
    assert movie(db).facts == before
    heat.press(page, "Redo")
    assert movie(db).facts == FilmFacts()


def test_facts_that_were_changed_in_another_window_are_shown(heat, db):
    early = heat.get(heat.movie_path("Heat") + "/edit").forms["edit"]
    edit(heat, directors="Somebody Else", runtime="99")
    early["genres"] = "Heist"
    page = early.submit(status=409)
    shown = [each.text for each in page.html.select(".meanwhile :is(dt, dd)")]
    assert shown == ["Directors", "Somebody Else", "Runtime", "99", "Genres", "Crime, Drama"]
    assert page.forms["edit"]["directors"].value == "Michael Mann"
    assert page.html.select_one("#edit details[open]")
    page.forms["edit"].submit(status=303)
    assert movie(db).facts[1:4] == ("Michael Mann", 170, "Heist")


def test_facts_survive_removal_and_restore(heat, db):
    before, movie_path = movie(db).facts, heat.movie_path("Heat")
    heat.send(f"{movie_path}/remove")
    heat.send(f"{movie_path}/restore")
    assert movie(db).facts == before


@pytest.mark.parametrize(
    ("field", "typed", "stored"),
    [
        ("imdb_id", "https://www.imdb.com/title/tt0113277/", "tt0113277"),
        ("imdb_id", "https://m.imdb.com/de/title/tt0113277/?ref_=x", "tt0113277"),
        ("imdb_id", "imdb.com/title/tt0113277", "tt0113277"),
        ("tmdb_id", "https://www.themoviedb.org/movie/949-heat", 949),
        ("tmdb_id", "９４９", 949),
        ("letterboxd_uri", "letterboxd.com/film/heat-1995", "https://letterboxd.com/film/heat-1995"),
        ("letterboxd_uri", "http://boxd.it/2bg8", "https://boxd.it/2bg8"),
        (
            "letterboxd_uri",
            "https://letterboxd.com/dave/film/heat-1995/",
            "https://letterboxd.com/dave/film/heat-1995/",
        ),
        ("genres", " crime ,, Drama , CRIME", "crime, Drama"),
        ("directors", "Joel Coen,Ethan Coen", "Joel Coen, Ethan Coen"),
        ("runtime", "１７０", 170),
    ],
)
def test_fact_is_stored_in_its_plain_form(heat, db, field, typed, stored):
    edit(heat, **{field: typed})
    assert getattr(movie(db), field) == stored


IMDB = "Enter the IMDb link or ID of the movie, such as tt0113277."
TMDB = "Enter the TMDB link or ID of the movie, such as 949."
LETTERBOXD = "Enter the Letterboxd link of the movie, such as letterboxd.com/film/heat-1995."
PASTED = "Try typing instead of pasting."
RUNTIME = "Enter the runtime in minutes, from 1 to 9,999."


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("original_title", "x" * 201, "The original title can have at most 200 characters."),
        (
            "original_title",
            "He\x1bat",
            f"There are invisible characters in the original title. {PASTED}",
        ),
        ("directors", "x" * 701, "The directors can have at most 700 characters."),
        ("genres", "x" * 201, "The genres can have at most 200 characters."),
        ("countries", "x" * 201, "The countries can have at most 200 characters."),
        ("runtime", "0", RUNTIME),
        ("runtime", "10000", RUNTIME),
        ("runtime", "2 h", RUNTIME),
        ("imdb_id", "113277", IMDB),
        ("imdb_id", "nm0000134", IMDB),
        ("imdb_id", "https://evil.example/title/tt0113277/", IMDB),
        ("tmdb_id", "0", TMDB),
        ("tmdb_id", "2147483648", TMDB),
        ("tmdb_id", "https://www.themoviedb.org/tv/949", TMDB),
        ("letterboxd_uri", "javascript:alert(1)", LETTERBOXD),
        ("letterboxd_uri", "https://letterboxd.com.evil.example/film/heat/", LETTERBOXD),
        ("letterboxd_uri", "https://letterboxd.com/dave/", LETTERBOXD),
    ],
)
def test_wrong_fact_is_refused_at_its_field_and_nothing_is_lost(heat, db, field, typed, reason):
    before = movie(db).facts
    page = edit(heat, status=400, **{field: typed, "why": "Ann said so"})
    assert problems(page) == [reason]
    form = page.forms["edit"]
    assert (form[field].value, form["why"].value) == (typed, "Ann said so")
    assert page.html.select_one(f"[name={field}]")["aria-invalid"] == "true"
    assert page.html.select_one(f"#{field}-problem").text == reason
    assert page.html.select_one("#edit details[open]")
    assert movie(db).facts == before


@pytest.fixture
def shelf(alice, db):
    """Alice, with movies on both lists, of several genres and runtimes."""
    rows = [
        ("Heat", "Crime, Drama", 170, "Michael Mann"),
        ("Airplane!", "Comedy", 88, "Jim Abrahams, David Zucker"),
        ("Das Boot", "War, drama", None, "Wolfgang Petersen"),
        ("Once", "Musical", 86, "John Carney"),
        ("Ran", "Drama", 162, "Akira Kurosawa"),
    ]
    for title, genres, runtime, directors in rows:
        alice.add(title)
        details = movie(db, title).details
        facts = FilmFacts(genres=genres, runtime=runtime, directors=directors, original_title=f"Der Titel {title}")
        movie(db, title).set_details(details._replace(facts=facts))
        db.commit()
    alice.cross_off("Ran")
    return alice


def found(person, view="", **query):
    return set(titles(person.get(person.list_path + view, query)))


def test_search_finds_directors_and_original_titles(shelf):
    assert found(shelf, q="zucker") == {"Airplane!"}
    assert found(shelf, q="titel heat") == {"Heat"}
    assert found(shelf, "watched", q="kurosawa") == {"Ran"}


def test_genre_filters_both_lists(shelf):
    assert found(shelf, genre="Drama") == {"Heat", "Das Boot"}
    assert found(shelf, genre="DRAMA") == {"Heat", "Das Boot"}
    assert found(shelf, genre="Music") == set()
    assert found(shelf, genre="%") == set()
    assert found(shelf, "watched", genre="Drama") == {"Ran"}


def test_genre_on_movie_page_leads_to_the_list_of_the_movie(shelf):
    page = shelf.get(shelf.movie_path("Heat") + "/").click("Drama")
    assert set(titles(page)) == {"Heat", "Das Boot"}
    page = shelf.get(page.html.select_one("a[href$=watched]")["href"]).click("Ran").click("Drama")
    assert titles(page) == ["Ran"]
    assert page.forms["search"]["genre"].value == "Drama"


def test_genre_that_is_not_offered_stays_chosen(shelf):
    page = shelf.get(shelf.list_path, {"genre": "Kung fu"})
    assert page.forms["search"]["genre"].value == "Kung fu"


def test_runtime_filter_keeps_and_marks_movies_without_runtime(shelf):
    page = shelf.get(shelf.list_path, {"max_runtime": "90"})
    rows = {row.select_one(".title").text: row.select_one(".runtime").text for row in page.html.select(".movies > li")}
    assert rows == {"Airplane!": "1\xa0h\xa028\xa0min", "Once": "1\xa0h\xa026\xa0min", "Das Boot": "runtime unknown"}
    assert found(shelf, max_runtime="86") == {"Once", "Das Boot"}
    page = shelf.get(shelf.list_path + "watched", {"max_runtime": "162"})
    assert page.html.select_one(".movies .runtime").text == "2\xa0h\xa042\xa0min"


@pytest.mark.parametrize("typed", ["0", "x", "10000", "-5"])
def test_wrong_runtime_in_filter_is_named_and_ignored(shelf, typed):
    page = shelf.get(shelf.list_path, {"max_runtime": typed})
    assert messages(page, "error") == [
        "The filter “Longest runtime” was not used. Enter the longest runtime in minutes, from 1 to 9,999."
    ]
    assert len(titles(page)) == 4


def test_reason_is_stored_when_a_movie_is_added(alice, db):
    form = alice.get(alice.list_path).forms["add"]
    form["title"], form["why"] = "Heat", "Sam recommended it"
    page = form.submit(status=303).follow()
    assert "Sam recommended it" in page.html.select_one(".movies .why").text
    assert movie(db).why == "Sam recommended it"
    assert not page.html.select_one("#add details[open]")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"title": "Heat", "why": "x" * 301}, "The text of “Why it’s on the list” can have at most 300 characters."),
        ({"title": "", "why": "Sam recommended it"}, "Enter the title of the movie."),
        ({"title": "Heat", "year": "95", "why": "Sam"}, "Enter a year from 1874 to 2100."),
    ],
)
def test_refused_movie_keeps_everything_typed(alice, db, typed, reason):
    page = alice.send(alice.list_path + "add", status=400, **typed)
    assert messages(page, "error") == [reason]
    form = page.forms["add"]
    title = f"{typed['title']} ({typed['year']})" if "year" in typed else typed["title"]
    assert (form["title"].value, form["why"].value) == (title, typed["why"])
    assert page.html.select_one("#add details[open]")
    assert page.html.select_one("#add [aria-invalid]")
    assert db.scalars(select(Movie)).all() == []


def test_reason_for_a_movie_that_is_listed_already_stays_in_the_form(heat, db):
    page = heat.send(heat.list_path + "add", status=200, title="Heat", year="1995", why="Sam recommended it")
    assert messages(page, "info") == ["“Heat (1995)” is already on your watchlist."]
    assert page.forms["add"]["why"].value == "Sam recommended it"
    assert movie(db).why == ""
