"""Transactions: confirmed writes are stored, failures store nothing, and races have one winner."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyramid_retry import IRetryableError, mark_error_retryable
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from flicklist.db import writing_engine
from flicklist.models import Movie, User
from flicklist.services import accounts, two_factor
from flicklist.services.passwords import PasswordHasher
from flicklist.services.tokens import password_reset_tokens
from tests.clients import NEW_PASSWORD, OUTDATED_RESET_LINK, PASSWORD, Client, follow_refusal, messages, problems
from tests.conftest import SECRET

PEOPLE_AT_ONCE = 8
NEW_EMAIL = "ally@example.com"
LOGGED_OUT_MEANWHILE = (
    "You’ve just been logged out: your password or email address was changed, or your account deleted."
)


def run_concurrently(actions):
    """Run all actions concurrently, and return their results."""
    start = threading.Barrier(len(actions))

    def run(action):
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def send_registration(form, email):
    form["email"], form["password"], form["verify"] = email, PASSWORD, PASSWORD
    return form.submit(status=303)


def test_only_one_of_many_concurrent_registrations_of_an_email_succeeds(app, db):
    for round_ in range(5):
        forms = [Client(app).get("/register").forms["register"] for _ in range(PEOPLE_AT_ONCE)]
        emails = [f"alice{round_}@example.com", f"ALICE{round_}@example.com"] * (PEOPLE_AT_ONCE // 2)
        tried = run_concurrently(
            [
                lambda form=form, email=email: send_registration(form, email)
                for form, email in zip(forms, emails, strict=True)
            ]
        )
        pages = [response.follow() for response in tried if response.location.endswith("/register")]
        assert len(pages) == PEOPLE_AT_ONCE - 1
        for page in pages:
            assert problems(page) == ["An account with that email address already exists. If it’s yours, log in."]
        assert db.scalar(select(func.count()).select_from(User)) == round_ + 1
        db.rollback()


def test_movie_added_twice_concurrently_is_listed_once(alice, db):
    for round_ in range(5):
        clicks = [alice.copy() for _ in range(PEOPLE_AT_ONCE)]
        pages = run_concurrently([lambda click=click: click.add(f"Heat {round_}") for click in clicks])
        said = sorted(messages(page)[-1] for page in pages)
        assert said == sorted(
            [f"Added “Heat {round_}”."] + [f"“Heat {round_}” is already on your watchlist."] * (PEOPLE_AT_ONCE - 1)
        )
        assert db.scalar(select(func.count()).select_from(Movie)) == round_ + 1
        db.rollback()


def test_eight_concurrent_writers_never_get_a_locked_database(app, db):
    people = [Client(app, f"person{number}@example.com") for number in range(PEOPLE_AT_ONCE)]
    for person in people:
        person.register()

    def write(person):
        for number in range(5):
            person.add(f"Movie {number}")
            person.cross_off(f"Movie {number}")
            person.rate(f"Movie {number}", "4.5")

    run_concurrently([lambda person=person: write(person) for person in people])
    assert db.scalar(select(func.count()).where(Movie.rating == 9)) == 5 * PEOPLE_AT_ONCE


def test_concurrent_rating_and_move_to_watchlist_never_fail(alice, db):
    alice.add("Heat")
    movie_path = alice.movie_path("Heat")
    for _ in range(5):
        alice.send(movie_path + "/cross-off")
        first, second = alice.copy(), alice.copy()
        token = alice.csrf_token()
        run_concurrently(
            [
                lambda: first.post(movie_path + "/rate", {"csrf_token": token, "rating": "3"}, status=303),
                lambda: second.post(movie_path + "/move-to-watchlist", {"csrf_token": token}, status=303),
            ]
        )
        db.expire_all()
        movie = db.scalars(select(Movie)).one()
        assert (movie.watched_at, movie.rating) == (None, None)
        db.rollback()


def run_during_hash(monkeypatch, method, action):
    """Run an action once, while a request hashes or verifies a password."""
    original, waiting = getattr(PasswordHasher, method), [action]

    def slow(hasher, *arguments):
        if waiting:
            waiting.pop()()
        return original(hasher, *arguments)

    monkeypatch.setattr(PasswordHasher, method, slow)


def test_only_one_of_two_concurrent_uses_of_a_reset_token_succeeds(app, alice, db, monkeypatch):
    user = db.scalars(select(User)).one()
    token = password_reset_tokens(SECRET).make(user.id, "", user.email_key, user.password_hash)
    forms = [Client(app).get(f"/password-reset/new?token={token}").follow().forms["new-password"] for _ in range(2)]
    for form, password in zip(forms, [NEW_PASSWORD, "other staple donkey"], strict=True):
        form["password"] = form["verify"] = password
    run_during_hash(monkeypatch, "hash", lambda: forms[1].submit(status=303))
    page = forms[0].submit(status=303).follow()
    assert messages(page, "error") == [OUTDATED_RESET_LINK]
    Client(app).fail_to_log_in(alice.email, NEW_PASSWORD)
    Client(app).log_in(alice.email, "other staple donkey")


def test_reset_link_is_invalid_if_email_is_changed_meanwhile(run, app, alice, monkeypatch):
    link = run("password-reset-link", alice.email).output.strip().removeprefix("http://localhost:6543")
    form = Client(app).get(link).follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    run_during_hash(monkeypatch, "hash", lambda: change_email(alice))
    page = form.submit(status=303).follow()
    assert messages(page, "error") == [OUTDATED_RESET_LINK]
    assert alice.is_logged_in
    Client(app).log_in(NEW_EMAIL)


def change_email(person):
    return person.send("/account/change-email", current_password=PASSWORD, email=NEW_EMAIL)


def change_password(person, password, status=303):
    return person.send(
        "/account/change-password", status, current_password=PASSWORD, password=password, verify=password
    )


def test_only_one_of_two_concurrent_password_changes_succeeds(app, alice, monkeypatch):
    second = Client(app)
    second.log_in(alice.email)
    run_during_hash(monkeypatch, "hash", lambda: change_password(second, NEW_PASSWORD))
    change_password(alice, "other staple donkey", 303)
    assert not alice.is_logged_in
    Client(app).fail_to_log_in(alice.email, "other staple donkey")
    Client(app).log_in(alice.email, NEW_PASSWORD)


def test_log_in_fails_if_password_is_replaced_meanwhile(app, alice, monkeypatch, db):
    late = Client(app)
    form = late.get("/login").forms["log-in"]
    form["email"], form["password"] = alice.email, PASSWORD
    run_during_hash(monkeypatch, "verify", lambda: change_password(alice, NEW_PASSWORD))
    follow_refusal(form.submit())
    assert not late.is_logged_in
    assert alice.is_logged_in


@pytest.mark.parametrize("method", ["verify", "hash"])
def test_log_in_fails_if_email_is_changed_meanwhile(make_app, alice, monkeypatch, method):
    """The hash is renewed at the login, because the cost is another one."""
    late = Client(make_app(bcrypt_cost="5"))
    form = late.get("/login").forms["log-in"]
    form["email"], form["password"] = alice.email, PASSWORD
    run_during_hash(monkeypatch, method, lambda: change_email(alice))
    follow_refusal(form.submit())
    assert not late.is_logged_in
    assert alice.is_logged_in


def test_log_in_with_code_fails_if_email_is_changed_meanwhile(app, alice, monkeypatch):
    page = alice.turn_on_two_factor()
    codes = [code.text for code in page.html.select(".codes code")]
    late = Client(app)
    form = late.log_in(alice.email).follow().forms["code"]
    form["code"] = codes[0]
    read = accounts.credentials_by_token

    def read_and_change(*arguments):
        monkeypatch.undo()
        credentials = read(*arguments)
        fields = {"current_password": PASSWORD, "code": codes[1], "email": NEW_EMAIL}
        alice.send("/account/change-email", **fields)
        return credentials

    monkeypatch.setattr(accounts, "credentials_by_token", read_and_change)
    page = form.submit(status=303).follow()
    assert messages(page, "error") == ["Enter your password again."]
    assert not late.is_logged_in


@pytest.mark.parametrize("is_email", [False, True])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("change-email", {"email": "thief@example.com"}),
        ("change-password", {"password": "other staple donkey", "verify": "other staple donkey"}),
        ("export", {}),
        ("delete", {"word": "delete"}),
        ("login-sessions/end-others", {}),
        ("two-factor/confirm", {"code": "000000"}),
    ],
)
def test_reauth_fails_if_password_or_email_is_changed_meanwhile(app, alice, monkeypatch, path, fields, is_email):
    thief = Client(app, alice.email)
    thief.log_in()
    thief.begin_two_factor()
    token = thief.csrf_token()
    run_during_hash(
        monkeypatch, "verify", lambda: change_email(alice) if is_email else change_password(alice, NEW_PASSWORD)
    )
    page = thief.post(f"/account/{path}", {"csrf_token": token, "current_password": PASSWORD, **fields}, status=303)
    assert messages(page.follow(), "info") == [LOGGED_OUT_MEANWHILE]
    assert alice.is_logged_in
    expected = NEW_EMAIL if is_email else alice.email
    assert alice.get("/account/").html.header.select_one(".email").text == expected


def test_second_click_on_change_email_shows_the_new_email(alice, monkeypatch):
    twin = alice.copy()
    run_during_hash(monkeypatch, "verify", lambda: change_email(alice))
    page = twin.send("/account/change-email", email=NEW_EMAIL, current_password=PASSWORD, status=400)
    assert "Your password or your email address has just been changed." in page
    assert page.html.header.select_one(".email").text == NEW_EMAIL


def test_second_click_on_delete_leads_to_the_login(alice, monkeypatch):
    fields = {"word": "delete", "current_password": PASSWORD}
    token = alice.csrf_token()
    twin = alice.copy()
    run_during_hash(monkeypatch, "verify", lambda: alice.post("/account/delete", {"csrf_token": token, **fields}))
    page = twin.post("/account/delete", {"csrf_token": token, **fields}, status=303).follow()
    assert messages(page, "info") == [LOGGED_OUT_MEANWHILE]


def test_turning_on_two_factor_ends_concurrent_log_in(app, alice, monkeypatch):
    code = alice.begin_two_factor().now()
    fields = {"csrf_token": alice.csrf_token(), "current_password": PASSWORD, "code": code}
    thief, confirming, original = Client(app, alice.email), [], two_factor.credentials_if_on

    def slow(session, user_id):
        token = original(session, user_id)
        if not confirming:
            confirm = threading.Thread(target=alice.post, args=("/account/two-factor/confirm", fields))
            confirming.append(confirm)
            confirm.start()
            confirm.join(0.5)  # either it waits for this login, or it finishes
        return token

    monkeypatch.setattr(two_factor, "credentials_if_on", slow)
    thief.log_in()
    confirming[0].join()
    assert not thief.is_logged_in
    assert alice.is_logged_in


def test_view_that_fails_after_writing_stores_and_reports_nothing(make_app, alice, monkeypatch, db):
    alice.add("Heat")
    movie_path = alice.movie_path("Heat")
    app = make_app()
    person = Client(app, alice.email)
    person.log_in()
    person.list_path = alice.list_path
    person.get(alice.list_path)
    monkeypatch.setattr("flicklist.views.movie.redirect_back", lambda *_: 1 / 0)
    page = person.send(movie_path + "/cross-off", status=500)
    assert "This is not your fault. Nothing was changed." in page.text
    assert db.scalars(select(Movie.watched_at)).one() is None
    assert messages(person.get(alice.list_path)) == []


def test_failed_commit_is_not_reported_as_done(alice, monkeypatch, db):
    alice.get(alice.list_path)
    token = alice.csrf_token()

    def fail(self, transaction):
        raise ValueError("the disk is on fire")

    monkeypatch.setattr("zope.sqlalchemy.datamanager.SessionDataManager.tpc_vote", fail)
    page = alice.post(alice.list_path + "add", {"csrf_token": token, "title": "Heat"}, status=500)
    monkeypatch.undo()
    assert "Nothing was changed" in page.text
    assert messages(alice.get(alice.list_path)) == []
    assert db.scalars(select(Movie)).all() == []


def test_serialization_failure_is_retried(alice, monkeypatch, db):
    """The first attempt fails, and the retry succeeds without an error page."""
    attempts = []
    original = Movie.mark_watched

    def lose_once(movie, day):
        attempts.append(movie.id)
        original(movie, day)
        if len(attempts) == 1:
            error = OperationalError("UPDATE movies", {}, Exception("could not serialize access"))
            mark_error_retryable(error)
            raise error

    alice.add("Heat")
    monkeypatch.setattr(Movie, "mark_watched", lose_once)
    page = alice.cross_off("Heat")
    assert messages(page) == ["Watched “Heat” today."]
    assert len(attempts) == 2
    assert alice.watched() == ["Heat"]


def test_lost_race_is_retryable_but_not_a_wait_for_the_lock(app, database_url):
    """A request that has waited for the lock of SQLite in vain would keep its thread for two more waits."""
    first, second = writing_engine(database_url), writing_engine(database_url)
    is_sqlite = database_url.startswith("sqlite")
    if is_sqlite:
        with first.begin(), second.connect() as waiting:
            waiting.connection.dbapi_connection.execute("PRAGMA busy_timeout = 10")
            with pytest.raises(OperationalError) as lost:
                waiting.execute(text("SELECT 1"))
    else:
        with first.begin() as connection, pytest.raises(DBAPIError) as lost:
            connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))
    assert IRetryableError.providedBy(lost.value) != is_sqlite
    first.dispose()
    second.dispose()


@pytest.mark.parametrize(("losses", "logged"), [(1, 0), (3, 1)])
def test_lost_race_is_logged_only_if_the_request_is_not_repeated(alice, monkeypatch, caplog, losses, logged):
    attempts = []
    original = Movie.mark_watched

    def lose(movie, day):
        attempts.append(movie.id)
        original(movie, day)
        if len(attempts) <= losses:
            error = IntegrityError("UPDATE movies", {}, Exception("duplicate key"))
            mark_error_retryable(error)
            raise error

    alice.add("Heat")
    monkeypatch.setattr(Movie, "mark_watched", lose)
    alice.send(alice.movie_path("Heat") + "/cross-off", status="*")
    assert len([record for record in caplog.records if "Conflicting" in record.message]) == logged


def test_writers_of_sqlite_take_turns(database_url):
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL has many writers")
    engine, turns = writing_engine(database_url), []

    def write(number):
        with engine.begin():
            turns.append(number)

    with ThreadPoolExecutor(PEOPLE_AT_ONCE) as pool, engine.begin():
        for number in range(PEOPLE_AT_ONCE):
            pool.submit(write, number)
            time.sleep(0.05)
    engine.dispose()
    assert turns == list(range(PEOPLE_AT_ONCE))


def test_reading_page_opens_no_transaction(alice, monkeypatch):
    begun = []
    alice.get(alice.list_path)
    monkeypatch.setattr("transaction.TransactionManager.begin", begun.append)
    assert alice.get(alice.list_path + "watched").status_int == 200
    assert alice.head(alice.list_path).status_int == 200
    assert begun == []


def test_every_connection_is_returned_to_the_pool(alice, app):
    alice.add("Heat")
    alice.get("/nothing", status=404)
    alice.send(alice.list_path + "add", title="", status=400)
    assert [engine.pool.checkedout() for engine in app.registry.engines] == [0, 0]


def test_sqlite_pragmas_are_set(engine, app):
    reader, writer = app.registry.engines
    if engine.dialect.name != "sqlite":
        pytest.skip("about SQLite")
    for each in (reader, writer):
        with each.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "journal_size_limit")
            }
        assert pragmas == {
            "journal_mode": "wal",
            "foreign_keys": 1,
            "synchronous": 2,
            "busy_timeout": 10_000,
            "journal_size_limit": 64_000_000,
        }
