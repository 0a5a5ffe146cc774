"""The work that matching takes for lists that no person has."""

from collections import Counter
from datetime import date

import pytest

from flicklist.film_facts import FilmFacts
from flicklist.models.movie_import import Outcome
from flicklist.services.imports import matching
from flicklist.services.imports.matching import MAX_MOVIES_OF_ONE_TITLE, Options, match
from flicklist.services.imports.rows import Row, Status

NUMBER = 5_000


def rows(number, **values):
    return [
        Row("list.csv", line, "Heat", 1995, status=Status.WATCHLIST, **values_of(line, values))
        for line in range(1, number + 1)
    ]


def values_of(line, values):
    return {name: value(line) if callable(value) else value for name, value in values.items()}


def imdb_id(line):
    return FilmFacts(imdb_id=f"tt{line:07}")


def matched(some, existing=()):
    options = Options(max_movies=100_000, latest=date(2026, 1, 1), room=100_000)
    return match(dict(enumerate(some)), existing, set(), options, lambda: None)


@pytest.fixture
def comparisons(monkeypatch):
    """Return a counter of how often a row was compared with a movie of its title."""
    counter, is_other = Counter(), vars(matching)["_is_other"]

    def counted(*arguments):
        counter["all"] += 1
        return is_other(*arguments)

    monkeypatch.setattr(matching, "_is_other", counted)
    return counter


@pytest.mark.parametrize("values", [{"facts": imdb_id}, {"is_complete": True}, {"facts": imdb_id, "is_complete": True}])
def test_equal_titles_are_compared_with_a_limited_number_of_movies(monkeypatch, comparisons, values):
    monkeypatch.setattr(matching, "MAX_MOVIES_OF_ONE_TITLE", 10)
    found = matched(rows(NUMBER, **values))
    assert comparisons["all"] <= 10 * NUMBER
    assert len(found.targets) == 10
    assert {verdict.reason for verdict in found.verdicts.values()} == {"You already have 10 movies with this title."}
    assert {verdict.outcome for verdict in found.verdicts.values()} == {Outcome.REFUSED}


def test_real_number_of_movies_with_one_title_is_imported():
    found = matched(rows(MAX_MOVIES_OF_ONE_TITLE, facts=imdb_id))
    assert (len(found.targets), found.verdicts) == (MAX_MOVIES_OF_ONE_TITLE, {})


def test_movie_beyond_the_limit_is_found_by_its_id(monkeypatch):
    found = matched(rows(30, facts=imdb_id))
    monkeypatch.setattr(matching, "MAX_MOVIES_OF_ONE_TITLE", 10)
    for number, target in enumerate(found.targets):
        target.movie_id, target.rows = number, []
    again = matched(rows(30, facts=imdb_id), found.targets)
    assert [target.rows for target in again.targets] == [[position] for position in range(30)]
