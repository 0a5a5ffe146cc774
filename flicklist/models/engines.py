"""How connections are opened, and what SQLite needs beyond its defaults."""

from typing import Any

from pyramid_retry import mark_error_retryable
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event

from flicklist.models.meta import to_json

SQLITE_PRAGMAS = (
    "journal_mode = WAL",  # readers and the one writer do not wait for each other
    "synchronous = FULL",  # what was answered is on the disk
    "foreign_keys = ON",
    "busy_timeout = 10000",  # milliseconds that a writer waits for its turn
)
SQLITE_BUSY, SQLITE_LOCKED = 5, 6
SQLSTATE_CLASS_ROLLBACK = "40"  # serialization failure, deadlock


def reading_engine(url: str) -> Engine:
    """Make an engine whose statements each stand alone: no BEGIN, no ROLLBACK."""
    return _engine(url, isolation_level="AUTOCOMMIT")


def writing_engine(url: str) -> Engine:
    """Make an engine whose transactions can be repeated when they lose against another one."""
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "handle_error", _mark_retryable)
    return engine


def migrating_engine(url: str) -> Engine:
    """Make an engine for migrations.

    SQLite changes a table by dropping it and making it anew: with foreign keys on, that deletes what refers to it.
    """
    engine = writing_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = OFF"))
    return engine


def _engine(url: str, **options: Any) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, pool_pre_ping=not url.startswith("sqlite"), json_serializer=to_json, **options
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver would send a BEGIN of its own, too late for a savepoint and too weak for a read before a write.
    connection.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a transaction that takes it later fails, without waiting, if another wrote."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _mark_retryable(context: ExceptionContext) -> None:
    original: Any = context.original_exception
    lost_race = (getattr(original, "sqlstate", None) or "").startswith(SQLSTATE_CLASS_ROLLBACK)
    was_busy = getattr(original, "sqlite_errorcode", 0) & 0xFF in {SQLITE_BUSY, SQLITE_LOCKED}
    if context.sqlalchemy_exception is not None and (lost_race or was_busy):
        mark_error_retryable(context.sqlalchemy_exception)
