"""``/``: the way in."""

from typing import Any

from pyramid.authorization import DENY_ALL, Allow, Authenticated
from pyramid.request import Request
from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from flicklist import models
from flicklist.models import User
from flicklist.models.meta import token_hash, utc_now
from flicklist.models.two_factor import recovery_code_hash
from flicklist.permissions import Permission
from flicklist.resources.account import PASSWORD, TWO_FACTOR, AccountResource, EmailTaken
from flicklist.resources.base import AccessControlList, Resource, read_and_release
from flicklist.resources.watchlist import WatchlistResource, WatchlistsResource
from flicklist.tokens import Tokens

_CREDENTIALS = select(User.id, User.password_hash).where(User.email_key == bindparam("email_key"))
_PENDING_LOGIN = PASSWORD.join(models.TwoFactor).where(models.TwoFactor.confirmed_at.is_not(None))


class Root(Resource):
    """``/``: the way in."""

    __parent__ = None
    __name__ = ""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, Permission.VIEW), DENY_ALL]

    def __getitem__(self, name: str) -> Resource:
        return {"account": AccountResource, "watchlists": WatchlistsResource}[name](self, name)

    def own_watchlist(self) -> WatchlistResource:
        """Return the list of the person who is signed in."""
        return WatchlistsResource(self, "watchlists")[self.request.identity.watchlist_slug]

    def credentials(self, email_key: str | None) -> tuple[int, str] | None:
        """Return the user's id and password hash."""
        row = read_and_release(self.request, _CREDENTIALS, email_key=email_key)
        return row and (row.id, row.password_hash)

    def register(self, user: User) -> None:
        """Store a new person. Raises `EmailTaken`, also when somebody else is just faster."""
        try:
            with self.db.begin_nested():
                self.db.add(user)
        except IntegrityError as error:
            if self.db.scalar(_CREDENTIALS, {"email_key": user.email_key}) is None:
                raise
            raise EmailTaken from error

    def accept(self, invitation: str) -> bool:
        """Use an invitation up. Return whether it was one, and nobody had used it."""
        accepted = delete(models.Invitation).where(_is_usable(invitation)).returning(models.Invitation.id)
        return self.db.scalar(accepted) is not None

    def is_invitation(self, invitation: str) -> bool:
        """Tell whether an invitation can still be used."""
        usable = select(models.Invitation.id).where(_is_usable(invitation))
        return read_and_release(self.request, usable) is not None

    def person_of(self, reset_token: str) -> Any:
        """Return the id, email and password hash of the person who may set another password with this token."""
        return self._claimant(self.request.reset_tokens, reset_token)

    def pending_user(self, pending_login_token: str) -> Any:
        """Return the id and password hash of the person who has typed their password, and whose code is to come."""
        return self._claimant(self.request.pending_login_tokens, pending_login_token)

    def _claimant(self, tokens: Tokens, token: str) -> Any:
        """Find the person to whom a token was given, if their email and password are still what they were."""
        claim = tokens.read(token)
        row = claim and read_and_release(self.request, PASSWORD, user_id=claim[0])
        return row if row is not None and tokens.matches(token, row.email_key, row.password_hash) else None

    def pending_login_token(self, user_id: int) -> str | None:
        """Make the token with which a person whose password was right goes on to the code, if they use one."""
        row = self.db.execute(_PENDING_LOGIN, {"user_id": user_id}).one_or_none()
        return row and self.request.pending_login_tokens.make(user_id, "", row.email_key, row.password_hash)

    def accept_code(self, user_id: int, code: str) -> bool:
        """Use a code of the person's app up. Return whether it was one of now, and nobody had used it."""
        factor = self.db.scalar(TWO_FACTOR, {"user_id": user_id})
        step = factor and factor.step_of(code)
        if step is None:
            return False
        factors = models.TwoFactor
        unused = (factors.user_id == user_id, factors.last_step < step)
        used = update(factors).where(*unused).values(last_step=step).returning(factors.id)
        return self.db.scalar(used) is not None

    def accept_recovery_code(self, user_id: int, code: str) -> bool:
        """Use a recovery code up. Return whether it was one, and nobody had used it."""
        codes = models.RecoveryCode
        same = (codes.user_id == user_id, codes.code_hash == recovery_code_hash(code))
        return self.db.scalar(delete(codes).where(*same).returning(codes.id)) is not None

    def end_login_sessions(self, user_id: int) -> None:
        self.db.execute(delete(models.LoginSession).where(models.LoginSession.user_id == user_id))

    def replace_password_hash(self, user_id: int, known_hash: str, password_hash: str) -> bool:
        """Give a person another password hash, or the same; return whether they still had the known one.

        The hash was read before the transaction. This locks the row and looks again, so that of two who come with one
        password or one token, only the first succeeds, and nobody gets in with a password that was just replaced.
        """
        known = (User.id == user_id, User.password_hash == known_hash)
        replaced = update(User).where(*known).values(password_hash=password_hash).returning(User.id)
        return self.db.scalar(replaced) is not None


def _is_usable(invitation: str) -> ColumnElement[bool]:
    """Say whether a row is this invitation, and it can still be used."""
    return (models.Invitation.token_hash == token_hash(invitation)) & (models.Invitation.expires_at > utc_now())
