"""Recently removed movies show their rating and how long they are kept."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, select, update

from flicklist.dates import format_date
from flicklist.models import Movie, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.movie import MAX_NOTES_LENGTH, MAX_TAGS, REMOVED_RETENTION
from tests.clients import PASSWORD, Client, messages, titles

OURS = {"Origin": "http://localhost"}


def removed_row(person):
    return person.get(person.list_path + "removed").html.select_one(".movies > li")


def remove(person, title):
    person.press(person.movie_path(title) + "/", "Remove")


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(), "30 days left"),
        (timedelta(days=1, minutes=1), "29 days left"),
        (timedelta(days=11, hours=12), "19 days left"),
        (timedelta(days=28, minutes=1), "2 days left"),
        (timedelta(days=29, minutes=1), "last day to restore"),
        (timedelta(days=29, hours=23, minutes=59), "last day to restore"),
    ],
)
def test_removed_movie_shows_days_left(alice, db, ago, text):
    alice.add("Heat")
    remove(alice, "Heat")
    db.scalars(select(Movie)).one().removed_at = utc_now() - ago
    db.commit()
    assert removed_row(alice).select_one(".days-left").text == text


def test_removed_movie_shows_its_rating(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.rate("Heat", "4.5")
    remove(alice, "Heat")
    assert removed_row(alice).select_one(".stars")["aria-label"] == "4½ of 5 stars"


def test_removed_movie_without_rating_shows_no_stars(alice):
    alice.add("Heat")
    remove(alice, "Heat")
    assert removed_row(alice).select_one(".stars") is None


def test_page_of_removed_movie_says_since_when_and_until_when_it_can_be_restored(alice, db):
    alice.add("Heat")
    path = alice.movie_path("Heat")
    remove(alice, "Heat")
    removed_at = (utc_now() - timedelta(days=3)).replace(hour=12)
    db.scalars(select(Movie)).one().removed_at = removed_at
    db.commit()
    last_day = format_date((removed_at + timedelta(days=30)).date().isoformat())
    page = alice.get(path).html.main
    assert f"You can restore it until {last_day}." in page.text
    assert page.find("dt", string="Removed").find_next("dd").text == format_date(removed_at.date().isoformat())


def texts_to_copy(page):
    return [each.text.removeprefix("\n").replace("\r\n", "\n") for each in page.html.select("main textarea")]


def send_while_removed(person, form, **more):
    """Submit a form after the movie was removed in another tab, and return the page with the text."""
    remove(person, "Heat")
    page = form.submit(headers=OURS, status=409, **more)
    assert "“Heat” was removed in the meantime. Restore it first, then save." in page.html.main.text
    return page


@pytest.mark.parametrize("notes", ["The lights\n\nwent <out>.", "😀" * MAX_NOTES_LENGTH], ids=["short", "longest"])
def test_edit_of_movie_removed_elsewhere_is_kept_and_saved_after_it_is_restored(alice, db, notes):
    alice.add("Heat")
    form = alice.get(alice.movie_path("Heat") + "/edit").forms["edit"]
    form["title"], form["notes"] = "Heat!", notes
    page = send_while_removed(alice, form)
    assert texts_to_copy(page) == ["Heat!", notes]
    restored = page.forms["restore"].submit(headers=OURS, status=200)
    assert messages(restored) == ["Restored “Heat”."]
    assert messages(restored.forms["unsent"].submit(headers=OURS, status=303).follow()) == ["Saved “Heat!”."]
    movie = db.scalars(select(Movie)).one()
    assert (movie.title, movie.notes, movie.is_removed) == ("Heat!", notes, False)


def test_viewing_of_movie_removed_elsewhere_is_kept_and_saved_after_it_is_restored(alice, db):
    alice.add("Heat")
    alice.cross_off("Heat")
    form = alice.get(alice.movie_path("Heat") + "/").forms["viewing"]
    form["watched_on"], form["note"] = "2009-07", "The lights went out."
    page = send_while_removed(alice, form)
    assert texts_to_copy(page) == ["The lights went out.", "2009-07"]
    page.forms["restore"].submit(headers=OURS, status=200).forms["unsent"].submit(headers=OURS, status=303)
    assert db.scalars(select(Viewing.note).order_by(Viewing.id)).all() == ["", "The lights went out."]


def test_tags_for_movie_removed_elsewhere_are_kept(alice, db):
    alice.add("Heat")
    page = alice.get(alice.get(alice.list_path).html.find("a", string="Select")["href"])
    movie_id = page.html.find("input", attrs={"aria-label": "Select Heat"})["value"]
    fields = {"csrf_token": alice.csrf_token(), "movie": movie_id, "tags": "own it"}
    remove(alice, "Heat")
    page = alice.post(f"{alice.list_path}tag", fields, headers=OURS, status=409)
    assert texts_to_copy(page) == ["own it"]
    page.forms["restore"].submit(headers=OURS, status=200).forms["unsent"].submit(headers=OURS, status=303)
    assert db.scalars(select(Movie.tags)).one() == "own it"


def test_form_for_list_of_another_person_is_not_shown_after_a_movie_is_restored(alice, bob):
    alice.add("Heat")
    form = alice.get(alice.movie_path("Heat") + "/edit").forms["edit"]
    form["title"] = "Heat!"
    unsent = send_while_removed(alice, form).forms["restore"]["unsent"].value
    bob.add("Ran")
    path = bob.movie_path("Ran")
    remove(bob, "Ran")
    bob.send(f"{path}/restore", unsent=unsent, status=303)


@pytest.fixture
def button_to_restore(alice):
    """The form of the button to restore a movie that carries a note."""
    alice.add("Heat")
    form = alice.get(alice.movie_path("Heat") + "/edit").forms["edit"]
    form["notes"] = "The lights went out."
    return send_while_removed(alice, form).forms["restore"]


def test_outdated_button_to_restore_gives_the_text_back(alice, button_to_restore):
    button_to_restore["csrf_token"] = "outdated"
    page = button_to_restore.submit(headers=OURS, status=400)
    assert texts_to_copy(page) == ["Heat", "The lights went out."]
    assert alice.watchlist() == []


def test_button_to_restore_keeps_the_text_through_the_login(alice, button_to_restore):
    alice.reset()  # its cookies
    page = button_to_restore.submit(headers=OURS, status=403)
    page.forms["log-in"]["email"], page.forms["log-in"]["password"] = alice.email, PASSWORD
    page = page.forms["log-in"].submit(headers=OURS, status=200).forms["unsent"].submit(headers=OURS, status=400)
    assert page.forms["edit"]["notes"].value.strip() == "The lights went out."


def test_forged_form_with_more_values_than_a_form_can_have_is_ignored(alice, button_to_restore):
    path = alice.list_path + "add"
    button_to_restore["unsent"] = json.dumps([path, {"title": ["Ran"], "watched_on": [""] * 100}])
    button_to_restore.submit(headers=OURS, status=303)


def test_movie_beyond_the_limit_stays_in_the_form(make_app, alice):
    site = Client(make_app(max_movies="1"), alice.email)
    site.log_in()
    site.get(alice.list_path)
    form = site.get(alice.list_path).forms["add"]
    form["title"] = "Heat"
    form.submit(status=303)
    form["title"], form["why"] = "Ran", "Ann said so"
    page = form.submit(status=400)
    assert (page.forms["add"]["title"].value, page.forms["add"]["why"].value) == ("Ran", "Ann said so")
    assert messages(page)[-1].startswith("You can have at most 1 movies, and you’ve reached that limit.")


def test_tags_beyond_the_limit_can_be_copied(alice, db):
    alice.add("Heat")
    movie = db.scalars(select(Movie)).one()
    movie.add_tags([f"tag {number}" for number in range(MAX_TAGS)])
    db.commit()
    fields = {"csrf_token": alice.csrf_token(), "movie": str(movie.id), "tags": "own it"}
    page = alice.post(f"{alice.list_path}tag", fields, headers=OURS, status=409)
    assert "A movie can have at most" in page.html.main.text
    assert texts_to_copy(page) == ["own it"]


def test_title_can_be_added_while_its_expired_movie_is_deleted(alice, app, db, engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("on SQLite, the deletion waits for the other request")
    alice.add("Heat")
    remove(alice, "Heat")
    expired = db.scalars(update(Movie).values(removed_at=utc_now() - REMOVED_RETENTION).returning(Movie.id)).one()
    db.commit()
    writer, found = app.registry.engines[1], []

    def delete_found(connection, cursor, statement, *_):
        if "movies.key >=" in statement and not found:
            found.append(statement)
            with engine.begin() as other:
                other.execute(delete(Movie))

    event.listen(writer, "after_cursor_execute", delete_found)
    assert titles(alice.add("Heat")) == ["Heat"]
    event.remove(writer, "after_cursor_execute", delete_found)
    assert found
    assert db.scalars(select(Movie.id)).one() != expired
