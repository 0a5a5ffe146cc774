"""Files for the tests of imports: samples, ZIPs and the rows that are read from them."""

import unicodedata
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from flicklist.dates import FIRST_YEAR, LAST_YEAR, first_day
from flicklist.film_facts import MAX_LETTERBOXD_URI_LENGTH, MAX_ORIGINAL_TITLE_LENGTH, MAX_TMDB_ID, is_imdb_id
from flicklist.models.movie import (
    BEST_RATING,
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
)
from flicklist.services.imports.reading import UploadLimits, read_upload
from flicklist.services.imports.rows import Row, Status, UnusableRow, UploadRefused
from flicklist.text import compare_key

SAMPLES = Path(__file__).parents[2] / "data" / "imports"
MADE = SAMPLES / "made"
LIMITS = UploadLimits()


def read(path, answers=None, name=None, limits=LIMITS, **options):
    return read_upload(path, name or path.name, answers or {}, limits, **options)


def read_bytes(tmp_path, content, name="upload.csv", answers=None, **options):
    """Return what a file with these bytes or this text says."""
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, answers, name, **options)


def refusal(tmp_path, content, **options):
    """Return why a file is refused. Fails if it is not."""
    try:
        parsed = read_bytes(tmp_path, content, **options)
    except UploadRefused as refused:
        return str(refused)
    raise AssertionError(parsed)


def zipped(files, compression=ZIP_DEFLATED):
    """Return the bytes of a ZIP with these files, or with all files of a folder."""
    if isinstance(files, Path):
        paths = sorted(path for path in files.rglob("*") if path.is_file())
        files = {str(path.relative_to(files)): path.read_bytes() for path in paths}
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def usable(parsed):
    return [row for row in parsed.rows if isinstance(row, Row)]


def refused(parsed):
    """Return the titles of the refused rows. A row without title is one, because no movie of the list has its id."""
    rows = [row for row in parsed.rows if isinstance(row, UnusableRow)]
    return [row.title for row in rows if not row.needs_decision] + [
        row.title for row in usable(parsed) if not row.title
    ]


def undecided(parsed):
    return [row.title for row in parsed.rows if isinstance(row, UnusableRow) and row.needs_decision]


@dataclass
class Merged:
    """A movie with all that the rows of an upload say about it."""

    title: str
    year: int | None = None
    statuses: set = field(default_factory=set)
    ratings: set = field(default_factory=set)
    viewings: dict = field(default_factory=dict)
    tags: set = field(default_factory=set)
    key: str = ""

    def __post_init__(self):
        self.key = compare_key(self.title)

    @property
    def is_watched(self):
        return Status.WATCHED in self.statuses

    @property
    def days(self):
        return {day for day in self.viewings if day}

    @property
    def has_viewing_without_day(self):
        return self.is_watched and (None in self.viewings or not self.viewings)


def merged(parsed):
    """Return the movies that an empty list would get. Rows of one movie have the same id, or title and year."""
    rows = [row for row in usable(parsed) if row.title]
    movies, by_id = [], {}
    for row in sorted(rows, key=lambda row: (not _ids(row), row.year is None)):  # those that say most first
        found = next((by_id[each] for each in _ids(row) if each in by_id), None) or _same_title(movies, row)
        if found is None:
            found = Merged(row.title, row.year)
            movies.append(found)
        by_id.update(dict.fromkeys(_ids(row), found))
        _merge(found, row)
    return [movie for movie in movies if movie.statuses]


def _same_title(movies, row):
    """Return the only movie with the title and year of a row without ids. A row without a year equals every year."""
    if _ids(row):
        return None
    key = compare_key(row.title)
    found = [movie for movie in movies if movie.key == key and row.year in {None, movie.year}]
    return found[0] if len(found) == 1 else None


def _ids(row):
    return {row.facts.imdb_id, row.facts.tmdb_id, row.facts.letterboxd_uri} - {"", None}


def _merge(movie, row):
    movie.statuses |= {row.status} - {None}
    movie.ratings |= {row.rating} - {None}
    movie.tags |= set(row.tags)
    for day, note in row.viewings:
        movie.viewings[day] = movie.viewings.get(day) or note


def counts(parsed):
    """Return the numbers of movies, on the watchlist, of viewings with and without a day, and of rated movies."""
    movies = merged(parsed)
    return (
        len(movies),
        sum(not movie.is_watched for movie in movies),
        sum(len(movie.days) for movie in movies),
        sum(movie.has_viewing_without_day for movie in movies),
        sum(bool(movie.ratings) for movie in movies),
    )


def movie(parsed, title, year=None):
    (found,) = [each for each in merged(parsed) if each.title == title and (year is None or each.year == year)]
    return found


def assert_storable(parsed):
    """Fail if a row or a message could not be stored in the database, or shown."""
    for row in parsed.rows:
        if isinstance(row, Row):
            _assert_storable_row(row)
        else:
            _assert_text(row.title, MAX_TITLE_LENGTH)
            _assert_text(row.reason, 500)
            assert row.reason
        assert row.line >= 1
        _assert_text(row.file, MAX_TITLE_LENGTH)
    for notice in parsed.notices:
        _assert_text(notice, 5000)


def _assert_storable_row(row):
    facts = row.facts
    _assert_text(row.title, MAX_TITLE_LENGTH)
    assert row.title or facts.imdb_id or facts.tmdb_id or facts.letterboxd_uri
    assert row.year is None or FIRST_YEAR <= row.year <= LAST_YEAR
    assert row.rating is None or 1 <= row.rating <= BEST_RATING
    assert row.rating is None or row.status is Status.WATCHED
    assert facts.imdb_id == "" or is_imdb_id(facts.imdb_id)
    assert facts.tmdb_id is None or 0 < facts.tmdb_id <= MAX_TMDB_ID
    _assert_text(facts.letterboxd_uri, MAX_LETTERBOXD_URI_LENGTH)
    _assert_text(facts.original_title, MAX_ORIGINAL_TITLE_LENGTH)
    _assert_text(row.why, MAX_WHY_LENGTH)
    _assert_text(row.notes, MAX_NOTES_LENGTH, allowed="\n\t")
    _assert_text(row.remark, 5000)
    assert len(row.tags) <= MAX_TAGS
    for tag in row.tags:
        _assert_text(tag, MAX_TAG_LENGTH)
        assert tag
        assert "," not in tag
    for watched_on, note in row.viewings:
        assert watched_on is None or first_day(watched_on)
        _assert_text(note, MAX_VIEWING_NOTE_LENGTH, allowed="\n\t")
    for moment in (row.added_at, row.watched_at, row.removed_at):
        assert moment is None or moment.utcoffset() is not None


def _assert_text(text, max_length, allowed=""):
    assert len(text) <= max_length
    assert text == text.strip()
    text.encode()
    assert not [char for char in text if unicodedata.category(char) == "Cc" and char not in allowed]
