"""Mail, sent through a real SMTP server on this machine."""

import smtplib
import ssl
import time
from datetime import timedelta
from email.message import EmailMessage

import pytest
import trustme
from sqlalchemy import event, select, update

import flicklist.services.mail
from flicklist.db import disposing, writing_engine
from flicklist.models import Mail
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MAX_ATTEMPTS
from flicklist.services.mail import Sender, deliver, is_this_machine
from tests.clients import NEW_PASSWORD, PASSWORD, Client, follow_refusal, is_marked_invalid, messages
from tests.postbox import link_in, running_postbox


@pytest.fixture
def make_app(postbox, make_app):
    """Stop the site, which can be sending mail, before the mail server."""
    return make_app


@pytest.fixture
def site(mailing_site, alice):
    return mailing_site


@pytest.fixture
def alice_on_site(site, alice):
    person = Client(site, "alice@example.com")
    person.log_in()
    return person


def ask(site, address):
    form = Client(site).get("/login").click("Forgot your password").forms["password-reset"]
    form["email"] = address
    return form.submit(status=303)


def test_reset_mail_has_link_that_sets_a_new_password(site, postbox):
    page = ask(site, "Alice@Example.com").follow()
    promise = "If there is an account with that email address, we’ve sent a link that works for one hour."
    assert messages(page, "success") == [f"{promise} Nothing there? Check your spam folder."]
    mail = postbox.wait_for(1)
    assert mail["Subject"] == "Reset your FlickList password"
    assert (mail["To"], mail["From"]) == ("alice@example.com", "FlickList <f@movies.example>")
    form = Client(site).get(link_in(mail)).follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)
    Client(site).log_in("alice@example.com", NEW_PASSWORD)
    told = postbox.wait_for(2)
    assert told["Subject"] == "Your FlickList password was changed"
    assert "was changed. All other browsers were logged out." in told.get_payload(decode=True).decode()


def test_reset_mail_goes_to_address_as_registered(site, postbox):
    Client(site).register("Carol@Example.com")
    assert postbox.wait_for(1)["To"] == "Carol@example.com"  # to confirm the address
    ask(site, "cAROL@example.com")
    mail = postbox.wait_for(2)
    assert mail["To"] == "Carol@example.com"
    form = Client(site).get(link_in(mail)).follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)
    assert postbox.wait_for(3)["To"] == "Carol@example.com"


def test_reset_response_and_work_are_the_same_for_unknown_email(site, postbox, db):
    work = {}
    for address in ("alice@example.com", "nobody@example.com"):
        person = Client(site)
        token, statements = person.csrf_token(), work.setdefault(address, [])

        def note(connection, cursor, statement, *_, into=statements):
            into.append(statement)

        for engine in site.registry.engines:
            event.listen(engine, "before_cursor_execute", note)
        answer = person.post("/password-reset/", {"csrf_token": token, "email": address}, status=303)
        for engine in site.registry.engines:
            event.remove(engine, "before_cursor_execute", note)
        statements.append((answer.status, answer.location, messages(answer.follow())))
    known, unknown = work.values()
    assert known == unknown
    assert any("INSERT" in statement for statement in known[:-1])
    postbox.wait_for(1)
    for _ in range(500):
        db.rollback()
        if not db.scalars(select(Mail)).all():
            break
        time.sleep(0.01)
    assert [mail["To"] for mail in postbox.mails] == ["alice@example.com"]


def test_mail_link_uses_public_url_and_not_host_header(site, postbox):
    headers = {"Host": "evil.example"}
    visitor = Client(site)
    page = visitor.get("/password-reset/", headers=headers)
    fields = {"csrf_token": page.forms["password-reset"]["csrf_token"].value, "email": "alice@example.com"}
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    answer = visitor.post("/password-reset/", fields, {**headers, "Cookie": cookie}, status=303)
    assert answer.location == "http://evil.example/login"
    mail = postbox.wait_for(1)
    assert "evil.example" not in mail.as_string()
    assert link_in(mail)


def test_malformed_email_is_refused_beside_the_field(site, postbox):
    form = Client(site).get("/password-reset/").forms["password-reset"]
    form["email"] = "alice@"
    page = follow_refusal(form.submit())
    assert page.forms["password-reset"]["email"].value == "alice@"
    assert is_marked_invalid(page, "email", "That is not a valid email address. It should look like name@example.com.")


def test_reset_requests_are_rate_limited(make_app, postbox, alice):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail="2 per hour")
    ask(site, "alice@example.com")
    ask(site, "alice@example.com")
    Client(site).send("/password-reset/", email="alice@example.com", status=429)


def test_reset_page_without_mail_server_says_whom_to_ask(alice, visitor, db):
    page = visitor.get("/password-reset/")
    assert "Ask the person who runs this site" in page.html.main.text
    visitor.send("/password-reset/", email="alice@example.com")
    assert db.scalars(select(Mail)).all() == []


def change_email(person, address="ally@example.com"):
    form = person.get("/account/").forms["email"]
    form["email"], form["current_password"] = address, PASSWORD
    return form.submit(status=303).follow()


def test_new_email_is_confirmed_by_link_and_old_email_is_notified(site, postbox, alice_on_site):
    page = change_email(alice_on_site)
    assert messages(page, "success")[-1] == (
        "We’re sending a link to “ally@example.com”. Open it within a day to confirm the change. "
        "Until then, log in with your old address."
    )
    assert page.html.header.select_one(".email").text == "alice@example.com"
    mail = postbox.wait_for(1)
    assert mail["To"] == "ally@example.com"
    answer = alice_on_site.get(link_in(mail), status=303)
    assert answer.location == "http://localhost/account/confirm-email"  # no token in the URL
    page = answer.follow()
    assert page.html.header.select_one(".email").text == "alice@example.com"
    page = page.forms["confirm"].submit(status=303).follow()
    assert page.html.header.select_one(".email").text == "ally@example.com"
    told = postbox.wait_for(2)
    assert (told["To"], told["Subject"]) == ("alice@example.com", "Your email address for FlickList was changed")
    used = alice_on_site.get(link_in(mail), status=303).follow()
    assert messages(used, "info") == ["Your email address is confirmed."]


def test_other_person_cannot_confirm_email(site, postbox, alice_on_site, bob):
    change_email(alice_on_site)
    link = link_in(postbox.wait_for(1))
    other = Client(site)
    other.log_in("bob@example.com")
    page = other.get(link, status=303).follow()
    assert page.request.path == "/account/"
    assert messages(page, "error") == ["This link belongs to another account. Log in to that account to use it."]
    other.send("/account/confirm-email")
    assert other.get("/account/").html.header.select_one(".email").text == "bob@example.com"


def test_changing_password_invalidates_email_confirmation(site, postbox, alice_on_site):
    change_email(alice_on_site)
    link = link_in(postbox.wait_for(1))
    alice_on_site.send(
        "/account/change-password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD
    )
    assert "has expired or was already used" in messages(alice_on_site.get(link, status=303).follow(), "error")[0]


def test_token_for_one_purpose_is_refused_for_another(site, postbox, alice_on_site):
    change_email(alice_on_site)
    token = link_in(postbox.wait_for(1)).partition("=")[2]
    assert Client(site).get("/password-reset/new", {"token": token}, status=303).location.endswith("/password-reset/")


def test_confirmation_is_refused_if_email_was_taken_meanwhile(site, postbox, alice_on_site):
    change_email(alice_on_site)
    link = link_in(postbox.wait_for(1))
    Client(site).register("ally@example.com")
    page = alice_on_site.get(link).follow().forms["confirm"].submit(status=303).follow()
    assert messages(page, "error") == ["An account with that email address already exists."]


def test_unreachable_mail_server_delays_no_response_and_mail_is_sent_later(site, postbox, db, app, caplog):
    postbox.refuses = True
    started = time.monotonic()
    ask(site, "alice@example.com")
    assert time.monotonic() - started < 1
    for _ in range(500):
        db.rollback()
        mail = db.scalars(select(Mail)).one()
        if mail.attempts == 1:
            break
        time.sleep(0.01)
    site.registry.mail_thread.stop()
    assert mail.due_at > utc_now()
    assert "alice" not in caplog.text
    db.execute(update(Mail).values(due_at=utc_now()))
    db.commit()
    postbox.refuses = False
    engine = writing_engine(site.registry.flicklist.database_url)
    assert Sender(site.registry.flicklist, engine).send_due() == 1
    engine.dispose()
    assert postbox.wait_for(1)["To"] == "alice@example.com"
    db.rollback()
    assert db.scalars(select(Mail)).all() == []


def test_undeliverable_mail_is_given_up_after_eleven_attempts_within_17_hours(site, postbox, db):
    site.registry.mail_thread.stop()
    postbox.refuses = True
    db.add(Mail(kind="password-reset", recipient="alice@example.com"))
    db.commit()
    pauses = []
    with disposing(writing_engine(site.registry.flicklist.database_url)) as engine:
        sender = Sender(site.registry.flicklist, engine)
        assert sender.send_due() == 0
        while mail := db.scalars(select(Mail)).one_or_none():
            pauses.append(mail.due_at - utc_now())
            mail.due_at = utc_now()
            db.commit()
            assert sender.send_due() == 0
            db.rollback()
    assert [round(pause / timedelta(minutes=1)) for pause in pauses] == [2**number for number in range(10)]


def test_mail_that_cannot_be_composed_is_given_up_and_blocks_no_other(site, postbox, db, monkeypatch):
    site.registry.mail_thread.stop()
    compose = flicklist.services.mail.compose

    def compose_or_fail(mail, *rest):
        return compose(mail, *rest) if mail.attempts == 1 else 1 / 0

    monkeypatch.setattr("flicklist.services.mail.compose", compose_or_fail)
    db.add(Mail(kind="password-reset", recipient="alice@example.com", attempts=MAX_ATTEMPTS - 1))
    db.add(Mail(kind="password-reset", recipient="alice@example.com"))
    db.commit()
    engine = writing_engine(site.registry.flicklist.database_url)
    assert Sender(site.registry.flicklist, engine).send_due() == 1
    engine.dispose()
    db.rollback()
    assert db.scalars(select(Mail)).all() == []


def test_international_domain_is_sent_as_ascii(site, postbox):
    Client(site).register("alice@münchen.example")
    ask(site, "alice@münchen.example")
    assert postbox.wait_for(1)["To"] == "alice@xn--mnchen-3ya.example"


def test_wrong_password_does_not_count_against_mail_limit(make_app, postbox, alice):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail="2 per hour")
    person = Client(site, "alice@example.com")
    person.log_in()
    for _ in range(3):
        person.send("/account/change-email", email="ally@example.com", current_password="wrong", status=400)
    person.send("/account/change-email", email="ally@example.com", current_password=PASSWORD)


def test_change_email_form_does_not_reveal_accounts_if_site_sends_mail(alice_on_site, bob):
    page = change_email(alice_on_site, "bob@example.com")
    assert "We’re sending a link to “bob@example.com”." in messages(page, "success")[-1]


def test_confirmation_mails_are_rate_limited(make_app, postbox, alice):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail="2 per hour")
    person = Client(site, "alice@example.com")
    person.log_in()
    for _ in range(2):
        person.send("/account/change-email", email="victim@example.com", current_password=PASSWORD)
    person.send("/account/change-email", email="victim@example.com", current_password=PASSWORD, status=429)


def test_failed_request_sends_no_mail(site, postbox, db, monkeypatch):
    monkeypatch.setattr("flicklist.views.password_reset.flash_success", lambda *_: 1 / 0)
    Client(site).send("/password-reset/", email="alice@example.com", status=500)
    assert db.scalars(select(Mail)).all() == []
    assert postbox.mails == []


def test_mail_reports_two_factor_turned_on_and_off(alice_on_site, postbox):
    totp = alice_on_site.begin_two_factor()
    page = alice_on_site.turn_on_two_factor(totp)
    assert postbox.wait_for(1)["Subject"] == "Two-step verification was turned on for FlickList"
    code = page.html.select_one(".codes code").text
    alice_on_site.send("/account/two-factor/turn-off", current_password=PASSWORD, code=code)
    assert postbox.wait_for(2)["Subject"] == "Two-step verification was turned off for FlickList"
    assert totp.secret not in "".join(mail.as_string() for mail in postbox.mails)
    # smtplib writes a ">" before a line that begins with "From ".
    assert not any(mail.get_payload(decode=True).startswith(b">") for mail in postbox.mails)


@pytest.mark.parametrize(
    ("contact", "whom"), [("", "who runs the site."), ("anna@example.com", "who runs the site (anna@example.com).")]
)
def test_mail_says_whom_to_tell(make_app, postbox, alice, contact, whom):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", contact=contact)
    person = Client(site, alice.email)
    person.log_in()
    person.turn_on_two_factor()
    text = postbox.wait_for(1).get_payload(decode=True).decode()
    assert f"If it wasn’t you, tell the person {whom}" in text


@pytest.fixture
def remote_mail_server(monkeypatch):
    """Treat the mail server as one on another machine."""
    monkeypatch.setattr("flicklist.services.mail.is_this_machine", lambda host: False)


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """A certificate authority that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


def server_tls_context(authority, name="127.0.0.1"):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def a_mail():
    message = EmailMessage()
    message["From"], message["To"] = "f@movies.example", "alice@example.com"
    return message


def encrypted_postbox(scheme, context):
    return running_postbox(scheme, **{"smtps": {"ssl_context": context}, "smtp": {"tls_context": context}}[scheme])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_mail_is_encrypted_if_server_certificate_is_valid(remote_mail_server, authority, scheme):
    with encrypted_postbox(scheme, server_tls_context(authority)) as box:
        deliver(a_mail(), box.url)
        assert box.wait_for(1)["To"] == "alice@example.com"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("flaw", ["another authority", "another name"])
def test_no_mail_is_sent_if_server_certificate_is_invalid(remote_mail_server, authority, scheme, flaw):
    context = (
        server_tls_context(trustme.CA())
        if flaw == "another authority"
        else server_tls_context(authority, "mail.example")
    )
    with encrypted_postbox(scheme, context) as box, pytest.raises(ssl.SSLCertVerificationError):
        deliver(a_mail(), box.url)
    assert box.mails == []


def test_no_mail_is_sent_unencrypted_to_another_machine(remote_mail_server, postbox):
    with pytest.raises(smtplib.SMTPNotSupportedError):
        deliver(a_mail(), postbox.url)
    assert postbox.mails == []


@pytest.mark.parametrize(
    ("host", "is_here"), [("localhost", True), ("127.0.0.1", True), ("::1", True), ("mail.example", False)]
)
def test_local_mail_server_is_recognized(host, is_here):
    assert is_this_machine(host) == is_here
