"""Create the tables of one application, and a million movies in them: prepare.py NAME, with DATABASE_URL.

A thousand people have the same thousand movies, none of them watched. The movies of a person have consecutive ids.
"""

import importlib
import os
import random
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, MetaData, create_engine, insert, text

from flicklist import migrations
from flicklist.models import Movie, User
from flicklist.services.catalog import all_films
from flicklist.services.passwords import PasswordHasher

PEOPLE = 1_000
MOVIES = 1_000
FIRST_ADDED = datetime(2020, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery"
COPY_MOVIES = """
INSERT INTO movies (owner_id, {columns})
SELECT users.id, {of_movie} FROM users CROSS JOIN movies WHERE users.id > 1 ORDER BY users.id, movies.id
"""


def email_of(person: int) -> str:
    return f"person{person}@example.com"


def first_movie_of(person: int) -> int:
    return (person - 1) * MOVIES + 1


def fill_flicklist(connection: Connection) -> None:
    password_hash = PasswordHasher(12).hash(PASSWORD)
    emails = [email_of(person) for person in range(1, PEOPLE + 1)]
    connection.execute(
        insert(User),
        [
            {
                "id": person,
                "email": email,
                "email_key": email,
                "password_hash": password_hash,
                "created_at": FIRST_ADDED,
            }
            for person, email in enumerate(emails, 1)
        ],
    )
    skipped = {"id", "sort_year", "sort_rating", "change_id"}
    columns = [column.name for column in Movie.__table__.columns if column.name not in skipped]
    rows = []
    for title, year, added_at in films():
        movie = Movie(title=title, year=year, added_at=added_at, owner_id=1, last_watched_on="")
        movie.refresh_search_columns()
        rows.append({name: getattr(movie, name) for name in columns})
    connection.execute(insert(Movie), rows)
    copy_movies(connection, [name for name in columns if name != "owner_id"])


def fill_other(connection: Connection, password_hash: str) -> None:
    tables = MetaData()
    tables.reflect(connection, only=["users", "movies"])
    people = [{"id": person, "email": email_of(person), "password": password_hash} for person in range(1, PEOPLE + 1)]
    connection.execute(insert(tables.tables["users"]), people)
    rows = [{"owner_id": 1, "title": title, "year": year, "added_at": added_at} for title, year, added_at in films()]
    connection.execute(insert(tables.tables["movies"]), rows)
    copy_movies(connection, ["title", "year", "added_at"])


def films() -> list[tuple[str, int, datetime]]:
    """Return titles, years and times of addition. Titles are numbered, because a list cannot have a movie twice."""
    chosen = random.Random(42).choices(all_films(), k=MOVIES)
    return [
        (f"{film.title} {number}", film.year, FIRST_ADDED + timedelta(hours=number))
        for number, film in enumerate(chosen)
    ]


def copy_movies(connection: Connection, columns: list[str]) -> None:
    """Give the movies of the first person to everybody else."""
    of_movie = ", ".join(f"movies.{name}" for name in columns)
    connection.execute(text(COPY_MOVIES.format(columns=", ".join(columns), of_movie=of_movie)))


def prepare(name: str, url: str) -> None:
    if name == "flicklist_site":
        migrations.upgrade(url)
    else:
        application = importlib.import_module(f"apps.{name}")
        application.create_tables()
    engine = create_engine(url)
    with engine.begin() as connection:
        if name == "flicklist_site":
            fill_flicklist(connection)
        else:
            fill_other(connection, application.hash_password(PASSWORD))
        if engine.dialect.name == "postgresql":
            for table in ("users", "movies"):
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
                )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA journal_mode = WAL"))
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()


if __name__ == "__main__":
    prepare(sys.argv[1], os.environ["DATABASE_URL"])
