"""Delete what is left of deleted accounts, and the rows that nobody can use any more, of all people.

Requests ignore such rows. Some requests also delete those of one person, to make room.
"""

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Select, delete, select

from flicklist.locks import Lock, lock_until_commit
from flicklist.models import (
    Change,
    Import,
    Invitation,
    LoginSession,
    Mail,
    Movie,
    User,
)
from flicklist.models.login_session import IS_ACTIVE, active_at
from flicklist.models.meta import utc_now
from flicklist.models.user import IS_DELETED
from flicklist.services import changes, watchlist
from flicklist.services.imports import storage
from flicklist.settings import Settings

# Mail is deleted when it was sent or given up. This is left if the site no longer sends mail.
UNSENT_MAIL_RETENTION = timedelta(days=7)
# A transaction deletes so many rows at most. A movie can have 1,000 viewings, and writers wait meanwhile.
BATCH = 50


def delete_outdated_rows(engine: Engine, settings: Settings) -> dict[str, int]:
    """Delete all outdated rows in small transactions, and return how many there were of each kind."""
    deleted = {"deleted accounts": _delete_accounts(engine)}
    for kind, model, outdated_ids in _outdated(settings):
        deleted[kind] = _delete_all(engine, model, outdated_ids)
    return deleted


def _delete_accounts(engine: Engine) -> int:
    """Delete what is left of accounts that people have deleted, and return how many accounts there were.

    The row of the account comes last, so after a server was killed, the next clean-up goes on. By cascade, it takes
    the few imports with it, and what a request wrote that was under way when the account was deleted.
    """
    deleted = 0
    while (user_id := _next_deleted_account(engine)) is not None:
        for model, ids, batch in _rows_of_account(user_id):
            _delete_all(engine, model, ids, batch)
        deleted += _delete_all(engine, User, select(User.id).where(User.id == user_id))
    return deleted


def _next_deleted_account(engine: Engine) -> int | None:
    with engine.begin() as connection:
        return connection.scalar(select(User.id).where(IS_DELETED).limit(1))


def _rows_of_account(user_id: int) -> list[tuple[Any, Select[Any], int]]:
    """Return what to delete: the model, a statement that finds the ids, and how many one transaction deletes."""
    imports = select(Import.id).where(Import.owner_id == user_id)
    parts_of_imports = [
        (kind, select(kind.id).where(kind.import_id.in_(imports)), batch) for kind, batch in storage.BATCHES.items()
    ]
    return [
        (Movie, select(Movie.id).where(Movie.owner_id == user_id), BATCH),
        (Change, select(Change.id).where(Change.owner_id == user_id), BATCH),
        *parts_of_imports,
    ]


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


def _delete_all(engine: Engine, model: Any, ids: Select[Any], batch: int = BATCH) -> int:
    deleted = 0
    while number := _delete_batch(engine, model, ids.limit(batch)):
        deleted += number
    return deleted


def _delete_batch(engine: Engine, model: Any, ids: Select[Any]) -> int:
    """Delete some rows in a transaction, and give others their turn. Return how many rows there were.

    Servers take turns. On PostgreSQL, they wait for a lock, on SQLite for the one that all writers need. PostgreSQL
    also locks the rows first, and leaves out those that are no longer outdated, such as a movie that was just restored.
    """
    with engine.begin() as connection:
        lock_until_commit(connection, Lock.CLEAN_UP)
        begun = time.monotonic()
        found = connection.scalars(ids.with_for_update()).all()
        deleted = connection.execute(delete(model).where(model.id.in_(found))).rowcount
    if deleted:
        time.sleep(time.monotonic() - begun)  # SQLite asks for the lock again and again, and would rarely find it free
    return deleted
