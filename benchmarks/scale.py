"""Print a table of the time that pages take in lists of 10 to 100,000 movies, and in a database of a million.

    .venv/bin/python benchmarks/scale.py                            # SQLite
    .venv/bin/python benchmarks/scale.py postgresql+psycopg://…     # a server on which a database can be created

Each number is the median of many requests, in milliseconds of server time: the WSGI application is called directly.
The lists take turns, request by request, so that a temporary slowdown of the machine affects all of them.
"""

import base64
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from pyramid.events import BeforeRender, NewResponse
from pyramid.interfaces import IBeforeRender, INewResponse
from sqlalchemy import create_engine, insert, make_url, text, update
from webob import Request
from webtest import TestApp

from flicklist import main, migrations
from flicklist.labels import join_labels
from flicklist.models import Movie, User, Viewing
from flicklist.services.catalog import all_films
from flicklist.services.pagination import Keyset
from flicklist.services.passwords import PasswordHasher
from flicklist.services.search import Sort
from flicklist.services.watchlist import WATCHED_ORDERS, WATCHLIST_ORDERS

SHAPES = [(1, 10), (1, 100), (1, 1_000), (1, 5_000), (1, 100_000), (1_000, 1_000)]
REQUESTS = 30
WRITES = 20
CHUNK = 10_000
START = datetime(2020, 1, 1, tzinfo=UTC)
FAR_FUTURE = 10**16  # microseconds
PASSWORD = "correct horse battery"
SETTINGS = {
    "flicklist.secret": "a secret that is long enough and used in benchmarks only, 0123456789",
    "flicklist.https": "false",
    "flicklist.bcrypt_cost": "4",
    **{f"flicklist.rate_limit_{what}": "" for what in ("changes", "searches", "completions", "downloads", "uploads")},
}


@contextmanager
def database(server: str | None, name: str) -> Iterator[str]:
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/{name}.db"
        return
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def fill(url: str, users: int, movies: int) -> None:
    """Give each user a number of movies, half of them watched. Many sort keys are equal or missing."""
    chance = random.Random(42)
    films = all_films()
    engine = create_engine(url)
    columns = [c.name for c in Movie.__table__.c if c.name not in {"id", "sort_year", "sort_rating", "change_id"}]
    with engine.begin() as connection:
        rows = []
        for user_id in range(1, users + 1):
            email = f"person{user_id}@example.com"
            connection.execute(insert(User).values(id=user_id, email=email, email_key=email, password_hash="x"))
            for number in range(movies):
                film = films[chance.randrange(len(films))]
                movie = Movie(
                    title=f"{film.title} {number}"[:200], year=film.year if number % 5 else None, owner_id=user_id
                )
                movie.why = "Ann said so" if number % 7 == 0 else ""
                has_tag = {"own it": number % 4 < 2, "rare": number % 999 == 0}
                movie.tags = join_labels(tag for tag, is_on in has_tag.items() if is_on)
                movie.genres, movie.runtime, movie.directors = film.genres, film.runtime_min, film.directors
                movie.refresh_search_columns()
                movie.added_at = START + timedelta(hours=number // 3)
                movie.last_watched_on = ""
                if number % 2:
                    movie.watched_at = START + timedelta(hours=number // 4)
                    movie.last_watched_on = f"20{number % 20:02}"
                    movie.rating = number % 11 or None
                rows.append({name: getattr(movie, name) for name in columns})
                if len(rows) == CHUNK:
                    connection.execute(insert(Movie), rows)
                    rows = []
        if rows:
            connection.execute(insert(Movie), rows)
        connection.execute(
            insert(Viewing).from_select(
                ["movie_id", "watched_on", "note"],
                text("SELECT id, last_watched_on, '' FROM movies WHERE watched_at IS NOT NULL").columns(
                    Movie.id, Movie.last_watched_on, Movie.title
                ),
            )
        )
    if engine.dialect.name == "postgresql":  # SQLite has no statistics, as in a site
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users"))
            connection.execute(text("VACUUM ANALYZE"))  # as PostgreSQL does by itself, a minute after a large import
    engine.dispose()


class Client:
    """A client with timed requests, logged in as the user in the middle of the table."""

    def __init__(self, url: str, users: int) -> None:
        self.app = main({}, **SETTINGS, **{"flicklist.database_url": url})
        self.app.registry.registerHandler(self._note_render, (IBeforeRender,))
        self.app.registry.registerHandler(self._note_response, (INewResponse,))
        user_id = users // 2 + 1
        engine = create_engine(url)
        with engine.begin() as connection:
            password_hash = PasswordHasher(4).hash(PASSWORD)
            connection.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))
        engine.dispose()
        browser = TestApp(self.app)
        form = browser.get("/login").forms["log-in"]
        form["email"], form["password"] = f"person{user_id}@example.com", PASSWORD
        page = form.submit().follow()
        self.list_path = page.request.path
        self.token = page.html.find("input", attrs={"name": "csrf_token"})["value"]
        self.movie_path = page.html.select_one("ul.movies a.title")["href"]
        self.cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    def get(self, path: str) -> float:
        """Return the milliseconds that a page takes."""
        return self._timed(Request.blank(path, headers={"Cookie": self.cookie}), 200)

    def render(self, path: str) -> float:
        """Return the milliseconds that the template of a page takes."""
        self.get(path)
        return (self._response_at - self._render_at) * 1000

    def cross_off(self) -> float:
        took = self._post("cross-off")
        self._post("move-to-watchlist")
        return took

    def _post(self, verb: str) -> float:
        fields = {"csrf_token": self.token}
        return self._timed(Request.blank(self.movie_path + verb, headers={"Cookie": self.cookie}, POST=fields), 303)

    def _timed(self, request: Request, status: int) -> float:
        started = time.perf_counter()
        answer, _, body = request.call_application(self.app)
        b"".join(body)
        took = (time.perf_counter() - started) * 1000
        assert answer.startswith(str(status)), answer
        return took

    def _note_render(self, _event: BeforeRender) -> None:
        self._render_at = time.perf_counter()

    def _note_response(self, _event: NewResponse) -> None:
        self._response_at = time.perf_counter()


def last_page(keyset: Keyset, *, descending: bool) -> str:
    """Return a cursor after the last row, whose previous page is the last page of the list."""
    ends = {datetime: 0 if descending else FAR_FUTURE, int: 0 if descending else 32_767, str: "" if descending else "~"}
    keys = [ends[column.python_type] for column in keyset.types[:-1]] + [0 if descending else 2**62]
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def what_is_timed() -> Iterator[tuple[str, Callable[[Client], float], int]]:
    """Yield the name, the function and the number of requests of each measurement."""
    for name, page in [("watchlist", ""), ("watched", "watched")]:
        yield name, lambda person, page=page: person.get(person.list_path + page), REQUESTS
        yield "  of it, the template", lambda person, page=page: person.render(person.list_path + page), REQUESTS
    for page, orders in (("", WATCHLIST_ORDERS), ("watched", WATCHED_ORDERS)):
        for sort, keyset in orders.items():
            descending = sort not in {Sort.EARLIEST_ADDED, Sort.TITLE}
            query = f"{page}?sort={sort}&before={last_page(keyset, descending=descending)}"
            name = f"last page, {page or 'watchlist'} by {sort}"
            yield name, lambda person, query=query: person.get(person.list_path + query), REQUESTS
    for name, words in [("search, one movie", "ann+4+2"), ("search, nothing", "xyzzy"), ("search, many", "the")]:
        yield name, lambda person, words=words: person.get(f"{person.list_path}?q={words}"), REQUESTS
    for name, filters in [
        ("filter, common tag", "tag=own+it"),
        ("filter, rare tag", "tag=rare"),
        ("filter, common genre", "genre=Drama"),
        ("filter, rare genre", "genre=Zombie"),
        ("filter, runtime", "max_runtime=90"),
    ]:
        yield name, lambda person, filters=filters: person.get(f"{person.list_path}?{filters}"), REQUESTS
    yield "cross off", Client.cross_off, WRITES


def run(server: str | None) -> None:
    with ExitStack() as stack:
        people: dict[str, Client] = {}
        for users, movies in SHAPES:
            url = stack.enter_context(database(server, f"flicklist_scale_{users}_{movies}"))
            migrations.upgrade(url)
            fill(url, users, movies)
            people[f"{users:,}×{movies:,}"] = Client(url, users)
        print("PostgreSQL" if server else "SQLite", "- milliseconds a request")
        print(f"{'':34}" + "".join(f"{shape:>14}" for shape in people))
        for name, action, times in what_is_timed():
            rounds = [[action(person) for person in people.values()] for _ in range(times + 1)]
            medians = [statistics.median(column[1:]) for column in zip(*rounds, strict=True)]
            print(f"{name:34}" + "".join(f"{median:14.1f}" for median in medians), flush=True)
        for person in people.values():
            for engine in person.app.registry.engines:
                engine.dispose()


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else None)
