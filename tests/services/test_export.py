"""The files of an export: their exact contents, and their limits."""

import csv
from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete
from sqlalchemy.orm import Session

from flicklist.db import reading_engine, snapshot
from flicklist.film_facts import FilmFacts
from flicklist.models import Base, Movie, User, Viewing
from flicklist.models.movie import movie_key
from flicklist.services.export import letterboxd
from flicklist.services.export.archive import write_archive
from flicklist.services.export.movies import CHUNK, own_movies
from tests.exports import read_export

OWNER_ID = 1
EMAIL = "alice@example.com"
ADDED_AT = datetime(2026, 11, 26, 18, 30, tzinfo=UTC)
HEAT_FACTS = FilmFacts(
    original_title="Heat",
    directors="Michael Mann",
    runtime=170,
    genres="crime, drama",
    countries="United States",
    imdb_id="tt0113277",
    tmdb_id=949,
    letterboxd_uri="https://boxd.it/2b0k",
)
NOTE = 'Said "again", twice;\nand, a second line 🎬'
LETTERBOXD_HEADER = b"LetterboxdURI,tmdbID,imdbID,Title,Year,Directors,Rating10,WatchedDate,Rewatch,Tags,Review\r\n"


@pytest.fixture
def owner(db):
    db.add(User(id=OWNER_ID, email=EMAIL, email_key=EMAIL, password_hash="x"))
    db.commit()


@pytest.fixture
def add(db, owner):
    """Return a function that adds a movie. Each one is added a day later."""

    def add_movie(title, year=None, *, viewings=(), facts=None, **columns):
        added_at = ADDED_AT.replace(day=1 + db.query(Movie).count())
        columns = {"owner_id": OWNER_ID, "added_at": added_at, **(facts or FilmFacts())._asdict(), **columns}
        movie = Movie(title=title, year=year, **columns)
        for watched_on, note in viewings:
            movie.viewings.append(Viewing(watched_on=watched_on, note=note))
            movie.watched_at = ADDED_AT
        movie.refresh_last_watched_on()
        db.add(movie)
        db.commit()
        return movie

    return add_movie


@pytest.fixture
def reader(app, database_url):
    engine = reading_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def export(reader):
    def read(file=None):
        return read_export(archive(reader, file))

    return read


def archive(engine, file=None):
    file = file or BytesIO()
    with Session(engine) as session, snapshot(session):
        write_archive(session, OWNER_ID, EMAIL, file)
    return file.getvalue()


@pytest.fixture
def rich_list(add):
    """Add movies with all kinds of data."""
    viewings = [("2024-03-02", NOTE), ("2009", ""), (None, "on tape"), ("2009-07", ""), ("2024-03-02", "=again")]
    add("Heat", 1995, viewings=viewings, facts=HEAT_FACTS, rating=9, tags="cinema, own it", why="@Ann", notes="-\n1")
    add("=1+1", notes="+1", watched_at=ADDED_AT)
    add("Synecdoche, New York", 2008, viewings=[("2010-01-01", "")]).move_to_watchlist()
    add("Ran", 1985, viewings=[("2001-01-01", "")], removed_at=ADDED_AT)
    add("Amélie 🎬", 2001)


def test_json_has_everything_entered(db, rich_list, export):
    db.commit()
    data = export().data
    assert (data["version"], data["email"]) == (1, EMAIL)
    heat, formula, synecdoche, ran, amelie = data["movies"]
    assert heat == {
        "title": "Heat",
        "year": 1995,
        "why": "@Ann",
        "notes": "-\n1",
        "tags": ["cinema", "own it"],
        "original_title": "Heat",
        "directors": ["Michael Mann"],
        "runtime": 170,
        "genres": ["crime", "drama"],
        "countries": ["United States"],
        "imdb_id": "tt0113277",
        "tmdb_id": 949,
        "letterboxd_uri": "https://boxd.it/2b0k",
        "rating": 4.5,
        "added_at": "2026-11-01T18:30:00+00:00",
        "watched_at": "2026-11-26T18:30:00+00:00",
        "removed_at": None,
        "viewings": [
            {"watched_on": None, "note": "on tape"},
            {"watched_on": "2009", "note": ""},
            {"watched_on": "2009-07", "note": ""},
            {"watched_on": "2024-03-02", "note": NOTE},
            {"watched_on": "2024-03-02", "note": "=again"},
        ],
    }
    assert (formula["title"], formula["notes"], formula["year"]) == ("=1+1", "+1", None)
    assert (synecdoche["watched_at"], len(synecdoche["viewings"])) == (None, 1)
    assert ran["removed_at"] == "2026-11-26T18:30:00+00:00"
    assert amelie["title"] == "Amélie 🎬"


def test_watchlist_has_a_row_for_each_movie_that_is_not_removed(db, rich_list, export):
    db.commit()
    rows = export().rows("watchlist.csv")
    assert list(rows[0].values()) == [
        *("Heat", "1995", "Watched", "4.5", "2024-03-02", "5", "2026-11-01", "cinema, own it", "'@Ann", "'-\n1"),
        *("Heat", "Michael Mann", "crime, drama", "United States", "170", "tt0113277", "949", "https://boxd.it/2b0k"),
    ]
    assert [(row["Title"], row["Status"], row["Rating"], row["Notes"]) for row in rows[1:]] == [
        ("'=1+1", "Watched", "", "'+1"),
        ("Synecdoche, New York", "Watchlist", "", ""),
        ("Amélie 🎬", "Watchlist", "", ""),
    ]


def test_viewings_has_a_row_for_each_viewing(db, rich_list, export):
    db.commit()
    rows = export().rows("viewings.csv")
    assert [(row["Title"], row["Watched on"], row["Note"]) for row in rows] == [
        ("Heat", "", "on tape"),
        ("Heat", "2009", ""),
        ("Heat", "2009-07", ""),
        ("Heat", "2024-03-02", NOTE),
        ("Heat", "2024-03-02", "'=again"),
        ("Synecdoche, New York", "2010-01-01", ""),
    ]
    assert (rows[0]["Directors"], rows[0]["Rating"], rows[0]["Tags"]) == ("Michael Mann", "4.5", "cinema, own it")


def test_letterboxd_file_has_exactly_these_bytes(db, rich_list, export):
    db.commit()
    heat = "https://boxd.it/2b0k,949,tt0113277,Heat,1995,Michael Mann,9"
    rows = [
        f'{heat},,,"cinema, own it",on tape',
        f'{heat},,true,"cinema, own it",',
        f'{heat},,true,"cinema, own it",',
        f'{heat},2024-03-02,true,"cinema, own it","Said ""again"", twice;\nand, a second line 🎬"',
        f'{heat},2024-03-02,true,"cinema, own it",=again',
        ",,,=1+1,,,,,,,",
        ',,,"Synecdoche, New York",2008,,,2010-01-01,,,',
    ]
    expected = LETTERBOXD_HEADER + "".join(f"{row}\r\n" for row in rows).encode()
    assert export().files["letterboxd-import-1.csv"] == expected


def test_archive_has_these_files_with_fixed_times(rich_list, export):
    entries = export().entries
    names = ["README.txt", "flicklist.json", "watchlist.csv", "viewings.csv", "letterboxd-import-1.csv"]
    assert [entry.filename for entry in entries] == names
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_readme_names_every_file(rich_list, export):
    files = export().files
    assert all(name in files["README.txt"].decode() for name in files if name != "README.txt")


def test_only_spreadsheets_have_byte_order_mark(rich_list, export):
    marked = {name for name, content in export().files.items() if content.startswith(b"\xef\xbb\xbf")}
    assert marked == {"watchlist.csv", "viewings.csv"}


def test_empty_list_gives_files_with_headers_only(owner, export):
    files = export()
    assert files.data["movies"] == files.rows("watchlist.csv") == files.rows("viewings.csv") == []
    assert files.files["letterboxd-import-1.csv"] == LETTERBOXD_HEADER


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formula_is_escaped_in_spreadsheets_only(add, export, start):
    text = f"{start}cmd"
    add(text, tags=text, why=text, notes=text, viewings=[("2024-03-02", text)])
    files = export()
    (movie,), (viewing,) = files.rows("watchlist.csv"), files.rows("viewings.csv")
    assert [movie[name] for name in ("Title", "Tags", "Why", "Notes")] == [f"'{text}"] * 4
    assert [viewing[name] for name in ("Title", "Tags", "Note")] == [f"'{text}"] * 3
    (row,) = files.rows("letterboxd-import-1.csv")
    assert (row["Title"], row["Review"], files.data["movies"][0]["why"]) == (text, text, text)


def test_letterboxd_file_is_split_before_it_is_too_large(add, export, monkeypatch):
    for number in range(3):
        add(f"Movie {number}", viewings=[("2024-03-02", f"{'🎬' * 997}{each:03}") for each in range(150)])
    files = export()
    parts = {name: content for name, content in files.files.items() if name.startswith("letterboxd")}
    assert list(parts) == ["letterboxd-import-1.csv", "letterboxd-import-2.csv"]
    assert 990_000 < len(parts["letterboxd-import-1.csv"]) <= letterboxd.MAX_PART_BYTES
    assert all(content.startswith(LETTERBOXD_HEADER) for content in parts.values())
    rows = [row for name in parts for row in files.rows(name)]
    assert [row["Title"] for row in rows] == [f"Movie {number}" for number in range(3) for _ in range(150)]
    assert [row["Review"][-3:] for row in rows] == [f"{each:03}" for _ in range(3) for each in range(150)]


def test_part_of_exactly_the_largest_size_is_not_split(rich_list, export, monkeypatch):
    whole = export().files["letterboxd-import-1.csv"]
    monkeypatch.setattr(letterboxd, "MAX_PART_BYTES", len(whole))
    assert export().files["letterboxd-import-1.csv"] == whole
    monkeypatch.setattr(letterboxd, "MAX_PART_BYTES", len(whole) - 1)
    assert "letterboxd-import-2.csv" in export().files


def test_movies_come_in_the_order_added_over_several_chunks(db, owner, reader):
    number = CHUNK + 1
    for each in reversed(range(number)):
        db.add(Movie(title=f"Movie {each}", owner_id=OWNER_ID, added_at=ADDED_AT.replace(microsecond=each)))
    db.commit()
    with Session(reader) as session:
        assert [movie.title for movie in own_movies(session, OWNER_ID)] == [f"Movie {each}" for each in range(number)]


def test_movies_of_another_person_are_not_read(db, owner, add, reader):
    db.add(User(id=2, email="bob@example.com", email_key="bob@example.com", password_hash="x"))
    db.commit()
    add("Ran", owner_id=2, viewings=[("2001-01-01", "")])
    add("Heat", viewings=[("2002-02-02", "")])
    with Session(reader) as session:
        assert [movie.title for movie in own_movies(session, OWNER_ID)] == ["Heat"]


class BusyFile(BytesIO):
    """A file that calls a function before each write."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def write(self, data):
        self.act()
        return super().write(data)


def test_all_files_show_the_same_moment(add, export):
    add("Heat", viewings=[("2024-03-02", "")])
    others = iter(range(20))

    def add_another():
        number = next(others, None)
        if number is not None:
            add(f"Meanwhile {number}", viewings=[("2024-03-02", "")])

    files = export(BusyFile(add_another))
    titles = [movie["title"] for movie in files.data["movies"]]
    for name in ("watchlist.csv", "viewings.csv", "letterboxd-import-1.csv"):
        assert [row["Title"] for row in files.rows(name)] == titles
    assert len(export().data["movies"]) > len(titles)


def test_session_sees_changes_again_after_snapshot(add, reader):
    add("Heat")
    with Session(reader) as session:
        with snapshot(session):
            assert len(list(own_movies(session, OWNER_ID))) == 1
            add("Ran")
            assert len(list(own_movies(session, OWNER_ID))) == 1
        assert len(list(own_movies(session, OWNER_ID))) == 2
        session.close()
    assert reader.pool.checkedout() == 0


def test_snapshot_that_fails_ends_its_transaction(add, reader):
    add("Heat")
    with Session(reader) as session:
        with suppress(ZeroDivisionError), snapshot(session):
            assert len(list(own_movies(session, OWNER_ID))) / 0
        add("Ran")
        assert len(list(own_movies(session, OWNER_ID))) == 2


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
LABELS = st.lists(TEXT, max_size=4).map(", ".join)
FACTS = st.builds(
    FilmFacts,
    original_title=TEXT,
    directors=LABELS,
    runtime=st.none() | st.integers(1, 9999),
    genres=LABELS,
    countries=LABELS,
    imdb_id=st.sampled_from(["", "tt0113277", "tt1234567890"]),
    tmdb_id=st.none() | st.integers(1, 2**31 - 1),
    letterboxd_uri=TEXT,
)
LENGTHS_OF_DATES = st.sampled_from([len("2009"), len("2009-07"), len("2009-07-14")])
DATES = st.none() | st.builds(lambda day, length: str(day)[:length], st.dates(date(1874, 1, 1)), LENGTHS_OF_DATES)
TIMES = st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
MOVIES = st.lists(
    st.fixed_dictionaries(
        {
            "title": TEXT.filter(bool),
            "year": st.none() | st.integers(1874, 2100),
            "why": TEXT,
            "notes": TEXT,
            "tags": LABELS,
            "facts": FACTS,
            "rating": st.none() | st.integers(1, 10),
            "added_at": TIMES,
            "watched_at": TIMES,
            "removed_at": st.none() | TIMES,
            "viewings": st.lists(st.tuples(DATES, TEXT), max_size=3),
        }
    ),
    max_size=4,
    unique_by=lambda movie: movie_key(movie["title"], movie["year"]),
)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """A writing and a reading engine of an SQLite database with one person."""
    url = f"sqlite:///{tmp_path_factory.mktemp('export')}/flicklist.db"
    engine, reader = create_engine(url), reading_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(id=OWNER_ID, email=EMAIL, email_key=EMAIL, password_hash="x"))
        session.commit()
    yield engine, reader
    engine.dispose()
    reader.dispose()


def stored(movie):
    columns = {name: value for name, value in movie.items() if name not in {"facts", "viewings"}}
    viewings = [Viewing(watched_on=watched_on, note=note) for watched_on, note in movie["viewings"]]
    return Movie(owner_id=OWNER_ID, **columns, **movie["facts"]._asdict(), viewings=viewings)


@settings(max_examples=100)
@given(movies=MOVIES)
def test_export_of_any_movies_matches_schema_and_is_read_back(engines, movies):
    engine, reader = engines
    with Session(engine) as session:
        session.execute(delete(Viewing))
        session.execute(delete(Movie))
        session.add_all(map(stored, movies))
        session.commit()
    files = read_export(archive(reader))
    exported = files.data["movies"]
    titles = [movie["title"] for movie in exported]
    assert sorted(titles) == sorted(movie["title"] for movie in movies)
    listed = [movie for movie in exported if movie["removed_at"] is None]
    assert len(files.rows("watchlist.csv")) == len(listed)
    assert len(files.rows("viewings.csv")) == sum(len(movie["viewings"]) for movie in listed)
    rows = files.rows("letterboxd-import-1.csv")
    assert [row["Title"] for row in rows] == [
        movie["title"] for movie in listed for _ in range(len(movie["viewings"]) or 1)
    ]
    for name in ("watchlist.csv", "viewings.csv"):
        cells = csv.reader(StringIO(files.files[name].decode("utf-8-sig"), newline=""))
        assert not [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
