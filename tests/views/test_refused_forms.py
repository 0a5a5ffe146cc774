"""Every form that can be refused marks the field to correct: with the message, as invalid, and with the focus."""

import re
import time

import pytest
from pyramid.session import JSONSerializer
from sqlalchemy import select
from webob.cookies import SignedSerializer

from flicklist.forms import account, auth, film_facts, imports, movies, navigation, password_reset, search
from flicklist.forms.fields import SiteForm
from flicklist.models import LoginSession, User, Viewing
from flicklist.models.movie_import import MAX_IMPORTS
from flicklist.services.tokens import derive_key, password_reset_tokens
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages
from tests.conftest import SECRET
from tests.services.imports.files import MADE

WRONG_PASSWORD = "That is not your current password."
WRONG_CODE = "That code is wrong or was already used. Wait for the next code from your app, or use a recovery code."
NO_EMAIL, BAD_EMAIL = (
    "Enter your email address.",
    "That is not a valid email address. It should look like name@example.com.",
)
DIFFERENT = "The passwords don’t match."
NOT_LOGGED_IN = "You’re not logged in yet. Please check both fields."
NOT_DELETED = "Your account was not deleted. Please correct the last field."
SHORT = "A password needs at least 8 characters."
BAD_DATE = "Enter a date like 14 Jul 2009, July 2009 or 2009."
INVISIBLE = "There are invisible characters in the {}. Try typing instead of pasting."
# The forms of the account page: the path to send to, the fields, the field to correct, and the message.
ACCOUNT = [
    ("change-password", {"password": "short", "verify": "short"}, "password", SHORT),
    ("change-password", {"password": NEW_PASSWORD, "verify": "other"}, "verify", DIFFERENT),
    ("change-email", {"email": ""}, "email", NO_EMAIL),
    ("change-email", {"email": "nobody"}, "email", BAD_EMAIL),
    ("change-email", {"email": "bob@example.com"}, "email", "An account with that email address already exists."),
    ("delete", {"word": "yes"}, "word", "Type “delete”, without the quotation marks."),
]
# Each form that asks for the password again.
REAUTH = [
    ("change-password", {"password": NEW_PASSWORD, "verify": NEW_PASSWORD}),
    ("change-email", {"email": "ally@example.com"}),
    ("export", {}),
    ("delete", {"word": "delete"}),
    ("login-sessions/end-others", {}),
    ("login-sessions/{other}/end", {}),
    ("two-factor/renew-codes", {}),
    ("two-factor/turn-off", {}),
]
REGISTER = [
    ({"email": ""}, "email", NO_EMAIL),
    ({"email": "nobody"}, "email", BAD_EMAIL),
    (
        {"email": "bob@example.com"},
        "email",
        "An account with that email address already exists. If it’s yours, log in.",
    ),
    ({"password": "short"}, "password", SHORT),
    ({"verify": "other"}, "verify", DIFFERENT),
]
TERRIBLE = "This site refuses a few terrible movies, and this is one of them."
ADD = [
    ({"title": ""}, "title", "Enter the title of the movie."),
    ({"title": "x" * 201}, "title", "The title can have at most 200 characters."),
    ({"title": "He\x01at"}, "title", INVISIBLE.format("title")),
    (
        {"title": "Gigli"},
        "title",
        f"Trust me, you don’t want “Gigli” on your watchlist. {TERRIBLE}",
    ),
    ({"title": "Heat", "why": "\x01"}, "why", INVISIBLE.format("text of “Why it’s on the list”")),
]
SEARCHES = [
    ({"tag": "own it, lost"}, "tag", "Enter one tag, without commas."),
    ({"max_runtime": "long"}, "max_runtime", "Enter the longest runtime in minutes, from 1 to 9,999."),
    ({"added_from": "soon"}, "added_from", BAD_DATE),
    ({"added_to": "soon"}, "added_to", BAD_DATE),
    ({"added_from": "2010", "added_to": "2009"}, "added_to", "The first date is after the second."),
    ({"watched_from": "soon"}, "watched_from", BAD_DATE),
    ({"watched_from": "2010", "watched_to": "2009"}, "watched_to", "The first date is after the second."),
]
TESTED_HERE = {
    auth.RegisterForm, auth.LogInForm, auth.CodeForm, password_reset.RequestPasswordResetForm,
    password_reset.PasswordResetForm, account.ReauthForm, account.ChangePasswordForm, account.ChangeEmailForm,
    account.DeleteAccountForm, account.ConfirmTwoFactorForm, movies.AddForm, movies.TagsForm, movies.SelectionForm,
    movies.ViewingDateForm, imports.UploadForm, imports.AnswersForm, search.SearchForm,
}  # fmt: skip
NOT_TESTED_HERE = {
    movies.RestoreForm: "has only a hidden field, and is never refused",
    auth.NewPasswordForm: "a base of others",
    movies.MovieForm: "a base of others",
    film_facts.FilmFactsForm: "a base of others",
    movies.EditMovieForm: "in test_movie_page",
    movies.ViewingForm: "in test_viewing",
    movies.DeleteViewingForm: "a checkbox",
    movies.RatingForm: "a list of choices",
    imports.ReportForm: "links, which ignore what they do not know",
    navigation.BackForm: "hidden fields, which are ignored if they are wrong",
    account.DownloadCodesForm: "hidden fields",
}


def marked(page, form=None, *, is_in_message=False):
    """Return the name of the one marked field and its message. Fails unless it is marked in every way.

    `is_in_message` says that the field is in a message, which needs no other message.
    """
    (field,) = page.html.select("[aria-invalid]")
    home = field.find_parent("form") or page.html.find("form", id=field.get("form"))
    assert form is None or form in {home.get("id"), home.get("action")}
    assert [each.get("name") for each in page.html.select("[autofocus]")] == [name_of(field)]
    (problem,) = page.html.select(".problem")
    assert problem["id"] in field["aria-describedby"].split()
    for details in field.find_parents("details"):
        assert details.has_attr("open"), "the field is in a closed section"
    assert is_in_message or is_in_error_message(page, field, problem.text)
    return name_of(field), problem.text


def is_in_error_message(page, field, problem):
    """Return whether the message says in a sentence what is wrong, and names the field if the form has several."""
    (text,) = messages(page, "error")
    sentence = problem.split(". ")[0].casefold()
    named = re.fullmatch(f"(?:The filter “(.+)” was not used. |(.+): ){re.escape(sentence)}.?", text, re.IGNORECASE)
    if not named:
        return text in (NOT_LOGGED_IN, NOT_DELETED) or sentence in text.casefold()
    name = (named[1] or named[2]).casefold()
    shown = field.find_parent("label").find(string=True).strip().casefold()
    return name in shown or name.endswith(shown)


def invalid(page):
    return page.html.main.select("[aria-invalid]")


def name_of(field):
    return field.get("name") or field.find("input")["name"]


@pytest.mark.parametrize(("path", "fields", "name", "problem"), ACCOUNT)
def test_account_form(alice, bob, path, fields, name, problem):
    page = alice.send(f"/account/{path}", current_password=PASSWORD, status=400, **fields)
    assert marked(page, f"/account/{path}") == (name, problem)


@pytest.mark.parametrize(("path", "fields"), REAUTH, ids=[path for path, _ in REAUTH])
def test_wrong_password_and_wrong_code(alice, app, db, path, fields):
    alice.turn_on_two_factor()
    own = db.scalars(select(LoginSession)).one()
    _, other = LoginSession.start(own.user_id, "")
    db.add(other)
    db.commit()
    path = f"/account/{path.format(other=other.id)}"
    db.rollback()
    page = alice.send(path, current_password="wrong", code="000000", status=400, **fields)
    assert marked(page, path) == ("current_password", WRONG_PASSWORD)
    page = alice.send(path, current_password=PASSWORD, code="000000", status=400, **fields)
    assert marked(page, path) == ("code", WRONG_CODE)


def test_first_code_of_an_app(alice):
    alice.begin_two_factor()
    page = alice.send("/account/two-factor/confirm", current_password="wrong", code="000000", status=400)
    assert marked(page) == ("current_password", WRONG_PASSWORD)
    page = alice.send("/account/two-factor/confirm", current_password=PASSWORD, code="000000", status=400)
    assert marked(page)[0] == "code"


@pytest.mark.parametrize(("fields", "name", "problem"), REGISTER)
def test_registration(visitor, bob, fields, name, problem):
    valid = {"email": "alice@example.com", "password": PASSWORD, "verify": PASSWORD}
    both = {"verify": fields["password"]} if "password" in fields else {}
    page = visitor.send("/register", **{**valid, **both, **fields}).follow()
    assert marked(page, "register") == (name, problem)


def test_registration_marks_each_field_with_an_error(visitor):
    page = visitor.send("/register", email="nobody", password="short", verify="other").follow()
    problems = {field["name"]: page.html.find(id=f"{field['name']}-problem").text for field in invalid(page)}
    assert problems == {"email": BAD_EMAIL, "password": SHORT, "verify": DIFFERENT}
    assert messages(page, "error") == ["Please correct 3 fields: “Email”, “Password” and “Repeat password”."]
    assert [field["name"] for field in page.html.select("[autofocus]")] == ["email"]
    assert not page.html.select("[type=password][value]")


def test_log_in(alice, visitor):
    page = visitor.fail_to_log_in(alice.email, "wrong")
    assert marked(page, "log-in") == ("password", "Wrong email or password.")


def test_code_at_log_in(alice, app):
    alice.turn_on_two_factor()
    person = Client(app, alice.email)
    form = person.log_in().follow().forms["code"]
    form["code"] = "000000"
    assert marked(form.submit(status=303).follow(), "code") == ("code", WRONG_CODE)


@pytest.mark.parametrize(("email", "problem"), [("", NO_EMAIL), ("nobody", BAD_EMAIL)])
def test_request_for_password_reset(make_app, email, problem):
    person = Client(make_app(smtp_url="smtp://127.0.0.1:9", public_url="https://movies.example"))
    page = person.send("/password-reset/", email=email).follow()
    assert marked(page, "password-reset") == ("email", problem)


@pytest.mark.parametrize(
    ("password", "verify", "name", "problem"),
    [("short", "short", "password", SHORT), (NEW_PASSWORD, "other", "verify", DIFFERENT)],
)
def test_new_password(alice, visitor, db, password, verify, name, problem):
    user = db.scalars(select(User)).one()
    token = password_reset_tokens(SECRET).make(user.id, "", user.email_key, user.password_hash)
    form = visitor.get(f"/password-reset/new?token={token}").follow().forms["new-password"]
    form["password"], form["verify"] = password, verify
    assert marked(form.submit(status=303).follow(), "new-password") == (name, problem)


@pytest.mark.parametrize("view", ["", "watched"])
@pytest.mark.parametrize(("fields", "name", "problem"), ADD)
def test_movie_to_add(alice, view, fields, name, problem):
    page = alice.send(alice.list_path + "add", back=alice.list_path + view, status=400, **fields)
    assert marked(page, "add") == (name, problem)


def test_year_of_movie_to_add(alice):
    page = alice.send(alice.list_path + "add", title="Heat", year="95", status=400)
    field = page.html.find("input", attrs={"name": "title"})  # which has the year behind the title
    assert (field["aria-describedby"], page.html.find(id="year-problem").text) == (
        "year-problem",
        "Enter a year from 1874 to 2100.",
    )


@pytest.mark.parametrize(("fields", "name", "problem"), SEARCHES)
def test_search(alice, fields, name, problem):
    page = alice.get(alice.list_path + "watched", fields)
    assert marked(page, "search") == (name, problem)


def test_first_of_two_wrong_fields_has_the_focus(alice):
    page = alice.get(alice.list_path, {"max_runtime": "long", "added_from": "soon"})
    assert [field["name"] for field in page.html.select("[aria-invalid]")] == ["max_runtime", "added_from"]
    assert [field["name"] for field in page.html.select("[autofocus]")] == ["max_runtime"]


def test_first_of_many_wrong_fields_of_a_movie_has_the_focus(alice):
    alice.add("Heat")
    wrong = {"title": "", "year": "1", "why": "\x01", "tags": "x" * 41, "notes": "\x01", "runtime": "long"}
    page = alice.send(f"{alice.movie_path('Heat')}/edit", status=400, **wrong)
    assert [field["name"] for field in page.html.select("form#edit [aria-invalid]")] == list(wrong)
    assert [field["name"] for field in page.html.select("[autofocus]")] == ["title"]
    labels = "“Title”, “Year”, “Why it’s on the list”, “Tags”, “Notes” and “Runtime”"
    assert messages(page, "error") == [f"Please correct 6 fields: {labels}."]


@pytest.mark.parametrize("label", ["Add tags", "Remove tags"])
@pytest.mark.parametrize(
    ("tags", "problem"),
    [("", "Enter a tag, such as “own it”."), ("x" * 41, "A tag can have at most 40 characters.")],
)
def test_tags_for_selected_movies(alice, label, tags, problem):
    alice.add("Heat")
    page = alice.change_selected(alice.list_path, ["Heat"], label, tags=tags)
    assert marked(page, "selection") == ("tags", problem)
    assert page.html.find("input", attrs={"name": "tags"})["value"] == tags
    assert page.html.find("input", attrs={"name": "movie"}).has_attr("checked")


@pytest.mark.parametrize("list_name", ["", "watched"])
@pytest.mark.parametrize("verb", ["tag", "untag"])
@pytest.mark.parametrize(
    ("is_selected", "field", "problem"),
    [
        (True, "tags", "A tag can have at most 40 characters."),
        (False, "movie", "Select at least one movie."),
    ],
)
def test_long_tags_for_selected_movies_come_back(alice, list_name, verb, is_selected, field, problem):
    """A redirect would cut them off: it keeps the text in the session cookie."""
    alice.add("Heat")
    if list_name:
        alice.cross_off("Heat")
    form = alice.get(f"{alice.list_path}{list_name}?select=on").forms["selection"]
    form["movie"] = is_selected
    form["tags"], form.action = "ü" * 2000, f"{alice.list_path}{verb}"
    page = form.submit(status=400)
    assert page.html.h1.text == (list_name.capitalize() or "Watchlist")
    assert marked(page, "selection") == (field, problem)
    assert page.forms["selection"]["tags"].value == "ü" * 2000
    assert page.forms["selection"]["movie"].checked == is_selected


@pytest.mark.parametrize("label", ["Mark as watched", "Remove", "Add tags"])
def test_no_movie_selected(alice, label):
    alice.add("Heat")
    page = alice.change_selected(alice.list_path, [], label)
    assert marked(page, "selection") == ("movie", "Select at least one movie.")


@pytest.mark.parametrize(("typed", "problem"), [("soon", BAD_DATE), ("2100", "That date is in the future.")])
def test_date_in_message_about_watched_movie(alice, db, typed, problem):
    alice.add("Heat")
    movie_path = alice.movie_path("Heat")
    alice.cross_off("Heat")
    viewing = db.scalars(select(Viewing.id)).one()
    page = alice.send(f"{movie_path}/viewings/{viewing}/change-date", watched_on=typed).follow()
    assert messages(page, "error") == []
    assert marked(page, is_in_message=True) == ("watched_on", problem)
    assert page.html.find("input", attrs={"name": "watched_on"})["value"] == typed


def test_upload_without_file(alice):
    page = alice.get(alice.list_path + "imports/").forms["upload"].submit(status=303).follow()
    assert marked(page, "upload") == ("file", "Choose a file first.")
    assert "one title per line" in page.html.find(id="file-help").text


def test_upload_beyond_the_limit(alice):
    for _ in range(MAX_IMPORTS):
        alice.upload("Heat")
    name, problem = marked(alice.upload("Heat"), "upload")
    assert (name, problem) == ("file", f"You have {MAX_IMPORTS} unfinished imports. Wait until they are finished.")


def test_question_without_answer(alice, work_on_imports):
    page = alice.upload((MADE / "letterboxd-import.csv").read_bytes(), "letterboxd-import.csv")
    work_on_imports()
    page = alice.get(page.request.path)
    name, problem = marked(alice.send(page.request.path + "answer").follow())
    assert problem == "Choose an answer."
    assert page.html.find("input", attrs={"name": name, "type": "radio"})


def test_every_form_is_tested():
    assert set(forms_below(SiteForm)) == TESTED_HERE | set(NOT_TESTED_HERE)


def forms_below(form):
    """Return all forms of the site that inherit from a form. Those for the questions of one import are made later."""
    below = [each for each in form.__subclasses__() if each is not imports.AnswersForm]
    found = [*below, *(each for child in below for each in forms_below(child))]
    return [*found, imports.AnswersForm] if form is SiteForm else found


def test_refused_form_of_an_older_version_is_ignored(visitor):
    """It was kept with one error. The session outlives an update of the site."""
    serializer = SignedSerializer(derive_key(SECRET, "session"), "pyramid.session.", "sha512", JSONSerializer())
    now = int(time.time())
    session = {"refused-form": ["LogInForm", "alice@example.com", "email", "Enter your email address."]}
    visitor.set_cookie("flicklist", serializer.dumps([now, now, session]).decode())
    assert visitor.get("/login").forms["log-in"]["email"].value == ""
