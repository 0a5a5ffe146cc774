"""Movies, which are on the watchlist or watched, and their viewings."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flicklist.dates import FIRST_YEAR, LAST_YEAR
from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_IMDB_ID_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
    MAX_RUNTIME,
    FilmFacts,
)
from flicklist.labels import join_labels, label_keys, split_labels
from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, to_json, utc_now
from flicklist.search_words import searchable_beginning
from flicklist.text import compare_key, shorten
from flicklist.titles import sort_title

MAX_TITLE_LENGTH = 200
MAX_WHY_LENGTH = 300
MAX_NOTES_LENGTH = 5000
MAX_TAGS = 20
MAX_TAG_LENGTH = 40
MAX_TAGS_LENGTH = MAX_TAGS * (MAX_TAG_LENGTH + len(", "))
# The texts that searches compare, and their lengths. They are the lines of `search_text`, in this order.
SEARCHED_TEXTS = {
    "title": MAX_TITLE_LENGTH,
    "original_title": MAX_ORIGINAL_TITLE_LENGTH,
    "directors": MAX_DIRECTORS_LENGTH,
    "why": MAX_WHY_LENGTH,
    "notes": MAX_NOTES_LENGTH,
    "tags": MAX_TAGS_LENGTH,
}
# A text becomes at most so much longer for searches: a Korean syllable has three letters. U+FDFA with eighteen is cut.
SEARCH_TEXT_FACTOR = 3
MAX_VIEWING_NOTE_LENGTH = 1000
MAX_TOTAL_VIEWING_NOTES_LENGTH = 50_000  # total per movie, because a change of a viewing records all of them
DAY_LENGTH = len("2009-07-14")
MAX_VIEWINGS = 1000
TOO_MANY_VIEWINGS = f"A movie can have at most {MAX_VIEWINGS:,} viewings."
BEST_RATING = 10  # half-stars
REMOVED_RETENTION = timedelta(days=30)


def ordered_text(length: int) -> String:
    """Return a column type that is sorted and compared byte by byte on every database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _byte_text() -> Text:
    """Return a column type of any length that is compared byte by byte on every database."""
    return Text().with_variant(Text(collation="C"), "postgresql")


class NotWatched(Exception):
    """Raised when somebody rates an unwatched movie."""


class LimitReached(Exception):
    """Raised when a limit is reached. The message names it and is shown to the user."""


def movie_key(title: str, year: int | None) -> str:
    """Return the key of a title and year. A movie on a list has this key, or this and its id; see `add_id_to_key`."""
    return f"{compare_key(title)} ({year or ''})"


def movie_label(title: str, year: int | None) -> str:
    """Return the title, with the year if there is one: ``Heat (1995)``."""
    return f"{title} ({year})" if year else title


def quoted_label(title: str, year: int | None) -> str:
    """Return the label in quotation marks for a message. A long title is shortened, the year never is."""
    return f"“{movie_label(shorten(title), year)}”"


class MovieDetails(NamedTuple):
    """The texts and facts of a movie that a person can edit. `tags` are separated by ``", "``."""

    title: str
    year: int | None = None
    why: str = ""
    notes: str = ""
    tags: str = ""
    facts: FilmFacts = FilmFacts()

    @property
    def version(self) -> str:
        """A hash. An edit form uses it to detect that the movie has changed meanwhile."""
        return hashlib.sha256(to_json(self).encode()).hexdigest()[:16]


class Movie(Base):
    """A movie on one person's list. It is on the watchlist until it is crossed off, which sets `watched_at`.

    `last_watched_on` and the columns that begin with ``sort_`` are never null, because lists are paged by them.
    """

    __tablename__ = "movies"
    __table_args__ = (
        UniqueConstraint("owner_id", "key"),
        CheckConstraint(f"length(title) BETWEEN 1 AND {MAX_TITLE_LENGTH}", name="title_length"),
        CheckConstraint(f"length(why) <= {MAX_WHY_LENGTH}", name="why_length"),
        CheckConstraint(f"length(notes) <= {MAX_NOTES_LENGTH}", name="notes_length"),
        CheckConstraint(f"length(tags) <= {MAX_TAGS_LENGTH}", name="tags_length"),
        CheckConstraint(f"length(original_title) <= {MAX_ORIGINAL_TITLE_LENGTH}", name="original_title_length"),
        CheckConstraint(f"length(directors) <= {MAX_DIRECTORS_LENGTH}", name="directors_length"),
        CheckConstraint(f"runtime BETWEEN 1 AND {MAX_RUNTIME}", name="runtime_possible"),
        CheckConstraint(f"length(genres) <= {MAX_GENRES_LENGTH}", name="genres_length"),
        CheckConstraint(f"length(countries) <= {MAX_COUNTRIES_LENGTH}", name="countries_length"),
        CheckConstraint(f"length(imdb_id) <= {MAX_IMDB_ID_LENGTH}", name="imdb_id_length"),
        CheckConstraint("tmdb_id > 0", name="tmdb_id_positive"),
        CheckConstraint(f"length(letterboxd_uri) <= {MAX_LETTERBOXD_URI_LENGTH}", name="letterboxd_uri_length"),
        CheckConstraint(f"year BETWEEN {FIRST_YEAR} AND {LAST_YEAR}", name="year_possible"),
        CheckConstraint(f"rating BETWEEN 1 AND {BEST_RATING}", name="rating_on_scale"),
        CheckConstraint("rating IS NULL OR watched_at IS NOT NULL", name="rated_when_watched"),
        Index(None, "owner_id", "change_id"),
    )

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(MAX_TITLE_LENGTH))
    year: Mapped[int | None] = mapped_column(SmallInteger)
    why: Mapped[str] = mapped_column(String(MAX_WHY_LENGTH), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[str] = mapped_column(ordered_text(MAX_TAGS_LENGTH), server_default="")
    original_title: Mapped[str] = mapped_column(String(MAX_ORIGINAL_TITLE_LENGTH), server_default="")
    directors: Mapped[str] = mapped_column(String(MAX_DIRECTORS_LENGTH), server_default="")
    runtime: Mapped[int | None] = mapped_column(SmallInteger)
    genres: Mapped[str] = mapped_column(String(MAX_GENRES_LENGTH), server_default="")
    countries: Mapped[str] = mapped_column(String(MAX_COUNTRIES_LENGTH), server_default="")
    imdb_id: Mapped[str] = mapped_column(String(MAX_IMDB_ID_LENGTH), server_default="")
    tmdb_id: Mapped[int | None] = mapped_column(Integer)
    letterboxd_uri: Mapped[str] = mapped_column(String(MAX_LETTERBOXD_URI_LENGTH), server_default="")
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    watched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_watched_on: Mapped[str] = mapped_column(ordered_text(10), default="")
    # `compare_key` can make a title three times as long.
    key: Mapped[str] = mapped_column(ordered_text(MAX_TITLE_LENGTH * 3 + 30))
    sort_title: Mapped[str] = mapped_column(ordered_text(MAX_TITLE_LENGTH))
    sort_year: Mapped[int] = mapped_column(SmallInteger, Computed("coalesce(year, 0)", persisted=True))
    sort_rating: Mapped[int] = mapped_column(SmallInteger, Computed("coalesce(rating, 0)", persisted=True))
    search_text: Mapped[str] = mapped_column(_byte_text())
    # Filters by tag and genre read these, which are made by `label_keys`.
    tag_keys: Mapped[str] = mapped_column(_byte_text(), server_default="")
    genre_keys: Mapped[str] = mapped_column(_byte_text(), server_default="")
    # The last change of the movie. Only this one can be undone.
    change_id: Mapped[int | None] = mapped_column(BigId)

    viewings: Mapped[list["Viewing"]] = relationship(
        back_populates="movie",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="(func.coalesce(Viewing.watched_on, '').desc(), Viewing.id.desc())",
    )

    def __init__(self, *, title: str, year: int | None = None, **columns: Any) -> None:
        super().__init__(**{"why": "", "notes": "", "tags": "", **FilmFacts()._asdict(), **columns})
        self.set_title(title, year)

    @property
    def label(self) -> str:
        return movie_label(self.title, self.year)

    @property
    def quoted_label(self) -> str:
        """The label for a message; see `quoted_label`."""
        return quoted_label(self.title, self.year)

    @property
    def facts(self) -> FilmFacts:
        return FilmFacts(*(getattr(self, name) for name in FilmFacts._fields))

    @property
    def details(self) -> MovieDetails:
        return MovieDetails(self.title, self.year, self.why, self.notes, self.tags, self.facts)

    @property
    def is_watched(self) -> bool:
        return self.watched_at is not None

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None

    @property
    def has_expired(self) -> bool:
        """Whether the movie was removed too long ago to be restored."""
        return self.removed_at is not None and self.removed_at < utc_now() - REMOVED_RETENTION

    def set_title(self, title: str, year: int | None) -> None:
        """Set the title and year, and the columns that depend on them."""
        self.title, self.year, self.key = title, year, movie_key(title, year)
        self.sort_title = sort_title(title)[:MAX_TITLE_LENGTH]
        self.refresh_search_columns({"title"})

    def set_details(self, details: MovieDetails) -> None:
        """Set what a person can write, and the columns that depend on it. Without a new title, the key stays."""
        before = self._searched_texts()
        self.why, self.notes, self.tags = details.why, details.notes, details.tags
        for name, value in details.facts._asdict().items():
            setattr(self, name, value)
        if (self.title, self.year) != (details.title, details.year):
            self.set_title(details.title, details.year)
        changed = {name for name, text in self._searched_texts().items() if text != before[name]}
        self.refresh_search_columns(changed - {"title"})  # `set_title` does that

    def refresh_search_columns(self, changed: Collection[str] = SEARCHED_TEXTS) -> None:
        """Set the columns that searches and filters read, after the texts in `changed` have changed.

        The others are not folded again: that takes a second for fifty long notes, and nobody can write to SQLite then.
        """
        lines = (self.search_text or "").split("\n")
        if len(lines) != len(SEARCHED_TEXTS):  # there are none yet, or an earlier version has made a single one
            lines, changed = [""] * len(SEARCHED_TEXTS), SEARCHED_TEXTS
        for number, (name, max_length) in enumerate(SEARCHED_TEXTS.items()):
            if name in changed:
                text = getattr(self, name)
                lines[number] = text and searchable_beginning(text, SEARCH_TEXT_FACTOR * max_length)
        self.search_text = "\n".join(lines)
        self.tag_keys, self.genre_keys = label_keys(self.tags), label_keys(self.genres)

    def _searched_texts(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in SEARCHED_TEXTS}

    def add_id_to_key(self) -> None:
        """Make the key unique although another movie on the list has the same title and year."""
        self.key = f"{movie_key(self.title, self.year)} #{self.id}"

    def add_viewing(self, watched_on: str | None, note: str = "", *, notes_length: int | None = None) -> None:
        """Add a viewing. This also crosses the movie off. Raises `LimitReached`.

        `notes_length` is the length of all notes on viewings so far. Without it, they are added up.
        """
        if len(self.viewings) >= MAX_VIEWINGS:
            raise LimitReached(TOO_MANY_VIEWINGS)
        self._check_notes_length(note, notes_length=notes_length)
        self.viewings.append(Viewing(watched_on=watched_on, note=note))
        self.mark_watched(watched_on)

    def mark_watched(self, watched_on: str | None) -> None:
        """Mark the movie as watched by a viewing that is added or exists on a date as in `Viewing`."""
        self.watched_at = utc_now()
        self.last_watched_on = max(self.last_watched_on or "", watched_on or "")

    def rewatch(self, day: str) -> None:
        """Add a viewing on a day, unless there is one."""
        if not self.was_watched_on(day):
            self.add_viewing(day)

    def add_viewing_once(self, watched_on: str | None, note: str) -> None:
        """Add a viewing, unless the same one exists for that day. Two in the same month or year can both be true."""
        is_day = len(watched_on or "") == DAY_LENGTH
        if not (is_day and any((each.watched_on, each.note) == (watched_on, note) for each in self.viewings)):
            self.add_viewing(watched_on, note)

    def was_watched_on(self, day: str) -> bool:
        return any(viewing.watched_on == day for viewing in self.viewings)

    def edit_viewing(
        self, viewing: "Viewing", watched_on: str | None, note: str, *, notes_length: int | None = None
    ) -> None:
        """Change the date and note of a viewing. Raises `LimitReached`. `notes_length` is as in `add_viewing`."""
        self._check_notes_length(note, in_place_of=viewing.note, notes_length=notes_length)
        is_moved = watched_on != viewing.watched_on
        viewing.watched_on, viewing.note = watched_on, note
        if is_moved:
            self.refresh_last_watched_on()

    def _check_notes_length(self, note: str, in_place_of: str = "", *, notes_length: int | None = None) -> None:
        if len(note) <= len(in_place_of):
            return
        before = sum(len(viewing.note) for viewing in self.viewings) if notes_length is None else notes_length
        if before - len(in_place_of) + len(note) > MAX_TOTAL_VIEWING_NOTES_LENGTH:
            limit = f"{MAX_TOTAL_VIEWING_NOTES_LENGTH:,}"
            raise LimitReached(f"The notes on the viewings of a movie can have at most {limit} characters in total.")

    def delete_viewing(self, viewing: "Viewing", *, moves_to_watchlist: bool) -> None:
        """Delete a viewing. With `moves_to_watchlist`, deleting the last one moves the movie back to the watchlist."""
        self.viewings.remove(viewing)
        self.refresh_last_watched_on()
        if moves_to_watchlist and not self.viewings:
            self.move_to_watchlist()

    def refresh_last_watched_on(self) -> None:
        self.last_watched_on = max((viewing.watched_on or "" for viewing in self.viewings), default="")

    def move_to_watchlist(self) -> None:
        """Move the movie back to the watchlist. It loses its rating and keeps its viewings."""
        self.watched_at = self.rating = None

    def rate(self, rating: int | None) -> None:
        """Set the rating, in half-stars from 1 to 10, or None for no rating. Raises `NotWatched`."""
        if not self.is_watched:
            raise NotWatched(self.title)
        self.rating = rating

    def add_tags(self, labels: Iterable[str]) -> None:
        """Add tags. One with the same `compare_key` as a tag of the movie is not added. Raises `LimitReached`."""
        tags = split_labels(join_labels([self.tags, *labels]))
        if len(tags) > MAX_TAGS:
            raise LimitReached(f"A movie can have at most {MAX_TAGS} tags. {self.quoted_label} would have {len(tags)}.")
        self._set_tags(tags)

    def remove_tags(self, labels: Iterable[str]) -> None:
        """Remove tags, however they are spelled. Tags that the movie does not have are ignored."""
        keys = set(map(compare_key, labels))
        self._set_tags(tag for tag in split_labels(self.tags) if compare_key(tag) not in keys)

    def _set_tags(self, labels: Iterable[str]) -> None:
        self.tags = join_labels(labels)
        self.refresh_search_columns({"tags"})

    def remove(self) -> None:
        """Take the movie off the list. For `REMOVED_RETENTION` it can be restored, with its viewings and rating."""
        if not self.is_removed:
            self.removed_at = utc_now()

    def restore(self) -> None:
        self.removed_at = None


class Viewing(Base):
    """One viewing of a movie.

    `watched_on` is a day, a month or a year in ISO 8601, or None if unknown: ``2009-07-14``, ``2009-07``, ``2009``.
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
    """Index a person's list in one sort order, so that finding any page costs the same."""
    Index(name, Movie.owner_id, *columns, Movie.id, sqlite_where=predicate, postgresql_where=predicate)


_index("ix_movies_on_watchlist_by_added", IS_ON_WATCHLIST, Movie.added_at)
_index("ix_movies_on_watchlist_by_title", IS_ON_WATCHLIST, Movie.sort_title)
_index("ix_movies_on_watchlist_by_year", IS_ON_WATCHLIST, Movie.sort_year)
_index("ix_movies_watched_by_watched_on", IS_WATCHED, Movie.last_watched_on, Movie.watched_at)
_index("ix_movies_watched_by_added", IS_WATCHED, Movie.added_at)
_index("ix_movies_watched_by_title", IS_WATCHED, Movie.sort_title)
_index("ix_movies_watched_by_year", IS_WATCHED, Movie.sort_year)
_index("ix_movies_watched_by_rating", IS_WATCHED, Movie.sort_rating)
_index("ix_movies_removed", IS_REMOVED, Movie.removed_at)
_index("ix_movies_with_tags", Movie.tags != "")  # without the tags, which can be too long for an index
