"""Login sessions: start, look up, list and end them.

Each ends some days after the login, and earlier without a visit. Both limits are settings.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update
from sqlalchemy.orm import Session

from flicklist.models import LoginSession, User
from flicklist.models.login_session import IS_ACTIVE, active_at
from flicklist.models.meta import token_hash, utc_now
from flicklist.settings import Settings

MAX_LOGIN_SESSIONS = 50
_LAST_VISITED_FIRST = LoginSession.last_seen_at.desc(), LoginSession.id.desc()
_PERSON = (
    select(
        *(User.id, User.email, User.watchlist_slug, User.created_at, User.email_confirmed_at),
        *(LoginSession.id, LoginSession.last_seen_at),
    )
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), IS_ACTIVE)
)
_FORGET_BROWSERS = update(User).values(known_browsers_version=User.known_browsers_version + 1)


def start(db: Session, settings: Settings, user_id: int, user_agent: str) -> tuple[str, LoginSession]:
    """Start a session and return its token, for the cookie, and its row.

    Deletes the person's ended sessions, and beyond `MAX_LOGIN_SESSIONS` those that were not used for longest. Their
    account must be locked or new, so that no other request starts one at the same time.
    """
    ended = delete(LoginSession).where(LoginSession.user_id == user_id, ~IS_ACTIVE)
    db.execute(ended, _active_now(settings))
    own = select(LoginSession.id).where(LoginSession.user_id == user_id).order_by(*_LAST_VISITED_FIRST)
    kept = own.limit(MAX_LOGIN_SESSIONS - 1).scalar_subquery()
    db.execute(delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id.not_in(kept)))
    token, login_session = LoginSession.start(user_id, user_agent)
    db.add(login_session)
    db.flush()
    return token, login_session


def find_person(connection: Connection, settings: Settings, token: str) -> Any:
    """Return the fields of `Identity` and the last visit of an active session, or ``None``."""
    parameters = {"token_hash": token_hash(token), **_active_now(settings)}
    return connection.execute(_PERSON, parameters).one_or_none()


def record_visit(connection: Connection, login_session_id: int, now: datetime) -> None:
    connection.execute(update(LoginSession).where(LoginSession.id == login_session_id).values(last_seen_at=now))


def list_active(db: Session, settings: Settings, user_id: int) -> Sequence[LoginSession]:
    """Return a person's active sessions, the last visited first."""
    return _find(db, settings, LoginSession.user_id == user_id)


def find_other(
    db: Session, settings: Settings, user_id: int, current_id: int, login_session_id: int
) -> LoginSession | None:
    """Return an active session of the person that is not their current one, or ``None``."""
    other = _is_other(user_id, current_id) & (LoginSession.id == login_session_id)
    return next(iter(_find(db, settings, other)), None)


def end(db: Session, token: str) -> None:
    db.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash(token)))


def end_other(db: Session, user_id: int, current_id: int, login_session_id: int) -> None:
    """End one session of the person that is not their current one."""
    other = _is_other(user_id, current_id) & (LoginSession.id == login_session_id)
    db.execute(delete(LoginSession).where(other))


def end_others(db: Session, user_id: int, current_id: int) -> None:
    """End all sessions of the person but the current one. No browser is known to the account any more."""
    db.execute(delete(LoginSession).where(_is_other(user_id, current_id)))
    db.execute(_FORGET_BROWSERS.where(User.id == user_id))


def end_all(db: Session, user_id: int | None = None) -> int:
    """End all sessions of a person, or of everybody, as `end_others` does. Return how many there were."""
    db.execute(_FORGET_BROWSERS if user_id is None else _FORGET_BROWSERS.where(User.id == user_id))
    ended = delete(LoginSession) if user_id is None else delete(LoginSession).where(LoginSession.user_id == user_id)
    return len(db.scalars(ended.returning(LoginSession.id)).all())


def _find(db: Session, settings: Settings, criterion: ColumnElement[bool]) -> Sequence[LoginSession]:
    found = select(LoginSession).where(IS_ACTIVE, criterion).order_by(*_LAST_VISITED_FIRST)
    return db.scalars(found, _active_now(settings)).all()


def _is_other(user_id: int, current_id: int) -> ColumnElement[bool]:
    return (LoginSession.user_id == user_id) & (LoginSession.id != current_id)


def _active_now(settings: Settings) -> dict[str, Any]:
    """Return the parameters of `IS_ACTIVE`."""
    return active_at(utc_now(), settings.login_session_days, settings.login_session_idle_days)
