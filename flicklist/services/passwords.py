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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

import bcrypt

from flicklist.places import Places

MAX_PASSWORD_LENGTH = 1000
# Each one that waits occupies a thread of the server. Of the 16 in the ini files, at least four are left for pages.
MAX_PENDING_HASHES = 12
MAX_PENDING_HASHES_OF_CLIENT = 8
# Places for owners of accounts, which strangers cannot take. An owner needs one at a time.
RESERVED_PLACES = 2
RESERVED_PLACES_OF_ACCOUNT = 1
NICENESS = 10  # added to that of the server, as in nice(1): pages get the processor first
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


class Sender(NamedTuple):
    """A client that sends a password.

    It has a `user_id` if it is probably the owner of that account: a person who is logged in, a browser that has logged
    in before, or somebody with a link to reset the password.
    """

    client: str
    user_id: int | None = None


class HashQueue:
    """Does slow work in a few threads, in order of arrival. Too much pending work is refused.

    Without it, eight simultaneous logins delay all pages by more than a second. A client has a share of the places, so
    that others can still log in while one client sends passwords without a pause. A few more places are reserved for
    the owners of accounts, so that they get in while many clients do.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, "flicklist-hash", _lower_priority)
        self._shared = Places(MAX_PENDING_HASHES - RESERVED_PLACES, MAX_PENDING_HASHES_OF_CLIENT)
        self._reserved = Places(RESERVED_PLACES, RESERVED_PLACES_OF_ACCOUNT)
        self._lock = threading.Lock()

    def run(
        self,
        sender: Sender,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Return the result of a function, after everything that was pending before. Raises `TooBusy`."""
        with self._lock:
            places, holder = self._find_room(sender)
            places.take(holder)
            computed = self._threads.submit(work, *arguments, **options)
        try:
            return computed.result()
        finally:
            with self._lock:
                places.leave(holder)

    def check_room(self, sender: Sender) -> None:
        """Raise `TooBusy` if there is no place for this sender."""
        with self._lock:
            self._find_room(sender)

    def _find_room(self, sender: Sender) -> tuple[Places, str | int]:
        """Return the places of which the sender can take one, and as whom. Raises `TooBusy`."""
        if sender.user_id is not None and self._reserved.has_room(sender.user_id):
            return self._reserved, sender.user_id
        if self._shared.has_room(sender.client):
            return self._shared, sender.client
        raise TooBusy


def _lower_priority() -> None:
    """Let pages go first. On Linux, a thread has its own priority. A sandbox may not allow changing it."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)


class PasswordHasher:
    """Hashes, verifies and rates passwords, a limited number at once."""

    def __init__(self, cost: int, at_once: int = 1, min_length: int = 8) -> None:
        self.cost = cost
        self.min_length = min_length
        self.sender = Sender("")
        self._queue = HashQueue(at_once)
        self._dummy_hash = f"$2b${cost:02}${_DUMMY_SALT_AND_HASH}"

    def for_sender(self, sender: Sender) -> Self:
        """Return a hasher with the same queue, and with the places that a sender can take."""
        hasher = copy.copy(self)
        hasher.sender = sender
        return hasher

    def for_owner(self, user_id: int) -> Self:
        """Return a hasher for the same client as the owner of an account."""
        return self.for_sender(self.sender._replace(user_id=user_id))

    def check_room(self) -> None:
        """Raise `TooBusy` if a password would be refused now."""
        self._queue.check_room(self.sender)

    def hash(self, password: str) -> str:
        """Return a hash to be stored, 67 characters. Takes about 350 ms of processor time at cost 12.

        Raises `TooBusy`.
        """
        return self._queue.run(self.sender, _hash, password, self.cost)

    def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password matches the stored hash. Raises only `TooBusy`.

        For ``None``, an account that does not exist, it does the same work, so that the time does not reveal which
        accounts exist.
        """
        known = stored if stored is not None and len(password) <= MAX_PASSWORD_LENGTH else None
        prepared = _prepared(password[:MAX_PASSWORD_LENGTH])
        hashed = (known or self._dummy_hash).removeprefix(_SCHEME).encode()
        try:
            matches = self._queue.run(self.sender, bcrypt.checkpw, prepared, hashed)
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
        judged = self._queue.run(self.sender, zxcvbn.zxcvbn, password[:_JUDGED_LENGTH], user_inputs=words)
        return _problem(judged["sequence"]) if judged["score"] < MIN_STRENGTH else None

    def is_outdated(self, stored: str) -> bool:
        """Return whether a stored hash has another scheme or cost than new ones."""
        return not stored.startswith(f"{_SCHEME}$2b${self.cost:02}$")


def _problem(matches: list[dict[str, Any]]) -> str:
    """Return what is wrong with a weak password, by the longest of zxcvbn's matches."""
    longest = max(matches, key=lambda match: len(match["token"]), default={"pattern": ""})
    if longest.get("dictionary_name") == "user_inputs" and longest["matched_word"] != _SITE_NAME:
        return "Don’t use your email address, or part of it, as your password."
    reason = _HINTS.get(longest["pattern"], "")
    return " ".join(filter(None, ("That password is too easy to guess.", reason, "Try a few unrelated words.")))


def _hash(password: str, cost: int) -> str:
    return _SCHEME + bcrypt.hashpw(_prepared(password), bcrypt.gensalt(cost)).decode()


def _prepared(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(_DOMAIN, text, "sha384"))
