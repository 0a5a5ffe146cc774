"""Dates of different precision: a day, a month or a year.

They are written in ISO 8601: ``2009-07-14``, ``2009-07``, ``2009``.
"""

import re
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


def parse_year(text: str) -> int | None:
    """Parse the text as the year of a movie, in four ASCII digits. Return None if it is not one."""
    is_year = re.fullmatch(r"[0-9]{4}", text, re.ASCII) and FIRST_YEAR <= int(text) <= LAST_YEAR
    return int(text) if is_year else None


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
