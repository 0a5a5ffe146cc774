"""Nobody can lock another person out: known browsers and logged-in people have limits of their own."""

import hashlib
from urllib.parse import urlsplit

import pytest
from itsdangerous import URLSafeTimedSerializer

from flicklist.services.tokens import derive_key
from tests.clients import NEW_PASSWORD, PASSWORD, Client, follow_refusal
from tests.conftest import SECRET
from tests.security.test_rate_limits import LIMITS, MAIL, at, fail, on, wait

COOKIE = "flicklist-browser"


@pytest.fixture
def limited(make_app, alice):
    return make_app(**LIMITS)


def block(site, email):
    """Use up the limit of an account, from many addresses."""
    for number in range(9):
        fail(at(Client(site), f"192.0.2.{number}"), email, 1)
    wait(at(Client(site), "192.0.2.99"), email)


@pytest.fixture
def known(limited, alice):
    """A browser that has logged in as Alice before."""
    person = at(Client(limited, alice.email), "192.0.2.200")
    person.log_in()
    person.list_path = alice.list_path
    person.log_out()
    return person


def test_known_browser_logs_in_while_strangers_block_account(limited, known, alice):
    block(limited, alice.email)
    wait(at(Client(limited), "192.0.2.201"), alice.email)
    at(known, "192.0.2.202").log_in()
    assert known.is_logged_in


def test_cookie_without_versions_of_accounts_is_ignored(limited, alice):
    """Sites sent such cookies before accounts had versions."""
    purpose = "known-browser"
    options = {"digest_method": hashlib.sha512, "key_derivation": "hmac"}
    serializer = URLSafeTimedSerializer(derive_key(SECRET, purpose), salt=purpose, signer_kwargs=options)
    person = Client(limited, alice.email)
    person.set_cookie(COOKIE, serializer.dumps(["browser", [1, 2]]))
    person.log_in()
    assert person.is_logged_in


def test_browser_that_registered_is_known(limited, app):
    person = at(Client(limited), "192.0.2.200")
    person.register("carol@example.com")
    person.log_out()
    block(limited, "carol@example.com")
    person.log_in()


def test_known_browser_has_its_own_limit(limited, known, alice):
    fail(known, alice.email, 3)
    wait(at(known, "192.0.2.203"), alice.email)
    at(Client(limited), "192.0.2.204").log_in(alice.email)


def test_failures_of_known_browser_in_an_hour_are_limited(make_app, alice):
    site = make_app(rate_limit_log_in_per_account="4 per hour")
    person = Client(site, alice.email)
    person.log_in()
    person.list_path = alice.list_path
    person.log_out()
    fail(person, alice.email, 4)
    wait(person, alice.email)


def test_browser_is_known_for_its_own_accounts_only(limited, known, bob):
    block(limited, bob.email)
    wait(known, bob.email)


def test_browser_can_be_known_for_several_accounts(limited, known, alice, bob):
    known.log_in(bob.email)
    known.get("/account/").forms["log-out"].submit(status=303)
    for person in (alice, bob):
        block(limited, person.email)
    known.log_in(alice.email)
    known.log_out()
    known.log_in(bob.email)


@pytest.mark.parametrize("change", [lambda cookie: "x" + cookie, lambda _: "", lambda _: "x.y.z"])
def test_forged_cookie_is_ignored(limited, known, alice, change):
    forger = at(Client(limited), "192.0.2.201")
    forger.set_cookie(COOKIE, change(known.cookies[COOKIE]))
    block(limited, alice.email)
    wait(forger, alice.email)


def test_failed_log_in_makes_no_browser_known(limited, alice):
    person = at(Client(limited), "192.0.2.200")
    fail(person, alice.email, 1)
    assert COOKIE not in person.cookies


def test_password_alone_makes_no_browser_known_with_two_factor(app, alice):
    alice.turn_on_two_factor()
    person = Client(app, alice.email)
    person.log_in()
    assert COOKIE not in person.cookies


def test_cookie_logs_nobody_in(limited, known):
    thief = Client(limited)
    thief.set_cookie(COOKIE, known.cookies[COOKIE])
    assert not thief.is_logged_in


def test_browser_is_known_after_password_reset(limited, alice, run):
    block(limited, alice.email)
    person = at(Client(limited, alice.email), "192.0.2.200")
    set_new_password(person, run)
    person.log_in(alice.email, NEW_PASSWORD)


def set_new_password(person, run):
    """Set a new password with a link."""
    link = urlsplit(run("password-reset-link", person.email).output.strip())
    form = person.get(f"{link.path}?{link.query}").follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)


def test_password_reset_makes_no_browser_known_with_two_factor(app, alice, run):
    """Otherwise each reset would give new guesses at the code."""
    alice.turn_on_two_factor()
    person = Client(app, alice.email)
    set_new_password(person, run)
    assert COOKIE not in person.cookies


def test_known_browser_stays_known_after_password_reset_with_two_factor(coded, alice, run):
    site, known, codes = coded
    set_new_password(known, run)
    stranger = Client(site, alice.email)
    for _ in range(3):
        follow_refusal(send_code(stranger, "000000", password=NEW_PASSWORD))
    send_code(stranger, codes[0], status=429, password=NEW_PASSWORD)
    send_code(known, codes[0], password=NEW_PASSWORD)
    assert known.is_logged_in


def test_browser_is_not_known_after_two_factor_was_turned_on_elsewhere(limited, known, alice):
    alice.turn_on_two_factor()
    block(limited, alice.email)
    wait(known, alice.email)


def change_password(person, run):
    person.send("/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD)
    return NEW_PASSWORD


def reset_password(person, run):
    person.log_out()
    set_new_password(person, run)
    return NEW_PASSWORD


def log_out_other_browsers(person, run):
    person.send("/account/login-sessions/end-others", current_password=PASSWORD)
    return PASSWORD


def change_email(person, run):
    person.send("/account/change-email", email="ally@example.com", current_password=PASSWORD)
    person.email = "ally@example.com"
    return PASSWORD


@pytest.mark.parametrize("change", [change_password, reset_password, log_out_other_browsers, change_email])
def test_only_browser_that_logged_others_out_stays_known(limited, known, alice, run, change):
    password = change(alice, run)
    block(limited, alice.email)
    wait(known, alice.email)
    own = on(limited, alice)
    if own.is_logged_in:
        own.log_out()
    own.log_in(alice.email, password)


def test_no_browser_is_known_after_command_ended_login_sessions(limited, known, alice, run):
    run("end-login-sessions", alice.email)
    block(limited, alice.email)
    wait(known, alice.email)


def test_browser_stays_known_to_other_accounts_of_household(limited, known, alice, bob, run):
    known.log_in(bob.email)
    known.get("/account/").forms["log-out"].submit(status=303)
    change_password(alice, run)
    for person in (alice, bob):
        block(limited, person.email)
    wait(known, alice.email)
    known.log_in(bob.email)


def test_logged_in_person_changes_password_while_strangers_block_account(limited, known, alice):
    known.log_in()
    block(limited, alice.email)
    known.send("/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD)


def test_guesses_in_one_login_session_do_not_block_another(limited, alice):
    stolen, own = at(Client(limited), "192.0.2.1"), at(Client(limited), "192.0.2.2")
    for person in (stolen, own):
        person.log_in(alice.email)
    for status in (400, 400, 400, 429):
        stolen.send("/account/export", current_password="wrong", status=status)
    own.send("/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD)


def test_passwords_of_logged_in_person_are_limited_before_hash(make_app, alice):
    person = Client(make_app(rate_limit_passwords="3 per minute"), alice.email)
    person.log_in()
    for status in (200, 200, 200, 429):
        person.send("/account/export", current_password=PASSWORD, status=status)


def test_neighbor_at_same_address_does_not_limit_logged_in_person(make_app, alice):
    site = make_app(rate_limit_passwords="3 per minute")
    person = Client(site, alice.email)
    person.log_in()
    fail(Client(site), "nobody@example.com", 2)
    wait(Client(site), "nobody@example.com")
    person.send("/account/export", current_password=PASSWORD, status=200)


@pytest.fixture
def coded(make_app, alice):
    """A site that limits codes, Alice's app, and a known browser of hers."""
    totp = alice.begin_two_factor()
    codes = alice.turn_on_two_factor(totp).html.select(".codes code")
    site = make_app(rate_limit_two_factor="3 per hour")
    person = Client(site, alice.email)
    person.list_path = alice.list_path
    send_code(person, codes[0].text)
    person.log_out()
    return site, person, [code.text for code in codes[1:]]


def send_code(person, code, status=303, password=PASSWORD):
    form = person.log_in(password=password).follow().forms["code"]
    form["code"] = code
    return form.submit(status=status)


def test_known_browser_logs_in_while_codes_of_strangers_are_blocked(coded, alice):
    site, known, codes = coded
    for _ in range(3):
        follow_refusal(send_code(Client(site, alice.email), "000000"))
    send_code(Client(site, alice.email), codes[0], status=429)
    send_code(known, codes[1])
    assert known.is_logged_in
    known.send("/account/export", current_password=PASSWORD, code=codes[2], status=200)


def test_only_wrong_codes_count(coded, alice):
    site, _, codes = coded
    for code in codes[:5]:
        person = Client(site, alice.email)
        send_code(person, code)
        assert person.is_logged_in


def test_email_changes_of_others_do_not_use_up_password_reset(make_app, alice, bob):
    site = make_app(**MAIL, rate_limit_mail="3 per hour", rate_limit_mail_per_client="30 per hour")
    attacker = Client(site, bob.email)
    attacker.log_in()
    for status in (303, 303, 303, 429):
        attacker.send("/account/change-email", email=alice.email, current_password=PASSWORD, status=status)
    Client(site).send("/password-reset/", email=alice.email)
    other = Client(site, alice.email)
    other.log_in()
    other.send("/account/change-email", email="ally@example.com", current_password=PASSWORD)


def test_known_browser_asks_for_password_reset_after_strangers_did(make_app, alice):
    site = make_app(**MAIL, rate_limit_mail="3 per hour", rate_limit_mail_per_client="30 per hour")
    known = Client(site, alice.email)
    known.log_in()
    known.list_path = alice.list_path
    known.log_out()
    for status in (303, 303, 303, 429):
        Client(site).send("/password-reset/", email=alice.email, status=status)
    for status in (303, 303, 303, 429):
        known.send("/password-reset/", email=alice.email, status=status)


def test_mails_requested_by_one_client_are_limited(make_app):
    site = make_app(**MAIL, rate_limit_mail_per_client="2 per hour")
    for number, status in enumerate((303, 303, 429)):
        at(Client(site), "192.0.2.1").send("/password-reset/", email=f"person{number}@example.com", status=status)
    at(Client(site), "192.0.2.2").send("/password-reset/", email="person9@example.com")


def test_https_cookie_of_known_browser_is_bound_to_host(make_app, alice):
    person = Client(make_app(https="true"), alice.email)
    person.extra_environ = {"wsgi.url_scheme": "https", "HTTP_HOST": "flick.example:443"}
    form = person.get("/login").forms["log-in"]
    form["email"], form["password"] = alice.email, PASSWORD
    answer = form.submit(headers={"Origin": "https://flick.example"}, status=303)
    (cookie,) = [each for each in answer.headers.getall("Set-Cookie") if each.startswith("__Host-flicklist-browser=")]
    assert all(
        part in cookie for part in ("; Path=/", "; Max-Age=31536000", "; secure", "; HttpOnly", "; SameSite=Lax")
    )
    assert "Domain" not in cookie
