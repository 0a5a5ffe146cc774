"""FlickList's own export: the ZIP, or ``flicklist.json`` alone. ``docs/flicklist.schema.json`` describes it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import regex

from flicklist.dates import first_day, latest_local_day
from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
    MAX_RUNTIME,
    FilmFacts,
)
from flicklist.labels import join_labels, split_labels
from flicklist.models.movie import (
    MAX_NOTES_LENGTH,
    MAX_TAGS_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_VIEWINGS,
    MAX_WHY_LENGTH,
)
from flicklist.services.export.json_file import VERSION
from flicklist.services.export.spreadsheets import VIEWINGS_HEADER, WATCHLIST_HEADER
from flicklist.services.imports.days import is_possible
from flicklist.services.imports.json_members import Element
from flicklist.services.imports.problems import NO_TITLE, RowRefused, RowUndecided
from flicklist.services.imports.ratings import read_rating
from flicklist.services.imports.rows import ParsedUpload, Row, RowViewing, Status, UploadRefused
from flicklist.services.imports.uploads import Format, Upload, UploadedFile, read_rows
from flicklist.services.imports.values import printable, read_imdb_id, read_tmdb_id, read_year, without_surrogates
from flicklist.text import quote

FILE_NAME = "flicklist.json"
_SPREADSHEETS = [{name.lower() for name in header} for header in (WATCHLIST_HEADER, VIEWINGS_HEADER)]
_CONTROL = regex.compile(r"\p{Cc}")
_CONTROL_IN_LINES = regex.compile(r"[\p{Cc}--[\n\t]]", regex.VERSION1)


def recognizes(upload: Upload) -> bool:
    file = _json_file(upload)
    return (file is not None and _is_export(file)) or (upload.single is not None and _is_spreadsheet(upload.single))


def parse(upload: Upload) -> ParsedUpload:
    file = _json_file(upload)
    if file is None or not file.is_json:
        raise UploadRefused("This is only a part of a FlickList export. Upload the whole ZIP, which has everything.")
    _check_version(file)
    # The other files in the ZIP say the same.
    used = [name for name in upload.files if name == file.name or upload.is_archive]
    return upload.parsed("FlickList export", read_rows(file.elements("movies"), _row), used)


def _json_file(upload: Upload) -> UploadedFile | None:
    return upload.single or upload.files.get(FILE_NAME)


def _is_export(file: UploadedFile) -> bool:
    keys, element_keys = file.preview
    return {"version", "email"} <= keys or ("movies" in keys and {"title", "viewings"} <= element_keys)


def _is_spreadsheet(file: UploadedFile) -> bool:
    return set(file.header) in _SPREADSHEETS


def _check_version(file: UploadedFile) -> None:
    version = next((member.value for member in file.members() if member.key == "version"), None)
    if version != VERSION:
        raise UploadRefused("This file was written by another version of FlickList, and this one can’t read it.")


def _row(movie: Element) -> Row:
    title = _line(movie["title"], MAX_TITLE_LENGTH)
    if not title:
        raise RowRefused(NO_TITLE)
    watched_at = _time(movie["watched_at"])
    return Row(
        movie.file,
        movie.line,
        title,
        read_year(movie["year"]),
        _facts(movie),
        Status.WATCHED if watched_at else Status.WATCHLIST,
        read_rating(movie["rating"], 5).half_stars if watched_at else None,
        _viewings(movie["viewings"]),
        tags=tuple(split_labels(_labels(movie["tags"], MAX_TAGS_LENGTH))),
        why=_line(movie["why"], MAX_WHY_LENGTH),
        notes=_text(movie["notes"], MAX_NOTES_LENGTH, _CONTROL_IN_LINES),
        added_at=_time(movie["added_at"]),
        watched_at=watched_at,
        removed_at=_time(movie["removed_at"]),
        is_complete=True,
    )


def _facts(movie: Element) -> FilmFacts:
    runtime = movie["runtime"]
    return FilmFacts(
        original_title=_line(movie["original_title"], MAX_ORIGINAL_TITLE_LENGTH),
        directors=_labels(movie["directors"], MAX_DIRECTORS_LENGTH),
        runtime=runtime if type(runtime) is int and 1 <= runtime <= MAX_RUNTIME else None,
        genres=_labels(movie["genres"], MAX_GENRES_LENGTH),
        countries=_labels(movie["countries"], MAX_COUNTRIES_LENGTH),
        imdb_id=read_imdb_id(movie["imdb_id"]),
        tmdb_id=read_tmdb_id(movie["tmdb_id"]),
        letterboxd_uri=_letterboxd_uri(movie["letterboxd_uri"]),
    )


def _line(value: object, max_length: int) -> str:
    return _text(value, max_length, _CONTROL)


def _text(value: object, max_length: int, forbidden: regex.Pattern[str]) -> str:
    """Return a text exactly as it was exported. Raises `RowRefused` if FlickList cannot have written it."""
    text = value if isinstance(value, str) else ""
    if len(text) <= max_length and text.isascii() and text.isprintable():  # nearly all texts
        return text.strip()
    if len(text) > max_length:
        raise RowRefused(f"A text is longer than {max_length:,} characters: {quote(printable(text))}.")
    if forbidden.search(text) or text != without_surrogates(text):
        raise RowRefused(f"A text contains invisible characters: {quote(printable(text))}.")
    return text.strip()


def _labels(value: object, max_length: int) -> str:
    names = value if isinstance(value, list) else []
    return _shared(_line(join_labels(name for name in names if isinstance(name, str)), max_length))


@lru_cache(maxsize=4096)
def _shared(text: str) -> str:
    """Return the same object for the same text, because many movies have the same genres and directors."""
    return text


def _letterboxd_uri(value: object) -> str:
    """Return a link that is safe to show. FlickList also accepts those that contain the name of a person."""
    uri = _line(value, MAX_LETTERBOXD_URI_LENGTH)
    return uri if uri.startswith(("https://boxd.it/", "https://letterboxd.com/")) else ""


def _viewings(value: object) -> Sequence[RowViewing]:
    viewings = value if isinstance(value, list) else []
    if len(viewings) > MAX_VIEWINGS:
        raise RowRefused(f"The movie has more than {MAX_VIEWINGS:,} viewings.")
    return tuple(map(_viewing, viewings))


def _viewing(viewing: object) -> RowViewing:
    if not isinstance(viewing, dict):
        raise RowRefused("A viewing of this movie can’t be read.")
    note = _text(viewing.get("note"), MAX_VIEWING_NOTE_LENGTH, _CONTROL_IN_LINES)
    return RowViewing(_date(viewing.get("watched_on")), note)


def _date(value: object) -> str | None:
    """Return the date of a viewing: a day, a month or a year."""
    if value is None:
        return None
    text = value if isinstance(value, str) else ""
    try:
        is_possible = first_day(text) <= latest_local_day(None)
    except ValueError:
        is_possible = False
    if not is_possible:
        raise RowUndecided(f"{quote(printable(text))} is not the date of a viewing.")
    return _shared(text)


def _time(value: object) -> datetime | None:
    """Return a time in UTC. Raises `RowUndecided` if it is not one, or impossible."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        utc = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RowUndecided(f"{quote(printable(value))} is not a time.") from None
    if not is_possible(utc):
        raise RowUndecided(f"{quote(printable(value))} is not a possible time.")
    return utc


FORMAT = Format("FlickList export", recognizes, parse)
