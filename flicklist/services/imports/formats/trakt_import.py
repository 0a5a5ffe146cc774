"""Files for Trakt's own import, in JSON and CSV, and the CSV files of its older website. They have the same names."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.csv_rows import Record
from flicklist.services.imports.days import read_added_at, read_day
from flicklist.services.imports.json_members import Element, as_object
from flicklist.services.imports.problems import RowRefused, RowUndecided
from flicklist.services.imports.ratings import read_rating
from flicklist.services.imports.rows import REWATCH, ParsedUpload, Row, RowViewing, Status
from flicklist.services.imports.uploads import Format, Upload, UploadedFile, read_rows
from flicklist.services.imports.values import (
    clean_line,
    read_imdb_id,
    read_title,
    read_tmdb_id,
    read_year,
    require_title,
)
from flicklist.text import quote

NAME = "Trakt list"
_IDS = {"imdb_id", "tmdb_id", "trakt_id", "imdb", "tmdb", "trakt", "ids", "id"}
_TIMES = {"watched_at", "date_watched", "watchlisted_at", "listed_at", "rated_at", "is_watchlisted"}
_VIEWED, _LISTED = ("watched_at", "date_watched"), ("watchlisted_at", "listed_at")
_NO = {"", "false", "0", "no", "null"}


def recognizes(upload: Upload) -> bool:
    file = upload.single
    if file is None:
        return False
    names = file.preview.element_keys if file.is_json else set(file.header)
    is_list = not file.is_json or file.preview.keys == {None}
    return is_list and bool(names & _IDS) and bool(names & _TIMES) and not names & {"movie", "show", "episode"}


def parse(upload: Upload) -> ParsedUpload:
    (file,) = upload.files.values()
    rows = read_rows(_records(file), lambda record: _row(record, upload.time_zone))
    return upload.parsed(NAME, rows, upload.files)


def _records(file: UploadedFile) -> Iterable[Record | Element]:
    return file.elements() if file.is_json else file.records()


def _row(record: Record | Element, time_zone: ZoneInfo) -> Row:
    kind = clean_line(record["type"]).lower()
    if kind not in {"", "movie", "movies"}:
        raise RowRefused(f"This is not a movie, but {quote(kind)}.")
    facts, rating = _facts(record), read_rating(record["rating"], 10)
    title = require_title(read_title(record["title"] or record["name"]), facts)
    is_watched, is_listed = _has(record, _VIEWED) or bool(rating.half_stars), _is_listed(record)
    if not (is_watched or is_listed):
        raise RowUndecided("The row doesn’t say whether you watched the movie.")
    return Row(
        *(record.file, record.line, title, read_year(record["year"]), facts),
        *(Status.WATCHED if is_watched else Status.WATCHLIST, rating.half_stars),
        viewings=[RowViewing(read_day(_first(record, _VIEWED), time_zone))] if _has(record, _VIEWED) else [],
        tags=[REWATCH] if is_watched and is_listed else [],
        added_at=None if is_watched else read_added_at(_first(record, _LISTED)),
        remark=rating.remark,
    )


def _facts(record: Record | Element) -> FilmFacts:
    ids = as_object(record["ids"]) or as_object(record["id"])
    imdb_id = read_imdb_id(record["imdb_id"]) or read_imdb_id(record["imdb"]) or read_imdb_id(ids.get("imdb"))
    tmdb_id = read_tmdb_id(record["tmdb_id"]) or read_tmdb_id(record["tmdb"]) or read_tmdb_id(ids.get("tmdb"))
    return FilmFacts(imdb_id=imdb_id, tmdb_id=tmdb_id)


def _is_listed(record: Record | Element) -> bool:
    is_marked = str(record["is_watchlisted"] or "").strip().lower() not in _NO
    return is_marked or _has(record, _LISTED)


def _has(record: Record | Element, names: Iterable[str]) -> bool:
    return clean_line(_first(record, names)) != ""


def _first(record: Record | Element, names: Iterable[str]) -> object:
    """Return the value of the first of these names that has one."""
    return next(filter(None, (record[name] for name in names)), "")


FORMAT = Format(NAME, recognizes, parse)
