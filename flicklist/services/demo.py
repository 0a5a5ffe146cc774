"""The demo account, to try the site with."""

import secrets
import string
from datetime import timedelta

from sqlalchemy.orm import Session

from flicklist.models import Mail, Movie, User
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MailKind
from flicklist.services import accounts, login_sessions
from flicklist.services.demo_movies import MOVIES
from flicklist.services.passwords import PasswordHasher

EMAIL = "demo@example.com"
PASSWORD_LENGTH = 16
_PASSWORD_CHARACTERS = string.ascii_lowercase + string.digits


def new_password(passwords: PasswordHasher) -> str:
    """Return a random password that the site accepts for the demo account."""
    length = max(PASSWORD_LENGTH, passwords.min_length)
    while True:
        password = "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(length))
        if passwords.weakness(password, [EMAIL]) is None:
            return password


def create_or_reset(db: Session, password_hash: str, *, sends_mail: bool) -> bool:
    """Create the account with its movies, or change the password of the existing one. Return whether it is new."""
    user = accounts.find_by_email(db, EMAIL)
    if user is None:
        user = accounts.register(db, EMAIL, password_hash)
        user.email_confirmed_at = utc_now()  # nobody reads mail to this address
        _add_movies(db, user)
        return True
    accounts.set_password_hash(db, user.id, password_hash)
    login_sessions.end_all(db, user.id)
    if sends_mail:
        db.add(Mail(kind=MailKind.PASSWORD_CHANGED, recipient=user.email, user_id=user.id))
    return False


def _add_movies(db: Session, user: User) -> None:
    started_at = utc_now() - timedelta(days=len(MOVIES))
    for day, row in enumerate(MOVIES):
        added_at = started_at + timedelta(days=day)
        movie = Movie(title=row.title, year=row.year, owner_id=user.id, added_at=added_at)
        movie.set_details(movie.details._replace(why=row.why, notes=row.notes))
        for date, note in row.viewings:
            movie.add_viewing(date, note)
        if row.rating is not None:
            movie.rate(row.rating)
        db.add(movie)
