"""Races between two requests, in an order that is certain."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import text

from tests.faults.conftest import wait_until

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@contextmanager
def in_background(action, engine):
    """Begin an action in another thread, and go on when it waits for a lock. Let it finish at the end.

    On PostgreSQL, it waits for a row that the current transaction has locked. On SQLite, nothing can be seen, but it
    waits for the lock of all writers.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(action)
        if engine.dialect.name == "postgresql":
            wait_until(lambda: future.done() or _is_somebody_waiting(engine), "the action waits for a lock")
        yield
        future.result()


def _is_somebody_waiting(engine):
    with engine.connect() as connection:
        return connection.scalar(_WAITING) > 0
