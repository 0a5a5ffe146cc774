"""What a page costs in lists of 10 to 100,000 movies, and among a million: prints a table.

    .venv/bin/python benchmarks/scale.py                            # SQLite
    .venv/bin/python benchmarks/scale.py postgresql+psycopg://…     # a server on which a database can be created

Each number is the median of many requests, in milliseconds of server time: the WSGI application is called directly.
"""

import base64
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, insert, make_url, text, update
from webtest import TestApp

from flicklist import main, titles
from flicklist.finding import Sort
from flicklist.models import Movie, User, Viewing
from flicklist.paging import Keyset
from flicklist.passwords import PasswordHasher
from flicklist.resources import _TO_WATCH, _WATCHED

SHAPES = [(1, 10), (1, 100), (1, 1_000), (1, 5_000), (1, 100_000), (1_000, 1_000)]
REQUESTS = 30
WRITES = 20
CHUNK = 10_000
START = datetime(2020, 1, 1, tzinfo=UTC)
FAR_FUTURE = 10**16  # microseconds
PASSWORD = "correct horse battery"


@contextmanager
def database(server: str | None) -> Iterator[str]:
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/scale.db"
        return
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS flicklist_scale WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE flicklist_scale"))
        yield make_url(server).set(database="flicklist_scale").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE flicklist_scale WITH (FORCE)"))
    engine.dispose()


def fill(url: str, users: int, movies: int) -> None:
    """Give each user so many movies, half of them watched, with many ties and many gaps."""
    chance = random.Random(42)
    films = titles.all_films()
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
                movie.describe("Ann said so" if number % 7 == 0 else "", "")
                movie.added_at = START + timedelta(hours=number // 3)
                movie.last_seen_on = ""
                if number % 2:
                    movie.watched_at = START + timedelta(hours=number // 4)
                    movie.last_seen_on = f"20{number % 20:02}"
                    movie.rating = number % 11 or None
                rows.append({name: getattr(movie, name) for name in columns})
                if len(rows) == CHUNK:
                    connection.execute(insert(Movie), rows)
                    rows = []
        if rows:
            connection.execute(insert(Movie), rows)
        connection.execute(
            insert(Viewing).from_select(
                ["movie_id", "seen_on", "note"],
                text("SELECT id, last_seen_on, '' FROM movies WHERE watched_at IS NOT NULL").columns(
                    Movie.id, Movie.last_seen_on, Movie.title
                ),
            )
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users"))
        connection.execute(text("ANALYZE"))
    engine.dispose()


class Browser(TestApp):
    """The person in the middle of all, signed in, whose requests are timed."""

    def __init__(self, app, url: str, users: int) -> None:
        super().__init__(app)
        user_id = users // 2 + 1
        engine = create_engine(url)
        with engine.begin() as connection:
            password_hash = PasswordHasher(4).hash(PASSWORD)
            connection.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))
        engine.dispose()
        form = self.get("/login").forms["log-in"]
        form["email"], form["password"] = f"person{user_id}@example.com", PASSWORD
        page = form.submit().follow()
        self.list_path = page.request.path
        self.token = page.html.find("input", attrs={"name": "csrf_token"})["value"]

    def time(self, path: str) -> float:
        """Return the milliseconds of a page."""
        self.get(path)
        return statistics.median(self._timed(lambda: self.get(path)) for _ in range(REQUESTS))

    def time_cross_off(self) -> float:
        page = self.get(self.list_path)
        paths = [button["formaction"] for button in page.html.select("button.cross-off")][:WRITES]
        return statistics.median(
            self._timed(lambda path=path: self.post(path, {"csrf_token": self.token})) for path in paths
        )

    @staticmethod
    def _timed(action) -> float:
        started = time.perf_counter()
        action()
        return (time.perf_counter() - started) * 1000


def last_page(keyset: Keyset, *, descending: bool) -> str:
    """Return the marker behind the end of a list, from which one pages back."""
    ends = {datetime: 0 if descending else FAR_FUTURE, int: 0 if descending else 32_767, str: "" if descending else "~"}
    keys = [ends[column.python_type] for column in keyset.types[:-1]] + [0 if descending else 2**62]
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def measure(browser: Browser) -> dict[str, float]:
    path = browser.list_path
    found = {"watchlist": browser.time(path), "ratings": browser.time(path + "ratings")}
    for view, orders in (("", _TO_WATCH), ("ratings", _WATCHED)):
        for sort, keyset in orders.items():
            descending = sort not in {Sort.OLDEST, Sort.TITLE}
            marker = last_page(keyset, descending=descending)
            name = f"last page, {view or 'watchlist'} by {sort}"
            found[name] = browser.time(f"{path}{view}?sort={sort}&before={marker}")
    found["search, one movie"] = browser.time(f"{path}?q=ann+4+2")
    found["search, nothing"] = browser.time(f"{path}?q=xyzzy")
    found["search, many"] = browser.time(f"{path}?q=the")
    found["cross off"] = browser.time_cross_off()
    return found


def run(server: str | None) -> None:
    columns: dict[str, dict[str, float]] = {}
    for users, movies in SHAPES:
        with database(server) as url:
            settings = {
                "flicklist.database_url": url,
                "flicklist.migrate_at_start": "true",
                "flicklist.secret": "a secret that is long enough and used in benchmarks only, 0123456789",
                "flicklist.https": "false",
                "flicklist.bcrypt_cost": "4",
                "flicklist.limit_writes": "",
            }
            app = main({}, **settings)
            fill(url, users, movies)
            columns[f"{users:,}×{movies:,}"] = measure(Browser(app, url, users))
            for engine in app.registry.dbengines:
                engine.dispose()
    print("PostgreSQL" if server else "SQLite", "- milliseconds a request")
    print(f"{'':34}" + "".join(f"{shape:>14}" for shape in columns))
    for name in next(iter(columns.values())):
        print(f"{name:34}" + "".join(f"{column[name]:14.1f}" for column in columns.values()))


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else None)
