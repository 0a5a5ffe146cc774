"""Write a planned import, and take it back, in short transactions."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, column, delete, func, insert, select, table, update
from sqlalchemy.orm import Session

from flicklist.models import Base, Import, ImportRow, ImportSnapshot, Movie, User, Viewing
from flicklist.models.change import restore_snapshot, snapshot
from flicklist.models.movie import MAX_TITLE_LENGTH
from flicklist.models.movie_import import (
    CHANGED_MOVIES,
    DELETED_MOVIES,
    MAX_FILE_NAME_LENGTH,
    MAX_REASON_LENGTH,
    NEW_MOVIES,
    RESTORED_MOVIES,
    ImportState,
)
from flicklist.models.user import IS_DELETED
from flicklist.services.changes import forget_import, record_import
from flicklist.services.imports.planning import (
    CHUNK,
    MERGED_COLUMNS,
    NEW_COLUMNS,
    Fingerprint,
    PlannedRow,
    Step,
    Writes,
    chunks,
    ids_with_few_viewings,
    movies_with_viewings,
    read_fingerprint,
)
from flicklist.services.imports.rows import Row, UnusableRow
from flicklist.services.imports.storage import has_expired
from flicklist.text import shorten

_MOVIES, _VIEWINGS, _ROWS, _SNAPSHOTS = (
    Base.metadata.tables[model.__tablename__] for model in (Movie, Viewing, ImportRow, ImportSnapshot)
)
# Here SQLite keeps the last id of each table with AUTOINCREMENT.
_SEQUENCES = table("sqlite_sequence", column("name"), column("seq"))
_UPDATE_MOVIE = (
    update(_MOVIES)
    .where(_MOVIES.c.id == bindparam("movie_id"))
    .values({name: bindparam(name) for name in (*MERGED_COLUMNS, "change_id")})
)
_UPDATE_VIEWING = update(_VIEWINGS).where(_VIEWINGS.c.id == bindparam("viewing_id")).values({"note": bindparam("note")})


class ListChanged(Exception):
    """Raised when the movies of the person have changed since the plan was made. The transaction writes nothing."""


def reserve_movie_ids(db: Session, number: int) -> Sequence[int]:
    """Return ids for new movies. No other movie gets them, also if they are not used."""
    if db.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(Movie.__tablename__, Movie.id.key)
        return db.scalars(select(func.nextval(sequence)).select_from(func.generate_series(1, number))).all()
    last = db.scalar(select(_SEQUENCES.c.seq).where(_SEQUENCES.c.name == Movie.__tablename__))
    if last is None:
        db.execute(insert(_SEQUENCES).values(name=Movie.__tablename__, seq=number))
    else:
        renumbered = update(_SEQUENCES).where(_SEQUENCES.c.name == Movie.__tablename__)
        db.execute(renumbered.values(seq=_SEQUENCES.c.seq + number))
    first = (last or 0) + 1
    return range(first, first + number)


def insert_rows(
    db: Session, import_id: int, first: int, rows: Sequence[Row | UnusableRow], planned: Sequence[PlannedRow]
) -> None:
    """Insert some rows of the report, whose numbers begin with `first`."""
    values = [
        {
            "import_id": import_id,
            "number": number,
            "file": shorten(row.file, MAX_FILE_NAME_LENGTH),
            "line": row.line,
            "title": shorten(row.title, MAX_TITLE_LENGTH),
            "year": row.year if isinstance(row, Row) else None,
            "outcome": plan.outcome,
            "reason": shorten(plan.reason, MAX_REASON_LENGTH),
            "movie_id": plan.movie_id,
        }
        for number, (row, plan) in enumerate(zip(rows, planned, strict=True), first)
    ]
    db.execute(insert(_ROWS), values)


def write_movies(db: Session, movie_import: Import, fingerprint: Fingerprint, writes: Writes) -> Fingerprint:
    """Write some movies of an import, and return the fingerprint of the list afterwards. Raises `ListChanged`.

    The earlier states of those that change are kept, so that they can be restored. Raises `IntegrityError` if another
    transaction adds one of the movies at this moment.
    """
    owner_id = movie_import.owner_id
    _lock_owner(db, owner_id)
    for some in chunks(sorted(movie["movie_id"] for movie in writes.movies)):
        db.execute(select(Movie.id).where(Movie.id.in_(some)).order_by(Movie.id).with_for_update(of=Movie))
    if read_fingerprint(db, owner_id) != fingerprint:
        raise ListChanged
    if not writes.counts:
        return fingerprint
    change_id = movie_import.change_id = movie_import.change_id or record_import(db, owner_id)
    for some in chunks(writes.snapshots):
        db.execute(insert(_SNAPSHOTS), [{"import_id": movie_import.id, **each._asdict()} for each in some])
    for some in chunks(writes.new_movies):
        db.execute(insert(_MOVIES), [dict(zip(NEW_COLUMNS, each, strict=True), change_id=change_id) for each in some])
    _write(db, writes, change_id)
    return fingerprint.after(writes, change_id)


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
    _lock_owner(db, movie_import.owner_id)
    ids = [*planned.added_ids, *(movie["movie_id"] for movie in planned.writes.movies)]
    as_imported = (Movie.id.in_(ids), Movie.change_id == movie_import.change_id)
    locked = select(Movie.id).where(*as_imported).order_by(Movie.id).with_for_update(of=Movie)
    if len(db.scalars(locked).all()) != len(ids):
        raise ListChanged
    db.execute(delete(_MOVIES).where(_MOVIES.c.id.in_(planned.added_ids)))
    _write(db, planned.writes)
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


def _lock_owner(db: Session, owner_id: int) -> None:
    """Raise `ListChanged` if the account was deleted.

    On PostgreSQL, the lock on the user keeps two imports of one person apart, and lets requests add movies.
    """
    owner = select(User.id).where(User.id == owner_id, ~IS_DELETED).with_for_update(key_share=True)
    if db.scalar(owner) is None:
        raise ListChanged


def _write(db: Session, writes: Writes, change_id: int | None = None) -> None:
    """Write everything but new movies. Updated movies get the change, or their own one if there is none."""
    for some in chunks(writes.movies):
        db.execute(_UPDATE_MOVIE, [_with_change(each, change_id) for each in some])
    for some in chunks(writes.deleted_viewing_ids):
        db.execute(delete(_VIEWINGS).where(_VIEWINGS.c.id.in_(some)))
    for some in chunks(writes.new_viewings):
        db.execute(insert(_VIEWINGS), [each._asdict() for each in some])
    for some in chunks(writes.viewings):
        db.execute(_UPDATE_VIEWING, some)


def _with_change(movie: dict[str, Any], change_id: int | None) -> dict[str, Any]:
    return movie if change_id is None else {**movie, "change_id": change_id}
