"""Accounts: register, check and change the password, change and confirm the email address, delete.

Credentials are rows of ``id``, ``email``, ``email_key``, ``password_hash`` and ``known_browsers_version``. They are
read outside the database transaction, because a slow password hash follows. After it, `replace_password_hash` or
`lock_if_unchanged` checks that the account still has this password hash and email key.
"""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Mail, User
from flicklist.models.meta import utc_now
from flicklist.models.user import IS_DELETED, email_key
from flicklist.services import login_sessions, two_factor
from flicklist.services.passwords import PasswordHasher
from flicklist.services.queries import read_and_release
from flicklist.services.tokens import Tokens

_CREDENTIALS = select(User.id, User.email, User.email_key, User.password_hash, User.known_browsers_version).where(
    ~IS_DELETED
)
_BY_KEY = _CREDENTIALS.where(User.email_key == bindparam("email_key"))
_BY_ID = _CREDENTIALS.where(User.id == bindparam("user_id"))


class EmailTaken(Exception):
    """An account with that email address exists."""


def credentials_by_email(read_db: Session, key: str | None) -> Any:
    """Return the credentials of the account with an email key, or ``None``."""
    return read_and_release(read_db, _BY_KEY, email_key=key)


def credentials_by_id(read_db: Session, user_id: int) -> Any:
    """Return the credentials of an account, or ``None`` if it has just been deleted."""
    return read_and_release(read_db, _BY_ID, user_id=user_id)


def credentials_by_token(read_db: Session, tokens: Tokens, token: str) -> Any:
    """Return the credentials of the account that a token was made for, or ``None``.

    A token is worthless once the email address or the password has changed.
    """
    user_id, _ = tokens.read(token) or (None, "")
    row = None if user_id is None else credentials_by_id(read_db, user_id)
    return row if row is not None and tokens.matches(token, row.email_key, row.password_hash) else None


def register(db: Session, email: str, password_hash: str) -> User:
    """Create an account. Raises `EmailTaken`, also if another registration wins the race."""
    user = User(email=email, email_key=email_key(email), password_hash=password_hash)
    try:
        with db.begin_nested():
            db.add(user)
    except IntegrityError as error:
        if db.scalar(_BY_KEY, {"email_key": user.email_key}) is None:
            raise
        raise EmailTaken from error
    return user


def check_password(db: Session, passwords: PasswordHasher, credentials: Any, password: str) -> bool:
    """Return whether the password is right and the credentials have not just been changed. If so, lock the account.

    A hash of another scheme or cost is renewed. Without credentials, do the same work and return ``False``.
    """
    stored = None if credentials is None else credentials.password_hash
    if not passwords.verify(password, stored) or stored is None:
        return False
    if passwords.is_outdated(stored):
        return replace_password_hash(db, credentials, passwords.hash(password))
    return lock_if_unchanged(db, credentials)


def replace_password_hash(db: Session, credentials: Any, password_hash: str) -> bool:
    """Replace the password hash of an account that still has these credentials. Return whether it had.

    The UPDATE locks the row until the transaction ends. If two requests replace the same hash, only the first succeeds.
    """
    replaced = update(User).where(*_has(credentials)).values(password_hash=password_hash).returning(User.id)
    return db.scalar(replaced) is not None


def lock_if_unchanged(db: Session, credentials: Any) -> bool:
    """Lock an account until the transaction ends, if it still has these credentials. Return whether it had."""
    # FOR NO KEY UPDATE: other transactions can insert rows that refer to the account.
    return db.scalar(select(User.id).where(*_has(credentials)).with_for_update(key_share=True)) is not None


def _has(credentials: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        User.id == credentials.id,
        User.email_key == credentials.email_key,
        User.password_hash == credentials.password_hash,
    )


def set_password_hash(db: Session, user_id: int, password_hash: str) -> None:
    db.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))


def is_email_taken(read_db: Session, key: str, user_id: int) -> bool:
    """Return whether an account other than `user_id` has an email address."""
    other = select(User.id).where(User.email_key == key, User.id != user_id)
    return read_and_release(read_db, other) is not None


def change_email(db: Session, user_id: int, email: str, *, is_confirmed: bool) -> None:
    """Give an account another email address. Raises `EmailTaken`."""
    confirmed_at = utc_now() if is_confirmed else None
    values = {"email": email, "email_key": email_key(email), "email_confirmed_at": confirmed_at}
    try:
        with db.begin_nested():
            db.execute(update(User).where(User.id == user_id, ~IS_DELETED).values(values))
    except IntegrityError as error:
        raise EmailTaken from error


def email_to_confirm(db: Session, tokens: Tokens, token: str, user_id: int, *, for_update: bool) -> str | None:
    """Return the email address that a token confirms, or ``None`` if the token is not valid for this account.

    With `for_update`, the token stays valid until the end of the transaction: the account is locked.
    """
    owner_id, email = tokens.read(token) or (None, "")
    if owner_id != user_id:
        return None
    statement = _BY_ID.with_for_update(key_share=True) if for_update else _BY_ID
    row = db.execute(statement, {"user_id": user_id}).one_or_none()
    return email if row and tokens.matches(token, row.email_key, row.password_hash) else None


def confirm_email(db: Session, user_id: int, key: str) -> bool:
    """Record that mail reaches the person, if the account has this email key. Return whether that is news."""
    unconfirmed = (User.id == user_id, User.email_key == key, User.email_confirmed_at.is_(None))
    confirmed = update(User).where(*unconfirmed).values(email_confirmed_at=utc_now()).returning(User.id)
    return db.scalar(confirmed) is not None


def find_by_email(db: Session, email: str) -> User | None:
    """Return the account with an email address in any spelling, or ``None``."""
    try:
        return db.scalar(select(User).where(User.email_key == email_key(email)))
    except ValueError:
        return None


def delete_account(db: Session, user_id: int) -> None:
    """Delete what makes an account reachable, and mark it as deleted.

    The clean-up deletes the rest, because that can be a million rows.
    """
    _delete_mail(db, user_id)
    login_sessions.end_all(db, user_id)
    two_factor.turn_off(db, user_id)
    # It is no email address, and the URL of no list.
    unreachable = f"deleted {user_id}"
    db.execute(
        update(User)
        .where(User.id == user_id)
        .values(
            email="",
            email_key=unreachable,
            email_confirmed_at=None,
            password_hash="",
            watchlist_slug=unreachable,
            deleted_at=utc_now(),
        )
    )


def _delete_mail(db: Session, user_id: int) -> None:
    """Delete the unsent mail about an account, and that to its address."""
    key = select(User.email_key).where(User.id == user_id).scalar_subquery()
    is_reset = Mail.user_id.is_(None) & (Mail.recipient == key)
    db.execute(delete(Mail).where((Mail.user_id == user_id) | is_reset))
