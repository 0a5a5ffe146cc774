"""Registration, and the messages for refused registrations."""

import base64
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from flicklist.models import Movie, User
from flicklist.services.passwords import PasswordHasher
from tests.clients import PASSWORD, Client, follow_refusal, is_marked_invalid, messages, problems, titles


def test_registration_leads_to_empty_watchlist_with_welcome(visitor):
    page = visitor.register("alice@example.com").follow()
    assert page.request.path == visitor.list_path
    assert messages(page, "success") == ["Welcome to FlickList!"]
    assert titles(page) == []
    assert "alice@example.com" in page.html.header.text


EMAIL_FIELD = ("email", "email", "username", "email")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/register",
            [
                (*EMAIL_FIELD, "next", True),
                ("password", "password", "new-password", None, "next", False),
                ("verify", "password", "new-password", None, "go", False),
            ],
        ),
        ("/login", [(*EMAIL_FIELD, "next", True), ("password", "password", "current-password", None, "go", False)]),
        ("/password-reset/", [(*EMAIL_FIELD, "send", True)]),
    ],
)
def test_fields_tell_keyboards_and_password_managers_what_they_are(mailing_site, path, expected):
    assert described_fields(Client(mailing_site).get(path)) == expected


def test_code_field_tells_keyboards_what_it_is(alice, app):
    alice.turn_on_two_factor()
    page = Client(app).log_in("alice@example.com").follow()
    assert described_fields(page) == [("code", None, "one-time-code", "text", "go", True)]


def described_fields(page):
    attributes = ("name", "type", "autocomplete", "inputmode", "enterkeyhint")
    fields = page.html.main.select("input:not([type=hidden])")
    return [(*map(field.get, attributes), field.has_attr("autofocus")) for field in fields]


def test_watchlist_url_is_unguessable(alice, bob, monkeypatch, app):
    asked = []

    def from_the_system(length):
        asked.append(length)
        return "x" * 22

    monkeypatch.setattr("flicklist.models.user.secrets", SimpleNamespace(token_urlsafe=from_the_system))
    carol = Client(app)
    carol.register("carol@example.com")
    assert asked == [16]  # bytes; the slug consists only of these random bytes
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
        "alice@nas",
        "alice@8.8.8.8.in-addr.arpa",
        "alice@example.invalid",
        "alice@example..com",
        "ａlice@example.com",
        "alice@example.com\r\nBcc: bob@example.com",
        "alice@example.com,bob@example.com",
    ],
)
def test_invalid_email_is_refused_and_stays_in_form(visitor, email, db):
    page = visitor.fail_to_register(email)
    (said,) = problems(page)
    assert said == (
        "That is not a valid email address. It should look like name@example.com."
        if email
        else "Enter your email address."
    )
    field = page.forms["register"]["email"]
    assert field.value == email
    assert is_marked_invalid(page, "email", said)
    assert db.scalars(select(User)).all() == []


@pytest.mark.parametrize("domain", ["nas.local", "mail.home.arpa", "localhost", "LOCALHOST", "a.localhost", "nas.lan"])
def test_email_address_of_a_network_at_home_can_register(visitor, domain):
    visitor.register(f"alice@{domain}")
    assert visitor.is_logged_in


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 8 characters"),
        ("x3$Kq9z", "at least 8 characters"),
        ("x" * 1001, "at most 1,000 characters"),
        ("password", "too easy to guess"),
        ("passwordpassword", "too easy to guess"),
        ("flicklistflicklist", "too easy to guess"),
        ("alice@example.com", "Don’t use your email address"),
    ],
)
def test_bad_password_is_refused_with_the_rule(visitor, password, reason, db):
    page = visitor.fail_to_register("alice@example.com", password)
    (said,) = problems(page)
    assert reason in said
    assert page.forms["register"]["email"].value == "alice@example.com"
    assert is_marked_invalid(page, "password", said)
    assert db.scalars(select(User)).all() == []


def test_two_different_passwords_are_refused(visitor):
    page = visitor.fail_to_register("alice@example.com", verify="correct horse batteries")
    assert messages(page, "error") == ["Repeat password: The passwords don’t match."]
    assert is_marked_invalid(page, "verify", "The passwords don’t match.")


def test_refused_form_does_not_repeat_password(visitor):
    page = visitor.fail_to_register("nobody", password="mirror mirror on the wall")
    assert "mirror" not in page.text
    page = visitor.fail_to_log_in("nobody", password="mirror mirror on the wall")
    assert "mirror" not in page.text
    session = base64.urlsafe_b64decode(visitor.cookies["flicklist"] + "==")
    assert b"mirror" not in session


@pytest.mark.parametrize(
    "twin", ["alice@example.com", "ALICE@Example.COM", " alice@example.com ", "alice@ｅxample.com"]
)
def test_email_has_one_account_in_any_spelling(alice, visitor, twin):
    page = visitor.fail_to_register(twin)
    (said,) = problems(page)
    assert said.startswith("An account with that email address already exists.")
    assert page.forms["register"]["email"].value == twin.strip()


def test_email_domain_is_same_composed_decomposed_and_ascii(visitor, app):
    visitor.register("alice@m\u00fcnchen.de")
    for twin in ("alice@mu\u0308nchen.de", "alice@xn--mnchen-3ya.de"):
        page = Client(app).fail_to_register(twin)
        assert problems(page)[0].startswith("An account with that email address already exists.")


def test_taken_email_is_refused_before_hashing_and_writing(alice, visitor, monkeypatch, statements):
    monkeypatch.setattr(PasswordHasher, "hash", lambda *_: 1 / 0)
    form = visitor.get("/register").forms["register"]
    form["email"], form["password"], form["verify"] = "ALICE@example.com", PASSWORD, PASSWORD
    del statements[:]
    page = follow_refusal(form.submit())
    assert is_marked_invalid(page, "email", "An account with that email address already exists. If it’s yours, log in.")
    (looked_up,) = statements
    assert looked_up.startswith("SELECT users.id")


def test_long_email_is_truncated_in_refused_form(visitor):
    page = visitor.fail_to_register("🎬" * 5_000)
    assert set(page.forms["register"]["email"].value) == {"🎬"}
    assert len(visitor.cookies["flicklist"]) < 2000
    page = visitor.fail_to_register("x" * 254)
    assert page.forms["register"]["email"].value == "x" * 254


def test_missing_fields_are_refused_like_empty_ones(visitor, db):
    page = follow_refusal(visitor.send("/register"))
    assert messages(page, "error") == ["Please correct 2 fields: “Email” and “Password”."]
    assert page.html.find(id="email-problem").text == "Enter your email address."
    assert db.scalars(select(User)).all() == []


def test_logged_in_person_is_redirected_to_watchlist(alice):
    for path in ("/register", "/login"):
        assert alice.get(path, status=303).location.endswith(alice.list_path)
        assert alice.send(path, email="b@example.com", password=PASSWORD, verify=PASSWORD).location.endswith(
            alice.list_path
        )


def test_failed_registration_stores_nothing(make_app, monkeypatch, db):
    """If the login after the registration fails, the account is rolled back."""
    app = make_app()
    monkeypatch.setattr("flicklist.models.LoginSession.start", lambda *_: 1 / 0)
    visitor = Client(app)
    page = visitor.register("alice@example.com", status=500)
    assert "Something went wrong" in page.text
    assert db.scalars(select(User)).all() == []
    assert "Welcome" not in visitor.get("/login").text
    assert db.scalars(select(Movie)).all() == []
