"""Passwords: hashing, verification and strength.

The password is normalized to NFC, passed through HMAC-SHA384 and encoded as base64, which gives 64 bytes. bcrypt hashes
those, so neither its limit of 72 bytes nor its rule about NUL bytes applies. The stored text is ``$hs384$`` and the
bcrypt string. This is the recipe of OWASP's Password Storage cheat sheet. NIST SP 800-63B-4 recommends NFC.
"""

import base64
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bcrypt
import zxcvbn

MAX_PASSWORD_LENGTH = 1000
MAX_QUEUED_HASHES = 2
MIN_STRENGTH = 3
_SCHEME = "$hs384$"
# Separates these hashes from other uses of SHA-384. It is not a secret: a secret key would have to be backed up with
# the database, and losing it would lose every account.
_DOMAIN = b"flicklist.passwords"
# zxcvbn accepts 72 characters, but takes 4 s if each replaces a letter, as in "4@8({". It takes 0.4 s for 24.
_JUDGED_LENGTH = 24
_SITE_NAME = "flicklist"
# By zxcvbn's patterns.
_HINTS = {
    "dictionary": "It is like a common password, word or name.",
    "spatial": "Its keys are next to each other on the keyboard.",
    "repeat": "It repeats the same characters.",
    "sequence": "It is a sequence, such as “abcdef” or “6543”.",
    "regex": "Dates and years are easy to guess.",
    "date": "Dates and years are easy to guess.",
}


class TooBusy(Exception):
    """Too many passwords are waiting to be hashed."""


class PasswordHasher:
    """Hashes, verifies and rates a limited number of passwords at once. A few more wait; others raise `TooBusy`.

    Without this limit, eight simultaneous logins delay all pages by more than a second.
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
        """Return whether the password matches the stored hash. Raises only `TooBusy`.

        For ``None``, an account that does not exist, it does the same work, so that the time does not reveal which
        accounts exist.
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
        """Return what is wrong with a new password, as a sentence, or ``None``. Raises `TooBusy`.

        There are no composition rules (ASVS 5.0, 6.2.5). zxcvbn rates the beginning of the password. It knows 30,000
        common passwords, and treats ``known_words`` (the email address) like them (ASVS 6.2.4, 6.2.11).
        """
        if len(password) < self.min_length:
            return f"A password needs at least {self.min_length} characters."
        if len(password) > MAX_PASSWORD_LENGTH:
            return f"A password can have at most {MAX_PASSWORD_LENGTH:,} characters."
        with self._slot():
            words = [word[:_JUDGED_LENGTH] for word in (_SITE_NAME, *known_words)]
            judged = zxcvbn.zxcvbn(password[:_JUDGED_LENGTH], user_inputs=words)
        return _problem(judged["sequence"]) if judged["score"] < MIN_STRENGTH else None

    def is_outdated(self, stored: str) -> bool:
        """Return whether a stored hash has another scheme or cost than new ones."""
        return not stored.startswith(f"{_SCHEME}$2b${self.cost:02}$")


def _problem(matches: list[dict[str, Any]]) -> str:
    """Return what is wrong with a weak password, by the longest of zxcvbn's matches."""
    longest = max(matches, key=lambda match: len(match["token"]), default={"pattern": ""})
    if longest.get("dictionary_name") == "user_inputs" and longest["matched_word"] != _SITE_NAME:
        return "Don’t use your email address, or part of it, as your password."
    return f"That password is too easy to guess. {_HINTS.get(longest['pattern'], 'A few unrelated words work well.')}"


def _prepared(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(_DOMAIN, text, "sha384"))
