"""Importing through the pages: upload, preview, questions, report, and taking an import back."""

import csv
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from flicklist.importer import open_importer
from flicklist.models import Change, Import, ImportChunk, ImportRow, ImportSnapshot, Lease, Movie, User, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.movie import REMOVED_RETENTION
from flicklist.models.movie_import import CHUNK_SIZE, CONFIRMATION_TIME, IMPORT_RETENTION, MAX_IMPORTS
from flicklist.services.imports import attempt, planning, storage, taking_back
from flicklist.services.imports.matching import LIST_CHANGED
from flicklist.services.imports.planning import Planner
from flicklist.services.imports.problems import NO_TITLE
from flicklist.services.imports.reading import read_upload
from flicklist.services.imports.rows import Option, ParsedUpload, Question, Row, RowViewing, Status, UnusableRow
from flicklist.services.leases import LeaseLost, acquire
from flicklist.services.watchlist import MAX_EXPIRED_DELETED
from flicklist.settings import Settings
from tests.clients import PASSWORD, Client, messages, rows_of, titles
from tests.exports import read_export
from tests.races import in_background
from tests.services.imports.files import SAMPLES, zipped
from tests.views.test_changes import remembered

PARTS = (ImportRow, ImportSnapshot, ImportChunk, Import)


class Sample(NamedTuple):
    """The movies that a sample adds to an empty list, and the rows that are not imported."""

    movies: int
    on_watchlist: int
    viewings_with_day: int
    viewings_without_day: int
    rated: int
    refused: int = 0
    undecided: int = 0


SAMPLES_OF_FORMATS = {
    "letterboxd-export": Sample(3391, 777, 2132, 527, 5, undecided=226),  # one film is in two lists
    "letterboxd-export-2024.zip": Sample(271, 4, 293, 44, 266, undecided=2),
    "letterboxd-export-2025-no-diary.zip": Sample(214, 24, 0, 190, 0),
    "letterboxd-import-format.csv": Sample(754, 0, 785, 0, 752),
    "imdb-ratings.csv": Sample(5, 0, 0, 5, 5, refused=1),
    "made/letterboxd-import.csv": Sample(1, 0, 2, 0, 1, undecided=1),
    "made/imdb/v1-watchlist.csv": Sample(1, 0, 0, 1, 1, refused=1),
    "made/imdb/v2-ratings.csv": Sample(1, 0, 0, 1, 1),
    "made/imdb/v2-watchlist-cp1252.csv": Sample(1, 1, 0, 0, 0, refused=1),
    "made/imdb/v3-watchlist.csv": Sample(4, 3, 0, 1, 1, refused=2),
    "made/trakt": Sample(3, 1, 3, 0, 1),
    "made/trakt-2026": Sample(5, 1, 4, 2, 3, refused=2),
    "made/trakt-website.csv": Sample(1, 0, 0, 1, 1, refused=1),
    "made/trakt-import.csv": Sample(2, 1, 1, 0, 1, refused=2),
    "made/netflix/viewing-us.csv": Sample(1, 0, 1, 0, 0, refused=2, undecided=1),
    "made/netflix/viewing-day-first.csv": Sample(1, 0, 1, 0, 0, refused=1),
    "made/netflix/viewing-iso.csv": Sample(1, 0, 1, 0, 0, refused=1),
    "made/netflix/viewing-german.csv": Sample(2, 0, 2, 0, 0),
    "made/netflix/viewing-two-orders.csv": Sample(2, 0, 2, 0, 0, refused=1),
    "made/plain-list.txt": Sample(8, 7, 0, 1, 0, refused=1, undecided=1),
}
OF_MOVIES = ("movies", "viewings")
LONG = "x" * 300  # no title can have so many characters


@pytest.fixture
def confirm_file(alice, work_on_imports):
    """Return a function that uploads a file, confirms the preview, and returns the page of the import that waits."""

    def upload_and_confirm(content, name="list.txt", person=alice):
        page = person.upload(content, name)
        work_on_imports()
        return press(person.get(page.request.path), "confirm")

    return upload_and_confirm


@pytest.fixture
def import_file(alice, confirm_file, work_on_imports):
    """Return a function that uploads a file, confirms the preview, and returns the page with the report."""

    def upload_and_import(content, name="list.txt", person=alice):
        page = confirm_file(content, name, person)
        work_on_imports()
        return person.get(page.request.path)

    return upload_and_import


@pytest.fixture
def take_back(work_on_imports, alice):
    def press_and_work(page):
        page = press(alice.get(page.request.path), "take-back")
        work_on_imports()
        return alice.get(page.request.path)

    return press_and_work


def press(page, form):
    return page.forms[form].submit(status=303).follow()


def counts(page):
    return {
        term.text: int(term.find_next("dd").text.replace(",", "")) for term in page.html.select(".import-counts dt")
    }


def counts_of_rows(db, page):
    """Return the number of rows with each outcome."""
    import_id = int(page.request.path.rstrip("/").rpartition("/")[2])
    db.rollback()
    return Counter(db.scalars(select(ImportRow.outcome).where(ImportRow.import_id == import_id)))


def listed_rows(page):
    """Return the title, the outcome and the reason of each listed row. A filter for one outcome leaves out that."""
    rows = page.html.select(".import-rows > li")
    return [
        (
            row.select_one("a, span").text,
            row.select_one(".outcome").text if row.select_one(".outcome") else "",
            row.p.text if row.p else "",
        )
        for row in rows
    ]


def state_of(db, person):
    """Return all movies and viewings of a person, without ids."""
    db.rollback()
    db.expire_all()
    owner_id = db.scalars(select(User.id).where(User.email == person.email)).one()
    return {name: rows for name, rows in rows_of(db, owner_id).items() if name in OF_MOVIES}


def exported(person):
    form = person.get("/account/").forms["export"]
    form["current_password"] = PASSWORD
    return read_export(form.submit(status=200).body)


def test_preview_shows_what_would_change_and_changes_nothing(alice, work_on_imports, db):
    alice.add("Heat", "1995")
    before = state_of(db, alice)
    page = alice.upload(f"[x] Heat (1995)\nRan (1985)\n\n{LONG}\n{LONG}")
    assert "Reading your file" in page
    assert page.headers["Refresh"] == "2"
    work_on_imports()
    page = alice.get(page.request.path)
    assert "Refresh" not in page.headers
    assert counts(page) == {"Movies to add": 1, "Movies to change": 1, "Viewings to add": 1}
    assert page.html.select_one(".import-filter [aria-current]").text == "Won’t be imported (2)"
    assert [(title[:5], outcome, reason) for title, outcome, reason in listed_rows(page)] == [("xxxxx", "", "")] * 2
    assert "200 characters" in page.html.select_one(".import-reason").text  # once, above both rows
    assert "2 rows of the file won’t be imported" in page.html.main.text
    assert "The file has 4 rows." in page.html.main.text
    assert "Line 4" in page.html.select_one(".import-rows").text
    assert state_of(db, alice) == before


def test_confirmed_import_adds_movies(alice, import_file, db):
    page = import_file("[x] Heat (1995)\nRan (1985)\n")
    assert page.html.h1.text == "Import finished"
    assert page.html.main.find("a", string="Back to my watchlist")["href"] == alice.list_path
    assert counts(page) == {"Movies added": 2, "Movies changed": 0, "Viewings added": 1}
    assert (alice.watchlist(), alice.watched()) == (["Ran"], ["Heat"])
    assert listed_rows(page) == [("Heat", "", ""), ("Ran", "", "")]
    assert "Heat" in alice.get(page.html.select_one(".import-rows a")["href"]).html.h1.text
    assert db.scalars(select(ImportChunk)).all() == []


@pytest.mark.parametrize("name", SAMPLES_OF_FORMATS)
def test_every_sample_is_imported_again_taken_back_and_restored(alice, import_file, take_back, db, name):
    """Import; import again: nothing changes; take back: nothing remains; import the export: the exports are equal."""
    upload = upload_of(name)
    empty = state_of(db, alice)
    first = import_file(*upload)
    imported, export = state_of(db, alice), exported(alice)
    assert summary(imported, counts_of_rows(db, first)) == SAMPLES_OF_FORMATS[name]
    second = import_file(*upload)
    assert state_of(db, alice) == imported
    assert set(counts(second).values()) == {0}
    assert not {"added", "changed"} & set(counts_of_rows(db, second))
    take_back(second)
    assert state_of(db, alice) == imported
    take_back(first)
    assert state_of(db, alice) == empty
    import_file(zipped(export.files), "flicklist.zip")
    assert exported(alice).files == export.files


def test_every_sample_is_among_those():
    names = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()} - {"NOTICE.md"}
    parents = {name: {name, *map(str, Path(name).parents)} for name in names}
    assert [name for name in names if not parents[name] & set(SAMPLES_OF_FORMATS)] == []


def test_answered_sample_is_imported_again_and_taken_back(alice, work_on_imports, import_file, take_back, db):
    page = alice.upload(*upload_of("made/letterboxd-import.csv"))
    work_on_imports()
    form = alice.get(page.request.path).forms["confirm"]
    form["letterboxd_import"] = "watched"
    assert "Check the preview again" in messages(form.submit(status=303).follow(), "info")[0]
    work_on_imports()
    assert state_of(db, alice) == {name: [] for name in OF_MOVIES}
    press(alice.get(page.request.path), "confirm")
    work_on_imports()
    imported, first = state_of(db, alice), alice.get(page.request.path)
    assert summary(imported, counts_of_rows(db, first)) == Sample(2, 0, 2, 1, 1)
    import_file(*upload_of("made/letterboxd-import.csv"))
    assert state_of(db, alice) == imported
    take_back(first)
    assert state_of(db, alice) == {name: [] for name in OF_MOVIES}


def test_second_account_is_taken_back_from_the_first(alice, import_file, take_back, db):
    """Two real accounts have films in common. The second one changes them, and taking it back restores them."""
    import_file(*upload_of("letterboxd-export-2025-no-diary.zip"))
    before = state_of(db, alice)
    page = import_file(*upload_of("letterboxd-export-2024.zip"))
    assert counts(page)["Movies changed"] > 20
    take_back(page)
    assert state_of(db, alice) == before


def test_export_of_edited_account_is_restored_after_deletion(alice, import_file):
    """Export, wipe, import, export: the two exports are equal."""
    import_file(*upload_of("letterboxd-export-2024.zip"))
    for title in ("=1+1", "Ran", "Heat"):
        alice.add(title)
    alice.cross_off("Ran")
    alice.rate("Ran", "4.5")
    alice.move_to_watchlist("Ran")
    alice.press(alice.get(alice.movie_path("Heat") + "/"), "Remove")
    export = exported(alice)
    form = alice.get("/account/").forms["delete"]
    form["current_password"], form["word"] = PASSWORD, "delete"
    form.submit(status=303)
    alice.register()
    assert alice.watchlist() == []
    import_file(zipped(export.files), "flicklist.zip")
    assert exported(alice).files == export.files


def upload_of(name):
    """Return a sample as it is uploaded, and the name of the file."""
    path = SAMPLES / name
    return (zipped(path), f"{path.name}.zip") if path.is_dir() else (path.read_bytes(), path.name)


def summary(state, rows):
    movies, days = state["movies"], [viewing.watched_on for viewing in state["viewings"]]
    return Sample(
        movies=len(movies),
        on_watchlist=sum(movie.watched_at is None for movie in movies),
        viewings_with_day=sum(day is not None for day in days),
        viewings_without_day=days.count(None),
        rated=sum(movie.rating is not None for movie in movies),
        refused=rows.get("refused", 0),
        undecided=rows.get("needs a decision", 0),
    )


def test_taking_back_restores_changed_movies_and_their_undo(alice, import_file, take_back, db):
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    before = state_of(db, alice)
    page = import_file("[x] Ran\n[x] Heat (1995)\nHeat (1995)\n")
    assert db.scalars(select(ImportSnapshot.movie_id)).all() == [before["movies"][0].id]
    page = take_back(page)
    assert page.html.h1.text == "Import undone"
    assert counts(page) == {"Movies deleted": 1, "Movies restored": 1}
    assert listed_rows(page) == []
    assert state_of(db, alice) == before
    assert "Undone: watched “Heat (1995)”." in alice.press(f"{alice.list_path}changes/", "Undo: Watched “Heat (1995)”")
    assert alice.watchlist() == ["Heat"]


def test_undo_that_gives_up_says_so_and_can_be_tried_again(alice, import_file, take_back, monkeypatch):
    page = import_file("Heat")
    with monkeypatch.context() as patched:
        patched.setattr(attempt, "take_back", lose_race)
        page = take_back(page)
    assert "Import finished" in page
    assert attempt.UNDO_FAILED in page.html.main.text
    page = take_back(page)
    assert "Import undone" in page
    assert attempt.UNDO_FAILED not in page.html.main.text
    assert alice.watchlist() == []


LARGE = "Heat (1995)\n[x] Ran (1985)\nAlien (1979)\n[x] Stalker (1979)\nM (1931)\n"


@pytest.fixture
def large_import(alice, confirm_file, db, monkeypatch):
    """Return the page of a confirmed import that needs three transactions, and three to be undone.

    One of its movies was on the list before.
    """
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 2_000)
    monkeypatch.setattr(taking_back, "CHUNK", 2)
    alice.add("Stalker", "1979")
    return confirm_file(LARGE)


@pytest.fixture
def fail_until_refused(work_on_imports, end_pauses, monkeypatch):
    """Return a function that lets an import, which has failed once, fail until it is refused."""

    def fail():
        monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: 1 / 0)
        for _ in range(attempt.MAX_ATTEMPTS):
            end_pauses()
            work_on_imports()

    return fail


def fail_in_transaction(monkeypatch, name, number, action):
    """Do something in the transaction of this number that writes movies of an import, instead of writing them."""
    write, calls = getattr(attempt, name), []

    def fail(*arguments):
        calls.append(arguments)
        return action() if len(calls) == number else write(*arguments)

    monkeypatch.setattr(attempt, name, fail)


def numbers_at_commits(model, work):
    """Return the numbers of rows that there are at the end of transactions, without repetitions."""
    numbers = []

    def count(connection):
        numbers.append(connection.scalar(select(func.count(model.id))))

    event.listen(Engine, "commit", count)
    try:
        work()
    finally:
        event.remove(Engine, "commit", count)
    return list(dict.fromkeys(numbers))


def lose_race(*_):
    raise attempt.ListChanged


def test_large_import_is_written_and_undone_in_small_transactions(alice, large_import, work_on_imports, db):
    """Others can write between them."""
    before = state_of(db, alice)
    written = numbers_at_commits(Movie, work_on_imports)
    assert written == [1, 3, 5]  # the first transaction changes the movie that was there before
    page = alice.get(large_import.request.path)
    assert counts(page) == {"Movies added": 4, "Movies changed": 1, "Viewings added": 2}
    press(page, "take-back")
    assert numbers_at_commits(Movie, work_on_imports) == [5, 4, 2, 1]
    assert counts(alice.get(page.request.path)) == {"Movies deleted": 4, "Movies restored": 1}
    assert state_of(db, alice) == before


def test_import_that_stops_in_the_middle_is_written_again(
    alice, large_import, work_on_imports, end_pauses, take_back, db, monkeypatch
):
    before = state_of(db, alice)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 3, lambda: 1 / 0)
        work_on_imports()
    assert "Stalker" in alice.watched()
    assert 1 < len(state_of(db, alice)["movies"]) < 5
    assert "Imported" not in alice.get(f"{alice.list_path}changes/").html.main.text
    end_pauses()
    work_on_imports()
    page = alice.get(large_import.request.path)
    assert counts(page) == {"Movies added": 4, "Movies changed": 1, "Viewings added": 2}
    assert (sorted(alice.watchlist()), sorted(alice.watched())) == (["Alien", "Heat", "M"], ["Ran", "Stalker"])
    take_back(page)
    assert state_of(db, alice) == before


def test_import_that_fails_in_the_middle_leaves_nothing(
    alice, large_import, work_on_imports, fail_until_refused, db, monkeypatch
):
    before = state_of(db, alice)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 3, lambda: 1 / 0)
        work_on_imports()
    fail_until_refused()
    page = alice.get(large_import.request.path)
    assert attempt.FAILED in page
    assert attempt.EDITED_STAY not in page
    assert state_of(db, alice) == before
    assert "Imported" not in alice.get(f"{alice.list_path}changes/").html.main.text


@pytest.mark.parametrize("edited", ["Stalker", "Ran"])
def test_import_that_fails_says_that_edited_movies_stay(
    alice, large_import, work_on_imports, fail_until_refused, monkeypatch, edited
):
    """One of the movies was there before."""
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 3, lambda: 1 / 0)
        work_on_imports()
    alice.rate(edited, "3")
    fail_until_refused()
    page = alice.get(large_import.request.path)
    assert attempt.FAILED in page
    assert attempt.EDITED_STAY in page
    assert edited in alice.watched()


def test_list_that_changes_while_a_large_import_is_written(
    alice, large_import, work_on_imports, take_back, monkeypatch
):
    """The movies that are not written yet are planned again."""
    added = []

    def edit(_):
        if not added and "Stalker" in alice.watched():
            alice.rate("Stalker", "4")
            added.append(alice.add("alien", "1979"))

    monkeypatch.setattr(attempt, "give_others_their_turn", edit)
    work_on_imports()
    page = alice.get(large_import.request.path)
    assert page.html.h1.text == "Import finished"
    assert (sorted(alice.watchlist()), sorted(alice.watched())) == (["Heat", "M", "alien"], ["Ran", "Stalker"])
    page = take_back(page)
    assert sorted(alice.watchlist() + alice.watched()) == ["Stalker", "alien"]


def test_movies_that_are_edited_while_a_large_import_is_written(
    alice, large_import, work_on_imports, take_back, db, monkeypatch
):
    """None is added twice, with its old title or with its old date."""
    edited = []

    def edit(_):
        if not edited and "Heat" in alice.watchlist():
            edited.append("Heat")
            form = alice.get(alice.movie_path("Heat") + "/edit").forms["edit"]
            form["title"] = "Heat 4K"
            form.submit(status=303)
            viewing_id = db.scalars(select(Viewing.id).join(Movie).where(Movie.title == "Stalker")).one()
            path = f"{alice.movie_path('Stalker')}/viewings/{viewing_id}/change-date"
            alice.send(path, watched_on="2024-01-02")

    monkeypatch.setattr(attempt, "give_others_their_turn", edit)
    work_on_imports()
    page = alice.get(large_import.request.path)
    assert counts(page) == {"Movies added": 4, "Movies changed": 1, "Viewings added": 2}
    assert (sorted(alice.watchlist()), sorted(alice.watched())) == (["Alien", "Heat 4K", "M"], ["Ran", "Stalker"])
    of_stalker = select(Viewing.watched_on).join(Movie).where(Movie.title == "Stalker")
    assert db.scalars(of_stalker).all() == ["2024-01-02"]
    page = take_back(page)
    assert "2 movies have changed since" in page
    assert (alice.watchlist(), alice.watched()) == (["Heat 4K"], ["Stalker"])


def test_plan_that_has_written_something_does_not_count(alice, confirm_file, work_on_imports, monkeypatch):
    """Somebody who edits every few seconds can still import."""
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    page = confirm_file("\n".join(f"Movie {number}" for number in range(2 * attempt.MAX_FAILURES_IN_A_ROW)))
    write, calls = attempt.write_movies, []

    def lose_every_second(*arguments):
        calls.append(arguments)
        if len(calls) % 2 == 0:
            raise attempt.ListChanged
        return write(*arguments)

    monkeypatch.setattr(attempt, "write_movies", lose_every_second)
    work_on_imports()
    assert counts(alice.get(page.request.path))["Movies added"] == 2 * attempt.MAX_FAILURES_IN_A_ROW
    assert len(alice.watchlist()) == 2 * attempt.MAX_FAILURES_IN_A_ROW


def test_movies_of_same_title_in_a_complete_export_are_all_imported_if_the_list_changes(
    alice, confirm_file, work_on_imports, monkeypatch
):
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    same = Row("a", 1, "Heat", 1995, status=Status.WATCHLIST, is_complete=True)
    seen = replace(same, line=2, status=Status.WATCHED, rating=7, viewings=[RowViewing("2024-01-01", "Loud")])
    read_as(monkeypatch, ParsedUpload("test", [same, seen]))
    page = confirm_file("x")
    fail_in_transaction(monkeypatch, "write_movies", 2, lose_race)
    work_on_imports()
    assert counts(alice.get(page.request.path)) == {"Movies added": 2, "Movies changed": 0, "Viewings added": 1}
    assert (alice.watchlist(), alice.watched()) == (["Heat"], ["Heat"])


def test_row_that_finds_a_movie_that_is_written_already_needs_a_decision(
    alice, confirm_file, work_on_imports, db, monkeypatch
):
    """Which movie it is about was not clear before."""
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    page = confirm_file("Heat (1995)\nHeat (1986)\nRan\n[x] Heat")

    def rename(_):
        db.rollback()
        if older := db.scalars(select(Movie.id).where(Movie.year == 1986, Movie.title == "Heat")).first():
            form = alice.get(f"{alice.list_path}{older}/edit").forms["edit"]
            form["title"] = "Another"
            form.submit(status=303)

    monkeypatch.setattr(attempt, "give_others_their_turn", rename)
    work_on_imports()
    page = alice.get(page.request.path)
    assert LIST_CHANGED in page.html.main.text
    assert counts(page) == {"Movies added": 3, "Movies changed": 0, "Viewings added": 0}


def test_no_import_relies_on_movies_that_are_taken_back_later(
    alice, bob, large_import, work_on_imports, end_pauses, take_back, db, monkeypatch
):
    before = state_of(db, alice)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 2, lambda: 1 / 0)
        work_on_imports()
    second, others = alice.upload("Stalker (1979)\nRan (1985)\nUgetsu (1953)"), bob.upload("Heat")
    assert work_on_imports() == 1
    assert "confirm" in bob.get(others.request.path).forms
    assert "Reading your file" in alice.get(second.request.path)
    end_pauses()
    work_on_imports()
    press(alice.get(second.request.path), "confirm")
    work_on_imports()
    assert counts(alice.get(second.request.path)) == {"Movies added": 1, "Movies changed": 0, "Viewings added": 0}
    take_back(second)
    page = take_back(large_import)
    assert counts(page) == {"Movies deleted": 4, "Movies restored": 1}
    assert state_of(db, alice) == before


def test_no_import_relies_on_movies_of_one_that_is_being_undone(
    alice, large_import, confirm_file, work_on_imports, end_pauses, take_back, monkeypatch
):
    """Neither if the undo has failed in the middle, nor if the person has confirmed the other import before."""
    work_on_imports()
    second = confirm_file(LARGE)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "take_back", 2, lambda: 1 / 0)
        take_back(large_import)
    assert len(alice.watchlist() + alice.watched()) == 4
    assert work_on_imports() == 0
    end_pauses()
    work_on_imports()
    assert counts(alice.get(second.request.path)) == {"Movies added": 4, "Movies changed": 1, "Viewings added": 2}
    assert (sorted(alice.watchlist()), sorted(alice.watched())) == (["Alien", "Heat", "M"], ["Ran", "Stalker"])


def test_undo_waits_for_an_import_that_is_partly_written(
    alice, import_file, confirm_file, work_on_imports, end_pauses, take_back, monkeypatch
):
    """Its movies look as if they had been edited, until they are taken back."""
    alice.add("Stalker", "1979")
    first = import_file("[x] Stalker (1979)")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    rated = Row("a", 1, "Stalker", year=1979, status=Status.WATCHED, rating=9)
    read_as(monkeypatch, ParsedUpload("test", [rated, Row("a", 2, "Heat", status=Status.WATCHED)]))
    second = confirm_file("x")
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 2, lambda: 1 / 0)
        work_on_imports()
    monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: 1 / 0)
    assert "Undoing" in take_back(first)
    assert alice.watched() == ["Stalker"]
    for _ in range(1 + attempt.MAX_ATTEMPTS):
        end_pauses()
        work_on_imports()
    assert attempt.FAILED in alice.get(second.request.path)
    assert counts(alice.get(first.request.path)) == {"Movies deleted": 0, "Movies restored": 1}
    assert (alice.watchlist(), alice.watched()) == (["Stalker"], [])


def test_undo_goes_before_an_import_that_is_tried_again(
    alice, import_file, confirm_file, work_on_imports, end_pauses, take_back, monkeypatch
):
    """Otherwise, the second import would leave out the movie that the first one added, and that is deleted then."""
    first = import_file("Heat")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    second = confirm_file("Ran\nHeat\nAlien")
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 2, lambda: 1 / 0)
        work_on_imports()
    assert sorted(alice.watchlist()) == ["Heat", "Ran"]
    take_back(first)
    for _ in range(2):
        end_pauses()
        work_on_imports()
    assert "Import undone" in alice.get(first.request.path)
    assert counts(alice.get(second.request.path)) == {"Movies added": 3, "Movies changed": 0, "Viewings added": 0}
    assert sorted(alice.watchlist()) == ["Alien", "Heat", "Ran"]


def test_imports_undone_in_their_order_leave_nothing(alice, import_file, take_back, db, monkeypatch):
    """Each changes movies of the one before it. So undoing an earlier one leaves those alone at first."""
    alice.add("Heat")
    before = state_of(db, alice)
    pages = []
    for rating, day, titles_of_import in (
        (None, "2024-01-01", ["Heat", "Ran"]),
        (7, None, ["Heat", "Ran", "Alien"]),
        (None, "2024-03-01", ["Heat", "Ran", "Alien"]),
    ):
        viewings = [RowViewing(day)] if day else []
        rows = [Row("a", 1, title, rating=rating, viewings=viewings) for title in titles_of_import]
        read_as(monkeypatch, ParsedUpload("test", rows))
        pages.append(import_file("x"))
    monkeypatch.setattr(taking_back, "MAX_WRITES_SIZE", 1)  # one movie in each transaction
    deleted, restored = "Movies deleted", "Movies restored"
    page = take_back(pages[0])
    assert counts(page) == {deleted: 0, restored: 0}
    later = "movies were changed by a later import. To change them back, undo the later imports, too."
    assert f"2 {later}" in page
    assert f"3 {later}" in take_back(pages[1])
    for _ in range(MAX_IMPORTS - 1):  # the two that are undone make room
        alice.upload("M")
    assert counts(take_back(pages[2])) == {deleted: 2, restored: 1}
    assert state_of(db, alice) == before
    assert alice.get(f"{alice.list_path}changes/").html.find("a", string="Undo…") is None


def test_imports_undone_from_the_newest_leave_nothing_to_later_ones(alice, import_file, take_back, db, monkeypatch):
    alice.add("Heat")
    before = state_of(db, alice)
    pages = []
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        rows = [Row("a", 1, title, viewings=[RowViewing(day)]) for title in ("Heat", "Ran")]
        read_as(monkeypatch, ParsedUpload("test", rows))
        pages.append(import_file("x"))
    for page, deleted in ((pages[2], 0), (pages[1], 0), (pages[0], 1)):
        undone = take_back(page)
        assert counts(undone) == {"Movies deleted": deleted, "Movies restored": 2 - deleted}
        assert "changed" not in undone.html.main.text
    assert state_of(db, alice) == before


def test_undo_of_an_import_that_changed_nothing_leaves_later_ones_alone(alice, import_file, take_back, db):
    alice.add("Heat")
    before = state_of(db, alice)
    nothing = import_file("Heat")
    later = import_file("[x] Heat")
    assert counts(take_back(nothing)) == {"Movies deleted": 0, "Movies restored": 0}
    assert counts(take_back(later)) == {"Movies deleted": 0, "Movies restored": 1}
    assert state_of(db, alice) == before


def test_undo_that_stops_while_it_passes_on_earlier_states_goes_on(
    alice, import_file, end_pauses, work_on_imports, take_back, db, monkeypatch
):
    alice.add("Heat")
    before = state_of(db, alice)
    pages = [import_file(f"[x] {title}\n[x] Heat" if title else "Heat\nRan") for title in ("", "Ran")]
    read_as(monkeypatch, ParsedUpload("test", [Row("a", 1, title, rating=7) for title in ("Heat", "Ran")]))
    pages.append(import_file("x"))
    monkeypatch.setattr(taking_back, "MAX_WRITES_SIZE", 1)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "update_later_snapshots", 2, lambda: 1 / 0)
        take_back(pages[1])
    end_pauses()
    work_on_imports()
    assert "2 movies were changed by a later import." in alice.get(pages[1].request.path)
    take_back(pages[2])
    take_back(pages[0])
    assert state_of(db, alice) == before


def test_earlier_states_of_movies_are_written_in_small_transactions(alice, import_file, monkeypatch, db):
    """A movie can have 1,000 viewings with notes. Each state is written together with the movie."""
    for number in range(7):
        alice.add(f"Movie {number}")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 8_000)
    content = "".join(f"[x] Movie {number}\n" for number in range(7))
    assert numbers_at_commits(ImportSnapshot, lambda: import_file(content)) == [0, 3, 6, 7]


def test_movies_that_cannot_be_taken_back_stay_and_can_be_undone_later(
    alice, large_import, work_on_imports, end_pauses, take_back, db, monkeypatch
):
    """Otherwise, no other import of the person could begin."""
    before = state_of(db, alice)
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 3, lambda: 1 / 0)
        work_on_imports()
        patched.setattr(attempt, "take_back", lambda *_: 1 / 0)
        for _ in range(attempt.MAX_ATTEMPTS_TO_TAKE_BACK):
            end_pauses()
            work_on_imports()
    page = alice.get(large_import.request.path)
    assert attempt.PARTLY_IMPORTED in page
    assert counts(page) == {"Movies added": 2, "Movies changed": 1}
    assert "The file has 5 rows." in page
    assert counts(take_back(page)) == {"Movies deleted": 2, "Movies restored": 1}
    assert state_of(db, alice) == before


def test_list_that_always_changes_while_a_large_import_is_written(
    alice, large_import, work_on_imports, db, monkeypatch
):
    before, write, calls = state_of(db, alice), attempt.write_movies, []

    def lose_all_but_first(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise attempt.ListChanged
        return write(*arguments)

    monkeypatch.setattr(attempt, "write_movies", lose_all_but_first)
    work_on_imports()
    assert len(calls) == 2 + attempt.MAX_FAILURES_IN_A_ROW
    page = alice.get(large_import.request.path)
    assert attempt.ALWAYS_CHANGING in page
    assert db.scalars(select(Change)).all() == []
    assert state_of(db, alice) == before


def lose_race_for_title(*_):
    raise IntegrityError("INSERT INTO movies", {}, Exception("UNIQUE constraint failed"))


def test_import_that_loses_a_race_for_a_title_is_planned_again(alice, large_import, work_on_imports, monkeypatch):
    fail_in_transaction(monkeypatch, "write_movies", 2, lose_race_for_title)
    work_on_imports()
    assert "Import finished" in alice.get(large_import.request.path)


def test_constraint_that_is_always_violated_is_an_error(alice, large_import, work_on_imports, monkeypatch, caplog):
    """It is a bug, and not the fault of the person."""
    monkeypatch.setattr(attempt, "write_movies", lose_race_for_title)
    assert work_on_imports() == 0
    assert "UNIQUE constraint failed" in caplog.text
    assert "Importing" in alice.get(large_import.request.path)


def test_progress_begins_again_with_the_next_attempt(alice, large_import, work_on_imports, end_pauses, db, monkeypatch):
    monkeypatch.setattr(attempt, "PROGRESS_SECONDS", -1)
    shown = []

    def read(*_, **__):
        shown.append(db.execute(select(Import.done, Import.total)).one())
        db.rollback()
        return 1 / 0

    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "write_movies", 3, lambda: 1 / 0)
        work_on_imports()
    done, total = db.execute(select(Import.done, Import.total)).one()
    db.rollback()
    assert total - 1 <= done <= total == 4 * 5
    monkeypatch.setattr(attempt, "read_upload", read)
    end_pauses()
    work_on_imports()
    assert shown == [(0, 0)]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_undo_that_stops_in_the_middle_goes_on(
    alice, large_import, work_on_imports, end_pauses, take_back, db, monkeypatch, number
):
    before = state_of(db, alice)
    work_on_imports()
    with monkeypatch.context() as patched:
        fail_in_transaction(patched, "take_back", number, lambda: 1 / 0)
        page = take_back(large_import)
    assert page.html.h1.text == "Undoing the import…"
    end_pauses()
    work_on_imports()
    page = alice.get(page.request.path)
    assert counts(page) == {"Movies deleted": 4, "Movies restored": 1}
    assert state_of(db, alice) == before


def test_what_was_edited_since_stays_when_taken_back(alice, import_file, take_back, db):
    page = import_file("[x] Heat (1995)\nRan (1985)\nAlien (1979)\nStalker (1979)\n")
    alice.rate("Heat", "5")
    alice.press(alice.get(alice.movie_path("Ran") + "/"), "Remove")
    page = take_back(page)
    assert "2 movies have changed since, so they stay as they are." in page
    assert (alice.watchlist(), alice.watched()) == ([], ["Heat"])
    assert titles(alice.get(alice.list_path + "removed")) == ["Ran"]


def test_import_is_a_recent_change_and_ends_older_undos(alice, import_file, take_back):
    """One that changed nothing is no change."""
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    alice.move_to_watchlist("Heat")
    for title in ("Heat (1995)", "Heat (1995)"):
        page = import_file(f"[x] {title}\nRan (1985)")
    changes = alice.get(f"{alice.list_path}changes/")
    assert "Imported 1 movie from “list.txt”" in " ".join(changes.html.select(".movie")[0].text.split())
    page = alice.get(changes.html.find("a", string="Undo…")["href"])
    take_back(page)
    assert "Undone" in alice.get(f"{alice.list_path}changes/").html.main.text


def test_import_of_changed_movie_cannot_be_undone_by_older_change(alice, import_file, monkeypatch):
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    read_as(monkeypatch, ParsedUpload("test", [Row("a", 1, "Heat", 1995, status=Status.WATCHED, rating=9)]))
    import_file("x")
    changes = alice.get(f"{alice.list_path}changes/")
    assert "Can’t be undone: the movie has changed since" in changes.html.main.text
    assert not changes.html.find("button", attrs={"aria-label": "Undo: Watched “Heat (1995)”"})


def read_as(monkeypatch, *parsed):
    """Let all uploads be read as this: the first time as the first, and so on."""
    answers = list(parsed)
    monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: answers.pop(0) if len(answers) > 1 else answers[0])


@pytest.mark.parametrize("is_reversed", [False, True])
def test_row_with_an_id_but_no_year_finds_the_movie_that_another_row_names(alice, import_file, db, is_reversed):
    """The year tells which of two movies has the id, whatever the order of the rows."""
    alice.add("Heat", "1986")
    alice.add("Heat", "1995")
    rows = ["Heat,,949,2010-01-01", "Heat,1995,949,2009-07-14"]
    text = "\n".join(["Title,Year,tmdbID,WatchedDate", *(reversed(rows) if is_reversed else rows)])
    import_file(text, "films.csv")
    seen = select(Viewing.watched_on).join(Movie).where(Movie.year == 1995).order_by(Viewing.watched_on)
    assert db.scalars(seen).all() == ["2009-07-14", "2010-01-01"]
    before = remembered(db)
    import_file(text, "films.csv")
    assert remembered(db) == before


def test_question_is_asked_before_anything_is_imported(alice, work_on_imports, monkeypatch):
    question = Question("kind", "Watched or to watch?", [Option("a", "Watched"), Option("b", "To watch")])
    asked = ParsedUpload("CSV", (), ["One file was ignored."], [question])
    read_as(monkeypatch, asked, ParsedUpload("CSV", [Row("a", 1, "Heat", status=Status.WATCHED)], (), [question]))
    page = alice.upload("x")
    work_on_imports()
    page = alice.get(page.request.path)
    assert "Watched or to watch?" in page
    assert "One file was ignored." in page
    assert "confirm" not in page.forms
    assert "Nothing to do" in alice.send(f"{page.request.path}confirm").follow()
    assert messages(alice.send(f"{page.request.path}answer", kind="c").follow(), "error") == ["Choose an answer."]
    page.forms["answer"]["kind"] = "b"
    page = press(page, "answer")
    work_on_imports()
    page = alice.get(page.request.path)
    assert page.html.find("input", attrs={"value": "b"}).has_attr("checked")
    press(page, "confirm")


def test_answer_that_changes_nothing_does_not_have_the_file_read_again(alice, work_on_imports, db, monkeypatch):
    question = Question("kind", "Watched or to watch?", [Option("a", "Watched"), Option("b", "To watch")], "a")
    rows = [Row("a", 1, "Heat", status=Status.WATCHED)]
    read_as(monkeypatch, ParsedUpload("CSV", rows, (), [question]), ParsedUpload("CSV", rows))
    page = alice.upload("x")
    work_on_imports()
    answer = f"{page.request.path}answer"
    assert "you haven’t chosen other answers" in alice.send(answer, kind="a").follow()
    assert work_on_imports() == 0
    alice.send(answer, kind="b")
    assert work_on_imports() == 1
    assert "you haven’t chosen other answers" in alice.send(answer).follow()  # there is no question any more
    assert work_on_imports() == 0


def test_people_take_turns(alice, bob, work_on_imports, db, monkeypatch):
    """Neither answering again nor many uploads keep others waiting."""
    question = Question("kind", "Watched or to watch?", [Option("a", "Watched"), Option("b", "To watch")], "a")
    order, of_alice = [], []

    def answer_again(_, name, *__, **___):
        order.append(name)
        if len(order) in {3, 4}:
            for page in of_alice[:2]:
                alice.send(f"{page.request.path}answer", kind="ba"[len(order) % 2])
        return ParsedUpload("CSV", [Row("a", 1, "Heat", status=Status.WATCHED)], (), [question])

    monkeypatch.setattr(attempt, "read_upload", answer_again)
    of_alice += [alice.upload("x", f"alice {number}") for number in (1, 2)]
    work_on_imports()
    of_alice += [alice.upload("x", f"alice {number}") for number in (3, 4)]
    bob.upload("x", "bob 1")
    work_on_imports()
    assert order[:5] == ["alice 1", "alice 2", "alice 3", "bob 1", "alice 4"]


def test_text_about_a_refused_table_has_a_paragraph_for_each_step(alice, work_on_imports):
    page = alice.upload("Film,Seen,Score\nHeat,2020,9\n")
    work_on_imports()
    reason, columns, advice = alice.get(page.request.path).html.select(".import > p")
    assert reason.text == "FlickList doesn’t know a table with the columns “Film”, “Seen”, “Score”."
    assert columns.text.endswith("Only Title is needed.")
    assert "upload it again" in advice.text


def test_question_about_some_rows_can_stay_open(alice, import_file, monkeypatch):
    question = Question("kind", "Watched or to watch?", [Option("a", "Watched"), Option("b", "To watch")])
    rows = [Row("a", 1, "Heat", status=Status.WATCHED), UnusableRow("a", 2, "Ran", "Which list?", needs_decision=True)]
    read_as(monkeypatch, ParsedUpload("CSV", rows, (), [question]))
    page = import_file("x")
    assert [(title, outcome) for title, outcome, _ in listed_rows(page)] == [
        ("Heat", "new movie"),
        ("Ran", "not imported"),
    ]
    assert alice.watched() == ["Heat"]


def test_titles_that_the_site_refuses_can_be_imported(alice, import_file):
    import_file("Gigli")
    assert alice.watchlist() == ["Gigli"]


def test_file_that_cannot_be_read_is_refused_with_the_reason(alice, work_on_imports, db):
    page = alice.upload(b"\x89PNG\r\n\x1a\n\0\xff", "picture.png")
    work_on_imports()
    page = alice.get(page.request.path)
    assert page.html.select_one(".import-problem").text
    assert db.scalars(select(ImportChunk)).all() == []
    assert "Deleted “picture.png”. Nothing was imported." in messages(press(page, "discard"))
    work_on_imports()
    assert db.scalars(select(Import)).all() == []


def test_upload_without_a_file_is_refused(alice, db):
    form = alice.get(alice.list_path + "imports/").forms["upload"]
    assert messages(form.submit(status=303).follow(), "error") == ["Choose a file first."]
    assert messages(alice.send(alice.list_path + "imports/", file="x").follow(), "error") == ["Choose a file first."]
    assert db.scalars(select(Import)).all() == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\Users\\Ann\\list.txt", "list.txt"),
        ("../../etc/passwd", "passwd"),
        ("a/", "upload"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_name_of_file_is_kept_without_its_path(alice, db, sent, kept):
    alice.upload("Heat", sent)
    assert db.scalars(select(Import.file_name)).all() == [kept]


def test_file_of_several_chunks_is_stored_and_read_whole(alice, statements, db):
    content = "".join(f"Movie {number:0100}\n" for number in range(15_000))
    page = alice.upload(content)
    sizes = [len(chunk) for chunk in db.scalars(select(ImportChunk.content).order_by(ImportChunk.number))]
    assert sizes == [CHUNK_SIZE, len(content) - CHUNK_SIZE]
    assert db.scalars(select(Import.size)).one() == len(content)
    assert len([each for each in statements if each.startswith("UPDATE imports")]) == 1
    assert alice.get(page.request.path)


def test_empty_file_is_accepted_and_has_no_rows(alice, work_on_imports):
    page = alice.upload(b"", "empty.txt")
    work_on_imports()
    assert alice.get(page.request.path, status=200)


def test_report_is_filtered_and_paged(alice, import_file):
    page = import_file("".join(f"Movie {number}\n" for number in range(70)) + f"Movie 1\n{LONG}\n")
    links = {link.text: link["href"] for link in page.html.select(".import-filter a")}
    assert set(links) == {"All (72)", "New (70)", "Already on your list (1)", "Not imported (1)"}
    assert len(listed_rows(page)) == 50
    assert len(listed_rows(alice.get(page.html.select_one("[rel=next]")["href"]))) == 22
    assert listed_rows(alice.get(links["Already on your list (1)"])) == [("Movie 1", "", "")]
    added = alice.get(links["New (70)"])
    assert len(listed_rows(alice.get(added.html.select_one("[rel=next]")["href"]))) == 20


def test_report_says_how_many_rows_are_about_the_new_movies(alice, import_file):
    page = import_file("Heat\n[x] Heat\nRan\n")
    assert counts(page)["Movies added"] == 2
    assert "The file has 3 rows, which belong to 2 new movies." in page.html.main.text
    assert page.html.select(".import-filter a") == []  # all rows have the same outcome


def test_report_says_what_the_other_rows_are_about(import_file):
    page = import_file(f"Heat\n[x] Heat\n{LONG}\n")
    assert "The file has 3 rows. 2 of them belong to 1 new movie." in page.html.main.text


def test_report_can_be_downloaded_without_formulas(alice, import_file):
    page = import_file("=1+1\nHeat (1995)\n")
    response = alice.get(page.html.find("a", string="Download all rows as CSV")["href"])
    assert response.content_type == "text/csv"
    rows = list(csv.DictReader(StringIO(response.body.decode("utf-8-sig"), newline="")))
    assert [(row["Line"], row["Title"], row["Year"], row["Outcome"]) for row in rows] == [
        ("1", "'=1+1", "", "new movie"),
        ("2", "Heat", "1995", "new movie"),
    ]


def test_report_before_the_import_says_what_will_happen(alice, work_on_imports):
    page = alice.upload(f"Heat (1995)\n{LONG}\n")
    work_on_imports()
    page = alice.get(page.request.path)
    assert [link.text for link in page.html.select(".import-filter a")] == [
        "All (2)",
        "New (1)",
        "Won’t be imported (1)",
    ]
    response = alice.get(f"{page.request.path}report.csv")
    rows = list(csv.DictReader(StringIO(response.body.decode("utf-8-sig"), newline="")))
    assert [row["Outcome"] for row in rows] == ["new movie", "won’t be imported"]


def test_row_without_a_title_says_why_it_is_not_imported(alice, work_on_imports, monkeypatch):
    read_as(monkeypatch, ParsedUpload("test", [UnusableRow("list.txt", 13, "", NO_TITLE)]))
    page = alice.upload("x")
    work_on_imports()
    assert listed_rows(alice.get(page.request.path)) == [("No title", "", NO_TITLE)]


def test_downloads_of_reports_are_limited(alice, import_file, make_app):
    report = f"{import_file('Heat').request.path}report.csv"
    person = Client(make_app(rate_limit_downloads="2 per hour"), alice.email)
    person.log_in()
    for status in (200, 200, 429):
        page = person.get(report, status=status)
    assert int(page.headers["Retry-After"]) > 3000
    assert "Try again in 60 minutes." in page.html.main.text


def test_stranger_cannot_see_import(alice, bob, import_file):
    page = import_file("Heat")
    for path in (page.request.path, f"{page.request.path}report.csv", alice.list_path + "imports/"):
        bob.get(path, status=404)
    other = page.request.path.replace(alice.list_path, bob.list_path)
    bob.get(other, status=404)
    bob.send(f"{other}take-back", status=404)


def test_second_click_does_nothing(alice, import_file, take_back, db):
    page = import_file("Heat")
    assert "Nothing to do" in alice.send(f"{page.request.path}confirm").follow()
    take_back(page)
    assert "Nothing to do" in alice.send(f"{page.request.path}take-back").follow()
    assert "Nothing to do" in alice.send(f"{page.request.path}discard").follow()


def test_second_click_on_discard_leads_to_the_page_of_imports(alice, bob):
    path = alice.upload("Heat").request.path + "discard"
    alice.send(path)
    again = alice.send(path).follow()
    assert again.request.path == f"{alice.list_path}imports/"
    assert "Nothing to do: this import was deleted." in messages(again)
    bob.send(path, status=404)


def test_two_imports_at_once_double_nothing(alice, work_on_imports, db):
    pages = [alice.upload("[x] Heat (1995)\nRan") for _ in range(2)]
    work_on_imports()
    for page in pages:
        press(alice.get(page.request.path), "confirm")
    work_on_imports()
    assert [counts(alice.get(page.request.path))["Movies added"] for page in pages] == [2, 0]
    assert (len(db.scalars(select(Movie)).all()), len(db.scalars(select(Viewing)).all())) == (2, 1)


def test_list_that_changes_while_import_is_planned_is_planned_again(
    alice, confirm_file, work_on_imports, db, monkeypatch
):
    confirm_file("Heat (1995)\nRan")
    write = attempt.write_movies
    calls = []

    def add_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise attempt.ListChanged
        return write(*arguments)

    monkeypatch.setattr(attempt, "write_movies", add_first)
    work_on_imports()
    assert len(calls) == 2
    assert alice.watchlist() == ["Ran", "Heat"]


def test_movie_added_between_planning_and_writing_is_not_doubled(alice, confirm_file, work_on_imports, monkeypatch):
    page = confirm_file("Heat (1995)\nRan")
    plan, added = Planner.plan, []

    def plan_and_add(planner):
        planned = plan(planner)
        if not added:
            added.append(alice.add("heat", "1995"))
        return planned

    monkeypatch.setattr(Planner, "plan", plan_and_add)
    work_on_imports()
    page = alice.get(page.request.path)
    assert [outcome for _, outcome, _ in listed_rows(page)] == ["already on your list", "new movie"]
    assert sorted(alice.watchlist()) == ["Ran", "heat"]


def test_unconfirmed_upload_is_deleted_after_an_hour(alice, work_on_imports, db):
    alice.upload("Heat")
    page = alice.upload("Ran")
    work_on_imports()
    db.execute(update(Import).values(waiting_since=utc_now() - CONFIRMATION_TIME - timedelta(seconds=1)))
    db.commit()
    alice.get(page.request.path, status=404)
    work_on_imports()
    assert [db.scalars(select(model)).all() for model in (Import, ImportChunk, ImportRow)] == [[], [], []]


def test_hour_to_confirm_begins_with_the_preview(alice, work_on_imports, db):
    page = alice.upload("Heat")
    long_ago = utc_now() - 2 * CONFIRMATION_TIME
    db.execute(update(Import).values(created_at=long_ago, waiting_since=long_ago))
    db.commit()
    assert "Reading your file" in alice.get(page.request.path)
    assert work_on_imports() == 1
    assert "confirm" in alice.get(page.request.path).forms
    assert work_on_imports() == 0
    assert len(db.scalars(select(Import)).all()) == 1


def test_expired_imports_are_deleted_in_small_transactions(alice, engine, work_on_imports, db):
    for title in ("Heat", "Ran"):
        alice.upload(title)
    work_on_imports()
    for import_id in db.scalars(select(Import.id)).all():
        add_parts(db, import_id, rows=2500, snapshots=120, chunks=12)
    db.execute(update(Import).values(waiting_since=utc_now() - CONFIRMATION_TIME - timedelta(seconds=1)))
    db.commit()
    assert largest_deletions(engine, work_on_imports) == [1000, 50, 5, 1]
    assert [db.scalars(select(model.id)).all() for model in PARTS] == [[]] * 4


def test_discarded_import_vanishes_at_once_and_is_deleted_later_in_small_transactions(
    alice, engine, work_on_imports, db
):
    page = alice.upload("Heat")
    work_on_imports()
    add_parts(db, db.scalars(select(Import.id)).one(), rows=2500, snapshots=120, chunks=12)
    db.commit()
    token = alice.csrf_token()
    discard = partial(alice.post, f"{page.request.path}discard", {"csrf_token": token}, status=303)
    assert largest_deletions(engine, discard) == [0, 0, 0, 0]
    assert messages(alice.get(alice.list_path + "imports/")) == ["Deleted “list.txt”. Nothing was imported."]
    assert_is_on_no_page(alice, page.request.path)
    assert largest_deletions(engine, work_on_imports) == [1000, 50, 5, 1]
    assert [db.scalars(select(model.id)).all() for model in PARTS] == [[]] * 4


def test_import_that_was_refused_or_undone_makes_room_first(alice, import_file, take_back, work_on_imports):
    finished, undone = import_file("Heat"), import_file("Ran")
    take_back(undone)
    refused = alice.upload(b"%PDF-1.4")
    for number in range(3, MAX_IMPORTS):
        alice.upload(f"Movie {number}")
    work_on_imports()
    assert "Nothing was imported" in alice.get(refused.request.path)
    for page in (undone, refused):
        alice.get(page.request.path)
        alice.upload("Alien")
        alice.get(page.request.path, status=404)
    alice.upload("Alien")
    alice.get(finished.request.path, status=404)


def test_import_that_makes_room_vanishes_at_once_and_is_deleted_later(alice, engine, import_file, work_on_imports, db):
    page = import_file("Heat")
    add_parts(db, db.scalars(select(Import.id)).one(), rows=2500, snapshots=120)
    db.commit()
    assert page.request.path in alice.get(alice.list_path + "changes/")
    for number in range(1, MAX_IMPORTS):
        alice.upload(f"Movie {number}")
    assert largest_deletions(engine, lambda: alice.upload("One more")) == [0, 0, -1, -1]  # it adds these
    assert_is_on_no_page(alice, page.request.path)
    assert alice.watchlist() == ["Heat"]
    assert largest_deletions(engine, work_on_imports)[:2] == [1000, 50]
    assert len(db.scalars(select(Import)).all()) == MAX_IMPORTS


def test_discarded_import_does_not_wait_until_all_other_imports_are_done(alice, bob, work_on_imports, db, monkeypatch):
    page, numbers = alice.upload("Heat"), []
    work_on_imports()

    def discard_and_read(*arguments, **options):
        if not numbers:
            alice.send(f"{page.request.path}discard")
        db.rollback()
        numbers.append(len(db.scalars(select(Import.id)).all()))
        return read_upload(*arguments, **options)

    monkeypatch.setattr(attempt, "read_upload", discard_and_read)
    for person in (alice, bob):
        person.upload("Ran")
    work_on_imports()
    assert numbers == [3, 2]


def assert_is_on_no_page(person, import_path):
    for path in (import_path, f"{import_path}report.csv"):
        person.get(path, status=404)
    for name in ("confirm", "take-back"):
        person.send(import_path + name, status=404)
    for path in ("imports/", "changes/"):
        assert import_path not in person.get(person.list_path + path)


def test_import_that_has_not_expired_stays(alice, work_on_imports, db, monkeypatch):
    """It was confirmed when the server had just found it expired."""
    alice.upload("Heat")
    work_on_imports()
    ids = db.scalars(select(Import.id)).all()
    monkeypatch.setattr(storage, "expired_import_ids", lambda read_db: ids)
    work_on_imports()
    db.rollback()
    assert [len(db.scalars(select(model.id)).all()) for model in PARTS] == [1, 0, 1, 1]


def test_report_of_preview_is_replaced_in_small_transactions(alice, engine, work_on_imports, db):
    page = alice.upload("Heat")
    work_on_imports()
    add_parts(db, db.scalars(select(Import.id)).one(), rows=2500, snapshots=120)
    db.commit()
    press(alice.get(page.request.path), "confirm")
    assert largest_deletions(engine, work_on_imports) == [1000, 50, 1, 0]
    assert len(db.scalars(select(ImportRow.id)).all()) == 1
    assert alice.watchlist() == ["Heat"]


def test_report_of_refused_import_is_deleted_in_small_transactions(alice, engine, work_on_imports, db, monkeypatch):
    page = alice.upload("Heat")
    work_on_imports()
    add_parts(db, db.scalars(select(Import.id)).one(), rows=2500, snapshots=120)
    db.commit()
    press(alice.get(page.request.path), "confirm")
    monkeypatch.setattr(attempt, "MAX_PROCESSOR_SECONDS", -1)
    assert largest_deletions(engine, work_on_imports) == [1000, 50, 1, 0]
    assert "Nothing was imported" in alice.get(page.request.path)
    assert db.scalars(select(ImportRow.id)).all() == []


def test_report_of_import_that_always_fails_is_deleted_in_small_transactions(
    alice, engine, confirm_file, work_on_imports, end_pauses, db, monkeypatch
):
    page = confirm_file("Heat")
    monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: 1 / 0)
    for _ in range(attempt.MAX_ATTEMPTS):
        work_on_imports()
        end_pauses()
    add_parts(db, db.scalars(select(Import.id)).one(), rows=2500, snapshots=120)
    db.commit()
    assert largest_deletions(engine, work_on_imports) == [1000, 50, 1, 0]
    assert attempt.FAILED in alice.get(page.request.path)
    assert db.scalars(select(ImportRow.id)).all() == []


def add_parts(db, import_id, *, rows, snapshots, chunks=0):
    """Give an import more rows, snapshots and pieces of its file."""
    row = {"import_id": import_id, "file": "x", "line": 1, "title": "x", "outcome": "added", "reason": ""}
    db.execute(insert(ImportRow), [row | {"number": number} for number in range(2, 2 + rows)])
    snapshot = {"import_id": import_id, "before": {}}
    db.execute(insert(ImportSnapshot), [snapshot | {"movie_id": number} for number in range(1, 1 + snapshots)])
    for number in range(1, 1 + chunks):
        db.execute(insert(ImportChunk).values(import_id=import_id, number=number, content=b"x"))


def test_import_deletes_expired_movies_in_small_transactions(alice, engine, confirm_file, work_on_imports, db):
    owner_id = db.scalars(select(User.id)).one()
    long_ago = utc_now() - REMOVED_RETENTION - timedelta(seconds=1)
    db.add_all(Movie(title=f"Movie {number}", owner_id=owner_id, removed_at=long_ago) for number in range(120))
    db.commit()
    confirm_file("Movie 7")
    assert largest_deletions(engine, work_on_imports, [Movie]) == [MAX_EXPIRED_DELETED]
    assert db.scalars(select(Movie.title)).all() == ["Movie 7"]


def test_few_viewings_are_read_at_once(import_file, take_back, db, monkeypatch):
    """Of 500 movies at once, 500,000 viewings took 700 MB. The earlier state has viewings only if they change."""
    movies = range(3)
    diary = [RowViewing(f"2020-01-0{day}") for day in range(1, 5)]
    watched = [Row("a", 1, f"Movie {number}", status=Status.WATCHED, viewings=diary) for number in movies]
    read_as(monkeypatch, ParsedUpload("test", watched))
    import_file("x")
    before, read_at_once = remembered(db), []
    find_movies = planning.find_movies

    def count_viewings(*arguments, **options):
        found = find_movies(*arguments, **options)
        read_at_once.append([len(movie.viewings) for movie in found])
        return found

    monkeypatch.setattr(planning, "find_movies", count_viewings)
    monkeypatch.setattr(planning, "MAX_VIEWINGS_AT_ONCE", 9)
    rated = [Row("a", 1, f"Movie {number}", status=Status.WATCHED, rating=9) for number in movies]
    rated[0] = replace(rated[0], viewings=[RowViewing("2021-02-03")])
    read_as(monkeypatch, ParsedUpload("test", rated))
    page = import_file("x")
    assert read_at_once == [[4, 4], [4]] * 2  # for the preview, and again for the import
    newest = select(ImportSnapshot.before).order_by(ImportSnapshot.movie_id)
    assert ["viewings" in each for each in db.scalars(newest)] == [True, False, False]
    assert remembered(db) != before
    read_at_once.clear()
    take_back(page)
    assert read_at_once == [[5, 4], [4]]
    assert remembered(db) == before


def largest_deletions(engine, work, models=PARTS):
    """Return how many rows a transaction deletes at most of each model: rows, snapshots, chunks and imports."""
    left = []

    def count(connection=None):
        with engine.connect() as other:
            left.append([other.scalar(select(func.count(model.id))) for model in models])

    event.listen(Engine, "commit", count)  # before each commit
    try:
        work()
    finally:
        event.remove(Engine, "commit", count)
    count()
    return [max(before - after for before, after in pairwise(numbers)) for numbers in zip(*left, strict=True)]


def test_report_is_deleted_after_some_time(alice, import_file, work_on_imports, db):
    import_file("Heat")
    db.execute(update(Import).values(created_at=utc_now() - IMPORT_RETENTION - timedelta(seconds=1)))
    db.commit()
    work_on_imports()
    assert db.scalars(select(Import)).all() == []
    assert alice.watchlist() == ["Heat"]


def test_list_of_imports_says_what_became_of_each(alice, import_file, take_back, work_on_imports):
    take_back(import_file("Heat", "back.txt"))
    import_file("Heat\nRan", "done.txt")
    for content, name in (("Alien", "next.txt"), (b"\x89PNG", "picture.png")):
        alice.upload(content, name)
    work_on_imports()
    page = alice.get(alice.list_path + "imports/")
    assert [row.select("a, span")[-1].text for row in page.html.select(".import-list > li")] == [
        "Couldn’t be imported",
        "Check and import",
        "2 movies added",
        "Undone",
    ]
    assert "confirm" in alice.get(page.html.find("a", string="Check and import")["href"]).forms


def test_number_of_imports_is_limited(alice, work_on_imports, db):
    for number in range(MAX_IMPORTS):
        page = alice.upload(f"Movie {number}")
    assert messages(alice.upload("One more"), "error") == [
        "You have 10 unfinished imports. Wait until they are finished."
    ]
    work_on_imports()
    alice.upload("One more")
    assert len(alice.get(alice.list_path + "imports/").html.select(".import-list > li")) == MAX_IMPORTS
    work_on_imports()
    assert len(db.scalars(select(Import)).all()) == MAX_IMPORTS
    alice.get(page.request.path, status=200)


@pytest.mark.parametrize("action", ["confirm", "take-back"])
def test_upload_does_not_discard_import_that_is_confirmed_or_taken_back_meanwhile(
    alice, work_on_imports, engine, db, monkeypatch, action
):
    paths = [alice.upload(f"Movie {number}").request.path for number in range(MAX_IMPORTS)]
    work_on_imports()
    if action == "take-back":
        press(alice.get(paths[0]), "confirm")
        work_on_imports()
    name = {"confirm": "confirm", "take-back": "begin_taking_back"}[action]
    act, uploads, other_window = getattr(storage, name), ExitStack(), alice.copy()

    def act_and_upload(movie_import):
        act(movie_import)
        uploads.enter_context(in_background(lambda: other_window.upload("One more"), engine))

    monkeypatch.setattr(storage, name, act_and_upload)
    with uploads:
        alice.send(f"{paths[0]}{action}")
    work_on_imports()
    assert {"confirm": "Import finished", "take-back": "Import undone"}[action] in alice.get(paths[0])
    assert ("Movie 0" in alice.watchlist()) == (action == "confirm")
    alice.get(paths[1], status=404)
    assert len(db.scalars(select(Import)).all()) == MAX_IMPORTS


def test_movies_per_person_are_limited(alice, ini):
    with open_importer(Settings.read(ini | {"flicklist.max_movies": "2"}, {})) as limited:
        page = alice.upload("Heat\nRan\nAlien\nRan")
        limited.run_next()
        page = press(alice.get(page.request.path), "confirm")
        limited.run_next()
    page = alice.get(page.request.path)
    outcomes = [outcome for _, outcome, _ in listed_rows(page)]
    assert outcomes == ["new movie", "new movie", "not imported", "already on your list"]
    assert len(alice.watchlist()) == 2


def test_only_one_process_works_at_a_time(alice, work_on_imports, db):
    page = alice.upload("Heat")
    acquire(db, attempt.LEASE, "another process", timedelta(minutes=1))
    db.commit()
    assert work_on_imports() == 0
    assert "Reading your file" in alice.get(page.request.path)
    db.execute(update(Lease).values(expires_at=utc_now() - timedelta(seconds=1)))
    db.commit()
    assert work_on_imports() == 1
    assert db.scalars(select(Lease)).all() == []


def test_process_that_lost_its_lease_writes_nothing(alice, confirm_file, work_on_imports, db, monkeypatch):
    confirm_file("Heat")
    plan = Planner.plan

    def plan_slowly(planner):
        db.execute(update(Lease).values(holder="another process"))
        db.commit()
        return plan(planner)

    monkeypatch.setattr(Planner, "plan", plan_slowly)
    with pytest.raises(LeaseLost):
        work_on_imports()
    assert alice.watchlist() == []


def test_lease_is_renewed_while_a_file_is_read(alice, work_on_imports, db, monkeypatch):
    left = []

    def read_slowly(*_, step):
        for _ in range(2):
            db.execute(update(Lease).values(expires_at=utc_now() + timedelta(seconds=1)))
            db.commit()
            step()
            left.append(db.scalars(select(Lease.expires_at)).one() - utc_now())
        return ParsedUpload("test", [Row("a", 1, "Heat", status=Status.WATCHED)])

    monkeypatch.setattr(attempt, "RENEWAL_SECONDS", -1)
    monkeypatch.setattr(attempt, "read_upload", read_slowly)
    page = alice.upload("x")
    assert work_on_imports() == 1
    assert min(left) > attempt.LEASE_DURATION / 2
    assert "confirm" in alice.get(page.request.path).forms


def test_discarded_file_is_not_read_to_its_end(alice, work_on_imports, monkeypatch):
    page, steps = alice.upload("Heat\nRan\n" * 100), []

    def discard(*arguments, step):
        def discard_first():
            steps.append(step)
            alice.send(f"{page.request.path}discard")
            step()

        return read_upload(*arguments, step=discard_first)

    monkeypatch.setattr(attempt, "RENEWAL_SECONDS", -1)
    monkeypatch.setattr(attempt, "read_upload", discard)
    work_on_imports()
    assert len(steps) == 1


@pytest.mark.parametrize("is_read_at_once", [False, True])
def test_file_that_takes_too_much_processor_time_is_refused(
    alice, bob, work_on_imports, db, monkeypatch, is_read_at_once
):
    page = alice.upload("Heat\nRan")
    if is_read_at_once:  # the time is used up when the rows are compared with the list
        read_as(monkeypatch, ParsedUpload("test", [Row("a", 1, "Heat", status=Status.WATCHED)]))
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "MAX_PROCESSOR_SECONDS", -1)
        assert work_on_imports() == 1
    assert attempt.TOO_SLOW in alice.get(page.request.path)
    assert db.scalars(select(ImportChunk)).all() == []
    other = bob.upload("Alien")
    assert work_on_imports() == 1
    assert "confirm" in bob.get(other.request.path).forms


def test_movies_whose_texts_for_searches_are_too_long_together_are_refused(alice, work_on_imports, monkeypatch):
    page = alice.upload("\n".join(f"Heat {number}" for number in range(20)))
    monkeypatch.setattr(planning, "MAX_SEARCH_TEXT_SIZE", 500)
    assert work_on_imports() == 1
    refusal = "The texts in this upload are too long together. Split it into smaller files."
    assert refusal in alice.get(page.request.path).html.main.text


def test_movies_that_have_too_many_viewings_together_are_not_changed(alice, import_file, work_on_imports, monkeypatch):
    titles = [f"Heat {number}" for number in range(20)]
    import_file("\n".join(f"[x] {title}" for title in titles))
    rows = [Row("a", 1, title, viewings=[RowViewing("2024-01-01")]) for title in titles]
    read_as(monkeypatch, ParsedUpload("test", rows))
    page = alice.upload("x")
    monkeypatch.setattr(planning, "MAX_EARLIER_VIEWINGS_SIZE", 4_000)
    assert work_on_imports() == 1
    assert planning.TOO_MANY_VIEWINGS in alice.get(page.request.path).html.main.text


def test_texts_of_movies_that_an_import_leaves_alone_do_not_count(alice, import_file, work_on_imports, monkeypatch):
    titles = "\n".join(f"Heat {number}" for number in range(20))
    import_file(titles)
    page = alice.upload(titles)
    monkeypatch.setattr(planning, "MAX_SEARCH_TEXT_SIZE", 500)
    assert work_on_imports() == 1
    assert "confirm" in alice.get(page.request.path).forms


def test_confirmed_import_that_takes_too_long_changes_nothing(alice, confirm_file, work_on_imports, monkeypatch):
    page = confirm_file("Heat\nRan")
    monkeypatch.setattr(attempt, "MAX_PROCESSOR_SECONDS", -1)
    assert work_on_imports() == 1
    assert attempt.TOO_SLOW in alice.get(page.request.path)
    assert alice.watchlist() == []


def test_import_that_failed_waits_before_it_is_tried_again(alice, bob, work_on_imports, end_pauses, monkeypatch):
    """Others can wake the importer often while a disk is full. That uses up no attempt."""
    page = alice.upload("Heat")
    with monkeypatch.context() as patched:
        patched.setattr(attempt, "read_upload", lambda *_, **__: 1 / 0)
        for _ in range(attempt.MAX_ATTEMPTS + 1):
            work_on_imports()
    other = bob.upload("Ran")
    assert work_on_imports() == 1
    assert "confirm" in bob.get(other.request.path).forms
    end_pauses()
    assert work_on_imports() == 1
    assert "confirm" in alice.get(page.request.path).forms


def test_import_that_always_fails_is_refused_in_the_end(alice, work_on_imports, end_pauses, db, monkeypatch):
    page = alice.upload("Heat")

    def fail(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(attempt, "read_upload", fail)
    for _ in range(attempt.MAX_ATTEMPTS):
        assert work_on_imports() == 0
        end_pauses()
    assert work_on_imports() == 1
    assert attempt.FAILED in alice.get(page.request.path)
    assert db.scalars(select(ImportChunk)).all() == []


def test_export_has_no_imports(alice, import_file):
    import_file("Heat")
    assert set(exported(alice).data) == {"version", "email", "movies"}


def test_empty_watchlist_and_account_page_lead_to_imports(alice):
    sources = "Letterboxd, Trakt, IMDb, Netflix, a text file or a FlickList export."
    assert sources in alice.get(alice.list_path).html.main.text
    for path in (alice.list_path, "/account/"):
        assert alice.get(path).html.main.find("a", attrs={"href": f"{alice.list_path}imports/"})


def test_progress_bar_moves(alice, ini, monkeypatch):
    page = alice.upload("".join(f"Movie {number}\n" for number in range(30)))
    seen = []

    def look(done, total):
        bar = alice.get(page.request.path).html.find("progress")
        seen.append((int(bar["value"]), int(bar["max"])))
        assert seen[-1] == (done, total)

    monkeypatch.setattr(attempt, "PROGRESS_SECONDS", 0)
    with open_importer(Settings.read(ini, {}), on_progress=look) as working:
        working.run_next()
    assert seen == [(done, 90) for done in range(1, 91)]


@pytest.mark.parametrize("rows", [1, 60])
def test_page_of_import_costs_three_statements(alice, import_file, statements, rows):
    page = import_file("".join(f"Movie {number}\n" for number in range(rows)))
    statements.clear()
    alice.get(page.request.path)
    assert len(statements) == 3, statements


def test_row_that_cannot_be_imported_is_listed_with_its_reason(alice, work_on_imports, monkeypatch):
    rows = [Row("a", 1, "Heat", status=Status.WATCHED), UnusableRow("b/c.csv", 7, "Lost", "This is a series.")]
    read_as(monkeypatch, ParsedUpload("test", rows))
    page = alice.upload("x")
    work_on_imports()
    page = alice.get(page.request.path)
    assert listed_rows(page) == [("Lost", "", "This is a series.")]
    assert "b/c.csv, line 7" in page.html.select_one(".import-rows").text


def test_thread_of_the_server_works_on_imports(make_app, alice):
    person = Client(make_app(runs_imports="true"))
    person.log_in(alice.email)
    person.list_path = alice.list_path
    page = person.upload("Heat")
    for _ in range(1200):
        if "confirm" in (page := person.get(page.request.path)).forms:
            return
        time.sleep(0.05)
    raise AssertionError(page)
