"""Two-factor authentication: setup, login, re-authentication, recovery codes and turning it off."""

import base64
import time
from types import SimpleNamespace

import pyotp
import pytest
from sqlalchemy import select

from flicklist.models import RecoveryCode, TwoFactor, User, two_factor
from flicklist.services.tokens import password_reset_tokens
from tests.clients import NEW_PASSWORD, PASSWORD, Client, follow_refusal, messages, problems
from tests.conftest import SECRET
from tests.test_transactions import run_concurrently

PLACE = "/account/two-factor/"
EMAIL = "alice@example.com"
WRONG_CODE = "That code is wrong or was already used. Wait for the next code from your app, or use a recovery code."


@pytest.fixture
def clock(monkeypatch):
    """A clock for verifying codes, which stands still until the test moves it."""
    clock = SimpleNamespace(now=1_800_000_000)
    monkeypatch.setattr(two_factor, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture
def phone(clock):
    """An authenticator app."""

    class App:
        def read(self, page):
            self.totp = pyotp.TOTP(page.html.select_one(".key").text.replace(" ", ""))

        @property
        def code(self):
            return self.totp.at(clock.now)

    return App()


@pytest.fixture
def codes(alice, phone, clock):
    """Turn on two-factor authentication for Alice, move the clock by a minute, and return her recovery codes."""
    page = set_up(alice, phone)
    clock.now += 60
    return [code.text for code in page.html.select(".codes code")]


def begin(person):
    """Start the setup, and return the page that shows the key."""
    return person.get("/account/").forms["start-two-factor"].submit(status=303).follow()


def set_up(person, phone, status=200):
    page = begin(person)
    phone.read(page)
    form = page.forms["confirm"]
    form["current_password"], form["code"] = PASSWORD, phone.code
    return form.submit(status=status)


def start_login(app, password=PASSWORD):
    """Enter Alice's password. Return the client, and the page that asks for the code."""
    person = Client(app, EMAIL)
    return person, person.log_in(password=password).follow()


def type_code(page, code):
    form = page.forms["code"]
    form["code"] = code
    return form.submit(status=303)


def test_two_factor_is_off_by_default(alice, app, db):
    person = Client(app, EMAIL)
    person.log_in()
    assert person.is_logged_in
    assert db.scalars(select(TwoFactor)).all() == []


def test_turning_on_needs_password(alice, phone, db):
    page = begin(alice)
    phone.read(page)
    for current in ("", "wrong"):
        form = page.forms["confirm"]
        form["current_password"], form["code"] = current, phone.code
        page = form.submit(status=400)
        assert problems(page) == ["That is not your current password."]
        assert page.html.select_one(".key")
    assert db.scalars(select(TwoFactor.confirmed_at)).one() is None


def test_qr_code_is_svg_without_inline_style(alice, phone):
    page = begin(alice)
    drawing = alice.get(page.html.select_one("img.qr")["src"])
    assert drawing.content_type == "image/svg+xml"
    assert drawing.headers["Cache-Control"] == "no-store"
    assert "<path" in drawing
    assert "style" not in drawing


def test_two_factor_is_off_until_a_code_is_accepted(alice, app, phone):
    page = begin(alice)
    form = page.forms["confirm"]
    form["current_password"], form["code"] = PASSWORD, "000000"
    page = form.submit(status=400)
    problem = "That code is wrong. Wait for the next code from your app, and check that your phone’s clock is right."
    assert problems(page) == [problem]
    person = Client(app, EMAIL)
    person.log_in()
    assert person.is_logged_in


def test_unconfirmed_key_is_replaced(alice, phone):
    assert begin(alice).html.select_one(".key").text != begin(alice).html.select_one(".key").text


def test_double_click_turns_on_two_factor_once(alice, db, phone, clock):
    fields = {"csrf_token": alice.csrf_token()}
    clicks = [alice.copy() for _ in range(4)]
    run_concurrently([lambda click=click: click.post(PLACE + "start", fields, status=303) for click in clicks])
    assert len(db.scalars(select(TwoFactor)).all()) == 1
    db.rollback()
    set_up(alice, phone)
    clock.now += 30
    fields = {"csrf_token": alice.csrf_token(), "current_password": PASSWORD, "code": phone.code}
    clicks = [alice.copy() for _ in range(4)]
    answers = run_concurrently(
        [lambda click=click: click.post(PLACE + "renew-codes", fields, status="*") for click in clicks]
    )
    assert sorted(answer.status_int for answer in answers) == [200, 400, 400, 400]
    assert len(db.scalars(select(RecoveryCode)).all()) == 8


def test_turning_on_ends_other_login_sessions_and_shows_codes_once(alice, app, phone):
    other, copied = Client(app, EMAIL), alice.copy()
    other.log_in()
    page = set_up(alice, phone)
    assert messages(page, "success") == ["Two-step verification is on. All other browsers are logged out."]
    codes = [code.text for code in page.html.select(".codes code")]
    assert len(set(codes)) == 8
    assert alice.is_logged_in
    assert not other.is_logged_in
    assert not copied.is_logged_in
    assert "8 left" in alice.get("/account/")
    alice.get(PLACE, status=303)
    alice.get(PLACE + "qr", status=404)
    alice.send(PLACE + "confirm", current_password=PASSWORD, code=phone.code)
    assert codes[0] not in alice.get("/account/")


def test_active_two_factor_is_not_set_up_again(alice, codes, db):
    page = alice.send(PLACE + "start").follow()
    assert messages(page, "info") == ["Two-step verification is already on."]
    assert len(db.scalars(select(TwoFactor)).all()) == 1


def test_password_alone_does_not_log_in(app, codes):
    person, page = start_login(app)
    assert page.request.path == "/login-code"
    assert "No phone and no recovery codes?" in page.html.main.text
    assert not person.is_logged_in
    assert not person.copy().is_logged_in


def test_code_logs_in_and_opens_wanted_page(app, alice, codes, phone):
    person = Client(app, EMAIL)
    page = person.log_in(page=f"/login?next={alice.list_path}watched").follow()
    answer = type_code(page, phone.code[:3] + " " + phone.code[3:])
    assert answer.location == f"http://localhost{alice.list_path}watched"
    assert person.is_logged_in


@pytest.mark.parametrize("seconds", [-30, 30])
def test_code_from_slightly_wrong_clock_is_accepted(app, codes, phone, clock, seconds):
    _, page = start_login(app)
    type_code(page, phone.totp.at(clock.now + seconds))


@pytest.mark.parametrize("seconds", [-60, 60, 3600])
def test_code_from_another_time_is_refused(app, codes, phone, clock, seconds):
    clock.now += 3600
    _, page = start_login(app)
    page = follow_refusal(type_code(page, phone.totp.at(clock.now + seconds)))
    assert problems(page) == [WRONG_CODE]


def test_code_works_once(app, codes, phone, clock):
    _, page = start_login(app)
    code = phone.code
    type_code(page, code)
    _, page = start_login(app)
    follow_refusal(type_code(page, code))
    follow_refusal(type_code(page, phone.totp.at(clock.now - 30)))
    clock.now += 30
    type_code(page, phone.code)


def test_code_that_turned_on_two_factor_does_not_log_in(app, alice, phone):
    set_up(alice, phone)
    _, page = start_login(app)
    follow_refusal(type_code(page, phone.code))


@pytest.mark.parametrize("code", ["", "0", "ⅷ" * 6, "\ud800", "1" * 10_000, "１２３４５６"])
def test_malformed_code_is_refused(app, codes, code):
    _, page = start_login(app)
    follow_refusal(type_code(page, code.encode("utf-8", "replace").decode()))


def test_recovery_code_logs_in_once_in_any_spelling(app, alice, codes):
    _, page = start_login(app)
    type_code(page, codes[0].upper().replace(" ", "-"))
    assert "7 left" in alice.get("/account/")
    _, page = start_login(app)
    follow_refusal(type_code(page, codes[0]))


def test_recovery_codes_are_stored_as_hashes(codes, db):
    hashes = db.scalars(select(RecoveryCode.code_hash)).all()
    assert len(set(hashes)) == len(set(codes)) == 8
    assert {len(base64.b32decode(code.replace(" ", "").upper())) * 8 for code in codes} == {120}
    assert codes[0].replace(" ", "").encode() not in hashes


def test_new_recovery_codes_replace_old_ones(app, alice, codes, phone):
    form = alice.get("/account/").forms["renew-codes"]
    form["current_password"], form["code"] = "wrong", phone.code
    form.submit(status=400)
    form["current_password"] = PASSWORD
    new = [code.text for code in form.submit().html.select(".codes code")]
    assert not set(new) & set(codes)
    _, page = start_login(app)
    follow_refusal(type_code(page, codes[1]))
    type_code(page, new[1])


def test_recovery_codes_are_downloaded_as_text(alice, phone):
    page = set_up(alice, phone)
    codes = [code.text for code in page.html.select(".codes code")]
    answer = page.forms["download-codes"].submit()
    assert answer.content_type == "text/plain"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="flicklist-recovery-codes.txt"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.request.query_string == ""
    assert answer.text.splitlines() == [
        f"Recovery codes of FlickList for {EMAIL} at localhost:80", "Each line is one code and works once.", "", *codes,
    ]  # fmt: skip


def test_only_own_unused_recovery_codes_are_downloaded(alice, app, bob, codes):
    _, page = start_login(app)
    type_code(page, codes[0])
    answer = alice.send(PLACE + "download-codes", code=[*codes[:2], "<script>"], status=200)
    assert answer.text.splitlines()[3:] == [codes[1]]
    for typed in ([], codes):
        page = bob.send(PLACE + "download-codes", code=typed).follow()
        assert messages(page, "error") == ["These recovery codes no longer work, or belong to another account."]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/change-password", {"password": NEW_PASSWORD, "verify": NEW_PASSWORD}),
        ("/account/change-email", {"email": "ally@example.com"}),
        ("/account/export", {}),
        ("/account/delete", {"word": "delete"}),
        ("/account/login-sessions/end-others", {}),
        (PLACE + "renew-codes", {}),
        (PLACE + "turn-off", {}),
    ],
    ids=lambda value: value.rpartition("/")[2] if isinstance(value, str) else "",
)
def test_reauth_needs_code(alice, codes, phone, path, fields):
    for code in ("", "000000"):
        page = alice.send(path, current_password=PASSWORD, code=code, status=400, **fields)
        assert problems(page) == [WRONG_CODE]
    answer = alice.send(path, current_password=PASSWORD, code=phone.code, status="*", **fields)
    assert answer.status_int in {200, 303}


def test_every_form_with_password_has_code_field(alice, codes):
    forms = alice.get("/account/").html.select("form:has([name=current_password])")
    assert len(forms) == 6
    assert all(form.select("[name=code]") for form in forms)


def test_code_used_for_one_action_is_refused_for_another(alice, codes, phone, clock):
    alice.send("/account/export", current_password=PASSWORD, code=phone.code, status=200)
    alice.send("/account/export", current_password=PASSWORD, code=phone.code, status=400)
    alice.send("/account/export", current_password=PASSWORD, code=codes[0], status=200)
    assert "7 left" in alice.get("/account/")


def test_form_refused_before_reauth_does_not_use_up_code(alice, bob, codes, phone):
    alice.send("/account/change-email", email="bob@example.com", current_password=PASSWORD, code=phone.code, status=400)
    alice.send("/account/change-email", email="ally@example.com", current_password=PASSWORD, code=phone.code)


def test_code_is_used_up_even_if_action_fails(app, alice, codes, phone, monkeypatch):
    monkeypatch.setattr("flicklist.services.accounts.is_email_taken", lambda *_: False)  # as if taken after the check
    Client(app).register("bob@example.com")
    alice.send("/account/change-email", email="bob@example.com", current_password=PASSWORD, code=phone.code, status=303)
    alice.send("/account/export", current_password=PASSWORD, code=phone.code, status=400)


def test_code_guesses_on_account_page_are_limited(make_app, alice, codes, phone):
    alice.app = make_app(rate_limit_two_factor="5 per 5 minutes")
    for _ in range(5):
        alice.send(PLACE + "turn-off", current_password=PASSWORD, code="000000", status=400)
    alice.send(PLACE + "turn-off", current_password=PASSWORD, code=phone.code, status=429)


def test_turning_off_needs_password_and_code_and_deletes_recovery_codes(app, alice, codes, db, phone):
    alice.send(PLACE + "turn-off", current_password="wrong", code=phone.code, status=400)
    page = alice.send(PLACE + "turn-off", current_password=PASSWORD, code=phone.code).follow()
    assert messages(page, "success") == ["Two-step verification is off. You only need your password to log in."]
    person = Client(app, EMAIL)
    person.log_in()
    assert person.is_logged_in
    assert db.scalars(select(RecoveryCode)).all() == []


def test_cancelled_setup_is_not_logged_as_turned_off(alice, caplog):
    caplog.set_level("INFO", "flicklist.audit")
    begin(alice)
    alice.send(PLACE + "turn-off", current_password=PASSWORD)
    assert "two-factor-off" not in caplog.text
    alice.get(PLACE, status=303)


def test_recovery_codes_need_two_factor(alice, db):
    alice.send(PLACE + "renew-codes", current_password=PASSWORD)
    assert db.scalars(select(RecoveryCode)).all() == []


def test_code_page_needs_password_first(visitor, codes):
    page = visitor.get("/login-code", status=303).follow()
    assert messages(page) == ["Log in to continue."]
    visitor.send("/login-code", code="123456")
    assert not visitor.is_logged_in


def test_pending_login_expires_after_ten_minutes(app, codes, phone, monkeypatch):
    _, page = start_login(app)
    monkeypatch.setattr("itsdangerous.timed.time", SimpleNamespace(time=lambda: time.time() + 601))
    page = type_code(page, phone.code).follow()
    assert page.request.path == "/login"
    assert messages(page, "error") == ["That took too long. Enter your password again."]


def test_changing_password_ends_pending_login(app, alice, codes, phone):
    _, page = start_login(app)
    fields = {"current_password": PASSWORD, "code": codes[0], "password": NEW_PASSWORD, "verify": NEW_PASSWORD}
    alice.send("/account/change-password", **fields)
    page = type_code(page, phone.code).follow()
    assert page.request.path == "/login"
    assert messages(page, "error") == ["Enter your password again."]


def test_code_guesses_at_log_in_are_limited(make_app, alice, codes, phone):
    app = make_app(rate_limit_two_factor="5 per 5 minutes")
    for _ in range(5):
        _, page = start_login(app)  # entering the password again does not reset the limit
        follow_refusal(type_code(page, "000000"))
    form = page.forms["code"]
    form["code"] = phone.code
    answer = form.submit(status=429)
    assert int(answer.headers["Retry-After"]) > 200
    assert not start_login(app)[0].is_logged_in


def test_code_of_one_person_does_not_log_in_another(app, alice, bob, codes, phone):
    set_up(bob, phone)
    _, page = start_login(app)
    follow_refusal(type_code(page, phone.code))


def test_password_reset_does_not_bypass_two_factor(app, codes, db):
    user = db.scalars(select(User)).one()
    token = password_reset_tokens(SECRET).make(user.id, "", user.email_key, user.password_hash)
    person = Client(app, EMAIL)
    form = person.get(f"/password-reset/new?token={token}").follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)
    assert not person.is_logged_in
    assert start_login(app, NEW_PASSWORD)[1].request.path == "/login-code"


def test_second_confirmation_names_the_way_to_recovery_codes(alice):
    app = alice.begin_two_factor()
    form = alice.get("/account/two-factor/").forms["confirm"]
    form["code"], form["current_password"] = app.now(), PASSWORD
    form.submit(status=200)
    page = alice.send(form.action, code=app.now(), current_password=PASSWORD).follow()
    assert messages(page) == ["Two-step verification is on. Create new recovery codes if you haven’t saved any yet."]


def test_refused_confirmation_shows_the_key_again_whatever_the_slash(alice, phone):
    begin(alice)
    for path in (PLACE + "confirm", PLACE + "confirm/"):
        page = alice.send(path, current_password="wrong", code="000000", status=400)
        assert page.html.select_one(".key")


@pytest.mark.parametrize("name", ["turn-off", "renew-codes"])
def test_refused_form_that_is_gone_says_what_was_wrong(alice, name):
    page = alice.send(PLACE + name, current_password="wrong", status=400)
    assert problems(page) == []
    assert messages(page, "error") == ["That is not your current password."]
