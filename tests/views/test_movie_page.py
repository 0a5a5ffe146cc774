"""The page of a movie: details, editing, viewings, removing and restoring."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from flicklist.dates import format_date
from flicklist.models import Movie, Viewing
from flicklist.models.meta import utc_now
from tests.clients import Client, is_marked_invalid, messages, problems, titles

TODAY = datetime.now(UTC).date()


@pytest.fixture
def heat(alice):
    alice.add("Heat", "1995")
    return alice


def movie_path(person, title="Heat"):
    return person.movie_path(title) + "/"


def open_viewing(person, iso):
    """Return the page of the viewing of Heat on that date."""
    page = person.get(movie_path(person))
    return page.goto(page.html.find("time", attrs={"datetime": iso}).find_parent("li").a["href"])


def test_total_length_of_viewing_notes_is_limited(alice, db):
    alice.add("Heat")
    alice.cross_off("Heat")
    movie_path = alice.movie_path("Heat")
    movie = db.scalars(select(Movie)).one()
    movie.viewings += [Viewing(watched_on="2001", note="x" * 1000) for _ in range(49)]
    db.commit()
    first = db.scalars(select(Viewing.id).order_by(Viewing.id)).first()
    alice.send(movie_path + "/viewings/add", watched_on="2002", note="y" * 1000)
    refused = ["The notes on the viewings of a movie can have at most 50,000 characters in total."]
    for verb in ("add", f"{first}/edit"):
        page = alice.send(f"{movie_path}/viewings/{verb}", watched_on="2003", note="z", status=400)
        assert messages(page, "error") == refused
        assert page.forms["viewing"]["note"].value == "z"
    alice.send(movie_path + "/viewings/add", watched_on="2004")
    for note in ("y" * 999, "y" * 999, ""):
        alice.send(f"{movie_path}/viewings/{first + 1}/edit", watched_on="2003", note=note)


def test_edit_does_not_overwrite_newer_text_without_warning(heat, db):
    old = heat.get(movie_path(heat) + "edit").forms["edit"]
    edit(heat, notes="from the phone")
    old["why"] = "Ann said so"
    page = old.submit(status=409)
    problem = (
        "“Heat (1995)” was changed in another window, so your changes are not saved yet. "
        "Save again to replace that version with yours."
    )
    assert messages(page, "error") == [problem]
    form = page.forms["edit"]
    assert (form["why"].value, form["notes"].value) == ("Ann said so", "")
    assert db.scalars(select(Movie.notes)).one() == "from the phone"
    form.submit(status=303)
    db.expire_all()
    movie = db.scalars(select(Movie)).one()
    assert (movie.why, movie.notes) == ("Ann said so", "")


def test_refused_edit_keeps_its_base_version(heat, db):
    early = heat.get(heat.movie_path("Heat") + "/edit").forms["edit"]
    edit(heat, "Heat", notes="from the phone")
    early["title"] = ""
    form = early.submit(status=400).forms["edit"]
    form["title"] = "Heat"
    page = form.submit(status=409)
    assert "from the phone" in page.html.select_one(".meanwhile").text
    assert db.scalars(select(Movie.notes)).one() == "from the phone"


def test_saving_same_form_twice_is_no_conflict(heat):
    form = heat.get(movie_path(heat) + "edit").forms["edit"]
    form["why"] = "Ann said so"
    form.submit(status=303)
    form.submit(status=303)


def edit(person, of="Heat", **fields):
    form = person.get(movie_path(person, of) + "edit").forms["edit"]
    for name, typed in fields.items():
        form[name] = typed
    return form.submit()


def test_movie_page_shows_all_details(heat):
    edit(heat, why="Ann said so", notes="With De Niro\nand Pacino")
    page = heat.get(heat.list_path).click("Heat")
    assert page.html.h1.text == "Heat"
    assert "1995" in page.html.select_one(".facts").text
    assert page.html.select_one(".why").text == "Ann said so"
    assert page.html.select_one(".notes").text == "With De Niro\nand Pacino"
    assert page.click("^Edit$").forms["edit"]["notes"].value == "With De Niro\nand Pacino"


def test_every_field_of_a_movie_can_be_edited(heat, db):
    page = edit(heat, title="Heat!", year="", why="Ann", notes="x\r\ny").follow()
    assert messages(page, "success") == ["Saved “Heat!”."]
    movie = db.scalars(select(Movie)).one()
    assert (movie.title, movie.year, movie.why, movie.notes) == ("Heat!", None, "Ann", "x\ny")


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("title", "", "Enter the title of the movie."),
        ("title", "x" * 201, "The title can have at most 200 characters."),
        ("year", "1", "Enter a year from 1874 to 2100."),
        ("why", "x" * 301, "The text of “Why it’s on the list” can have at most 300 characters."),
        (
            "why",
            "two\nlines",
            "There are invisible characters in the text of “Why it’s on the list”. Try typing instead of pasting.",
        ),
        ("notes", "x" * 5001, "The notes can have at most 5,000 characters."),
        ("notes", "bell\a", "There are invisible characters in the notes. Try typing instead of pasting."),
    ],
)
def test_refused_edit_keeps_typed_text(heat, field, typed, reason, db):
    fields = {"title": "Heat", "year": "1995", "why": "new why", "notes": "new notes", field: typed}
    page = heat.send(movie_path(heat) + "edit", status=400, **fields)
    assert problems(page) == [reason]
    assert is_marked_invalid(page, field, reason)
    shown = page.forms["edit"]
    assert shown["notes" if field != "notes" else "why"].value == ("new notes" if field != "notes" else "new why")
    assert db.scalars(select(Movie.why)).one() == ""


def test_texts_are_shown_as_text_with_links(heat):
    notes = 'A <b>note</b>:\nhttps://example.org/?a=1&b=2, "and" javascript:alert(1)'
    edit(heat, why="See https://example.org/why", notes=notes)
    heat.send(movie_path(heat) + "viewings/add", note="https://example.org/viewing")
    main = heat.get(movie_path(heat)).html.main
    shown = main.select_one(".notes")
    assert shown.text == notes
    assert [tag.name for tag in shown.find_all()] == ["a"]
    for place, url in ((".why", "why"), (".notes", "?a=1&b=2"), (".note", "viewing")):
        link = main.select_one(f"{place} a")
        assert (link["href"], link["rel"]) == (f"https://example.org/{url}", ["noopener", "nofollow"])


def test_main_control_is_to_watch_the_movie_then_to_rate_it(heat):
    buttons = heat.get(movie_path(heat)).html.select(".state button")
    assert [(button.text, button.get("class")) for button in buttons] == [("I watched it!", None)]
    heat.cross_off("Heat")
    buttons = heat.get(movie_path(heat)).html.select(".state button")
    assert [(button.text, button.get("class")) for button in buttons] == [
        ("Rate", None),
        ("I watched it again", ["quiet"]),
        ("Move to watchlist", ["quiet"]),
    ]


def test_remove_button_is_apart_from_editing(heat):
    remove = heat.get(movie_path(heat)).html.main.select("form")[-1]
    assert (remove["id"], remove.button["class"]) == ("remove", ["quiet", "danger"])
    assert [button.text for button in heat.get(movie_path(heat) + "edit").html.main.select("button")] == ["Save"]


def test_edit_page_of_removed_movie_leads_to_the_page_that_restores_it(heat):
    path = movie_path(heat)
    heat.send(path + "remove")
    assert heat.get(path + "edit", status=303).location == f"http://localhost{path}"


def test_duplicate_title_is_accepted_with_a_note(heat):
    heat.add("Heat", "1986")
    heat.add("Cold")
    heat.add("Heat (Director’s cut)")
    page = edit(heat, "Cold", title="HEAT", year="2013").follow()
    also = "You also have “Heat (1986)” and 1 more movie with this title."
    assert messages(page, "success") == [f"Saved “HEAT (2013)”. {also}"]
    page = edit(heat, "HEAT", title="heat", year="1995").follow()
    assert also in messages(page, "success")[0]
    assert len(heat.watchlist()) == 4


def test_movie_with_the_name_of_another_is_saved_with_a_link_to_the_other(heat):
    heat.add("Cold")
    other = movie_path(heat, "Heat")
    page = edit(heat, "Cold", title="Heat", year="1995").follow()
    assert messages(page, "success") == ["Saved “Heat (1995)”."]
    assert messages(page, "info") == ["You now have two movies named “Heat (1995)”."]
    assert page.click("Show the other one").request.path == other


def test_crossing_off_adds_viewing_today(heat, db):
    heat.cross_off("Heat")
    assert db.scalars(select(Viewing.watched_on)).all() == [TODAY.isoformat()]
    assert format_date(TODAY.isoformat()) in heat.get(heat.list_path + "watched").html.select_one(".movies").text


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_today_is_the_date_in_the_browser(heat, db, days):
    own = (TODAY + timedelta(days=days)).isoformat()
    heat.send(movie_path(heat) + "cross-off", today=own)
    assert db.scalars(select(Viewing.watched_on)).all() == [own]


@pytest.mark.parametrize("typed", ["", "x", "1999-01-01", "9999-12-31", "0000-00-00"])
def test_impossible_browser_date_is_ignored(heat, db, typed):
    heat.send(movie_path(heat) + "cross-off", today=typed)
    assert db.scalars(select(Viewing.watched_on)).all() == [TODAY.isoformat()]


def test_without_browser_date_the_date_of_the_site_is_used(make_app, db):
    person = Client(make_app(time_zone="Pacific/Kiritimati"))
    person.register("alice@example.com")
    person.add("Heat")
    person.cross_off("Heat")
    assert db.scalars(select(Viewing.watched_on)).one() == (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()


def test_rewatch_button_adds_one_viewing_a_day(heat, db):
    heat.cross_off("Heat")
    db.execute(update(Viewing).values(watched_on="2001"))
    db.commit()
    page = heat.press(heat.list_path + "watched", "I watched it again: Heat")
    assert messages(page, "success") == ["Added another viewing of “Heat (1995)”."]
    heat.press(heat.list_path + "watched", "I watched it again: Heat")
    assert sorted(db.scalars(select(Viewing.watched_on)).all()) == ["2001", TODAY.isoformat()]


@pytest.mark.parametrize(
    ("watched_on", "shown"),
    [("2009-07-14", "14 Jul 2009"), ("2009-07", "July 2009"), ("2009", "2009"), ("", "Date unknown")],
)
def test_viewing_date_can_be_day_month_year_or_unknown(heat, db, watched_on, shown):
    form = heat.get(movie_path(heat)).forms["viewing"]
    form["watched_on"], form["note"] = watched_on, "with Ann"
    page = form.submit(status=303).follow()
    assert messages(page, "success") == ["Viewing added. “Heat (1995)” is now on your watched list."]
    viewing = page.html.select_one(".viewings li")
    assert " ".join(viewing.text.split()) == f"{shown} with Ann Edit"
    assert viewing.a["aria-label"] == f"Edit viewing: {shown}"
    assert (viewing.time["datetime"] if viewing.time else "") == watched_on
    assert db.scalars(select(Viewing.watched_on)).one() == (watched_on or None)
    assert heat.watched() == ["Heat"]


def test_viewing_of_watched_movie_is_added_without_mention_of_list(heat):
    heat.cross_off("Heat")
    form = heat.get(movie_path(heat)).forms["viewing"]
    form["watched_on"] = "2009"
    assert messages(form.submit(status=303).follow(), "success") == ["Viewing added."]


@pytest.mark.parametrize(
    ("typed", "watched_on"), [("２００９－０７－１４", "2009-07-14"), ("٢٠٠٩", "2009"), ("2009–07", "2009-07")]
)
def test_viewing_date_can_have_digits_and_dashes_of_any_script(heat, db, typed, watched_on):
    heat.send(movie_path(heat) + "viewings/add", watched_on=typed)
    assert db.scalars(select(Viewing.watched_on)).one() == watched_on


@pytest.mark.parametrize("watched_on", ["soon", "2009-13", "2009-02-30", "1850", "09", "3.4.21", "2009-07-14T10"])
def test_invalid_date_is_refused_and_typed_text_is_kept(heat, db, watched_on):
    page = heat.send(movie_path(heat) + "viewings/add", watched_on=watched_on, note="with Ann", status=400)
    assert "Enter a date like" in problems(page)[0]
    assert page.forms["viewing"]["note"].value == "with Ann"
    assert page.forms["viewing"]["watched_on"].value == watched_on
    assert db.scalars(select(Viewing)).all() == []


@pytest.mark.parametrize(("days", "status"), [(1, 303), (2, 400)])
def test_without_browser_date_tomorrow_is_accepted(heat, days, status):
    heat.send(movie_path(heat) + "viewings/add", watched_on=str(TODAY + timedelta(days=days)), status=status)


def test_viewing_in_the_future_is_refused(heat):
    page = heat.send(movie_path(heat) + "viewings/add", watched_on=str(TODAY.year + 1), status=400)
    assert problems(page) == ["That date is in the future."]


def test_viewing_is_edited_on_its_own_page(heat, db):
    heat.cross_off("Heat")
    page = open_viewing(heat, TODAY.isoformat())
    form = page.forms["viewing"]
    form["watched_on"], form["note"] = "2009-07", "on tape"
    page = form.submit(status=303).follow()
    assert "on tape" in page.html.select_one(".viewings").text
    assert db.scalars(select(Movie.last_watched_on)).one() == "2009-07"


def test_deleting_last_viewing_offers_move_to_watchlist(heat, db):
    heat.cross_off("Heat")
    heat.rate("Heat", "4")
    viewing = open_viewing(heat, TODAY.isoformat())
    form = viewing.forms["delete"]
    form["move_to_watchlist"] = True
    page = form.submit(status=303).follow()
    moved = "Moved “Heat (1995)” to your watchlist and removed its rating."
    assert messages(page, "success") == [f"Viewing deleted. {moved}"]
    assert heat.watchlist() == ["Heat"]


def test_movie_can_stay_watched_without_viewings(heat, db):
    heat.cross_off("Heat")
    open_viewing(heat, TODAY.isoformat()).forms["delete"].submit(status=303)
    assert heat.watched() == ["Heat"]
    assert db.scalars(select(Viewing)).all() == []


def test_deleting_one_of_two_viewings_asks_nothing(heat):
    heat.cross_off("Heat")
    heat.send(movie_path(heat) + "viewings/add", watched_on="2001")
    form = open_viewing(heat, "2001").forms["delete"]
    assert "move_to_watchlist" not in form.fields


def test_viewing_is_not_found_below_another_movie(alice, bob, db):
    alice.add("Heat")
    alice.cross_off("Heat")
    viewing_id = db.scalars(select(Viewing.id)).one()
    bob.add("Ran")
    alice.add("Cold")
    for path in (movie_path(bob, "Ran"), movie_path(alice, "Heat")):
        bob.get(f"{path}viewings/{viewing_id}/", status=404)
        bob.send(f"{path}viewings/{viewing_id}/delete", status=404)
    alice.send(f"{movie_path(alice, 'Cold')}viewings/{viewing_id}/delete", status=404)
    assert db.scalars(select(Viewing.id)).all() == [viewing_id]


def test_restoring_removed_movie_brings_back_all_its_data(heat, db):
    heat.cross_off("Heat")
    heat.rate("Heat", "4")
    edit(heat, why="Ann")
    page = heat.get(movie_path(heat))
    path = page.request.path
    page = heat.press(page, "Remove")
    assert messages(page, "success") == ["Removed “Heat (1995)”."]
    assert heat.watched() == heat.watchlist() == []
    removed = heat.get(heat.list_path).click("Recently removed")
    assert titles(removed) == ["Heat"]
    page = heat.press(removed, "Restore Heat")
    assert page.request.path == path
    movie = db.scalars(select(Movie)).one()
    assert (movie.rating, movie.why, len(movie.viewings)) == (8, "Ann", 1)
    assert heat.watched() == ["Heat"]


def test_adding_removed_movie_offers_to_restore(heat):
    heat.send(movie_path(heat) + "remove")
    page = heat.add("heat", "1995")
    assert messages(page, "info") == ["You removed “Heat (1995)” recently. Restore it with its rating and viewings?"]
    heat.press(page, "Restore")
    assert heat.watchlist() == ["Heat"]


def test_page_of_removed_movie_shows_details_and_only_restore_form(heat):
    place = movie_path(heat)
    heat.cross_off("Heat")
    heat.send(place + "viewings/add", watched_on="", note="on a ferry")
    edit(heat, why="Ann said so", notes="long\nbut good")
    page = heat.get(place)
    viewing = page.html.select(".viewings a")[-1]["href"]
    page.forms["remove"].submit(status=303)
    page = heat.get(place)
    for text in ("Date unknown", "on a ferry", "Ann said so", "long\nbut good"):
        assert text in page.html.main.text
    assert [button.text for button in page.html.main.select("button")] == ["Restore"]
    page = heat.get(viewing)
    assert "on a ferry" in page.html.main.text
    assert not page.html.main.select("form")


def test_removing_returns_to_list_of_the_movie(heat):
    heat.add("Ran")
    heat.cross_off("Heat")
    for title, view in (("Heat", "watched"), ("Ran", "")):
        answer = heat.get(movie_path(heat, title)).forms["remove"].submit(status=303)
        assert answer.location == f"http://localhost{heat.list_path}{view}"


def test_movie_with_id_in_key_is_not_added_again(heat):
    heat.add("Cold", "1995")
    edit(heat, of="Cold", title="Heat")
    edit(heat, title="Other")
    page = heat.add("heat", "1995")
    assert messages(page, "info") == ["“Heat (1995)” is already on your watchlist."]
    assert sorted(heat.watchlist()) == ["Heat", "Other"]


def test_title_that_looks_like_key_with_id_is_another_movie(heat):
    heat.add("Scream () #2")
    assert messages(heat.add("Scream"), "success") == ["Added “Scream”."]
    assert sorted(heat.watchlist()) == ["Heat", "Scream", "Scream () #2"]


def test_listed_movie_counts_before_removed_movie_of_same_title(heat):
    heat.add("Cold", "1995")
    heat.send(movie_path(heat) + "remove")
    edit(heat, of="Cold", title="Heat")
    assert messages(heat.add("Heat", "1995"), "info") == ["“Heat (1995)” is already on your watchlist."]


def test_removed_movie_is_gone_after_thirty_days(heat, db):
    path = movie_path(heat)
    heat.send(path + "remove")
    db.execute(update(Movie).values(removed_at=utc_now() - timedelta(days=30, seconds=1)))
    db.commit()
    assert titles(heat.get(heat.list_path + "removed")) == []
    heat.get(path, status=404)
    assert titles(heat.add("Heat", "1995")) == ["Heat"]
    assert len(db.scalars(select(Movie)).all()) == 1


def test_title_field_has_url_of_suggestions(alice):
    assert alice.get(alice.list_path).forms["add"]["title"].attrs["data-suggest"] == "/suggestions"
