"""The undo history: each change with the earlier state of its movies."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.film_facts import FilmFacts
from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, iso_format, to_json, utc_now
from flicklist.models.movie import Movie, MovieDetails, Viewing, movie_label

CHANGE_RETENTION = timedelta(days=30)
KEPT_CHANGES = 100  # per person
MAX_CHANGES = 110  # then all but `KEPT_CHANGES` are deleted: ten together take less time than one for each new one
MAX_CHANGES_SIZE = 5_000_000  # characters per person, without the newest change and small ones
SMALL_CHANGE_SIZE = 5_000  # up to this, sizes are not added up: that takes longer than recording the change
MAX_OUTCOME_LENGTH = 60
UNDONE, REDONE = "undone", "redone"
IMPORTED = "imported"
_TIMES = ("watched_at", "removed_at")
_COLUMNS = ("title", "year", "why", "notes", "tags", *FilmFacts._fields, "rating", "last_watched_on")


class Change(Base):
    """A change of one or more movies, with their earlier state.

    `outcome` describes the change in words. A form that is sent twice is recognized by having the same outcome as the
    last change; see `flicklist.services.changes`. An import is a change without earlier states: it has its own records,
    see `flicklist.models.movie_import`.
    """

    __tablename__ = "changes"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    outcome: Mapped[str] = mapped_column(String(MAX_OUTCOME_LENGTH))
    before: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    size: Mapped[int] = mapped_column(server_default="0")
    """Characters of `before`, as JSON."""

    @property
    def is_undoing(self) -> bool:
        """Return whether this change undid another one. Undoing it is a redo."""
        return is_undoing(self.outcome)

    @property
    def outcome_of_undoing(self) -> str:
        return REDONE if self.is_undoing else UNDONE

    @property
    def movie_ids(self) -> list[int]:
        return self.earlier_values("id")

    @property
    def has_viewings(self) -> bool:
        """Return whether all viewings of the movies were recorded."""
        return any("viewings" in each for each in self.before)

    def some_viewings_of(self, movie: Movie) -> list[dict[str, Any]]:
        """Return the viewings that were recorded alone, because the change left the others of the movie as they were.

        See `flicklist.services.viewings`.
        """
        return self._before(movie).get("some_viewings", [])

    def _before(self, movie: Movie) -> dict[str, Any]:
        (before,) = (each for each in self.before if each["id"] == movie.id)
        return before

    def earlier_values(self, name: str) -> list[Any]:
        """Return one value of each movie before this change, such as ``rating``."""
        return [each[name] for each in self.before]

    def restore(self, movie: Movie) -> None:
        """Restore the state of the movie before this change."""
        restore_snapshot(movie, self._before(movie))


def is_undoing(outcome: str) -> bool:
    return outcome == UNDONE


def earlier_label(before: dict[str, Any]) -> str:
    """Return the title of a movie before a change, with the year if there was one."""
    return movie_label(before["title"], before["year"])


def snapshot(movie: Movie, *, with_viewings: bool) -> dict[str, Any]:
    """Return what a change of the movie can affect, as JSON values.

    Most changes do not affect the viewings. Leave them out then: a movie can have `MAX_VIEWINGS`.
    """
    return {
        "id": movie.id,
        **{name: getattr(movie, name) for name in _COLUMNS},
        **{name: iso_format(getattr(movie, name)) for name in _TIMES},
        **({"viewings": viewing_values(movie)} if with_viewings else {}),
    }


def viewing_values(movie: Movie) -> list[dict[str, Any]]:
    """Return the viewings of a movie as JSON values."""
    return [{"id": each.id, "watched_on": each.watched_on, "note": each.note} for each in movie.viewings]


def size_of(before: list[dict[str, Any]]) -> int:
    return len(to_json(before))


def equals_snapshot(movie: Movie, before: dict[str, Any]) -> bool:
    return snapshot(movie, with_viewings="viewings" in before) == before


def restore_snapshot(movie: Movie, before: dict[str, Any]) -> None:
    """Restore the state of a movie that `snapshot` returned."""
    before = snapshot(movie, with_viewings=False) | before  # an older version recorded fewer columns
    facts = FilmFacts(*(before[name] for name in FilmFacts._fields))
    texts = {name: before[name] for name in ("title", "year", "why", "notes", "tags")}
    movie.set_details(MovieDetails(**texts, facts=facts))
    movie.rating = before["rating"]
    for name in _TIMES:
        setattr(movie, name, before[name] and datetime.fromisoformat(before[name]))
    movie.last_watched_on = before["last_watched_on"]
    if "viewings" in before:
        _restore_viewings(movie, before["viewings"])


def _restore_viewings(movie: Movie, rows: list[dict[str, Any]]) -> None:
    present = {viewing.id: viewing for viewing in movie.viewings}
    movie.viewings = [present.get(row["id"]) or Viewing(id=row["id"]) for row in rows]
    for viewing, row in zip(movie.viewings, rows, strict=True):
        viewing.watched_on, viewing.note = row["watched_on"], row["note"]
    movie.refresh_last_watched_on()
