"""CSV files of IMDb: ratings, the watchlist and other lists, as exported since 2013."""

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.csv_rows import Record
from flicklist.services.imports.days import is_possible, read_added_at
from flicklist.services.imports.list_only import with_list_only_question
from flicklist.services.imports.problems import RowRefused, RowUndecided
from flicklist.services.imports.ratings import read_rating
from flicklist.services.imports.rows import REWATCH, Option, ParsedUpload, Question, Row, Status
from flicklist.services.imports.uploads import Format, Upload, UploadedFile, read_rows
from flicklist.services.imports.values import (
    clean_line,
    place_list_note,
    read_imdb_id,
    read_tag,
    read_title,
    read_year,
    require_title,
)
from flicklist.text import quote

NAME = "IMDb"
WHICH_LIST = "imdb_list"
_WATCHLIST, _TAG = "watchlist", "tag"
_FILMS = {
    *("movie", "featurefilm", "tvmovie", "short", "shortfilm", "tvshort", "video"),
    *("musicvideo", "documentary", "tvspecial"),
}
_OTHERS = {
    **dict.fromkeys(("tvseries", "tvminiseries", "miniseries"), "a series"),
    "tvepisode": "an episode of a series",
    "videogame": "a game",
    **dict.fromkeys(("podcastseries", "podcastepisode"), "a podcast"),
}
_PERSON = re.compile(r"nm[0-9]+", re.ASCII)
# Lists until 2017, and lists that a spreadsheet saved again.
_OTHER_DATES = ("%a %b %d %H:%M:%S %Y", "%d-%m-%y")


def recognizes(upload: Upload) -> bool:
    return upload.single is not None and "const" in upload.single.header


def parse(upload: Upload) -> ParsedUpload:
    (file,) = upload.files.values()
    is_list = "position" in file.header
    kind = _kind_of_list(file, upload) if is_list else ""
    if kind is None:
        return ParsedUpload(NAME, (), questions=(_question(file),))
    parsed = upload.parsed(NAME, read_rows(file.records(), _Reader(file, kind).row), upload.files)
    return with_list_only_question(parsed, upload.answers)


def _kind_of_list(file: UploadedFile, upload: Upload) -> str | None:
    """Return whether a list is the watchlist or becomes a tag, or None if the person must say so."""
    if "watchlist" in file.name.lower():
        return _WATCHLIST
    answer = upload.answers.get(WHICH_LIST)
    return answer if answer in {_WATCHLIST, _TAG} else None


def _question(file: UploadedFile) -> Question:
    options = (
        Option(_WATCHLIST, "It is my watchlist"),
        Option(_TAG, f"It is another list: give its movies the tag {quote(_tag(file))}"),
    )
    return Question(WHICH_LIST, "Which list of IMDb is this?", options)


def _tag(file: UploadedFile) -> str:
    return read_tag(PurePosixPath(file.name).stem)


class _Reader:
    """Reads the rows of one file: ratings if `kind` is empty, otherwise a list."""

    def __init__(self, file: UploadedFile, kind: str) -> None:
        self._kind, self._tag = kind, _tag(file)

    def row(self, record: Record) -> Row:
        _check_type(record)
        facts = _facts(record)
        rating = read_rating(record.first("your rating", "you rated"), 10)
        why, notes = place_list_note(record["description"])
        return Row(
            *(record.file, record.line, require_title(read_title(record["title"]), facts), read_year(record["year"])),
            *(facts, self._status(rating.half_stars), rating.half_stars),
            tags=self._tags(rating.half_stars),
            why=why,
            notes=notes,
            added_at=_created(record["created"]) if self._kind == _WATCHLIST else None,
            remark=" ".join(filter(None, (rating.remark, _remark_about_dates(record)))),
        )

    def _status(self, rating: int | None) -> Status | None:
        if rating:
            return Status.WATCHED
        if not self._kind:
            raise RowUndecided("The row has no rating, so it is unclear whether you watched the movie.")
        return Status.WATCHLIST if self._kind == _WATCHLIST else None

    def _tags(self, rating: int | None) -> tuple[str, ...]:
        """Return the tags of a row. A movie that is rated and still on the watchlist is to be watched again."""
        if self._kind == _WATCHLIST:
            return (REWATCH,) if rating else ()
        return (self._tag,) if self._kind == _TAG else ()


def _check_type(record: Record) -> None:
    if _PERSON.fullmatch(clean_line(record["const"])):
        raise RowRefused("This is a person, not a movie.")
    title_type = clean_line(record["title type"])
    key = title_type.casefold().replace(" ", "")
    if key not in _FILMS:
        raise RowRefused(f"This is {_OTHERS.get(key, f'not a movie, but {quote(title_type)}')}.")


def _facts(record: Record) -> FilmFacts:
    original = read_title(record["original title"])
    return FilmFacts(
        original_title="" if original == read_title(record["title"]) else original,
        imdb_id=read_imdb_id(record["const"]),
    )


def _remark_about_dates(record: Record) -> str:
    """Return a sentence if one of the dates cannot be read."""
    text = next((each for each in (record["created"], record["date rated"]) if each.strip() and not _created(each)), "")
    return f"The date {quote(clean_line(text))} can’t be read, so it was left out." if text else ""


def _created(text: str) -> datetime | None:
    added_at = read_added_at(text)
    for pattern in _OTHER_DATES if added_at is None else ():
        try:
            time = datetime.strptime(clean_line(text), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return time if is_possible(time) else None
    return added_at


FORMAT = Format(NAME, recognizes, parse)
