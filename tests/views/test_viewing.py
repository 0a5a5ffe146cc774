"""The dates of viewings, as people type them, and the buttons beside them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from webob.multidict import MultiDict

from flicklist.dates import format_date
from flicklist.forms.movies import ViewingDateForm
from flicklist.models import Viewing
from tests.clients import is_marked_invalid, messages, problems

TODAY = datetime.now(UTC).date()
AMBIGUOUS = "“03/04/2021” could be two different dates. Choose one."


@pytest.fixture
def heat(alice):
    """Alice, who has watched Heat in 2001."""
    alice.add("Heat", "1995")
    alice.send(movie_path(alice) + "viewings/add", watched_on="2001", note="on tape")
    return alice


def movie_path(person):
    return person.movie_path("Heat") + "/"


def dates(db):
    return set(db.scalars(select(Viewing.watched_on)))


def press(form, label):
    """Submit a form with its button of that label."""
    button = form.html.find("button", string=label)
    return form.submit("button_date", value=button["value"], status=303)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("14 July 2009", "2009-07-14"),
        ("14.7.2009", "2009-07-14"),
        ("july 2009", "2009-07"),
        ("25/12/2020", "2020-12-25"),
    ],
)
def test_date_is_typed_as_people_write_it(heat, db, typed, stored):
    form = heat.get(movie_path(heat)).forms["viewing"]
    form["watched_on"] = typed
    form.submit(status=303)
    assert dates(db) == {"2001", stored}


@pytest.mark.parametrize("days", [-1, 0, 1])
@pytest.mark.parametrize(("label", "ago"), [("Today", 0), ("Yesterday", 1)])
def test_buttons_add_viewing_today_or_yesterday_by_the_browser(heat, db, days, label, ago):
    day = TODAY + timedelta(days=days)
    form = heat.get(movie_path(heat)).forms["viewing"]
    form["note"], form["today"] = "with Ann", day.isoformat()
    press(form, label)
    added = db.scalars(select(Viewing).where(Viewing.note == "with Ann")).one()
    assert added.watched_on == (day - timedelta(days=ago)).isoformat()


def test_words_today_and_yesterday_are_dates_without_javascript_too(heat, db):
    for typed in ("Today", "yesterday"):
        heat.send(movie_path(heat) + "viewings/add", watched_on=typed)
    assert dates(db) == {"2001", str(TODAY), str(TODAY - timedelta(days=1))}


@pytest.mark.parametrize("stored", ["2009-07-14", "2009-07", "2009"])
def test_field_shows_date_in_words_and_takes_it_back(heat, db, stored):
    heat.send(movie_path(heat) + "viewings/add", watched_on=stored)
    viewing = db.scalars(select(Viewing).where(Viewing.watched_on == stored)).one()
    form = heat.get(f"{movie_path(heat)}viewings/{viewing.id}/").forms["viewing"]
    assert form["watched_on"].value == format_date(stored)
    form["note"] = "on film"
    form.submit(status=303)
    db.refresh(viewing)
    assert (viewing.watched_on, viewing.note) == (stored, "on film")


def test_ambiguous_date_is_refused_with_a_button_for_each_reading(heat, db):
    form = heat.get(movie_path(heat)).forms["viewing"]
    form["watched_on"], form["note"] = "03/04/2021", "with Ann"
    page = form.submit(status=400)
    assert is_marked_invalid(page, "watched_on", AMBIGUOUS)
    assert dates(db) == {"2001"}
    again = page.forms["viewing"]
    assert (again["watched_on"].value, again["note"].value) == ("03/04/2021", "with Ann")
    press(again, "4 Mar 2021")
    assert dates(db) == {"2001", "2021-03-04"}


@pytest.mark.parametrize(
    ("typed", "problem", "offered"),
    [
        ("03/12/2021", "3 Dec 2021 is in the future. Did you mean 12 Mar 2021?", ["12 Mar 2021"]),
        ("05/12/2021", "That date is in the future.", []),
    ],
)
def test_reading_of_ambiguous_date_in_the_future_is_not_offered(typed, problem, offered):
    today = date(2021, 3, 15)
    form = ViewingDateForm(MultiDict(watched_on=typed), today=today, latest=today)
    assert not form.validate()
    assert form.problem == problem
    assert [format_date(iso) for iso in form.watched_on.readings] == offered


def test_enter_key_saves_the_typed_date(heat, db):
    for page in (heat.get(movie_path(heat)), heat.get(movie_path(heat)).click(href="viewings/")):
        button = page.html.select_one("#viewing button")
        assert not button.has_attr("name")


@pytest.mark.parametrize(
    ("fields", "name", "problem"),
    [
        ({"watched_on": "soon", "note": "with Ann"}, "watched_on", "Enter a date like 14 Jul 2009, July 2009 or 2009."),
        ({"watched_on": "12.2100", "note": "with Ann"}, "watched_on", "That date is in the future."),
        ({"watched_on": "July 2009", "note": "x" * 1001}, "note", "The note can have at most 1,000 characters."),
    ],
)
@pytest.mark.parametrize("verb", ["add", "edit"])
def test_refused_viewing_names_the_problem_beside_the_field_and_keeps_what_was_typed(
    heat, db, verb, fields, name, problem
):
    path = f"{db.scalars(select(Viewing.id)).one()}/edit" if verb == "edit" else verb
    page = heat.send(f"{movie_path(heat)}viewings/{path}", status=400, **fields)
    assert problems(page) == [problem]
    assert is_marked_invalid(page, name, problem)
    assert {name: page.forms["viewing"][name].value for name in fields} == fields
    assert dates(db) == {"2001"}


def test_message_about_crossed_off_movie_offers_today_instead_of_yesterday_after_yesterday(alice):
    alice.add("Heat")
    page = alice.cross_off("Heat")
    button = page.html.find("button", string="Yesterday")
    path = button.find_parent("form")["action"]
    page = alice.send(path, watched_on=button["value"]).follow()
    assert not page.html.find("button", string="Yesterday")
    page = alice.send(path, watched_on=page.html.find("button", string="Today")["value"]).follow()
    assert messages(page, "success") == ["Watched “Heat” today."]
    assert page.html.find("button", string="Yesterday")


def test_message_about_crossed_off_movie_takes_the_same_dates(alice, db):
    alice.add("Heat")
    path = movie_path(alice)
    alice.cross_off("Heat")
    path += f"viewings/{db.scalars(select(Viewing.id)).one()}/change-date"
    page = alice.send(path, watched_on="14.7.2009").follow()
    assert messages(page, "success") == ["Watched “Heat” on 14 Jul 2009."]
    page = alice.send(path, watched_on="03/04/2021").follow()
    assert messages(page) == ["Watched “Heat” on 14 Jul 2009."]
    assert page.html.select_one(".new-viewing .problem").text == AMBIGUOUS
    assert page.html.find("button", string="Undo")
    button = page.html.find("button", string="3 Apr 2021")
    page = alice.send(button.find_parent("form")["action"], watched_on=button["value"]).follow()
    assert messages(page, "success") == ["Watched “Heat” on 3 Apr 2021."]
    assert dates(db) == {"2021-04-03"}
