"""Run each import in a process of its own, with limits on its memory and its processor time.

A file that needs more than anybody expected makes its own import fail. The server goes on.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from flicklist.importer import open_importer
from flicklist.services.imports.attempt import MAX_PROCESSOR_SECONDS
from flicklist.services.imports.importer import Result
from flicklist.settings import Settings

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "flicklist.import_process")  # -P: import nothing from the current folder
EXIT_STATUSES = {Result.DONE: 0, Result.FAILED: 3, Result.NOTHING: 4}
STOPPED = 5  # the exit status after SIGTERM
MAX_MEMORY = 1_000_000_000  # bytes; a file of the greatest size needs 400 MB, see docs/performance.md
SECONDS_WITHOUT_SERVER = 30  # to finish a statement
SECONDS_OF_SERVER = 1.5  # that a server which stops waits for the process; it must end within two
# The importer refuses a file that takes `MAX_PROCESSOR_SECONDS`. This one stops a single step that takes too long.
HARD_MAX_PROCESSOR_SECONDS = MAX_PROCESSOR_SECONDS + 60
_under_way: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()
_starting = threading.Lock()  # is held while a process starts, or the stop begins


def run_imports(settings: Settings, ini: Mapping[str, str]) -> None:
    """Run a process for each import that waits. One that failed is tried again later, not at once.

    `ini` are the settings as `Settings.read` reads them, which the process does again.
    """
    failed = set()
    while True:
        with open_importer(settings) as importer:
            if not importer.has_work() or (import_id := importer.next_import_id()) in failed:
                return
        status = _run_process(settings, ini, importer.holder)
        if status in {EXIT_STATUSES[Result.NOTHING], STOPPED}:
            return
        if status != EXIT_STATUSES[Result.DONE]:
            failed.add(import_id)


def stop_process() -> None:
    """Stop the process under way, if there is one, and start no more.

    The end of process 1 of a container would kill it.
    """
    with _starting:
        _stopping.set()
    for process in list(_under_way):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_OF_SERVER)


def _run_process(settings: Settings, ini: Mapping[str, str], holder: str) -> int:
    """Run the process to its end, clean up if it died, and return its exit status."""
    process = _start_process()
    if process is None:
        return STOPPED
    with process:
        stdin, stderr = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stderr))
        with suppress(BrokenPipeError):  # it has ended already; its output says why
            stdin.write(json.dumps([dict(ini), holder]).encode() + b"\n")
        output = stderr.read().decode(errors="replace").strip()
        status = process.wait()
        if status == -signal.SIGTERM:  # SIGTERM came before the process had set its handler
            status = STOPPED
        _under_way.discard(process)
    if output:
        log.error("%s", output)
    if status not in EXIT_STATUSES.values():
        if status != STOPPED:
            log.error("The process for an import ended with the status %s", status)
        with open_importer(settings, holder=holder) as importer:
            importer.clean_up_after_death()
    return status


def _start_process() -> subprocess.Popen[bytes] | None:
    """Start a process, unless the server stops."""
    with _starting:
        if _stopping.is_set():
            return None
        process = subprocess.Popen(  # noqa: S603
            COMMAND,
            bufsize=0,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,  # a terminal sends signals to the group of the server, which stops this process
        )
        _under_way.add(process)
        return process


def main() -> None:
    """Work on one import. The settings come from the server, on a pipe that it keeps open for as long as it runs."""
    stop = _Stop()
    signal.signal(signal.SIGTERM, stop.request)
    logging.basicConfig(format="%(message)s")
    ini, holder = json.loads(sys.stdin.buffer.readline())
    _limit_resources()
    threading.Thread(target=_stop_with_server, daemon=True).start()
    with open_importer(
        Settings.read(ini),
        holder=holder,
        using_database=stop.using_database,
        before_statement=stop.end_if_requested,
    ) as importer:
        sys.exit(EXIT_STATUSES[importer.run_next()])


class _Stop:
    """Ends the process on SIGTERM. Within a use of the database, it waits for the next statement or the end of the use.

    SQLAlchemy can lose a connection if an exception comes at another moment, and what comes after would wait for it.
    """

    def __init__(self) -> None:
        self._is_requested = False
        self._uses = 0

    def request(self, *_: object) -> None:
        """Handle SIGTERM."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # nothing interrupts the end
        if self._uses:
            self._is_requested = True
        else:
            sys.exit(STOPPED)

    @contextmanager
    def using_database(self) -> Iterator[None]:
        """Put off the end until this use of the database, or one within it, has ended."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            self.end_if_requested()

    def end_if_requested(self) -> None:
        if self._is_requested:
            self._is_requested = False  # the end uses the database, too
            sys.exit(STOPPED)


def _limit_resources() -> None:
    """Limit memory and processor time, where the system can. If its memory runs out, Linux kills this process first."""
    if resource is not None:
        _set_limit(resource.RLIMIT_DATA, MAX_MEMORY)
        _set_limit(resource.RLIMIT_CPU, HARD_MAX_PROCESSOR_SECONDS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _set_limit(name: int, limit: int) -> None:
    _, hard_limit = resource.getrlimit(name)
    if hard_limit == resource.RLIM_INFINITY or limit < hard_limit:
        with suppress(OSError, ValueError):  # some systems refuse some limits
            resource.setrlimit(name, (limit, limit))


def _stop_with_server() -> None:
    """Stop this process when the server closes the pipe, or was killed."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_WITHOUT_SERVER)
    os._exit(1)


if __name__ == "__main__":
    main()
