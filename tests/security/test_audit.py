"""The audit log has a line for every event of authentication and access, and no user input."""

import re

import pytest
from sqlalchemy import select

from flicklist.models import User
from tests.clients import NEW_PASSWORD, PASSWORD, Client, follow_refusal
from tests.postbox import link_in

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 [a-z-]+ user=(\d+|-) client=([0-9a-f.:]+/\d+|-)")
FORGED = "x\r\n2026-01-01T00:00:00+00:00 logged-in user=1 client=-"


@pytest.fixture
def lines(caplog):
    """Return a function that returns the new lines of the log, without timestamps."""
    caplog.set_level("INFO", "flicklist.audit")

    def read():
        found = [record.getMessage() for record in caplog.records if record.name == "flicklist.audit"]
        assert all(LINE.fullmatch(line) for line in found), found
        caplog.clear()
        return [line.partition(" ")[2] for line in found]

    return read


def test_every_event_is_logged(app, lines, db, alice, bob):
    alice_id, bob_id = db.scalars(select(User.id).order_by(User.id)).all()
    Client(app).register("carol@example.com")
    assert lines() == [f"registered user={db.scalars(select(User.id).order_by(User.id.desc())).first()} client=-"]
    alice.log_out()
    alice.fail_to_log_in(password="wrong horse battery")
    alice.fail_to_log_in("nobody@example.com")
    alice.log_in("alice@example.com")
    assert lines() == [
        f"logged-out user={alice_id} client=-",
        f"log-in-failed user={alice_id} client=-",
        "log-in-failed user=- client=-",
        f"logged-in user={alice_id} client=-",
    ]
    bob.get(alice.list_path, status=404)
    alice.post("/logout", status=403)
    alice.post("/logout", headers={"Origin": "http://localhost"}, status=303)
    alice.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}, status=403)
    assert lines() == [
        f"forbidden user={bob_id} client=-",
        f"csrf-failed user={alice_id} client=-",
        f"csrf-failed user={alice_id} client=-",
        "csrf-failed user=- client=-",
    ]
    new = NEW_PASSWORD
    alice.send("/account/export", current_password=PASSWORD, status=200)
    alice.send("/account/change-email", email="ally@example.com", current_password=PASSWORD)
    alice.send("/account/change-password", current_password=PASSWORD, password=new, verify=new)
    alice.send("/account/login-sessions/end-others", current_password=new)
    alice.send("/account/delete", current_password=new, word="delete")
    events = ["exported", "email-changed", "password-changed", "login-sessions-ended", "account-deleted"]
    assert lines() == [f"{event} user={alice_id} client=-" for event in events]


def test_confirmation_of_email_is_logged(lines, db, mailing_site, postbox):
    carol = Client(mailing_site)
    carol.register("carol@example.com")
    user_id = db.scalars(select(User.id)).one()
    lines()
    carol.get(link_in(postbox.wait_for(1))).follow().forms["confirm"].submit(status=303)
    assert lines() == [f"email-confirmed user={user_id} client=-"]


def test_every_two_factor_event_is_logged(app, lines, db, alice):
    user_id = db.scalars(select(User.id)).one()
    place = "/account/two-factor/"
    page = alice.turn_on_two_factor()
    person = Client(app, "alice@example.com")
    form = person.log_in().follow().forms["code"]
    form["code"] = "wrong"
    form = follow_refusal(form.submit()).forms["code"]
    codes = [code.text for code in page.html.select(".codes code")]
    form["code"] = codes[0]
    form.submit(status=303)
    page = person.send(place + "renew-codes", status=200, current_password=PASSWORD, code=codes[1])
    person.send(place + "turn-off", current_password=PASSWORD, code="wrong", status=400)
    person.send(place + "turn-off", current_password=PASSWORD, code=page.html.select_one(".codes code").text)
    events = [
        "two-factor-on",
        "code-required",
        "two-factor-failed",
        "recovery-code-used",
        "logged-in",
        "recovery-code-used",
        "recovery-codes-renewed",
        "two-factor-failed",
        "recovery-code-used",
        "two-factor-off",
    ]
    assert lines() == [f"{event} user={user_id} client=-" for event in events]


def test_uncommitted_event_is_not_logged(app, lines, monkeypatch):
    def fail(self, transaction):
        raise ValueError("the disk is on fire")

    monkeypatch.setattr("zope.sqlalchemy.datamanager.SessionDataManager.tpc_vote", fail)
    Client(app).register("carol@example.com", status=500)
    assert lines() == []


def test_rejected_request_is_logged(visitor, lines):
    visitor.request("/", method="TRACE", status=405)
    visitor.get("/%00", status=400)
    assert lines() == ["malformed user=- client=-"] * 2


def test_password_reset_request_is_logged_without_identity(make_app, alice, lines):
    lines()
    visitor = Client(make_app(smtp_url="smtp://127.0.0.1:9", public_url="https://movies.example"))
    for address in ("alice@example.com", "nobody@example.com"):
        visitor.send("/password-reset/", email=address)
    assert lines() == ["password-reset-requested user=- client=-"] * 2


def test_rate_limited_request_is_logged(make_app, lines):
    person = Client(make_app(rate_limit_register="1 per hour"))
    person.fail_to_register("nobody")
    person.register("nobody", status=429)
    assert lines() == ["limited user=- client=-"]


@pytest.mark.parametrize(
    ("address", "network"), [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), (FORGED, "-")]
)
def test_only_network_of_client_is_logged(visitor, lines, address, network):
    visitor.fail_to_log_in("nobody@example.com")
    lines()
    visitor.extra_environ = {"REMOTE_ADDR": address}
    visitor.fail_to_log_in("nobody@example.com")
    assert lines() == [f"log-in-failed user=- client={network}"]


def test_log_lines_cannot_be_forged_and_contain_no_input(visitor, lines, caplog):
    caplog.set_level("DEBUG")
    visitor.extra_environ = {"HTTP_USER_AGENT": "agent-that-nobody-should-read"}
    visitor.send("/login", email=FORGED, password="secret-that-nobody-should-read", status=303)
    assert "nobody-should-read" not in caplog.text
    assert lines() == ["log-in-failed user=- client=-"]
