"""The command ``flicklist demo`` creates an account for trying the site."""

import re

import pytest
from sqlalchemy import func, select

from flicklist.models import Movie, Viewing
from flicklist.services.catalog import all_films
from flicklist.services.demo import EMAIL, new_password
from flicklist.services.demo_movies import MOVIES
from flicklist.services.passwords import PasswordHasher
from flicklist.settings import Settings
from tests.clients import Client

WATCHED = [movie for movie in MOVIES if movie.viewings]
ON_WATCHLIST = [movie for movie in MOVIES if not movie.viewings]


@pytest.fixture
def demo(run):
    """Run the command, and return the password that it prints."""

    def run_and_read_password(**settings):
        result = run("demo", **settings)
        assert result.exit_code == 0, result.output
        assert f"Email:    {EMAIL}\n" in result.output
        (password,) = re.findall(r"^Password: (\S+)$", result.output, re.MULTILINE)
        return password

    return run_and_read_password


@pytest.fixture
def log_in(app):
    def log_in_with(password):
        visitor = Client(app, EMAIL)
        visitor.list_path = visitor.log_in(password=password).follow().request.path
        return visitor

    return log_in_with


def test_printed_password_opens_a_list_with_movies(demo, log_in):
    visitor = log_in(demo())
    assert set(visitor.watchlist()) == {movie.title for movie in ON_WATCHLIST}
    assert set(visitor.watched()) == {movie.title for movie in WATCHED}
    assert ON_WATCHLIST[-1].why in visitor.get(visitor.list_path).text
    ratings = visitor.get(visitor.list_path + "watched")
    rating = visitor.form_of(ratings, "Rating of Casablanca")["rating"].value
    assert rating == "5"


def test_movie_page_shows_notes_and_viewings(demo, log_in):
    visitor = log_in(demo())
    page = visitor.get(visitor.movie_path("12 Angry Men") + "/").html.main.text
    assert "One room, one afternoon" in page
    assert "2021" in page


def test_second_run_changes_the_password_and_nothing_else(demo, log_in, db):
    first = demo()
    visitor = log_in(first)
    visitor.add("Paddington 2", "2017")
    visitor.rate("Heat", "4.5")
    second = demo()
    assert second != first
    assert not visitor.is_logged_in
    Client(visitor.app, EMAIL).fail_to_log_in(password=first)
    again = log_in(second)
    assert set(again.watchlist()) == {movie.title for movie in ON_WATCHLIST} | {"Paddington 2"}
    ratings = again.get(again.list_path + "watched")
    assert again.form_of(ratings, "Rating of Heat")["rating"].value == "4.5"
    assert db.scalar(select(func.count(Movie.id))) == len(MOVIES) + 1
    assert db.scalar(select(func.count(Viewing.id))) == sum(len(movie.viewings) for movie in MOVIES)


def test_other_accounts_stay_as_they_are(demo, alice):
    alice.add("Heat", "1995")
    demo()
    demo()
    assert alice.is_logged_in
    assert alice.watchlist() == ["Heat"]


def test_empty_database_is_migrated_if_migrate_at_start_is_set(run, empty_database_url):
    refused = run("demo", database_url=empty_database_url, migrate_at_start="false")
    assert "Run “flicklist migrate”" in str(refused.exception)
    created = run("demo", database_url=empty_database_url, public_url="https://movies.example")
    assert created.exit_code == 0
    assert "Address:  https://movies.example/login\n" in created.output


@pytest.mark.parametrize("min_length", [8, 64])
def test_password_meets_the_rules_of_the_site(min_length):
    passwords = PasswordHasher(4, min_length=min_length)
    password = new_password(passwords)
    assert passwords.weakness(password, [EMAIL]) is None


def test_demo_movies_are_real_films_of_every_kind():
    films = {(film.title, film.year) for film in all_films()}
    assert [movie for movie in MOVIES if (movie.title, movie.year) not in films] == []
    assert not {movie.title for movie in MOVIES} & set(Settings.terrible_movies)
    dates = {date and len(date) for movie in MOVIES for date, _ in movie.viewings}
    assert dates == {None, len("2009"), len("2009-07"), len("2009-07-14")}
    assert any(movie.why for movie in ON_WATCHLIST)
    assert any(movie.notes for movie in MOVIES)
