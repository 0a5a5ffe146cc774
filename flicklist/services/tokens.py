"""Signed tokens: to replace a forgotten password, to confirm an email address, to finish a pending login.

A token has a fingerprint of what it will change. Once that has changed, by whatever way, the token is worthless. So it
works once.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeTimedSerializer

from flicklist.models import User
from flicklist.settings import Settings

LINK_LASTS = timedelta(hours=1)
PENDING_LOGIN_LASTS = timedelta(minutes=10)


def derive_key(secret: str, purpose: str) -> str:
    """Return a key for one purpose, so that no two signers share one."""
    return hmac.digest(secret.encode(), purpose.encode(), "sha512").hex()


class Tokens:
    """Makes and reads the tokens of one site for one purpose; another purpose's tokens mean nothing to it."""

    def __init__(self, secret: str, purpose: str, lasts: timedelta = LINK_LASTS) -> None:
        self._max_age_seconds = int(lasts.total_seconds())
        self._key = derive_key(secret, purpose).encode()
        self._serializer = URLSafeTimedSerializer(
            self._key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha512, "key_derivation": "hmac"}
        )

    def make(self, user_id: int, subject: str, *present: str) -> str:
        """Make a token for a person and a subject, which fits as long as what is present stays what it is."""
        return str(self._serializer.dumps([user_id, subject, self._fingerprint(present)]))

    def read(self, token: str) -> tuple[int, str] | None:
        """Return the person and the subject, if the token was made here and is not too old."""
        claim = self._read(token)
        return None if claim is None else (claim[0], claim[1])

    def matches(self, token: str, *present: str) -> bool:
        """Tell whether what is present is still that for which the token was made."""
        claim = self._read(token)
        return claim is not None and hmac.compare_digest(claim[2], self._fingerprint(present))

    def _read(self, token: str) -> Any:
        try:
            return self._serializer.loads(token, max_age=self._max_age_seconds)
        except BadData:
            return None

    def _fingerprint(self, present: tuple[str, ...]) -> str:
        return hmac.digest(self._key, "\0".join(present).encode(), "sha256").hex()


def password_reset_tokens(secret: str) -> Tokens:
    """Make the tokens that replace a password. They fit the email key and the password hash, and so work once."""
    return Tokens(secret, "reset")


def password_reset_link(settings: Settings, user: User) -> str:
    """Return the link with which a person sets another password."""
    token = password_reset_tokens(settings.secret).make(user.id, "", user.email_key, user.password_hash)
    return f"{settings.public_url}/password-reset/new?{urlencode({'token': token})}"


def email_tokens(secret: str) -> Tokens:
    """Make the tokens that confirm an email address, their subject. They fit the present email key and hash."""
    return Tokens(secret, "email")


def pending_login_tokens(secret: str) -> Tokens:
    """Make the tokens of people who have typed their password, and not yet their code. They fit email key and hash."""
    return Tokens(secret, "log-in", PENDING_LOGIN_LASTS)
