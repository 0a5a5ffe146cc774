"""Passwords: hashing, verification and strength.

The password is normalized to NFC, passed through HMAC-SHA384 and encoded as base64, which gives 64 bytes. bcrypt hashes
those, so neither its limit of 72 bytes nor its rule about NUL bytes applies. The stored text is ``$hs384$`` and the
bcrypt string. This is the recipe of OWASP's Password Storage cheat sheet. NIST SP 800-63B-4 recommends NFC.
"""

import base64
import copy
import hmac
import os
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

import bcrypt

MAX_PASSWORD_LENGTH = 1000
# Each one that waits occupies a thread of the server. Of the 16 in the ini files, at least four are left for pages.
MAX_PENDING_HASHES = 12
MAX_PENDING_HASHES_OF_CLIENT = 8
NICENESS = 10  # as in nice(1): pages get the processor first
MIN_STRENGTH = 3
_SCHEME = "$hs384$"
# Separates these hashes from other uses of SHA-384. It is not a secret: a secret key would have to be backed up with
# the database, and losing it would lose every account.
_DOMAIN = b"flicklist.passwords"
# Of a random password. Comparing with it takes as long as with any hash of the same cost.
_DUMMY_SALT_AND_HASH = "zedB/YCjh9d9PxnSOwyF1.PxHWgHhwQHD904IQwaqZaxPS17eVJ66"
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


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class TooBusy(Exception):
    """Too many passwords are waiting to be hashed."""


class HashQueue:
    """Does slow work in a few threads, in order of arrival. Too much pending work is refused.

    Without it, eight simultaneous logins delay all pages by more than a second. A client has a share of it, so that
    others can still log in while one client sends passwords without a pause.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, "flicklist-hash", _lower_priority)
        self._max_pending = max(at_once, MAX_PENDING_HASHES)
        self._pending: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(
        self,
        client: str,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Return the result of a function, after everything that was pending before. Raises `TooBusy`."""
        with self._lock:
            self._check_room(client)
            self._pending[client] += 1
            computed = self._threads.submit(work, *arguments, **options)
        try:
            return computed.result()
        finally:
            with self._lock:
                self._pending -= Counter([client])  # also forgets a client with none left

    def check_room(self, client: str) -> None:
        """Raise `TooBusy` if the queue, or the share of the client, is full."""
        with self._lock:
            self._check_room(client)

    def _check_room(self, client: str) -> None:
        if self._pending.total() >= self._max_pending or self._pending[client] >= MAX_PENDING_HASHES_OF_CLIENT:
            raise TooBusy


def _lower_priority() -> None:
    """Let pages go first. On Linux, a thread has its own priority."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class PasswordHasher:
    """Hashes, verifies and rates passwords, a limited number at once."""

    def __init__(self, cost: int, at_once: int = 1, min_length: int = 8) -> None:
        self.cost = cost
        self.min_length = min_length
        self.client = ""
        self._queue = HashQueue(at_once)
        self._dummy_hash = f"$2b${cost:02}${_DUMMY_SALT_AND_HASH}"

    def for_client(self, client: str) -> Self:
        """Return a hasher with the same queue, and with the share of one client in it."""
        hasher = copy.copy(self)
        hasher.client = client
        return hasher

    def check_room(self) -> None:
        """Raise `TooBusy` if a password would be refused now."""
        self._queue.check_room(self.client)

    def hash(self, password: str) -> str:
        """Return a hash to be stored, 67 characters. Takes about 350 ms of processor time at cost 12.

        Raises `TooBusy`.
        """
        return self._queue.run(self.client, _hash, password, self.cost)

    def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password matches the stored hash. Raises only `TooBusy`.

        For ``None``, an account that does not exist, it does the same work, so that the time does not reveal which
        accounts exist.
        """
        known = stored if stored is not None and len(password) <= MAX_PASSWORD_LENGTH else None
        prepared = _prepared(password[:MAX_PASSWORD_LENGTH])
        hashed = (known or self._dummy_hash).removeprefix(_SCHEME).encode()
        try:
            matches = self._queue.run(self.client, bcrypt.checkpw, prepared, hashed)
        except ValueError:  # a damaged row
            return False
        return matches and known is not None

    def weakness(self, password: str, known_words: list[str]) -> str | None:
        """Return what is wrong with a new password, as a sentence, or ``None``. Raises `TooBusy`.

        There are no composition rules (ASVS 5.0, 6.2.5). zxcvbn rates the beginning of the password. It knows 30,000
        common passwords, and treats ``known_words`` (the email address) like them (ASVS 6.2.4, 6.2.11).
        """
        if len(password) < self.min_length:
            return f"A password needs at least {self.min_length} characters."
        if len(password) > MAX_PASSWORD_LENGTH:
            return f"A password can have at most {MAX_PASSWORD_LENGTH:,} characters."
        import zxcvbn  # noqa: PLC0415 - 12 MB, which a process without registrations does not need

        words = [word[:_JUDGED_LENGTH] for word in (_SITE_NAME, *known_words)]
        judged = self._queue.run(self.client, zxcvbn.zxcvbn, password[:_JUDGED_LENGTH], user_inputs=words)
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


def _hash(password: str, cost: int) -> str:
    return _SCHEME + bcrypt.hashpw(_prepared(password), bcrypt.gensalt(cost)).decode()


def _prepared(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(_DOMAIN, text, "sha384"))
