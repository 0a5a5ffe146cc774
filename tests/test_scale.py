"""EXPLAIN shows that no page reads rows of other people."""

import re

import pytest
from sqlalchemy import Engine, event, select, text

from flicklist.models import Movie, User
from flicklist.views.watchlist import WATCHED_SORTS, WATCHLIST_SORTS
from tests.clients import PASSWORD, Client
from tests.services.test_search import walk

READS_ALL = {"sqlite": "SCAN", "postgresql": "Seq Scan"}


@pytest.fixture
def explained(app, db, alice, bob):
    """Return a live list of the SELECTs of movies and changes. Alice and Bob have 240 movies each."""
    for email in (alice.email, bob.email):
        owner_id = db.scalars(select(User.id).where(User.email == email)).one()
        movies = [Movie(title=f"Movie {number}", owner_id=owner_id, year=1990 + number % 9) for number in range(240)]
        for movie in movies[120:]:
            movie.add_viewing("2020")
        db.add_all(movies)
    db.commit()
    sent = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT") and ("FROM movies" in statement or "FROM changes" in statement):
            sent.append((statement, parameters))

    for engine in app.registry.engines:
        event.listen(engine, "before_cursor_execute", note)
    yield sent
    for engine in app.registry.engines:
        event.remove(engine, "before_cursor_execute", note)


def ids_of_ten_movies(db, person):
    own = select(Movie.id).join(User).where(User.email == person.email, Movie.title.like("Movie 1_"))
    return [str(movie_id) for movie_id in db.scalars(own)]


def plans(db, sent):
    dialect = db.get_bind().dialect.name
    if dialect == "postgresql":  # otherwise it ignores indexes for so few rows
        for way in ("seqscan", "bitmapscan", "sort"):
            db.execute(text(f"SET LOCAL enable_{way} = off"))
    prefix = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN "
    for statement, parameters in sent:
        rows = db.connection().exec_driver_sql(prefix + statement, parameters).all()
        yield "\n".join(str(row[-1]) for row in rows)


def assert_only_own_rows_are_read(db, sent, *, sorted_by_index=True):
    dialect = db.get_bind().dialect.name
    assert sent
    for plan in plans(db, sent):
        lines = [line for line in plan.splitlines() if "(subquery" not in line and "Subquery" not in line]
        assert not [line for line in lines if READS_ALL[dialect] in line and "anon" not in line], plan
        assert "owner_id" in plan, plan
        if sorted_by_index:
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan


@pytest.mark.parametrize(
    ("view", "sort"), [("", sort) for sort in WATCHLIST_SORTS] + [("watched", s) for s in WATCHED_SORTS]
)
def test_every_page_of_every_sort_uses_an_index(explained, alice, db, view, sort):
    page = alice.get(alice.list_path + view, {"sort": sort})
    _, last = walk(alice, page, "next")
    walk(alice, last, "prev")
    assert_only_own_rows_are_read(db, explained)
    assert not [plan for plan in plans(db, explained) if "change_id" in plan]  # that index is for undo


@pytest.mark.parametrize(
    "query", [{"q": "movie 7"}, {"tag": "own it"}, {"decade": "1990", "sort": "title"}, {"added_from": "2020"}]
)
def test_search_reads_only_own_rows(explained, alice, db, query):
    alice.get(alice.list_path, query)
    alice.get(alice.list_path + "watched", {**query, "watched_from": "2019", "rated": "no"})
    assert_only_own_rows_are_read(db, explained, sorted_by_index=False)


def test_similar_titles_are_found_by_the_indexes_of_titles(explained, alice, db):
    explained.clear()
    alice.add("Mövie 7")
    similar = [sent for sent in explained if "UNION ALL" in sent[0]]
    assert_only_own_rows_are_read(db, similar, sorted_by_index=False)
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        (plan,) = plans(db, similar)
        assert "ix_movies_on_watchlist_by_title" in plan, plan
        assert "ix_movies_watched_by_title" in plan, plan


def test_completing_tags_uses_the_index_of_movies_with_tags(explained, alice, db):
    explained.clear()
    alice.get(alice.list_path + "tags", {"q": "own"})
    assert_only_own_rows_are_read(db, explained, sorted_by_index=False)
    (plan,) = plans(db, explained)
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        assert "ix_movies_with_tags" in plan, plan


def test_list_of_removed_movies_uses_an_index(explained, alice, db):
    alice.get(alice.list_path + "removed")
    assert_only_own_rows_are_read(db, explained)


def test_list_of_removed_movies_leaves_out_expired_ones_by_the_index(explained, alice, db):
    """Until the next clean-up, there can be many."""
    alice.get(f"{alice.list_path}removed")
    begin = {"sqlite": "removed_at>?", "postgresql": "Index Cond"}[db.get_bind().dialect.name]
    lines = [line for plan in plans(db, explained) for line in plan.splitlines() if re.search("removed_at ?>", line)]
    assert lines
    assert all(begin in line for line in lines), lines


def test_page_of_changes_reads_only_own_rows_and_finds_movies_by_index(explained, alice, db):
    for movie_id in ids_of_ten_movies(db, alice):
        alice.send(f"{alice.list_path}{movie_id}/cross-off")
    explained.clear()
    alice.get(f"{alice.list_path}changes/")
    assert len(explained) == 3
    assert_only_own_rows_are_read(db, explained[:2], sorted_by_index=False)
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        changes, undoable, existing = plans(db, explained)
        assert "ix_changes_owner_id_created_at (owner_id=? AND created_at>?)" in changes, changes
        assert "ix_movies_owner_id_change_id (owner_id=? AND change_id=?)" in undoable, undoable
        assert "PRIMARY KEY (rowid=?)" in existing, existing


def test_selected_movies_are_found_by_primary_key(explained, alice, db):
    ids = ids_of_ten_movies(db, alice)
    token = alice.csrf_token()
    explained.clear()
    alice.post(f"{alice.list_path}cross-off", {"csrf_token": token, "movie": ids}, status=303)
    found = next(each for each in explained if "movies.id IN" in each[0])
    (plan,) = plans(db, [found])
    assert READS_ALL[db.get_bind().dialect.name] not in plan, plan
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        assert "PRIMARY KEY (rowid=?)" in plan, plan


def test_export_and_import_find_some_movies_by_primary_key(explained, alice, work_on_imports, db):
    """With an index of owners, they would read the whole list for each hundred movies."""
    form = alice.get("/account/").forms["export"]
    form["current_password"] = PASSWORD
    form.submit(status=200)
    alice.upload("Movie 7 (1997)")
    importing = []

    def note(connection, cursor, statement, parameters, context, executemany):
        importing.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        work_on_imports()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    of_some = r"movies\.id IN|movie_id IN"
    found = [each for each in explained + importing if each[0].startswith("SELECT") and re.search(of_some, each[0])]
    assert {"movies.id IN" in statement for statement, _ in found} == {True, False}
    assert any("movies.imdb_id" in statement and "movies.letterboxd_uri" in statement for statement, _ in importing)
    for plan in plans(db, found):
        assert READS_ALL[db.get_bind().dialect.name] not in plan, plan
        assert "owner_id=?" not in plan, plan


def test_movie_is_found_by_primary_key(explained, alice: Client, db):
    movie_path = alice.movie_path("Movie 100")
    explained.clear()
    alice.send(movie_path + "/cross-off")
    found = next(each for each in explained if "movies.id = " in each[0])
    (plan,) = plans(db, [found])
    assert READS_ALL[db.get_bind().dialect.name] not in plan, plan
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        assert "PRIMARY KEY (rowid=?)" in plan, plan


def test_movie_of_same_title_is_found_by_the_index_of_keys(explained, alice, db):
    explained.clear()
    alice.add("Movie 7 (1997)")
    found = next(each for each in explained if re.search(r"key\"? < ", each[0]))
    assert_only_own_rows_are_read(db, [found], sorted_by_index=False)
    if db.get_bind().dialect.name == "sqlite":  # PostgreSQL takes any index for so few rows
        (plan,) = plans(db, [found])
        assert "(owner_id=? AND key>? AND key<?)" in plan, plan


def test_movies_of_the_rows_of_an_import_are_found_by_primary_key(explained, alice, work_on_imports, db):
    """PostgreSQL without statistics would join them with the whole list, and read it again for each row."""
    page = alice.upload("Movie 1\nRan")
    work_on_imports()
    explained.clear()
    alice.get(page.request.path)
    (plan,) = [plan for plan in plans(db, explained) if "import_rows" in plan]
    by_key = {"sqlite": "SEARCH movies USING INTEGER PRIMARY KEY", "postgresql": "pk_movies"}
    assert by_key[db.get_bind().dialect.name] in plan, plan
    assert "Loop" not in plan, plan
    assert "Join" not in plan, plan
