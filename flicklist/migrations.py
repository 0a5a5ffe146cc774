"""Run the migrations, or check that they have been run."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pyramid.config import Configurator
from sqlalchemy import Connection, column, create_engine, func, inspect, make_url, select, table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flicklist.db import connect_args, disposing
from flicklist.models import Base, Movie
from flicklist.text import one_line

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(__file__).with_name("alembic") / "versions"
ALEMBIC_VERSION = table("alembic_version", column("version_num"))
PRIVILEGES = ("DELETE", "INSERT", "SELECT", "UPDATE")
# Result codes of SQLite: the file may not be written; the file cannot be opened, or its journal cannot be created.
SQLITE_READ_ONLY, SQLITE_CANNOT_OPEN = 8, 14
SQLITE_PROBLEMS = {
    SQLITE_READ_ONLY: "is read-only. Let the user of the site write to the file and to its folder.",
    SQLITE_CANNOT_OPEN: (
        "cannot be opened. Check the path, and let the user of the site write to the file and to its folder."
    ),
}
MAY_TAKE_IDS = "USAGE, UPDATE"  # either of them
OWNER_ONLY = 0o600  # the mode of a new SQLite file


class DatabaseNotReadyError(SystemExit):
    """The database does not answer, cannot be migrated, or has other migrations than this version.

    The message is one line. A `SystemExit`, so that ``pserve`` prints it and no traceback.
    """


def alembic_config(url: str) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see `upgrade`

    config = Config()
    config.set_main_option("script_location", "flicklist:alembic")
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Run every migration that the database has not seen. Raises `DatabaseNotReadyError`.

    If several processes do this at once, each waits for the one before, and then finds nothing to do.
    """
    file = _sqlite_file(url)
    if file is not None:
        _create(file)
    if _last_run(url) == revisions()[-1]:
        return
    # Most starts run no migrations, so they don't need the time and memory that Alembic takes.
    from alembic import command  # noqa: PLC0415

    try:
        command.upgrade(alembic_config(url), "head")
    except DBAPIError as error:
        raise DatabaseNotReadyError(f"{_name(url)} cannot be migrated: {one_line(error.orig)}") from None


def require_newest(url: str, *, only_reads: bool = False) -> None:
    """Raise `DatabaseNotReadyError` unless the database has run every migration that exists here, and no other.

    It must also be possible to write to it, unless the caller only reads.
    """
    file = _sqlite_file(url)
    if file is not None and not os.path.exists(file):  # noqa: PTH110 - a name can be too long for Path.exists
        raise DatabaseNotReadyError(
            f"{_name(url)} does not exist. Run “flicklist migrate” with the settings of the site, or correct the path."
        )
    if _last_run(url, only_reads=only_reads) != revisions()[-1]:
        raise DatabaseNotReadyError(
            f"{_name(url)} lacks migrations of this version. Run “flicklist migrate” with the settings of the site."
        )


def rows_without_reference(connection: Connection) -> Counter[str]:
    """Return how many rows of each table refer to a row that does not exist. Migrations do not enforce foreign keys."""
    if connection.dialect.name != "sqlite":
        return Counter()
    return Counter(table for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check"))


def require_referenced_rows(connection: Connection, url: str) -> None:
    """Raise `DatabaseNotReadyError` if rows refer to a row that does not exist. No migration could repair them."""
    if found := rows_without_reference(connection):
        numbers = ", ".join(f"{one_line(name)} ({number})" for name, number in sorted(found.items()))
        raise DatabaseNotReadyError(
            f"{_name(url)} has rows that refer to rows which do not exist, such as movies without an owner: {numbers}. "
            "“PRAGMA foreign_key_check” lists them. Delete them, or restore a backup, and migrate again."
        )


def _create(file: Path) -> None:
    """Create an SQLite file that only its owner can read. SQLite gives its other files the same mode."""
    with suppress(OSError, ValueError):  # it exists, or SQLite will say why it cannot be created
        file.touch(mode=OWNER_ONLY, exist_ok=False)


def revisions() -> list[str]:
    """Return the ids of all migrations, in order. The name of each file begins with its id."""
    return sorted(file.stem.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def _last_run(url: str, *, only_reads: bool = False) -> str | None:
    """Return the last migration that the database has run. Raises `DatabaseNotReadyError` if it is unknown here."""
    revision = _stored_revision(url, only_reads=only_reads)
    if revision is not None and revision not in revisions():
        raise DatabaseNotReadyError(
            f"{_name(url)} belongs to a newer version of FlickList, or to another application "
            f"(migration {one_line(revision)}). Update FlickList, or use another database."
        )
    return revision


def _stored_revision(url: str, *, only_reads: bool) -> str | None:
    """Return the migration that Alembic has noted. It notes one; other applications may note several."""
    # A plain engine: the pragmas of the site would change an SQLite file that may not be ours.
    try:
        engine = create_engine(url, connect_args=connect_args(url))
        with disposing(engine), engine.connect() as connection:
            _require_utf8(connection, _name(url))
            found = inspect(connection)
            tables = [
                *found.get_table_names(),
                *(each for each in found.get_view_names() if each == ALEMBIC_VERSION.name),
            ]
            _require_own_tables(tables, _name(url))
            _require_privileges(connection, tables, _name(url))
            if not only_reads and not _is_on_read_only_disk(url):
                _require_writable(connection, _name(url))
            stored = connection.scalars(select(ALEMBIC_VERSION)).all() if ALEMBIC_VERSION.name in tables else []
            revision = ", ".join(map(str, stored)) or None
            if revision == revisions()[-1]:
                _require_all_tables(tables, _name(url))
            return revision
    except DBAPIError as error:
        if _result_code(error) in SQLITE_PROBLEMS:
            raise DatabaseNotReadyError(f"{_name(url)} {SQLITE_PROBLEMS[_result_code(error)]}") from None
        raise DatabaseNotReadyError(f"{_name(url)} does not answer: {one_line(error.orig)}") from None
    except (TypeError, ValueError, LookupError, SQLAlchemyError) as error:
        raise DatabaseNotReadyError(
            f"{_name(url)} cannot be opened with the options of its URL: {one_line(error)}"
        ) from None


def _require_utf8(connection: Connection, name: str) -> None:
    """Raise `DatabaseNotReadyError` if the database cannot store every title, or would sort titles in another order."""
    is_sqlite = connection.dialect.name == "sqlite"
    encoding = connection.exec_driver_sql("PRAGMA encoding" if is_sqlite else "SHOW server_encoding").scalar()
    if encoding not in {"UTF-8", "UTF8"}:
        raise DatabaseNotReadyError(f"{name} has the encoding {encoding}. Create one with the encoding UTF-8.")


def _require_own_tables(tables: list[str], name: str) -> None:
    """Raise `DatabaseNotReadyError` if the database has tables, but not the one in which Alembic notes migrations."""
    if tables and ALEMBIC_VERSION.name not in tables:
        other = one_line(min(tables))
        raise DatabaseNotReadyError(
            f"{name} has tables of another application, such as {other}. Give FlickList a database of its own."
        )


def _require_all_tables(tables: list[str], name: str) -> None:
    """Raise `DatabaseNotReadyError` if somebody has dropped a table. No migration would create it again."""
    if missing := sorted(Base.metadata.tables.keys() - set(tables)):
        raise DatabaseNotReadyError(f"{name} lacks tables: {', '.join(missing)}. Restore a backup.")


def _require_privileges(connection: Connection, tables: list[str], name: str) -> None:
    """Raise `DatabaseNotReadyError` if the role of PostgreSQL may not read or change a table of the site.

    It needs no privilege on sequences to add rows, but `reserve_movie_ids` asks the one of movies for ids.
    """
    if connection.dialect.name != "postgresql":
        return
    own = sorted(each for each in tables if each in Base.metadata.tables)
    wanted = [(privilege, each) for each in own for privilege in PRIVILEGES]
    granted = connection.execute(
        select(*(func.has_table_privilege(each, privilege) for privilege, each in wanted))
    ).one()
    for (privilege, each), is_granted in zip(wanted, granted, strict=True):
        if not is_granted:
            raise DatabaseNotReadyError(
                f"{name} does not allow its role {privilege} on {each}. "
                "Grant SELECT, INSERT, UPDATE and DELETE on all tables."
            )
    if Movie.__tablename__ in tables:
        sequence = func.pg_get_serial_sequence(Movie.__tablename__, Movie.id.key)
        if not connection.scalar(select(func.has_sequence_privilege(sequence, MAY_TAKE_IDS))):
            raise DatabaseNotReadyError(
                f"{name} does not allow its role USAGE on the sequence of {Movie.__tablename__}. "
                "Grant USAGE on all sequences."
            )


def _is_on_read_only_disk(url: str) -> bool:
    """Return whether an SQLite file is on a disk that the system has made read-only, as it does after a fault.

    Pages work then, and changes work again as soon as the disk can be written.
    """
    file = _sqlite_file(url)
    return file is not None and bool(os.statvfs(file.parent).f_flag & os.ST_RDONLY)


def _require_writable(connection: Connection, name: str) -> None:
    """Raise `DatabaseNotReadyError` if the database can only be read."""
    if connection.dialect.name == "postgresql":
        if connection.scalar(select(func.current_setting("transaction_read_only"))) == "on":
            raise DatabaseNotReadyError(
                f"{name} is read-only. Turn off default_transaction_read_only, or use the primary server."
            )
        return
    try:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")  # somebody who holds the lock can write
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("PRAGMA user_version = 0")  # creates the journal, and is rolled back
    except DBAPIError as error:
        if _result_code(error) in SQLITE_PROBLEMS:
            raise DatabaseNotReadyError(f"{name} {SQLITE_PROBLEMS[SQLITE_READ_ONLY]}") from None  # it was opened
    finally:
        connection.rollback()


def _result_code(error: DBAPIError) -> int:
    """Return the primary result code of SQLite, or 0."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF


def _sqlite_file(url: str) -> Path | None:
    """Return the absolute path of an SQLite file. A relative one depends on the folder of the process."""
    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and not (parts.database or "").startswith("file:")
    return Path(parts.database or "").absolute() if is_file else None


def _name(url: str) -> str:
    """Return the database as the subject of an error message, without the password."""
    parts = make_url(url)
    name = _sqlite_file(url) or parts.database or os.environ.get("PGDATABASE")
    words = ["The database", str(name) if name else "", f"on {parts.host}" if parts.host else ""]
    return one_line(" ".join(filter(None, words)))


def includeme(config: Configurator) -> None:
    """Run the migrations, or check that they have been run."""
    settings = config.registry.flicklist
    prepare = upgrade if settings.migrate_at_start else require_newest
    prepare(settings.database_url)
