"""An import runs in a process of its own. Whatever that does, the server and other imports go on."""

import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from flicklist import import_process
from flicklist.models import Import, Lease
from flicklist.services.imports import importer
from flicklist.settings import Settings
from tests.faults.conftest import Client, Server, wait_until

# The process, but with another function to read the file.
PROCESS = """
import os
from flicklist import import_process
from flicklist.services.imports import importer

def use_processor():
    while True:
        pass

importer.read_upload = lambda *_, **__: {work}
import_process.HARD_MAX_PROCESSOR_SECONDS = 3
import_process.main()
"""
ROWS = 60_000  # that take some seconds
MAX_STOP_SECONDS = 2
MAX_END_SECONDS = import_process.SECONDS_TO_END + 3


@pytest.fixture
def work(app, ini):
    """Return a function that works on the next import, in a process."""
    return partial(import_process.work_on_next_import, Settings.read(ini, {}))


def read_by(monkeypatch, code):
    """Let the process run some code instead of reading the file."""
    monkeypatch.setattr(import_process, "COMMAND", (sys.executable, "-c", PROCESS.format(work=code)))


def test_process_does_one_piece_of_work_at_a_time(alice, work):
    page = alice.upload("Heat\nRan")
    assert work()
    page = alice.get(page.request.path)
    page.forms["confirm"].submit()
    assert alice.watchlist() == []
    assert work()
    assert sorted(alice.watchlist()) == ["Heat", "Ran"]
    assert not work()


def test_file_that_needs_too_much_memory_is_refused(alice, bob, work, monkeypatch):
    page, other = alice.upload("Heat"), bob.upload("Ran")
    with monkeypatch.context() as patched:
        read_by(patched, "bytearray(2 * import_process.MAX_MEMORY)")
        assert work()
    assert importer.TOO_LARGE in alice.get(page.request.path)
    assert work()
    assert "confirm" in bob.get(other.request.path).forms


@pytest.mark.parametrize(
    ("code", "status"),
    [("use_processor()", -signal.SIGKILL), ("os.kill(os.getpid(), 15)", 1), ("os._exit(7)", 7)],
)
def test_process_that_dies_does_not_stop_other_imports(alice, bob, work, monkeypatch, db, caplog, code, status):
    page, other = alice.upload("Heat"), bob.upload("Ran")
    with monkeypatch.context() as patched:
        read_by(patched, code)
        assert not work()
    assert f"The process for an import ended with the status {status}" in caplog.text
    assert db.scalars(select(Lease)).all() == []
    assert work()
    assert "confirm" in bob.get(other.request.path).forms
    assert work()
    assert "confirm" in alice.get(page.request.path).forms


def test_import_whose_process_always_dies_is_refused_soon_and_leaves_no_file(alice, ini, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is remembered
    page = alice.upload("Heat")
    read_by(monkeypatch, "os.kill(os.getpid(), 9)")
    import_process.work_on_imports(Settings.read(ini, {}))
    assert importer.FAILED in alice.get(page.request.path)
    assert list(tmp_path.glob("flicklist*")) == []


def test_process_that_never_starts_is_not_started_again_and_again(alice, ini, monkeypatch, caplog):
    alice.upload("Heat")
    monkeypatch.setattr(import_process, "COMMAND", (sys.executable, "-c", "import nothing_of_this_name"))
    import_process.work_on_imports(Settings.read(ini, {}))
    assert caplog.text.count("ended with the status 1") == import_process.MAX_FAILURES


def test_error_in_process_is_in_the_log_of_the_server(alice, work, monkeypatch, caplog):
    alice.upload("Heat")
    read_by(monkeypatch, "1 / 0")
    assert not work()
    assert "ZeroDivisionError" in caplog.text


def test_process_that_cannot_start_is_in_the_log_of_the_server(alice, work, monkeypatch, caplog):
    page = alice.upload("Heat")
    with monkeypatch.context() as patched:
        patched.setattr(import_process, "COMMAND", (sys.executable, "-c", "import nothing_of_this_name"))
        assert not work()
    assert "nothing_of_this_name" in caplog.text
    assert work()
    assert "confirm" in alice.get(page.request.path).forms


@pytest.fixture
def server(tmp_path, empty_database_url):
    server = Server(tmp_path, empty_database_url)
    server.migrate()
    yield server
    server.stop()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_process_ends_with_its_server(server, tmp_path, empty_database_url, ending):
    """It leaves no copy of the file behind, and gives back the lease, so that the next server goes on at once."""
    files = tmp_path / "temporary"
    files.mkdir()
    server.start(TMPDIR=str(files))
    client = Client(server).register("alice@example.com")
    client.upload("".join(f"Movie {number}\n" for number in range(ROWS)))
    wait_until(lambda: list(files.iterdir()), "the file is read")
    (process,) = children(server.process.pid)
    server.process.send_signal(ending)
    server.process.wait(MAX_STOP_SECONDS)
    ended = time.monotonic()
    wait_until(lambda: has_ended(process), "the process has ended")
    assert time.monotonic() - ended < MAX_END_SECONDS
    assert list(files.iterdir()) == []
    engine = create_engine(empty_database_url)
    with engine.connect() as connection:
        assert connection.scalars(select(Lease.name)).all() == []
        assert connection.scalar(select(Import.state)) == "uploaded"
    engine.dispose()
    server.start(TMPDIR=str(files))
    wait_until(lambda: list(files.iterdir()), "the next server reads the file")


def children(pid):
    lists = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for each in lists for child in each]


def has_ended(pid):
    """Return whether a process is gone, or only waits for its parent to ask for its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
