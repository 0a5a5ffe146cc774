"""All that a person has put in, to be taken out whole."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flicklist.models import Movie


def everything(email: str, movies: Iterable[Movie]) -> dict[str, Any]:
    """Return a person's data as JSON has it: times in ISO 8601, ratings in stars."""
    return {"email": email, "movies": [_movie(movie) for movie in movies]}


def _movie(movie: Movie) -> dict[str, Any]:
    return {
        "title": movie.title,
        "year": movie.year,
        "why": movie.why,
        "notes": movie.notes,
        "rating": None if movie.rating is None else movie.rating / 2,
        "added_at": _iso_format(movie.added_at),
        "watched_at": _iso_format(movie.watched_at),
        "removed_at": _iso_format(movie.removed_at),
        "viewings": [{"seen_on": viewing.seen_on, "note": viewing.note} for viewing in movie.viewings],
    }


def _iso_format(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
