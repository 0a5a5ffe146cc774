"""Work on imports, one after the other, and delete old ones. `flicklist import` works on its own import immediately.

One process at a time does this, whatever the number of servers: the one with the lease. If the process dies, the server
releases its lease and starts another one, which begins the work again. If the server was killed as well, the work
begins again when the lease has expired.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir
from typing import IO
from uuid import uuid4

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Import
from flicklist.models.movie_import import ImportState
from flicklist.services import leases
from flicklist.services.imports import storage
from flicklist.services.imports.attempt import (
    FAILED,
    FOLDER_PREFIX,
    LEASE,
    LEASE_DURATION,
    Attempt,
    Database,
    Gone,
    Progress,
    give_others_their_turn,
    locked,
)
from flicklist.services.imports.rows import Answers, UploadRefused
from flicklist.settings import Settings

log = logging.getLogger(__name__)

MAX_FOLDER_AGE_SECONDS = 86_400  # of one that was left behind when server and importer were killed together
GONE = "It was deleted meanwhile, perhaps with the account."
CHANGED = "Its preview was answered or confirmed in a browser meanwhile. See the page of imports."
TAKEN_OVER = "Another process has taken over, and may import it. See the page of imports."
INTERRUPTED = (
    "It failed, and the server will try again. Until then, some of the movies can be on the list, and other imports of "
    "this person wait."
)
NOT_TAKEN_BACK = "Some of its movies can be on the list. The server will remove them."


class Busy(Exception):
    """Raised when another process works on imports, or will first take one of the same person back."""


class Result(Enum):
    """What `run_next` did. `NOTHING`: no import waits, or another process works on them. `FAILED`: see the log."""

    DONE = auto()
    FAILED = auto()
    NOTHING = auto()


class Importer:
    """Works on the imports of all people, one after the other.

    `is_canceled` is called often, and an import is refused as soon as it returns `True`. `holder` says who has
    the lease. A process for imports has that of its server, which can then release the lease if the process dies.
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
        self._begun: Import | None = None

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
            raise UploadRefused(f"{movie_import.problem} {NOT_TAKEN_BACK}" if movie_import.problem else INTERRUPTED)
        if movie_import.state != ImportState.FINISHED:
            raise UploadRefused(movie_import.problem or FAILED)
        return movie_import

    def _confirm_and_work(self, import_id: int) -> Import:
        with self._require_lease():
            with self._database.transaction() as db:
                movie_import = locked(db, import_id)
                _require_nothing_to_take_back(db, movie_import.owner_id)
                storage.confirm(movie_import)
            return self._work_now(import_id)

    def discard(self, import_id: int) -> None:
        """Delete an upload that was not confirmed, if it is still there.

        Its rows and its file are deleted at once, or by the process that works on imports now.
        """
        with self._database.transaction() as db, suppress(Gone, storage.WrongState):
            storage.discard(locked(db, import_id))
        with self._lease() as is_held:
            if is_held:
                self._delete_expired_imports()

    def _work_now(self, import_id: int) -> Import:
        self._work(import_id)
        with self._database.transaction() as db:
            return locked(db, import_id)

    @contextmanager
    def _require_lease(self) -> Iterator[None]:
        """Hold the lease for one import. Raises `Busy`, and `UploadRefused` if a request changed it meanwhile."""
        with self._lease() as is_held:
            if not is_held:
                raise Busy
            try:
                yield
            except Gone:
                raise UploadRefused(GONE) from None
            except storage.WrongState:
                raise UploadRefused(CHANGED) from None
            except leases.LeaseLost:
                raise UploadRefused(TAKEN_OVER) from None

    @contextmanager
    def _lease(self) -> Iterator[bool]:
        """Hold the lease, if no other process does. Without it, `_work` raises `LeaseLost`."""
        is_held = False
        try:
            with suppress(IntegrityError), self._database.transaction() as db:  # if another process was faster
                is_held = leases.acquire(db, LEASE, self.holder, LEASE_DURATION)
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
        self._begun = None
        try:
            self._begin(import_id)
            if self._begun is not None:
                Attempt(
                    self._settings,
                    self._database,
                    self.holder,
                    self._begun,
                    on_progress=self._on_progress,
                    is_canceled=self._is_canceled,
                ).run()
        except Gone:
            pass
        except leases.LeaseLost:
            raise
        except SystemExit:  # the server stops, which is not the fault of the import
            if self._begun is not None:
                self._forget_attempt(self._begun)
            raise
        except Exception:
            log.exception("Import %s was not finished", import_id)
            return False
        return True

    def _forget_attempt(self, begun: Import) -> None:
        """Count as many attempts as before this one, also if `_begin` could not commit its own."""
        with self._database.transaction() as db, suppress(Gone):
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            locked(db, begun.id).attempts = begun.attempts - 1

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
        give_others_their_turn(begun)
        return was_there

    def _begin(self, import_id: int) -> None:
        """Count the attempt and keep a copy of the import, unless it waits for nothing any more."""
        with self._database.transaction() as db:
            leases.renew(db, LEASE, self.holder, LEASE_DURATION)
            movie_import = locked(db, import_id)
            if not movie_import.is_working:
                return
            storage.let_others_go_first(db, movie_import.owner_id)
            movie_import.attempts += 1
            movie_import.done = movie_import.total = 0
            db.flush()
            db.expunge(movie_import)
            self._begun = movie_import


def _delete_old_folders() -> None:
    with suppress(OSError):  # there is no such folder, or another process deletes it, too
        for folder in Path(gettempdir()).glob(f"{FOLDER_PREFIX}*"):
            if folder.stat().st_mtime < time.time() - MAX_FOLDER_AGE_SECONDS:
                rmtree(folder, ignore_errors=True)


def _require_nothing_to_take_back(db: Session, owner_id: int) -> None:
    """Raise `Busy` if the server will first take movies of another import of the person back."""
    if storage.will_take_movies_back(db, owner_id):
        raise Busy
