"""Find the film of the catalog that a movie is, for its facts."""

import sqlite3
from enum import Enum
from pathlib import Path

from flicklist.film_facts import FilmFacts
from flicklist.search_words import spellings
from flicklist.services.catalog import ORIGINAL_TITLE_SEPARATOR, open_catalog

_CANDIDATES = """
SELECT DISTINCT films.id, title, original_title, directors, runtime_min, genres, countries, imdb_id
FROM title_ends JOIN films ON films.id = film_id
WHERE text = ? AND title_ends.year = ?
"""


class NoMatch(Enum):
    """Why a movie has no film in the catalog."""

    NO_YEAR = "has no year"
    NOT_FOUND = "is not in the catalog"
    SEVERAL = "could be several films"


def find_film(
    catalog: sqlite3.Connection, title: str, year: int | None, film_id: int | None = None
) -> FilmFacts | NoMatch:
    """Return the facts of the film with a title, or an original title, and a year.

    If there are several such films, the id decides; otherwise it is ignored. Raises `sqlite3.Error`.
    """
    if year is None:
        return NoMatch.NO_YEAR
    found = _films(catalog, title, year)
    if len(found) > 1 and film_id not in found:
        return NoMatch.SEVERAL
    if not found:
        return NoMatch.NOT_FOUND
    return found[film_id] if film_id in found else next(iter(found.values()))


def _films(catalog: sqlite3.Connection, title: str, year: int) -> dict[int, FilmFacts]:
    words = spellings(title)
    rows = [row for spelling in words for row in catalog.execute(_CANDIDATES, [spelling, year])]
    # `title_ends` also has the end of each title from each of its words on. "Thing" is not a title of "The Thing".
    return {
        film_id: FilmFacts(original_title, *facts)
        for film_id, film_title, original_title, *facts in rows
        if any(words & spellings(name) for name in [film_title, *original_title.split(ORIGINAL_TITLE_SEPARATOR)])
    }


def look_up_facts(catalog_path: Path, title: str, year: int | None, film_id: int | None) -> FilmFacts:
    """Return the facts of the film that a new movie is; see `find_film`. They are empty if there is none."""
    if year is None:  # no film is found, so the catalog need not be opened
        return FilmFacts()
    try:
        with open_catalog(catalog_path) as catalog:
            found = find_film(catalog, title, year, film_id)
    except sqlite3.Error:  # not logged, because `suggest` logs it while people type
        return FilmFacts()
    return FilmFacts() if isinstance(found, NoMatch) else found
