"""Threads of the server that do something periodically."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Engine

from flicklist.db import writing_engine

log = logging.getLogger(__name__)


class PeriodicThread(threading.Thread):
    """Works when woken, and after each pause. A failure is logged, because the database may be back later.

    `open_work` is a context manager that returns the function to call. It is entered in the thread.
    """

    def __init__(
        self,
        name: str,
        open_work: Callable[[], AbstractContextManager[Callable[[], Any]]],
        pause_seconds: float,
        first_pause_seconds: float = 0,
    ) -> None:
        super().__init__(name=f"flicklist-{name}", daemon=True)
        self._open_work = open_work
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
            try:
                with self._open_work() as work:
                    while not self._stop_requested:
                        work()
                        self._pause(self._pause_seconds)
            except Exception:
                # Its connections are closed by now. One that SQLite opened on a read-only disk would keep all others of
                # the process from writing.
                log.exception("The thread %s failed", self.name)
                self._pause(self._pause_seconds)

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        if not self._stop_requested:  # otherwise the next pause must end at once, too
            self._wake.clear()


@contextmanager
def with_engine(database_url: str, work: Callable[[Engine], Any]) -> Iterator[Callable[[], Any]]:
    """Open work that needs an engine, for `PeriodicThread`."""
    engine = writing_engine(database_url)
    try:
        yield lambda: work(engine)
    finally:
        engine.dispose()
