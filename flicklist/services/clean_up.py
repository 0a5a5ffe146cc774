"""Delete the rows that nobody can use any more, of all people.

Requests ignore such rows. Some requests also delete those of one person, to make room.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Select, delete, select

from flicklist.locks import Lock, try_lock_until_commit
from flicklist.models import Change, Invitation, LoginSession, Mail, Movie
from flicklist.models.login_session import IS_ACTIVE, active_at
from flicklist.models.meta import utc_now
from flicklist.services import changes, watchlist
from flicklist.settings import Settings

# Mail is deleted when it was sent or given up. This is left if the site no longer sends mail.
UNSENT_MAIL_RETENTION = timedelta(days=7)
# A transaction deletes so many rows at most. A movie can have 1,000 viewings, and writers wait meanwhile.
BATCH = 50


class AlreadyRunning(Exception):
    """Another process is deleting the outdated rows."""


def delete_outdated_rows(engine: Engine, settings: Settings) -> dict[str, int]:
    """Delete all outdated rows in small transactions, and return how many there were of each kind.

    Raises `AlreadyRunning`. On PostgreSQL, each transaction holds a lock that only one process gets. On SQLite, writers
    wait for each other anyway.
    """
    deleted = {}
    for kind, model, outdated_ids in _outdated(settings):
        deleted[kind] = 0
        while number := _delete_batch(engine, model, outdated_ids):
            deleted[kind] += number
    return deleted


def _outdated(settings: Settings) -> list[tuple[str, Any, Select[Any]]]:
    """Return what to delete: its name, the model, and a statement that finds the ids."""
    now = utc_now()
    active = active_at(now, settings.login_session_days, settings.login_session_idle_days)
    return [
        ("removed movies", Movie, select(Movie.id).where(watchlist.HAS_EXPIRED)),
        ("changes", Change, select(Change.id).where(changes.HAS_EXPIRED)),
        ("login sessions", LoginSession, select(LoginSession.id).where(~IS_ACTIVE).params(active)),
        ("invitations", Invitation, select(Invitation.id).where(Invitation.expires_at < now)),
        ("unsent emails", Mail, select(Mail.id).where(Mail.due_at < now - UNSENT_MAIL_RETENTION)),
    ]


def _delete_batch(engine: Engine, model: Any, outdated_ids: Select[Any]) -> int:
    batch = delete(model).where(model.id.in_(outdated_ids.limit(BATCH)))
    with engine.begin() as connection:
        if not try_lock_until_commit(connection, Lock.CLEAN_UP):
            raise AlreadyRunning
        return connection.execute(batch).rowcount
