"""An email address is confirmed by a link that is mailed at registration, if the site sends mail."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import select, update

from flicklist.db import writing_engine
from flicklist.models import Mail, User
from flicklist.models.meta import utc_now
from flicklist.services import accounts, login_sessions
from flicklist.services.mail import Sender
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages
from tests.postbox import link_in
from tests.races import in_background

NOTICE = ".confirm-email"
CONFIRMED = ["Your email address is confirmed."]


@pytest.fixture
def carol(mailing_site):
    """A person who has just registered on a site that sends mail."""
    person = Client(mailing_site)
    person.register("Carol@example.com")
    return person


def notice_on(person, path):
    notice = person.get(path).html.main.select_one(NOTICE)
    return notice and " ".join(notice.text.split())


def is_confirmed(db, email):
    db.rollback()
    return db.scalar(select(User.email_confirmed_at).where(User.email == email)) is not None


def set_new_password(site, link):
    form = Client(site).get(link).follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)


def ask_for_reset(site, email):
    form = Client(site).get("/password-reset/").forms["password-reset"]
    form["email"] = email
    form.submit(status=303)


def test_registration_works_at_once_and_mails_a_link(carol, postbox):
    carol.add("Heat")
    assert carol.watchlist() == ["Heat"]
    mail = postbox.wait_for(1)
    assert (mail["To"], mail["Subject"]) == ("Carol@example.com", "Confirm your email address for FlickList")
    assert link_in(mail).startswith("/account/confirm-email?token=")
    button = carol.get(link_in(mail), status=303).follow().html.select_one("#confirm button").text
    assert f"press “{button}”" in mail.get_payload(decode=True).decode()


def test_notice_names_the_address_until_it_is_confirmed(carol, postbox, db):
    text = (
        "Confirm Carol@example.com with the link in our email, so that you can reset your password if you forget it. "
        "Email me a new link Wrong address?"
    )
    assert notice_on(carol, carol.list_path) == text
    assert notice_on(carol, "/account/") == text
    answer = carol.get(link_in(postbox.wait_for(1)), status=303)
    assert answer.location == "http://localhost/account/confirm-email"  # no token in the URL
    page = answer.follow()
    assert not is_confirmed(db, "Carol@example.com")  # a scanner that opens the link confirms nothing
    assert "Is Carol@example.com your address?" in page.html.main.text
    page = page.forms["confirm"].submit(status=303).follow()
    assert messages(page, "success")[-1:] == CONFIRMED
    assert page.request.path == carol.list_path
    assert is_confirmed(db, "Carol@example.com")
    assert notice_on(carol, carol.list_path) is notice_on(carol, "/account/") is None
    assert carol.is_logged_in


def test_only_the_watchlist_and_the_account_page_show_the_notice(carol):
    carol.add("Heat")
    for path in ("watched", "removed", "changes/", "imports/"):
        assert notice_on(carol, carol.list_path + path) is None
    assert notice_on(carol, carol.movie_path("Heat") + "/") is None


def test_watchlist_stops_asking_after_a_week(carol, db):
    db.execute(update(User).values(created_at=utc_now() - timedelta(days=7, minutes=1)))
    db.commit()
    assert notice_on(carol, carol.list_path) is None
    assert notice_on(carol, "/account/")


def test_nothing_is_asked_if_site_sends_no_mail(alice, db):
    assert db.scalars(select(Mail)).all() == []
    assert notice_on(alice, alice.list_path) is notice_on(alice, "/account/") is None
    alice.send("/account/send-confirmation")
    assert db.scalars(select(Mail)).all() == []


def test_account_from_before_can_be_confirmed_once_site_sends_mail(alice, mailing_site, postbox, db):
    person = Client(mailing_site, "alice@example.com")
    person.log_in()
    person.list_path = alice.list_path
    page = person.press("/account/", "Email me a new link")
    assert messages(page, "success")[-1] == "We’re sending a link to “alice@example.com”. Open it within a day."
    page = person.get(link_in(postbox.wait_for(1))).follow()
    page.forms["confirm"].submit(status=303)
    assert is_confirmed(db, "alice@example.com")


def test_new_link_can_be_requested_from_the_watchlist(carol, postbox):
    postbox.wait_for(1)
    page = carol.press(carol.list_path, "Email me a new link")
    assert page.request.path == carol.list_path
    assert link_in(postbox.wait_for(2))


def test_used_link_changes_nothing_and_says_so(carol, postbox, db):
    link = link_in(postbox.wait_for(1))
    carol.get(link).follow().forms["confirm"].submit(status=303)
    confirmed_at = db.scalar(select(User.email_confirmed_at))
    page = carol.get(link, status=303).follow()
    assert messages(page, "info") == CONFIRMED
    carol.send("/account/confirm-email")
    db.rollback()
    assert db.scalar(select(User.email_confirmed_at)) == confirmed_at
    page = carol.send("/account/send-confirmation").follow()
    assert messages(page, "info") == CONFIRMED
    assert len(postbox.mails) == 1


def test_page_opened_before_a_logout_asks_for_the_link_again(carol, postbox, db):
    form = carol.get(link_in(postbox.wait_for(1))).follow().forms["confirm"]
    carol.send("/logout")
    carol.log_in(carol.email)
    form["csrf_token"] = carol.csrf_token()
    page = form.submit(status=303).follow()
    assert messages(page, "error") == ["Open the link in the email again."]
    assert not is_confirmed(db, carol.email)


def test_link_expires_after_a_day(carol, postbox, db, monkeypatch):
    link = link_in(postbox.wait_for(1))
    now = TimestampSigner.get_timestamp
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now(self) + 86_399)
    assert carol.get(link, status=303).location.endswith("/account/confirm-email")
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now(self) + 86_401)
    page = carol.get(link, status=303).follow()
    assert messages(page, "error") == ["This link has expired or was already used. You can get a new one here."]
    assert page.html.main.select_one(NOTICE)
    assert not is_confirmed(db, "Carol@example.com")


def test_link_confirms_nothing_without_logging_in_to_its_account(carol, postbox, mailing_site, db):
    link = link_in(postbox.wait_for(1))
    owner_of_mailbox = Client(mailing_site)
    assert "/register" in owner_of_mailbox.get(link, status=303).location
    owner_of_mailbox.register("dave@example.com")
    page = owner_of_mailbox.get(link, status=303).follow()
    assert messages(page, "error") == ["This link belongs to another account. Log in to that account to use it."]
    assert not is_confirmed(db, "Carol@example.com")


def test_link_works_in_another_browser_after_logging_in_there(carol, postbox, mailing_site, db):
    link = link_in(postbox.wait_for(1))
    phone = Client(mailing_site, "carol@example.com")
    page = phone.get(link, status=303).follow()
    page = phone.log_in(page=page.html.select_one(".message a")["href"]).follow().follow()
    page.forms["confirm"].submit(status=303)
    assert is_confirmed(db, "Carol@example.com")


def test_wrong_address_can_be_changed_and_new_one_is_confirmed_by_its_link(carol, postbox, db):
    page = carol.get(carol.list_path)
    page = page.click("Wrong address")
    form = page.forms["email"]
    form["email"], form["current_password"] = "caroline@example.com", PASSWORD
    postbox.wait_for(1)
    form.submit(status=303)
    mail = postbox.wait_for(2)
    assert mail["To"] == "caroline@example.com"
    carol.get(link_in(mail)).follow().forms["confirm"].submit(status=303)
    assert is_confirmed(db, "caroline@example.com")
    assert notice_on(carol, "/account/") is None


def test_change_of_email_without_mail_leaves_it_unconfirmed(alice, db):
    db.execute(update(User).values(email_confirmed_at=utc_now()))
    db.commit()
    form = alice.get("/account/").forms["email"]
    form["email"], form["current_password"] = "ally@example.com", PASSWORD
    form.submit(status=303)
    assert not is_confirmed(db, "ally@example.com")


def test_mail_for_an_address_that_was_replaced_meanwhile_is_not_sent(carol, mailing_site, postbox, db):
    postbox.wait_for(1)
    mailing_site.registry.mail_thread.stop()
    user_id = db.scalar(select(User.id))
    for recipient in ("typo@example.com", "Carol@example.com"):
        db.add(Mail(kind="confirm-current", recipient=recipient, user_id=user_id))
    db.commit()
    engine = writing_engine(mailing_site.registry.flicklist.database_url)
    assert Sender(mailing_site.registry.flicklist, engine).send_due() == 1
    assert [mail["To"] for mail in postbox.mails] == ["Carol@example.com", "Carol@example.com"]
    db.execute(update(User).values(email_confirmed_at=utc_now()))
    db.add(Mail(kind="confirm-current", recipient="Carol@example.com", user_id=user_id))
    db.commit()
    assert Sender(mailing_site.registry.flicklist, engine).send_due() == 0
    engine.dispose()
    db.rollback()
    assert db.scalars(select(Mail)).all() == []


def test_mailed_password_reset_confirms_the_address(carol, mailing_site, postbox, db):
    postbox.wait_for(1)
    ask_for_reset(mailing_site, "carol@example.com")
    set_new_password(mailing_site, link_in(postbox.wait_for(2)))
    assert is_confirmed(db, "Carol@example.com")


def test_printed_password_reset_link_does_not_confirm_the_address(run, alice, app, db):
    link = run("password-reset-link", "alice@example.com").output.strip()
    set_new_password(app, link.removeprefix("http://localhost:6543"))
    assert not is_confirmed(db, "alice@example.com")


def test_reset_takes_account_from_whoever_registered_with_the_address(mailing_site, postbox, carol):
    """Pre-hijacking: Carol is an attacker, who registered with the address of a victim."""
    confirmation = link_in(postbox.wait_for(1))
    form = carol.get("/account/").forms["email"]
    form["email"], form["current_password"] = "attacker@example.com", PASSWORD
    form.submit(status=303)
    change = link_in(postbox.wait_for(2))
    other_browser = Client(mailing_site, "carol@example.com")
    other_browser.log_in()
    ask_for_reset(mailing_site, "carol@example.com")
    set_new_password(mailing_site, link_in(postbox.wait_for(3)))
    assert not carol.is_logged_in
    assert not other_browser.is_logged_in
    other_browser.fail_to_log_in()
    victim = Client(mailing_site, "carol@example.com")
    victim.log_in(password=NEW_PASSWORD)
    for link in (confirmation, change):
        page = victim.get(link, status=303).follow()
        assert page.html.header.select_one(".email").text == "Carol@example.com"
        assert not page.forms.get("confirm")


@pytest.mark.parametrize("is_new", [True, False])
def test_link_is_invalid_after_password_reset_that_commits_meanwhile(
    run, mailing_site, postbox, carol, engine, db, monkeypatch, is_new
):
    link = link_to(carol, "carola@example.com", postbox, 2) if is_new else link_in(postbox.wait_for(1))
    confirm = carol.get(link).follow().forms["confirm"]
    reset_link = run("password-reset-link", carol.email).output.strip().removeprefix("http://localhost:6543")
    end_all, confirmation = login_sessions.end_all, ExitStack()

    def end_all_and_confirm(*arguments):
        end_all(*arguments)
        confirmation.enter_context(in_background(lambda: confirm.submit(status=303), engine))

    monkeypatch.setattr(login_sessions, "end_all", end_all_and_confirm)
    with confirmation:
        set_new_password(mailing_site, reset_link)
    assert not is_confirmed(db, "Carol@example.com")
    assert db.scalars(select(User.email)).one() == "Carol@example.com"


def test_only_one_of_two_concurrent_links_to_new_addresses_works(carol, postbox, engine, db, monkeypatch):
    other_window = carol.copy()
    first = carol.get(link_to(carol, "first@example.com", postbox, 2)).follow().forms["confirm"]
    second = other_window.get(link_to(carol, "second@example.com", postbox, 3)).follow().forms["confirm"]
    change_email, concurrent = accounts.change_email, ExitStack()

    def change_both(*arguments, **options):
        monkeypatch.undo()
        change_email(*arguments, **options)
        concurrent.enter_context(in_background(lambda: second.submit(status=303), engine))

    monkeypatch.setattr(accounts, "change_email", change_both)
    with concurrent:
        first.submit(status=303)
    assert db.scalars(select(User.email)).one() == "first@example.com"


def link_to(person, email, postbox, number):
    """Ask to change the email address, and return the link in the mail of that number."""
    form = person.get("/account/").forms["email"]
    form["email"], form["current_password"] = email, PASSWORD
    form.submit(status=303)
    return link_in(postbox.wait_for(number))


def test_confirmation_mails_are_limited_and_registration_still_works(make_app, postbox, db):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail="2 per hour")
    for _ in range(3):
        person = Client(site)
        person.register("carol@example.com")
        person.send("/account/delete", current_password=PASSWORD, word="delete")
    person.register("carol@example.com")
    person.send("/account/send-confirmation", status=429)
    assert db.scalars(select(Mail)).all() == []


def test_others_do_not_use_up_the_confirmation_mails_of_an_address(make_app, postbox):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail="2 per hour")
    stranger, carol = Client(site), Client(site)
    stranger.extra_environ = {"REMOTE_ADDR": "203.0.113.9"}
    for _ in range(3):
        stranger.register("carol@example.com")
        stranger.send("/account/delete", current_password=PASSWORD, word="delete")
    before = len(postbox.mails)
    carol.register("carol@example.com")
    postbox.wait_for(before + 1)
    carol.send("/account/send-confirmation", status=303)


def test_confirmation_mails_are_limited_per_client(make_app, postbox):
    site = make_app(smtp_url=postbox.url, public_url="https://movies.example", rate_limit_mail_per_client="2 per hour")
    people = [Client(site) for _ in range(3)]
    for number, person in enumerate(people):
        person.register(f"person{number}@example.com")
    postbox.wait_for(2)
    people[0].send("/account/send-confirmation", status=429)
    assert len(postbox.mails) == 2


def test_outdated_button_leads_back_to_its_page(carol, mailing_site):
    form = next(each for each in carol.get(carol.list_path).forms.values() if each.action.endswith("send-confirmation"))
    carol.log_out()
    carol.log_in(email="Carol@example.com")
    page = form.submit(status=303, headers={"Origin": "http://localhost"}).follow()
    assert page.request.path == carol.list_path
    assert "Nothing was changed; please try again." in messages(page, "error")[0]


def test_demo_account_is_not_asked_to_confirm(run, db):
    run("demo")
    assert is_confirmed(db, "demo@example.com")
