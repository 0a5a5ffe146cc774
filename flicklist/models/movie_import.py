"""Imports: an uploaded file, what becomes of each of its rows, and what is needed to take the import back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, utc_now
from flicklist.models.movie import MAX_TITLE_LENGTH

CONFIRMATION_TIME = timedelta(hours=1)
IMPORT_RETENTION = timedelta(days=30)
RETRY_PAUSE = timedelta(minutes=1)  # so that a database or a disk that fails for a moment does not use up all attempts
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MAX_IMPORTS = 10  # per person, because each keeps a report of all its rows
MAX_FILE_NAME_LENGTH = 200
MAX_FORMAT_LENGTH = 80
MAX_REASON_LENGTH = 500
CHUNK_SIZE = 1_000_000  # bytes
# The names of counts of an import. The others are the outcomes of rows.
NEW_MOVIES, CHANGED_MOVIES, NEW_VIEWINGS = "new movies", "changed movies", "new viewings"
# What taking the import back did with its movies. Those that have changed since are left alone.
DELETED_MOVIES, RESTORED_MOVIES, LEFT_ALONE = "deleted movies", "restored movies", "left alone"
LEFT_TO_LATER_IMPORT = "left to later import"  # a later import has changed them, and undoing that changes them back


class ImportState(StrEnum):
    """The state of an import: whose turn it is, or how it ended."""

    UPLOADED = "uploaded"
    """The server reads the file and prepares the preview."""

    READY = "ready"
    """The person confirms the preview, or answers a question."""

    CONFIRMED = "confirmed"
    """The server writes the movies."""

    FINISHED = "finished"
    TAKING_BACK = "taking back"
    TAKEN_BACK = "taken back"

    REFUSED = "refused"
    """Nothing was imported, or the upload was discarded. `Import.problem` says why, in one or more lines."""


WORKING = (ImportState.UPLOADED, ImportState.CONFIRMED, ImportState.TAKING_BACK)
UNCONFIRMED = (ImportState.UPLOADED, ImportState.READY, ImportState.REFUSED)


class Outcome(StrEnum):
    """What becomes of a row of the file."""

    ADDED = "added"
    CHANGED = "changed"
    PRESENT = "already there"
    UNDECIDED = "needs a decision"
    REFUSED = "refused"


def _is_one_of(column: str, values: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(map(repr, map(str, values)))})"


class Import(Base):
    """A file that a person uploaded to add its movies to their list.

    `counts` has the number of rows of each `Outcome`, and of added movies, changed movies and added viewings. After the
    import was taken back, it also has the number of movies that were deleted, restored, left to a later import, and
    left alone. While an import is tried again, there can be movies that were left alone after failed attempts.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(f"length(file_name) <= {MAX_FILE_NAME_LENGTH}", name="file_name_length"),
        CheckConstraint("size >= 0", name="size_possible"),
        CheckConstraint(f"length(format_name) <= {MAX_FORMAT_LENGTH}", name="format_name_length"),
        CheckConstraint(f"length(problem) <= {MAX_REASON_LENGTH}", name="problem_length"),
        CheckConstraint(_is_one_of("state", ImportState), name="state_known"),
        CheckConstraint("done BETWEEN 0 AND total", name="done_possible"),
        Index(None, "owner_id", "created_at"),
        Index(None, "owner_id", "change_id"),
        Index(None, "state", "created_at"),
        Index(None, "state", "waiting_since"),
    )

    id: Mapped[PrimaryKey]
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(MAX_FILE_NAME_LENGTH))
    size: Mapped[int] = mapped_column(BigId)
    """Bytes of the file."""
    state: Mapped[ImportState] = mapped_column(String(20), default=ImportState.UPLOADED)
    attempts: Mapped[int] = mapped_column(default=0)
    """How often a server has begun to work on the import in its current state."""
    format_name: Mapped[str] = mapped_column(String(MAX_FORMAT_LENGTH), default="")
    problem: Mapped[str] = mapped_column(String(MAX_REASON_LENGTH), default="")
    """Why the file was refused or is about to be. Of a finished import: that it is a part, or could not be undone."""
    notices: Mapped[list[str]] = mapped_column(JSON, default=list)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    answers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    """Steps of the work, for the progress bar. Zero until they are known."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    waiting_since: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    """When the import began to wait: for its turn in the states of `WORKING`, otherwise for the person."""
    # The change of all movies that the import has added or changed. Those that have another one now have changed since.
    change_id: Mapped[int | None] = mapped_column(BigId)

    @property
    def number_of_movies(self) -> int:
        """How many movies the import added or changed."""
        return self.counts.get(NEW_MOVIES, 0) + self.counts.get(CHANGED_MOVIES, 0)

    @property
    def is_working(self) -> bool:
        return self.state in WORKING

    @property
    def chosen_answers(self) -> dict[str, str]:
        """The answer to each question, which can be the default one. Empty if there is none."""
        return {each["name"]: self.answers.get(each["name"]) or each["default"] for each in self.questions}

    def has_other_answers(self, answers: Mapping[str, str]) -> bool:
        """Return whether an answer is given that differs from the chosen one."""
        chosen = self.chosen_answers
        return any(answer and answer != chosen.get(name) for name, answer in answers.items())

    @property
    def unanswered(self) -> list[dict[str, Any]]:
        """The questions without an answer, also without a default one."""
        return [each for each in self.questions if not self.chosen_answers[each["name"]]]

    @property
    def can_be_confirmed(self) -> bool:
        """Whether the rows are known. An open question can concern all rows, or only those that need a decision."""
        return bool(self.counts) or not self.unanswered

    def begin(self, state: ImportState) -> None:
        """Give the import to the server for the next piece of work."""
        self.attempts, self.done, self.total, self.problem = 0, 0, 0, ""
        self.wait_in(state)

    def wait_in(self, state: ImportState) -> None:
        """Set the state, in which the import waits from now on."""
        self.state, self.waiting_since = state, utc_now()

    def finish(self, counts: Mapping[str, int]) -> None:
        self.state = ImportState.FINISHED
        self.counts = {NEW_MOVIES: 0, CHANGED_MOVIES: 0, NEW_VIEWINGS: 0, **counts}

    def finish_taking_back(self) -> None:
        """Count the movies that were left alone. The others have been counted."""
        names = (DELETED_MOVIES, RESTORED_MOVIES, LEFT_TO_LATER_IMPORT)
        counted = {name: self.counts.get(name, 0) for name in names}
        self.counts = {**self.counts, **counted, LEFT_ALONE: self.number_of_movies - sum(counted.values())}
        self.state = ImportState.TAKEN_BACK

    def refuse(self, problem: str) -> None:
        """Say why the file was not imported."""
        self.problem = problem
        self.wait_in(ImportState.REFUSED)

    def expire(self) -> None:
        """Take the import off all pages at once. The importer deletes its parts later."""
        self.state, self.waiting_since = ImportState.REFUSED, LONG_AGO


class ImportChunk(Base):
    """A piece of an uploaded file. In the database, any server process can go on with it."""

    __tablename__ = "import_chunks"
    __table_args__ = (
        UniqueConstraint("import_id", "number"),
        CheckConstraint(f"length(content) <= {CHUNK_SIZE}", name="content_length"),
    )

    id: Mapped[PrimaryKey]
    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("imports.id", ondelete="CASCADE"))
    number: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportRow(Base):
    """One row of an uploaded file, and what becomes of it.

    Until the import is finished, and if only a part of the file was imported, it is what would become of it.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        UniqueConstraint("import_id", "number"),
        CheckConstraint(f"length(file) <= {MAX_FILE_NAME_LENGTH}", name="file_length"),
        CheckConstraint(f"length(title) <= {MAX_TITLE_LENGTH}", name="title_length"),
        CheckConstraint(f"length(reason) <= {MAX_REASON_LENGTH}", name="reason_length"),
        CheckConstraint(_is_one_of("outcome", Outcome), name="outcome_known"),
        Index(None, "import_id", "outcome", "number"),
    )

    id: Mapped[PrimaryKey]
    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("imports.id", ondelete="CASCADE"))
    number: Mapped[int]
    """The position of the row in the upload, from 1."""
    file: Mapped[str] = mapped_column(String(MAX_FILE_NAME_LENGTH))
    line: Mapped[int]
    title: Mapped[str] = mapped_column(String(MAX_TITLE_LENGTH))
    year: Mapped[int | None]
    outcome: Mapped[Outcome] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(MAX_REASON_LENGTH))
    # Without a foreign key, so that a report neither slows down nor hinders the deletion of movies.
    movie_id: Mapped[int | None] = mapped_column(BigId)


class ImportSnapshot(Base):
    """A movie before an import changed it. Movies that the import added have none."""

    __tablename__ = "import_snapshots"
    __table_args__ = (UniqueConstraint("import_id", "movie_id"),)

    id: Mapped[PrimaryKey]
    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("imports.id", ondelete="CASCADE"))
    movie_id: Mapped[int] = mapped_column(BigId)
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    change_id: Mapped[int | None] = mapped_column(BigId)
    """The change that was the last one of the movie before the import."""
