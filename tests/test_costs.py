"""What pages and writes cost, whatever the speed of the machine: statements, bytes and function calls.

``recorded_costs.json`` has the numbers. After a change that is meant to cost more, or that saves something, record them
again, and explain the difference in the commit:

    FLICKLIST_RECORD_COSTS=1 .venv/bin/pytest tests/test_costs.py
"""

import gc
import json
import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from flicklist.models import Movie, User
from tests.clients import Client

RECORDED = Path(__file__).parent / "recorded_costs.json"
TOLERANCE = 0.05  # Pythons 3.11 to 3.13 differ by half of it
WARM_UP = 3


class CountingApp:
    """The site, which counts the function calls of the last request."""

    def __init__(self, app):
        self.app = app
        self.calls = 0

    def __call__(self, environ, start_response):
        self.calls = 0
        gc.disable()  # it would call functions now and then
        sys.setprofile(self._count)
        try:
            return list(self.app(environ, start_response))
        finally:
            sys.setprofile(None)
            gc.enable()

    def _count(self, frame, event, argument):
        self.calls += event in {"call", "c_call"}


@pytest.fixture
def counting_app(app):
    return CountingApp(app)


@pytest.fixture
def person(counting_app, db):
    """Somebody with 120 movies on each list."""
    client = Client(counting_app)
    client.register("alice@example.com")
    owner_id = db.scalars(select(User.id)).one()
    movies = [
        Movie(
            title=f"Movie {number}", year=1990 + number % 9, owner_id=owner_id, why="Sam recommended it", tags="own it"
        )
        for number in range(240)
    ]
    for movie in movies[120:]:
        movie.add_viewing("2020-07-14")
        movie.rate(8)
    db.add_all(movies)
    db.commit()
    return client


def get(path):
    return lambda person, token, movie: person.get(person.list_path + path.format(movie))


def post(path, **fields):
    def send(person, token, movie):
        values = {name: value.format(movie) for name, value in fields.items()}
        return person.post(person.list_path + path.format(movie), {"csrf_token": token, **values}, status=303)

    return send


REQUESTS = {
    "watchlist": get(""),
    "watched": get("watched"),
    "movie": get("{}/"),
    "add": post("add", title="New movie {}"),
    "cross off": post("{}/cross-off"),
    "rate": post("{}/rate", rating="4.5"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_cost_is_as_recorded(person, counting_app, db, statements, name):
    movies = db.scalars(
        select(Movie.id).where(Movie.watched_at.is_not(None) == (name == "rate")).limit(WARM_UP + 1)
    ).all()
    token = person.csrf_token()
    for movie in movies:
        person.get(person.list_path)  # without the message of the last request
        statements.clear()
        response = REQUESTS[name](person, token, movie)
    sent = [statement for statement in statements if not statement.startswith("BEGIN")]
    measured = {"statements": len(sent), "bytes": len(response.body), "calls": counting_app.calls}
    if os.environ.get("FLICKLIST_RECORD_COSTS"):
        costs = json.loads(RECORDED.read_text()) | {name: measured}
        RECORDED.write_text(json.dumps(costs, indent=2) + "\n")
    recorded = json.loads(RECORDED.read_text())[name]
    assert measured["statements"] == recorded["statements"], sent
    assert measured["bytes"] == pytest.approx(recorded["bytes"], rel=TOLERANCE)
    if db.get_bind().dialect.name == "sqlite":  # the driver for PostgreSQL calls other functions
        assert measured["calls"] == pytest.approx(recorded["calls"], rel=TOLERANCE)
