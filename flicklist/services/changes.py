"""The undo history: recording changes of movies, undoing and redoing them.

Every query is limited to one owner. Nothing here commits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Delete, bindparam, delete, func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Change, Import, Movie
from flicklist.models.change import (
    CHANGE_RETENTION,
    IMPORTED,
    KEPT_CHANGES,
    MAX_CHANGES,
    MAX_CHANGES_SIZE,
    REDONE,
    SMALL_CHANGE_SIZE,
    UNDONE,
    earlier_label,
    equals_snapshot,
    is_undoing,
    size_of,
    snapshot,
)
from flicklist.models.meta import UtcDateTime, utc_now
from flicklist.services import viewings
from flicklist.services.imports.storage import has_expired, is_partly_written
from flicklist.services.pagination import Keyset, Page, PageRequest
from flicklist.services.watchlist import IsRemoved, change_with_unique_key, existing_ids, find_movies, last_changes

MAX_SHOWN_TITLES = 10  # per change on the page of changes
_OWN = Change.owner_id == bindparam("owner_id")
_ROWS = select(Change.id, Change.created_at, Change.outcome, Change.before).where(_OWN)
_NEWEST_FIRST = Keyset(_ROWS, Change.created_at, Change.id, descending=True)
_KEPT_SINCE = bindparam("kept_since", callable_=lambda: utc_now() - CHANGE_RETENTION, type_=UtcDateTime())
HAS_EXPIRED = Change.created_at < _KEPT_SINCE
_NEW_COLUMNS = ("owner_id", "created_at", "outcome", "before", "size")


def _insert_if_room() -> Any:
    """Return a statement that inserts a change and returns its id, unless there are `MAX_CHANGES` already."""
    columns = [Change.__table__.c[name] for name in _NEW_COLUMNS]
    is_full = select(Change.id).where(_OWN).offset(MAX_CHANGES - 1).limit(1).exists()
    new_row = select(*(bindparam(column.name, type_=column.type) for column in columns)).where(~is_full)
    return insert(Change).from_select(columns, new_row).returning(Change.id)


def _delete_oldest() -> Delete:
    """Return a statement that deletes all but the newest `KEPT_CHANGES`. It reads an index only."""
    newest_first = select(Change.created_at, Change.id).where(_OWN).order_by(Change.created_at.desc(), Change.id.desc())
    newest_surplus = newest_first.offset(KEPT_CHANGES).limit(1).scalar_subquery()
    return delete(Change).where(_OWN, tuple_(Change.created_at, Change.id) <= newest_surplus)


def _delete_too_large() -> Delete:
    """Return a statement that deletes the oldest changes, until those left are not too large together."""
    size_of_newer = func.sum(Change.size).over(order_by=(Change.created_at.desc(), Change.id.desc()))
    each = select(Change.id, size_of_newer.label("size_up_to_it")).where(_OWN).subquery()
    too_large = select(each.c.id).where(each.c.size_up_to_it > bindparam("max_size"))
    return delete(Change).where(_OWN, Change.id.in_(too_large))


_INSERT_IF_ROOM, _DELETE_OLDEST, _DELETE_TOO_LARGE = _insert_if_room(), _delete_oldest(), _delete_too_large()


class ListedChange(NamedTuple):
    """A change on the page of changes."""

    id: int
    created_at: datetime
    outcome: str
    before: list[dict[str, Any]]
    can_be_undone: bool
    has_first_movie: bool
    """Whether the first movie still exists."""
    movie_import: Import | None
    """The import that made the change. It is taken back on its own page."""
    number_of_undone_movies: int
    undid: str
    """The outcome of the change that this one undid or redid, or an empty text if it is not known."""

    @property
    def is_undoing(self) -> bool:
        return is_undoing(self.outcome)

    @property
    def number_of_movies(self) -> int:
        if self.movie_import is None:
            return len(self.before)
        return self.movie_import.number_of_movies

    @property
    def first_id(self) -> int:
        return self.before[0]["id"]

    @property
    def first_labels(self) -> list[str]:
        """The titles and years that the first movies had before the change."""
        return [earlier_label(each) for each in self.before[:MAX_SHOWN_TITLES]]


def changes_page(db: Session, owner_id: int, requested: PageRequest) -> Page:
    """Return a page of `ListedChange`, the newest first."""
    page = _NEWEST_FIRST.page(db.connection(), {"owner_id": owner_id}, requested, [~HAS_EXPIRED])
    if not page.rows:
        return page
    undoable = last_changes(db, owner_id, [change_id for change_id, *_ in page.rows])
    existing = existing_ids(db, owner_id, [before[0]["id"] for *_, before in page.rows if before])
    imports = _imports(db, owner_id, [change_id for change_id, _, outcome, _ in page.rows if outcome == IMPORTED])
    rows = [*_newer_rows(db, owner_id, page), *page.rows]
    undoings = _undoings(rows)
    outcomes = {change_id: outcome for change_id, _, outcome, _ in page.rows}
    undone = {undoings[change_id]: len(before) for change_id, *_, before in rows if change_id in undoings}
    listed = [
        ListedChange(
            change_id,
            created_at,
            outcome,
            before,
            can_be_undone=change_id in undoable,
            has_first_movie=bool(before) and before[0]["id"] in existing,
            movie_import=imports.get(change_id),
            number_of_undone_movies=undone.get(change_id, 0),
            undid=outcomes.get(_first_change(undoings, change_id), "") if change_id in undoings else "",
        )
        for change_id, created_at, outcome, before in page.rows
    ]
    return replace(page, rows=[change for change in listed if change.before or change.movie_import])


def _newer_rows(db: Session, owner_id: int, page: Page) -> Sequence[Any]:
    """Return the changes before the page, the newest first, because they may have undone changes of the page."""
    if not page.before:
        return []
    newer = _ROWS.where(Change.id > page.rows[0][0], ~HAS_EXPIRED).order_by(Change.created_at.desc(), Change.id.desc())
    return db.execute(newer, {"owner_id": owner_id}).all()


def _undoings(rows: Sequence[Any]) -> dict[int, int]:
    """Return which change each undo or redo among the rows undid. The rows are ordered from the newest.

    It is the one before it that had the same movies, because only the last change of a movie can be undone.
    """
    last: dict[int, int] = {}  # the last change of each movie
    undoings = {}
    for change_id, _, outcome, before in reversed(rows):
        movie_ids = [each["id"] for each in before]
        if outcome in {UNDONE, REDONE} and before and movie_ids[0] in last:
            undoings[change_id] = last[movie_ids[0]]
        last.update(dict.fromkeys(movie_ids, change_id))
    return undoings


def _first_change(undoings: Mapping[int, int], change_id: int) -> int:
    """Return the change that an undo or redo is about in the end, after any number of other ones."""
    while change_id in undoings:
        change_id = undoings[change_id]
    return change_id


def _imports(db: Session, owner_id: int, change_ids: Sequence[int]) -> dict[int | None, Import]:
    """Return the imports that made these changes, by the id of the change. One that is partly written is left out."""
    if not change_ids:
        return {}
    made = (Import.owner_id == owner_id, Import.change_id.in_(change_ids), ~has_expired(), ~is_partly_written())
    return {movie_import.change_id: movie_import for movie_import in db.scalars(select(Import).where(*made))}


def find_change(db: Session, owner_id: int, change_id: int) -> Change | None:
    return db.scalar(select(Change).where(Change.owner_id == owner_id, Change.id == change_id, ~HAS_EXPIRED))


def last_change_of(db: Session, movie: Movie) -> Change | None:
    """Return the change that a movie had last, or None if that was undoing another one, or is no longer kept."""
    change = find_change(db, movie.owner_id, movie.change_id) if movie.change_id is not None else None
    return None if change and change.is_undoing else change


def change_movie(db: Session, movie: Movie, action: Callable[[Movie], None], outcome: str) -> Change | None:
    """Change one listed movie and record that; see `change_movies`. Raises `IsRemoved`."""
    if movie.is_removed:
        raise IsRemoved(movie)
    return change_movies(db, movie.owner_id, [movie], action, outcome)


def change_viewings(db: Session, movie: Movie, action: Callable[[Movie], None], outcome: str) -> Change | None:
    """Change the viewings of one listed movie, and record all of them; see `change_movies`. Raises `IsRemoved`."""
    if movie.is_removed:
        raise IsRemoved(movie)
    snapshots = [(movie, snapshot(movie, with_viewings=True))]
    action(movie)
    return _record(db, movie.owner_id, [movie], snapshots, outcome)


def change_movies(
    db: Session, owner_id: int, movies: Sequence[Movie], action: Callable[[Movie], None], outcome: str
) -> Change | None:
    """Change movies, but not their viewings, and record their earlier state for undo.

    `outcome` describes the change: ``rated 4 ★``. Return the change. If no movie has changed, this may be a second
    click: return the change of the first click, or None.
    """
    snapshots = [(movie, snapshot(movie, with_viewings=False)) for movie in movies]
    for movie in movies:
        action(movie)
    return _record(db, owner_id, movies, snapshots, outcome)


def cross_off_movie(db: Session, movie: Movie, day: str) -> Change | None:
    """Cross off one listed movie; see `cross_off_movies`. Raises `IsRemoved`."""
    if movie.is_removed:
        raise IsRemoved(movie)
    return cross_off_movies(db, movie.owner_id, [movie], day)


def cross_off_movies(db: Session, owner_id: int, movies: Sequence[Movie], day: str) -> Change | None:
    """Cross off movies, each with a viewing on a day, and record that; see `change_movies`.

    The viewings that the movies have already are not loaded. Raises `LimitReached`.
    """
    unwatched = [movie for movie in movies if not movie.is_watched]
    snapshots = [(movie, snapshot(movie, with_viewings=False)) for movie in unwatched]
    added = viewings.add_to_movies(db, [movie.id for movie in unwatched], day)
    for movie, before in snapshots:
        movie.mark_watched(day)
        if movie.id in added:
            before["some_viewings"] = [{"id": added[movie.id]}]
    return _record(db, owner_id, movies, snapshots, "crossed off")


def _record(
    db: Session, owner_id: int, movies: Sequence[Movie], snapshots: Sequence[tuple[Movie, dict[str, Any]]], outcome: str
) -> Change | None:
    """Record which movies have changed, with their snapshots. `movies` includes those that needed no change."""
    changed = [(movie, before) for movie, before in snapshots if not equals_snapshot(movie, before)]
    if not changed:
        return _find_same_change(db, owner_id, movies, outcome)
    before = [before for _, before in changed]
    change = Change(owner_id=owner_id, created_at=utc_now(), outcome=outcome, before=before, size=size_of(before))
    change.id = _insert(db, change)
    for movie, _ in changed:
        movie.change_id = change.id
    return change


def record_import(db: Session, owner_id: int) -> int:
    """Record that an import is about to change movies, and return the id of the change."""
    return _insert(db, Change(owner_id=owner_id, created_at=utc_now(), outcome=IMPORTED, before=[], size=0))


def forget_import(db: Session, owner_id: int, change_id: int) -> None:
    """Delete the change of an import whose movies were taken back, because it will be written again or refused."""
    db.execute(delete(Change).where(Change.owner_id == owner_id, Change.id == change_id))


def _insert(db: Session, change: Change) -> int:
    """Insert a change and return its id. If there is no room for it, delete the oldest changes first.

    The change counts towards `MAX_CHANGES`, but not towards `MAX_CHANGES_SIZE`. The clean-up deletes expired changes.
    """
    # On the connection: the session would first flush the movies, and again when they have the id of the change.
    connection = db.connection()
    if change.size > SMALL_CHANGE_SIZE:
        connection.execute(_DELETE_TOO_LARGE, {"owner_id": change.owner_id, "max_size": MAX_CHANGES_SIZE})
    columns = {name: getattr(change, name) for name in _NEW_COLUMNS}
    change_id = connection.scalar(_INSERT_IF_ROOM, columns)
    if change_id is None:
        connection.execute(_DELETE_OLDEST, {"owner_id": change.owner_id})
        change_id = connection.execute(_INSERT_IF_ROOM, columns).scalar_one()
    return change_id


def _find_same_change(db: Session, owner_id: int, movies: Sequence[Movie], outcome: str) -> Change | None:
    """Return the newest change of the selected movies, if it had the same outcome and changed only selected movies.

    It need not have changed all of them: some may have needed no change.
    """
    last = max((movie.change_id for movie in movies if movie.change_id), default=None)
    same = (Change.owner_id == owner_id, Change.outcome == outcome, Change.id == last, ~HAS_EXPIRED)
    change = db.scalars(select(Change).where(*same)).first()
    changed = [movie.id for movie in movies if movie.change_id == last]
    return change if change is not None and change.movie_ids == changed else None


def undo(db: Session, change: Change) -> tuple[list[Movie], Change | None]:
    """Restore the movies to how they were before a change, except those that were changed again since.

    Return the restored movies and the change that records this undo. If nothing was undone, return ``[]`` and None.
    """
    found = find_movies(db, change.owner_id, change.movie_ids, for_update=True, with_viewings=change.has_viewings)
    movies = [movie for movie in found if movie.change_id == change.id]
    if not movies:
        return [], None
    try:
        with db.begin_nested():
            return movies, _restore(db, change, movies, change.restore)
    except IntegrityError:  # another movie has the title now
        return movies, _restore(db, change, movies, partial(_restore_with_unique_key, db, change))


def _restore(db: Session, change: Change, movies: Sequence[Movie], restore: Callable[[Movie], None]) -> Change | None:
    """Restore movies and their viewings to how they were before a change, and record that."""
    snapshots = [(movie, snapshot(movie, with_viewings=change.has_viewings)) for movie in movies]
    for movie in movies:
        restore(movie)
    recorded = {movie.id: some for movie in movies if (some := change.some_viewings_of(movie))}
    earlier = viewings.restore(db, recorded) if recorded else {}
    for movie, before in snapshots:
        if movie.id in earlier:
            before["some_viewings"] = earlier[movie.id]
    return _record(db, change.owner_id, movies, snapshots, change.outcome_of_undoing)


def _restore_with_unique_key(db: Session, change: Change, movie: Movie) -> None:
    change_with_unique_key(db, movie, partial(change.restore, movie))
