"""A limit on the time of a statement that reads.

A search compares each word with all texts of a list. Somebody can fill a list with texts for which that takes minutes.
"""

import time
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

MAX_READ_SECONDS = 5  # of processor time on SQLite. A search of the largest list takes less than a fifth of a second.
SQLITE_STEPS = 4000  # instructions of SQLite's machine after which it looks at the clock
SQLITE_INTERRUPT = 9
SQLSTATE_QUERY_CANCELED = "57014"


class ReadTookTooLong(Exception):
    """A statement was stopped after `MAX_READ_SECONDS`."""


def limit_read_time(engine: Engine) -> None:
    """Stop statements on new connections of the engine that take too long. They raise `ReadTookTooLong`."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _watch_clock)
        event.listen(engine, "before_cursor_execute", _reset_clock)
    else:
        event.listen(engine, "connect", _set_statement_timeout)
    event.listen(engine, "handle_error", _raise_if_stopped)


def _watch_clock(connection: Any, record: Any) -> None:
    def is_too_late() -> bool:
        now = time.thread_time()
        return now > record.info.setdefault("deadline", now + MAX_READ_SECONDS)

    connection.set_progress_handler(is_too_late, SQLITE_STEPS)


def _reset_clock(connection: Connection, *_: Any) -> None:
    """Start the clock again when SQLite looks at it first. A statement on few rows never does."""
    connection.info.pop("deadline", None)


def _set_statement_timeout(connection: Any, record: Any) -> None:
    connection.execute(f"SET statement_timeout = {round(MAX_READ_SECONDS * 1000)}")  # milliseconds


def _raise_if_stopped(context: ExceptionContext) -> None:
    original: Any = context.original_exception
    was_interrupted = getattr(original, "sqlite_errorcode", None) == SQLITE_INTERRUPT
    if was_interrupted or getattr(original, "sqlstate", None) == SQLSTATE_QUERY_CANCELED:
        raise ReadTookTooLong from original
