"""Take an import back in short transactions: delete the movies that it added, and restore the others."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, cast, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from flicklist.models import Base, Import, ImportRow, ImportSnapshot, Movie
from flicklist.models.change import restore_snapshot, snapshot
from flicklist.models.movie_import import (
    CHANGED_MOVIES,
    DELETED_MOVIES,
    LEFT_TO_LATER_IMPORT,
    NEW_MOVIES,
    RESTORED_MOVIES,
    ImportState,
    Outcome,
)
from flicklist.services.changes import forget_import
from flicklist.services.imports.planning import (
    CHUNK,
    MAX_WRITES_SIZE,
    Step,
    Writes,
    ids_with_few_viewings,
    movies_with_viewings,
)
from flicklist.services.imports.storage import later_import_conditions
from flicklist.services.imports.writing import ListChanged, lock_owner, write_updates_and_viewings

_MOVIES, _SNAPSHOTS = (Base.metadata.tables[model.__tablename__] for model in (Movie, ImportSnapshot))
_REPLACE_STATE = (
    update(_SNAPSHOTS)
    .where(_SNAPSHOTS.c.id == bindparam("snapshot_id"))
    .values(before=bindparam("before", type_=_SNAPSHOTS.c.before.type), change_id=bindparam("change_id"))
)


class TakingBack(NamedTuple):
    """What takes some movies of an import back: those that it added are deleted, and others restored."""

    added_ids: Sequence[int]
    writes: Writes
    last_id: int
    """The movies up to this id have been looked at."""


def plan_taking_back(read_db: Session, movie_import: Import, after_id: int, step: Step) -> TakingBack | None:
    """Plan for the next movies that are as the import left them. Return None if there are none with greater ids.

    `step` is called for each movie that is restored.
    """
    if movie_import.change_id is None:  # nothing was written
        return None
    as_imported = (Movie.owner_id == movie_import.owner_id, Movie.change_id == movie_import.change_id)
    next_ids = select(Movie.id).where(*as_imported, Movie.id > after_id).order_by(Movie.id).limit(CHUNK)
    ids = next(ids_with_few_viewings(read_db, read_db.scalars(next_ids).all()), None)
    if ids is None:
        return None
    made = (ImportSnapshot.import_id == movie_import.id, ImportSnapshot.movie_id.in_(ids))
    snapshots = {each.movie_id: each for each in read_db.scalars(select(ImportSnapshot).where(*made))}
    writes = Writes()
    for movies in movies_with_viewings(read_db, movie_import.owner_id, sorted(snapshots)):
        for movie in movies:
            step()
            imported = snapshot(movie, with_viewings=True)
            restore_snapshot(movie, snapshots[movie.id].before)
            movie.change_id = snapshots[movie.id].change_id
            writes.change(movie, imported)
    return TakingBack([each for each in ids if each not in snapshots], writes, ids[-1])


def take_back(db: Session, movie_import: Import, planned: TakingBack) -> None:
    """Delete or restore some movies of an import. Raises `ListChanged` if one of them was edited since the plan.

    Older changes of restored movies can be undone again.
    """
    lock_owner(db, movie_import.owner_id)
    ids = [*planned.added_ids, *(movie["movie_id"] for movie in planned.writes.movies)]
    as_imported = (Movie.id.in_(ids), Movie.change_id == movie_import.change_id)
    locked = select(Movie.id).where(*as_imported).order_by(Movie.id).with_for_update(of=Movie)
    if len(db.scalars(locked).all()) != len(ids):
        raise ListChanged
    db.execute(delete(_MOVIES).where(_MOVIES.c.id.in_(planned.added_ids)))
    write_updates_and_viewings(db, planned.writes)
    if movie_import.state == ImportState.TAKING_BACK:
        counts = Counter(movie_import.counts)
        counts[DELETED_MOVIES] += len(planned.added_ids)
        counts[RESTORED_MOVIES] += len(planned.writes.movies)
        movie_import.counts = dict(counts)


class SnapshotUpdate(NamedTuple):
    """New snapshots for a later import, so that undoing it also undoes what this import did to the same movies."""

    movie_ids: Sequence[int]
    states: Sequence[dict[str, Any]]
    outdated_ids: Sequence[int]
    """Of the snapshots of movies that this import added. Without one, undoing the later import deletes the movie."""


def plan_snapshot_update(read_db: Session, movie_import: Import, later_id: int, after_id: int) -> SnapshotUpdate | None:
    """Plan for the next movies that a later import found as this one had left them. None if there are no more.

    Such movies stay when this import is undone, so the later one has to undo the changes of both.
    """
    of_later = (ImportSnapshot.import_id == later_id, ImportSnapshot.change_id == movie_import.change_id)
    movie_ids = _some_movie_ids(read_db, movie_import.id, [*of_later, ImportSnapshot.movie_id > after_id])
    if not movie_ids:
        return None
    of_movies = select(ImportSnapshot).where(ImportSnapshot.movie_id.in_(movie_ids))
    made_here = read_db.scalars(of_movies.where(ImportSnapshot.import_id == movie_import.id))
    own = {each.movie_id: each for each in made_here}
    later = read_db.scalars(of_movies.where(*of_later)).all()
    states = [
        {
            "snapshot_id": each.id,
            "before": {**each.before, **own[each.movie_id].before},
            "change_id": own[each.movie_id].change_id,
        }
        for each in later
        if each.movie_id in own
    ]
    return SnapshotUpdate(movie_ids, states, [each.id for each in later if each.movie_id not in own])


def _some_movie_ids(read_db: Session, import_id: int, criteria: Sequence[ColumnElement[bool]]) -> Sequence[int]:
    """Return the ids of the next movies whose snapshots one transaction can replace. See `MAX_WRITES_SIZE`."""
    own = aliased(ImportSnapshot)
    sizes = [func.coalesce(func.length(cast(each.before, Text)), 0) for each in (ImportSnapshot, own)]
    found = (
        select(ImportSnapshot.movie_id, sizes[0] + sizes[1])
        .outerjoin(own, (own.import_id == import_id) & (own.movie_id == ImportSnapshot.movie_id))
        .where(*criteria)
        .order_by(ImportSnapshot.movie_id)
        .limit(CHUNK)
    )
    rows = read_db.execute(found).all()
    sizes_before = accumulate((size for _, size in rows), initial=0)
    return [movie_id for (movie_id, _), before in zip(rows, sizes_before, strict=False) if before < MAX_WRITES_SIZE]


def update_later_snapshots(db: Session, movie_import: Import, planned: SnapshotUpdate) -> None:
    """Replace snapshots of a later import, and count the movies that undoing that import will change back."""
    if planned.states:
        db.execute(_REPLACE_STATE, planned.states)
    db.execute(delete(_SNAPSHOTS).where(_SNAPSHOTS.c.id.in_(planned.outdated_ids)))
    as_imported = Movie.change_id.in_(select(Import.change_id).where(*later_import_conditions(movie_import)))
    unchanged = (Movie.id.in_(planned.movie_ids), as_imported)
    counts = Counter(movie_import.counts)
    counts[LEFT_TO_LATER_IMPORT] += db.scalar(select(func.count(Movie.id)).where(*unchanged)) or 0
    movie_import.counts = dict(counts)


def forget_change(db: Session, movie_import: Import) -> None:
    """Delete the change of an import whose movies were taken back. The next attempt records another one."""
    if movie_import.change_id is not None:
        forget_import(db, movie_import.owner_id, movie_import.change_id)
    movie_import.change_id = None


def count_left_movies(read_db: Session, movie_import: Import) -> int:
    """Return how many movies of an attempt that was taken back are still listed, because the person has edited them."""
    listed = (Movie.owner_id + 0 == movie_import.owner_id, Movie.removed_at.is_(None))  # by id, see `watchlist.py`
    added = (ImportRow.import_id == movie_import.id, ImportRow.outcome == Outcome.ADDED)
    is_edited = Movie.change_id.is_distinct_from(ImportSnapshot.change_id)
    changed = (ImportSnapshot.import_id == movie_import.id, is_edited)
    number = func.count(Movie.id.distinct())
    left = (
        select(number).join(ImportRow, ImportRow.movie_id == Movie.id).where(*added, *listed),
        select(number).join(ImportSnapshot, ImportSnapshot.movie_id == Movie.id).where(*changed, *listed),
    )
    return sum(read_db.scalars(each).one() for each in left)


def count_written_movies(db: Session, movie_import: Import) -> None:
    """Replace the counts of an import that was written in part. How many viewings it added is not known."""
    ids = select(Movie.id).where(Movie.owner_id == movie_import.owner_id, Movie.change_id == movie_import.change_id)
    changed = (ImportSnapshot.import_id == movie_import.id, ImportSnapshot.movie_id.in_(ids))
    written = db.scalar(select(func.count()).select_from(ids.subquery())) or 0
    number_of_changed = db.scalar(select(func.count(ImportSnapshot.id)).where(*changed)) or 0
    rows = select(ImportRow.outcome, func.count().label("number")).where(ImportRow.import_id == movie_import.id)
    outcomes = {row.outcome: row.number for row in db.execute(rows.group_by(ImportRow.outcome))}
    movie_import.counts = {NEW_MOVIES: written - number_of_changed, CHANGED_MOVIES: number_of_changed, **outcomes}
