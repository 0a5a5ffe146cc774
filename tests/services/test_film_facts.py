"""Film facts from the catalog: finding the film that a movie is, and filling gaps."""

import pytest
from sqlalchemy import select, update

from flicklist.film_facts import FilmFacts
from flicklist.models import Movie
from flicklist.services import catalog, film_facts
from flicklist.services.catalog import Film, open_catalog
from flicklist.services.film_lookup import NoMatch, find_film
from tests.clients import messages

THING = Film("The Thing", "", 1982, "John Carpenter", 109, "Horror", "United States", "tt0084787", 70)
HEAT = Film("Heat", "", 1995, "Michael Mann", 170, "Crime, Drama", "United States", "tt0113277", 60)
PARASITE = Film("Parasite", "Gisaengchung / 기생충", 2019, "Bong Joon-ho", None, "", "South Korea", "", 90)
SPIDER_MAN = Film("Spider-Man", "", 2002, "Sam Raimi", 121, "Action", "United States", "", 80)
HOMES = [Film("Home", "", 2008, director, None, "", "", "", 10) for director in ("Ursula Meier", "Patrice Toye")]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "catalog.sqlite"
    catalog.build([THING, HEAT, PARASITE, SPIDER_MAN, *HOMES], path)
    return path


def found(path, title, year, film_id=None):
    with open_catalog(path) as opened:
        return find_film(opened, title, year, film_id)


@pytest.mark.parametrize(
    ("title", "year", "director"),
    [
        ("The Thing", 1982, "John Carpenter"),
        ("THE THING!", 1982, "John Carpenter"),
        ("Gisaengchung", 2019, "Bong Joon-ho"),
        ("기생충", 2019, "Bong Joon-ho"),
        ("Spiderman", 2002, "Sam Raimi"),
        ("Spider Man", 2002, "Sam Raimi"),
    ],
)
def test_film_is_found_by_title_or_original_title_and_year(path, title, year, director):
    assert found(path, title, year).directors == director


@pytest.mark.parametrize(
    ("title", "year", "reason"),
    [
        ("Heat", None, NoMatch.NO_YEAR),
        ("Heat", 1996, NoMatch.NOT_FOUND),
        ("Thing", 1982, NoMatch.NOT_FOUND),
        ("The", 1982, NoMatch.NOT_FOUND),
        ("Parasite Gisaengchung", 2019, NoMatch.NOT_FOUND),
        ("$", 1995, NoMatch.NOT_FOUND),
        ("Home", 2008, NoMatch.SEVERAL),
    ],
)
def test_another_film_is_never_taken(path, title, year, reason):
    assert found(path, title, year) is reason


def test_chosen_suggestion_decides_between_films_of_the_same_title_and_year(path):
    assert {found(path, "Home", 2008, film_id).directors for film_id in (5, 6)} == {"Ursula Meier", "Patrice Toye"}
    assert found(path, "Home", 2008, 2) is NoMatch.SEVERAL
    assert found(path, "Heat", 1995, 5).directors == "Michael Mann"


@pytest.fixture
def fill(run, path, alice):
    """Return a function that runs ``flicklist catalog fill`` for Alice."""
    return lambda email=alice.email: run("catalog fill", email, catalog_path=str(path))


@pytest.fixture
def listed(alice, db):
    """Alice, whose movies were added before there were film facts."""
    for title, year in [("Heat", "1995"), ("The Thing", "1982"), ("Ran", ""), ("Nope", "1950"), ("Home", "2008")]:
        alice.add(title, year)
    for movie in db.scalars(select(Movie)):
        movie.set_details(movie.details._replace(facts=FilmFacts()))
    db.commit()
    return alice


def facts_of(db, title):
    db.expire_all()
    return db.scalars(select(Movie).where(Movie.title == title)).one().facts


HEAT_FACTS = FilmFacts("", "Michael Mann", 170, "Crime, Drama", "United States", "tt0113277")


def test_fill_adds_facts_and_reports_every_movie(listed, fill, db):
    result = fill()
    assert result.output.splitlines() == [
        "Heat (1995): directors, runtime, genres, countries, IMDb ID",
        "The Thing (1982): directors, runtime, genres, countries, IMDb ID",
        "Ran has no year",
        "Nope (1950) is not in the catalog",
        "Home (2008) could be several films",
        "Movies filled in: 2. Nothing to add: 0. Not matched: 3.",
    ]
    assert facts_of(db, "Heat") == HEAT_FACTS
    assert facts_of(db, "Home") == FilmFacts()
    assert fill().output.splitlines()[-1] == "Movies filled in: 0. Nothing to add: 2. Not matched: 3."


def test_fill_replaces_nothing(listed, fill, db):
    form = listed.get(listed.movie_path("Heat") + "/edit").forms["edit"]
    form["runtime"], form["genres"] = "171", "Heist"
    form.submit(status=303)
    assert "Heat (1995): directors, countries, IMDb ID" in fill().output
    assert facts_of(db, "Heat") == HEAT_FACTS._replace(runtime=171, genres="Heist")


def test_fill_leaves_removed_movies_and_other_people_alone(listed, bob, fill, db):
    listed.send(listed.movie_path("Heat") + "/remove")
    bob.add("The Thing", "1982")
    db.execute(update(Movie).values(runtime=None, directors=""))
    db.commit()
    assert "Movies filled in: 1." in fill().output
    assert facts_of(db, "Heat").runtime is None
    db.expire_all()
    assert set(db.scalars(select(Movie.runtime).where(Movie.title == "The Thing"))) == {None, 109}


def test_movie_that_was_renamed_meanwhile_is_left_alone(listed, path, db):
    owner_id = db.scalars(select(Movie.owner_id)).first()
    looked_up = film_facts.look_up_movies(db, owner_id, path)
    listed.send(listed.movie_path("Heat") + "/edit", title="Cold", year="1995")
    db.rollback()
    assert film_facts.fill_gaps(db, owner_id, looked_up) == 1
    db.commit()
    assert facts_of(db, "Cold") == FilmFacts()


def test_fill_can_be_undone_batch_by_batch(listed, fill, db, monkeypatch):
    monkeypatch.setattr("flicklist.cli.MAX_FILLED_AT_ONCE", 1)
    fill()
    last = db.scalars(select(Movie.change_id).where(Movie.title == "The Thing")).one()
    page = listed.get(f"{listed.list_path}changes/")
    assert "Added details such as the director to “The Thing (1982)”" in " ".join(
        page.html.select_one(".changes li").text.split()
    )
    page = listed.send(f"{listed.list_path}changes/{last}/undo").follow()
    assert messages(page, "success") == ["Undone: added details such as the director to “The Thing (1982)”."]
    assert facts_of(db, "The Thing") == FilmFacts()
    assert facts_of(db, "Heat") == HEAT_FACTS


def test_fill_needs_an_account_and_a_catalog(fill, run, tmp_path, alice):
    assert "No account has the email address x@example.com." in fill("x@example.com").output
    result = run("catalog fill", alice.email, catalog_path=str(tmp_path / "missing.sqlite"))
    assert result.exit_code == 1
    assert "missing.sqlite cannot be read (" in result.output
