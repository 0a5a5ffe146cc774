"""Log an outage of the database: each failed request in one line, and one traceback a minute."""

import logging
import threading
import time

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flicklist.text import one_line

log = logging.getLogger(__name__)

TRACEBACK_SECONDS = 60


def reason_of(error: SQLAlchemyError) -> str:
    """Return what the database itself said, in one line and without the statement."""
    return one_line(error.orig if isinstance(error, DBAPIError) else error)


class Outages:
    """Logs outages for one process. The tracebacks of all failed requests would fill the disk."""

    def __init__(self) -> None:
        self._next_traceback = 0.0
        self._lock = threading.Lock()

    def report(self, message: str, error: SQLAlchemyError) -> None:
        log.error("%s: %s", message, reason_of(error), exc_info=error if self._is_traceback_due() else None)

    def _is_traceback_due(self) -> bool:
        with self._lock:
            now = time.monotonic()
            is_due = now >= self._next_traceback
            if is_due:
                self._next_traceback = now + TRACEBACK_SECONDS
            return is_due
