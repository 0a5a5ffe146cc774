"""``/account/``: a person's account, its login sessions and its second factor."""

from collections.abc import Sequence

from pyramid.authorization import DENY_ALL, Allow, Authenticated
from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from flicklist import models
from flicklist.models import Movie, User
from flicklist.models.login_session import IS_ACTIVE
from flicklist.models.meta import utc_now
from flicklist.models.two_factor import new_recovery_codes, recovery_code_hash, turn_off
from flicklist.permissions import Permission
from flicklist.resources.base import AccessControlList, Resource, one_or_key_error, read_and_release, row_id
from flicklist.security import active_here

PASSWORD = select(User.id, User.email, User.email_key, User.password_hash).where(User.id == bindparam("user_id"))
TWO_FACTOR = select(models.TwoFactor).where(
    models.TwoFactor.user_id == bindparam("user_id"), models.TwoFactor.confirmed_at.is_not(None)
)
_CODES_LEFT = (
    select(func.count(models.RecoveryCode.id))
    .select_from(models.TwoFactor)
    .outerjoin(models.RecoveryCode, models.RecoveryCode.user_id == models.TwoFactor.user_id)
    .where(models.TwoFactor.user_id == bindparam("user_id"), models.TwoFactor.confirmed_at.is_not(None))
    .group_by(models.TwoFactor.id)
)


class EmailTaken(Exception):
    """An account with that email exists."""


class AccountResource(Resource):
    """``/account/``: the signed-in person's own account."""

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "LoginSessionsResource | TwoFactorResource":
        places: dict[str, LoginSessionsResource | TwoFactorResource] = {
            "login-sessions": self.login_sessions,
            "two-factor": self.two_factor,
        }
        return places[name]

    @property
    def login_sessions(self) -> "LoginSessionsResource":
        return LoginSessionsResource(self, "login-sessions")

    @property
    def two_factor(self) -> "TwoFactorResource":
        return TwoFactorResource(self, "two-factor")

    @property
    def user_id(self) -> int:
        return self.request.identity.user_id

    def password_hash(self) -> str | None:
        """Return the hash, or ``None`` where the account has just been deleted elsewhere."""
        row = read_and_release(self.request, PASSWORD, user_id=self.user_id)
        return row and row.password_hash

    def is_taken(self, key: str) -> bool:
        """Tell whether another account has an email address."""
        other = select(User.id).where(User.email_key == key, User.id != self.user_id)
        return self.db.scalar(other) is not None

    def change_email(self, email: str, key: str) -> None:
        """Give the account another email address. Raises `EmailTaken`."""
        try:
            with self.db.begin_nested():
                self.db.execute(update(User).where(User.id == self.user_id).values(email=email, email_key=key))
        except IntegrityError as error:
            raise EmailTaken from error

    def confirmed_email(self, token: str) -> str | None:
        """Return the email address that a token confirms, if email and password are those for which it was made."""
        tokens = self.request.email_tokens
        claim = tokens.read(token)
        if claim is None or claim[0] != self.user_id:  # the fingerprint would tell, too
            return None
        row = self.db.execute(PASSWORD, {"user_id": self.user_id}).one_or_none()
        return claim[1] if row and tokens.matches(token, row.email_key, row.password_hash) else None

    def movies(self) -> Sequence[Movie]:
        """Find all movies of the person, with their viewings, in the order in which they were added."""
        own = select(Movie).where(Movie.owner_id == self.user_id).order_by(Movie.added_at, Movie.id)
        return self.request.read_db.scalars(own.options(selectinload(Movie.viewings))).all()

    def delete(self) -> None:
        """Delete the account, and with it, by cascade, all that refers to it."""
        self.db.execute(delete(User).where(User.id == self.user_id))


class LoginSessionsResource(Resource):
    """``/account/login-sessions/``: the devices on which the person is signed in."""

    def __getitem__(self, name: str) -> "LoginSessionResource":
        if self.request.identity is None:
            raise KeyError(name)
        return LoginSessionResource(
            self, name, one_or_key_error(self._find(self.others, models.LoginSession.id == row_id(name)), name)
        )

    def all(self) -> Sequence[models.LoginSession]:
        return self._find()

    def end_others(self) -> None:
        self.db.execute(delete(models.LoginSession).where(self.others))

    @property
    def others(self) -> ColumnElement[bool]:
        """Say whether a row is a login session of the person, and not the one of this request."""
        return self._own & (models.LoginSession.id != self.request.identity.login_session_id)

    @property
    def _own(self) -> ColumnElement[bool]:
        return models.LoginSession.user_id == self.request.identity.user_id

    def _find(self, *criteria: ColumnElement[bool]) -> Sequence[models.LoginSession]:
        newest_first = models.LoginSession.last_seen_at.desc(), models.LoginSession.id.desc()
        found = select(models.LoginSession).where(self._own, IS_ACTIVE, *criteria).order_by(*newest_first)
        # Outside the transaction, which waits until the password has been hashed that is asked for next.
        return self.request.read_db.scalars(found, active_here(self.request, utc_now())).all()


class LoginSessionResource(Resource):
    """``/account/login-sessions/7/``: another device on which the person is signed in."""

    def __init__(self, parent: LoginSessionsResource, name: str, login_session: models.LoginSession) -> None:
        super().__init__(parent, name)
        self.login_sessions = parent
        self.login_session = login_session

    def end(self) -> None:
        self.db.execute(
            delete(models.LoginSession).where(
                self.login_sessions.others, models.LoginSession.id == row_id(self.__name__)
            )
        )


class TwoFactorResource(Resource):
    """``/account/two-factor/``: the code that is asked for after the password, where the person wants that."""

    def __init__(self, account: AccountResource, name: str) -> None:
        super().__init__(account, name)
        self.account = account

    @property
    def user_id(self) -> int:
        return self.account.user_id

    @property
    def is_on(self) -> bool:
        return self.db.scalar(TWO_FACTOR, {"user_id": self.user_id}) is not None

    def begun(self) -> models.TwoFactor | None:
        """Return what the person has begun to set up, and not yet confirmed with password and code."""
        return self.db.scalar(select(models.TwoFactor).where(*self._begun))

    @property
    def _begun(self) -> tuple[ColumnElement[bool], ...]:
        return models.TwoFactor.user_id == self.user_id, models.TwoFactor.confirmed_at.is_(None)

    def start(self) -> None:
        """Make a key, in place of one that was never confirmed."""
        self.db.execute(delete(models.TwoFactor).where(*self._begun))
        self.db.add(models.TwoFactor(user_id=self.user_id))

    def turn_off(self) -> bool:
        """Return whether it was on."""
        return turn_off(self.db, self.user_id)

    def renew_codes(self) -> list[str]:
        """Return new recovery codes; the old ones are worth nothing from now on."""
        codes = new_recovery_codes()
        self.db.execute(delete(models.RecoveryCode).where(models.RecoveryCode.user_id == self.user_id))
        hashes = [models.RecoveryCode(user_id=self.user_id, code_hash=recovery_code_hash(code)) for code in codes]
        self.db.add_all(hashes)
        return codes

    def lock_account(self) -> None:
        """Wait for another click, so that what it made is there to be replaced."""
        self.db.execute(select(User.id).where(User.id == self.user_id).with_for_update())

    def recovery_codes_left(self) -> int | None:
        """Count the recovery codes; ``None`` where no second factor is on."""
        return self.db.scalar(_CODES_LEFT, {"user_id": self.user_id})
