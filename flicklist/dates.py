"""Dates of different precision: a day, a month or a year.

They are stored in ISO 8601: ``2009-07-14``, ``2009-07``, ``2009``. `parse_date` reads what people type, and
`format_date` writes what people read.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# *Passage de Vénus*, the oldest film on IMDb, is from 1874.
FIRST_YEAR, LAST_YEAR = 1874, 2100
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# Longer than "the 30th of September, 2009", with some blanks.
MAX_DATE_LENGTH = 40
_YEAR_FIRST = re.compile(r"([0-9]{4})(?:[-./]([0-9]{1,2}))?(?:[-./]([0-9]{1,2}))?")
_YEAR_LAST = re.compile(r"(?:([0-9]{1,2})([-./]))?([0-9]{1,2})[-./]([0-9]{4})")
_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?")


class AmbiguousDate(ValueError):
    """Raised if a date could be day first or month first. `readings` are both dates in ISO 8601, day first."""

    def __init__(self, *readings: str) -> None:
        super().__init__(*readings)
        self.readings = readings


def parse_year(text: str) -> int | None:
    """Parse the text as the year of a movie, in four ASCII digits. Return None if it is not one."""
    is_year = re.fullmatch(r"[0-9]{4}", text, re.ASCII) and FIRST_YEAR <= int(text) <= LAST_YEAR
    return int(text) if is_year else None


def parse_date(text: str, today: date) -> str:
    """Return the date that somebody typed in ISO 8601, with the precision that it was typed with.

    Letter case and blanks do not matter. Digits and dashes are in ASCII, see `plain_digits`. With dots, the day is
    before the month. Raises `AmbiguousDate` if the order is unclear, as in ``03/04/2021``, otherwise `ValueError` if
    the text is not a date.
    """
    if len(text) > MAX_DATE_LENGTH:
        raise ValueError(text)
    typed = " ".join(text.casefold().split())
    if typed in {"today", "yesterday"}:
        return (today - timedelta(days=typed == "yesterday")).isoformat()
    if any(map(str.isalpha, typed)):
        return _parse_with_month_name(re.split(r"[-./, ]+", typed.strip(".,")))
    compact = re.sub(r" ?([-./]) ?", r"\1", typed)
    if match := _YEAR_FIRST.fullmatch(compact):
        return _iso(*match.groups())
    if match := _YEAR_LAST.fullmatch(compact):
        return _parse_with_year_last(*match.groups())
    raise ValueError(text)


def _parse_with_month_name(words: list[str]) -> str:
    """Parse a date that names its month. Its parts cannot be confused, so their order does not matter."""
    rest = [word for word in words if word not in {"the", "of"}]
    months = [word for word in rest if _month(word)]
    years = [word for word in rest if re.fullmatch("[0-9]{4}", word)]
    days = [match[1] for word in rest if (match := _DAY.fullmatch(word))]
    if (len(months), len(years), len(days)) not in {(1, 1, 0), (1, 1, 1)} or len(rest) != 2 + len(days):
        raise ValueError(words)
    return _iso(years[0], _month(months[0]), *days)


def _month(word: str) -> int | None:
    """Return the number of the month that the word names or abbreviates: ``jul``, ``july``, ``sept``."""
    is_name = len(word) >= len("jul")
    return next((number for number, name in enumerate(MONTHS, 1) if is_name and name.casefold().startswith(word)), None)


def _parse_with_year_last(first: str | None, separator: str | None, second: str, year: str) -> str:
    """Parse numbers. With slashes and dashes, only some countries write the day first."""
    if first is None or separator == "." or int(first) == int(second):
        return _iso(year, second, first)
    readings = []
    for day, month in ((first, second), (second, first)):
        with suppress(ValueError):
            readings.append(_iso(year, month, day))
    if not readings:
        raise ValueError(year)
    if len(readings) > 1:
        raise AmbiguousDate(*readings)
    return readings[0]


def _iso(year: str, month: str | int | None = None, day: str | None = None) -> str:
    """Return the date in ISO 8601. Raises `ValueError` if it does not exist."""
    text = "-".join([year, *(f"{int(part):02}" for part in (month, day) if part is not None)])
    first_day(text)
    return text


def first_day(text: str) -> date:
    """Return the first day of the period that the text names: a day, a month or a year.

    Raises `ValueError` if the text is not such a date.
    """
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", text, re.ASCII)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        raise ValueError(text)
    return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))


def day_after(text: str) -> date:
    """Return the day after the period that the text names. Raises `ValueError` if the text is not such a date."""
    first = first_day(text)
    if len(text) == len("2009-07-14"):
        return first + timedelta(days=1)
    if len(text) == len("2009-07") and first.month < len(MONTHS):
        return first.replace(month=first.month + 1)
    return date(first.year + 1, 1, 1)


def format_date(text: str) -> str:
    """Return a day, a month or a year as people write it: ``14 Jul 2009``, ``July 2009``, ``2009``.

    Raises `ValueError` if the text is not such a date.
    """
    first = first_day(text)
    month = MONTHS[first.month - 1]
    if len(text) == len("2009-07-14"):
        return f"{first.day} {month[:3]} {first.year}"
    return f"{month} {first.year}" if len(text) == len("2009-07") else str(first.year)


def watched_when(text: str) -> str:
    """Return a date of any precision as the end of a sentence: ``on 14 Jul 2009``, ``in July 2009``, ``in 2009``."""
    return f"{'on' if len(text) == len('2009-07-14') else 'in'} {format_date(text)}"


def local_today(sent: str | None, zone: ZoneInfo) -> date:
    """Return the date that the browser sent, if it is today somewhere on earth, otherwise today in the time zone."""
    return _plausible_today(sent) or datetime.now(zone).date()


def latest_local_day(sent: str | None) -> date:
    """Return the last date that is not in the future for the person: tomorrow in UTC if their date is unknown."""
    return _plausible_today(sent) or datetime.now(UTC).date() + timedelta(days=1)


def _plausible_today(sent: str | None) -> date | None:
    try:
        day = date.fromisoformat(sent or "")
    except ValueError:
        return None
    return day if abs(day - datetime.now(UTC).date()) <= timedelta(days=1) else None
