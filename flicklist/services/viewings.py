"""Viewings, read, added and restored without loading all viewings of a movie, which can be a thousand.

The caller has found the movies by their owner. Nothing here commits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, insert, literal, select
from sqlalchemy.orm import Session

from flicklist.models import Movie, Viewing
from flicklist.models.movie import MAX_VIEWINGS, TOO_MANY_VIEWINGS, LimitReached

Recorded = list[dict[str, Any]]
"""Viewings of a movie at one time, as JSON values. One that did not exist then is recorded as its id alone."""

MAX_SHOWN = 50  # on the page of a movie, unless all are requested
_AMONG: Any = bindparam("movie_ids", expanding=True)
_DAY = bindparam("day", type_=Viewing.watched_on.type)
_WATCHED_ON_DAY = select(Viewing.movie_id).where(Viewing.movie_id.in_(_AMONG), Viewing.watched_on == _DAY)
_HAS_ONE_ON_DAY = exists().where(Viewing.movie_id == Movie.id, Viewing.watched_on == _DAY)
_HAS_MAX_VIEWINGS = select(Viewing.id).where(Viewing.movie_id == Movie.id).offset(MAX_VIEWINGS - 1).limit(1).exists()
_INSERT = (
    insert(Viewing)
    .from_select(
        ["movie_id", "watched_on", "note"],
        select(Movie.id, _DAY, literal("")).where(Movie.id.in_(_AMONG), ~_HAS_ONE_ON_DAY, ~_HAS_MAX_VIEWINGS),
    )
    .returning(Viewing.movie_id, Viewing.id)
)


def find_viewing(db: Session, movie: Movie, viewing_id: int | None) -> Viewing | None:
    if viewing_id is None:
        return None
    return db.scalar(select(Viewing).where(Viewing.id == viewing_id, Viewing.movie_id == movie.id))


def last_added_id(db: Session, movie: Movie) -> int | None:
    return db.scalar(select(func.max(Viewing.id)).where(Viewing.movie_id == movie.id))


def newest_viewings(db: Session, movie: Movie, *, shows_all: bool) -> tuple[Sequence[Viewing], bool]:
    """Return the viewings of a movie, those with the latest dates first, and whether there are more."""
    latest_first = func.coalesce(Viewing.watched_on, "").desc(), Viewing.id.desc()
    statement = select(Viewing).where(Viewing.movie_id == movie.id).order_by(*latest_first)
    if shows_all:
        return db.scalars(statement).all(), False
    found = db.scalars(statement.limit(MAX_SHOWN + 1)).all()
    return found[:MAX_SHOWN], len(found) > MAX_SHOWN


def add_to_movies(db: Session, movie_ids: Sequence[int], day: str) -> dict[int, int]:
    """Add a viewing on a day to each movie that has none on it. Return the ids of the viewings by movie.

    Raises `LimitReached`.
    """
    connection = db.connection()
    added = dict(connection.execute(_INSERT, {"movie_ids": movie_ids, "day": day}).all())
    others = set(movie_ids) - added.keys()
    if others and others - set(connection.scalars(_WATCHED_ON_DAY, {"movie_ids": list(others), "day": day})):
        raise LimitReached(TOO_MANY_VIEWINGS)
    return added


def restore(db: Session, recorded: Mapping[int, Recorded]) -> dict[int, Recorded]:
    """Add and delete viewings, so that each movie has the recorded ones. Return how they were, recorded likewise."""
    ids = [viewing["id"] for viewings in recorded.values() for viewing in viewings]
    columns = (Viewing.id, Viewing.watched_on, Viewing.note)
    found = db.execute(select(*columns).where(Viewing.id.in_(ids), Viewing.movie_id.in_(recorded)))
    present = {viewing.id: viewing._asdict() for viewing in found}
    absent = [
        {"movie_id": movie_id, **viewing}
        for movie_id, viewings in recorded.items()
        for viewing in viewings
        if _exists(viewing) and viewing["id"] not in present
    ]
    added = [each["id"] for viewings in recorded.values() for each in viewings if not _exists(each)]
    db.execute(delete(Viewing).where(Viewing.id.in_(added), Viewing.movie_id.in_(recorded)))
    if absent:
        db.execute(insert(Viewing), absent)
    return {
        movie_id: [present.get(viewing["id"]) or {"id": viewing["id"]} for viewing in viewings]
        for movie_id, viewings in recorded.items()
    }


def _exists(viewing: dict[str, Any]) -> bool:
    return len(viewing) > 1
