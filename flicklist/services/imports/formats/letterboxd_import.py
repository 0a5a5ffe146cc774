"""The CSV format that Letterboxd imports, which other sites write for it, and FlickList too.

It is described at https://letterboxd.com/about/importing-data/.
"""

from dataclasses import replace

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.csv_rows import Record
from flicklist.services.imports.days import read_day
from flicklist.services.imports.html_text import has_html, html_to_text
from flicklist.services.imports.problems import RowUndecided
from flicklist.services.imports.ratings import RowRating, read_rating
from flicklist.services.imports.rows import Option, ParsedUpload, Question, Row, RowViewing, Status
from flicklist.services.imports.uploads import Format, Upload, read_rows
from flicklist.services.imports.values import (
    clean_lines,
    place_note,
    read_imdb_id,
    read_letterboxd_uri,
    read_tags,
    read_title,
    read_tmdb_id,
    read_year,
    require_title,
)
from flicklist.text import quote

NAME = "Letterboxd"
MEANING = "letterboxd_import"
_IDENTIFYING = {"letterboxduri", "url", "tmdbid", "imdbid", "title"}
_TYPICAL = {"watcheddate", "rating10", "letterboxduri"}
COLUMNS = {*_IDENTIFYING, *_TYPICAL, "year", "directors", "rating", "rewatch", "tags", "review"}


def recognizes(upload: Upload) -> bool:
    columns = set(upload.single.header) if upload.single else set()
    return bool(columns & _TYPICAL) and bool(columns & _IDENTIFYING)


def parse(upload: Upload) -> ParsedUpload:
    (file,) = upload.files.values()
    reader = _Reader(upload)
    parsed = upload.parsed(NAME, read_rows(file.records(), reader.row), upload.files)
    return replace(
        parsed, questions=[_question(reader.ambiguous_rows, reader.first_ambiguous)] if reader.ambiguous_rows else []
    )


class _Reader:
    """Reads rows, and counts those that do not say whether the movie was watched."""

    def __init__(self, upload: Upload) -> None:
        answer = upload.answers.get(MEANING, "")
        self._meaning = Status(answer) if answer in set(Status) else None
        self._time_zone = upload.time_zone
        self.ambiguous_rows = 0
        self.first_ambiguous = ""

    def row(self, record: Record) -> Row:
        facts = _facts(record)
        title = require_title(read_title(record["title"]), facts)
        rating, day = _rating(record), read_day(record["watcheddate"], self._time_zone)
        note = place_note(_review(record["review"]))
        status = Status.WATCHED if rating.half_stars or day or note.note else self._status(title, record.line)
        tags, remark = read_tags(record["tags"].split(","))
        return Row(
            *(record.file, record.line, title, read_year(record["year"]), facts, status, rating.half_stars),
            viewings=(RowViewing(day, note.note),) if day or note.note else (),
            tags=tags,
            notes=note.notes,
            remark=" ".join(filter(None, (rating.remark, note.remark, remark))),
        )

    def _status(self, title: str, line: int) -> Status:
        """Return what the person says about rows without date, rating and review."""
        self.ambiguous_rows += 1
        self.first_ambiguous = self.first_ambiguous or f"{quote(title) if title else 'A movie'} (line {line})"
        if self._meaning is None:
            raise RowUndecided("The row has no date and no rating, so it is unclear whether you watched the movie.")
        return self._meaning


def _facts(record: Record) -> FilmFacts:
    return FilmFacts(
        imdb_id=read_imdb_id(record["imdbid"]),
        tmdb_id=read_tmdb_id(record["tmdbid"]),
        letterboxd_uri=read_letterboxd_uri(record.first("letterboxduri", "url")),
    )


def _rating(record: Record) -> RowRating:
    rating = read_rating(record["rating10"], 10)
    return rating if rating.half_stars else read_rating(record["rating"], 5)


def _review(text: str) -> str:
    """Return the text of a review, which is HTML on Letterboxd, but can be plain text with "<" and "&" elsewhere."""
    lines = clean_lines(text)
    return clean_lines(html_to_text(lines)) if has_html(lines) else lines


def _question(number: int, first: str) -> Question:
    """Return the question about a number of rows. A single one is named."""
    if number == 1:
        rows, these, them = f"{first} has", "it", "it"
    else:
        rows, these, them = f"{number:,} rows have", "these movies", "them"
    watched = Option(Status.WATCHED, f"Yes, I watched {them}")
    to_watch = Option(Status.WATCHLIST, f"No, put {them} on my watchlist")
    return Question(MEANING, f"{rows} no date and no rating. Did you watch {these}?", (watched, to_watch))


FORMAT = Format(NAME, recognizes, parse)
