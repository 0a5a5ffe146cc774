"""Error pages are styled and reveal no details."""

from datetime import timedelta

import pytest
from pyramid.exceptions import BadCSRFOrigin
from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound, HTTPRequestEntityTooLarge
from sqlalchemy import delete, event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from flicklist.models import LoginSession, User
from flicklist.models.meta import utc_now
from flicklist.security.rate_limits import RateLimited
from flicklist.services import watchlist
from flicklist.services.passwords import TooBusy
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages


@pytest.fixture
def broken(make_app, alice, monkeypatch):
    """Return a function that makes every list raise an error, and returns Alice on that site."""
    person = Client(make_app(), alice.email)
    person.log_in().follow()
    person.list_path = alice.list_path

    def break_with(error):
        def fail(*_, **options):
            raise error

        monkeypatch.setattr("flicklist.services.watchlist.watchlist_page", fail)
        return person

    return break_with


def test_failure_shows_plain_page_and_is_logged(broken, caplog):
    person = broken(ZeroDivisionError("division by secret"))
    page = person.get(person.list_path, status=500)
    assert page.html.h1.text == "Something went wrong"
    assert "alice" not in page.text
    assert "secret" not in page.text
    assert "ZeroDivisionError" in caplog.text


def test_failure_page_needs_no_database(visitor, statements, monkeypatch):
    monkeypatch.setattr("flicklist.security.SecurityPolicy.identity", lambda *_: 1 / 0)
    page = visitor.get("/login", status=500)
    assert page.html.h1.text == "Something went wrong"
    assert statements == []


def test_unavailable_database_gives_503_with_retry_after(broken):
    person = broken(OperationalError("SELECT", {}, Exception("the server closed the connection")))
    page = person.get(person.list_path, status=503)
    assert page.headers["Retry-After"] == "10"
    assert page.html.h1.text == "The site is busy"


@pytest.mark.parametrize(("method", "path"), [("get", "/nothing"), ("get", "/"), ("post", "/logout")])
def test_every_error_is_a_page_while_database_is_unavailable(alice, app, method, path):
    def refuse(connection, cursor, statement, *_):
        raise OperationalError(statement, {}, Exception("the server closed the connection"))

    for engine in app.registry.engines:
        event.listen(engine, "before_cursor_execute", refuse)
    page = getattr(alice, method)(path, status=503)
    for engine in app.registry.engines:
        event.remove(engine, "before_cursor_execute", refuse)
    assert page.html.h1.text == "The site is busy"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert alice.is_logged_in


def test_outage_is_logged_with_one_line_a_request_and_one_traceback(broken, caplog):
    person = broken(OperationalError("SELECT 1", {}, Exception("too many connections\nfor role")))
    for _ in range(3):
        person.get(person.list_path, status=503)
    assert caplog.messages == ["The database was unavailable, busy or read-only: too many connections for role"] * 3
    assert caplog.text.count("Traceback") == 1


def test_account_deleted_meanwhile_gives_409(alice, db, monkeypatch):
    add_movie = watchlist.add_movie

    def delete_first(session, *arguments, **options):
        session.execute(delete(User))
        return add_movie(session, *arguments, **options)

    monkeypatch.setattr(watchlist, "add_movie", delete_first)
    page = alice.send(alice.list_path + "add", title="Heat", status=409)
    assert page.html.h1.text == "Changed at the same time"


def test_account_deleted_while_a_change_waited_leads_to_the_wall(alice, app, db, caplog):
    writing, deletions = app.registry.engines[1], [delete(User)]

    def delete_once(*_):
        if deletions:
            db.execute(deletions.pop())
            db.commit()

    form = alice.get(alice.list_path).forms["add"]
    form["title"] = "Heat"
    event.listen(writing, "checkout", delete_once)
    page = form.submit(headers=OURS, status=403)
    event.remove(writing, "checkout", delete_once)
    assert page.html.h1.text == "Log in"
    assert page.forms["log-in"]["unsent"].value
    assert "Conflicting" not in caplog.text


def test_connection_lost_at_commit_is_reported_as_unknown_result(make_app, alice, monkeypatch):
    person = Client(make_app(), alice.email)
    person.log_in()

    def lose(*_):
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr("zope.sqlalchemy.datamanager.SessionDataManager.tpc_vote", lose)
    page = person.send(f"{alice.list_path}add", title="Heat", status=503)
    assert "Your change may or may not have been saved." in page.text
    assert "Nothing was changed" not in page.text


NOTE = "The lights went <out>. 😀"
NOTES = f"{NOTE}\n\nThen they came back."
OURS = {"Origin": "http://localhost"}


def typed_forms(person):
    """Return the forms into which a person types longer texts, filled in."""
    person.add("Heat")
    person.cross_off("Heat")
    movie = person.get(person.movie_path("Heat") + "/")
    viewing, edit = movie.forms["viewing"], person.get(person.movie_path("Heat") + "/edit").forms["edit"]
    add = person.get(person.list_path).forms["add"]
    viewing["note"], edit["notes"] = NOTE, NOTES
    viewing["watched_on"] = "2009-07"
    add["title"], add["why"] = "Ran", "Ann said so"
    edit["title"] = "Heat!"
    return {"viewing": viewing, "edit": edit, "add": add}


TYPED = {
    "viewing": {"Note": NOTE, "Date": "2009-07"},
    "edit": {"Title": "Heat!", "Notes": NOTES},
    "add": {"Title": "Ran", "Why it’s on the list": "Ann said so"},
}


def assert_gives_text_back(page, typed):
    texts = {
        label.find(string=True).strip(): label.textarea.text.removeprefix("\n").replace("\r\n", "\n")
        for label in page.html.select("main label")
    }
    assert texts == typed
    assert "Copy it before you leave this page" in page.html.main.text
    assert "reload" not in page.html.main.text


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("COMMIT", {}, Exception("the server closed the connection")), 503),
        (StaleDataError(), 409),
        (ZeroDivisionError(), 500),
    ],
)
def test_error_at_commit_gives_back_what_was_typed(make_app, alice, monkeypatch, name, error, status):
    person = Client(make_app(), alice.email)
    person.log_in()
    person.list_path = alice.list_path
    form = typed_forms(person)[name]

    def fail(*_):
        raise error

    monkeypatch.setattr("zope.sqlalchemy.datamanager.SessionDataManager.tpc_vote", fail)
    assert_gives_text_back(form.submit(headers=OURS, status=status), TYPED[name])


@pytest.mark.parametrize("name", TYPED)
def test_too_many_changes_give_back_what_was_typed(make_app, alice, name):
    person = Client(make_app(rate_limit_changes="2 per hour"), alice.email)
    person.log_in()
    person.list_path = alice.list_path
    form = typed_forms(person)[name]
    assert_gives_text_back(form.submit(headers=OURS, status=429), TYPED[name])


def test_error_page_gives_no_password_back(make_app, alice, monkeypatch):
    def fail(*_):
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    person = Client(make_app(), alice.email)
    person.log_in()
    token = person.csrf_token()
    monkeypatch.setattr("zope.sqlalchemy.datamanager.SessionDataManager.tpc_vote", fail)
    fields = {"csrf_token": token, "current_password": PASSWORD, "password": NEW_PASSWORD, "verify": NEW_PASSWORD}
    page = person.post("/account/change-password", fields, headers=OURS, status=503)
    assert not page.html.select("textarea")
    assert PASSWORD not in page.text
    assert NEW_PASSWORD not in page.text


@pytest.fixture
def lost_commits(app):
    """Lose the connection at every commit."""

    def lose(connection):
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    for engine in app.registry.engines:
        event.listen(engine, "commit", lose)
    yield
    for engine in app.registry.engines:
        event.remove(engine, "commit", lose)


def test_failed_commit_does_not_change_who_is_logged_in(app, alice, visitor, request):
    form, token = visitor.get("/login").forms["log-in"], alice.csrf_token()
    form["email"], form["password"] = alice.email, PASSWORD
    request.getfixturevalue("lost_commits")
    form.submit(status=503)
    alice.post("/logout", {"csrf_token": token}, status=503)
    fields = {"current_password": PASSWORD, "password": NEW_PASSWORD, "verify": NEW_PASSWORD}
    page = alice.post("/account/change-password", {"csrf_token": token, **fields}, status=503)
    assert messages(page) == []
    assert not visitor.is_logged_in
    assert alice.is_logged_in
    assert messages(alice.get(alice.list_path)) == []


def test_failed_request_keeps_pending_messages(make_app, alice, monkeypatch):
    person = Client(make_app(), alice.email)
    person.log_in()
    with monkeypatch.context() as broken:
        broken.setattr("flicklist.services.watchlist.watchlist_page", lambda *_, **options: 1 / 0)
        answer = person.get(alice.list_path, status=500)
        assert "Set-Cookie" not in answer.headers
    assert messages(person.get(alice.list_path)) == ["Welcome back!"]


def test_concurrent_change_gives_409(broken):
    person = broken(StaleDataError("UPDATE statement on table 'movies' expected to update 1 row(s)"))
    page = person.get(person.list_path, status=409)
    assert page.html.h1.text == "Changed at the same time"
    assert "UPDATE" not in page.text


def test_read_only_database_still_shows_pages(alice, app, db, caplog):
    db.execute(update(LoginSession).values(last_seen_at=utc_now() - timedelta(hours=2)))
    db.commit()

    def refuse(connection, cursor, statement, *_):
        if not statement.startswith("SELECT"):
            raise OperationalError(statement, {}, Exception("attempt to write a readonly database"))

    for engine in app.registry.engines:
        event.listen(engine, "before_cursor_execute", refuse)
    try:
        assert alice.get(alice.list_path).html.h1.text == "Watchlist"
        alice.send(f"{alice.list_path}add", title="Heat", status=503)
    finally:
        for engine in app.registry.engines:
            event.remove(engine, "before_cursor_execute", refuse)
    assert "A visit could not be recorded" in caplog.text


def test_other_pyramid_errors_are_styled_pages(broken):
    person = broken(HTTPRequestEntityTooLarge("with details"))
    page = person.get(person.list_path, status=413)
    assert page.html.select_one(".wordmark")
    assert "with details" not in page.text


def test_missing_page_gives_404_without_echoing_path(alice):
    page = alice.get("/no-such-page", status=404)
    assert page.html.h1.text == "Page not found"
    assert "no-such-page" not in page.html.main.text
    assert page.html.main.a.text == "Back to my watchlist"


def test_form_for_a_list_of_another_person_says_that_nothing_was_saved(alice, bob):
    page = bob.send(f"{alice.list_path}imports/", status=404)
    assert "This page doesn’t exist, or you don’t have access to it. Nothing was saved." in page.html.main.text
    assert "Nothing was saved." not in bob.get(alice.list_path, status=404).html.main.text


def test_missing_static_file_gives_404_for_everybody(visitor):
    page = visitor.get("/static/nothing.css", status=404)
    assert page.html.h1.text == "Page not found"
    assert [link.text for link in page.html.main.select("a")] == ["Go to FlickList", "Log in"]


def test_form_from_another_site_gives_403(make_app):
    person = Client(make_app(https="true"))
    person.extra_environ = {"wsgi.url_scheme": "https", "HTTP_HOST": "flick.example:443"}
    form = person.get("/login").forms["log-in"]
    page = form.submit(headers={"Origin": "https://evil.example"}, status=403)
    assert page.html.h1.text == "Form not accepted"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (HTTPBadRequest(), 400, "Invalid request"),
        (BadCSRFOrigin(), 403, "Form not accepted"),
        (HTTPNotFound(), 404, "Page not found"),
        (StaleDataError(), 409, "Changed at the same time"),
        (RateLimited(179), 429, "Too many attempts"),
        (ZeroDivisionError(), 500, "Something went wrong"),
        (OperationalError("", {}, Exception()), 503, "The site is busy"),
        (PoolTimeoutError(), 503, "The site is busy"),
        (TooBusy(), 503, "The site is busy"),
    ],
)
def test_every_error_page_has_wordmark_and_title(broken, error, status, title):
    person = broken(error)
    page = person.get(person.list_path, status=status)
    assert page.html.title.text == f"{title} – FlickList"
    assert page.html.select_one("header .wordmark")
    assert page.html.h1.text == title
    if status == 429:
        assert "Try again in 3 minutes." in page.html.main.text


@pytest.mark.parametrize("path", ["/account/", "/account/nothing"])
def test_account_is_marked_in_the_header_on_all_its_pages(alice, path):
    page = alice.get(path, status="*")
    assert page.html.select_one(".places [aria-current]").text == "Account"


def test_account_is_marked_in_the_header_while_a_form_is_refused(alice):
    page = alice.send("/account/export", current_password="wrong", status=400)
    assert page.html.select_one(".places [aria-current]").text == "Account"
    assert not alice.get("/nothing", status=404).html.select_one(".places [aria-current]")
