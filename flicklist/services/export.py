"""All that a person has put in, to be taken out whole."""

from collections.abc import Iterable
from typing import Any

from flicklist.models import Movie
from flicklist.models.meta import iso_format


def export_data(email: str, movies: Iterable[Movie]) -> dict[str, Any]:
    """Return a person's data as JSON has it: times in ISO 8601, ratings in stars."""
    return {"email": email, "movies": [_movie(movie) for movie in movies]}


def _movie(movie: Movie) -> dict[str, Any]:
    return {
        "title": movie.title,
        "year": movie.year,
        "why": movie.why,
        "notes": movie.notes,
        "rating": None if movie.rating is None else movie.rating / 2,
        "added_at": iso_format(movie.added_at),
        "watched_at": iso_format(movie.watched_at),
        "removed_at": iso_format(movie.removed_at),
        "viewings": [{"watched_on": viewing.watched_on, "note": viewing.note} for viewing in movie.viewings],
    }
