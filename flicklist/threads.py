"""Threads of the server: those that do something periodically, and a start that cannot get enough of them."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyramid.request import Request

log = logging.getLogger(__name__)

MAX_PAUSE_AFTER_FAILURE = 60
REFUSED = "can't start new thread"  # the text of a RuntimeError, which is all that Python says


class ThreadsRefusedError(SystemExit):
    """The machine refuses another thread to the server. The message is one line. See `InvalidSettingError`."""


@contextmanager
def starting_threads() -> Iterator[None]:
    """Report in one line that a thread cannot be started, also if a library starts it."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != REFUSED:
            raise
        raise ThreadsRefusedError(
            "The server cannot start another thread. Allow it more processes and memory, or set fewer threads."
        ) from None


def require_threads(number: int) -> None:
    """Start and end so many threads. Raises `ThreadsRefusedError` if the machine refuses one of them."""
    end = threading.Event()
    started = []
    try:
        with starting_threads():
            for _ in range(number):
                thread = threading.Thread(target=end.wait, daemon=True)
                thread.start()
                started.append(thread)
    finally:
        end.set()
        for thread in started:
            thread.join()


class PeriodicThread(threading.Thread):
    """Works when woken, and after each pause. A failure is logged, and it tries again within a minute.

    `work` closes its database connections at its end. One that SQLite opened while the disk was read-only would keep
    the whole process from writing, as long as it is open.
    """

    def __init__(
        self, name: str, work: Callable[[], Any], pause_seconds: float, first_pause_seconds: float = 0
    ) -> None:
        super().__init__(name=f"flicklist-{name}", daemon=True)
        self._work = work
        self._pause_seconds = pause_seconds
        self._first_pause_seconds = first_pause_seconds
        self._wake = threading.Event()
        self._stop_requested = False

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop_requested = True
        self.wake()
        self.join()

    def run(self) -> None:
        self._pause(self._first_pause_seconds)
        while not self._stop_requested:
            seconds = self._pause_seconds
            try:
                self._work()
            except Exception:
                log.exception("The thread %s failed", self.name)
                seconds = min(seconds, MAX_PAUSE_AFTER_FAILURE)
            self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()  # before the caller looks at `_stop_requested`, so that no stop is missed


def wake_after_commit(request: Request, thread: PeriodicThread) -> None:
    request.tm.get().addAfterCommitHook(lambda is_committed: thread.wake())
