"""Facts about a film. A movie on a list can have them, and the catalog knows them."""

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_ORIGINAL_TITLE_LENGTH = 200
MAX_DIRECTORS_LENGTH = 700
MAX_GENRES_LENGTH = MAX_COUNTRIES_LENGTH = 200
MAX_RUNTIME = 9999
MAX_IMDB_ID_LENGTH = len("tt1234567890")
MAX_TMDB_ID = 2**31 - 1
MAX_LETTERBOXD_URI_LENGTH = 200


class FilmFacts(NamedTuple):
    """Facts about a film. Empty text and None mean unknown.

    `directors`, `genres` and `countries` can have several names, separated by ``", "``. `runtime` is in minutes.
    `imdb_id` is like ``tt0113277``. `letterboxd_uri` is a link to the film on Letterboxd, long or short.
    """

    original_title: str = ""
    directors: str = ""
    runtime: int | None = None
    genres: str = ""
    countries: str = ""
    imdb_id: str = ""
    tmdb_id: int | None = None
    letterboxd_uri: str = ""


_NAMES = {"imdb_id": "IMDb ID", "tmdb_id": "TMDB ID", "letterboxd_uri": "Letterboxd link"}
_MAX_LENGTHS = {
    "original_title": MAX_ORIGINAL_TITLE_LENGTH,
    "directors": MAX_DIRECTORS_LENGTH,
    "genres": MAX_GENRES_LENGTH,
    "countries": MAX_COUNTRIES_LENGTH,
    "letterboxd_uri": MAX_LETTERBOXD_URI_LENGTH,
}


def fact_name(field: str) -> str:
    """Return a field of `FilmFacts` as a word in a sentence."""
    return _NAMES.get(field, field.replace("_", " "))


def invalid_facts(facts: FilmFacts) -> list[str]:
    """Return the names of the facts that no movie can have."""
    invalid = [name for name, length in _MAX_LENGTHS.items() if len(getattr(facts, name)) > length]
    if facts.imdb_id and not is_imdb_id(facts.imdb_id):
        invalid.append("imdb_id")
    if facts.tmdb_id is not None and not 0 < facts.tmdb_id <= MAX_TMDB_ID:
        invalid.append("tmdb_id")
    if facts.runtime is not None and not 0 < facts.runtime <= MAX_RUNTIME:
        invalid.append("runtime")
    return invalid


def without_facts(facts: FilmFacts, names: Iterable[str]) -> FilmFacts:
    """Return the facts, with those of these names unknown."""
    unknown = FilmFacts()
    return facts._replace(**{name: getattr(unknown, name) for name in names})


def is_imdb_id(text: str) -> bool:
    return re.fullmatch(r"tt[0-9]{7,10}", text, re.ASCII) is not None
