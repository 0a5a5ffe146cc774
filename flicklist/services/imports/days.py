"""Days and moments, as other sites write them."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flicklist.dates import FIRST_YEAR, LAST_YEAR, latest_local_day
from flicklist.services.imports.problems import RowUndecided
from flicklist.services.imports.values import clean_line
from flicklist.text import quote

FIRST_DAY = date(FIRST_YEAR, 1, 1)
_UNKNOWN = {"", "unknown", "null"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*", re.ASCII)


def read_day(value: object, time_zone: ZoneInfo) -> str | None:
    """Return the day of a viewing in ISO 8601, or None if it is unknown.

    A moment with a zone becomes the day in the time zone of the person. Raises `RowUndecided` for anything else than a
    possible day.
    """
    text = clean_line(value)
    if text.lower() in _UNKNOWN:
        return None
    try:
        day = _local_day(text, time_zone)
    except (ValueError, OverflowError):
        raise RowUndecided(f"{quote(text)} is not a date like 2009-07-14.") from None
    return None if day is None else _possible(day).isoformat()


def read_added_at(value: object) -> datetime | None:
    """Return the time when a movie was added to a list. A day is its first moment in UTC.

    Return None if it is unknown or impossible. Then the movie counts as added by the import, which loses little.
    """
    text = clean_line(value)
    try:
        moment = datetime.fromisoformat(text) if _DAY.fullmatch(text) or _MOMENT.fullmatch(text) else None
        utc = moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if utc is None or not is_possible(utc) or _is_first_of_1970(utc) or utc.date() > latest_local_day(None):
        return None
    return utc


def is_possible(time: datetime) -> bool:
    """Return whether a page can show a time in any time zone, and the days before and after it."""
    return FIRST_YEAR < time.year < LAST_YEAR


def _local_day(text: str, time_zone: ZoneInfo) -> date | None:
    """Return the day that a text names. Raises `ValueError` or `OverflowError` if it is neither a day nor a moment."""
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if _is_first_of_1970(moment):
        return None
    return moment.astimezone(time_zone).date() if moment.tzinfo else moment.date()


def _is_first_of_1970(moment: datetime) -> bool:
    """Return whether a moment is within the first day of Unix time, by which several sites mean an unknown day."""
    return (moment.year, moment.month, moment.day) == (1970, 1, 1)


def _possible(day: date) -> date:
    if day < FIRST_DAY:
        raise RowUndecided(f"The date {day.isoformat()} is before the first films.")
    if day > latest_local_day(None):
        raise RowUndecided(f"The date {day.isoformat()} is in the future.")
    return day
