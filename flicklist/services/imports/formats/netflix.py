"""The viewing history of a Netflix profile: a CSV file with titles and dates.

It has no years, and movies are mixed with episodes of series. The form of its dates depends on the account.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from flicklist.dates import FIRST_YEAR, LAST_YEAR, format_date
from flicklist.film_facts import FilmFacts
from flicklist.services.imports.csv_rows import Record
from flicklist.services.imports.days import read_day
from flicklist.services.imports.problems import RowProblem, RowRefused, RowUndecided
from flicklist.services.imports.rows import Option, ParsedUpload, Question, Row, RowViewing, Status
from flicklist.services.imports.uploads import Format, Upload, read_rows
from flicklist.services.imports.values import clean_line, read_title, require_title
from flicklist.text import quote

NAME = "Netflix viewing history"
HEADER = {"title", "date"}
DATE_ORDER, DAY_FIRST, MONTH_FIRST = "netflix_date_order", "day-first", "month-first"
WITH_COLON, ADD, LEAVE_OUT = "netflix_colon", "add", "leave-out"
_MIXED = "mixed"
_MAX_DATES_IN_QUESTION = 3
_YEAR_FIRST = re.compile(r"([0-9]{4})[-./]([0-9]{1,2})[-./]([0-9]{1,2})\.?", re.ASCII)
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-./])([0-9]{1,2})[-./]([0-9]{4}|[0-9]{2})\.?", re.ASCII)
_EPISODE = re.compile(
    r"^\s*:"  # removed from Netflix
    r"|(?:^|:)\s*(?:(?:Season|Series|Staffel|Saison|Temporada|Stagione|Episode|Folge|Collection)\s[0-9]+"
    r"|Limited Series|Miniseries"
    r"|(?:Part|Teil|Partie|Parte|Volume|Book|Chapter)\s[0-9]+\s*:)",  # "John Wick: Chapter 4" is a movie
    re.ASCII | re.IGNORECASE,
)


class _Numbers(NamedTuple):
    """A date that ends with the year. Its separator can tell which of the other numbers is the month."""

    first: int
    separator: str
    second: int
    year: int

    @property
    def readings(self) -> dict[str, date]:
        """The possible dates, by their order."""
        readings = {}
        for order, day, month in ((DAY_FIRST, self.first, self.second), (MONTH_FIRST, self.second, self.first)):
            with suppress(ValueError):
                readings[order] = date(self.year, month, day)
        return {DAY_FIRST: readings[DAY_FIRST]} if self.separator == "." and DAY_FIRST in readings else readings

    @property
    def is_ambiguous(self) -> bool:
        return len(set(self.readings.values())) > 1

    @property
    def can_be_asked_about(self) -> bool:
        """Whether the order matters. A row with an impossible year is refused in either one."""
        return self.is_ambiguous and FIRST_YEAR <= self.year <= LAST_YEAR


@dataclass
class _Orders:
    """Which orders the dates of a file have: those that only one order makes possible, and some that are ambiguous."""

    certain: set[str] = field(default_factory=set)
    ambiguous: list[_Numbers] = field(default_factory=list)

    @property
    def only(self) -> str:
        """The order of all dates, or an empty text if the person must say it."""
        if len(self.certain) > 1:
            return _MIXED
        return next(iter(self.certain), "" if self.ambiguous else DAY_FIRST)


def recognizes(upload: Upload) -> bool:
    return upload.single is not None and set(upload.single.header) == HEADER


def parse(upload: Upload) -> ParsedUpload:
    (file,) = upload.files.values()
    orders = _orders(file.records())
    questions = [] if orders.only else [_order_question(orders.ambiguous)]
    order = orders.only or upload.answers.get(DATE_ORDER, "")
    if order not in {DAY_FIRST, MONTH_FIRST, _MIXED}:
        return ParsedUpload(NAME, (), questions=questions)
    reader = _Reader(upload, order)
    parsed = upload.parsed(NAME, read_rows(file.records(), reader.row), upload.files)
    if reader.with_colon:
        questions.append(_colon_question(reader.with_colon))
    return replace(parsed, questions=questions)


@dataclass
class _Reader:
    """Reads rows, and counts those that can be movies or episodes."""

    upload: Upload
    order: str
    with_colon: int = 0

    def row(self, record: Record) -> Row:
        title = require_title(read_title(record["title"]), FilmFacts())
        if _EPISODE.search(title):
            raise RowRefused("This is an episode of a series.")
        if ":" in title:
            self._check_colon()
        day = self._day(record["date"])
        viewings = [RowViewing(day)] if day else []
        return Row(record.file, record.line, title, status=Status.WATCHED, viewings=viewings)

    def _check_colon(self) -> None:
        self.with_colon += 1
        if self.upload.answers.get(WITH_COLON) != ADD:
            raise RowUndecided("This can be a movie or an episode of a series.")

    def _day(self, text: str) -> str | None:
        numbers = _numbers(text)
        if numbers is None:
            year_first = _YEAR_FIRST.fullmatch(clean_line(text))
            iso = "{}-{:0>2}-{:0>2}".format(*year_first.groups()) if year_first else text
            return read_day(iso, self.upload.time_zone)
        readings = numbers.readings
        if not readings:
            raise RowUndecided(f"{quote(clean_line(text))} is not a date like 2009-07-14.")
        if numbers.is_ambiguous and self.order == _MIXED:
            raise RowUndecided(f"{quote(clean_line(text))} can be two dates. In the file, write it like 2009-07-14.")
        day = readings.get(self.order) or next(iter(readings.values()))
        return read_day(day.isoformat(), self.upload.time_zone)


def _numbers(text: str) -> _Numbers | None:
    match = _YEAR_LAST.fullmatch(clean_line(text))
    if match is None:
        return None
    first, separator, second, year = match.groups()
    return _Numbers(int(first), separator, int(second), int(year) if len(year) > len("25") else 2000 + int(year))


def _orders(records: Iterable[Record]) -> _Orders:
    orders = _Orders()
    for record in records:
        with suppress(RowProblem):  # reported when the row is read
            numbers = _numbers(record["date"])
            if numbers is None or numbers.separator == ".":
                continue
            if not numbers.is_ambiguous and numbers.first != numbers.second:
                orders.certain |= numbers.readings.keys()
            elif numbers.can_be_asked_about and len(orders.ambiguous) < _MAX_DATES_IN_QUESTION:
                orders.ambiguous.append(numbers)
    return orders


def _order_question(ambiguous: Iterable[_Numbers]) -> Question:
    readings = [numbers.readings for numbers in ambiguous]
    options = [
        Option(order, f"{words}: {', '.join(format_date(each[order].isoformat()) for each in readings)}")
        for order, words in ((DAY_FIRST, "Day first"), (MONTH_FIRST, "Month first"))
    ]
    return Question(DATE_ORDER, "Which comes first in the dates of this file, the day or the month?", options)


def _colon_question(number: int) -> Question:
    rows = "1 title has a colon, so it" if number == 1 else f"{number:,} titles have a colon, so they"
    text = f"{rows} can be {'a movie or an episode' if number == 1 else 'movies or episodes'} of a series. Add "
    options = (Option(LEAVE_OUT, "No, leave out"), Option(ADD, "Yes, add"))
    return Question(WITH_COLON, f"{text}{'it' if number == 1 else 'them'}?", options, LEAVE_OUT)


FORMAT = Format(NAME, recognizes, parse)
