"""Work on imports: prepare previews, write confirmed imports, take imports back, and delete old ones.

One process at a time does this, whatever the number of servers: the one with the lease. The work is done outside of
transactions. The progress, the report and the movies are written in small ones. If an attempt fails, the next one
first takes back what it wrote. If the process dies, the server releases its lease, and another one begins the work
again. If the server was killed as well, the work begins again when the lease has expired.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, NamedTuple
from uuid import uuid4

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Import, ImportRow, ImportSnapshot
from flicklist.models.movie_import import LEFT_ALONE, MAX_FORMAT_LENGTH, MAX_REASON_LENGTH, ImportState
from flicklist.services import leases
from flicklist.services.imports import questions, storage
from flicklist.services.imports.matching import Options
from flicklist.services.imports.planning import Plan, Planner, WrittenRows, chunks
from flicklist.services.imports.reading import UploadLimits, read_upload
from flicklist.services.imports.rows import Answers, ParsedUpload, Row, UnusableRow, UploadRefused
from flicklist.services.imports.taking_back import (
    PassingOn,
    count_left_movies,
    count_written_movies,
    forget_change,
    pass_on,
    plan_passing_on,
    plan_taking_back,
    take_back,
)
from flicklist.services.imports.writing import ListChanged, insert_rows, reserve_movie_ids, write_movies
from flicklist.services.watchlist import delete_some_expired_movies
from flicklist.settings import Settings
from flicklist.text import shorten

log = logging.getLogger(__name__)

LEASE = "imports"
FOLDER_PREFIX = "flicklist-import-"  # followed by the holder, in the name of the temporary folder
MAX_FOLDER_AGE_SECONDS = 86_400  # of one that was left behind when server and importer were killed together
LEASE_DURATION = timedelta(minutes=2)
MAX_ATTEMPTS = 3
MAX_ATTEMPTS_TO_TAKE_BACK = 6  # after those, the movies of an import that failed stay
MAX_PLANS = 5
MAX_LOST_RACES = 2  # against requests that add a movie with the same title at the same moment
PROGRESS_SECONDS = 0.5
RENEWAL_SECONDS = 20
# For reading, planning and reporting one file. The largest real ones need one minute, see docs/performance.md.
MAX_PROCESSOR_SECONDS = 600
STEPS_OF_PREVIEW = 3  # for each row: compare, merge, report
STEPS_OF_IMPORT = 4  # for each row: compare, merge, report, write
FAILED = "The server couldn’t finish this import. Tell the person who runs the site."
GONE = "It was deleted meanwhile, perhaps with the account."
CHANGED = "Its preview was answered or confirmed in a browser meanwhile. See the page of imports."
TOO_SLOW = "This file takes too long to import, so nothing was imported. Split it into smaller files."
TOO_LARGE = "This file needs too much memory to import, so nothing was imported. Split it into smaller files."
TAKEN_OVER = "Another process has taken over, and may import it. See the page of imports."
CANCELED = "You stopped this import."
INTERRUPTED = (
    "It failed, and the server will try again. Until then, a part of the movies can be on the list, and no other "
    "import begins."
)
ALWAYS_CHANGING = "Your list kept changing, so nothing was imported. Try again."
EDITED_STAY = "Movies that you edited while they were imported are still on your list."
PARTLY_IMPORTED = "Only a part of the file was imported. Undo this import, and try again."
UNDO_FAILED = "This import couldn’t be undone completely. Try again."

Progress = Callable[[int, int], None]
"""Called with the number of steps done and their total."""


class Database(NamedTuple):
    """How to read one snapshot of the database, and how to write a transaction."""

    snapshot: Callable[[], AbstractContextManager[Session]]
    transaction: Callable[[], AbstractContextManager[Session]]


class Busy(Exception):
    """Raised when another process works on imports, or will first take one of the same person back."""


class Result(Enum):
    """What became of a turn. `NOTHING` waited, or another process works on imports. A failure was logged."""

    DONE = auto()
    FAILED = auto()
    NOTHING = auto()


class _Gone(Exception):
    """Raised when the import or its account was deleted meanwhile."""


class Importer:
    """Works on the imports of all people, one after the other.

    `is_canceled` is called often, and an import is refused as soon as it returns `True`. `holder` is what the lease is
    held by. A process works with that of the server, which can then release its lease.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        on_progress: Progress | None = None,
        is_canceled: Callable[[], bool] | None = None,
        holder: str | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._on_progress = on_progress
        self._is_canceled = is_canceled or (lambda: False)
        self.holder = holder or uuid4().hex

    def has_work(self) -> bool:
        """Return whether an import waits or has expired, and nobody works on imports."""
        with self._database.snapshot() as read_db:
            waits = storage.next_import_id(read_db) is not None or bool(storage.expired_import_ids(read_db))
            return waits and not leases.is_held(read_db, LEASE)

    def next_import_id(self) -> int | None:
        """Return the import that has waited longest, if there is one."""
        with self._database.snapshot() as read_db:
            return storage.next_import_id(read_db)

    def run_next(self) -> Result:
        """Delete expired imports, and work on the import that has waited longest."""
        with self._lease() as is_held:
            if not is_held:
                return Result.NOTHING
            has_deleted = self._delete_expired_imports()
            import_id = self.next_import_id()
            if import_id is None:
                return Result.DONE if has_deleted else Result.NOTHING
            _delete_old_folders()
            return Result.DONE if self._work(import_id) else Result.FAILED

    def read_file(self, owner_id: int, name: str, file: IO[bytes], answers: Answers) -> Import:
        """Store a file and prepare its preview at once. Raises `UploadRefused`, and `Busy`."""
        with self._require_lease():
            with self._database.transaction() as db:
                _require_nothing_to_take_back(db, owner_id)
                import_id = storage.store(db, owner_id, name, file, answers).id
            movie_import = self._work_now(import_id)
        if movie_import.state == ImportState.READY:
            return movie_import
        self.discard(import_id)
        raise UploadRefused(movie_import.problem or FAILED)

    def finish(self, import_id: int) -> Import:
        """Confirm an import and write it at once. Raises `UploadRefused`, and `Busy`: then it is discarded."""
        try:
            movie_import = self._confirm_and_work(import_id)
        except Busy:
            self.discard(import_id)
            raise
        if movie_import.is_working:
            raise UploadRefused(INTERRUPTED)
        if movie_import.state != ImportState.FINISHED:
            raise UploadRefused(movie_import.problem or FAILED)
        return movie_import

    def _confirm_and_work(self, import_id: int) -> Import:
        with self._require_lease():
            with self._database.transaction() as db:
                movie_import = _locked(db, import_id)
                _require_nothing_to_take_back(db, movie_import.owner_id)
                storage.confirm(movie_import)
            return self._work_now(import_id)

    def discard(self, import_id: int) -> None:
        """Delete an upload that was not confirmed, if it is still there.

        If another process works on imports, it deletes the parts of the upload.
        """
        with self._database.transaction() as db, suppress(_Gone, storage.WrongState):
            storage.discard(_locked(db, import_id))
        with self._lease() as is_held:
            if is_held:
                self._delete_expired_imports()

    def _work_now(self, import_id: int) -> Import:
        self._work(import_id)
        with self._database.transaction() as db:
            return _locked(db, import_id)

    @contextmanager
    def _require_lease(self) -> Iterator[None]:
        """Hold the lease for one import. Raises `Busy`, and `UploadRefused` if a request changed it meanwhile."""
        with self._lease() as is_held:
            if not is_held:
                raise Busy
            try:
                yield
            except _Gone:
                raise UploadRefused(GONE) from None
            except storage.WrongState:
                raise UploadRefused(CHANGED) from None
            except leases.LeaseLost:
                raise UploadRefused(TAKEN_OVER) from None

    @contextmanager
    def _lease(self) -> Iterator[bool]:
        """Hold the lease, if no other process does. Without it, `_work` raises `LeaseLost`."""
        try:
            with self._database.transaction() as db:
                is_held = leases.acquire(db, LEASE, self.holder, LEASE_DURATION)
        except IntegrityError:  # another process was faster
            is_held = False
        try:
            yield is_held
        finally:
            if is_held:
                self.release_lease()

    def release_lease(self) -> None:
        """Let others work on imports, if this holder still has the lease."""
        with self._database.transaction() as db:
            leases.release(db, LEASE, self.holder)

    def clean_up_after_death(self) -> None:
        """Delete the temporary files of an importer with the same holder that was killed, and release its lease."""
        self.release_lease()
        for folder in Path(gettempdir()).glob(f"{FOLDER_PREFIX}{self.holder}-*"):
            rmtree(folder, ignore_errors=True)

    def _work(self, import_id: int) -> bool:
        """Do the next piece of work on an import. Return `False` after an unexpected error."""
        movie_import = None
        try:
            movie_import = self._begin(import_id)
            if movie_import is not None:
                _Work(
                    self._settings,
                    self._database,
                    self.holder,
                    movie_import,
                    on_progress=self._on_progress,
                    is_canceled=self._is_canceled,
                ).run()
        except _Gone:
            pass
        except leases.LeaseLost:
            raise
        except SystemExit:  # the server stops, which is not the fault of the import
            if movie_import is not None:
                self._forget_attempt(import_id)
            raise
        except Exception:
            log.exception("Import %s was not finished", import_id)
            return False
        return True

    def _forget_attempt(self, import_id: int) -> None:
        with self._database.transaction() as db, suppress(_Gone):
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            movie_import = _locked(db, import_id)
            movie_import.attempts = max(0, movie_import.attempts - 1)

    def _delete_expired_imports(self) -> bool:
        """Delete expired imports, and return whether there were any."""
        with self._database.snapshot() as read_db:
            expired = storage.expired_import_ids(read_db)
        has_deleted = False
        for import_id in expired:
            while self._delete_part_of_expired_import(import_id):
                has_deleted = True
        return has_deleted

    def _delete_part_of_expired_import(self, import_id: int) -> bool:
        with self._database.transaction() as db:
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            begun = time.monotonic()
            was_there = storage.delete_part_of_expired_import(db, import_id)
        _give_others_their_turn(begun)
        return was_there

    def _begin(self, import_id: int) -> Import | None:
        """Count the attempt and return the import, or None if it waits for nothing any more."""
        with self._database.transaction() as db:
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            movie_import = _locked(db, import_id)
            if not movie_import.is_working:
                return None
            storage.let_others_go_first(db, movie_import.owner_id)
            movie_import.attempts += 1
            movie_import.done = movie_import.total = 0
            db.flush()
            db.expunge(movie_import)
            return movie_import


class _Work:
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
        work = {
            ImportState.UPLOADED: self._prepare,
            ImportState.CONFIRMED: self._write,
            ImportState.TAKING_BACK: self._take_back,
        }
        is_undo = self.movie_import.state == ImportState.TAKING_BACK
        if self.movie_import.problem and not is_undo:  # it was being refused when the server was killed
            self._refuse(self.movie_import.problem)
            return
        if self.movie_import.attempts > MAX_ATTEMPTS:
            if is_undo:
                self._give_up_undo()
            else:
                self._refuse(FAILED)
            return
        problem = self._try(work[self.movie_import.state])
        if problem is not None:
            self._refuse(problem)

    def _try(self, work: Callable[[], None]) -> str | None:
        """Return why the upload is refused, or None. After the return, the memory that an error has kept is free."""
        try:
            work()
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
            if self._must_wait_for_undo():
                return
        self._delete_parts(ImportRow, ImportSnapshot)
        rows = self._read().rows
        written, lost_races, plans_without_progress = WrittenRows(), 0, 0
        while plans_without_progress < MAX_PLANS:
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

    def _must_wait_for_undo(self) -> bool:
        """Return whether another import of the person is being undone, which has waited for this one. It goes first."""
        with self._transaction() as (db, movie_import):
            must_wait = storage.will_take_movies_back(db, movie_import.owner_id)
            if must_wait:
                movie_import.attempts -= 1
            return must_wait

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
            _give_others_their_turn(begun)

    def _take_back(self) -> None:
        """Take the import back, because the person asked for it."""
        try:
            self._take_back_movies()
        except ListChanged:
            self._give_up_undo()
            return
        self._pass_on_earlier_states()
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

    def _pass_on_earlier_states(self) -> None:
        """Let later imports of the person undo what this import has done to their movies."""
        with self.database.snapshot() as read_db:
            later_ids = storage.later_import_ids(read_db, self.movie_import)
        for later_id in later_ids:
            after_id = 0
            while planned := self._plan_passing_on(later_id, after_id):
                with self._transaction() as (db, movie_import):
                    begun = time.monotonic()
                    pass_on(db, movie_import, planned)
                after_id = planned.movie_ids[-1]
                _give_others_their_turn(begun)

    def _plan_passing_on(self, later_id: int, after_id: int) -> PassingOn | None:
        with self.database.snapshot() as read_db:
            return plan_passing_on(read_db, self.movie_import, later_id, after_id)

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
                if failures == MAX_PLANS:
                    raise
            else:
                after_id, failures = planned.last_id, 0
                _give_others_their_turn(begun)

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
            _give_others_their_turn(begun)
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
            _give_others_their_turn(begun)

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
        """Begin a transaction with the import locked. Raises `LeaseLost`, and `_Gone` if the import was deleted."""
        with self.database.transaction() as db:
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            self.renewed_at = time.monotonic()
            movie_import = _locked(db, self.movie_import.id)
            if movie_import.state != self.movie_import.state:
                raise _Gone
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


def _delete_old_folders() -> None:
    with suppress(OSError):  # there is no such folder, or another process deletes it, too
        for folder in Path(gettempdir()).glob(f"{FOLDER_PREFIX}*"):
            if folder.stat().st_mtime < time.time() - MAX_FOLDER_AGE_SECONDS:
                rmtree(folder, ignore_errors=True)


def _give_others_their_turn(begun: float) -> None:
    """Pause for as long as a transaction took. Writers of SQLite ask for its lock again and again."""
    time.sleep(time.monotonic() - begun)


def _require_nothing_to_take_back(db: Session, owner_id: int) -> None:
    """Raise `Busy` if the server will first take movies of another import of the person back."""
    if storage.will_take_movies_back(db, owner_id):
        raise Busy


def _locked(db: Session, import_id: int) -> Import:
    movie_import = storage.lock_import(db, import_id)
    if movie_import is None:
        raise _Gone
    return movie_import
