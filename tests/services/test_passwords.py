"""Password hashes and password strength."""

import os
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import bcrypt
import pytest

from flicklist.services.passwords import (
    MAX_PENDING_HASHES,
    MAX_PENDING_HASHES_OF_CLIENT,
    RESERVED_PLACES,
    HashQueue,
    PasswordHasher,
    Sender,
    TooBusy,
)

HASHER = PasswordHasher(4)


@pytest.mark.parametrize(
    "password",
    [
        "a" * 72,
        "a" * 73,
        "a" * 1000,
        "🔑" * 64,
        "пароль из слов",
        "        ",
        "nul\0nul",
        "\ud800 alone",
        "tab\tand\nline",
    ],
)
def test_any_password_verifies(password):
    assert HASHER.verify(password, HASHER.hash(password))


def test_unicode_normalization_form_of_password_does_not_matter():
    assert HASHER.verify("pa\u0308sswo\u0308rd", HASHER.hash("pässwörd"))


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("a" * 999 + "b", "a" * 999 + "c"),
        ("abc", "abc\0abc"),
        ("correct", "Correct"),
        ("correct", "correct "),
        ("a" * 72, "a" * 73),
        ("a" * 1000, "a" * 1001),
    ],
)
def test_wrong_password_does_not_verify(password, other):
    assert not HASHER.verify(other, HASHER.hash(password))


@pytest.mark.parametrize("cost", [4, 5])
def test_password_of_missing_account_is_compared_at_the_same_cost(cost, monkeypatch):
    results = []

    def checkpw(password, hashed):
        assert hashed.startswith(b"$2b$%02d$" % cost)
        results.append(compare(password, hashed))  # a malformed hash would raise ValueError at once
        return results[-1]

    compare = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert PasswordHasher(cost).verify("anything", None) is False
    assert results == [False]


@pytest.mark.parametrize("stored", [None, "", "junk", "$hs384$", "$hs384$$2b$04$short", "$2b$04$" + "x" * 53])
def test_missing_or_damaged_hash_verifies_nothing_and_raises_nothing(stored):
    assert HASHER.verify("anything", stored) is False


def test_hash_names_its_scheme_and_cost():
    assert HASHER.hash("x").startswith("$hs384$$2b$04$")
    assert len(HASHER.hash("x")) == 67


def test_hash_with_other_cost_or_scheme_is_outdated():
    assert not HASHER.is_outdated(HASHER.hash("x"))
    assert HASHER.is_outdated(PasswordHasher(5).hash("x"))
    assert HASHER.is_outdated(bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode())


@pytest.mark.parametrize("password", ["🔑🎬🍿🎥🎞️📽️🎟️🪑", "correct horse battery", "пароль из многих слов", "x7$kQ!pw2#"])
def test_password_has_no_composition_rules(password):
    assert HASHER.weakness(password, []) is None


@pytest.mark.parametrize(
    ("password", "hint"),
    [
        ("Passw0rd", ["It is like a common password, word or name."]),
        ("wednesday", ["It is like a common password, word or name."]),
        ("flicklist", ["It is like a common password, word or name."]),
        ("mnbvcxjhgf", ["Its keys are next to each other on the keyboard."]),
        ("flicklistflicklist", ["It repeats the same characters."]),
        ("abcdefgh", ["It is a sequence, such as “abcdef” or “6543”."]),
        ("1990-07-14", ["Dates and years are easy to guess."]),
        ("xkqzjwvp", []),
    ],
)
def test_weak_password_is_refused_with_a_hint(password, hint):
    expected = " ".join(["That password is too easy to guess.", *hint, "Try a few unrelated words."])
    assert HASHER.weakness(password, ["alice@example.com", "alice"]) == expected


EMAIL_AS_PASSWORD = "Don’t use your email address, or part of it, as your password."


@pytest.mark.parametrize("password", ["alice@example.com", "Alice@Example.com", "aliceali"])
def test_password_like_email_is_refused_with_the_reason(password):
    assert HASHER.weakness(password, ["alice@example.com", "alice"]) == EMAIL_AS_PASSWORD


def test_email_is_a_weak_password():
    known_words = ["zaphodbeeblebrox@example.com", "zaphodbeeblebrox"]
    assert HASHER.weakness("zaphodbeeblebrox", known_words) == EMAIL_AS_PASSWORD
    assert HASHER.weakness("zaphodbeeblebrox", []) is None


@pytest.mark.parametrize("email", ["bartholomew.featherstonehaugh@example.com", "alice@a-rather-long-company.example"])
def test_long_email_is_a_weak_password(email):
    local_part = email.partition("@")[0]
    for password in {email, email.upper(), local_part} - {"alice"}:
        assert HASHER.weakness(password, [email, local_part]) == EMAIL_AS_PASSWORD


def test_concurrent_strength_checks_are_limited(monkeypatch):
    """A strength check can take as long as a hash, so it waits in the same queue."""
    judges = threading.Event()
    monkeypatch.setattr("zxcvbn.zxcvbn", lambda *_, **__: judges.wait(10) and {"score": 4})
    hasher = PasswordHasher(4, at_once=1)
    with ThreadPoolExecutor(MAX_PENDING_HASHES_OF_CLIENT + 1) as pool:
        judged = [pool.submit(hasher.weakness, "correct horse battery", []) for _ in range(pool._max_workers)]  # noqa: SLF001
        (refused,) = wait(judged, 10, FIRST_COMPLETED).done
        judges.set()
    assert isinstance(refused.exception(), TooBusy)
    assert {each.result() for each in judged if each is not refused} == {None}


class Queue:
    """A queue of one thread or more, whose work waits until `finish`."""

    def __init__(self, at_once=1):
        self.queue = HashQueue(at_once)
        self.pool = ThreadPoolExecutor(MAX_PENDING_HASHES)
        self.may_finish = threading.Event()
        self.finished = []
        self.pending = []

    def send(self, client, number, user_id=None):
        """Send work, and return when it waits."""
        waiting = self.taken()
        self.pending.append(self.pool.submit(self.queue.run, Sender(client, user_id), self.work, number))
        end = time.monotonic() + 10
        while self.taken() == waiting and time.monotonic() < end:
            time.sleep(0.001)

    def taken(self):
        return sum(places._taken.total() for places in (self.queue._shared, self.queue._reserved))  # noqa: SLF001

    def is_full_for(self, client, user_id=None):
        try:
            self.queue.check_room(Sender(client, user_id))
        except TooBusy:
            return True
        return False

    def work(self, number):
        self.may_finish.wait(10)
        self.finished.append(number)

    def finish(self):
        self.may_finish.set()
        wait(self.pending, 10)


SHARED_PLACES = MAX_PENDING_HASHES - RESERVED_PLACES


@pytest.fixture
def queue():
    queue = Queue()
    yield queue
    queue.finish()


@pytest.fixture
def flooded(queue):
    """A queue in which many clients have taken all the places that strangers can take."""
    for number in range(SHARED_PLACES):
        queue.send(f"client {number}", number)
    return queue


def test_hashes_are_computed_in_order_of_arrival_up_to_a_limit(flooded):
    with pytest.raises(TooBusy):
        flooded.queue.run(Sender("another"), flooded.work, 99)
    flooded.finish()
    assert flooded.finished == list(range(SHARED_PLACES))
    flooded.queue.run(Sender("another"), flooded.work, 99)


def test_queue_has_as_many_places_on_a_machine_with_many_cores():
    """Otherwise the hashes could take all threads of the server."""
    queue = Queue(at_once=31)
    for number in range(SHARED_PLACES):
        queue.send(f"client {number}", number)
    assert queue.is_full_for("another")
    queue.finish()


def test_one_client_cannot_take_the_queue(queue):
    for number in range(MAX_PENDING_HASHES_OF_CLIENT):
        queue.send("greedy", number)
    with pytest.raises(TooBusy):
        queue.queue.run(Sender("greedy"), queue.work, 99)
    queue.send("another", 8)
    queue.finish()
    assert queue.finished == list(range(9))
    queue.queue.run(Sender("greedy"), queue.work, 99)
    assert not queue.queue._shared._taken  # noqa: SLF001 - no client is kept


def test_owners_of_accounts_have_places_that_strangers_cannot_take(flooded):
    flooded.send("client 0", 10, user_id=1)
    flooded.send("client 0", 11, user_id=2)
    assert flooded.is_full_for("client 0", user_id=3)
    flooded.finish()
    assert flooded.finished == list(range(MAX_PENDING_HASHES))
    assert not flooded.queue._reserved._taken  # noqa: SLF001 - no account is kept


def test_one_account_cannot_take_the_reserved_places(flooded):
    flooded.send("greedy", 10, user_id=1)
    assert flooded.is_full_for("greedy", user_id=1)
    assert not flooded.is_full_for("another", user_id=2)


def test_one_client_with_many_accounts_cannot_take_the_queue(queue):
    for number in range(MAX_PENDING_HASHES_OF_CLIENT + RESERVED_PLACES):
        queue.send("greedy", number, user_id=number)
    assert queue.is_full_for("greedy", user_id=99)
    assert not queue.is_full_for("another")
    assert not queue.is_full_for("another", user_id=100)


def test_owner_without_a_reserved_place_takes_another(queue):
    """Such as a person with two windows."""
    for number in range(2):
        queue.send("client", number, user_id=1)
    assert queue.taken() == 2


def test_hasher_takes_places_of_its_sender(monkeypatch):
    senders = []
    monkeypatch.setattr(HashQueue, "run", lambda self, sender, *_, **__: senders.append(sender))
    hasher = PasswordHasher(4).for_sender(Sender("192.0.2.1/32"))
    hasher.hash("x")
    hasher.for_owner(1).verify("x", None)
    assert senders == [Sender("192.0.2.1/32", None), Sender("192.0.2.1/32", 1)]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize(("server", "hashing"), [(0, 10), (5, 15), (15, 19)])
def test_hashing_has_lower_priority_than_pages(server, hashing):
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def niceness_while_hashing():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), server)
        return HashQueue(1).run(Sender(""), niceness)

    with ThreadPoolExecutor(1) as thread_of_page:
        assert thread_of_page.submit(niceness_while_hashing).result() == hashing


def test_passwords_are_hashed_where_priorities_cannot_be_changed(monkeypatch):
    def refuse(*arguments):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    hasher = PasswordHasher(4)
    assert hasher.verify("correct", hasher.hash("correct"))


def test_damaged_hash_leaves_no_place_in_queue():
    hasher = PasswordHasher(4)
    for _ in range(MAX_PENDING_HASHES + 1):
        assert hasher.verify("x", "junk") is False
