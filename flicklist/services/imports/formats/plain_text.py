"""Plain text with one title per line, as people write it."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import NamedTuple

import regex

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.problems import RowRefused, RowUndecided
from flicklist.services.imports.rows import ParsedUpload, Row, Status
from flicklist.services.imports.uploads import Format, Upload, read_rows
from flicklist.services.imports.values import (
    printable,
    read_imdb_id,
    read_letterboxd_uri,
    read_title,
    read_year,
    require_title,
    strip_invisible,
    without_surrogates,
)
from flicklist.text import quote

NAME = "Plain text"
MAX_HEADINGS_IN_NOTICE = 5
# A line of a list is short. Longer ones are not searched for its parts.
MAX_LENGTH = 2_000
# The number of lines that are read to find out whether a file is a table.
LINES_TO_CHECK = 100
_THOUSANDS = re.compile(r"(?:^|\s)[0-9]{1,3},[0-9]{3}\b", re.ASCII)
_UNDERLINE = re.compile(r"[=\-_*#]+")
_MARKER = re.compile(r"(?:[-*+•–]|[0-9]{1,5}[.)])\s+", re.ASCII)
_BOX = re.compile(r"\[([ xX])\]\s*|([✓✔])\s*")
_ADDRESS = re.compile(
    r"https?://(?:(?:www\.|m\.)?imdb\.com/(?:[a-z]{2}/)?title/(?P<imdb>tt[0-9]{7,10})[^\s()\[\]]*"
    r"|(?P<letterboxd>(?:www\.)?(?:boxd\.it/\w+|letterboxd\.com/film/[\w-]+/?)))",
    re.ASCII,
)
_YEAR_IN_BRACKETS = re.compile(
    r"(?P<title>.*)[(\[](?P<year>[0-9]{4})[)\]](?:\s*$|(?P<rest>(?: - | # |\t).*))", re.ASCII
)
_YEAR_AFTER_COMMA = re.compile(r"(?P<title>.*),\s*(?P<year>[0-9]{4})(?:\s*$|(?P<rest>(?: - | # |\t).*))", re.ASCII)
_EPISODE = re.compile(r"\bS[0-9]{1,3}\s?E[0-9]{1,4}\b", re.ASCII | re.IGNORECASE)
_CONTROL = regex.compile(r"[\p{Cc}--\t]", regex.VERSION1)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file, without blanks around it."""

    file: str
    line: int
    text: str

    @property
    def shown_title(self) -> str:
        return self.text

    @property
    def is_underline(self) -> bool:
        return _UNDERLINE.fullmatch(self.text) is not None


class _Titled(NamedTuple):
    """The parts of a line behind its marker. `rest` is a remark behind the year."""

    title: str
    year: int | None
    rest: str = ""


def recognizes(upload: Upload) -> bool:
    return upload.single is not None and not upload.single.is_json


def parse(upload: Upload) -> ParsedUpload:
    (file,) = upload.files.values()
    lines = (_Line(file.name, number, strip_invisible(text)) for number, text in enumerate(file.lines(), 1))
    headings: list[str] = []
    parsed = upload.parsed(NAME, read_rows(_movie_lines(lines, headings), _row), upload.files)
    return parsed if not headings else _with_headings(parsed, headings)


def looks_like_table(lines: Iterable[str]) -> bool:
    """Return whether lines are the rows of a table without a header, not titles with commas or years.

    Rows have the same number of cells, with no blanks after the commas. One row is enough if it has quotation marks.
    """
    visible = filter(None, (strip_invisible(line)[:MAX_LENGTH] for line in lines if not line.isspace()))
    texts = [_without_markers(text)[0] for text in islice(visible, LINES_TO_CHECK)]
    if all(map(_has_year, texts)) or (len(texts) == 1 and not texts[0].startswith('"')):
        return False
    return any(_are_rows(texts, separator) for separator in ",;\t")


def _has_year(text: str) -> bool:
    return bool(_YEAR_IN_BRACKETS.fullmatch(text) or _YEAR_AFTER_COMMA.fullmatch(text))


def _are_rows(texts: Sequence[str], separator: str) -> bool:
    try:
        rows = list(csv.reader(texts, delimiter=separator))
    except csv.Error:  # such as a cell that is too long, because a quotation mark is never closed
        return False
    has_blank = any(cell.startswith(" ") for row in rows for cell in row[1:])
    is_number = separator == "," and any(map(_THOUSANDS.search, texts))  # 10,000 BC
    is_even = len(rows) == len(texts) and len(rows[0]) > 1 and len(set(map(len, rows))) == 1
    return is_even and not (has_blank or is_number)


def _with_headings(parsed: ParsedUpload, headings: Sequence[str]) -> ParsedUpload:
    shown = ", ".join(quote(printable(heading)) for heading in headings[:MAX_HEADINGS_IN_NOTICE])
    notice = f"Skipped as headings: {shown}{' and others' if len(headings) > MAX_HEADINGS_IN_NOTICE else ''}."
    return ParsedUpload(parsed.format_name, parsed.rows, (*parsed.notices, notice))


def _movie_lines(lines: Iterator[_Line], headings: list[str]) -> Iterator[_Line]:
    """Yield the lines that are neither blank nor underlines nor headings, and collect headings for the notice."""
    for line, following in pairwise(chain(lines, [_Line("", 0, "")])):
        if not line.text or line.is_underline:
            continue
        if not (line.text.startswith("#") or following.is_underline):
            yield line
        elif len(headings) <= MAX_HEADINGS_IN_NOTICE:  # one more shows that there are others
            headings.append(line.text)


def _row(line: _Line) -> Row:
    if line.text != without_surrogates(line.text):
        raise RowUndecided("The line contains characters that can’t be read. Correct them in the file.")
    if len(line.text) > MAX_LENGTH or _CONTROL.search(line.text):
        raise RowRefused("The line is too long, or contains invisible characters.")
    text, is_watched = _without_markers(line.text)
    text, facts = _without_address(text)
    if _EPISODE.search(text):
        raise RowRefused("This is an episode of a series.")
    title, year, rest = _titled(text)
    return Row(
        *(line.file, line.line, require_title(read_title(title), facts), year, facts),
        Status.WATCHED if is_watched else Status.WATCHLIST,
        remark=f"Left out: {quote(rest)}." if rest else "",
    )


def _without_markers(text: str) -> tuple[str, bool]:
    """Return the text behind a bullet, a number and a box, and whether the box is checked."""
    text = text.removeprefix(match[0]) if (match := _MARKER.match(text)) else text
    if (box := _BOX.match(text)) is None:
        return text, False
    return text[box.end() :], box[0].strip() != "[ ]"


def _without_address(text: str) -> tuple[str, FilmFacts]:
    """Return the text without the address of a movie, and the id in that address."""
    match = _ADDRESS.search(text)
    if match is None:
        return text, FilmFacts()
    facts = FilmFacts(
        imdb_id=read_imdb_id(match["imdb"]),
        letterboxd_uri=read_letterboxd_uri(f"https://{match['letterboxd']}") if match["letterboxd"] else "",
    )
    return f"{text[: match.start()].rstrip()} {text[match.end() :].lstrip()}".strip(), facts


def _titled(text: str) -> _Titled:
    """Return the title and year of a line. Raises `RowUndecided` if the number is not a possible year."""
    match = _YEAR_IN_BRACKETS.fullmatch(text) or _YEAR_AFTER_COMMA.fullmatch(text)
    if match is None or not match["title"].strip():
        return _Titled(text, None)
    return _Titled(match["title"].strip(), read_year(match["year"]), (match["rest"] or "").strip(" \t-#"))


FORMAT = Format(NAME, recognizes, parse)
