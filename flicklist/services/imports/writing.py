"""Write a planned import in short transactions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, column, delete, func, insert, select, table, update
from sqlalchemy.orm import Session

from flicklist.models import Base, Import, ImportRow, ImportSnapshot, Movie, User, Viewing
from flicklist.models.movie import MAX_TITLE_LENGTH
from flicklist.models.movie_import import MAX_FILE_NAME_LENGTH, MAX_REASON_LENGTH
from flicklist.models.user import IS_DELETED
from flicklist.services.changes import record_import
from flicklist.services.imports.planning import (
    MERGED_COLUMNS,
    NEW_COLUMNS,
    Fingerprint,
    PlannedRow,
    Writes,
    chunks,
    read_fingerprint,
)
from flicklist.services.imports.rows import Row, UnusableRow
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
    lock_owner(db, owner_id)
    for some in chunks(sorted(movie["movie_id"] for movie in writes.movies)):
        db.execute(select(Movie.id).where(Movie.id.in_(some)).order_by(Movie.id).with_for_update(of=Movie))
    if read_fingerprint(db, owner_id) != fingerprint:
        raise ListChanged
    if not writes.counts:  # an import that changes nothing records no change
        return fingerprint
    change_id = movie_import.change_id = movie_import.change_id or record_import(db, owner_id)
    for some in chunks(writes.snapshots):
        db.execute(insert(_SNAPSHOTS), [{"import_id": movie_import.id, **each._asdict()} for each in some])
    for some in chunks(writes.new_movies):
        db.execute(insert(_MOVIES), [dict(zip(NEW_COLUMNS, each, strict=True), change_id=change_id) for each in some])
    write_updates_and_viewings(db, writes, change_id)
    return fingerprint.after(writes, change_id)


def lock_owner(db: Session, owner_id: int) -> None:
    """Lock the account until the end of the transaction. Raises `ListChanged` if it was deleted.

    On PostgreSQL, the lock keeps two imports of one person apart, and lets requests add movies.
    """
    owner = select(User.id).where(User.id == owner_id, ~IS_DELETED).with_for_update(key_share=True)
    if db.scalar(owner) is None:
        raise ListChanged


def write_updates_and_viewings(db: Session, writes: Writes, change_id: int | None = None) -> None:
    """Write everything but new movies. With `change_id`, all updated movies get it, instead of that in their values."""
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
