"""The work of a request is bounded, whatever a person has entered. docs/bounds.md has the bound of every view."""

import itertools
from contextlib import ExitStack
from datetime import timedelta

import pyramid.traversal
import pytest
from sqlalchemy import insert, select, update

from flicklist import models
from flicklist.models import Change, Movie, User, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    MAX_NOTES_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_VIEWINGS,
    REMOVED_RETENTION,
    SEARCH_TEXT_FACTOR,
)
from flicklist.search_words import searchable_beginning
from flicklist.services import tags as tags_service
from flicklist.services import watchlist
from flicklist.services.search import MAX_WORDS
from flicklist.services.viewings import MAX_SHOWN
from flicklist.services.watchlist import MAX_EXPIRED_DELETED, MAX_SIMILAR_TITLES
from flicklist.text import fold
from tests.clients import Client, messages, titles
from tests.races import in_background
from tests.views.test_changes import remembered

MOVIES = 3
BULK_VERBS = [
    ("cross-off", {}),
    ("rate", {"rating": "4"}),
    ("tag", {"tags": "own it"}),
    ("untag", {"tags": "on tape"}),
    ("move-to-watchlist", {}),
    ("remove", {}),
]


def add_movies(person, db, viewings, *, number=MOVIES, is_watched=True):
    """Give a person movies with many viewings each. Return the ids of the movies, as in a form."""
    owner_id = db.scalars(select(User.id).where(User.email == person.email)).one()
    movies = [Movie(title=f"Movie {each}", owner_id=owner_id, tags="on tape") for each in range(number)]
    for movie in movies:
        movie.last_watched_on = "2019-12-31"
        if is_watched:
            movie.mark_watched("2019-12-31")
    db.add_all(movies)
    db.flush()
    values = [
        {"movie_id": movie.id, "watched_on": f"20{each % 20:02}-12-31", "note": f"Viewing {each}"}
        for movie in movies
        for each in range(viewings)
    ]
    db.execute(insert(Viewing), values)
    db.commit()
    return [str(movie.id) for movie in movies]


@pytest.mark.parametrize(("verb", "fields"), BULK_VERBS)
def test_change_of_selected_movies_and_its_undo_do_not_read_viewings(alice, db, statements, verb, fields):
    ids = add_movies(alice, db, MAX_VIEWINGS - 1, is_watched=verb != "cross-off")
    before, token = remembered(db), alice.csrf_token()
    statements.clear()
    page = alice.post(alice.list_path + verb, {"csrf_token": token, "movie": ids, **fields}, status=303).follow()
    assert not _reading_viewings(statements)
    after = remembered(db)
    assert after != before
    for label, expected in (("Undo", before), ("Redo", after), ("Undo", before)):
        statements.clear()
        page = alice.press(page, label)
        assert _reading_viewings(statements) == (["by id"] if verb == "cross-off" else [])
        assert remembered(db) == expected
    assert max(db.scalars(select(Change.size))) < 1_000 * MOVIES


def test_change_of_selected_movies_and_its_undo_fold_no_text_that_stays(alice, db, monkeypatch):
    """Folding fifty long notes takes a second. On SQLite, nobody else can write meanwhile."""
    ids = add_movies(alice, db, 1, number=2)
    db.execute(update(Movie).values(why="Ann", notes="한국어", tags=""))
    for movie in db.scalars(select(Movie)):
        movie.refresh_search_columns()
    db.commit()
    folded = []

    def fold_text(text, max_length):
        folded.append(text)
        return searchable_beginning(text, max_length)

    monkeypatch.setattr(models.movie, "searchable_beginning", fold_text)
    page = alice.send(alice.list_path + "tag", movie=ids, tags="own it").follow()
    assert folded == ["own it"] * 2
    for label, tags in (("Undo", ""), ("Redo", "own it")):
        folded.clear()
        page = alice.press(page, label)
        assert folded == [tags] * bool(tags) * 2
        assert len(titles(alice.get(f"{alice.list_path}watched", {"q": "own"}))) == (2 if tags else 0)
    page = alice.send(alice.list_path + "rate", movie=ids, rating="4").follow()
    folded.clear()
    alice.press(page, "Undo")
    assert folded == []
    assert len(titles(alice.get(f"{alice.list_path}watched", {"q": "ann 한국어 own"}))) == 2


def _reading_viewings(statements):
    """Return how the viewings were read: a few by their ids, or all of the movies."""
    reading = [statement for statement in statements if statement.startswith("SELECT") and "FROM viewings" in statement]
    return ["by id" if "viewings.id IN" in statement else "all" for statement in reading]


@pytest.mark.parametrize("number", [1, 10])  # more are a large change, with one more statement to limit their size
def test_crossing_off_selected_movies_costs_the_same_number_of_statements(alice, db, statements, number):
    ids = add_movies(alice, db, 2, number=number, is_watched=False)
    token = alice.csrf_token()
    statements.clear()
    alice.post(alice.list_path + "cross-off", {"csrf_token": token, "movie": ids}, status=303)
    verbs = [statement.split()[0] for statement in statements if "BEGIN" not in statement]
    assert verbs == ["SELECT", "SELECT", "INSERT", "INSERT", "UPDATE"]


def test_selected_movie_with_too_many_viewings_is_not_crossed_off(alice, db):
    ids = add_movies(alice, db, MAX_VIEWINGS, is_watched=False)
    before = remembered(db)
    page = alice.send(alice.list_path + "cross-off", movie=ids).follow()
    assert messages(page, "error") == ["A movie can have at most 1,000 viewings."]
    assert remembered(db) == before


def test_selected_movie_with_viewing_today_gets_no_other_one(alice, db):
    """It was crossed off, and then moved back to the watchlist."""
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.move_to_watchlist("Heat")
    before = remembered(db)
    page = alice.send(alice.list_path + "cross-off", movie=[str(db.scalars(select(Movie.id)).one())]).follow()
    assert len(db.scalars(select(Viewing.id)).all()) == 1
    assert alice.watched() == ["Heat"]
    alice.press(page, "Undo")
    assert remembered(db) == before


@pytest.mark.parametrize("verb", ["rate", "move-to-watchlist", "remove"])
def test_change_of_one_movie_records_no_viewings_that_it_leaves_alone(alice, db, statements, verb):
    (movie_id,) = add_movies(alice, db, 100, number=1)
    token = alice.csrf_token()
    statements.clear()
    alice.post(f"{alice.list_path}{movie_id}/{verb}", {"csrf_token": token, "rating": "3"}, status=303)
    assert _reading_viewings(statements) == []
    assert db.scalars(select(Change.size)).one() < 1_000


def test_page_of_movie_shows_newest_viewings_and_links_to_all(alice, db, statements):
    (movie_id,) = add_movies(alice, db, MAX_SHOWN + 1, number=1)
    statements.clear()
    page = alice.get(f"{alice.list_path}{movie_id}/")
    assert len(statements) == 3, statements
    assert len(page.html.select(".viewings li")) == MAX_SHOWN
    everything = page.click("Show all viewings")
    assert len(everything.html.select(".viewings li")) == MAX_SHOWN + 1
    assert "Show all viewings" not in everything.text


def test_page_of_movie_without_more_viewings_has_no_link_to_all(alice, db):
    (movie_id,) = add_movies(alice, db, MAX_SHOWN, number=1)
    page = alice.get(f"{alice.list_path}{movie_id}/")
    assert len(page.html.select(".viewings li")) == MAX_SHOWN
    assert "Show all viewings" not in page.text


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ({"q": " ".join(map(chr, range(0x3041, 0x3090)))}, "search_text"),
        ({"genre": ",".join("abcdefghijklmnopqrstuvwxyz")}, "genre_keys"),
    ],
)
def test_search_compares_at_most_20_words_or_genres(alice, statements, query, condition):
    statements.clear()
    alice.get(alice.list_path, query)
    searching = [statement for statement in statements if "LIKE" in statement]
    assert {statement.count(f"movies.{condition} LIKE") for statement in searching} == {MAX_WORDS}
    assert len(searching) == 2


def test_texts_that_searches_compare_are_bounded(alice, db):
    """Unicode spells U+FDFA with eighteen letters, and a Korean syllable with three, whose last word is still found."""
    alice.add("Heat")
    edit = alice.movie_path("Heat") + "/edit"
    alice.send(edit, title="Heat", notes="\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 5_000)
    bound = SEARCH_TEXT_FACTOR * (MAX_NOTES_LENGTH + MAX_TITLE_LENGTH)
    assert SEARCH_TEXT_FACTOR * MAX_NOTES_LENGTH < len(db.scalars(select(Movie.search_text)).one()) < bound
    alice.send(edit, title="Heat", notes="\N{HANGUL SYLLABLE HAN}" * 4_997 + " 영화")
    assert titles(alice.get(alice.list_path, {"q": "영화"})) == ["Heat"]


def test_longer_search_is_refused(alice, statements):
    statements.clear()
    page = alice.get(alice.list_path, {"q": "x" * (MAX_TITLE_LENGTH + 1)})
    assert messages(page, "error") == ["The search was not used. The search text can have at most 200 characters."]
    assert not [statement for statement in statements if "LIKE" in statement]


@pytest.mark.parametrize("path", ["matches", "tags", "/suggestions"])
def test_longer_text_is_not_completed(alice, statements, path):
    path = path if path.startswith("/") else alice.list_path + path
    statements.clear()
    assert alice.get(path, {"q": "x" * (MAX_TITLE_LENGTH + 1)}).json == []
    assert len(statements) == 1, statements


@pytest.mark.parametrize(
    ("title", "max_movies", "left"),
    [
        ("Movie 3", 100, 69),
        ("Heat", 100, 70),
        ("Heat", 70, 20),  # the list is full, so the clean-up is not waited for
    ],
)
def test_adding_a_movie_deletes_only_a_few_expired_movies(alice, make_app, db, title, max_movies, left):
    ids = add_movies(alice, db, 1, number=MAX_EXPIRED_DELETED + 20)
    long_ago = utc_now() - REMOVED_RETENTION - timedelta(days=1)
    db.execute(update(Movie).where(Movie.id.in_(map(int, ids))).values(removed_at=long_ago))
    db.commit()
    person = Client(make_app(max_movies=str(max_movies)), alice.email)
    person.log_in()
    person.list_path = alice.list_path
    person.add(title)
    assert person.watchlist() == [title]
    assert len(db.scalars(select(Movie.title).where(Movie.removed_at.is_not(None))).all()) == left


def test_movie_that_is_restored_meanwhile_is_not_deleted_to_make_room(alice, make_app, engine, db):
    alice.add("Heat")
    person = Client(make_app(max_movies="1"), alice.email)
    person.log_in()
    person.list_path = alice.list_path
    form = person.get(alice.list_path).forms["add"]
    form["title"] = "Ran"
    db.execute(update(Movie).values(removed_at=utc_now() - REMOVED_RETENTION - timedelta(days=1)))
    db.commit()
    with engine.connect() as connection, ExitStack() as stack:
        connection.execute(update(Movie).values(removed_at=None))
        stack.enter_context(in_background(lambda: form.submit(status=400), engine))
        connection.commit()
    assert person.watchlist() == ["Heat"]


@pytest.mark.parametrize("path", ["", "matches"])
def test_search_that_takes_too_long_is_stopped(make_app, alice, db, monkeypatch, path):
    owner_id = db.scalars(select(User.id)).one()
    movies = [Movie(title=f"Movie {number}", owner_id=owner_id, notes="a" * 5000) for number in range(300)]
    for movie in movies:
        movie.refresh_search_columns()
    db.add_all(movies)
    db.commit()
    monkeypatch.setattr("flicklist.read_time.MAX_READ_SECONDS", 0.05)
    monkeypatch.setattr("flicklist.read_time.SQLITE_STEPS", 100)
    person = Client(make_app(), alice.email)
    person.log_in()
    page = person.get(alice.list_path + path, {"q": "a" * 199 + "b"}, status=503)
    assert page.html.h1.text == "That took too long"
    assert person.get(alice.list_path).html.select_one(".count").text == "300 to watch"


def test_tags_are_completed_from_frequent_combinations(alice, db, monkeypatch):
    alice.add("Heat")
    for tags in ("own it, on tape", "own it", "own it"):
        movie = Movie(title=f"Movie {tags} {utc_now()}", owner_id=db.scalars(select(User.id)).one())
        movie.add_tags(tags.split(", "))
        db.add(movie)
    db.commit()
    monkeypatch.setattr("flicklist.services.tags._COUNTS", tags_service._COUNTS.limit(1))  # noqa: SLF001
    assert alice.get(alice.list_path + "tags", {"q": "o"}).json == ["own it"]


def test_completing_tags_compares_few_of_them(alice, db, monkeypatch):
    owner_id = db.scalars(select(User.id)).one()
    tags = ["own it", "on tape, own it", "rented, on tape, own it"]
    db.add_all(Movie(title=f"Movie {number}", owner_id=owner_id, tags=each) for number, each in enumerate(tags))
    db.commit()
    monkeypatch.setattr(tags_service, "MAX_COMPARED_TAGS", 2)
    assert alice.get(alice.list_path + "tags?q=o").json == ["own it", "on tape"]
    assert alice.get(alice.list_path + "tags?q=r").json == []


def test_few_of_many_similar_titles_are_read(alice, db, monkeypatch):
    """Thousands can have the same sort title, because it has no accents. A title is compared while others wait."""
    owner_id = db.scalars(select(User.id)).one()
    titles = ["".join(letters) for letters in itertools.product("eéèêë", repeat=3)]
    movies = [Movie(title=title, owner_id=owner_id) for title in titles]
    for movie in movies[::2]:
        movie.add_viewing("2020")
    db.add_all(movies)
    db.commit()
    compared = []
    monkeypatch.setattr(watchlist, "fold", lambda text: compared.append(text) or fold(text))
    page = alice.send(f"{alice.list_path}{movies[0].id}/edit", title="eee", notes="x").follow()
    assert len(compared) == 1 + 2 * MAX_SIMILAR_TITLES
    assert "and many more movies with this title." in messages(page, "success")[0]


def test_paths_of_rows_are_not_kept_in_memory(alice):
    alice.add("Heat")
    movie_path = alice.movie_path("Heat")
    alice.get(f"{movie_path}/")
    kept = pyramid.traversal._segment_cache  # noqa: SLF001
    assert not [segment for segment, _ in kept if segment == movie_path.rpartition("/")[2]]


@pytest.mark.parametrize(("path", "token"), [("add", None), ("find", "outdated"), ("add", "outdated")])
def test_refused_form_searches_nothing_while_others_wait_to_write(alice, statements, path, token):
    fields = {"csrf_token": token or alice.csrf_token(), "title": ""}
    statements.clear()
    alice.post(f"{alice.list_path}{path}?q=heat", fields, headers={"Origin": "http://localhost"}, status=400)
    assert not [statement for statement in statements if "LIKE" in statement]
