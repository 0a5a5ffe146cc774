"""Changes: what a person did to movies, and how those were before, so that it can be undone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, iso_format, utc_now
from flicklist.models.movie import Movie, Viewing

KEPT = timedelta(days=30)
_TIMES = ("watched_at", "removed_at")
_COLUMNS = ("title", "year", "why", "notes", "rating", "key")


class Change(Base):
    """How one or more movies were before something was done to them."""

    __tablename__ = "changes"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    before: Mapped[list[dict[str, Any]]] = mapped_column(JSON)

    @classmethod
    def of(cls, movies: Sequence[Movie]) -> "Change":
        """Note how the movies of one person are, before they are changed."""
        return cls(owner_id=movies[0].owner_id, before=[_snapshot(movie) for movie in movies])

    @property
    def movie_ids(self) -> list[int]:
        return [snapshot["id"] for snapshot in self.before]

    def bring_back(self, movie: Movie) -> None:
        """Make the movie what it was before this change."""
        (snapshot,) = (each for each in self.before if each["id"] == movie.id)
        _bring_back(movie, snapshot)


def _snapshot(movie: Movie) -> dict[str, Any]:
    return {
        "id": movie.id,
        **{name: getattr(movie, name) for name in _COLUMNS},
        **{name: iso_format(getattr(movie, name)) for name in _TIMES},
        "viewings": [{"id": each.id, "seen_on": each.seen_on, "note": each.note} for each in movie.viewings],
    }


def _bring_back(movie: Movie, snapshot: dict[str, Any]) -> None:
    movie.name(snapshot["title"], snapshot["year"])
    movie.describe(snapshot["why"], snapshot["notes"])
    for name in _COLUMNS:
        setattr(movie, name, snapshot[name])
    for name in _TIMES:
        setattr(movie, name, snapshot[name] and datetime.fromisoformat(snapshot[name]))
    present = {viewing.id: viewing for viewing in movie.viewings}
    movie.viewings = [present.get(row["id"]) or Viewing(id=row["id"]) for row in snapshot["viewings"]]
    for viewing, row in zip(movie.viewings, snapshot["viewings"], strict=True):
        viewing.seen_on, viewing.note = row["seen_on"], row["note"]
    movie.refresh_last_seen()
