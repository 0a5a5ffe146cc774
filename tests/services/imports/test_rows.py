"""What becomes of the rows of an upload: which movie each one is about, and what it changes."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import select

from flicklist.film_facts import FilmFacts
from flicklist.models import Import, ImportRow, Movie, User, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.movie import MAX_VIEWINGS
from flicklist.models.movie_import import CHANGED_MOVIES, NEW_MOVIES, NEW_VIEWINGS, Outcome
from flicklist.services.imports import attempt, storage
from flicklist.services.imports.rows import ParsedUpload, Row, RowViewing, Status, UnusableRow

OWNER_ID = 1
ADDED, CHANGED, PRESENT, UNDECIDED, REFUSED = (
    *(Outcome.ADDED, Outcome.CHANGED, Outcome.PRESENT),
    *(Outcome.UNDECIDED, Outcome.REFUSED),
)
HEAT = FilmFacts(imdb_id="tt0113277", tmdb_id=949)
DUNE, OTHER_DUNE = FilmFacts(imdb_id="tt0142032"), FilmFacts(imdb_id="tt0087182")


@pytest.fixture
def owner(db):
    db.add(User(id=OWNER_ID, email="alice@example.com", email_key="alice@example.com", password_hash="x"))
    db.commit()


@pytest.fixture
def import_rows(db, owner, work_on_imports, monkeypatch):
    """Return a function that imports rows, and returns the outcome of each."""

    def import_all(*rows):
        monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: ParsedUpload("test", rows))
        movie_import = storage.store(db, OWNER_ID, "rows", BytesIO(b"x"))
        db.commit()
        work_on_imports()
        db.refresh(movie_import)
        preview, preview_counts = planned(db, movie_import), movie_import.counts
        storage.confirm(movie_import)
        db.commit()
        work_on_imports()
        db.refresh(movie_import)
        assert movie_import.state == "finished"
        report = planned(db, movie_import)
        assert [row.outcome for row in report] == [row.outcome for row in preview]
        assert +Counter(movie_import.counts) == +Counter(preview_counts)
        assert sum(movie_import.counts.get(outcome, 0) for outcome in Outcome) == len(rows)
        import_all.report, import_all.counts = report, +Counter(movie_import.counts)
        return [row.outcome for row in report]

    return import_all


def planned(db, movie_import):
    db.rollback()
    columns = (ImportRow.number, ImportRow.line, ImportRow.title, ImportRow.outcome, ImportRow.reason)
    return db.execute(select(*columns).where(ImportRow.import_id == movie_import.id).order_by(ImportRow.number)).all()


def movies(db):
    db.rollback()
    db.expire_all()
    return db.scalars(select(Movie).order_by(Movie.id)).all()


def the_movie(db):
    (movie,) = movies(db)
    return movie


def dates(movie):
    return sorted((viewing.watched_on or "", viewing.note) for viewing in movie.viewings)


def row(title, year=None, facts=None, **values):
    return Row("list.csv", 1, title, year, facts or FilmFacts(), **{"status": Status.WATCHLIST, **values})


def watched(title, year=None, *days, facts=None, **values):
    viewings = [RowViewing(day) for day in days]
    return row(title, year, facts, **{"status": Status.WATCHED, "viewings": viewings, **values})


def add(db, title, year=None, *, viewings=(), **columns):
    movie = Movie(title=title, year=year, owner_id=OWNER_ID, **columns)
    for watched_on, note in viewings:
        movie.add_viewing(watched_on, note)
    db.add(movie)
    db.commit()
    return movie


def test_new_movies_have_the_columns_of_movies_that_are_added_by_hand(db, import_rows):
    facts = FilmFacts(original_title="Heat", directors="Michael Mann", runtime=170, genres="crime, drama")
    imported = watched(
        "The Heat 2", 1995, "2024-03-02", facts=facts, tags=["Own it"], rating=9, why="Ann", notes="Long"
    )
    assert import_rows(imported) == [ADDED]
    movie = the_movie(db)
    same = Movie(title="The Heat 2", year=1995, why="Ann", notes="Long", tags="Own it", **facts._asdict())
    for name in ("key", "sort_title", "search_text", "tag_keys", "genre_keys", "why", "notes", "tags"):
        assert getattr(movie, name) == getattr(same, name), name
    assert (movie.sort_year, movie.sort_rating, movie.last_watched_on) == (1995, 9, "2024-03-02")
    assert movie.facts == facts
    assert movie.is_watched
    assert import_rows.counts == {ADDED: 1, NEW_MOVIES: 1, NEW_VIEWINGS: 1}


def test_importing_again_changes_nothing(db, import_rows):
    rows = [
        row("Ran", 1985),
        watched("Heat", 1995, "2024-03-02", facts=HEAT, rating=9, tags=["own it"]),
        watched("Heat", 1995, "2024-03-02"),
        watched("Alien"),
        row("Alien"),
        row("Heat", 1995, status=None, tags=["liked"]),
    ]
    assert import_rows(*rows) == [ADDED, ADDED, PRESENT, ADDED, ADDED, ADDED]
    before = [(movie.details, movie.rating, dates(movie), movie.change_id) for movie in movies(db)]
    assert import_rows(*rows) == [PRESENT] * 6
    assert [(movie.details, movie.rating, dates(movie), movie.change_id) for movie in movies(db)] == before


@pytest.mark.parametrize("title", ["HEAT", "heat", " Heat", "He\u200bat"])
def test_same_title_key_and_year_is_the_same_movie(db, import_rows, title):
    add(db, "Heat", 1995)
    assert import_rows(row(title, 1995)) == [PRESENT]


@pytest.mark.parametrize(("title", "year"), [("Heat", 1996), ("Heat", 1994), ("The Heat", 1995), ("Héat", 1995)])
def test_similar_title_or_neighbouring_year_is_another_movie(db, import_rows, title, year):
    add(db, "Heat", 1995)
    assert import_rows(row(title, year)) == [ADDED]
    assert len(movies(db)) == 2


@pytest.mark.parametrize("facts", [FilmFacts(imdb_id="tt0113277"), FilmFacts(tmdb_id=949), HEAT])
def test_same_id_is_the_same_movie_whatever_the_title(db, import_rows, facts):
    add(db, "Heat", 1995, **HEAT._asdict())
    assert import_rows(row("Hitze", 1996, facts)) == [PRESENT]
    assert the_movie(db).label == "Heat (1995)"


def test_matched_movie_gets_the_ids_that_it_lacks(db, import_rows):
    add(db, "Heat", 1995, imdb_id="tt0113277")
    assert import_rows(row("heat", 1995, HEAT)) == [CHANGED]
    assert the_movie(db).facts == HEAT
    assert "TMDB ID" in import_rows.report[0].reason


def test_ids_of_different_movies_need_a_decision(db, import_rows):
    add(db, "Heat", 1995, imdb_id="tt0113277")
    add(db, "Ran", 1985, tmdb_id=11645)
    assert import_rows(row("Heat", 1995, HEAT._replace(tmdb_id=11645))) == [UNDECIDED]
    assert import_rows(row("Heat", 1995, HEAT), row("Heat", 1995, HEAT._replace(tmdb_id=1))) == [CHANGED, UNDECIDED]


def test_two_films_of_one_title_and_year_with_different_ids_stay_two(db, import_rows):
    rows = [row("Dune", 2000, DUNE), row("Dune", 2000, OTHER_DUNE)]
    assert import_rows(*rows) == [ADDED, ADDED]
    first, second = movies(db)
    assert (first.imdb_id, second.imdb_id) == (DUNE.imdb_id, OTHER_DUNE.imdb_id)
    assert second.key == f"{first.key} #{second.id}"
    assert import_rows(*rows) == [PRESENT, PRESENT]
    assert import_rows(row("Dune", 2000)) == [UNDECIDED]


def test_two_addresses_are_two_films_and_the_exact_title_decides(db, import_rows):
    rain = [FilmFacts(letterboxd_uri=f"https://boxd.it/{name}") for name in ("a", "b")]
    assert import_rows(row("Rain", 2019, rain[0]), row("rain", 2019, rain[1])) == [ADDED, ADDED]
    assert import_rows(watched("rain", 2019, "2024-01-01"), watched("RAIN", 2019)) == [CHANGED, UNDECIDED]
    assert [movie.title for movie in movies(db) if movie.is_watched] == ["rain"]


def test_short_and_long_address_can_lead_to_the_same_film(db, import_rows):
    add(db, "Heat", 1995, letterboxd_uri="https://letterboxd.com/film/heat-1995/")
    assert import_rows(row("Heat", 1995, FilmFacts(letterboxd_uri="https://boxd.it/2b0k"))) == [PRESENT]


def test_row_without_year_means_the_only_movie_of_that_title(db, import_rows):
    add(db, "Heat", 1995)
    assert import_rows(row("heat"), row("Ran"), row("Ran", 1985)) == [PRESENT, ADDED, PRESENT]
    assert [movie.label for movie in movies(db)] == ["Heat (1995)", "Ran (1985)"]
    add(db, "Heat", 1986)
    assert import_rows(row("Heat")) == [UNDECIDED]
    assert "2 movies have this title" in import_rows.report[0].reason


def test_original_title_finds_movie_of_the_same_year_only(db, import_rows):
    add(db, "Der Untergang", 2004)
    facts = FilmFacts(original_title="Der Untergang")
    assert import_rows(row("Downfall", 2004, facts), row("Downfall", 2005, facts)) == [CHANGED, ADDED]


def test_row_without_title_needs_an_id_that_a_movie_has(db, import_rows):
    add(db, "Heat", 1995, **HEAT._asdict())
    assert import_rows(watched("", None, "2024-01-01", facts=HEAT), row("", None, DUNE)) == [CHANGED, REFUSED]


def test_watched_movie_without_viewing_gets_one_without_date(db, import_rows):
    add(db, "Seen", viewings=[("2020", "")])
    assert import_rows(watched("Heat"), watched("Ran", rating=7), watched("Seen")) == [ADDED, ADDED, PRESENT]
    assert [dates(movie) for movie in movies(db)] == [[("2020", "")], [("", "")], [("", "")]]


def test_viewing_of_another_day_is_added_and_of_the_same_day_is_not(db, import_rows):
    add(db, "Heat", viewings=[("2024-03-02", "")])
    assert import_rows(watched("Heat", None, "2024-03-02"), watched("Heat", None, "2024-03-03")) == [PRESENT, CHANGED]
    assert import_rows(watched("Heat", None, None), watched("Heat", None, None)) == [CHANGED, PRESENT]
    assert dates(the_movie(db)) == [("", ""), ("2024-03-02", ""), ("2024-03-03", "")]
    assert the_movie(db).last_watched_on == "2024-03-03"


def test_note_of_the_same_day_is_appended_once(db, import_rows):
    add(db, "Heat", viewings=[("2024-03-02", "Loud")])
    noted = watched("Heat", viewings=[RowViewing("2024-03-02", "On the ferry")])
    assert import_rows(noted) == [CHANGED]
    assert dates(the_movie(db)) == [("2024-03-02", "Loud\nOn the ferry")]
    assert import_rows(noted) == [PRESENT]


def test_note_that_is_too_long_for_a_viewing_becomes_notes_of_the_movie(db, import_rows):
    long = watched("Heat", viewings=[RowViewing("2024-03-02", "x" * 1001)])
    assert import_rows(long) == [ADDED]
    assert (dates(the_movie(db)), the_movie(db).notes) == ([("2024-03-02", "")], "x" * 1001)
    assert import_rows(long) == [PRESENT]


def test_viewings_of_one_row_are_different_ones(db, import_rows):
    viewings = [RowViewing("2024-03-02", "first"), RowViewing("2024-03-02", "second"), RowViewing("2009")]
    twice = watched("Heat", viewings=[*viewings, RowViewing("2009")])
    assert import_rows(twice) == [ADDED]
    assert dates(the_movie(db)) == [("2009", ""), ("2009", ""), ("2024-03-02", "first"), ("2024-03-02", "second")]
    assert import_rows(twice) == [PRESENT]


def test_rating_is_added_and_another_one_stays(db, import_rows):
    add(db, "Heat", viewings=[(None, "")])
    assert import_rows(watched("Heat", rating=9)) == [CHANGED]
    assert import_rows(watched("Heat", rating=7)) == [PRESENT]
    assert the_movie(db).rating == 9
    assert import_rows.report[0].reason == "You rated it 4½ ★, which stays. The file says 3½ ★."


def test_rating_of_movie_that_was_moved_back_needs_a_decision(db, import_rows):
    movie = add(db, "Heat", viewings=[("2020", "")])
    movie.move_to_watchlist()
    db.commit()
    assert import_rows(watched("Heat", rating=9)) == [UNDECIDED]
    assert not the_movie(db).is_watched


def test_movie_on_both_lists_is_watched_and_tagged(db, import_rows):
    assert import_rows(row("Heat"), watched("Heat", None, "2024-03-02")) == [ADDED, ADDED]
    assert (the_movie(db).is_watched, the_movie(db).tags) == (True, "rewatch")


def test_watched_movie_stays_watched_if_the_file_has_it_on_the_watchlist(db, import_rows):
    add(db, "Heat", viewings=[("2020", "")])
    assert import_rows(row("Heat")) == [PRESENT]
    assert (the_movie(db).is_watched, the_movie(db).tags) == (True, "")


def test_tags_are_added_up_to_the_limit_and_commas_are_removed(db, import_rows):
    add(db, "Heat", tags=", ".join(f"tag {number}" for number in range(18)))
    assert import_rows(row("Heat", tags=["TAG 1", "Noir, French", "two", "three"])) == [CHANGED]
    assert the_movie(db).tags.endswith("tag 17, Noir French, two")
    assert "at most 20 tags" in import_rows.report[0].reason
    assert import_rows(row("Heat", status=None, tags=["three"]), row("Ran", tags=["x" * 41])) == [REFUSED, ADDED]


def test_movie_that_is_only_in_lists_is_not_added(db, import_rows):
    add(db, "Heat")
    assert import_rows(row("Heat", status=None, tags=["noir"]), row("Ran", status=None)) == [CHANGED, UNDECIDED]
    assert the_movie(db).tags == "noir"


def test_removed_movie_needs_a_decision(db, import_rows):
    add(db, "Heat", removed_at=utc_now())
    assert import_rows(row("Heat"), row("Heat", removed_at=utc_now())) == [UNDECIDED, PRESENT]
    assert the_movie(db).is_removed


def test_movie_that_can_no_longer_be_restored_is_added_again(db, import_rows):
    add(db, "Heat", removed_at=utc_now() - timedelta(days=31))
    assert import_rows(row("Heat"), row("Ran", removed_at=utc_now() - timedelta(days=31))) == [ADDED, REFUSED]
    assert not the_movie(db).is_removed


@pytest.mark.parametrize(
    ("bad", "outcome", "reason"),
    [
        (row(""), REFUSED, "no title"),
        (row("x" * 201), REFUSED, "at most 200 characters"),
        (row("Heat", 1700), UNDECIDED, "1700"),
        (watched("Heat", None, "2024-13-01"), UNDECIDED, "not a date"),
        (watched("Heat", None, "2099-01-01"), UNDECIDED, "in the future"),
        (watched("Heat", rating=11), UNDECIDED, "outside the scale"),
        (UnusableRow("list.csv", 3, "Lost", "This is a series."), REFUSED, "This is a series."),
        (UnusableRow("list.csv", 3, "Heat", "Which day?", needs_decision=True), UNDECIDED, "Which day?"),
    ],
)
def test_bad_row_is_refused_with_the_reason_and_others_are_imported(db, import_rows, bad, outcome, reason):
    assert import_rows(bad, row("Ran")) == [outcome, ADDED]
    assert reason in import_rows.report[0].reason
    assert [movie.title for movie in movies(db)] == ["Ran"]


def test_invalid_facts_are_left_out(db, import_rows):
    facts = FilmFacts(directors="x" * 701, imdb_id="nm0000134", tmdb_id=2**31, runtime=0, genres="drama")
    assert import_rows(row("Heat", 1995, facts)) == [ADDED]
    assert the_movie(db).facts == FilmFacts(genres="drama")
    assert "The IMDb ID isn’t valid, so it was left out." in import_rows.report[0].reason


def test_invalid_ids_do_not_make_two_movies_the_same(db, import_rows):
    rows = [row("Heat", 1995, FilmFacts(imdb_id="nm1")), row("Ran", 1985, FilmFacts(imdb_id="nm1"))]
    assert import_rows(*rows) == [ADDED, ADDED]
    assert import_rows(*rows) == [PRESENT, PRESENT]


def test_number_of_viewings_is_limited(db, import_rows):
    days = [(datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=number)).date().isoformat() for number in range(1002)]
    outcomes = import_rows(*(watched("Heat", None, day) for day in days))
    assert outcomes == [ADDED] * MAX_VIEWINGS + [REFUSED] * 2
    assert len(the_movie(db).viewings) == MAX_VIEWINGS


def test_complete_rows_restore_movies_exactly(db, import_rows):
    day = datetime(2024, 3, 2, 12, tzinfo=UTC)
    complete = {"is_complete": True, "added_at": day}
    rows = [
        watched("Heat", 1995, watched_at=day, **complete),
        watched("Heat", 1995, "2024-03-02", watched_at=day, **complete | {"added_at": day + timedelta(days=1)}),
        row("Ran", viewings=[RowViewing("2020")], **complete),
        row("Gone", removed_at=utc_now(), **complete),
    ]
    assert import_rows(*rows) == [ADDED] * 4
    heat, again, ran, gone = movies(db)
    assert [dates(heat), dates(again), dates(ran)] == [[], [("2024-03-02", "")], [("2020", "")]]
    assert (heat.watched_at, heat.added_at, again.added_at) == (day, day, day + timedelta(days=1))
    assert (ran.is_watched, gone.is_removed) == (False, True)
    assert import_rows(*reversed(rows)) == [PRESENT] * 4


def test_changed_movies_are_counted(db, import_rows):
    add(db, "Heat", viewings=[("2020", "")])
    import_rows(watched("Heat", None, "2021-01-01"), watched("Heat", None, "2021-01-02"), row("Ran"))
    assert import_rows.counts == {CHANGED: 2, ADDED: 1, NEW_MOVIES: 1, CHANGED_MOVIES: 1, NEW_VIEWINGS: 2}


def test_other_peoples_movies_are_not_touched(db, import_rows):
    db.add(User(id=2, email="bob@example.com", email_key="bob@example.com", password_hash="x"))
    db.commit()
    db.add(Movie(title="Heat", year=1995, owner_id=2, **HEAT._asdict()))
    db.commit()
    assert import_rows(watched("Heat", 1995, "2024-03-02", facts=HEAT)) == [ADDED]
    of_bob = next(movie for movie in movies(db) if movie.owner_id == 2)
    assert (of_bob.viewings, of_bob.change_id) == ([], None)
    assert len(db.scalars(select(Viewing)).all()) == 1
    assert db.scalars(select(Import.owner_id)).all() == [OWNER_ID]


def test_rows_are_reported_in_the_order_of_the_file(db, import_rows):
    rows = [replace(row(f"Movie {number}", None if number % 2 else 2000), line=number) for number in range(1, 1202)]
    import_rows(*rows)
    assert [(each.number, each.line, each.title) for each in import_rows.report] == [
        (number, number, f"Movie {number}") for number in range(1, 1202)
    ]
