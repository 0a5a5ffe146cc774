"""One attempt at the next piece of work on one import: prepare the preview, write the movies, or take them back.

The work is done outside of transactions. The progress, the report and the movies are written in small ones. If an
attempt fails, the next one first takes back what it wrote.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Import, ImportRow, ImportSnapshot
from flicklist.models.movie_import import LEFT_ALONE, MAX_FORMAT_LENGTH, MAX_REASON_LENGTH, ImportState
from flicklist.services import leases
from flicklist.services.imports import questions, storage
from flicklist.services.imports.matching import Options
from flicklist.services.imports.planning import Plan, Planner, WrittenRows, chunks
from flicklist.services.imports.reading import UploadLimits, read_upload
from flicklist.services.imports.rows import ParsedUpload, Row, UnusableRow, UploadRefused
from flicklist.services.imports.taking_back import (
    SnapshotUpdate,
    count_left_movies,
    count_written_movies,
    forget_change,
    plan_snapshot_update,
    plan_taking_back,
    take_back,
    update_later_snapshots,
)
from flicklist.services.imports.writing import ListChanged, insert_rows, reserve_movie_ids, write_movies
from flicklist.services.watchlist import delete_some_expired_movies
from flicklist.settings import Settings
from flicklist.text import shorten

LEASE = "imports"
FOLDER_PREFIX = "flicklist-import-"  # followed by the holder, in the name of the temporary folder
LEASE_DURATION = timedelta(minutes=2)
MAX_ATTEMPTS = 3
MAX_ATTEMPTS_TO_TAKE_BACK = 6  # with the first three; after those, the movies of an import that failed stay
MAX_FAILURES_IN_A_ROW = 5  # because the list has changed meanwhile
MAX_LOST_RACES = 2  # against requests that add a movie with the same title at the same moment
PROGRESS_SECONDS = 0.5
RENEWAL_SECONDS = 20
# For reading, planning and reporting one file. The largest real ones need one minute, see docs/performance.md.
MAX_PROCESSOR_SECONDS = 600
STEPS_OF_PREVIEW = 3  # for each row: compare, merge, report
STEPS_OF_IMPORT = 4  # for each row: compare, merge, report, write
FAILED = "The server couldn’t finish this import. Tell the person who runs the site."
TOO_SLOW = "This file takes too long to import, so nothing was imported. Split it into smaller files."
TOO_LARGE = "This file needs too much memory to import, so nothing was imported. Split it into smaller files."
CANCELED = "You stopped this import."
ALWAYS_CHANGING = "Your list kept changing, so nothing was imported. Try again."
EDITED_STAY = "Movies that you edited while they were imported are still on your list."
PARTLY_IMPORTED = (
    "Only a part of the file was imported, so some of the movies below are not on your list. Undo this import, and try "
    "again."
)
UNDO_FAILED = "This import couldn’t be undone completely. Try again."

Progress = Callable[[int, int], None]
"""Called with the number of steps done and their total."""


class Database(NamedTuple):
    """How to read one snapshot of the database, and how to write a transaction."""

    snapshot: Callable[[], AbstractContextManager[Session]]
    transaction: Callable[[], AbstractContextManager[Session]]


class Gone(Exception):
    """Raised when the import or its account was deleted meanwhile."""


class Attempt:
    """One piece of work on one import. `movie_import` is a copy of its row."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        holder: str,
        movie_import: Import,
        *,
        on_progress: Progress | None,
        is_canceled: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.database = database
        self.holder = holder
        self.movie_import = movie_import
        self.on_progress = on_progress
        self.is_canceled = is_canceled
        self.done = self.total = 0
        self.saved_at = 0.0
        self.renewed_at = time.monotonic()
        self.began_at = time.thread_time()

    def run(self) -> None:
        """Do the work. After too many attempts, refuse the upload, or give the undo up."""
        is_last = self.movie_import.attempts > MAX_ATTEMPTS
        if self.movie_import.state == ImportState.TAKING_BACK:
            if is_last:
                self._give_up_undo()
            else:
                self._take_back()
            return
        # There is a problem already if the server was killed while it refused the upload.
        problem = self.movie_import.problem or (FAILED if is_last else self._try())
        if problem is not None:
            self._refuse(problem)

    def _try(self) -> str | None:
        """Return why the upload is refused, or None. After the return, the memory that an error has kept is free."""
        try:
            if self.movie_import.state == ImportState.UPLOADED:
                self._prepare()
            else:
                self._write()
        except UploadRefused as refused:
            return str(refused)
        except MemoryError:
            return TOO_LARGE
        return None

    def _prepare(self) -> None:
        """Read the file, and prepare the preview."""
        parsed = self._read()
        plan = self._plan(parsed.rows)
        self._report(parsed.rows, plan)
        with self._transaction() as (_, movie_import):
            movie_import.format_name = shorten(parsed.format_name, MAX_FORMAT_LENGTH)
            movie_import.notices = list(parsed.notices)
            movie_import.questions = questions.to_dicts(parsed.questions)
            movie_import.counts = dict(plan.counts)
            movie_import.wait_in(ImportState.READY)

    def _write(self) -> None:
        """Write the movies. If the list changes meanwhile, plan those again that are not written yet."""
        if self.movie_import.change_id is not None:
            self._take_back_failed_attempt()
            if self._gives_way_to_undo():
                return
        self._delete_parts(ImportRow, ImportSnapshot)
        rows = self._read().rows
        written, lost_races, plans_without_progress = WrittenRows(), 0, 0
        while plans_without_progress < MAX_FAILURES_IN_A_ROW:
            number = len(written.rows)
            try:
                self._plan_and_write(rows, written)
            except ListChanged:
                pass
            except IntegrityError:
                lost_races += 1
                if lost_races == MAX_LOST_RACES and len(written.rows) == number:
                    raise
            else:
                return
            if len(written.rows) > number:
                lost_races = plans_without_progress = 0
            else:
                plans_without_progress += 1
        self._refuse(ALWAYS_CHANGING)

    def _gives_way_to_undo(self) -> bool:
        """Return whether the server must first undo another import of the person. If so, do not count this attempt.

        That import has waited for this one. See `storage.next_import_id`.
        """
        with self._transaction() as (db, movie_import):
            gives_way = storage.will_take_movies_back(db, movie_import.owner_id)
            if gives_way:
                movie_import.attempts -= 1
            return gives_way

    def _plan_and_write(self, rows: Sequence[Row | UnusableRow], written: WrittenRows) -> None:
        """Plan and write the movies that are not `written` yet. Raises `ListChanged`, and `IntegrityError`."""
        owner_id = self.movie_import.owner_id
        self._delete_in_parts(lambda db: delete_some_expired_movies(db, owner_id, skip_locked=True))
        plan = self._plan(rows, written)
        self._report(rows, plan)
        self._write_movies(plan, written)

    def _write_movies(self, plan: Plan, written: WrittenRows) -> None:
        """Write the movies in several transactions, of which the last one finishes the import."""
        fingerprint = plan.fingerprint
        for writes in plan.writes:
            for _ in writes.positions:
                self._step()
            with self._transaction() as (db, movie_import):
                begun = time.monotonic()
                fingerprint = write_movies(db, movie_import, fingerprint, writes)
                if writes is plan.writes[-1]:
                    movie_import.finish(plan.counts)
                    storage.delete_content(db, movie_import.id)
            self.movie_import.change_id = movie_import.change_id
            written.add(plan, writes)
            give_others_their_turn(begun)

    def _take_back(self) -> None:
        """Take the import back, because the person asked for it."""
        try:
            self._take_back_movies()
        except ListChanged:
            self._give_up_undo()
            return
        self._update_later_snapshots()
        with self._transaction() as (_, movie_import):
            movie_import.finish_taking_back()

    def _take_back_failed_attempt(self) -> None:
        """Take back what a failed attempt has written."""
        self._take_back_movies()
        with self.database.snapshot() as read_db:
            left = count_left_movies(read_db, self.movie_import)
        with self._transaction() as (db, movie_import):
            forget_change(db, movie_import)
            left_before = movie_import.counts.get(LEFT_ALONE, 0)
            movie_import.counts = {**movie_import.counts, LEFT_ALONE: left_before + left}
        self.movie_import.change_id = None

    def _update_later_snapshots(self) -> None:
        """Let later imports of the person undo what this import has done to their movies, too."""
        with self.database.snapshot() as read_db:
            later_ids = storage.later_import_ids(read_db, self.movie_import)
        for later_id in later_ids:
            after_id = 0
            while planned := self._plan_snapshot_update(later_id, after_id):
                with self._transaction() as (db, movie_import):
                    begun = time.monotonic()
                    update_later_snapshots(db, movie_import, planned)
                after_id = planned.movie_ids[-1]
                give_others_their_turn(begun)

    def _plan_snapshot_update(self, later_id: int, after_id: int) -> SnapshotUpdate | None:
        with self.database.snapshot() as read_db:
            return plan_snapshot_update(read_db, self.movie_import, later_id, after_id)

    def _take_back_movies(self) -> None:
        """Delete or restore the movies that are as the import left them. Raises `ListChanged` if some keep changing."""
        after_id = failures = 0
        while True:
            with self.database.snapshot() as read_db:
                planned = plan_taking_back(read_db, self.movie_import, after_id, self._renew_lease)
            if planned is None:
                return
            try:
                with self._transaction() as (db, movie_import):
                    begun = time.monotonic()
                    take_back(db, movie_import, planned)
            except ListChanged:
                failures += 1
                if failures == MAX_FAILURES_IN_A_ROW:
                    raise
            else:
                after_id, failures = planned.last_id, 0
                give_others_their_turn(begun)

    def _read(self) -> ParsedUpload:
        """Return the rows of the file. Raises `UploadRefused`."""
        with TemporaryDirectory(prefix=f"{FOLDER_PREFIX}{self.holder}-") as folder:
            path = Path(folder, "upload")
            with self.database.snapshot() as read_db:
                storage.write_file(read_db, self.movie_import.id, path)
            answers, time_zone = self.movie_import.answers, self.settings.time_zone
            limits = UploadLimits(
                self.settings.max_upload_entries,
                self.settings.max_unpacked_entry_size,
                self.settings.max_unpacked_size,
                self.settings.max_import_rows,
            )
            return read_upload(path, self.movie_import.file_name, answers, limits, time_zone, step=self._go_on)

    def _plan(self, rows: Sequence[Row | UnusableRow], written: WrittenRows | None = None) -> Plan:
        """Plan the preview, or the import of what is not `written` yet."""
        self.done, self.total = 0, len(rows) * (STEPS_OF_PREVIEW if written is None else STEPS_OF_IMPORT)
        options = Options(
            max_movies=self.settings.max_movies,
            latest=datetime.now(UTC).date() + timedelta(days=1),  # it may be tomorrow already where the person was
        )
        reserve_ids = None if written is None else self._reserve_ids
        with self.database.snapshot() as read_db:
            owner_id = self.movie_import.owner_id
            planner = Planner(
                read_db, owner_id, rows, options, step=self._step, reserve_ids=reserve_ids, written=written
            )
            return planner.plan()

    def _reserve_ids(self, number: int) -> Sequence[int]:
        with self.database.transaction() as db:
            return reserve_movie_ids(db, number)

    def _report(self, rows: Sequence[Row | UnusableRow], plan: Plan) -> None:
        """Write what becomes of each row, instead of what an earlier plan said."""
        self._delete_parts(ImportRow)
        for positions in chunks(range(len(rows))):
            first, end = positions[0], positions[-1] + 1
            with self._transaction() as (db, movie_import):
                begun = time.monotonic()
                insert_rows(db, movie_import.id, first + 1, rows[first:end], plan.rows[first:end])
            give_others_their_turn(begun)
            for _ in positions:
                self._step()

    def _delete_parts(self, *kinds: type[storage.Part]) -> None:
        self._delete_in_parts(lambda db: storage.delete_some_parts(db, self.movie_import.id, kinds))

    def _delete_in_parts(self, delete_some: Callable[[Session], bool]) -> None:
        """Delete some rows in each of several small transactions, until there are none."""
        has_deleted = True
        while has_deleted:
            with self._transaction() as (db, _):
                begun = time.monotonic()
                has_deleted = delete_some(db)
            give_others_their_turn(begun)

    def _step(self) -> None:
        """Count a step, and now and then show the progress."""
        self._go_on()
        self.done += 1
        if time.monotonic() - self.saved_at > PROGRESS_SECONDS:
            self._save_progress()

    def _go_on(self) -> None:
        """Renew the lease in time. Raises `UploadRefused` if the import takes too much time or was canceled."""
        if self.is_canceled():
            raise UploadRefused(CANCELED)
        if time.thread_time() - self.began_at > MAX_PROCESSOR_SECONDS:
            raise UploadRefused(TOO_SLOW)
        self._renew_lease()

    def _renew_lease(self) -> None:
        if time.monotonic() - self.renewed_at > RENEWAL_SECONDS:
            with self._transaction():
                pass

    def _save_progress(self) -> None:
        with self._transaction() as (_, movie_import):
            movie_import.done, movie_import.total = min(self.done, self.total), self.total
        if self.on_progress is not None:
            self.on_progress(self.done, self.total)
        self.saved_at = time.monotonic()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Session, Import]]:
        """Begin a transaction with the import locked. Raises `LeaseLost`, and `Gone` if the import was deleted."""
        with self.database.transaction() as db:
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            self.renewed_at = time.monotonic()
            movie_import = locked(db, self.movie_import.id)
            if movie_import.state != self.movie_import.state:
                raise Gone
            yield db, movie_import

    def _refuse(self, problem: str) -> None:
        """Refuse an upload, and leave none of its movies. An import that cannot be taken back stays, and says so."""
        if self.movie_import.attempts > MAX_ATTEMPTS_TO_TAKE_BACK and self.movie_import.change_id is not None:
            self._finish_with_a_part()
            return
        with self._transaction() as (_, movie_import):
            movie_import.problem = shorten(problem, MAX_REASON_LENGTH)
        if self.movie_import.change_id is not None:
            self._take_back_failed_attempt()
        self._delete_parts(ImportRow, ImportSnapshot)
        with self._transaction() as (db, movie_import):
            if movie_import.counts.get(LEFT_ALONE):
                problem = f"{problem}\n{EDITED_STAY}"
            movie_import.refuse(shorten(problem, MAX_REASON_LENGTH))
            storage.delete_content(db, movie_import.id)

    def _give_up_undo(self) -> None:
        with self._transaction() as (_, movie_import):
            movie_import.state, movie_import.problem = ImportState.FINISHED, UNDO_FAILED

    def _finish_with_a_part(self) -> None:
        """Finish an import that can neither be written nor taken back. Otherwise, others of the person would wait."""
        with self._transaction() as (db, movie_import):
            count_written_movies(db, movie_import)
            movie_import.state, movie_import.problem = ImportState.FINISHED, PARTLY_IMPORTED
            storage.delete_content(db, movie_import.id)


def give_others_their_turn(begun: float) -> None:
    """Pause for as long as a transaction took. Writers of SQLite ask for its lock again and again."""
    time.sleep(time.monotonic() - begun)


def locked(db: Session, import_id: int) -> Import:
    movie_import = storage.lock_import(db, import_id)
    if movie_import is None:
        raise Gone
    return movie_import
