"""Passwords: how they are hashed, verified and judged.

A hash is ``$hs384$`` and a bcrypt string, computed over the base64 of HMAC-SHA384 of the NFC password: 64 bytes,
so that neither bcrypt's 72-byte limit nor its NUL rule is ever met, whatever a person types. That is the recipe of
OWASP's Password Storage cheat sheet; NFC is the form that NIST SP 800-63B-4 names.
"""

import base64
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt
import zxcvbn

MAX_PASSWORD_LENGTH = 1000
MAX_QUEUED_HASHES = 2
MIN_STRENGTH = 3
_SCHEME = "$hs384$"
# Separates these hashes from any other use of SHA-384. It is no secret: a key from the environment would have to be
# backed up with the database, or every account would be lost with it.
_DOMAIN = b"flicklist.passwords"
# Of 72 characters, which zxcvbn takes at most, those that stand for letters ("4@8({") cost it 4 s; 24 cost 0.4 s.
_JUDGED_LENGTH = 24


class TooBusy(Exception):
    """More passwords are to be hashed than the machine can hash beside its other work."""


class PasswordHasher:
    """Hashes, verifies and judges passwords, so many at once; a few more wait, and the rest is refused.

    Without the gate, eight people who log in at once keep everybody's pages waiting for a second and more.
    """

    def __init__(self, cost: int, at_once: int = 1, min_length: int = 8) -> None:
        self.cost = cost
        self.min_length = min_length
        self._queue = threading.BoundedSemaphore(at_once + MAX_QUEUED_HASHES)
        self._slots = threading.BoundedSemaphore(at_once)
        self._dummy_hash = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return a hash to be stored, 67 characters. Takes about 350 ms of processor time at cost 12.

        Raises `TooBusy`.
        """
        with self._slot():
            return _SCHEME + bcrypt.hashpw(_prepared(password), bcrypt.gensalt(self.cost)).decode()

    def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password is the stored one. Raises nothing but `TooBusy`.

        For ``None``, an account that does not exist, the same work is done, so that time tells nobody
        which accounts do.
        """
        known = stored if stored is not None and len(password) <= MAX_PASSWORD_LENGTH else None
        try:
            with self._slot():
                matches = bcrypt.checkpw(
                    _prepared(password[:MAX_PASSWORD_LENGTH]),
                    (known or self._dummy_hash).removeprefix(_SCHEME).encode(),
                )
        except ValueError:  # a damaged row
            return False
        return matches and known is not None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise TooBusy
        with self._slots:
            try:
                yield
            finally:
                self._queue.release()

    def weakness(self, password: str, known_words: list[str]) -> str | None:
        """Say what is wrong with a new password, as a sentence, or ``None``. Raises `TooBusy`.

        There are no composition rules (ASVS 5.0, 6.2.5); the strength of the beginning is judged by zxcvbn, which
        carries 30,000 common passwords, and to which ``known_words`` (the email) are as weak as those (ASVS 6.2.4,
        6.2.11).
        """
        if len(password) < self.min_length:
            return f"A password needs at least {self.min_length} characters."
        if len(password) > MAX_PASSWORD_LENGTH:
            return f"A password can have at most {MAX_PASSWORD_LENGTH:,} characters."
        with self._slot():
            words = [word[:_JUDGED_LENGTH] for word in ("flicklist", *known_words)]
            judged = zxcvbn.zxcvbn(password[:_JUDGED_LENGTH], user_inputs=words)
        if judged["score"] < MIN_STRENGTH:
            hint = judged["feedback"]["warning"] or "Add another word or two; uncommon words are better."
            return f"That password is too easy to guess. {hint.rstrip('.')}."
        return None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a stored hash was made by another scheme or at another cost than today's."""
        return not stored.startswith(f"{_SCHEME}$2b${self.cost:02}$")


def _prepared(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(_DOMAIN, text, "sha384"))
