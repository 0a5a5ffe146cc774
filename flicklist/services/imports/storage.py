"""Uploaded files: stored, answered, confirmed and deleted. Nothing here commits.

What requests use is limited to one owner. The importer works on the imports of all people.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from flicklist.models import Import, ImportChunk, ImportRow, ImportSnapshot, User
from flicklist.models.meta import utc_now
from flicklist.models.movie import LimitReached
from flicklist.models.movie_import import (
    CHUNK_SIZE,
    CONFIRMATION_TIME,
    IMPORT_RETENTION,
    MAX_FILE_NAME_LENGTH,
    MAX_IMPORTS,
    RETRY_PAUSE,
    UNCONFIRMED,
    WORKING,
    ImportState,
)
from flicklist.models.user import IS_DELETED
from flicklist.text import has_visible_character, normalize, shorten

UNNAMED = "upload"
Part = ImportRow | ImportSnapshot | ImportChunk
# An import can have 200,000 rows and a file of 50 MB. Others wait while one transaction deletes so many parts.
BATCHES: Mapping[type[Part], int] = {
    ImportRow: 1000,
    ImportSnapshot: 50,  # a movie can have 1,000 viewings
    ImportChunk: 5,  # each is a megabyte
}


class WrongState(Exception):
    """Raised when something is done to an import that is not possible now, for example because it was done before."""


def store(
    db: Session, owner_id: int, file_name: str, file: IO[bytes], answers: Mapping[str, str] | None = None
) -> Import:
    """Store an uploaded file for the server to read. Raises `LimitReached`."""
    _make_room(db, owner_id)
    movie_import = Import(owner_id=owner_id, file_name=_base_name(file_name), size=0, answers=dict(answers or {}))
    db.add(movie_import)
    db.flush()
    size = 0
    for number, content in enumerate(iter(lambda: file.read(CHUNK_SIZE), b"")):
        db.execute(insert(ImportChunk).values(import_id=movie_import.id, number=number, content=content))
        size += len(content)
    movie_import.size = size
    return movie_import


def _make_room(db: Session, owner_id: int) -> None:
    """Discard the oldest imports of a person if there are too many. Raises `LimitReached` if all wait for the server.

    Imports that were refused or undone are discarded first, because nothing can be done with them any more. They are
    locked, so that none of them is confirmed or undone meanwhile.
    """
    own = (Import.owner_id == owner_id, ~has_expired())
    surplus = db.execute(select(func.count()).where(*own)).scalar_one() - MAX_IMPORTS + 1
    if surplus > 0:
        order = (Import.state.not_in((ImportState.REFUSED, ImportState.TAKEN_BACK)), Import.created_at, Import.id)
        replaceable = select(Import).where(*own, Import.state.not_in(WORKING)).order_by(*order)
        old_imports = db.scalars(replaceable.limit(surplus).with_for_update()).all()
        if len(old_imports) < surplus:
            raise LimitReached(f"You have {MAX_IMPORTS} unfinished imports. Wait until they are finished.")
        for old in old_imports:
            old.expire()


def _base_name(file_name: str) -> str:
    """Return the last part of a path without control characters. Some browsers send the whole path."""
    name = normalize(file_name.replace("\\", "/").rpartition("/")[2])
    printable = "".join(char for char in name if char.isprintable())
    return shorten(printable, MAX_FILE_NAME_LENGTH) if has_visible_character(printable) else UNNAMED


def write_file(read_db: Session, import_id: int, path: Path) -> None:
    """Write an uploaded file to the disk, in little memory."""
    content = select(ImportChunk.content).where(ImportChunk.import_id == import_id)
    with path.open("wb") as file:
        number = 0
        while (chunk := read_db.scalar(content.where(ImportChunk.number == number))) is not None:
            file.write(chunk)
            number += 1


def list_imports(db: Session, owner_id: int) -> Sequence[Import]:
    """Return the imports of a person, the newest one first. There are at most `MAX_IMPORTS`."""
    own = (Import.owner_id == owner_id, ~has_expired())
    return db.scalars(select(Import).where(*own).order_by(Import.created_at.desc(), Import.id.desc())).all()


def find_import(db: Session, owner_id: int, import_id: int, *, for_update: bool) -> Import | None:
    """Return an import. With `for_update`, lock it until the end of the transaction."""
    statement = select(Import).where(Import.owner_id == owner_id, Import.id == import_id, ~has_expired())
    return db.scalar(statement.with_for_update() if for_update else statement)


def answer(movie_import: Import, answers: Mapping[str, str]) -> None:
    """Answer questions about the file, which is then read again. Raises `WrongState`, also if no answer is new."""
    _require(movie_import, ImportState.READY)
    if not movie_import.has_other_answers(answers):
        raise WrongState
    movie_import.answers = {**movie_import.answers, **answers}
    movie_import.begin(ImportState.UPLOADED)


def confirm(movie_import: Import) -> None:
    """Let the server write the movies. Raises `WrongState`."""
    _require(movie_import, ImportState.READY)
    if not movie_import.can_be_confirmed:
        raise WrongState
    movie_import.begin(ImportState.CONFIRMED)


def discard(movie_import: Import) -> None:
    """Discard an upload that was not confirmed. Raises `WrongState`."""
    _require(movie_import, *UNCONFIRMED)
    movie_import.expire()


def begin_taking_back(movie_import: Import) -> None:
    """Let the server undo the import. Raises `WrongState`."""
    _require(movie_import, ImportState.FINISHED)
    movie_import.begin(ImportState.TAKING_BACK)


def delete_content(db: Session, import_id: int) -> None:
    """Delete the uploaded file, and keep the report."""
    db.execute(delete(ImportChunk).where(ImportChunk.import_id == import_id))


def next_import_id(read_db: Session) -> int | None:
    """Return the id of the import that has waited for the longest time. One that failed waits for `RETRY_PAUSE`.

    An import must not rely on movies that are about to be taken back. So the imports of a person have this order: the
    one that is partly written, which takes its movies back; those to be undone; the others.
    """
    waiting = select(Import.id).join(User).where(Import.state.in_(WORKING), ~IS_DELETED)
    can_be_tried = (Import.attempts == 0) | (Import.waiting_since < utc_now() - RETRY_PAUSE)
    other = aliased(Import)
    of_owner = (other.owner_id == Import.owner_id, other.id != Import.id)
    goes_first = is_partly_written(other) | (_takes_movies_back(other) & ~_takes_movies_back())
    must_wait = select(other.id).where(*of_owner, goes_first).exists()
    return read_db.scalar(waiting.where(can_be_tried, ~must_wait).order_by(Import.waiting_since, Import.id).limit(1))


def is_partly_written(movie_import: type[Import] = Import) -> ColumnElement[bool]:
    """Return whether some movies of the import were written, but not all. They are taken back before the next try."""
    return (movie_import.state == ImportState.CONFIRMED) & movie_import.change_id.is_not(None)


def _takes_movies_back(movie_import: type[Import] = Import) -> ColumnElement[bool]:
    return is_partly_written(movie_import) | (movie_import.state == ImportState.TAKING_BACK)


def will_take_movies_back(db: Session, owner_id: int) -> bool:
    """Return whether the server is about to take movies of a person back."""
    return db.scalar(select(Import.id).where(Import.owner_id == owner_id, _takes_movies_back()).limit(1)) is not None


def later_import_conditions(movie_import: Import) -> Sequence[ColumnElement[bool]]:
    """Return the conditions for an import of the same person that was written later and is not undone."""
    is_later = Import.change_id > movie_import.change_id  # ids of changes increase
    return (Import.owner_id == movie_import.owner_id, is_later, Import.state != ImportState.TAKEN_BACK, ~has_expired())


def later_import_ids(read_db: Session, movie_import: Import) -> Sequence[int]:
    """Return the ids of later imports of the same person that are not undone: none if the import changed nothing."""
    if movie_import.change_id is None:
        return []
    return read_db.scalars(select(Import.id).where(*later_import_conditions(movie_import)).order_by(Import.id)).all()


def let_others_go_first(db: Session, owner_id: int) -> None:
    """Let all other people go first before another import of this person is worked on, or the same one again."""
    own = (Import.owner_id == owner_id, Import.state.in_(WORKING))
    db.execute(update(Import).where(*own).values(waiting_since=utc_now()))


def lock_import(db: Session, import_id: int) -> Import | None:
    """Return an import, locked until the end of the transaction, or None if it or its account was deleted."""
    existing = select(Import).join(User).where(Import.id == import_id, ~IS_DELETED)
    return db.scalar(existing.with_for_update(of=Import))


def expired_import_ids(read_db: Session) -> Sequence[int]:
    """Return the ids of uploads that were discarded or not confirmed in time, and of old reports, of all people."""
    return read_db.scalars(select(Import.id).where(has_expired()).order_by(Import.id)).all()


def delete_part_of_expired_import(db: Session, import_id: int) -> bool:
    """Delete some parts of an expired import, or the import if it has none left. Return whether it was still there."""
    expired = select(Import.id).where(Import.id == import_id, has_expired())
    if db.scalar(expired.with_for_update()) is None:
        return False
    if not delete_some_parts(db, import_id):
        db.execute(delete(Import).where(Import.id == import_id))
    return True


def delete_some_parts(db: Session, import_id: int, kinds: Iterable[type[Part]] = BATCHES) -> bool:
    """Delete some parts of an import, which are of one kind. Return whether there were any."""
    for kind in kinds:
        some = select(kind.id).where(kind.import_id == import_id).limit(BATCHES[kind])
        if db.scalars(delete(kind).where(kind.id.in_(some)).returning(kind.id)).all():
            return True
    return False


def has_expired() -> ColumnElement[bool]:
    """Return whether the person discarded the import or took too long. One that waits for the server stays."""
    now = utc_now()
    is_unconfirmed = Import.state.in_(UNCONFIRMED) & (Import.waiting_since < now - CONFIRMATION_TIME)
    is_old = is_unconfirmed | (Import.created_at < now - IMPORT_RETENTION)
    return Import.state.not_in(WORKING) & is_old


def _require(movie_import: Import, *states: ImportState) -> None:
    if movie_import.state not in states:
        raise WrongState
