"""The account page: password, email, login sessions, export and deletion."""

from datetime import UTC

import pytest
from sqlalchemy import delete, select

from flicklist.models import LoginSession, Movie, User, Viewing
from flicklist.services import accounts
from flicklist.services.passwords import PasswordHasher
from flicklist.views import account
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages, problems
from tests.exports import read_export

ACCOUNT = "/account/"


def submit(person, form_id, status=303, **fields):
    form = person.get(ACCOUNT).forms[form_id]
    for name, typed in fields.items():
        form[name] = typed
    return form.submit(status=status)


def test_every_page_links_to_account(alice):
    page = alice.get(alice.list_path).click("Account")
    assert page.request.path == ACCOUNT
    assert page.html.h1.text == "Your account"


def test_changing_password_ends_all_other_login_sessions(alice, app):
    phone = Client(app)
    phone.log_in("alice@example.com")
    copied = alice.copy()
    page = submit(alice, "password", current_password=PASSWORD, password=NEW_PASSWORD, verify=NEW_PASSWORD).follow()
    assert messages(page, "success") == ["Your password was changed. All other browsers are logged out."]
    assert alice.is_logged_in
    assert not phone.is_logged_in
    assert not copied.is_logged_in
    phone.fail_to_log_in("alice@example.com")
    phone.log_in("alice@example.com", NEW_PASSWORD)


@pytest.mark.parametrize(
    ("current_password", "password", "verify", "reason"),
    [
        ("wrong", NEW_PASSWORD, NEW_PASSWORD, "That is not your current password."),
        (PASSWORD, NEW_PASSWORD, "other", "The passwords don’t match."),
        (PASSWORD, "short", "short", "A password needs at least 8 characters."),
        (PASSWORD, "alice@example.com", "alice@example.com", "Don’t use your email address"),
    ],
)
def test_refused_password_changes_nothing(alice, app, current_password, password, verify, reason):
    page = submit(alice, "password", 400, current_password=current_password, password=password, verify=verify)
    assert reason in problems(page)[0]
    Client(app).log_in("alice@example.com")


def test_changed_email_logs_in(alice, app):
    page = submit(alice, "email", email="Ally@Example.com", current_password=PASSWORD).follow()
    assert page.html.header.select_one(".email").text == "Ally@Example.com"
    Client(app).fail_to_log_in("alice@example.com")
    Client(app).log_in("ally@example.com")


def test_changing_email_ends_all_other_login_sessions(alice, app):
    phone = Client(app, "alice@example.com")
    phone.log_in()
    page = submit(alice, "email", email="ally@example.com", current_password=PASSWORD).follow()
    assert "All other browsers are logged out." in messages(page, "success")[0]
    assert (alice.is_logged_in, phone.is_logged_in) == (True, False)


@pytest.mark.parametrize(
    ("email", "current_password", "reason"),
    [
        ("ally@example.com", "wrong", "That is not your current password."),
        ("BOB@example.com", PASSWORD, "An account with that email address already exists."),
        ("nobody", PASSWORD, "That is not a valid email address. It should look like name@example.com."),
    ],
)
def test_refused_email_changes_nothing_and_stays_in_form(alice, bob, email, current_password, reason):
    page = submit(alice, "email", 400, email=email, current_password=current_password)
    assert problems(page) == [reason]
    assert page.forms["email"]["email"].value == email
    assert page.html.header.select_one(".email").text == "alice@example.com"


def test_change_email_form_reveals_no_accounts_without_password(alice, bob):
    page = submit(alice, "email", 400, email="bob@example.com", current_password="wrong")
    assert problems(page) == ["That is not your current password."]


def test_email_taken_meanwhile_changes_nothing(alice, app, monkeypatch):
    verify = PasswordHasher.verify

    def take_first(*arguments):
        monkeypatch.setattr(PasswordHasher, "verify", verify)
        Client(app).register("ally@example.com")
        return verify(*arguments)

    monkeypatch.setattr(PasswordHasher, "verify", take_first)
    page = submit(alice, "email", 400, email="ally@example.com", current_password=PASSWORD)
    assert problems(page) == ["An account with that email address already exists."]
    assert page.html.header.select_one(".email").text == "alice@example.com"


def test_account_deleted_meanwhile_exports_nothing(alice, db, monkeypatch):
    token = alice.csrf_token()
    read = accounts.credentials_by_id

    def delete_first(session, user_id):
        db.execute(delete(User))
        db.commit()
        return read(session, user_id)

    monkeypatch.setattr(accounts, "credentials_by_id", delete_first)
    alice.post(ACCOUNT + "export", {"csrf_token": token, "current_password": PASSWORD}, status=400)


def test_login_sessions_are_listed_with_browser_names(alice, app):
    phone = Client(app)
    phone.extra_environ = {
        "HTTP_USER_AGENT": "Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0",
    }
    phone.log_in("alice@example.com")
    devices = [" ".join(item.text.split()) for item in alice.get(ACCOUNT).html.select(".login-sessions li")]
    assert devices[0].startswith("An unknown browser (this browser) Logged in ")
    assert devices[1].startswith("Firefox Mobile on Android Logged in ")
    assert devices[1].endswith("Log out Firefox Mobile on Android")


def test_one_other_login_session_can_be_ended(alice, app):
    phone, tablet = Client(app), Client(app)
    phone.log_in("alice@example.com")
    tablet.log_in("alice@example.com")
    form = next(form for form in alice.get(ACCOUNT).forms.values() if form.action.endswith("/end"))
    form["current_password"] = PASSWORD
    page = form.submit(status=303).follow()
    assert messages(page, "success") == ["An unknown browser is logged out."]
    assert (alice.is_logged_in, phone.is_logged_in, tablet.is_logged_in) == (True, True, False)


def test_all_other_login_sessions_can_be_ended(alice, app):
    phone, tablet = Client(app), Client(app)
    phone.log_in("alice@example.com")
    tablet.log_in("alice@example.com")
    page = submit(alice, "end-others", current_password=PASSWORD).follow()
    assert messages(page, "success") == ["All other browsers are logged out."]
    assert (alice.is_logged_in, phone.is_logged_in, tablet.is_logged_in) == (True, False, False)


def test_ending_login_session_needs_password(alice, app, db):
    phone = Client(app)
    phone.log_in("alice@example.com")
    page = submit(alice, "end-others", 400, current_password="wrong")
    assert problems(page) == ["That is not your current password."]
    last = db.scalars(select(LoginSession.id).order_by(LoginSession.id.desc())).first()
    alice.send(f"/account/login-sessions/{last}/end", current_password="wrong", status=400)
    assert phone.is_logged_in


def test_own_login_session_cannot_be_ended_on_account_page(alice, db):
    own = db.scalars(select(LoginSession.id)).one()
    assert not [form for form in alice.get(ACCOUNT).forms.values() if "login-sessions" in form.action]
    alice.send(f"/account/login-sessions/{own}/end", current_password=PASSWORD, status=404)
    assert alice.is_logged_in


def test_login_session_of_another_person_cannot_be_ended(alice, bob, db):
    first = db.scalars(select(LoginSession.id).order_by(LoginSession.id)).first()
    bob.send(f"/account/login-sessions/{first}/end", current_password=PASSWORD, status=404)
    assert alice.is_logged_in


def export(person):
    return submit(person, "export", 200, current_password=PASSWORD)


def test_all_data_can_be_exported(alice):
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    alice.rate("Heat", "4.5")
    alice.add("Amélie")
    answer = export(alice)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="flicklist.zip"'
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/zip", "no-store")
    assert answer.content_length == len(answer.body)
    data = read_export(answer.body).data
    assert data["email"] == "alice@example.com"
    heat, amelie = data["movies"]
    assert (heat["title"], heat["year"], heat["rating"], len(heat["viewings"])) == ("Heat", 1995, 4.5, 1)
    assert (amelie["title"], amelie["watched_at"]) == ("Amélie", None)


def test_export_contains_everything_entered(alice, db):
    alice.add("Heat", "1995")
    movie_path = alice.movie_path("Heat")
    alice.cross_off("Heat")
    alice.send(f"{movie_path}/viewings/add", watched_on="2009-07", note="on a ferry")
    alice.send(f"{movie_path}/edit", title="Heat", year="1995", why="Ann said so", notes="long\nbut good")
    alice.send(f"{movie_path}/remove")
    (heat,) = read_export(export(alice).body).data["movies"]
    movie = db.scalars(select(Movie)).one()
    kept_by_the_site = {"id", "owner_id", "key", "change_id", "last_watched_on"}
    kept_by_the_site |= {"search_text", "tag_keys", "genre_keys", "sort_title", "sort_year", "sort_rating"}
    assert set(heat) == {c.name for c in Movie.__table__.c} - kept_by_the_site | {"viewings"}
    assert (heat["why"], heat["notes"]) == ("Ann said so", "long\nbut good")
    assert heat["added_at"] == movie.added_at.replace(tzinfo=UTC).isoformat()
    assert heat["removed_at"] is not None
    assert {"watched_on": "2009-07", "note": "on a ferry"} in heat["viewings"]
    entered_on_viewing = {c.name for c in Viewing.__table__.c} - {"id", "movie_id"}
    assert all(set(viewing) == entered_on_viewing for viewing in heat["viewings"])


def test_export_contains_nothing_else(alice, bob):
    alice.add("Heat")
    bob.add("Ran")
    bob.cross_off("Ran")
    files = read_export(export(alice).body).files
    for text in (content.decode() for content in files.values()):
        assert not [secret for secret in ("Ran", "bob", "$2b$", "password", alice.list_path) if secret in text]


def test_second_export_has_the_same_bytes(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    assert export(alice).body == export(alice).body


def test_export_closes_its_file_and_gives_its_connection_back(alice, app, monkeypatch):
    files, original = [], account.TemporaryFile
    monkeypatch.setattr(account, "TemporaryFile", lambda: files.append(original()) or files[-1])
    export(alice)
    alice.turn_on_two_factor()
    alice.send("/account/export", current_password=PASSWORD, code="wrong", status=400)
    assert [file.closed for file in files] == [True, True]
    assert [engine.pool.checkedout() for engine in app.registry.engines] == [0, 0]


def test_export_needs_password(alice):
    page = submit(alice, "export", 400, current_password="wrong")
    assert problems(page) == ["That is not your current password."]


@pytest.mark.parametrize(("current_password", "word"), [("wrong", "delete"), (PASSWORD, "yes")])
def test_deleting_account_needs_password_and_confirmation(alice, db, current_password, word):
    submit(alice, "delete", 400, current_password=current_password, word=word)
    assert len(db.scalars(select(User)).all()) == 1
    assert alice.is_logged_in


def test_double_click_on_log_out_of_another_browser_ends_it_once(alice, app, db, monkeypatch):
    phone = Client(app)
    phone.log_in(alice.email)
    last = db.scalars(select(LoginSession.id).order_by(LoginSession.id.desc())).first()
    db.rollback()
    path, fields = (
        f"/account/login-sessions/{last}/end",
        {"csrf_token": alice.csrf_token(), "current_password": PASSWORD},
    )
    second, verify = alice.copy(), PasswordHasher.verify

    def click_again(*arguments):
        monkeypatch.setattr(PasswordHasher, "verify", verify)
        second.post(path, fields, status=303)
        return verify(*arguments)

    monkeypatch.setattr(PasswordHasher, "verify", click_again)
    alice.post(path, fields, status=303)
    assert not phone.is_logged_in


def test_refused_password_needs_no_write_lock(alice, engine):
    if engine.dialect.name != "sqlite":
        pytest.skip("about the one write lock of SQLite")
    token = alice.csrf_token()
    with engine.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")
        alice.post("/account/export", {"csrf_token": token, "current_password": "wrong"}, status=400)
