"""Links with which a person who forgot their password sets another one.

A link holds a signed token of the user's id and of a fingerprint of the present password and email. So a token works
for an hour, and only until the password or the email is changed: once.
"""

import hashlib
import hmac
from datetime import timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from pyramid.config import Configurator

from flicklist.security import subkey

LASTS = timedelta(hours=1)


class ResetTokens:
    """Makes and reads the tokens of one site."""

    def __init__(self, secret: str) -> None:
        self._key = subkey(secret, "reset").encode()
        self._serializer = URLSafeTimedSerializer(
            self._key, salt="reset", signer_kwargs={"digest_method": hashlib.sha512, "key_derivation": "hmac"}
        )

    def make(self, user_id: int, email_key: str, password_hash: str) -> str:
        return str(self._serializer.dumps([user_id, self._fingerprint(email_key, password_hash)]))

    def user_id(self, token: str) -> int | None:
        """Return whose token it is, if it was made here within the hour."""
        claim = self._read(token)
        return None if claim is None else claim[0]

    def fits(self, token: str, email_key: str, password_hash: str) -> bool:
        """Tell whether the password and the email are still those for which the token was made."""
        claim = self._read(token)
        return claim is not None and hmac.compare_digest(claim[1], self._fingerprint(email_key, password_hash))

    def _read(self, token: str) -> tuple[int, str] | None:
        try:
            user_id, fingerprint = self._serializer.loads(token, max_age=int(LASTS.total_seconds()))
        except BadData:
            return None
        return user_id, fingerprint

    def _fingerprint(self, email_key: str, password_hash: str) -> str:
        return hmac.digest(self._key, f"{email_key}\0{password_hash}".encode(), "sha256").hex()


def includeme(config: Configurator) -> None:
    """Give each request the site's ``reset_tokens``."""
    tokens = ResetTokens(config.registry.flicklist.secret)
    config.add_request_method(lambda request: tokens, "reset_tokens", reify=True)
