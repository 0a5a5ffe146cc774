"""Searching, sorting and exporting give the same result on SQLite and PostgreSQL, whatever the titles and locale."""

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete
from sqlalchemy.orm import Session

from flicklist import migrations
from flicklist.db import reading_engine, snapshot
from flicklist.models import Movie, User, Viewing
from flicklist.models.movie import movie_key
from flicklist.services.export.archive import write_archive
from flicklist.services.pagination import PageRequest
from flicklist.services.search import SearchFilters, Sort
from flicklist.services.watchlist import similar_titles, watchlist_page
from tests.conftest import POSTGRESQL_URL, postgresql_database

OWNER_ID = 1
ADDED_AT = datetime(2026, 11, 26, 18, 30, 0, 123456, UTC)
LOCALES = {"c": "LOCALE 'C'", "utf8": "LOCALE 'C.UTF-8'", "sv": "LOCALE_PROVIDER icu ICU_LOCALE 'sv' LOCALE 'C'"}
PIECES = ["the ", "a", "A", "é", "É", "ß", "ﬁ", "™", "½", "8", "11", "٨", "'", "’", "-", ".", " ", "%", "_", "\\", "İ"]
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"])
TITLES = st.lists(st.sampled_from(PIECES) | CHARACTERS, min_size=1, max_size=12).map("".join)
YEARS = st.none() | st.sampled_from([1995, 1996, 2001])
MOVIES = st.lists(st.tuples(TITLES, YEARS), max_size=8, unique_by=lambda movie: movie_key(movie[0], movie[1]))


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Engines of an empty SQLite database, and of PostgreSQL databases that sort by different rules."""
    if not POSTGRESQL_URL:
        pytest.skip("needs PostgreSQL")
    with ExitStack() as stack:
        urls = [f"sqlite:///{tmp_path_factory.mktemp('same')}/flicklist.db"]
        for name, locale in LOCALES.items():
            database = postgresql_database(
                f"flicklist_{name}_{os.getpid()}", f"TEMPLATE template0 ENCODING 'UTF8' {locale}"
            )
            urls.append(stack.enter_context(database))
        made = [create_engine(url) for url in urls]
        for url, engine in zip(urls, made, strict=True):
            migrations.upgrade(url)
            with Session(engine) as session:
                session.add(User(id=OWNER_ID, email="a@b.example", email_key="a@b.example", password_hash="x"))
                session.commit()
        yield made
        for engine in made:
            engine.dispose()


def fill(session, movies):
    session.execute(delete(Movie))
    for number, (title, year) in enumerate(movies, 1):
        session.add(Movie(id=number, title=title, year=year, owner_id=OWNER_ID))
    session.flush()


def found(session, query, sort=Sort.TITLE):
    """Return the ids on the first page of a search."""
    filters, zone = SearchFilters(query), ZoneInfo("UTC")
    page, _ = watchlist_page(session.connection(), OWNER_ID, sort, PageRequest(), filters=filters, time_zone=zone)
    return [row[0] for row in page.rows]


def results(engine, movies, query):
    with Session(engine) as session:
        fill(session, movies)
        similar = [similar_titles(session, movie) for movie in session.query(Movie).order_by(Movie.id)]
        return {
            "search": found(session, query),
            "search by year": found(session, query, Sort.YEAR),
            "all": found(session, ""),
            "similar": [[tuple(row) for row in rows] for rows in similar],
        }


@settings(max_examples=100)
@given(movies=MOVIES, query=TITLES)
@example(movies=[("Toy Story™", None), ("Zorro", 1998)], query="tm")
@example(movies=[("Ж", None), ("ж!", 1995), ("Ångström", 2001)], query="Ж 1995")
def test_same_results_on_every_database(engines, movies, query):
    first, *others = [results(engine, movies, query) for engine in engines]
    assert others == [first] * len(others)


@settings(max_examples=50)
@given(title=TITLES, year=YEARS)
def test_movie_is_found_by_its_own_title_on_every_database(engines, title, year):
    for engine in engines:
        with Session(engine) as session:
            fill(session, [(title, year)])
            assert found(session, title) == [1]


def exported(engine, movies):
    """Return the bytes of an export of these movies, each of them watched twice."""
    with Session(engine) as session:
        fill(session, movies)
        for movie in session.query(Movie):
            movie.added_at = ADDED_AT
            movie.viewings = [Viewing(watched_on=day, note=movie.title) for day in (None, "2009-07")]
        session.commit()
    file, reader = BytesIO(), reading_engine(engine.url.render_as_string(hide_password=False))
    with Session(reader) as session, snapshot(session):
        write_archive(session, OWNER_ID, "a@b.example", file)
    reader.dispose()
    return file.getvalue()


@settings(max_examples=25)
@given(movies=MOVIES)
def test_same_export_from_every_database(engines, movies):
    first, *others = [exported(engine, movies) for engine in engines]
    assert others == [first] * len(others)
