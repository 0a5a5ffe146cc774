"""Migrations match the models, and can be downgraded."""

import os
import re

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    CheckConstraint,
    Integer,
    LargeBinary,
    String,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    sql,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from flicklist import main, migrations
from flicklist.db import migrating_engine
from flicklist.migrations import DatabaseNotReadyError
from flicklist.models import (
    Base,
    Change,
    Import,
    ImportChunk,
    ImportRow,
    ImportSnapshot,
    LoginSession,
    Mail,
    Movie,
    RecoveryCode,
    TwoFactor,
    User,
    Viewing,
)
from flicklist.models.meta import UtcDateTime, utc_now
from tests.clients import rows_of
from tests.conftest import POSTGRESQL_URL, postgresql_database


@pytest.fixture
def migrated(empty_database_url):
    migrations.upgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_migrations_match_models(migrated):
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_create_named_constraints_of_models(migrated):
    """Alembic does not compare CHECK constraints."""
    for table in Base.metadata.sorted_tables:
        expected = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {c["name"] for c in inspect(migrated).get_check_constraints(table.name)} == expected
        indexes = {index.name for index in table.indexes}
        assert indexes <= {index["name"] for index in inspect(migrated).get_indexes(table.name)}


def test_every_migration_can_be_downgraded(migrated, empty_database_url):
    command.downgrade(migrations.alembic_config(empty_database_url), "base")
    assert inspect(migrated).get_table_names() == ["alembic_version"]


@pytest.fixture
def first_version(empty_database_url):
    """An engine of a database with the first migration only, and with one user."""
    command.upgrade(migrations.alembic_config(empty_database_url), "0001")
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(insert(User).values(id=1, email="a@b.example", email_key="a@b.example", password_hash="x"))
    yield engine
    engine.dispose()


def insert_movie(engine, **values):
    """Insert a movie as the first version stored it."""
    texts = {"why": "", "notes": "", "sort_title": "", "search_text": "", "last_watched_on": ""}
    with engine.begin() as connection:
        connection.execute(insert(Movie.__table__).values({**texts, "owner_id": 1, "added_at": utc_now(), **values}))


def test_text_columns_of_older_movies_are_recomputed(first_version, empty_database_url):
    titles = ["Spider-Man", "À bout de souffle", "Toy Story™", "8½"]
    for title in titles:
        insert_movie(first_version, title=title, year=1995, why="Ann", key=f"{title.casefold()} (1995)")
    migrations.upgrade(empty_database_url)
    with Session(first_version) as session:
        movies = session.scalars(select(Movie)).all()
    assert {movie.title for movie in movies} == set(titles)
    for movie in movies:
        new = Movie(title=movie.title, year=1995, why="Ann")
        assert (movie.key, movie.sort_title, movie.search_text) == (new.key, new.sort_title, new.search_text)


def keys(engine):
    with engine.connect() as connection:
        return dict(connection.execute(select(Movie.id, Movie.key)).all())


def test_older_movies_with_the_same_new_key_are_kept(first_version, empty_database_url):
    insert_movie(first_version, id=1, title="He\u200bat", key="he\u200bat ()")
    insert_movie(first_version, id=2, title="Heat", key="heat ()")
    migrations.upgrade(empty_database_url)
    assert keys(first_version) == {1: "heat () #1", 2: "heat ()"}


def test_new_key_can_be_the_old_key_of_another_movie(first_version, empty_database_url):
    insert_movie(first_version, id=1, title="Heat", key="old ()")
    insert_movie(first_version, id=2, title="Ran", key="heat ()")
    migrations.upgrade(empty_database_url)
    assert keys(first_version) == {1: "heat ()", 2: "ran ()"}


def test_migrating_twice_changes_nothing(migrated, empty_database_url):
    migrations.upgrade(empty_database_url)
    migrations.require_newest(empty_database_url)


def test_outdated_database_stops_start(first_version, empty_database_url, ini):
    settings = ini | {"flicklist.database_url": empty_database_url, "flicklist.migrate_at_start": "false"}
    with pytest.raises(DatabaseNotReadyError, match="Run “flicklist migrate”"):
        main({}, **settings)


def test_newer_database_stops_start(migrated, empty_database_url, ini):
    with migrated.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'future'")
    with pytest.raises(DatabaseNotReadyError, match=r"belongs to a newer version .* \(migration future\)"):
        migrations.require_newest(empty_database_url)


def test_unreachable_database_stops_start_with_one_line():
    for url in ("sqlite:////no/such/folder/flicklist.db", "postgresql+psycopg://nobody@127.0.0.1:1/flicklist"):
        with pytest.raises(DatabaseNotReadyError) as stopped:
            migrations.upgrade(url)
        assert re.match("The database (/no/such/folder/flicklist.db|flicklist on 127.0.0.1) ", str(stopped.value))
        assert "\n" not in str(stopped.value)


@pytest.fixture(params=["UTF-16", "LATIN1", "SQL_ASCII"])
def wrongly_encoded_url(request, tmp_path):
    """The URL of a database that does not store text as UTF-8: SQLite with UTF-16, PostgreSQL with the others."""
    encoding = request.param
    if encoding == "UTF-16":
        url = f"sqlite:///{tmp_path}/{encoding}.db"
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA encoding = '{encoding}'")
            connection.exec_driver_sql("CREATE TABLE made_with_it (id INTEGER)")
        engine.dispose()
        yield url
    elif POSTGRESQL_URL:
        options = f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        with postgresql_database(f"flicklist_encoding_{os.getpid()}", options) as url:
            yield url
    else:
        pytest.skip("needs PostgreSQL")


def test_database_that_does_not_store_utf8_stops_start_with_one_line(wrongly_encoded_url):
    for start in (migrations.upgrade, migrations.require_newest):
        with pytest.raises(DatabaseNotReadyError, match="Create one with the encoding UTF-8") as stopped:
            start(wrongly_encoded_url)
        assert "\n" not in str(stopped.value)


def test_refused_sqlite_file_is_not_changed(tmp_path):
    """It may belong to another application."""
    file = tmp_path / "other.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA encoding = 'UTF-16'")
        connection.exec_driver_sql("CREATE TABLE things (id INTEGER)")
    engine.dispose()
    before = file.read_bytes()
    with pytest.raises(DatabaseNotReadyError):
        migrations.upgrade(f"sqlite:///{file}")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_unknown_revision_stops_start_with_one_line(migrated, empty_database_url):
    with migrated.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'other'")
    with pytest.raises(DatabaseNotReadyError, match=r"belongs to a newer version .* \(migration other\)") as stopped:
        migrations.upgrade(empty_database_url)
    assert "\n" not in str(stopped.value)


def test_dropped_table_stops_start_with_one_line(migrated, empty_database_url):
    with migrated.begin() as connection:
        connection.exec_driver_sql("DROP TABLE invitations")
    for start in (migrations.upgrade, migrations.require_newest):
        with pytest.raises(DatabaseNotReadyError, match=r"lacks tables: invitations\. Restore a backup\.") as stopped:
            start(empty_database_url)
        assert "\n" not in str(stopped.value)


def test_sqlite_never_reuses_ids(migrated):
    if migrated.dialect.name == "sqlite":
        with migrated.connect() as connection:
            tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
        plain = {name for name, sql in tables if "AUTOINCREMENT" not in sql}
        assert plain == {"alembic_version", "sqlite_sequence"}


def test_row_without_its_owner_stops_migration_with_one_line(first_version, empty_database_url, run):
    if not empty_database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL always enforces foreign keys")
    for number in (1, 2):
        insert_movie(first_version, title=f"Movie {number}", key=f"movie {number} ()", owner_id=99)
    failed = run("migrate", database_url=empty_database_url)
    assert failed.exit_code == 1
    assert str(failed.exception) == (
        f"The database {first_version.url.database} has rows that refer to rows which do not exist, such as movies "
        "without an owner: movies (2). “PRAGMA foreign_key_check” lists them. Delete them, or restore a backup, and "
        "migrate again."
    )
    with first_version.connect() as connection:
        assert connection.scalar(select(migrations.ALEMBIC_VERSION)) == "0001"


@pytest.fixture
def connections():
    """The connections that are opened, and those that are closed."""
    opened, closed = [], []

    def note_opened(connection, record):
        opened.append(connection)

    def note_closed(connection, record):
        closed.append(connection)

    event.listen(Pool, "connect", note_opened)
    event.listen(Pool, "close", note_closed)
    yield opened, closed
    event.remove(Pool, "connect", note_opened)
    event.remove(Pool, "close", note_closed)


def test_failed_migration_closes_its_connections(first_version, empty_database_url, connections, monkeypatch):
    def fail(connection, url):
        raise DatabaseNotReadyError("It cannot be migrated.")

    monkeypatch.setattr(migrations, "require_referenced_rows", fail)
    with pytest.raises(DatabaseNotReadyError):
        migrations.upgrade(empty_database_url)
    opened, closed = connections
    assert len(opened) > 1  # of the check, and of the migration
    assert closed == opened


def test_migration_that_recreates_table_keeps_referencing_rows(migrated, empty_database_url):
    """To alter a table on SQLite, Alembic drops and recreates it. The drop must not cascade."""
    with Session(migrated) as session:
        user = User(email="alice@example.com", email_key="alice@example.com", password_hash="x")
        session.add(user)
        session.flush()
        session.add(Movie(title="Heat", owner_id=user.id))
        session.commit()
    engine = migrating_engine(empty_database_url)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("users", recreate="auto") as users:
            users.alter_column("email", type_=String(300))
    engine.dispose()
    with Session(migrated) as session:
        assert session.scalar(select(func.count()).select_from(Movie)) == 1


def test_names_of_migration_files_begin_with_their_ids():
    script = ScriptDirectory.from_config(migrations.alembic_config("sqlite://"))
    assert migrations.revisions() == [each.revision for each in script.walk_revisions()][::-1]


def test_browser_names_are_stored_for_login_sessions_that_exist(first_version, empty_database_url):
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
    types = {
        "user_id": Integer,
        "token_hash": LargeBinary,
        "user_agent": String,
        "created_at": UtcDateTime,
        "last_seen_at": UtcDateTime,
    }
    before = sql.table("login_sessions", *(sql.column(name, type_) for name, type_ in types.items()))
    now = utc_now()
    with first_version.begin() as connection:
        user_id = connection.scalar(select(User.id))
        for number, user_agent in enumerate((agent, agent, "")):
            values = {"user_id": user_id, "token_hash": bytes(31) + bytes([number]), "user_agent": user_agent}
            connection.execute(insert(before).values(**values, created_at=now, last_seen_at=now))
    migrations.upgrade(empty_database_url)
    with first_version.connect() as connection:
        browsers = connection.scalars(select(LoginSession.browser).order_by(LoginSession.id)).all()
    assert browsers == ["Firefox on Linux", "Firefox on Linux", "An unknown browser"]


def test_downgrade_deletes_what_is_left_of_deleted_accounts(migrated, empty_database_url):
    """The earlier version does not know that they are deleted."""
    with Session(migrated) as db:
        for name in ("deleted", "alice"):
            user = User(email=name, email_key=name, password_hash="x")
            user.deleted_at = utc_now() if name == "deleted" else None
            db.add(user)
            db.flush()
            _add_row_to_every_table(db, user.id)
        db.commit()
        kept = user.id
    command.downgrade(migrations.alembic_config(empty_database_url), "0007")
    migrations.upgrade(empty_database_url)
    with Session(migrated) as db:
        for table, rows in rows_of(db, kept).items():
            assert len(rows) == 1, table
            assert db.scalar(select(func.count()).select_from(Base.metadata.tables[table])) == 1, table


def _add_row_to_every_table(db, user_id):
    movie = Movie(title="Heat", owner_id=user_id, viewings=[Viewing()])
    movie_import = Import(owner_id=user_id, file_name="x", size=1)
    db.add_all([movie, movie_import, TwoFactor(user_id=user_id), LoginSession.start(user_id, "")[1]])
    db.flush()
    part = {"import_id": movie_import.id, "number": 1}
    row = {"file": "x", "line": 1, "title": "Heat", "outcome": "added", "reason": ""}
    db.add_all(
        [
            Change(owner_id=user_id, outcome="x", before=[]),
            ImportChunk(**part, content=b"x"),
            ImportRow(**part, **row),
            ImportSnapshot(import_id=movie_import.id, movie_id=movie.id, before={}),
            Mail(kind="password-changed", recipient="x", user_id=user_id),
            RecoveryCode(user_id=user_id, code_hash=b"x"),
        ]
    )
