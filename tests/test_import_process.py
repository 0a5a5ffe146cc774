"""Each import runs in a process of its own. Whatever that does, the server and other imports go on."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from flicklist import import_process
from flicklist.models import Import, Lease
from flicklist.services.imports import attempt, importer
from flicklist.settings import Settings
from tests.faults.conftest import Client, Server, wait_until

HOSTILE = "hostile.txt"
# The process, but for a file of this name it runs other code instead of reading it.
PROCESS = """
import os
from flicklist import import_process
from flicklist.services.imports import attempt

def use_processor():
    while True:
        pass

def read(path, name, *arguments, read_upload=attempt.read_upload, **options):
    return {code} if name == "{name}" else read_upload(path, name, *arguments, **options)

attempt.read_upload = read
import_process.HARD_MAX_PROCESSOR_SECONDS = 3
import_process.main()
"""
ROWS = 60_000  # that take some seconds to read
MAX_END_SECONDS = 10  # on a busy machine
POOL_TIMEOUT_SECONDS = 10


@pytest.fixture
def run_imports(app, ini, tmp_path, monkeypatch):
    """Return a function that runs a process for each import, with the temporary files in a folder of the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is remembered
    yield partial(import_process.run_imports, Settings.read(ini, {}), ini)
    assert list(tmp_path.glob("flicklist*")) == []


def run_hostile(monkeypatch, code):
    """Let the process run some code when it should read the hostile file."""
    process = PROCESS.format(code=code, name=HOSTILE)
    monkeypatch.setattr(import_process, "COMMAND", (sys.executable, "-c", process))


def preview_is_ready(person, page):
    return "confirm" in person.get(page.request.path).forms


def test_import_runs_in_processes(alice, run_imports):
    page = alice.upload("Heat\nRan")
    run_imports()
    page = alice.get(page.request.path)
    page.forms["confirm"].submit()
    assert alice.watchlist() == []
    run_imports()
    assert sorted(alice.watchlist()) == ["Heat", "Ran"]


def test_file_that_needs_too_much_memory_is_refused(alice, bob, run_imports, monkeypatch):
    page, other = alice.upload("Heat", HOSTILE), bob.upload("Ran")
    run_hostile(monkeypatch, "bytearray(2 * import_process.MAX_MEMORY)")
    run_imports()
    assert attempt.TOO_LARGE in alice.get(page.request.path)
    assert preview_is_ready(bob, other)


@pytest.mark.parametrize(("code", "status"), [("use_processor()", -signal.SIGKILL), ("os._exit(7)", 7)])
def test_process_that_dies_does_not_stop_other_imports(
    alice, bob, run_imports, end_pauses, monkeypatch, db, caplog, code, status
):
    page, other = alice.upload("Heat", HOSTILE), bob.upload("Ran")
    with monkeypatch.context() as patched:
        run_hostile(patched, code)
        run_imports()
    assert caplog.text.count(f"The process for an import ended with the status {status}") == 1
    assert db.scalars(select(Lease)).all() == []
    assert preview_is_ready(bob, other)
    assert not preview_is_ready(alice, page)
    end_pauses()
    run_imports()
    assert preview_is_ready(alice, page)


def test_import_whose_process_always_dies_is_refused_in_the_end(alice, run_imports, end_pauses, monkeypatch):
    page = alice.upload("Heat", HOSTILE)
    run_hostile(monkeypatch, "os.kill(os.getpid(), 9)")
    for _ in range(attempt.MAX_ATTEMPTS):
        run_imports()
        assert "Reading your file" in alice.get(page.request.path)
        end_pauses()
    run_imports()
    assert attempt.FAILED in alice.get(page.request.path)


def test_stop_counts_as_no_attempt(alice, run_imports, monkeypatch, db, caplog):
    alice.upload("Heat", HOSTILE)
    run_hostile(monkeypatch, "os.kill(os.getpid(), 15)")
    run_imports()
    assert db.execute(select(Import.state, Import.attempts)).all() == [("uploaded", 0)]
    assert db.scalars(select(Lease)).all() == []
    assert caplog.text == ""


STOPPED_IN_POOL = """
import itertools, os, signal
from sqlalchemy.pool import QueuePool
from flicklist import import_process

take, numbers = QueuePool._do_get, itertools.count(1)

def take_and_stop(pool):
    connection = take(pool)
    if next(numbers) == {number}:
        os.kill(os.getpid(), signal.SIGTERM)
    return connection

QueuePool._do_get = take_and_stop
import_process.main()
"""


STOPPED_WHILE_READING = """
import os, signal
from flicklist import import_process
from flicklist.services.imports import planning

def match(rows, existing, *_):
    os.kill(os.getpid(), signal.SIGTERM)
    list(existing)
    os._exit(7)

planning.match = match
import_process.main()
"""


def test_stop_while_a_process_starts(alice, run_imports, monkeypatch):
    """And no other one starts after that."""
    page = alice.upload("Heat")
    monkeypatch.setattr(import_process, "_stopping", threading.Event())
    start, stops = subprocess.Popen, []

    def start_and_stop(*arguments, **options):
        process = start(*arguments, **options)
        stops.append(threading.Thread(target=import_process.stop_process))
        stops[-1].start()
        time.sleep(0.3)
        return process

    monkeypatch.setattr(subprocess, "Popen", start_and_stop)
    run_imports()
    run_imports()
    (stop,) = stops
    stop.join()
    assert not preview_is_ready(alice, page)


def test_stop_while_the_list_is_read_does_not_wait_for_the_rest(alice, run_imports, monkeypatch, db, caplog):
    """A list of 100,000 movies takes longer to read than the server waits."""
    alice.add("Ran")
    alice.upload("Heat")
    monkeypatch.setattr(import_process, "COMMAND", (sys.executable, "-c", STOPPED_WHILE_READING))
    run_imports()
    assert caplog.text == ""
    assert db.execute(select(Import.state, Import.attempts)).all() == [("uploaded", 0)]


@pytest.mark.parametrize("number", range(1, 10))
def test_stop_within_the_database_takes_no_longer(alice, run_imports, monkeypatch, db, caplog, number):
    """SIGTERM comes after a connection is taken from the pool, and before SQLAlchemy has noted that."""
    alice.upload("Heat")
    monkeypatch.setattr(import_process, "COMMAND", (sys.executable, "-c", STOPPED_IN_POOL.format(number=number)))
    begun = time.monotonic()
    run_imports()
    assert time.monotonic() - begun < POOL_TIMEOUT_SECONDS
    assert db.execute(select(Import.state, Import.attempts)).all() == [("uploaded", 0)]
    assert db.scalars(select(Lease)).all() == []
    assert caplog.text == ""


def test_error_is_in_the_log_of_the_server_and_does_not_stop_other_imports(
    alice, bob, run_imports, monkeypatch, caplog
):
    page, other = alice.upload("Heat", HOSTILE), bob.upload("Ran")
    run_hostile(monkeypatch, "1 / 0")
    run_imports()
    assert caplog.text.count("ZeroDivisionError") == 1
    assert "Reading your file" in alice.get(page.request.path)
    assert preview_is_ready(bob, other)


def test_failed_start_of_a_process_is_logged(alice, run_imports, monkeypatch, caplog):
    page = alice.upload("Heat")
    with monkeypatch.context() as patched:
        patched.setattr(import_process, "COMMAND", (sys.executable, "-c", "import nothing_of_this_name"))
        run_imports()
    assert caplog.text.count("No module named 'nothing_of_this_name'") == 1
    run_imports()
    assert preview_is_ready(alice, page)


def test_folder_that_was_left_behind_is_deleted_after_a_day(alice, run_imports, tmp_path):
    old, new = (tmp_path / f"{attempt.FOLDER_PREFIX}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    long_ago = time.time() - importer.MAX_FOLDER_AGE_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    alice.upload("Heat")
    run_imports()
    assert (old.exists(), new.exists()) == (False, True)
    new.rmdir()


def to_server(number):
    return lambda process: process.send_signal(number)


def to_all(number):
    """Return a function that sends a signal to all processes of a server, as a terminal or systemd does."""
    return lambda process: os.killpg(process.pid, number)


@pytest.mark.parametrize(
    "end",
    [
        to_server(signal.SIGKILL),
        to_server(signal.SIGTERM),
        to_all(signal.SIGTERM),
        to_all(signal.SIGHUP),
        to_all(signal.SIGINT),
    ],
    ids=["killed", "stopped", "all-sigterm", "all-sighup", "all-sigint"],
)
def test_process_ends_with_its_server(tmp_path, end):
    """It leaves no copy of the file behind, and gives back the lease, so that the next server goes on at once."""
    database_url, files = f"sqlite:///{tmp_path}/flicklist.db", tmp_path / "temporary"
    files.mkdir()
    server = Server(tmp_path, database_url)
    server.migrate()
    server.start(TMPDIR=str(files))
    client = Client(server).register("alice@example.com")
    client.upload("".join(f"Movie {number}\n" for number in range(ROWS)))
    wait_until(lambda: list(files.iterdir()), "the file is read")
    (process,) = children(server.process.pid)
    end(server.process)
    server.process.wait(MAX_END_SECONDS)
    ended = time.monotonic()
    wait_until(lambda: has_ended(process), "the process has ended")
    assert time.monotonic() - ended < MAX_END_SECONDS
    assert list(files.iterdir()) == []
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.scalars(select(Lease.name)).all() == []
        assert connection.execute(select(Import.state, Import.attempts)).all() == [("uploaded", 0)]
    engine.dispose()
    server.start(TMPDIR=str(files))
    wait_until(lambda: list(files.iterdir()), "the next server reads the file")
    server.stop()


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_server_that_is_stopped_waits_for_the_process(tmp_path, options):
    """If it is process 1 of a container, its end kills all others."""
    server = Server(tmp_path, f"sqlite:///{tmp_path}/flicklist.db", *options)
    server.migrate()
    server.start()
    client = Client(server).register("alice@example.com")
    client.upload("".join(f"Movie {number}\n" for number in range(ROWS)))
    wait_until(lambda: imports_of(server.process.pid), "a process runs")
    (process,) = imports_of(server.process.pid)
    server.stop()
    assert has_ended(process)


def imports_of(pid):
    """Return the processes for imports of a server, which may be those of its own processes."""
    below = [*children(pid), *(child for each in children(pid) for child in children(each))]
    return [each for each in below if b"flicklist.import_process" in Path(f"/proc/{each}/cmdline").read_bytes()]


def children(pid):
    lists = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for each in lists for child in each]


def has_ended(pid):
    """Return whether a process is gone, or only waits for its parent to ask for its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
