"""Signed tokens: to replace a forgotten password, to confirm an email address, to finish a pending login.

A token contains a fingerprint of values of the account. It becomes invalid when they change. A password reset changes
one, so its token works once.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeTimedSerializer

from flicklist.models import User
from flicklist.settings import Settings

LINK_MAX_AGE = timedelta(hours=1)
# Longer, because the link alone confirms nothing: the person must also be logged in.
EMAIL_LINK_MAX_AGE = timedelta(days=1)
PENDING_LOGIN_MAX_AGE = timedelta(minutes=10)
MAILED = "mailed"  # the subject of a token to reset a password that goes to the address of the account


def derive_key(secret: str, purpose: str) -> str:
    """Return a key for one purpose, so that no two signers share one."""
    return hmac.digest(secret.encode(), purpose.encode(), "sha512").hex()


class Tokens:
    """Makes and reads tokens for one purpose. The purpose selects the key, so tokens for another one are not valid."""

    def __init__(self, secret: str, purpose: str, max_age: timedelta = LINK_MAX_AGE) -> None:
        self._max_age_seconds = int(max_age.total_seconds())
        self._key = derive_key(secret, purpose).encode()
        self._serializer = URLSafeTimedSerializer(
            self._key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha512, "key_derivation": "hmac"}
        )

    def make(self, user_id: int, subject: str, *current_values: str) -> str:
        """Return a token that is valid only while `current_values` stay the same."""
        return str(self._serializer.dumps([user_id, subject, self._fingerprint(current_values)]))

    def read(self, token: str) -> tuple[int, str] | None:
        """Return the user id and the subject, or ``None`` if the signature is wrong or the token too old."""
        claim = self._read(token)
        return None if claim is None else (claim[0], claim[1])

    def matches(self, token: str, *current_values: str) -> bool:
        """Return whether the token is valid and was made with the same values."""
        claim = self._read(token)
        return claim is not None and hmac.compare_digest(claim[2], self._fingerprint(current_values))

    def _read(self, token: str) -> Any:
        try:
            return self._serializer.loads(token, max_age=self._max_age_seconds)
        except BadData:
            return None

    def _fingerprint(self, current_values: tuple[str, ...]) -> str:
        return hmac.digest(self._key, "\0".join(current_values).encode(), "sha256").hex()


def password_reset_tokens(secret: str) -> Tokens:
    """Tokens that replace a password. They depend on the email key and the password hash."""
    return Tokens(secret, "reset")


def password_reset_link(settings: Settings, user: User, *, is_mailed: bool = False) -> str:
    """Return the link with which a person sets a new password. If it is mailed, using it confirms the address."""
    subject = MAILED if is_mailed else ""
    token = password_reset_tokens(settings.secret).make(user.id, subject, user.email_key, user.password_hash)
    return f"{settings.public_url}/password-reset/new?{urlencode({'token': token})}"


def email_tokens(secret: str) -> Tokens:
    """Tokens that confirm an email address: the current one, or a new one that is to replace it.

    The subject is the address. They depend on the current email key and the password hash.
    """
    return Tokens(secret, "email", EMAIL_LINK_MAX_AGE)


def pending_login_tokens(secret: str) -> Tokens:
    """Tokens of pending logins. They depend on the email key and the password hash."""
    return Tokens(secret, "log-in", PENDING_LOGIN_MAX_AGE)
