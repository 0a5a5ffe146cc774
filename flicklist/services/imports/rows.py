"""The rows of an uploaded file, in one form for all formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from sys import getsizeof
from typing import NamedTuple

from flicklist.film_facts import FilmFacts

# Tags that several formats give: to what a person likes, and to watched movies that are still on their watchlist.
LIKED, REWATCH = "liked", "rewatch"
TOO_MUCH_TEXT = "The texts in this upload are too long together. Split it into smaller files."
_EMPTY_SIZE = getsizeof("")


class Status(StrEnum):
    """The list that a row puts a movie on."""

    WATCHLIST = "watchlist"
    WATCHED = "watched"


class RowViewing(NamedTuple):
    """One viewing, with a date as in `flicklist.models.Viewing`."""

    watched_on: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, which is about one movie.

    `line` is the first line of the row in the file, or the number of the element in a list of JSON, both from 1.
    Without a `status` the row only tags or rates a movie that other rows add: a film of a Letterboxd list, for example.
    A watched movie without `viewings` gets one without a date, unless the movie has a viewing.
    With an empty `title`, the movie is named by its ids alone. Such a row is refused if no movie of the list has one.
    A row that `is_complete` says everything about its movie, as an export of FlickList does: no other viewing is added,
    and each such row of a file is another movie, even with the same title and year.
    `rating` is in half-stars. `remark` says what the import loses: "Rating 7.5 of 10, rounded to 4 ★."
    """

    file: str
    line: int
    title: str
    year: int | None = None
    facts: FilmFacts = FilmFacts()
    status: Status | None = None
    rating: int | None = None
    viewings: Sequence[RowViewing] = ()
    tags: Sequence[str] = ()
    why: str = ""
    notes: str = ""
    added_at: datetime | None = None
    watched_at: datetime | None = None
    removed_at: datetime | None = None
    remark: str = ""
    is_complete: bool = False

    @property
    def text_size(self) -> int:
        """The bytes that the texts take in memory."""
        facts = (fact for fact in self.facts if isinstance(fact, str))
        notes = (viewing.note for viewing in self.viewings)
        texts = sum(map(_size, (self.title, self.why, self.notes, self.remark, *facts, *notes)))
        return texts + sum(map(getsizeof, self.tags))  # there can be many short ones


@dataclass(frozen=True, slots=True)
class UnusableRow:
    """A row that cannot be imported, with the reason. If `needs_decision`, the person can change the file; else not."""

    file: str
    line: int
    title: str
    reason: str
    needs_decision: bool = False

    @property
    def text_size(self) -> int:
        """The bytes that the texts take in memory."""
        return _size(self.title) + _size(self.reason)


def _size(text: str) -> int:
    """Return the bytes of a text in memory: one to four for each character, as many as the widest one needs."""
    return getsizeof(text) - _EMPTY_SIZE


class Option(NamedTuple):
    """One answer to a `Question`."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question that must be answered before the file can be read right. `name` is the form field of the answer."""

    name: str
    text: str
    options: Sequence[Option]
    default: str = ""


@dataclass(frozen=True, slots=True)
class ParsedUpload:
    """All rows of an upload, in the order of the files.

    `notices` are sentences about the whole upload: ignored files, a guessed encoding. While an entry of `questions` has
    no answer and no default, `rows` may be empty.
    """

    format_name: str
    rows: Sequence[Row | UnusableRow]
    notices: Sequence[str] = ()
    questions: Sequence[Question] = field(default=())


Answers = Mapping[str, str]
"""The answers to questions, by name."""


class UploadRefused(Exception):
    """Raised when an upload cannot be read at all. The message says why, and is shown to the person.

    Each line of it is a paragraph. The first one is the reason.
    """
