"""FlickList's own export: whatever was exported is read again."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flicklist.film_facts import FilmFacts
from flicklist.labels import join_labels, split_labels
from flicklist.services.export.json_file import json_texts
from flicklist.services.export.movies import ExportedMovie, ExportedViewing
from flicklist.services.export.spreadsheets import viewings_lines, watchlist_lines
from flicklist.services.imports.rows import Status
from flicklist.text import has_visible_character, normalize
from tests.services.imports.files import assert_storable, read_bytes, refusal, zipped

TIME = datetime(2026, 11, 26, 18, 30, 0, 123456, tzinfo=UTC)
HEAT = ExportedMovie(
    title="Heat ❤️",
    year=1995,
    why="Sam said so",
    notes="Two\nlines\tof notes",
    tags="own it, DVD",
    rating=9,
    added_at=TIME,
    watched_at=TIME,
    removed_at=TIME + timedelta(days=1),
    last_watched_on="2009-07-14",
    facts=FilmFacts(
        *("Heat 2", "Michael Mann, Sam", 170, "crime, drama", "United States", "tt0113277", 949),
        "https://letterboxd.com/alice/film/heat-1995/",
    ),
    viewings=[ExportedViewing(None, "a\nb"), ExportedViewing("2009", "c"), ExportedViewing("2009-07-14", "")],
)
RAN = ExportedMovie("Ran", None, "", "", "", None, TIME, None, None, "", FilmFacts(), [])


def exported(movies):
    return "".join(json_texts("alice@example.com", movies))


def as_exported(row):
    """Return a row as the movie of the export that it was read from."""
    viewings = [ExportedViewing(*viewing) for viewing in row.viewings]
    times = (row.added_at, row.watched_at, row.removed_at)
    last = max((viewing.watched_on or "" for viewing in viewings), default="")
    texts = (row.title, row.year, row.why, row.notes, join_labels(row.tags), row.rating)
    return ExportedMovie(*texts, *times, last, row.facts, viewings)


def test_every_field_is_read(tmp_path):
    parsed = read_bytes(tmp_path, exported([HEAT, RAN]), "flicklist.json")
    assert [as_exported(row) for row in parsed.rows] == [HEAT, RAN]
    assert [row.status for row in parsed.rows] == [Status.WATCHED, Status.WATCHLIST]
    assert all(row.is_complete for row in parsed.rows)
    assert (list(parsed.notices), list(parsed.questions)) == ([], [])
    assert_storable(parsed)


def test_zip_is_read_without_notices_about_its_other_files(tmp_path):
    files = {
        "README.txt": "x",
        "flicklist.json": exported([HEAT]),
        "watchlist.csv": "".join(watchlist_lines([HEAT])),
        "letterboxd-import-1.csv": "LetterboxdURI,Title\n",
    }
    parsed = read_bytes(tmp_path, zipped(files))
    assert (parsed.format_name, len(parsed.rows), list(parsed.notices)) == ("FlickList export", 1, [])


def test_empty_export(tmp_path):
    assert list(read_bytes(tmp_path, exported([])).rows) == []


def test_json_that_another_program_formatted(tmp_path):
    data = json.loads(exported([HEAT, RAN]))
    text = json.dumps(data, indent=4, sort_keys=True, ensure_ascii=True)
    assert [as_exported(row) for row in read_bytes(tmp_path, text).rows] == [HEAT, RAN]


@pytest.mark.parametrize("version", [2, "1", None])
def test_other_versions_are_refused(tmp_path, version):
    data = json.loads(exported([HEAT])) | {"version": version}
    assert "another version of FlickList" in refusal(tmp_path, json.dumps(data))


@pytest.mark.parametrize("lines", [watchlist_lines, viewings_lines])
def test_spreadsheet_is_refused_with_the_name_of_the_right_file(tmp_path, lines):
    assert "Upload the whole ZIP" in refusal(tmp_path, "".join(lines([HEAT])))


@pytest.mark.parametrize(
    ("change", "needs_decision"),
    [
        ({"title": ""}, False),
        ({"title": "x" * 201}, False),
        ({"title": "a\x00b"}, False),
        ({"title": "a\ud800b"}, False),
        ({"notes": "x" * 5001}, False),
        ({"year": 1500}, True),
        ({"rating": 7}, True),
        ({"rating": float("nan")}, True),
        ({"added_at": "yesterday"}, True),
        ({"viewings": [{"watched_on": "2009-13", "note": ""}]}, True),
        ({"viewings": [{"watched_on": "2099-01-01", "note": ""}]}, True),
        ({"viewings": [{}] * 1001}, False),
    ],
    ids=str,
)
def test_impossible_movie_spoils_no_other(tmp_path, change, needs_decision):
    data = json.loads(exported([HEAT, RAN]))
    data["movies"][0] |= change
    parsed = read_bytes(tmp_path, json.dumps(data))
    assert [getattr(row, "needs_decision", None) for row in parsed.rows] == [needs_decision, None]
    assert_storable(parsed)


@pytest.mark.parametrize("name", ["added_at", "watched_at", "removed_at"])
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+00:00", "1874-01-01T00:30:00Z", "2100-12-31T00:00:00+00:00", "9999-12-31T23:59:59Z"]
)
def test_impossible_time_is_undecided(tmp_path, name, time):
    """Pages show times in the time zone of the site, and days before and after them."""
    data = json.loads(exported([HEAT]))
    data["movies"][0][name] = time
    (row,) = read_bytes(tmp_path, json.dumps(data)).rows
    assert (row.reason, row.needs_decision) == (f"“{time}” is not a possible time.", True)


def test_rating_of_a_movie_on_the_watchlist_is_ignored(tmp_path):
    data = json.loads(exported([HEAT]))
    data["movies"][0]["watched_at"] = None
    (row,) = read_bytes(tmp_path, json.dumps(data)).rows
    assert (row.status, row.rating, len(row.viewings)) == (Status.WATCHLIST, None, 3)


def texts(max_size, min_size=0):
    characters = st.characters(exclude_categories=["Cc", "Cs"])
    return st.text(characters, min_size=min_size, max_size=max_size).map(normalize)


TIMES = st.integers(0, 2**31 * 10**6).map(
    lambda number: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=number)
)
LABELS = st.lists(texts(15), max_size=4).map(lambda names: join_labels(split_labels(",".join(names))))
DATES = st.one_of(st.none(), st.dates(date(1874, 1, 1), date(2026, 1, 1)).map(str), st.just("2009-07"), st.just("1999"))
FACTS = st.builds(
    FilmFacts,
    *(texts(20), LABELS, st.one_of(st.none(), st.integers(1, 9999)), LABELS, LABELS),
    *(
        st.sampled_from(["", "tt0113277"]),
        st.one_of(st.none(), st.integers(1, 2**31 - 1)),
        st.just("https://boxd.it/2b0k"),
    ),
)
MOVIES = st.builds(
    RAN._replace,
    title=texts(60, 1).filter(has_visible_character),
    year=st.one_of(st.none(), st.integers(1874, 2100)),
    why=texts(50),
    notes=texts(50),
    tags=LABELS,
    added_at=TIMES,
    watched_at=st.one_of(st.none(), TIMES),
    removed_at=st.one_of(st.none(), TIMES),
    facts=FACTS,
    viewings=st.lists(st.builds(ExportedViewing, DATES, texts(50)), max_size=4),
)


@settings(max_examples=100)
@given(movies=st.lists(MOVIES, max_size=3), rating=st.one_of(st.none(), st.integers(1, 10)))
def test_any_movies_are_read_as_they_were_exported(tmp_path_factory, movies, rating):
    rated = [movie._replace(rating=rating if movie.watched_at else None) for movie in movies]
    parsed = read_bytes(tmp_path_factory.mktemp("export"), exported(rated))
    read = [as_exported(row)._replace(last_watched_on="") for row in parsed.rows]
    assert read == rated
