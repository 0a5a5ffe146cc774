"""Movies: to watch, or watched and perhaps rated; and the viewings, each one time that a movie was seen."""

import hashlib
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, utc_now
from flicklist.text import fold, without_article

MAX_TITLE_LENGTH = 200
MAX_WHY_LENGTH = 300
MAX_NOTES_LENGTH = 5000
MAX_VIEWING_NOTE_LENGTH = 1000
MAX_VIEWING_NOTES_LENGTH = 50_000  # of one movie together: all of them are noted with each change of it
DAY_LENGTH = len("2009-07-14")
MAX_VIEWINGS = 1000
# *Passage de Vénus*, the oldest film on IMDb, is from 1874.
FIRST_YEAR, LAST_YEAR = 1874, 2100
BEST_RATING = 10  # half-stars
REMOVED_KEPT = timedelta(days=30)


def ordered_text(length: int) -> String:
    """Make a column type that sorts and compares byte by byte on every database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class NotWatched(Exception):
    """Only a movie that was watched can be rated."""


class LimitReached(Exception):
    """There is as much as there can be, which the message says."""


def title_key(title: str) -> str:
    """Return what a title has in common with the same title in other letter cases and spaces."""
    return unicodedata.normalize("NFC", " ".join(title.split()).casefold())


def movie_key(title: str, year: int | None) -> str:
    """Return what makes two movies the same one: the title in any letter case, and the year."""
    return f"{title_key(title)} ({year or ''})"


class Movie(Base):
    """A movie on one person's list. It is to watch until `watched_at` says when it was crossed off.

    The columns that begin with ``sort_`` and `last_watched_on` are never null, so that a list can be paged by them.
    """

    __tablename__ = "movies"
    __table_args__ = (
        UniqueConstraint("owner_id", "key"),
        CheckConstraint(f"length(title) BETWEEN 1 AND {MAX_TITLE_LENGTH}", name="title_length"),
        CheckConstraint(f"length(why) <= {MAX_WHY_LENGTH}", name="why_length"),
        CheckConstraint(f"length(notes) <= {MAX_NOTES_LENGTH}", name="notes_length"),
        CheckConstraint(f"year BETWEEN {FIRST_YEAR} AND {LAST_YEAR}", name="year_possible"),
        CheckConstraint(f"rating BETWEEN 1 AND {BEST_RATING}", name="rating_on_scale"),
        CheckConstraint("rating IS NULL OR watched_at IS NOT NULL", name="rated_when_watched"),
    )

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(MAX_TITLE_LENGTH))
    year: Mapped[int | None] = mapped_column(SmallInteger)
    why: Mapped[str] = mapped_column(String(MAX_WHY_LENGTH), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    watched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_watched_on: Mapped[str] = mapped_column(ordered_text(10), default="")
    # Folding can lengthen a title: "ß" becomes "ss", and U+0390 three characters.
    key: Mapped[str] = mapped_column(ordered_text(MAX_TITLE_LENGTH * 3 + 30))
    sort_title: Mapped[str] = mapped_column(ordered_text(MAX_TITLE_LENGTH))
    sort_year: Mapped[int] = mapped_column(SmallInteger, Computed("coalesce(year, 0)", persisted=True))
    sort_rating: Mapped[int] = mapped_column(SmallInteger, Computed("coalesce(rating, 0)", persisted=True))
    search_text: Mapped[str] = mapped_column(Text)
    # The change that touched the movie last: only that one can be undone.
    change_id: Mapped[int | None] = mapped_column(BigId)

    viewings: Mapped[list["Viewing"]] = relationship(
        back_populates="movie",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(func.coalesce(Viewing.watched_on, '').desc(), Viewing.id.desc())",
    )

    def __init__(self, *, title: str, year: int | None = None, **columns: Any) -> None:
        super().__init__(**{"why": "", "notes": "", **columns})
        self.name(title, year)

    @property
    def label(self) -> str:
        """The title, with the year where it is known: ``Heat (1995)``."""
        return f"{self.title} ({self.year})" if self.year else self.title

    @property
    def version(self) -> str:
        return version_of(self.title, self.year, self.why, self.notes)

    @property
    def is_watched(self) -> bool:
        return self.watched_at is not None

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None

    def name(self, title: str, year: int | None) -> None:
        """Give the movie its title and year, and what follows from them."""
        self.title, self.year, self.key = title, year, movie_key(title, year)
        self.sort_title = without_article(fold(title))[:MAX_TITLE_LENGTH]
        self.refresh_search_text()

    def describe(self, why: str, notes: str) -> None:
        self.why, self.notes = why, notes
        self.refresh_search_text()

    def refresh_search_text(self) -> None:
        self.search_text = fold(f"{self.title} {self.why} {self.notes}")

    def add_id_to_key(self) -> None:
        """Let the movie stand beside another one of the same title and year, as its owner wants it to."""
        self.key = f"{movie_key(self.title, self.year)} #{self.id}"

    def cross_off(self, watched_on: str | None) -> None:
        """Say that the movie was watched, at a date as in `Viewing`; one that was watched stays as it is."""
        if self.is_watched:
            return
        if watched_on and self.was_watched_on(watched_on):  # and put back, on the same day
            self.watched_at = utc_now()
        else:
            self.add_viewing(watched_on)

    def add_viewing(self, watched_on: str | None, note: str = "") -> None:
        """Note a viewing; a movie that was to watch is crossed off by it. Raises `LimitReached`."""
        if len(self.viewings) >= MAX_VIEWINGS:
            raise LimitReached(f"A movie can have at most {MAX_VIEWINGS:,} viewings.")
        self._check_notes_length(note)
        self.viewings.append(Viewing(watched_on=watched_on, note=note))
        self.watched_at = utc_now()
        self.refresh_last_watched_on()

    def rewatch(self, day: str) -> None:
        """Note a viewing of a day, if none is."""
        if not self.was_watched_on(day):
            self.add_viewing(day)

    def add_viewing_once(self, watched_on: str | None, note: str) -> None:
        """Note a viewing, unless this very one is noted: that of a day. In a year it may have been seen twice."""
        is_day = len(watched_on or "") == DAY_LENGTH
        if not (is_day and any((each.watched_on, each.note) == (watched_on, note) for each in self.viewings)):
            self.add_viewing(watched_on, note)

    def was_watched_on(self, day: str) -> bool:
        return any(viewing.watched_on == day for viewing in self.viewings)

    def edit_viewing(self, viewing: "Viewing", watched_on: str | None, note: str) -> None:
        """Write another date and note. Raises `LimitReached`."""
        self._check_notes_length(note, in_place_of=viewing.note)
        viewing.watched_on, viewing.note = watched_on, note
        self.refresh_last_watched_on()

    def _check_notes_length(self, note: str, in_place_of: str = "") -> None:
        length = sum(len(viewing.note) for viewing in self.viewings) - len(in_place_of) + len(note)
        if len(note) > len(in_place_of) and length > MAX_VIEWING_NOTES_LENGTH:
            most = f"{MAX_VIEWING_NOTES_LENGTH:,}"
            raise LimitReached(f"The notes on the viewings of a movie can have at most {most} characters together.")

    def delete_viewing(self, viewing: "Viewing", *, moves_to_watchlist: bool) -> None:
        """Delete a viewing; with the last one the movie goes back to the movies to watch, where that is wanted."""
        self.viewings.remove(viewing)
        self.refresh_last_watched_on()
        if moves_to_watchlist and not self.viewings:
            self.move_to_watchlist()

    def refresh_last_watched_on(self) -> None:
        self.last_watched_on = max((viewing.watched_on or "" for viewing in self.viewings), default="")

    def move_to_watchlist(self) -> None:
        """Return the movie to the movies to watch, without its rating; its viewings stay what they were."""
        self.watched_at = self.rating = None

    def rate(self, rating: int | None) -> None:
        """Give the movie 1 to 10 half-stars, or ``None`` for no rating. Raises `NotWatched`."""
        if not self.is_watched:
            raise NotWatched(self.title)
        self.rating = rating

    def remove(self) -> None:
        """Take the movie off the list. It can be restored, with all it had, for `REMOVED_KEPT`."""
        if not self.is_removed:
            self.removed_at = utc_now()

    def restore(self) -> None:
        self.removed_at = None


def version_of(title: str, year: int | None, why: str, notes: str) -> str:
    """Return what stands for all that a person wrote about a movie, so that a form knows when it has changed."""
    words = "\0".join([title, str(year or ""), why, notes])
    return hashlib.sha256(words.encode()).hexdigest()[:16]


class Viewing(Base):
    """One time that a movie was seen: on a day, in a month, in a year, or nobody knows when.

    `watched_on` is ISO 8601 of that precision: ``2009-07-14``, ``2009-07``, ``2009`` or ``None``.
    """

    __tablename__ = "viewings"
    __table_args__ = (
        CheckConstraint("length(watched_on) IN (4, 7, 10)", name="watched_on_precision"),
        CheckConstraint(f"length(note) <= {MAX_VIEWING_NOTE_LENGTH}", name="note_length"),
        Index(None, "movie_id", "watched_on"),
    )

    id: Mapped[PrimaryKey]
    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey("movies.id", ondelete="CASCADE"))
    watched_on: Mapped[str | None] = mapped_column(ordered_text(10))
    note: Mapped[str] = mapped_column(String(MAX_VIEWING_NOTE_LENGTH), default="")

    movie: Mapped[Movie] = relationship(back_populates="viewings")


IS_LISTED = Movie.removed_at.is_(None)
IS_ON_WATCHLIST = IS_LISTED & Movie.watched_at.is_(None)
IS_WATCHED = IS_LISTED & Movie.watched_at.is_not(None)
IS_REMOVED = Movie.removed_at.is_not(None)


def _index(name: str, predicate: Any, *columns: Any) -> None:
    """Index one of a person's lists in one of its orders, so that every page of it is found at once."""
    Index(name, Movie.owner_id, *columns, Movie.id, sqlite_where=predicate, postgresql_where=predicate)


_index("ix_movies_to_watch_by_added", IS_ON_WATCHLIST, Movie.added_at)
_index("ix_movies_to_watch_by_title", IS_ON_WATCHLIST, Movie.sort_title)
_index("ix_movies_to_watch_by_year", IS_ON_WATCHLIST, Movie.sort_year)
_index("ix_movies_watched_by_watched_on", IS_WATCHED, Movie.last_watched_on, Movie.watched_at)
_index("ix_movies_watched_by_added", IS_WATCHED, Movie.added_at)
_index("ix_movies_watched_by_title", IS_WATCHED, Movie.sort_title)
_index("ix_movies_watched_by_year", IS_WATCHED, Movie.sort_year)
_index("ix_movies_watched_by_rating", IS_WATCHED, Movie.sort_rating)
_index("ix_movies_removed", IS_REMOVED, Movie.removed_at)
