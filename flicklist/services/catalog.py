"""The catalog of films: a CSV file, and the SQLite file that is built from it to look films up.

The package is installed with a catalog; see ``setup.py``, which runs this module without the other dependencies of
FlickList. `flicklist.services.suggestions` and `flicklist.services.film_lookup` read the SQLite file.
"""

import csv
import gzip
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import regex

from flicklist.dates import FIRST_YEAR, LAST_YEAR
from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
    MAX_RUNTIME,
    is_imdb_id,
)
from flicklist.search_words import spellings

DATA = Path(__file__).parents[1] / "data"
FILMS = DATA / "films.csv.gz"
DEFAULT_PATH = DATA / "catalog.sqlite"
MAX_FAME = 100
MAX_NAME_LENGTH = 200
MAX_LENGTHS = {
    "original_title": MAX_ORIGINAL_TITLE_LENGTH,
    "directors": MAX_DIRECTORS_LENGTH,
    "genres": MAX_GENRES_LENGTH,
    "countries": MAX_COUNTRIES_LENGTH,
}
# A query that begins more title ends than this, such as "the", is frequent. Its suggestions are computed while the file
# is built, because sorting so many films takes too long.
MANY = 1000
ORIGINAL_TITLE_SEPARATOR = " / "
LAST_CHARACTER = "\U0010ffff"
_ARTICLE = regex.compile(r"(?:the|an?) ")

SCHEMA = """
CREATE TABLE films (
    id INTEGER PRIMARY KEY, title TEXT, original_title TEXT, year INTEGER, directors TEXT, runtime_min INTEGER,
    genres TEXT, countries TEXT, imdb_id TEXT, fame INTEGER
);
-- One row for each word of each title: the title from that word to its end. A word after a leading article counts as
-- the first word. All others are later words. The year and the fame of the film save a lookup for each row.
CREATE TABLE title_ends (
    text TEXT, film_id INTEGER, is_later_word INTEGER, year INTEGER, fame INTEGER, PRIMARY KEY (text, film_id)
) WITHOUT ROWID;
-- The suggestions for the queries that begin more than a thousand title ends.
CREATE TABLE frequent (query TEXT, position INTEGER, film_id INTEGER, PRIMARY KEY (query, position)) WITHOUT ROWID;
"""
# An exact title counts 30 points of fame more, and a match at a later word 30 less.
LOOK_UP = """
SELECT film_id FROM title_ends
WHERE text >= :query AND text < :end AND (:year IS NULL OR year = :year)
GROUP BY film_id
ORDER BY max(fame - 30 * is_later_word + 30 * (text = :query AND NOT is_later_word)) DESC, film_id
LIMIT 8
"""


class CatalogError(Exception):
    """Raised for a file that is not a catalog. The message names the line and is shown to the operator."""


class Film(NamedTuple):
    """A film of the catalog. A remake is another film. Empty text and None mean unknown.

    `fame` is a rank from 0 to 100. Several names are separated by ", ", several original titles by " / ".
    """

    title: str
    original_title: str
    year: int
    directors: str
    runtime_min: int | None
    genres: str
    countries: str
    imdb_id: str
    fame: int


def all_films() -> list[Film]:
    """Read the films that the package comes with."""
    return list(read_films(FILMS))


def read_films(path: Path) -> Iterator[Film]:
    """Yield the films of a CSV file, which can be compressed with gzip. Raises `CatalogError`."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield from _checked(csv.DictReader(file, strict=True))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from None


def _checked(rows: "csv.DictReader[str]") -> Iterator[Film]:
    if missing := set(Film._fields) - set(rows.fieldnames or ()):
        raise CatalogError(f"Line 1: the column {min(missing)} is missing.")
    seen = set()
    for row in rows:
        try:
            film = _film(row)
        except ValueError as error:
            raise CatalogError(f"Line {rows.line_num}: {error}") from None
        if film in seen:
            raise CatalogError(f"Line {rows.line_num}: {film.title} ({film.year}) is there twice.")
        seen.add(film)
        yield film
    if not seen:
        raise CatalogError("There are no films in the file.")


def _film(row: dict[str, str | None]) -> Film:
    """Return the film of a row. Raises `ValueError` with a sentence about the first wrong value."""
    texts = {name: row[name] or "" for name in Film._fields}
    if not 0 < len(texts["title"].strip()) <= MAX_NAME_LENGTH:
        raise ValueError(f"the title must have 1 to {MAX_NAME_LENGTH} characters.")
    year = _number("year", texts["year"], FIRST_YEAR, LAST_YEAR)
    fame = _number("fame", texts["fame"], 0, MAX_FAME)
    runtime = _number("runtime_min", texts["runtime_min"], 1, MAX_RUNTIME) if texts["runtime_min"] else None
    if too_long := [name for name, length in MAX_LENGTHS.items() if len(texts[name]) > length]:
        raise ValueError(f"{too_long[0]} can have at most {MAX_LENGTHS[too_long[0]]} characters.")
    if texts["imdb_id"] and not is_imdb_id(texts["imdb_id"]):
        raise ValueError(f"imdb_id must be like tt0113277, not {texts['imdb_id']!r}.")
    return Film(**{**texts, "year": year, "fame": fame, "runtime_min": runtime})  # type: ignore[arg-type]


def _number(name: str, text: str, minimum: int, maximum: int) -> int:
    if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
        raise ValueError(f"{name} must be a number from {minimum} to {maximum}, not {text!r}.")
    return int(text)


@contextmanager
def open_catalog(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the SQLite file of a catalog for reading.

    Open it for each use: this takes a tenth of a millisecond, and a catalog that was replaced is noticed. Raises
    `sqlite3.Error`.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection


def build(films: Iterable[Film], path: Path) -> int:
    """Build the SQLite file of a catalog, and return the number of films. An existing file is replaced at the end."""
    with TemporaryDirectory(dir=path.parent) as folder:
        new = Path(folder) / path.name
        with closing(sqlite3.connect(new)) as connection, connection:
            connection.executescript(SCHEMA)
            number = _fill(connection, films)
        new.replace(path)
    return number


def _fill(connection: sqlite3.Connection, films: Iterable[Film]) -> int:
    number = 0
    for number, film in enumerate(films, 1):
        marks = ", ".join("?" * (1 + len(film)))
        connection.execute(f"INSERT INTO films VALUES ({marks})", (number, *film))  # noqa: S608 - only question marks
        ends = _title_ends(film).items()
        rows = [(text, number, is_later, film.year, film.fame) for text, is_later in ends]
        connection.executemany("INSERT INTO title_ends VALUES (?, ?, ?, ?, ?)", rows)
    for query in _frequent_queries(connection):
        found = connection.execute(LOOK_UP, look_up_parameters(query)).fetchall()
        suggested = [(query, position, film_id) for position, (film_id,) in enumerate(found)]
        connection.executemany("INSERT INTO frequent VALUES (?, ?, ?)", suggested)
    return number


def look_up_parameters(query: str, year: int | None = None, *, is_whole_end: bool = False) -> dict[str, Any]:
    """Return the parameters of `LOOK_UP` for title ends that begin with the query, or that are the query."""
    return {"query": query, "end": query + (" " if is_whole_end else LAST_CHARACTER), "year": year}


def _title_ends(film: Film) -> dict[str, bool]:
    """Return the text of each spelling of each title from each word on, and whether that is a later word."""
    found: dict[str, bool] = {}
    for name in filter(None, [film.title, *film.original_title.split(ORIGINAL_TITLE_SEPARATOR)]):
        for spelling in spellings(name):
            article = _ARTICLE.match(spelling)
            firsts = {0, article.end() if article else 0}
            for word in regex.finditer(r"\S+", spelling):
                text, is_later = spelling[word.start() :], word.start() not in firsts
                found[text] = found.get(text, True) and is_later
    return found


def _frequent_queries(connection: sqlite3.Connection) -> Iterator[str]:
    length, queries = 1, [("",)]
    while queries:
        queries = connection.execute(
            "SELECT substr(text, 1, :length) AS query FROM title_ends WHERE length(text) >= :length"
            " GROUP BY query HAVING count(*) > :many",
            {"length": length, "many": MANY},
        ).fetchall()
        yield from (query for (query,) in queries)
        length += 1
