"""The movies of an export, read a hundred at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from flicklist.film_facts import FilmFacts
from flicklist.models import Movie, Viewing

# With the longest texts, a movie and its viewings take 200 kB.
CHUNK = 100


class ExportedViewing(NamedTuple):
    """One viewing, with a date as in `Viewing`."""

    watched_on: str | None
    note: str


class ExportedMovie(NamedTuple):
    """A movie with its viewings, the first one first. Viewings without a date come before all others.

    All fields but the last two are columns of `Movie`.
    """

    title: str
    year: int | None
    why: str
    notes: str
    tags: str
    rating: int | None
    added_at: datetime
    watched_at: datetime | None
    removed_at: datetime | None
    last_watched_on: str
    facts: FilmFacts
    viewings: Sequence[ExportedViewing]

    @property
    def is_watched(self) -> bool:
        return self.watched_at is not None

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None


_COPIED = ExportedMovie._fields[:-2]
_COLUMNS = [getattr(Movie, name) for name in (*_COPIED, *FilmFacts._fields)]
_OWN = Movie.owner_id == bindparam("owner_id")
_IDS = select(Movie.id).where(_OWN).order_by(Movie.added_at, Movie.id)
_OWN_BY_ID = Movie.owner_id + 0 == bindparam("owner_id")  # not by an index of owners, see `watchlist.py`
_MOVIES = select(Movie.id, *_COLUMNS).where(_OWN_BY_ID, Movie.id.in_(bindparam("ids", expanding=True)))
_VIEWINGS = (
    select(Viewing.movie_id, Viewing.watched_on, Viewing.note)
    .join(Viewing.movie)
    .where(_OWN_BY_ID, Viewing.movie_id.in_(bindparam("ids", expanding=True)))
    .order_by(func.coalesce(Viewing.watched_on, ""), Viewing.id)
)


def own_movies(db: Session, owner_id: int) -> Iterator[ExportedMovie]:
    """Yield all movies of a person, also the removed ones, in the order added.

    Only the ids are read at once. No index has this order, so paging by keyset would sort the movies for each page.
    """
    ids = db.scalars(_IDS, {"owner_id": owner_id}).all()
    for start in range(0, len(ids), CHUNK):
        yield from _chunk(db, owner_id, ids[start : start + CHUNK])


def _chunk(db: Session, owner_id: int, ids: Sequence[int]) -> Iterator[ExportedMovie]:
    """Yield the movies with these ids, in the same order."""
    parameters = {"owner_id": owner_id, "ids": ids}
    rows = {movie_id: columns for movie_id, *columns in db.execute(_MOVIES, parameters)}
    viewings = defaultdict(list)
    for movie_id, watched_on, note in db.execute(_VIEWINGS, parameters):
        viewings[movie_id].append(ExportedViewing(watched_on, note))
    for movie_id in ids:
        copied, facts = rows[movie_id][: len(_COPIED)], rows[movie_id][len(_COPIED) :]
        yield ExportedMovie._make([*copied, FilmFacts(*facts), viewings[movie_id]])
