"""Viewings, read, added and restored without loading all viewings of a movie, which can be a thousand.

The caller has found the movies by their owner. Nothing here commits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select
from sqlalchemy.orm import Session

from flicklist.models import Movie, Viewing
from flicklist.models.movie import MAX_VIEWINGS, TOO_MANY_VIEWINGS, LimitReached

Recorded = list[dict[str, Any]]
"""Viewings of a movie at one time, as JSON values. One that did not exist then is recorded as its id alone."""

MAX_SHOWN = 50  # on the page of a movie, unless all are requested
_IS_ON_DAY = case((Viewing.watched_on == bindparam("day"), 1), else_=0)
_NUMBERS = (
    select(Viewing.movie_id, func.count(), func.sum(_IS_ON_DAY))
    .where(Viewing.movie_id.in_(bindparam("movie_ids", expanding=True)))
    .group_by(Viewing.movie_id)
)
_INSERT = insert(Viewing).returning(Viewing.id, Viewing.movie_id)


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
    counted = connection.execute(_NUMBERS, {"movie_ids": movie_ids, "day": day}).all()
    numbers = {movie_id: number for movie_id, number, on_day in counted if not on_day}
    watched_then = {movie_id for movie_id, _, on_day in counted if on_day}
    if any(number >= MAX_VIEWINGS for number in numbers.values()):
        raise LimitReached(TOO_MANY_VIEWINGS)
    rows = [{"movie_id": each, "watched_on": day, "note": ""} for each in movie_ids if each not in watched_then]
    if not rows:
        return {}
    return {movie_id: viewing_id for viewing_id, movie_id in connection.execute(_INSERT, rows)}


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
