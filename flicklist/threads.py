"""A thread of the server that works when woken, and now and then."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30


class WorkingThread(threading.Thread):
    """Calls a function when woken, and every half minute. Errors are logged, because the database may be back later.

    `open_work` is a context manager that returns the function. It is entered in the thread.
    """

    def __init__(self, name: str, open_work: Callable[[], AbstractContextManager[Callable[[], Any]]]) -> None:
        super().__init__(name=name, daemon=True)
        self._open_work = open_work
        self._wake = threading.Event()
        self._stop_requested = False

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop_requested = True
        self.wake()
        self.join()

    def run(self) -> None:
        with self._open_work() as work:
            while not self._stop_requested:
                self._wake.clear()
                try:
                    work()
                except Exception:
                    log.exception("The thread %s could not work", self.name)
                self._wake.wait(PAUSE_SECONDS)
