"""Find the film of the catalog that a movie is, for its facts."""

import sqlite3
from enum import Enum
from pathlib import Path

from flicklist.film_facts import FilmFacts
from flicklist.search_words import spellings
from flicklist.services.catalog import NAME_SEPARATOR, open_catalog

_CANDIDATES = """
SELECT DISTINCT films.id, title, original_title, directors, runtime_min, genres, countries, imdb_id
FROM beginnings JOIN films ON films.id = film_id
WHERE text = ? AND year = ?
"""


class NoFilm(Enum):
    """Why a movie has no film in the catalog."""

    NO_YEAR = "has no year"
    NOT_FOUND = "is not in the catalog"
    SEVERAL = "could be several films"


def find_film(
    catalog: sqlite3.Connection, title: str, year: int | None, film_id: int | None = None
) -> FilmFacts | NoFilm:
    """Return the facts of the film with a title, or an original title, and a year.

    If there are several such films, the id decides; otherwise it is ignored. Raises `sqlite3.Error`.
    """
    if year is None:
        return NoFilm.NO_YEAR
    found = _films(catalog, title, year)
    if len(found) > 1 and film_id not in found:
        return NoFilm.SEVERAL
    if not found:
        return NoFilm.NOT_FOUND
    return found[film_id] if film_id in found else next(iter(found.values()))


def _films(catalog: sqlite3.Connection, title: str, year: int) -> dict[int, FilmFacts]:
    words = spellings(title)
    rows = [row for spelling in words for row in catalog.execute(_CANDIDATES, [spelling, year])]
    # The beginnings are also those of titles without their article: "Thing" is no title of "The Thing".
    return {
        film_id: FilmFacts(original_title, *facts)
        for film_id, film_title, original_title, *facts in rows
        if any(words & spellings(name) for name in [film_title, *original_title.split(NAME_SEPARATOR)])
    }


def chosen_film(catalog_path: Path, title: str, year: int | None, film_id: int | None) -> FilmFacts:
    """Return the facts of the film; see `find_film`. They are empty if there is none, or no catalog."""
    try:
        with open_catalog(catalog_path) as catalog:
            found = find_film(catalog, title, year, film_id)
    except sqlite3.Error:  # `suggest` has logged it
        return FilmFacts()
    return FilmFacts() if isinstance(found, NoFilm) else found
