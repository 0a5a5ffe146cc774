"""Export: all data of a person as JSON."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from flicklist.film_facts import FilmFacts
from flicklist.labels import split_labels
from flicklist.models import Movie
from flicklist.models.meta import iso_format


def export_json(db: Session, user_id: int, email: str) -> str:
    """Return a person's movies and viewings as JSON, in the order added: times in ISO 8601, ratings in stars."""
    own = select(Movie).where(Movie.owner_id == user_id).order_by(Movie.added_at, Movie.id)
    movies = db.scalars(own.options(selectinload(Movie.viewings))).all()
    return json.dumps({"email": email, "movies": [_movie(movie) for movie in movies]}, ensure_ascii=False, indent=2)


def _movie(movie: Movie) -> dict[str, Any]:
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
        "viewings": [{"watched_on": viewing.watched_on, "note": viewing.note} for viewing in movie.viewings],
    }


def _facts(facts: FilmFacts) -> dict[str, Any]:
    """Return the facts with their lists of names as lists."""
    names = {name: split_labels(getattr(facts, name)) for name in ("directors", "genres", "countries")}
    return {**facts._asdict(), **names}
