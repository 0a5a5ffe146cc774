"""Work on an import in a process of its own, with limits on its memory and its processor time.

So a file that takes more than anybody expected stops its own import, and neither the server nor its pages.
"""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from flicklist.importer import open_importer
from flicklist.services.imports.importer import MAX_PROCESSOR_SECONDS
from flicklist.settings import Settings

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "flicklist.import_process")  # -P: the current folder can be anything
NOTHING_DONE = 3  # the exit status if there was no work, or if it failed and that was logged
MAX_FAILURES = 5  # in a row; after fewer, an import that always fails is refused
MAX_MEMORY = 1_000_000_000  # bytes; a file of the greatest size needs 400 MB, see docs/performance.md
SECONDS_TO_END = 2  # for the work in progress, when the server is gone
# The importer refuses a file that takes `MAX_PROCESSOR_SECONDS`. This is for single steps that take much longer.
HARD_MAX_PROCESSOR_SECONDS = MAX_PROCESSOR_SECONDS + 60


def work_on_imports(settings: Settings) -> None:
    """Work on all imports that wait. If it fails again and again, leave the rest for later."""
    failures = 0
    while failures < MAX_FAILURES and (has_worked := work_on_next_import(settings)) is not None:
        failures = 0 if has_worked else failures + 1


def work_on_next_import(settings: Settings) -> bool | None:
    """Start a process for the import that has waited longest, wait for it, and return whether it has done its work.

    Return None if nothing waits, or somebody else works on imports.
    """
    with open_importer(settings) as importer:
        holder = importer.holder
        if not importer.has_work():
            return None
    status = _run_process(settings, holder)
    if status not in {0, NOTHING_DONE}:
        log.error("The process for an import ended with the status %s", status)
        with open_importer(settings, holder=holder) as importer:
            importer.clean_up()
    return status == 0


def _run_process(settings: Settings, holder: str) -> int:
    """Run the process to its end, and return its exit status."""
    with subprocess.Popen(COMMAND, bufsize=0, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        stdin, stderr = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stderr))
        with suppress(BrokenPipeError):  # it has failed already, and says why
            stdin.write(pickle.dumps((settings, holder)))
        output = stderr.read().decode(errors="replace").strip()
        status = process.wait()
    if output:
        log.error("%s", output)
    return status


def main() -> None:
    """Do the work. The settings come from the server, on a pipe that it keeps open for as long as it runs."""
    logging.basicConfig(format="%(message)s")
    settings, holder = pickle.load(sys.stdin.buffer)  # noqa: S301 - only the server writes to the pipe
    _limit_resources()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_server, daemon=True).start()
    with open_importer(settings, holder=holder) as importer:
        has_worked = importer.run_next()
    sys.exit(0 if has_worked else NOTHING_DONE)


def _limit_resources() -> None:
    """Limit memory and processor time, where the system can. If its memory runs out, Linux ends this process first."""
    with suppress(ImportError):  # on Windows
        import resource  # noqa: PLC0415

        _limit(resource, resource.RLIMIT_DATA, MAX_MEMORY)
        _limit(resource, resource.RLIMIT_CPU, HARD_MAX_PROCESSOR_SECONDS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit(resource: Any, kind: int, maximum: int) -> None:
    _, allowed = resource.getrlimit(kind)
    if allowed == resource.RLIM_INFINITY or maximum < allowed:
        with suppress(OSError, ValueError):  # some systems refuse some limits
            resource.setrlimit(kind, (maximum, maximum))


def _end_with_server() -> None:
    """Wait until the server has closed the pipe, also because it was killed, and end this process."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
