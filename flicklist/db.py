"""Engines, and the sessions and the transaction of a request.

A request that reads (GET, HEAD) has a session on an AUTOCOMMIT connection and no transaction. A request that writes
has a session that joins its transaction: `pyramid_tm` commits when the view returns, and aborts when anything is
raised or the answer is a 4xx or a 5xx.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid_retry import mark_error_retryable
from pyramid_tm import default_commit_veto
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, func, make_url, select
from sqlalchemy.orm import Session, sessionmaker

from flicklist.models.meta import to_json
from flicklist.outages import Outages
from flicklist.read_time import limit_read_time

READING_METHODS = frozenset({"GET", "HEAD"})
LOCK_SECONDS = 10  # that a writer waits for another one on SQLite
JOURNAL_BYTES = 64_000_000  # that the write-ahead log of SQLite keeps on the disk when it begins anew
# Connections that an engine keeps, and that it opens beyond these while they are in use.
POOL_SIZE, MAX_OVERFLOW = 5, 10
# Of the threads for mail and for the clean-up, and two of the process for an import, which reads while it writes.
CONNECTIONS_OF_THREADS = 4
CONNECT_TIMEOUT_SECONDS = 10  # for PostgreSQL to accept a connection
RETRY_SECONDS = 0.02  # between attempts to use the write-ahead log
SQLITE_PRAGMAS = (
    "synchronous = FULL",  # a committed change is on the disk
    "foreign_keys = ON",
    f"busy_timeout = {LOCK_SECONDS * 1000}",  # milliseconds that a writer waits for one of another process
    f"journal_size_limit = {JOURNAL_BYTES}",  # a large transaction does not leave a large file
)
BEGIN_SNAPSHOT = {
    "sqlite": "BEGIN",  # in WAL mode, a transaction sees the state at its first read
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}
# On PostgreSQL: serialization failure and deadlock, and a row that another transaction has inserted or deleted first.
SQLSTATES_OF_LOST_RACES = ("40", "23505", "23503")
MIGRATION_WAIT = 600_000  # milliseconds that a migration of an SQLite file waits for another one


def reading_engine(url: str) -> Engine:
    """Return an engine that begins no transactions. Each statement is committed at once."""
    return _engine(url, isolation_level="AUTOCOMMIT")


def writing_engine(url: str) -> Engine:
    """Return an engine that marks lost races as retryable. `pyramid_retry` then repeats the request.

    On SQLite it has one connection. SQLite has one writer anyway, and threads that wait for a connection take turns,
    while SQLite itself lets connections that wait for its lock ask again and again. The only race that can be lost is
    one against the deletion of the account. A request that has waited for `LOCK_SECONDS` is not repeated: it would keep
    its thread for two more waits.
    """
    if not url.startswith("sqlite"):
        engine = _engine(url)
    else:
        engine = _engine(url, pool_size=1, max_overflow=0, pool_timeout=LOCK_SECONDS)
        event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "handle_error", _mark_retryable)
    return engine


@contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    """Close the connections of an engine at the end."""
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def snapshot(read_db: Session) -> Iterator[Session]:
    """Let a session for reading see one state of the database, whatever others commit. It is closed at the end."""
    connection = read_db.connection()
    try:
        connection.exec_driver_sql(BEGIN_SNAPSHOT[connection.dialect.name])
        yield read_db
    finally:
        read_db.close()  # returns the connection to the pool, which rolls it back


def migrating_engine(url: str) -> Engine:
    """Return an engine for migrations.

    To change a table in SQLite, Alembic drops and recreates it. With foreign keys on, that would delete the rows that
    refer to it.
    """
    engine = writing_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite_for_migration)
    return engine


def _prepare_sqlite_for_migration(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(f"PRAGMA busy_timeout = {MIGRATION_WAIT}")


def connect_args(url: str) -> dict[str, str]:
    """Return the driver's options. PostgreSQL sends and receives UTF-8, whatever the environment says.

    Connecting fails after `CONNECT_TIMEOUT_SECONDS`. The URL or the environment can set another time.
    """
    if url.startswith("sqlite"):
        return {}
    has_own_timeout = "connect_timeout" in make_url(url).query or "PGCONNECT_TIMEOUT" in os.environ
    timeout = {} if has_own_timeout else {"connect_timeout": str(CONNECT_TIMEOUT_SECONDS)}
    return {"client_encoding": "utf8", **timeout}


def connections_of_process(threads: int) -> int:
    """Return how many connections a process has open at most. A request that writes can have two, one for reading."""
    return 2 * min(threads, POOL_SIZE + MAX_OVERFLOW) + CONNECTIONS_OF_THREADS


def allowed_connections(url: str) -> int | None:
    """Return how many connections PostgreSQL allows to a role that is no superuser, or None for SQLite."""
    if url.startswith("sqlite"):
        return None
    with disposing(create_engine(url, connect_args=connect_args(url))) as engine, engine.connect() as connection:
        allowed, *reserved = connection.execute(
            select(
                func.current_setting("max_connections"),
                func.current_setting("superuser_reserved_connections"),
                func.current_setting("reserved_connections", True),  # since PostgreSQL 16
            )
        ).one()
    return int(allowed) - sum(int(number or 0) for number in reserved)


def _engine(url: str, **options: Any) -> Engine:
    is_sqlite = url.startswith("sqlite")
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=not is_sqlite,
        json_serializer=to_json,
        connect_args=connect_args(url),
        **{"pool_size": POOL_SIZE, "max_overflow": MAX_OVERFLOW, **options},
    )
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver sends its own BEGIN before the first write. A savepoint or a lock can be needed before that.
    connection.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Use WAL, in which readers and the writer do not block each other.

    Of two connections that switch a new file at once, SQLite refuses one without waiting.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once. Taking it later fails without waiting if another transaction has written."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _mark_retryable(context: ExceptionContext) -> None:
    if context.sqlalchemy_exception is not None and _is_lost_race(context.original_exception):
        mark_error_retryable(context.sqlalchemy_exception)


def _is_lost_race(error: Any) -> bool:
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
    return (getattr(error, "sqlstate", None) or "").startswith(SQLSTATES_OF_LOST_RACES)


def may_write(request: Request) -> bool:
    """Return whether the request may change something. Only such a request has a transaction."""
    return request.method not in READING_METHODS


def vetoes_commit(request: Request, response: Response) -> bool:
    """Return whether the transaction is aborted although there is a response."""
    return request.exception is not None or default_commit_veto(request, response)


def includeme(config: Configurator) -> None:
    """Give each request ``db``, ``connection``, and ``read_db`` to read outside its transaction."""
    url = config.registry.flicklist.database_url
    settings = config.get_settings()
    settings["tm.manager_hook"] = "pyramid_tm.explicit_manager"
    settings["tm.annotate_user"] = "false"
    settings["tm.activate_hook"] = may_write
    settings["tm.commit_veto"] = vetoes_commit
    config.include("pyramid_tm")
    config.include("pyramid_retry")

    config.registry.reading_engine = reading_engine(url)
    limit_read_time(config.registry.reading_engine)
    new_reader = sessionmaker(config.registry.reading_engine, autoflush=False)
    new_writer = sessionmaker(writing_engine(url), autobegin=False)  # it must not begin again after the commit
    config.registry.engines = [config.registry.reading_engine, new_writer.kw["bind"]]
    config.registry.outages = Outages()

    def connection(request: Request) -> Connection:
        """Return the connection of `request.db`, for statements that read rows. A session would take longer."""
        if request.may_write:
            return request.db.connection()
        connection = config.registry.reading_engine.connect()
        request.add_finished_callback(lambda request: connection.close())
        return connection

    def read_db(request: Request) -> Session:
        session = new_reader() if request.may_write else new_reader(bind=request.connection)
        request.add_finished_callback(lambda request: session.close())
        return session

    def db(request: Request) -> Session:
        if not request.may_write:
            return request.read_db
        session = new_writer()
        # zope.sqlalchemy can find out whether something was written, but not by statements on the connection.
        zope.sqlalchemy.mark_changed(session, transaction_manager=request.tm)
        return session

    config.add_request_method(may_write, reify=True)
    config.add_request_method(connection, reify=True)
    config.add_request_method(read_db, reify=True)
    config.add_request_method(db, reify=True)
