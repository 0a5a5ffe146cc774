"""Logging in and out, and login sessions."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from flicklist.models import LoginSession, User
from flicklist.models.meta import token_hash, utc_now
from flicklist.services.passwords import PasswordHasher
from tests.clients import NEW_PASSWORD, PASSWORD, Client, follow_refusal, is_marked_invalid, messages, problems


@pytest.fixture
def alice_logged_out(alice):
    alice.log_out()
    return alice


def test_right_password_leads_to_watchlist(alice_logged_out):
    page = alice_logged_out.log_in().follow()
    assert page.request.path == alice_logged_out.list_path
    assert messages(page, "success") == ["Welcome back!"]


def test_letter_case_of_email_does_not_matter(alice_logged_out):
    alice_logged_out.log_in("ALICE@EXAMPLE.COM")
    assert alice_logged_out.is_logged_in


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice@example.com", "wrong horse battery"),
        ("alice@example.com", ""),
        ("alice@example.com", PASSWORD + " "),
        ("alice@example.com", "x" * 5000),
        ("bob@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ],
)
def test_every_failed_log_in_has_same_message(alice_logged_out, email, password):
    page = (
        alice_logged_out.fail_to_log_in(email, password) if email else follow_refusal(alice_logged_out.send("/login"))
    )
    assert problems(page) == ["Wrong email or password."]
    assert page.forms["log-in"]["email"].value == email
    assert not alice_logged_out.is_logged_in


def test_refused_log_in_marks_password_and_keeps_email_for_one_page(alice_logged_out):
    page = alice_logged_out.fail_to_log_in(password="wrong horse battery")
    assert is_marked_invalid(page, "password", "Wrong email or password.")
    again = alice_logged_out.get("/login")
    assert again.forms["log-in"]["email"].value == ""
    assert messages(again) == []
    assert not again.html.select("[aria-invalid]")


def test_refused_form_is_shown_only_on_its_own_page(alice_logged_out):
    form = alice_logged_out.get("/login").forms["log-in"]
    form["email"], form["password"] = alice_logged_out.email, "wrong horse battery"
    form.submit(status=303)
    alice_logged_out.head("/login")  # a HEAD response shows no form, so it consumes none
    register = alice_logged_out.get("/register")
    assert register.forms["register"]["email"].value == ""
    assert not register.html.select("[aria-invalid]")


def test_logging_in_as_another_person_needs_log_out_first(alice, bob):
    page = alice.send("/login", email=bob.email, password=PASSWORD).follow()
    assert page.request.path == alice.list_path
    assert messages(page, "info") == ["You’re already logged in as alice@example.com. Log out to use another account."]


def test_unknown_account_costs_the_same_hash(alice_logged_out, monkeypatch):
    checked = []
    monkeypatch.setattr("bcrypt.checkpw", lambda *arguments: bool(checked.append(arguments)))
    for email in ("alice@example.com", "nobody@example.com", "no address"):
        alice_logged_out.fail_to_log_in(email)
    assert len(checked) == 3
    costs = {stored[:7] for _, stored in checked}
    assert costs == {b"$2b$04$"}


def test_log_out_ends_login_session_of_copied_cookie(alice):
    thief = alice.copy()
    assert thief.is_logged_in
    page = alice.log_out()
    assert page.location.endswith("/login")
    assert messages(page.follow(), "success") == ["You’re logged out. See you soon!"]
    assert not thief.is_logged_in


def test_log_out_is_a_form_and_not_a_link(alice):
    assert alice.get("/logout", status=404)
    assert alice.is_logged_in


def test_log_out_of_anonymous_visitor_redirects_to_log_in(visitor):
    assert visitor.send("/logout").location.endswith("/login")


def test_each_login_session_has_a_row_with_hash_of_its_token(alice, app, db):
    phone = Client(app)
    phone.log_in("alice@example.com")
    rows = db.scalars(select(LoginSession)).all()
    assert len(rows) == 2
    assert all(len(row.token_hash) == 32 for row in rows)
    alice.log_out()
    assert phone.is_logged_in


def test_session_is_renewed_at_log_in_and_log_out(alice_logged_out):
    before = alice_logged_out.csrf_token()
    alice_logged_out.log_in()
    inside = alice_logged_out.csrf_token()
    alice_logged_out.log_out()
    alice_logged_out.list_path = None
    assert len({before, inside, alice_logged_out.csrf_token()}) == 3


@pytest.mark.parametrize(("column", "days"), [("created_at", 90), ("last_seen_at", 30)])
def test_login_session_expires(alice, db, column, days):
    row = db.scalars(select(LoginSession)).one()
    setattr(row, column, utc_now() - timedelta(days=days, seconds=-60))
    db.commit()
    assert alice.is_logged_in
    # That request may have updated the time of the last visit.
    db.execute(update(LoginSession).values({column: utc_now() - timedelta(days=days, seconds=1)}))
    db.commit()
    assert not alice.is_logged_in


@pytest.mark.parametrize(
    ("setting", "column"), [("login_session_days", "created_at"), ("login_session_idle_days", "last_seen_at")]
)
def test_lifetime_of_login_session_is_a_setting(make_app, alice, db, setting, column):
    short, long = (Client(make_app(**{setting: days}), alice.email) for days in ("3", "300"))
    for person, is_in in ((short, False), (long, True)):
        person.log_in()
        db.execute(update(LoginSession).values({column: utc_now() - timedelta(days=100)}))
        db.commit()
        assert person.is_logged_in == is_in


def test_expired_login_session_is_not_listed_and_deleted_at_next_log_in(alice, app, db):
    phone = Client(app)
    phone.log_in(alice.email)
    last = select(LoginSession.id).order_by(LoginSession.id.desc()).limit(1).scalar_subquery()
    db.execute(update(LoginSession).where(LoginSession.id == last).values(last_seen_at=utc_now() - timedelta(days=31)))
    db.commit()
    assert len(alice.get("/account/").html.select(".login-sessions li")) == 1
    assert len(db.scalars(select(LoginSession)).all()) == 2
    db.rollback()
    Client(app).log_in(alice.email)
    assert len(db.scalars(select(LoginSession)).all()) == 2


@pytest.mark.parametrize(("days", "lasts"), [(1, True), (30, False)])
def test_login_session_from_far_future_is_invalid(alice, db, days, lasts):
    db.execute(update(LoginSession).values(created_at=utc_now() + timedelta(days=days), last_seen_at=utc_now()))
    db.commit()
    assert alice.is_logged_in == lasts


def test_last_visit_is_updated_at_most_hourly(alice, db):
    def last_seen_at():
        db.expire_all()
        return db.scalars(select(LoginSession.last_seen_at)).one()

    first = last_seen_at()
    alice.get(alice.list_path)
    assert last_seen_at() == first
    db.execute(update(LoginSession).values(last_seen_at=utc_now() - timedelta(hours=1, seconds=1)))
    db.commit()
    alice.get(alice.list_path)
    assert utc_now() - last_seen_at() < timedelta(minutes=1)


def test_outdated_hash_is_renewed_at_log_in(alice_logged_out, make_app, db):
    dearer = Client(make_app(bcrypt_cost="5"))
    dearer.log_in("alice@example.com")
    assert "$05$" in db.scalars(select(User.password_hash)).one()
    alice_logged_out.log_in()
    db.expire_all()
    assert "$04$" in db.scalars(select(User.password_hash)).one()


def test_no_connection_is_held_while_hashing(app, db, monkeypatch):
    """Neither engine has a connection checked out while bcrypt works."""
    out = []

    def noting(function):
        def noted(*arguments, **options):
            out.append([engine.pool.checkedout() for engine in app.registry.engines])
            return function(*arguments, **options)

        return noted

    monkeypatch.setattr(PasswordHasher, "hash", noting(PasswordHasher.hash))
    monkeypatch.setattr(PasswordHasher, "verify", noting(PasswordHasher.verify))
    monkeypatch.setattr(PasswordHasher, "weakness", noting(PasswordHasher.weakness))
    person = Client(app)
    person.register("alice@example.com")
    stale = person.copy()
    person.log_out()
    stale.log_in()
    Client(app, "alice@example.com").log_in()
    last = db.scalars(select(LoginSession.id).order_by(LoginSession.id.desc())).first()
    stale.send(f"/account/login-sessions/{last}/end", current_password=PASSWORD)
    stale.send("/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD)
    assert out == [[0, 0]] * 8


def test_cookie_holds_two_random_tokens_and_messages(alice, db):
    alice.send(alice.list_path + "add", title="Heat")
    signed = base64.urlsafe_b64decode(alice.cookies["flicklist"] + "==")
    _, _, state = json.loads(signed[hashlib.sha512().digest_size :])
    assert set(state) == {"login_session", "_csrft_", "_f_success"}
    assert db.scalars(select(LoginSession.token_hash)).one() == token_hash(state["login_session"])
    assert len(base64.urlsafe_b64decode(state["login_session"] + "==")) == 32
    assert len(base64.urlsafe_b64decode(state["_csrft_"] + "==")) == 32


def test_person_has_at_most_fifty_login_sessions(app, alice, db):
    row = db.scalars(select(LoginSession)).one()
    old = {"user_id": row.user_id, "browser": "Old", "created_at": utc_now() - timedelta(days=2)}
    for number in range(120):
        visited = utc_now() - timedelta(days=1, minutes=number)
        db.add(LoginSession(**old, token_hash=token_hash(str(number)), last_seen_at=visited))
    other = User(email="bob@example.com", email_key="bob@example.com", password_hash="x")
    db.add(other)
    db.flush()
    db.add(LoginSession(user_id=other.id, token_hash=token_hash("bob"), browser="Old"))
    db.commit()
    phone = Client(app)
    phone.log_in(alice.email)
    assert (alice.is_logged_in, phone.is_logged_in) == (True, True)
    kept = db.scalars(select(LoginSession.token_hash).where(LoginSession.browser == "Old")).all()
    assert set(kept) == {token_hash(str(number)) for number in range(48)} | {token_hash("bob")}
    assert len(phone.get("/account/").html.select(".login-sessions li")) == 50


def test_concurrent_log_ins_leave_at_most_fifty_login_sessions(make_app, alice, db):
    site = make_app(max_concurrent_hashes="8")
    user_id = db.scalars(select(User.id)).one()
    for number in range(48):
        db.add(LoginSession(user_id=user_id, token_hash=token_hash(str(number)), browser="Old"))
    db.commit()
    people = [Client(site, alice.email) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Client.log_in, people))
    assert len(db.scalars(select(LoginSession.id)).all()) == 50
    assert all(person.is_logged_in for person in people)


@pytest.mark.parametrize(
    ("user_agent", "browser"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0", "Firefox on Linux"),
        ("", "An unknown browser"),
        ("\0x" * 500, "An unknown browser"),
    ],
)
def test_browser_name_is_stored_at_log_in(alice_logged_out, db, monkeypatch, user_agent, browser):
    alice_logged_out.extra_environ = {"HTTP_USER_AGENT": user_agent}
    alice_logged_out.log_in()
    assert db.scalars(select(LoginSession.browser)).one() == browser
    monkeypatch.setattr("ua_parser.parse", lambda _: pytest.fail("parsed again"))
    assert browser in alice_logged_out.get("/account/").html.select_one(".login-sessions").text


@pytest.mark.parametrize("path", ["", "watched?sort=title", "12/"])
def test_login_does_not_lead_to_the_list_of_somebody_else(visitor, alice, bob, path):
    form = {"email": bob.email, "password": PASSWORD}
    assert visitor.send("/login", next=alice.list_path + path, **form).location.endswith(bob.list_path)
    visitor.get(bob.list_path).forms["log-out"].submit(status=303)
    own = bob.list_path + path
    assert visitor.send("/login", next=own, **form).location.endswith(own)
