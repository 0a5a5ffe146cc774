"""Searching a list: the filters, the sort orders and their SQL."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select

from flicklist.dates import day_after, first_day, parse_year
from flicklist.labels import label_keys, split_labels
from flicklist.models import Movie, Viewing
from flicklist.search_words import query_words
from flicklist.text import fold

DECADE = 10
MAX_WORDS = 20  # of a search, and genres of a filter; others are ignored, because each reads the texts again


class Sort(StrEnum):
    """The sort orders of a list."""

    ADDED = "added"
    EARLIEST_ADDED = "oldest"
    TITLE = "title"
    YEAR = "year"
    RATING = "rating"
    WATCHED = "watched"
    REMOVED = "removed"


@dataclass(frozen=True)
class SearchFilters:
    """Search filters. Empty ones are ignored.

    The ends of a span are dates as in `flicklist.dates`, both included. `max_runtime` is in minutes; a movie without a
    runtime is found, too.
    """

    text: str = ""
    tag: str = ""
    decade: int | None = None
    genre: str = ""
    max_runtime: int | None = None
    rated: bool | None = None
    min_rating: int | None = None
    added_from: str = ""
    added_to: str = ""
    watched_from: str = ""
    watched_to: str = ""

    def criteria(self, time_zone: ZoneInfo) -> list[ColumnElement[bool]]:
        """Return the filters as SQL. A day begins at midnight in the time zone."""
        found = matches_text(self.text)
        if self.tag:
            found.append(Movie.tag_keys.contains(label_keys(self.tag), autoescape=True))
        if self.decade is not None:
            found.append(Movie.year.between(self.decade, self.decade + DECADE - 1))
        found += [
            Movie.genre_keys.contains(label_keys(genre), autoescape=True)
            for genre in split_labels(self.genre)[:MAX_WORDS]
        ]
        if self.max_runtime is not None:
            found.append(Movie.runtime.is_(None) | (Movie.runtime <= self.max_runtime))
        if self.rated is not None:
            found.append(Movie.rating.is_not(None) if self.rated else Movie.rating.is_(None))
        if self.min_rating is not None:
            found.append(Movie.rating >= self.min_rating)
        if self.added_from:
            found.append(Movie.added_at >= _midnight(first_day(self.added_from), time_zone))
        if self.added_to:
            found.append(Movie.added_at < _midnight(day_after(self.added_to), time_zone))
        if self.watched_from or self.watched_to:
            found.append(_was_watched_between(self.watched_from, self.watched_to))
        return found


def matches_text(text: str) -> list[ColumnElement[bool]]:
    """Match movies with all words of the text in their title, notes, tags or other texts, or as their year."""
    return [_matches(word) for word in _words(text)]


def _words(text: str) -> list[str]:
    """Return the words of a search. A search without letters and digits, such as ``$``, is split at spaces."""
    return list(dict.fromkeys(query_words(text) or fold(text).split()))[:MAX_WORDS]


def _matches(word: str) -> ColumnElement[bool]:
    """Match movies with the word in their text. A year also matches the year of the movie."""
    in_text = Movie.search_text.contains(word, autoescape=True)
    year = parse_year(word)
    return in_text if year is None else in_text | (Movie.year == year)


def _was_watched_between(start: str, end: str) -> ColumnElement[bool]:
    """Match movies watched in a span. A movie watched in ``2009`` matches a span from ``2009-07``."""
    watched = select(Viewing.id).where(Viewing.movie_id == Movie.id, Viewing.watched_on.is_not(None))
    if start:
        year, month = start[:4], start[:7]
        watched = watched.where((Viewing.watched_on >= start) | Viewing.watched_on.in_({year, month}))
    if end:
        last_day = day_after(end) - timedelta(days=1)
        watched = watched.where(Viewing.watched_on <= last_day.isoformat())
    return watched.exists()


def _midnight(day: date, time_zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), time_zone)
