"""Locks that only one transaction at a time holds, whichever process it belongs to.

On PostgreSQL they are advisory locks. SQLite has one write lock, which BEGIN IMMEDIATE has taken already.
"""

from enum import IntEnum

from sqlalchemy import Connection, func, select


class Lock(IntEnum):
    """The keys of the locks. Any numbers will do that no other application on the same database uses."""

    MIGRATION = 7_381_240_001
    CLEAN_UP = 7_381_240_002


def lock_until_commit(connection: Connection, lock: Lock) -> None:
    """Wait until no other transaction holds a lock, and take it."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock)))
