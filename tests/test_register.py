"""Registering: who gets an account, and what is said to those who do not."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from flicklist.models import Movie, User
from tests.people import PASSWORD, Person, messages, titles


def test_a_new_person_lands_on_their_own_empty_watchlist_with_a_welcome(visitor):
    page = visitor.register("alice@example.com").follow()
    assert page.request.path == visitor.list_path
    assert messages(page, "success") == ["Welcome to FlickList! Which movie do you want to see first?"]
    assert titles(page) == []
    assert "alice@example.com" in page.html.header.text


def test_a_watchlist_is_at_an_address_that_nobody_can_guess(alice, bob, monkeypatch, app):
    asked = []

    def from_the_system(length):
        asked.append(length)
        return "x" * 22

    monkeypatch.setattr("flicklist.models.user.secrets", SimpleNamespace(token_urlsafe=from_the_system))
    carol = Person(app)
    carol.register("carol@example.com")
    assert asked == [16]  # bytes of the system's random numbers, which are all of the address
    assert carol.list_path == f"/watchlists/{'x' * 22}/"
    assert len({person.list_path for person in (alice, bob, carol)}) == 3


@pytest.mark.parametrize(
    "email",
    [
        "",
        "alice",
        "alice@",
        "@example.com",
        "a b@example.com",
        "alice@localhost",
        "alice@example..com",
        "ａlice@example.com",
        "alice@example.com\r\nBcc: bob@example.com",
        "alice@example.com,bob@example.com",
    ],
)
def test_what_is_no_email_address_is_refused_and_stays_in_the_form(visitor, email, db):
    page = visitor.register(email, status=400)
    (said,) = messages(page, "error")
    assert said == (f"“{email}” does not seem like an email address." if email else "Please type your email address.")
    assert page.forms["register"]["email"].value == email
    assert db.scalars(select(User)).all() == []


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 8 characters"),
        ("x3$Kq9z", "at least 8 characters"),
        ("x" * 1001, "at most 1,000 characters"),
        ("password", "too easy to guess"),
        ("passwordpassword", "too easy to guess"),
        ("flicklistflicklist", "too easy to guess"),
        ("alice@example.com", "too easy to guess"),
    ],
)
def test_a_bad_password_is_refused_with_the_rule(visitor, password, reason, db):
    page = visitor.register("alice@example.com", password, status=400)
    (said,) = messages(page, "error")
    assert reason in said
    assert page.forms["register"]["email"].value == "alice@example.com"
    assert db.scalars(select(User)).all() == []


def test_two_different_passwords_are_refused(visitor):
    page = visitor.register("alice@example.com", verify="correct horse batteries", status=400)
    assert messages(page, "error") == ["The two passwords are not the same."]


def test_no_page_repeats_a_password(visitor):
    page = visitor.register("nobody", password="mirror mirror on the wall", status=400)
    assert "mirror" not in page.text
    page = visitor.log_in("nobody", password="mirror mirror on the wall", status=400)
    assert "mirror" not in page.text


@pytest.mark.parametrize(
    "twin", ["alice@example.com", "ALICE@Example.COM", " alice@example.com ", "alice@ｅxample.com"]
)
def test_an_email_address_has_one_account_in_whatever_spelling(alice, visitor, twin):
    page = visitor.register(twin, status=400)
    (said,) = messages(page, "error")
    assert said.startswith("An account with that email address already exists.")
    assert page.forms["register"]["email"].value == twin.strip()


def test_a_domain_is_the_same_composed_decomposed_and_in_ascii(visitor, app):
    visitor.register("alice@m\u00fcnchen.de")
    for twin in ("alice@mu\u0308nchen.de", "alice@xn--mnchen-3ya.de"):
        page = Person(app).register(twin, status=400)
        assert messages(page, "error")[0].startswith("An account with that email address already exists.")


def test_missing_fields_are_refused_as_empty_ones(visitor, db):
    page = visitor.send("/register", status=400)
    assert messages(page, "error") == ["Please type your email address."]
    assert db.scalars(select(User)).all() == []


def test_a_person_who_is_signed_in_is_sent_to_their_watchlist(alice):
    for path in ("/register", "/login"):
        assert alice.get(path, status=303).location.endswith(alice.list_path)
        assert alice.send(path, email="b@example.com", password=PASSWORD, verify=PASSWORD).location.endswith(
            alice.list_path
        )


def test_a_failure_half_way_leaves_nothing_behind(make_app, monkeypatch, db):
    """The account is stored, then signing in fails: both are gone."""
    app = make_app()
    monkeypatch.setattr("flicklist.security.SignIn.start", lambda *_: 1 / 0)
    visitor = Person(app)
    page = visitor.register("alice@example.com", status=500)
    assert "Something went wrong on our side" in page.text
    assert db.scalars(select(User)).all() == []
    assert "Welcome" not in visitor.get("/login").text
    assert db.scalars(select(Movie)).all() == []
