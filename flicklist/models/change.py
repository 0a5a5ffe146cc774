"""The undo history: each change with the earlier state of its movies."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.film_facts import FilmFacts
from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, iso_format, to_json, utc_now
from flicklist.models.movie import Movie, MovieDetails, Viewing, movie_label

CHANGE_RETENTION = timedelta(days=30)
MAX_CHANGES = 100  # per person
MAX_CHANGES_SIZE = 5_000_000  # per person, not counting the newest change
MAX_OUTCOME_LENGTH = 60
UNDONE, REDONE = "undone", "redone"
IMPORTED = "imported"
_TIMES = ("watched_at", "removed_at")
_COLUMNS = ("title", "year", "why", "notes", "tags", *FilmFacts._fields, "rating")


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

    def earlier_values(self, name: str) -> list[Any]:
        """Return one value of each movie before this change, such as ``rating``."""
        return [each[name] for each in self.before]

    def restore(self, movie: Movie) -> None:
        """Restore the state of the movie before this change."""
        (before,) = (each for each in self.before if each["id"] == movie.id)
        restore_snapshot(movie, before)


def is_undoing(outcome: str) -> bool:
    return outcome == UNDONE


def earlier_label(before: dict[str, Any]) -> str:
    """Return the title of a movie before a change, with the year if there was one."""
    return movie_label(before["title"], before["year"])


def snapshot(movie: Movie) -> dict[str, Any]:
    """Return everything that a change of the movie can affect, as JSON values."""
    return {
        "id": movie.id,
        **{name: getattr(movie, name) for name in _COLUMNS},
        **{name: iso_format(getattr(movie, name)) for name in _TIMES},
        "viewings": [{"id": each.id, "watched_on": each.watched_on, "note": each.note} for each in movie.viewings],
    }


def size_of(before: list[dict[str, Any]]) -> int:
    return len(to_json(before))


def equals_snapshot(movie: Movie, before: dict[str, Any]) -> bool:
    return snapshot(movie) == before


def restore_snapshot(movie: Movie, before: dict[str, Any]) -> None:
    """Restore the state of a movie that `snapshot` returned."""
    before = snapshot(movie) | before  # a snapshot of an older version lacks newer columns
    facts = FilmFacts(*(before[name] for name in FilmFacts._fields))
    texts = {name: before[name] for name in ("title", "year", "why", "notes", "tags")}
    movie.set_details(MovieDetails(**texts, facts=facts))
    movie.rating = before["rating"]
    for name in _TIMES:
        setattr(movie, name, before[name] and datetime.fromisoformat(before[name]))
    present = {viewing.id: viewing for viewing in movie.viewings}
    movie.viewings = [present.get(row["id"]) or Viewing(id=row["id"]) for row in before["viewings"]]
    for viewing, row in zip(movie.viewings, before["viewings"], strict=True):
        viewing.watched_on, viewing.note = row["watched_on"], row["note"]
    movie.refresh_last_watched_on()
