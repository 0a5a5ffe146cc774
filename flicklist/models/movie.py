"""Movies: to watch, or watched and perhaps rated."""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, utc_now

TITLE_MOST_LENGTH = 200
# *Passage de Vénus*, the oldest entry of IMDb, is from 1874.
FIRST_YEAR, LAST_YEAR = 1874, 2100
BEST_RATING = 10  # half-stars


class NotWatched(Exception):
    """Only a movie that was watched can be rated."""


def title_key(title: str) -> str:
    """Return what a title has in common with the same title in other letter cases and spaces."""
    return unicodedata.normalize("NFC", " ".join(title.split()).casefold())


def movie_key(title: str, year: int | None) -> str:
    """Return what makes two movies the same one: the title in any letter case, and the year."""
    return f"{title_key(title)} ({year or ''})"


class Movie(Base):
    """A movie on one person's list. It is to watch until `watched_at` says when it was crossed off."""

    __tablename__ = "movies"
    __table_args__ = (
        UniqueConstraint("owner_id", "key"),
        CheckConstraint(f"length(title) BETWEEN 1 AND {TITLE_MOST_LENGTH}", name="title_length"),
        CheckConstraint(f"year BETWEEN {FIRST_YEAR} AND {LAST_YEAR}", name="year_possible"),
        CheckConstraint(f"rating BETWEEN 1 AND {BEST_RATING}", name="rating_on_scale"),
        CheckConstraint("rating IS NULL OR watched_at IS NOT NULL", name="rated_when_watched"),
    )

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(TITLE_MOST_LENGTH))
    year: Mapped[int | None] = mapped_column(SmallInteger)
    # Folding can lengthen a title: "ß" becomes "ss", and U+0390 three characters.
    key: Mapped[str] = mapped_column(String(TITLE_MOST_LENGTH * 3 + 10))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    watched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rating: Mapped[int | None] = mapped_column(SmallInteger)

    def __init__(self, *, title: str, year: int | None = None, **columns: Any) -> None:
        super().__init__(title=title, year=year, key=movie_key(title, year), **columns)

    @property
    def label(self) -> str:
        """The title, with the year where it is known: ``Heat (1995)``."""
        return f"{self.title} ({self.year})" if self.year else self.title

    @property
    def is_watched(self) -> bool:
        return self.watched_at is not None

    def cross_off(self) -> None:
        """Say that the movie was watched, now; one that was watched stays as it is."""
        if not self.is_watched:
            self.watched_at = utc_now()

    def put_back(self) -> None:
        """Return the movie to the movies to watch, without its rating."""
        self.watched_at = self.rating = None

    def rate(self, rating: int | None) -> None:
        """Give the movie 1 to 10 half-stars, or ``None`` for no rating. Raises `NotWatched`."""
        if not self.is_watched:
            raise NotWatched(self.title)
        self.rating = rating


Index(
    "ix_movies_to_watch",
    Movie.owner_id,
    Movie.added_at,
    Movie.id,
    sqlite_where=Movie.watched_at.is_(None),
    postgresql_where=Movie.watched_at.is_(None),
)
Index(
    "ix_movies_watched",
    Movie.owner_id,
    Movie.watched_at,
    Movie.id,
    sqlite_where=Movie.watched_at.is_not(None),
    postgresql_where=Movie.watched_at.is_not(None),
)
