"""Rate limits, and the limit on concurrent password hashes."""

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from urllib.parse import urlsplit

import bcrypt
import limits
import pytest
from limits.errors import StorageError
from sqlalchemy import event, select
from webtest import Upload

from flicklist.models import Import, User
from flicklist.security import rate_limits
from flicklist.security.rate_limits import LONG_CHANGES, LONG_READS, UPLOADS_AT_ONCE
from flicklist.services import passwords
from flicklist.services.imports import storage
from flicklist.services.passwords import HashQueue, TooBusy
from flicklist.services.watchlist import NothingSelected
from flicklist.settings import Settings
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages
from tests.faults.conftest import wait_until

LIMITS = {
    "rate_limit_log_in": "3 per minute",
    "rate_limit_passwords": "6 per minute",
    "rate_limit_log_in_per_account": "9 per hour",
}
MAIL = {"smtp_url": "smtp://127.0.0.1:9", "public_url": "https://movies.example"}

DEFAULTS = {
    setting.name: "; ".join(
        f"{limit.amount} per {limit.multiples} {limit.GRANULARITY.name}" for limit in setting.default
    )
    for setting in fields(Settings)
    if setting.name.startswith("rate_limit_") and setting.name != "rate_limit_storage"
}


def at(person, address):
    """Set the IP address of a client, and return the client."""
    person.extra_environ = {"REMOTE_ADDR": address}
    return person


@pytest.fixture
def limited(make_app, alice):
    return make_app(**LIMITS)


def fail(person, email, times):
    for _ in range(times):
        person.fail_to_log_in(email, "wrong horse battery")


def wait(person, email):
    person.log_in(email, "wrong horse battery", status=429)


def test_failed_log_ins_block_account_from_that_address(limited):
    person = at(Client(limited), "192.0.2.1")
    fail(person, "alice@example.com", 3)
    page = person.log_in("alice@example.com", status=429)
    assert 0 < int(page.headers["Retry-After"]) <= 60
    assert page.html.h1.text == "Too many attempts"
    assert "Try again in" in page.html.main.text
    assert page.html.main.a.text == "Forgot your password?"
    assert "Nothing was" not in page.html.main.text
    assert not person.is_logged_in


def test_blocked_account_can_log_in_from_another_address(limited):
    fail(at(Client(limited), "192.0.2.1"), "alice@example.com", 3)
    at(Client(limited), "192.0.2.2").log_in("alice@example.com")


def test_log_ins_to_many_accounts_block_address(limited):
    person = at(Client(limited), "192.0.2.1")
    for number in range(6):
        fail(person, f"person{number}@example.com", 1)
    wait(person, "another@example.com")


def test_successful_log_ins_count_for_client_before_hash(limited, alice, monkeypatch):
    for _ in range(6):
        at(Client(limited), "192.0.2.1").log_in(alice.email)
    monkeypatch.setattr(HashQueue, "run", lambda *_: pytest.fail("a password was hashed"))
    page = at(Client(limited), "192.0.2.1").log_in(alice.email, status=429)
    assert 0 < int(page.headers["Retry-After"]) <= 60


def test_neighbor_networks_are_different_clients(limited, alice):
    for number in range(6):
        at(Client(limited), f"2001:db8::{number}").log_in(alice.email)
    wait(at(Client(limited), "2001:db8::ffff:1"), alice.email)
    at(Client(limited), "2001:db8:0:1::1").log_in(alice.email)


def test_class_behind_one_address_can_register_and_log_in(make_app):
    """Thirty people register, and mistype their password once when they log in."""
    site = make_app(**DEFAULTS)
    for number in range(30):
        at(Client(site), "192.0.2.1").register(f"person{number}@example.com")
    for number in range(30):
        person = at(Client(site), "192.0.2.1")
        fail(person, f"person{number}@example.com", 1)
        person.log_in(f"person{number}@example.com")


def test_failed_log_ins_from_many_addresses_block_account(limited):
    for number in range(9):
        fail(at(Client(limited), f"192.0.2.{number}"), "alice@example.com", 1)
    wait(at(Client(limited), "192.0.2.99"), "ALICE@example.com")


def test_client_cannot_forge_its_address(limited):
    for number in range(3):
        person = at(Client(limited), "192.0.2.1")
        person.extra_environ["HTTP_X_FORWARDED_FOR"] = f"198.51.100.{number}"
        fail(person, "alice@example.com", 1)
    wait(person, "alice@example.com")


def test_ipv6_network_is_one_client(limited):
    for number in range(3):
        fail(at(Client(limited), f"2001:db8::{number + 1}"), "alice@example.com", 1)
    wait(at(Client(limited), "2001:db8::ffff"), "alice@example.com")
    fail(at(Client(limited), "2001:db8:0:1::1"), "alice@example.com", 1)


def test_ipv4_client_on_dual_stack_socket_is_known_by_its_ipv4_address(limited):
    for number in range(3):
        fail(at(Client(limited), f"::ffff:192.0.2.{number}"), "alice@example.com", 1)
    fail(at(Client(limited), "::ffff:192.0.2.1"), "alice@example.com", 2)
    wait(at(Client(limited), "192.0.2.1"), "alice@example.com")


def test_malformed_email_counts_only_for_the_client(limited, db, alice):
    user_id = db.scalars(select(User.id)).one()
    for number in range(9):
        fail(at(Client(limited), f"192.0.2.{number}"), f"user:{user_id}", 1)
    person = at(Client(limited), "192.0.2.99")
    person.log_in("alice@example.com")
    person.send("/account/export", current_password="wrong", status=400)
    for _ in range(5):
        Client(limited).send("/login", email="x" * 9_000, password="wrong", status=303)
    kept = limited.registry.limiter.storage.events
    assert max(len(key) for key in kept) < 100


def test_refused_request_does_not_count_against_other_limits(make_app, alice):
    site = make_app(**MAIL, rate_limit_mail="2 per hour", rate_limit_mail_per_client="2 per hour")
    flooding = at(Client(site), "192.0.2.1")
    for status in (303, 303, 429, 429, 429):
        flooding.send("/password-reset/", email="nobody@example.com" if status == 303 else alice.email, status=status)
    at(Client(site), "192.0.2.2").send("/password-reset/", email=alice.email)


def test_only_failed_log_ins_count_for_account(limited):
    for number in range(12):
        at(Client(limited), f"192.0.2.{number // 4}").log_in("alice@example.com")


def test_guesses_of_current_password_are_limited(limited):
    person = at(Client(limited), "192.0.2.1")
    person.log_in("alice@example.com")
    for _ in range(3):
        person.send("/account/export", current_password="wrong", status=400)
    person.send("/account/export", current_password="wrong", status=429)


def test_registering_is_limited(make_app):
    person = at(Client(make_app(rate_limit_register="2 per hour")), "192.0.2.1")
    person.fail_to_register("nobody")
    person.fail_to_register("nobody")
    page = person.register("nobody", status=429)
    assert int(page.headers["Retry-After"]) > 3000
    assert "Try again in 60 minutes." in page.html.main.text


def test_changes_beyond_limit_are_refused_and_not_written(make_app, alice):
    person = Client(make_app(rate_limit_changes="3 per minute"))
    person.log_in("alice@example.com")
    person.list_path = alice.list_path
    for number in range(3):
        person.send(person.list_path + "add", title=f"Movie {number}")
    page = person.send(person.list_path + "add", title="One more", status=429)
    assert page.html.h1.text == "Too many changes"
    text = page.html.select_one(".failure h1 + p").text
    assert re.fullmatch(
        r"You made a lot of changes in a short time\. Nothing was saved\. Try again in \d+ seconds?\.", text
    )
    assert "One more" not in alice.watchlist()
    assert len(person.watchlist()) == 3


def test_logging_out_is_not_limited(make_app, alice):
    person = Client(make_app(rate_limit_changes="1 per hour"), alice.email)
    person.log_in()
    person.list_path = alice.list_path
    person.add("Heat")
    person.send(person.list_path + "add", title="Ran", status=429)
    person.log_out()
    assert not person.is_logged_in


def test_limits_are_counted_in_memory_without_redis(make_app, alice, caplog, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    site = make_app(**LIMITS, rate_limit_storage=f"redis://127.0.0.1:{port}")
    fail(Client(site), alice.email, 3)
    wait(Client(site), alice.email)
    assert lines_about_storage(caplog) == 1
    later = time.monotonic() + rate_limits.OUTAGE_SECONDS + 1
    monkeypatch.setattr("flicklist.security.rate_limits.time.monotonic", lambda: later)
    wait(Client(site), alice.email)
    wait(Client(site), alice.email)
    assert lines_about_storage(caplog) == 2
    assert "Traceback" not in caplog.text


def lines_about_storage(caplog):
    return len([line for line in caplog.text.splitlines() if "storage does not answer" in line])


def test_storage_is_used_again_after_outage(limited, alice, monkeypatch):
    def fail_to_answer(*_, **__):
        raise StorageError(OSError("connection refused"))

    with monkeypatch.context() as broken:
        broken.setattr(limited.registry.limiter.storage, "acquire_entry", fail_to_answer)
        fail(Client(limited), alice.email, 2)
    later = time.monotonic() + rate_limits.OUTAGE_SECONDS + 1
    monkeypatch.setattr("flicklist.security.rate_limits.time.monotonic", lambda: later)
    fail(Client(limited), alice.email, 1)
    assert limited.registry.limiter.storage.events


def test_hanging_storage_delays_log_in_only_briefly(make_app, alice):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = make_app(**LIMITS, rate_limit_storage=f"redis://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        Client(app).log_in("alice@example.com")
        assert time.monotonic() - started < 4
        app.registry.limiter.storage.storage.close()


@pytest.fixture
def redis_url():
    """The URL of an empty database of Redis."""
    redis = pytest.importorskip("redis")
    url = "redis://127.0.0.1:6379/15"
    client = redis.Redis.from_url(url, socket_connect_timeout=1)
    try:
        client.flushdb()
    except redis.ConnectionError:
        pytest.skip("no Redis answers on its standard port")
    yield url
    client.close()


def test_limits_can_be_kept_in_redis(make_app, alice, redis_url):
    """Two processes that share a storage share their counts."""
    one, two = make_app(**LIMITS, rate_limit_storage=redis_url), make_app(**LIMITS, rate_limit_storage=redis_url)
    fail(Client(one), "alice@example.com", 2)
    fail(Client(two), "alice@example.com", 1)
    wait(Client(two), "alice@example.com")
    for app in (one, two):
        app.registry.limiter.storage.storage.close()


@pytest.mark.parametrize("is_new", [False, True])
def test_eight_log_ins_or_registrations_at_once_succeed(make_app, monkeypatch, is_new):
    site = make_app(max_concurrent_hashes="1")
    people = [Client(site, f"person{number}@example.com") for number in range(8)]
    if not is_new:
        for person in people:
            Client(site).register(person.email)
    verify, hash_ = bcrypt.checkpw, bcrypt.hashpw
    monkeypatch.setattr("bcrypt.checkpw", lambda *arguments: time.sleep(0.1) or verify(*arguments))
    monkeypatch.setattr("bcrypt.hashpw", lambda *arguments: time.sleep(0.1) or hash_(*arguments))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Client.register if is_new else Client.log_in, people))
    assert all(person.is_logged_in for person in people)


@pytest.fixture
def full(monkeypatch):
    """Return a function that fills the queue of passwords."""
    return lambda: monkeypatch.setattr(HashQueue, "check_room", refuse)


def refuse(*_, **__):
    raise TooBusy


BUSY = ["Many people are logging in at the moment. Try again in 10 seconds."]


@pytest.mark.parametrize(("path", "form_id"), [("/login", "log-in"), ("/register", "register")])
def test_full_queue_shows_form_again_with_email(visitor, full, path, form_id):
    form = visitor.get(f"{path}?next=/account/").forms[form_id]
    form["email"], form["password"] = "carol@example.com", "correct horse battery"
    full()
    page = form.submit(status=503)
    assert page.headers["Retry-After"] == "10"
    assert messages(page) == BUSY
    again = page.forms[form_id]
    assert (again["email"].value, again["password"].value, again["next"].value) == (
        "carol@example.com",
        "",
        "/account/",
    )


def test_full_queue_shows_account_page_again(alice, full):
    form = alice.get("/account/").forms["email"]
    form["email"], form["current_password"] = "ally@example.com", PASSWORD
    full()
    page = form.submit(status=503)
    assert page.headers["Retry-After"] == "10"
    assert messages(page) == BUSY
    assert page.forms["email"]["email"].value == "ally@example.com"


def test_full_queue_shows_key_of_two_factor_again(alice, full):
    alice.begin_two_factor()
    token = alice.csrf_token()
    full()
    page = alice.post("/account/two-factor/confirm", {"csrf_token": token, "current_password": PASSWORD}, status=503)
    assert (messages(page), page.headers["Retry-After"]) == (BUSY, "10")
    assert page.html.select_one(".key")


def test_full_queue_keeps_password_reset(visitor, alice, run):
    link = urlsplit(run("password-reset-link", alice.email).output.strip())
    form = visitor.get(f"{link.path}?{link.query}").follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HashQueue, "check_room", refuse)
        page = form.submit(status=503)
    assert (messages(page), page.headers["Retry-After"]) == (BUSY, "10")
    again = page.forms["new-password"]
    again["password"] = again["verify"] = NEW_PASSWORD
    again.submit(status=303)
    visitor.log_in(alice.email, NEW_PASSWORD)


def test_form_that_was_put_off_counts_neither_as_log_in_nor_as_registration(make_app, alice, monkeypatch):
    site = make_app(rate_limit_passwords="1 per hour", rate_limit_register="1 per hour")
    with monkeypatch.context() as full:
        full.setattr(HashQueue, "check_room", refuse)
        for _ in range(3):
            Client(site).log_in(alice.email, status=503)
            Client(site).register("carol@example.com", status=503)
    Client(site).register("carol@example.com")
    Client(site).log_in(alice.email)
    Client(site).log_in(alice.email, status=429)


def test_one_client_cannot_fill_the_queue_of_the_site(make_app, alice, monkeypatch):
    """One client sends more than its share at once, and another person still gets in."""
    site = make_app(max_concurrent_hashes="1")
    verify, may_finish = bcrypt.checkpw, threading.Event()
    monkeypatch.setattr("bcrypt.checkpw", lambda *arguments: may_finish.wait(10) and verify(*arguments))
    greedy = [at(Client(site, alice.email), "192.0.2.1") for _ in range(10)]
    with ThreadPoolExecutor(11) as pool:
        sent = [pool.submit(person.log_in, status=(303, 503)) for person in greedy]
        wait_until(lambda: sum(each.done() for each in sent) == 2, "two are put off")
        other = at(Client(site, alice.email), "192.0.2.2")
        sent_by_other = pool.submit(other.log_in)
        time.sleep(0.1)
        may_finish.set()
        sent_by_other.result()
    assert other.is_logged_in
    assert [each.result().status_int for each in sent].count(303) == 8


@pytest.fixture
def flooded(make_app, alice, bob, monkeypatch):
    """A site whose queue is full of passwords from ten addresses, which are verified when a second password waits."""
    site = make_app(max_concurrent_hashes="1")
    verify, waiting, may_finish = bcrypt.checkpw, [], threading.Event()
    take_place = passwords.Places.take

    def take(places, holder):
        take_place(places, holder)
        waiting.append(holder)
        if len(waiting) > STRANGERS:
            may_finish.set()

    monkeypatch.setattr(passwords.Places, "take", take)
    monkeypatch.setattr("bcrypt.checkpw", lambda *arguments: may_finish.wait(20) and verify(*arguments))
    with ThreadPoolExecutor(STRANGERS) as pool:
        for number in range(STRANGERS):
            pool.submit(fail, at(Client(site), f"192.0.2.{number}"), "nobody@example.com", 1)
        wait_until(lambda: len(waiting) == STRANGERS, "all strangers wait")
        yield site
        may_finish.set()


STRANGERS = passwords.MAX_PENDING_HASHES - passwords.RESERVED_PLACES


def on(site, person):
    """Return a client of another instance of the site with the cookies of a person."""
    other = person.copy()
    other.app = Client(site).app
    return other


def test_strangers_are_put_off_while_others_fill_the_queue(flooded, alice):
    Client(flooded, alice.email).log_in(status=503)


def test_known_browser_logs_in_while_strangers_fill_the_queue(flooded, alice):
    alice.log_out()
    known = on(flooded, alice)
    known.log_in()
    assert known.is_logged_in


def test_browser_known_to_another_account_is_put_off_while_strangers_fill_the_queue(flooded, alice, bob):
    alice.log_out()
    on(flooded, alice).log_in(bob.email, status=503)


def test_logged_in_person_changes_password_while_strangers_fill_the_queue(flooded, alice):
    person = on(flooded, alice)
    person.send("/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD)
    assert "Your password was changed" in messages(person.get("/account/"))[0]


def test_owner_of_mailbox_resets_password_while_strangers_fill_the_queue(flooded, alice, run):
    link = urlsplit(run("password-reset-link", alice.email).output.strip())
    person = Client(flooded)
    form = person.get(f"{link.path}?{link.query}").follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    assert "Your password was changed" in messages(form.submit(status=303).follow())[0]


READING = {
    "rate_limit_searches": "2 per minute",
    "rate_limit_completions": "2 per minute",
    "rate_limit_downloads": "2 per hour",
}


@pytest.fixture
def reading(make_app, alice):
    """Alice, on a site that allows two requests of each kind that reads much."""
    person = Client(make_app(**READING), alice.email)
    person.log_in().follow()
    person.list_path = alice.list_path
    return person


@pytest.mark.parametrize(
    "path",
    [
        "?q=heat",
        "?genre=Drama",
        "watched?q=heat",
        "watched?watched_from=2001",
        "changes/",
        "matches?q=heat",
        "tags?q=own",
        "/suggestions?q=heat",
    ],
)
def test_request_that_reads_much_is_limited(reading, path):
    path = path if path.startswith("/") else reading.list_path + path
    for _ in range(2):
        reading.get(path, status=200)
    refused = reading.get(path, status=429)
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    title, reason = (
        ("Too many searches", "You searched a lot in a short time.")
        if "?" in path
        else ("Too many pages", "You opened a lot of pages in a short time.")
    )
    assert refused.html.h1.text == title
    text = refused.html.select_one(".failure h1 + p").text
    assert re.fullmatch(rf"{re.escape(reason)} Try again in \d+ seconds?\.", text)


def test_finding_counts_as_search(reading):
    for _ in range(2):
        reading.find("heat")
    reading.get(f"{reading.list_path}?q=heat", status=429)


def test_searches_of_one_person_do_not_limit_another(reading, bob):
    for status in (200, 200, 429):
        reading.get(reading.list_path + "?q=heat", status=status)
    other = Client(reading.app, bob.email)
    other.log_in()
    other.get(bob.list_path + "?q=heat", status=200)


def test_pages_without_search_are_not_limited(reading):
    for _ in range(4):
        for path in ("", "?sort=title", "?select=some", "?q=", "watched", "removed", "imports/"):
            reading.get(reading.list_path + path, status=200)


def test_exports_are_limited(reading):
    for status in (200, 200, 429):
        reading.send("/account/export", current_password=PASSWORD, status=status)


@pytest.fixture
def many_reads(alice, monkeypatch):
    """As many requests of Alice that read much as she may have under way. Setting the event ends them."""
    is_over, begun = threading.Event(), []

    def slow(*arguments):
        begun.append(True)
        is_over.wait()
        return []

    monkeypatch.setattr("flicklist.views.suggestions.find_matches", slow)
    number = rate_limits.MOST_UNDER_WAY[LONG_READS].of_person
    with ThreadPoolExecutor(number) as pool:
        for copy in [alice.copy() for _ in range(number)]:
            pool.submit(copy.get, f"{alice.list_path}matches?q=heat")
        try:
            wait_until(lambda: len(begun) == number, "all requests are under way")
            yield is_over
        finally:
            is_over.set()


@pytest.mark.parametrize("path", ["?q=heat", "matches?q=heat", "tags?q=heat", "changes/"])
def test_one_person_cannot_occupy_all_threads_with_long_reads(alice, bob, many_reads, path):
    refused = alice.get(alice.list_path + path, status=429)
    assert refused.headers["Retry-After"] == str(rate_limits.RETRY_SECONDS)
    alice.get(alice.list_path, status=200)
    bob.get(bob.list_path + "?q=heat", status=200)
    many_reads.set()
    wait_until(lambda: alice.get(alice.list_path + path, status="*").status_int == 200, "Alice may read again")


def test_one_person_cannot_occupy_all_threads_with_exports(alice, many_reads):
    alice.send("/account/export", current_password=PASSWORD, status=429)


class Clock:
    """A clock for the time of reads, which only `reads_take` moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def reads_take(monkeypatch):
    """Return a function that says how long a request for movies on the list takes from now on, in seconds."""
    clock = Clock()
    monkeypatch.setattr(rate_limits, "perf_counter", clock)

    def take(seconds):
        def find(*_):
            clock.now += seconds
            return []

        monkeypatch.setattr("flicklist.views.suggestions.find_matches", find)

    return take


READ_SECONDS = {"rate_limit_read_seconds": "20 per minute"}


def log_in_to(site, person):
    copy = Client(site, person.email)
    copy.log_in().follow()
    copy.list_path = person.list_path
    return copy


@pytest.mark.parametrize("storage", ["memory", "redis"])
def test_time_of_long_reads_is_limited_for_each_person(make_app, alice, bob, reads_take, request, storage):
    """The fourth read takes more than what is left."""
    url = "memory://" if storage == "memory" else request.getfixturevalue("redis_url")
    site = make_app(**READ_SECONDS, rate_limit_storage=url)
    alice, bob = log_in_to(site, alice), log_in_to(site, bob)
    reads_take(6)
    for _ in range(4):
        alice.get(f"{alice.list_path}matches?q=heat", status=200)
    refused = alice.get(f"{alice.list_path}?q=heat", status=429)
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.html.h1.text == "Too many long searches"
    for path in ("matches?q=heat", "tags?q=heat", "watched?q=heat", "changes/"):
        alice.get(alice.list_path + path, status=429)
    alice.send("/account/export", current_password=PASSWORD, status=429)
    assert alice.get(alice.list_path, status=200)
    assert alice.add("Heat")
    bob.get(f"{bob.list_path}?q=heat", status=200)
    if storage == "redis":
        site.registry.limiter.storage.storage.close()


def test_one_read_that_takes_more_than_the_limit_counts(make_app, alice, reads_take):
    alice = log_in_to(make_app(**READ_SECONDS), alice)
    reads_take(50)
    alice.get(f"{alice.list_path}matches?q=heat", status=200)
    alice.get(f"{alice.list_path}matches?q=heat", status=429)


def test_short_reads_are_not_counted(make_app, alice, reads_take, monkeypatch):
    site = make_app(**READ_SECONDS)
    alice = log_in_to(site, alice)
    monkeypatch.setattr(site.registry.limiter, "use_up", lambda *_: pytest.fail("a short read was counted"))
    reads_take(0.09)
    for _ in range(3):
        alice.get(f"{alice.list_path}matches?q=heat", status=200)


def test_reads_that_end_at_the_same_moment_use_up_the_limit(make_app, monkeypatch):
    """Another request takes some of what is left, between looking and counting."""
    limiter = make_app().registry.limiter
    limit = limits.parse("10 per minute")
    look, count = limiter.storage.get_moving_window, limiter.storage.acquire_entry

    def look_before_others(*arguments):
        window = look(*arguments)
        count(*arguments, amount=4)
        return window

    monkeypatch.setattr(limiter.storage, "get_moving_window", look_before_others)
    limiter.use_up(rate_limits.Rule((limit,), "reads", ("1",)), 10)
    assert look(limit.key_for("reads", "1"), limit.amount, limit.get_expiry())[1] == 9


def test_long_reads_of_all_people_leave_threads_for_pages(app):
    reads = app.registry.under_way[LONG_READS]
    with ExitStack() as stack:
        for number in range(rate_limits.MOST_UNDER_WAY[LONG_READS].number):
            stack.enter_context(reads.begin(number, f"192.0.2.{number}"))
        with pytest.raises(rate_limits.RateLimited), reads.begin(99, "192.0.2.99"):
            pass
    with reads.begin(99, "192.0.2.99"):
        pass


def test_one_client_with_many_accounts_leaves_long_reads_to_others(app):
    reads = app.registry.under_way[LONG_READS]
    with ExitStack() as stack:
        for number in range(rate_limits.MOST_UNDER_WAY[LONG_READS].of_client):
            stack.enter_context(reads.begin(number, "192.0.2.1"))
        with pytest.raises(rate_limits.RateLimited), reads.begin(99, "192.0.2.1"):
            pass
        with reads.begin(99, "192.0.2.2"):
            pass


@pytest.fixture
def many_changes(alice, monkeypatch):
    """As many changes of many movies as Alice may have under way."""
    is_over, begun = threading.Event(), []

    def slow(*arguments):
        begun.append(True)
        is_over.wait()
        raise NothingSelected

    monkeypatch.setattr("flicklist.views.watchlist._find_selected", slow)
    number = rate_limits.MOST_UNDER_WAY[LONG_CHANGES].of_person
    token = alice.csrf_token()
    with ThreadPoolExecutor(number) as pool:
        for copy in [alice.copy() for _ in range(number)]:
            pool.submit(copy.post, f"{alice.list_path}cross-off", {"csrf_token": token, "movie": "1"}, status="*")
        try:
            wait_until(lambda: len(begun) == number, "all changes are under way")
            yield is_over
        finally:
            is_over.set()


@pytest.mark.parametrize("verb", ["cross-off", "move-to-watchlist", "rate", "remove", "tag", "untag"])
def test_one_person_cannot_occupy_all_threads_with_changes_of_many_movies(alice, many_changes, verb):
    page = alice.send(alice.list_path + verb, movie="1", status=429)
    assert page.html.h1.text == "Too many changes at once"
    assert alice.send(alice.list_path + "add", title="Heat", status=303)


def test_one_client_with_many_accounts_leaves_long_changes_to_others(app):
    changes = app.registry.under_way[LONG_CHANGES]
    with ExitStack() as stack:
        for number in range(rate_limits.MOST_UNDER_WAY[LONG_CHANGES].of_client):
            stack.enter_context(changes.begin(number, "192.0.2.1"))
        with pytest.raises(rate_limits.RateLimited), changes.begin(99, "192.0.2.1"):
            pass
        with changes.begin(99, "192.0.2.2"):
            pass


def test_all_viewings_of_a_movie_are_limited_like_searches(reading):
    reading.add("Heat")
    path = reading.movie_path("Heat") + "/"
    for status in (200, 200, 429):
        reading.get(path + "?viewings=all", status=status)
    reading.get(path, status=200)


def uploader(site, person):
    """Return a person on a site, where they may have other limits."""
    other = Client(site, person.email)
    other.log_in()
    other.list_path = person.list_path
    return other


def upload(person, status=303):
    fields = {"csrf_token": person.csrf_token(), "file": Upload("list.txt", b"Heat")}
    return person.post(person.list_path + "imports/", fields, status=status)


def test_uploads_are_limited_for_each_person(make_app, alice, bob, db):
    site = make_app(rate_limit_uploads="2 per hour")
    person = uploader(site, alice)
    for status in (303, 303, 429):
        page = upload(person, status)
    assert int(page.headers["Retry-After"]) > 3000
    assert page.html.h1.text == "Too many uploads"
    text = page.html.select_one(".failure h1 + p").text
    assert text == "You uploaded a lot in a short time. Nothing was saved. Try again in 60 minutes."
    assert len(db.scalars(select(Import)).all()) == 2
    person.get(person.list_path + "imports/", status=200)
    upload(uploader(site, bob))


@pytest.fixture
def slow_upload(alice, monkeypatch):
    """An upload of Alice that is being stored. Setting the event ends it."""
    is_over, store = threading.Event(), storage.store
    begun = threading.Event()

    def store_first_slowly(*arguments):
        if not begun.is_set():
            begun.set()
            is_over.wait(10)
        return store(*arguments)

    monkeypatch.setattr("flicklist.views.imports.storage.store", store_first_slowly)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(upload, alice.copy())
        try:
            assert begun.wait(10)
            yield is_over
        finally:
            is_over.set()
        sent.result()


def test_person_has_one_upload_under_way(alice, slow_upload, monkeypatch):
    with monkeypatch.context() as unread:
        unread.setattr("flicklist.sanity.MultipartParser", lambda *_, **__: pytest.fail("the file was read"))
        refused = upload(alice, status=429)
    assert refused.headers["Retry-After"] == str(rate_limits.RETRY_SECONDS)
    assert refused.html.h1.text == "Too many uploads at once"
    slow_upload.set()
    wait_until(lambda: upload(alice, status="*").status_int == 303, "Alice may upload again")


def test_client_has_two_uploads_under_way():
    uploads = rate_limits.UnderWay(UPLOADS_AT_ONCE)
    with uploads.begin(1, "192.0.2.1"), uploads.begin(2, "192.0.2.1"):
        with pytest.raises(rate_limits.RateLimited), uploads.begin(3, "192.0.2.1"):
            pass
        with pytest.raises(rate_limits.RateLimited), uploads.begin(1, "192.0.2.2"):
            pass
        with uploads.begin(3, "192.0.2.2"):
            pass


def test_upload_is_under_way_until_it_is_committed(app, alice, db):
    """Otherwise, the next one would wait for the lock of SQLite."""
    user_id = db.scalars(select(User.id)).one()
    refused, writer = [], app.registry.engines[1]

    def begin_another(connection):
        with (
            pytest.raises(rate_limits.RateLimited),
            app.registry.under_way[UPLOADS_AT_ONCE].begin(user_id, "192.0.2.1"),
        ):
            pass
        refused.append(True)

    event.listen(writer, "commit", begin_another)
    try:
        upload(alice)
    finally:
        event.remove(writer, "commit", begin_another)
    assert refused == [True]
    with app.registry.under_way[UPLOADS_AT_ONCE].begin(user_id, "192.0.2.1"):
        pass


def test_fast_typing_does_not_meet_the_limit():
    """Two requests are sent after a pause of 120 milliseconds, see suggest.js."""
    (limit,) = limits.parse_many(DEFAULTS["rate_limit_completions"])
    pauses_per_second = 1000 / 120
    assert limit.amount / limit.get_expiry() > 2 * pauses_per_second


def test_counting_searches_costs_no_statement(reading, alice):
    assert _statements_of_search(reading) == _statements_of_search(alice)


def _statements_of_search(person):
    sent = []
    for engine in person.app.registry.engines:
        event.listen(engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    person.get(person.list_path + "?q=heat")
    return sent
