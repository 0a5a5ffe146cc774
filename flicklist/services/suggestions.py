"""Suggestions while a title is typed. They are optional: people can add movies that are not in the catalog."""

import logging
import sqlite3
from pathlib import Path
from typing import NamedTuple

from flicklist.dates import parse_year
from flicklist.search_words import query_words
from flicklist.services.catalog import LOOK_UP, look_up_parameters, open_catalog

log = logging.getLogger(__name__)

MAX_SUGGESTIONS = 8
MAX_QUERY_LENGTH = 200
FREQUENT = "SELECT film_id FROM frequent WHERE query = :query ORDER BY position"


class Suggestion(NamedTuple):
    """A film that is offered while a title is typed. Its id can change when the catalog is updated."""

    id: int
    title: str
    year: int
    director: str


def suggest(catalog_path: Path, query: str) -> list[Suggestion]:
    """Return at most eight films, the best known first. A film whose title is exactly the query moves up.

    A year at the end of the query can be part of the title or the year of the film. If the catalog cannot be read,
    there are no suggestions.
    """
    words = query_words(query) if len(query) <= MAX_QUERY_LENGTH else []
    if not words:
        return []
    try:
        with open_catalog(catalog_path) as catalog:
            return [_suggestion(catalog, film_id) for film_id in _film_ids(catalog, words)]
    except sqlite3.Error as error:
        log.warning("There are no suggestions: the catalog %s cannot be read: %s", catalog_path, error)
        return []


def _film_ids(catalog: sqlite3.Connection, words: list[str]) -> list[int]:
    *title, last = words
    found = _look_up(catalog, words)
    if title and (year := parse_year(last)):
        found += _look_up(catalog, title, year)
    return list(dict.fromkeys(found))[:MAX_SUGGESTIONS]


def _look_up(catalog: sqlite3.Connection, words: list[str], year: int | None = None) -> list[int]:
    query = " ".join(words)
    frequent = catalog.execute(FREQUENT, {"query": query}).fetchall()
    if frequent and year is None:
        return [film_id for (film_id,) in frequent]
    # Too many title ends begin with a frequent query to filter them by year. So it must be a whole title end.
    parameters = look_up_parameters(query, year, is_whole_end=bool(frequent))
    return [film_id for (film_id,) in catalog.execute(LOOK_UP, parameters)]


def _suggestion(catalog: sqlite3.Connection, film_id: int) -> Suggestion:
    row = catalog.execute("SELECT id, title, year, directors FROM films WHERE id = ?", [film_id]).fetchone()
    return Suggestion(*row)
