"""A page costs at most four statements for any number of movies."""

import pytest
from sqlalchemy import select

from flicklist.models import Movie
from flicklist.services.pagination import PAGE_SIZE
from tests.clients import titles
from tests.views.test_watchlist import fill


@pytest.mark.parametrize("movies", [0, 1, 50, 120])
@pytest.mark.parametrize("view", ["", "watched"])
def test_list_costs_two_statements(alice, db, statements, movies, view):
    if movies:
        fill(alice, db, movies)
    statements.clear()
    alice.get(alice.list_path + view)
    assert len(statements) == 2, statements


def test_previous_page_costs_as_much_as_next_page(alice, db, statements):
    fill(alice, db, 120)
    page = alice.get(alice.list_path)
    page = alice.get(page.html.select_one("[rel=next]")["href"])
    statements.clear()
    page = alice.get(page.html.select_one("[rel=prev]")["href"])
    assert len(statements) == 2, statements
    assert not page.html.select_one("[rel=prev]")


def test_emptied_page_costs_three_statements(alice, db, statements):
    fill(alice, db, 120)
    second = alice.get(alice.get(alice.list_path).html.select_one("[rel=next]")["href"])
    third = second.html.select_one("[rel=next]")["href"]
    left = db.scalars(select(Movie).where(Movie.title.in_(titles(alice.get(third))))).all()
    for movie in left:
        db.delete(movie)
    db.commit()
    statements.clear()
    page = alice.get(third)
    assert len(statements) == 3, statements
    assert titles(page) == titles(second)


@pytest.mark.parametrize("changes", [0, 1, 60])
def test_page_of_changes_costs_four_statements_and_a_later_one_five(alice, statements, changes):
    alice.add("Heat")
    movie_path, token = alice.movie_path("Heat"), alice.csrf_token()
    verbs = ["cross-off", "move-to-watchlist"] * 30
    for verb in verbs[:changes]:
        alice.post(f"{movie_path}/{verb}", {"csrf_token": token}, status=303)
    statements.clear()
    page = alice.get(f"{alice.list_path}changes/")
    assert len(statements) == (4 if changes else 2), statements
    if changes > PAGE_SIZE:
        statements.clear()
        page = alice.get(page.html.select_one("[rel=next]")["href"])
        assert len(statements) == 5, statements
        assert len(titles(page)) == changes - PAGE_SIZE


@pytest.mark.parametrize("has_two_factor", [False, True])
def test_account_page_costs_three_statements(alice, statements, has_two_factor):
    if has_two_factor:
        alice.turn_on_two_factor()
    statements.clear()
    alice.get("/account/")
    assert len(statements) == 3, statements


@pytest.mark.parametrize(("view", "number"), [("", 3), ("edit", 2)])
def test_statements_of_movie_page(alice, statements, view, number):
    alice.add("Heat")
    alice.cross_off("Heat")
    movie_path = alice.movie_path("Heat")
    statements.clear()
    alice.get(f"{movie_path}/{view}")
    assert len(statements) == number, statements


def test_stranger_costs_two_statements_and_anonymous_visitor_one(alice, bob, visitor, statements):
    statements.clear()
    bob.get(alice.list_path, status=404)
    assert len(statements) == 2, statements
    statements.clear()
    visitor.get(alice.list_path, status=303)
    assert len(statements) == 1, statements


@pytest.mark.parametrize("others", [0, 60])
def test_crossing_off_costs_the_same_on_any_list(alice, db, statements, others):
    if others:
        fill(alice, db, others)
    alice.add("Heat")
    movie_path, token = alice.movie_path("Heat"), alice.csrf_token()
    statements.clear()
    alice.post(movie_path + "/cross-off", {"csrf_token": token}, status=303)
    verbs = [statement.split()[0] for statement in statements if "BEGIN" not in statement]
    assert verbs == ["SELECT", "SELECT", "INSERT", "INSERT", "UPDATE"]


def test_search_without_result_costs_one_statement_more_to_look_at_the_other_list(alice, db, statements):
    fill(alice, db, 120)
    statements.clear()
    alice.get(alice.list_path, {"q": "xyzzy"})
    assert len(statements) == 3, statements


@pytest.mark.parametrize("others", [0, 60])
def test_adding_costs_the_same_on_any_list(alice, db, statements, others):
    if others:
        fill(alice, db, others)
    token = alice.csrf_token()
    statements.clear()
    alice.post(alice.list_path + "add", {"csrf_token": token, "title": "Heat"}, status=303)
    verbs = [statement.split()[0] for statement in statements if "BEGIN" not in statement]
    assert verbs == ["SELECT", "SELECT", "INSERT", "SELECT"]
