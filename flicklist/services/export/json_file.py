"""``flicklist.json``: everything that a person entered. ``docs/flicklist.schema.json`` describes it."""

from collections.abc import Iterable, Iterator
from typing import Any

from flicklist.film_facts import FilmFacts
from flicklist.labels import split_labels
from flicklist.models.meta import iso_format, to_json
from flicklist.services.export.movies import ExportedMovie

VERSION = 1


def json_texts(email: str, movies: Iterable[ExportedMovie]) -> Iterator[str]:
    """Yield one JSON object in pieces, with one movie a line."""
    yield f'{{\n"version": {VERSION},\n"email": {to_json(email)},\n"movies": ['
    separator = "\n"
    for movie in movies:
        yield separator + to_json(_movie(movie))
        separator = ",\n"
    yield "\n]\n}\n"


def _movie(movie: ExportedMovie) -> dict[str, Any]:
    return {
        "title": movie.title,
        "year": movie.year,
        "why": movie.why,
        "notes": movie.notes,
        "tags": split_labels(movie.tags),
        **_facts(movie.facts),
        "rating": None if movie.rating is None else movie.rating / 2,
        "added_at": iso_format(movie.added_at),
        "watched_at": iso_format(movie.watched_at),
        "removed_at": iso_format(movie.removed_at),
        "viewings": [viewing._asdict() for viewing in movie.viewings],
    }


def _facts(facts: FilmFacts) -> dict[str, Any]:
    """Return the facts with their lists of names as lists."""
    names = {name: split_labels(getattr(facts, name)) for name in ("directors", "genres", "countries")}
    return {**facts._asdict(), **names}
