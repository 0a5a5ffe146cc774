"""Take an import back in short transactions: delete the movies that it added, and restore the others."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from flicklist.models import Base, Import, ImportRow, ImportSnapshot, Movie
from flicklist.models.change import restore_snapshot, snapshot
from flicklist.models.movie_import import CHANGED_MOVIES, DELETED_MOVIES, NEW_MOVIES, RESTORED_MOVIES, ImportState
from flicklist.services.changes import forget_import
from flicklist.services.imports.planning import CHUNK, Step, Writes, ids_with_few_viewings, movies_with_viewings
from flicklist.services.imports.storage import has_expired
from flicklist.services.imports.writing import ListChanged, lock_owner, write_changes

MOVIES = Base.metadata.tables[Movie.__tablename__]


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
    earlier = _earlier_states(read_db, movie_import, ids)
    writes = Writes()
    for movies in movies_with_viewings(read_db, movie_import.owner_id, sorted(earlier)):
        for movie in movies:
            step()
            imported = snapshot(movie, with_viewings=True)
            for each in earlier[movie.id]:
                restore_snapshot(movie, each.before)
                movie.change_id = each.change_id
            writes.change(movie, imported)
    return TakingBack([each for each in ids if each not in earlier], writes, ids[-1])


def _earlier_states(
    read_db: Session, movie_import: Import, movie_ids: Sequence[int]
) -> Mapping[int, Sequence[ImportSnapshot]]:
    """Return what restores each movie, one state after the other. Movies that were not there before are left out.

    If an earlier import was undone while this one had changed its movies, it left them alone. So its changes are undone
    now.
    """
    of_owner = (Import.owner_id == movie_import.owner_id, Import.change_id.is_not(None), ~has_expired())
    undone = select(Import.change_id, Import.id).where(*of_owner, Import.state == ImportState.TAKEN_BACK)
    undone_imports = {row.change_id: row.id for row in read_db.execute(undone)}
    states: dict[int, list[ImportSnapshot]] = defaultdict(list)
    import_ids = dict.fromkeys(movie_ids, movie_import.id)
    while import_ids:
        made = ImportSnapshot.import_id.in_(set(import_ids.values())) & ImportSnapshot.movie_id.in_(import_ids)
        snapshots = {
            (each.import_id, each.movie_id): each for each in read_db.scalars(select(ImportSnapshot).where(made))
        }
        earlier_imports = {}
        for movie_id, import_id in import_ids.items():
            state = snapshots.get((import_id, movie_id))
            if state is None:
                states.pop(movie_id, None)
                continue
            states[movie_id].append(state)
            if state.change_id in undone_imports:
                earlier_imports[movie_id] = undone_imports[state.change_id]
        import_ids = earlier_imports
    return states


def take_back(db: Session, movie_import: Import, planned: TakingBack) -> None:
    """Delete or restore some movies of an import. Raises `ListChanged` if one of them was edited since the plan.

    Movies that are restored can be undone as before the import.
    """
    lock_owner(db, movie_import.owner_id)
    ids = [*planned.added_ids, *(movie["movie_id"] for movie in planned.writes.movies)]
    as_imported = (Movie.id.in_(ids), Movie.change_id == movie_import.change_id)
    locked = select(Movie.id).where(*as_imported).order_by(Movie.id).with_for_update(of=Movie)
    if len(db.scalars(locked).all()) != len(ids):
        raise ListChanged
    db.execute(delete(MOVIES).where(MOVIES.c.id.in_(planned.added_ids)))
    write_changes(db, planned.writes)
    if movie_import.state == ImportState.TAKING_BACK:
        counts = Counter(movie_import.counts)
        counts[DELETED_MOVIES] += len(planned.added_ids)
        counts[RESTORED_MOVIES] += len(planned.writes.movies)
        movie_import.counts = dict(counts)


def forget_change(db: Session, movie_import: Import) -> None:
    """Delete the change of an import whose movies were taken back. The next attempt records another one."""
    if movie_import.change_id is not None:
        forget_import(db, movie_import.owner_id, movie_import.change_id)
    movie_import.change_id = None


def count_written_movies(db: Session, movie_import: Import) -> None:
    """Replace the counts of an import that was written in part. How many viewings it added is not known."""
    ids = select(Movie.id).where(Movie.owner_id == movie_import.owner_id, Movie.change_id == movie_import.change_id)
    changed = (ImportSnapshot.import_id == movie_import.id, ImportSnapshot.movie_id.in_(ids))
    written = db.scalar(select(func.count()).select_from(ids.subquery())) or 0
    number_of_changed = db.scalar(select(func.count(ImportSnapshot.id)).where(*changed)) or 0
    rows = select(ImportRow.outcome, func.count().label("number")).where(ImportRow.import_id == movie_import.id)
    outcomes = {row.outcome: row.number for row in db.execute(rows.group_by(ImportRow.outcome))}
    movie_import.counts = {NEW_MOVIES: written - number_of_changed, CHANGED_MOVIES: number_of_changed, **outcomes}
