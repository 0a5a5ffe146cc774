"""Typed texts that were sent after the login session had ended are kept through the login."""

import json
import time
from base64 import urlsafe_b64decode

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError, OperationalError

from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
)
from flicklist.models import Movie, Viewing
from flicklist.models.movie import (
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
)
from flicklist.templates import MAX_ADDRESS_LENGTH
from flicklist.unsent_forms import FIELDS
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages
from tests.security.test_known_browser import set_new_password

OURS = {"Origin": "http://localhost"}
NOTE = 'The "lights" went <out> twice.  ' * 30 + "Ünd a 😀."
NOTES = "First line\n\n  <b>second</b> & 'third'\n" + "line\n" * 800
LOGGED_OUT = ["You’re logged out, so nothing was saved. Log in to get back to what you typed."]
SAVED_NOTHING = [
    "You probably logged in or out in another window. Nothing was saved yet. Please send the form once more."
]


@pytest.fixture
def heat(alice):
    """Alice, who has watched Heat."""
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    return alice


def typed_edit(person):
    form = person.get(person.movie_path("Heat") + "/edit").forms["edit"]
    form["title"], form["notes"] = "Heat!", NOTES
    return form


def typed_viewing(person):
    form = person.get(person.movie_path("Heat") + "/").forms["viewing"]
    form["watched_on"], form["note"] = "2009-07", NOTE
    return form


def end_login(person):
    """End the login session elsewhere."""
    person.copy().log_out()


def send(form, headers=OURS, status=403):
    return form.submit(headers=headers, status=status)


def log_in(page, email, password=PASSWORD, status=200):
    form = page.forms["log-in"]
    form["email"], form["password"] = email, password
    return form.submit(headers=OURS, status=status)


def continue_to_form(page):
    return page.forms["unsent"].submit(headers=OURS, status=400)


def unsent_fields(page, name="log-in"):
    """Return the fields of the form that the page carries."""
    return json.loads(urlsafe_b64decode(page.forms[name]["unsent"].value))[1]


def saved(db):
    db.rollback()
    return db.execute(select(Movie.title, Movie.notes)).all(), db.scalars(select(Viewing.note).order_by("id")).all()


def test_edited_movie_comes_back_after_login_and_is_saved_when_sent_again(heat, db):
    form = typed_edit(heat)
    end_login(heat)
    page = send(form)
    assert messages(page) == LOGGED_OUT
    page = continue_to_form(log_in(page, heat.email))
    assert messages(page) == SAVED_NOTHING
    again = page.forms["edit"]
    assert (again["title"].value, again["notes"].value.replace("\r\n", "\n").strip()) == ("Heat!", NOTES.strip())
    assert saved(db) == ([("Heat", "")], [""])
    again.submit(status=303)
    assert saved(db)[0] == [("Heat!", NOTES.strip())]


def test_viewing_comes_back_after_login_and_is_saved_when_sent_again(heat, db):
    form = typed_viewing(heat)
    end_login(heat)
    page = continue_to_form(log_in(send(form), heat.email))
    assert messages(page) == SAVED_NOTHING
    again = page.forms["viewing"]
    assert (again["watched_on"].value, again["note"].value) == ("2009-07", NOTE)
    assert saved(db)[1] == [""]
    again.submit(status=303)
    assert saved(db)[1] == ["", NOTE]


def test_edited_viewing_and_reason_of_new_movie_come_back(heat, db):
    viewing = heat.get(f"{heat.movie_path('Heat')}/viewings/{db.scalars(select(Viewing.id)).one()}/").forms["viewing"]
    add = heat.get(heat.list_path).forms["add"]
    viewing["note"], (add["title"], add["why"]) = NOTE, ("Ran", "Ann said so")
    end_login(heat)
    page = continue_to_form(log_in(send(viewing), heat.email))
    assert page.forms["viewing"]["note"].value == NOTE
    end_login(heat)
    page = continue_to_form(log_in(send(add), heat.email))
    assert (page.forms["add"]["title"].value, page.forms["add"]["why"].value) == ("Ran", "Ann said so")


def change_person(client, email):
    """Log somebody else in with the same browser."""
    client.log_out()
    client.send("/login", email=email, password=PASSWORD)


@pytest.mark.parametrize("list_path", ["", "/watchlists/aaaaaaaaaaaaaaaaaaaaaa/"])
def test_form_of_another_account_gives_the_text_back_and_changes_nothing(heat, bob, db, list_path):
    """Whether the list exists or not."""
    form = typed_edit(heat)
    form.action = form.action.replace(heat.list_path, list_path or heat.list_path)
    change_person(heat, bob.email)
    page = send(form, status=404)
    assert page.html.h1.text == "Nothing was saved"
    texts = {label.find(string=True).strip(): label.textarea.text for label in page.html.select("main label")}
    assert texts.keys() == {"Title", "Notes"}
    assert texts["Title"].strip() == "Heat!"
    assert texts["Notes"].strip().splitlines() == NOTES.strip().splitlines()
    assert page.html.select_one("main a.button")["href"] == bob.list_path
    assert saved(db) == ([("Heat", "")], [""])


def test_form_about_a_movie_that_is_gone_gives_the_text_back(heat, db):
    form = typed_viewing(heat)
    db.execute(delete(Movie))
    db.commit()
    page = send(form, status=404)
    assert [each.text.strip() for each in page.html.select("main textarea")] == [NOTE, "2009-07"]


def test_form_of_another_site_is_not_shown(heat, bob):
    form = typed_edit(heat)
    change_person(heat, bob.email)
    page = send(form, {"Origin": "https://evil.example"}, status="*")
    assert "Heat!" not in page.text


@pytest.mark.parametrize("path", ["add", "find"])
def test_title_alone_comes_back(alice, path):
    form = alice.get(alice.list_path).forms["add"]
    form["title"], form.action = "Ran (1985)", alice.list_path + path
    end_login(alice)
    page = continue_to_form(log_in(send(form), alice.email))
    assert messages(page) == SAVED_NOTHING
    assert page.forms["add"]["title"].value == "Ran (1985)"
    page.forms["add"].submit(status=303)
    assert alice.watchlist() == ["Ran"]


def test_title_typed_on_watched_list_comes_back_there(heat):
    form = heat.get(heat.list_path + "watched").forms["add"]
    form["title"] = "Ran"
    end_login(heat)
    page = continue_to_form(log_in(send(form), heat.email))
    assert page.html.h1.text == "Watched"
    assert page.forms["add"]["title"].value == "Ran"


@pytest.mark.parametrize("button", ["tag", "untag"])
def test_tags_for_selected_movies_come_back_with_the_selection(alice, button):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    form = ticked_movies(alice, "Heat", "Ran")
    form["tags"], form.action = "own it, at Ann’s", alice.list_path + button
    end_login(alice)
    page = log_in(send(form), alice.email).forms["unsent"].submit(headers=OURS, status=303).follow()
    assert messages(page) == SAVED_NOTHING
    assert page.forms["selection"]["tags"].value == "own it, at Ann’s"
    assert page.html.select_one(".tagging").has_attr("open")
    ticked = [box["aria-label"] for box in page.html.select("[name=movie]") if box.has_attr("checked")]
    assert sorted(ticked) == ["Select Heat", "Select Ran"]


def ticked_movies(person, *titles, path=None):
    """Tick movies, and return the form for the selected ones."""
    page = person.get(f"{path or person.list_path}?select=some")
    form = page.forms["selection"]
    for box in form.fields["movie"]:
        label = page.html.find("input", value=box._value, attrs={"name": "movie"})["aria-label"]  # noqa: SLF001
        box.checked = label.removeprefix("Select ") in titles
    return form


def test_page_to_log_in_says_that_leaving_it_loses_the_text(heat):
    form = typed_viewing(heat)
    end_login(heat)
    page = send(form)
    assert "If you leave the page, it is lost." in page.forms["log-in"].text
    assert not page.forms["log-in"].html.find("a", string="Register")
    assert "is lost" not in heat.get("/login").text


def test_password_reset_in_another_tab_keeps_the_text(heat, run):
    form = typed_viewing(heat)
    end_login(heat)
    page = send(form)
    assert "Forgot your password?" in page.html.find("a", target="_blank").text
    set_new_password(heat, run)
    page = log_in(page, heat.email, NEW_PASSWORD, status=400)
    assert messages(page, "error") == SAVED_NOTHING
    page = continue_to_form(log_in(page, heat.email, NEW_PASSWORD))
    assert page.forms["viewing"]["note"].value == NOTE


def test_wrong_password_and_reached_limit_keep_the_text(make_app, heat):
    person = Client(make_app(rate_limit_log_in="2 per minute"), heat.email)
    person.log_in().follow()
    person.list_path = heat.list_path
    form = typed_viewing(person)
    end_login(person)
    page = send(form)
    for status in (400, 400, 429):
        page = log_in(page, heat.email, NEW_PASSWORD, status=status)
        assert NEW_PASSWORD not in page.text
        assert unsent_fields(page)["note"] == [NOTE]
    assert "Try again in" in messages(page, "error")[0]
    assert int(page.headers["Retry-After"]) > 0


def test_two_factor_and_wrong_code_keep_the_text(heat, db):
    totp = heat.begin_two_factor()
    heat.turn_on_two_factor(totp)
    form = typed_viewing(heat)
    end_login(heat)
    page = log_in(send(form), heat.email)
    page.forms["code"]["code"] = "nonsense"
    page = page.forms["code"].submit(headers=OURS, status=400)
    page.forms["code"]["code"] = _next_code(totp)
    page = continue_to_form(page.forms["code"].submit(headers=OURS, status=200))
    assert page.forms["viewing"]["note"].value == NOTE
    assert saved(db)[1] == [""]


def _next_code(totp):
    """Return a code that was not used yet: the one of the next thirty seconds, which is accepted already."""
    return totp.at(time.time() + 30)


def test_code_after_pending_login_expired_keeps_the_text(heat):
    heat.turn_on_two_factor()
    form = typed_viewing(heat)
    end_login(heat)
    page = log_in(send(form), heat.email)
    page.forms["code"]["code"] = "123456"
    heat.reset()
    page = page.forms["code"].submit(headers=OURS, status=(200, 400))
    assert unsent_fields(page, "log-in" if "log-in" in page.forms else "code")["note"] == [NOTE]


def test_login_in_another_tab_meanwhile_keeps_the_text(heat):
    form = typed_viewing(heat)
    end_login(heat)
    page = send(form)
    heat.log_in()
    page = continue_to_form(log_in(page, heat.email))
    assert page.forms["viewing"]["note"].value == NOTE


def test_text_of_another_account_comes_back_in_a_tab_that_another_person_has_logged_in_from(heat, bob):
    form = typed_viewing(heat)
    end_login(heat)
    page = send(form)
    heat.log_in(bob.email)
    page = log_in(page, heat.email)
    assert page.html.h1.text == "Nothing was saved"
    assert NOTE in page.html.main.text


ERRORS = {
    409: IntegrityError("INSERT", {}, Exception("not unique")),
    500: ZeroDivisionError(),
    503: OperationalError("SELECT", {}, Exception("database is locked")),
}


@pytest.mark.parametrize("status", ERRORS)
def test_error_while_logging_in_gives_the_text_back(heat, monkeypatch, status):
    form = typed_viewing(heat)
    end_login(heat)
    page = send(form)
    monkeypatch.setattr("flicklist.views.auth.remember", raiser(ERRORS[status]))
    assert NOTE in log_in(page, heat.email, status=status).html.main.text


@pytest.mark.parametrize("status", ERRORS)
def test_error_while_entering_a_code_gives_the_text_back(heat, monkeypatch, status):
    heat.turn_on_two_factor()
    form = typed_viewing(heat)
    end_login(heat)
    code = log_in(send(form), heat.email).forms["code"]
    code["code"] = "123456"
    monkeypatch.setattr("flicklist.views.auth.accept_code", raiser(ERRORS[status]))
    assert NOTE in code.submit(headers=OURS, status=status).html.main.text


def raiser(error):
    def fail(*_):
        raise error

    return fail


def test_another_person_who_logs_in_does_not_get_the_text(heat, bob):
    form = typed_viewing(heat)
    end_login(heat)
    page = log_in(send(form), bob.email, status=303)
    page = page.follow(status=(200, 404))
    assert "lights" not in page.text
    assert "unsent" not in page.forms


def test_text_for_list_of_another_person_is_not_shown(heat, bob):
    """Even if the hidden field was forged."""
    forged = json.dumps([heat.movie_path("Heat") + "/edit", {"notes": ["forged"]}])
    Client(heat.app).send("/login", email=bob.email, password=PASSWORD, unsent=forged)


@pytest.mark.parametrize(
    "unsent", ["x", "[]", "{}", "[1, 2]", '["/account/delete", {"notes": "x"}]', '["{list}1/edit", 7]', "[" * 9000]
)
def test_malformed_hidden_field_is_ignored(heat, unsent):
    person = Client(heat.app)
    unsent = unsent.replace("{list}", heat.list_path)
    assert person.send("/login", email=heat.email, password=PASSWORD, unsent=unsent).status_int == 303


UNSENDABLE = ["\ud800", "\udfff\ud83d", "a\0b", 7, None]


@pytest.mark.parametrize("is_logged_in", [False, True])
def test_values_that_no_form_can_send_are_ignored(heat, is_logged_in):
    person = heat if is_logged_in else Client(heat.app)
    unsent = json.dumps([heat.list_path + "add", {"title": [*UNSENDABLE, "Ran"], "why": UNSENDABLE}])
    page = person.send("/login", email=heat.email, password=PASSWORD, unsent=unsent, status=200)
    assert continue_to_form(page).forms["add"]["title"].value == "Ran"


def test_form_without_a_valid_value_is_ignored(heat):
    unsent = json.dumps([heat.list_path + "add", {"title": UNSENDABLE}])
    page = Client(heat.app).send("/login", email=heat.email, password=PASSWORD, unsent=unsent)
    assert page.status_int == 303


def test_values_that_no_form_can_send_are_ignored_with_the_code(heat):
    totp = heat.begin_two_factor()
    heat.turn_on_two_factor(totp)
    unsent = json.dumps([heat.list_path + "add", {"title": ["\ud800", "Ran"]}])
    person = Client(heat.app)
    page = person.send("/login", email=heat.email, password=PASSWORD, unsent=unsent, status=200)
    page.forms["code"]["code"] = _next_code(totp)
    page = continue_to_form(page.forms["code"].submit(headers=OURS, status=200))
    assert page.forms["add"]["title"].value == "Ran"


def test_text_without_a_list_is_one_value(heat):
    """As in pages that an older version of the site has made."""
    unsent = json.dumps([heat.list_path + "add", {"title": "Ran"}])
    page = Client(heat.app).send("/login", email=heat.email, password=PASSWORD, unsent=unsent, status=200)
    assert continue_to_form(page).forms["add"]["title"].value == "Ran"


def test_hidden_field_carries_no_password_code_or_token(heat):
    form = typed_edit(heat)
    end_login(heat)
    fields = dict(form.submit_fields()) | {"password": PASSWORD, "current_password": PASSWORD, "code": "123456"}
    page = heat.post(form.action, fields, headers=OURS, status=403)
    assert PASSWORD not in page.text
    assert unsent_fields(page).keys() <= FIELDS
    assert not FIELDS & {"csrf_token", "password", "verify", "current_password", "code"}


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}, {"Origin": "https://evil.example"}])
def test_form_that_no_page_of_this_site_sent_gets_plain_wall(heat, headers):
    form = typed_edit(heat)
    end_login(heat)
    page = heat.post(form.action, form.submit_fields(), headers=headers, status=303).follow()
    assert "second" not in page.text
    assert "unsent" not in page.text


def test_missing_list_gets_the_same_page_as_an_existing_one(heat, visitor):
    def wall(path):
        page = visitor.post(path, {"notes": NOTES}, headers=OURS, status=403)
        del page.forms["log-in"].fields["unsent"]
        return messages(page), [(name, field[0].value) for name, field in page.forms["log-in"].fields.items()]

    existing = heat.movie_path("Heat") + "/edit"
    missing = "/watchlists/AAAAAAAAAAAAAAAAAAAAAA/42/edit"
    assert wall(existing) == wall(missing) == wall(heat.list_path + "42/edit")


@pytest.mark.parametrize("path", ["cross-off", "42/remove", "42/nothing", "imports/", "changes/7/undo"])
def test_form_that_does_not_come_back_gets_plain_wall(heat, visitor, path):
    assert visitor.post(heat.list_path + path, {"tags": "own it"}, headers=OURS, status=303)


@pytest.mark.parametrize("fields", [{}, {"rating": "4"}, {"notes": ""}, {"notes": "x" * 95_000}])
def test_form_without_typed_text_or_with_far_too_long_one_gets_plain_wall(heat, visitor, fields):
    assert visitor.post(heat.list_path + "42/edit", fields, headers=OURS, status=303)


def test_longest_text_that_is_kept_fits_into_the_form_to_log_in(heat):
    form = typed_edit(heat)
    form["notes"] = "x" * 90_000
    end_login(heat)
    page = log_in(send(form), "a" * 254, "😀" * 72, status=400)
    assert unsent_fields(page)["notes"] == ["x" * 90_000]


# A browser sends twelve bytes for an emoji, which is the most for any character.
LONGEST_TAGS = ", ".join(chr(0x1F600 + each) * MAX_TAG_LENGTH for each in range(MAX_TAGS))
LONGEST_TEXTS = {
    "title": "😀" * MAX_TITLE_LENGTH,
    "why": "😀" * MAX_WHY_LENGTH,
    "tags": LONGEST_TAGS,
    "notes": "😀" * MAX_NOTES_LENGTH,
    "original_title": "😀" * MAX_ORIGINAL_TITLE_LENGTH,
    "directors": "😀" * MAX_DIRECTORS_LENGTH,
    "genres": "😀" * MAX_GENRES_LENGTH,
    "countries": "😀" * MAX_COUNTRIES_LENGTH,
}
LONGEST_ADDRESSES = {
    "imdb_id": "imdb.com/title/tt0113277?".ljust(MAX_ADDRESS_LENGTH, "😀"),
    "tmdb_id": "themoviedb.org/movie/949?".ljust(MAX_ADDRESS_LENGTH, "😀"),
    "letterboxd_uri": "letterboxd.com/film/".ljust(MAX_LETTERBOXD_URI_LENGTH - len("https://"), "a"),
}


@pytest.mark.parametrize("notes", [LONGEST_TEXTS["notes"], '"' * MAX_NOTES_LENGTH, "a" + "\n" * 4998 + "b"])
def test_longest_movie_comes_back_after_login_and_is_saved(heat, notes):
    edit_path, longest = f"{heat.movie_path('Heat')}/edit", LONGEST_TEXTS | {"notes": notes}
    form = heat.get(edit_path).forms["edit"]
    fill_in(form, longest | LONGEST_ADDRESSES | {"year": "１９９５", "runtime": "１７０"})
    end_login(heat)
    page = continue_to_form(log_in(send(form), heat.email))
    assert filled_in(page.forms["edit"], longest) == longest
    page.forms["edit"].submit(status=303)
    assert filled_in(heat.get(edit_path).forms["edit"], longest) == longest


def test_longest_viewing_and_addition_come_back_after_login(heat):
    viewing, add = heat.get(heat.movie_path("Heat") + "/").forms["viewing"], heat.get(heat.list_path).forms["add"]
    note, addition = {"note": "😀" * MAX_VIEWING_NOTE_LENGTH}, {name: LONGEST_TEXTS[name] for name in ("title", "why")}
    for form, texts in ((viewing, note), (add, addition)):
        fill_in(form, texts)
        end_login(heat)
        page = continue_to_form(log_in(send(form), heat.email))
        assert filled_in(page.forms[form.id], texts) == texts


@pytest.mark.parametrize("list_name", ["", "watched"])
def test_longest_tags_come_back_with_the_selection(heat, db, list_name):
    """They are too long for a redirect, which keeps the text in the session cookie."""
    for title in ("Ran", "Amélie"):
        heat.add(title)
        if list_name:
            heat.cross_off(title)
    form = ticked_movies(heat, "Ran", path=heat.list_path + list_name)
    form["tags"], form.action = LONGEST_TEXTS["tags"], heat.list_path + "tag"
    end_login(heat)
    page = continue_to_form(log_in(send(form), heat.email))
    assert messages(page) == SAVED_NOTHING
    assert page.html.h1.text == (list_name.capitalize() or "Watchlist")
    again = page.forms["selection"]
    assert again["tags"].value == LONGEST_TEXTS["tags"]
    again.action = heat.list_path + "tag"
    again.submit(status=303)
    db.rollback()
    assert db.scalars(select(Movie.tags).order_by(Movie.id)).all() == ["", LONGEST_TEXTS["tags"], ""]


def fill_in(form, texts):
    for name, text in texts.items():
        form[name] = text


def filled_in(form, texts):
    return {name: form[name].value.replace("\r\n", "\n").removeprefix("\n") for name in texts}
