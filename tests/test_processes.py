"""Two processes serve the site together, started for real."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flicklist.db import CONNECTIONS_OF_THREADS, allowed_connections, connections_of_process
from tests.clients import PASSWORD
from tests.faults.conftest import BIN, START_SECONDS, Client, Server, token_in, wait_until

MAX_STOP_SECONDS = 20  # on a busy machine
TOO_LARGE = 60_000_000
CONNECTIONS_OF_PROCESS = 34  # with 16 threads


@pytest.fixture
def server(tmp_path, empty_database_url):
    server = Server(tmp_path, empty_database_url, "--processes", "2")
    server.migrate()
    yield server
    server.stop()


def workers(server):
    """Return the ids of the processes that answer requests."""
    return {
        int(pid) for pid in Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    }


def processor_time(pid):
    return sum(int(ticks) for ticks in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])


def test_two_processes_share_logins_and_lists(server):
    """Each request is a new connection, and goes to either process."""
    server.start()
    idle = {pid: processor_time(pid) for pid in workers(server)}
    alice = Client(server).register("alice@example.com")
    assert [alice.add(f"Movie {number}") for number in range(20)] == [303] * 20
    again = Client(server)
    again.token = token_in(again.get("/login"))
    assert again.post("/login", email="alice@example.com", password=PASSWORD).status == 303
    assert again.get(alice.list_path).text.count('class="title"') == 20
    assert len(idle) == 2
    assert all(processor_time(pid) > before for pid, before in idle.items())


def test_sigterm_stops_both_processes(server):
    server.start()
    pids = workers(server)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=60) == 0
    assert time.monotonic() - begun < MAX_STOP_SECONDS
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_signal_of_a_terminal_to_all_processes_stops_them(server, number):
    server.start()
    pids = workers(server)
    begun = time.monotonic()
    os.killpg(server.process.pid, number)
    assert server.process.wait(timeout=60) == 0
    assert time.monotonic() - begun < MAX_STOP_SECONDS
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_stop_succeeds_if_the_processes_get_the_signal_before_their_parent(server):
    server.start()
    parent, pids = server.process.pid, workers(server)
    os.kill(parent, signal.SIGSTOP)
    try:
        wait_until(lambda: has_stopped(parent), "the parent has stopped")
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: all(" Z " in Path(f"/proc/{pid}/stat").read_text() for pid in pids), "they have ended")
        os.kill(parent, signal.SIGTERM)
    finally:
        os.kill(parent, signal.SIGCONT)
    assert server.process.wait(timeout=60) == 0


def has_stopped(pid):
    """Return whether all threads of a process have stopped, which SIGSTOP does not wait for."""
    return all(" T " in (task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir())


def test_several_signals_at_once_stop_the_server(server):
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        server.process.send_signal(number)
    assert server.process.wait(MAX_STOP_SECONDS) == 0


def test_sigterm_stops_process_that_is_still_starting(server):
    server.start()
    killed = min(workers(server))
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(workers(server) - {killed}) == 2, "another process is starting", START_SECONDS)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=60) == 0
    assert time.monotonic() - begun < MAX_STOP_SECONDS


def test_sigterm_waits_for_request_under_way(server):
    """The login hashes for some seconds."""
    server.start(FLICKLIST_BCRYPT_COST="14")
    client = Client(server)
    client.token = token_in(client.get("/login"))
    statuses = []

    def log_in():
        statuses.append(client.post("/login", email="alice@example.com", password=PASSWORD).status)

    request = threading.Thread(target=log_in)
    request.start()
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=60) == 0
    request.join()
    assert statuses == [303]


def test_killed_process_is_replaced(server):
    server.start()
    killed = min(workers(server))
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(workers(server) - {killed}) == 2, "another process has started", START_SECONDS)
    wait_until(server.answers, "the server answers", START_SECONDS)


def test_proxy_headers_are_accepted_as_with_one_process(server):
    server.start()
    client = Client(server)
    client.headers = {"X-Forwarded-For": "192.0.2.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
    assert client.get("/").location.startswith("https://")
    client.request("PUT", "/login")
    assert "malformed user=- client=203.0.113.0/24" in server.log.read_text()


ADDRESSES = {
    "::ffff:203.0.113.9": "203.0.113.0/24",
    "[::ffff:203.0.114.9]:443": "203.0.114.0/24",
    "198.51.100.1, ::ffff:203.0.115.9": "203.0.115.0/24",
    "203.0.116.9:443": "203.0.116.0/24",
    "2001:db8:1:2::3": "2001:db8:1::/48",
    '"2001:db8:2:2::3"': "2001:db8:2::/48",
    '"[2001:db8:3:2::3]:443"': "2001:db8:3::/48",
    ":8.0": "-",
}


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_address_of_client_is_read_in_every_form(server, options):
    server.options = options
    server.start()
    client = Client(server)
    for address in ADDRESSES:
        client.headers = {"X-Forwarded-For": address}
        client.request("PUT", "/login")
    logged = re.findall("malformed user=- client=(.+)", server.log.read_text())
    assert logged == list(ADDRESSES.values())


def test_malformed_proxy_header_is_refused(server):
    server.start()
    client = Client(server)
    client.headers = {"X-Forwarded-For": '"203.0.113.9'}
    assert client.get("/login").status == 400


def test_proxy_headers_of_others_are_ignored(server):
    server.ini.write_text(server.ini.read_text().replace("trusted_proxy = 127.0.0.1", "trusted_proxy = 192.0.2.1"))
    server.start()
    client = Client(server)
    client.headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    assert client.get("/").location.startswith("http://")
    client.request("PUT", "/login")
    assert "malformed user=- client=127.0.0.0/24" in server.log.read_text()


def test_large_body_and_body_without_length(server):
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/login")
    connection.putheader("Content-Length", str(TOO_LARGE))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/login", iter([b"email=", b"x"]), encode_chunked=True)
    assert connection.getresponse().status == 403  # no CSRF token
    connection.close()


def test_limits_in_memory_are_a_warning(server):
    server.start()
    assert "Set FLICKLIST_RATE_LIMIT_STORAGE" in server.log.read_text()
    server.stop()
    server.log.unlink()
    server.start(FLICKLIST_RATE_LIMIT_STORAGE="redis://127.0.0.1:1")
    assert "Set FLICKLIST_RATE_LIMIT_STORAGE" not in server.log.read_text()


def test_more_processes_than_postgresql_has_connections_for_are_a_warning(tmp_path, empty_database_url):
    """With the sixteen threads of production.ini. PostgreSQL keeps some of its connections for superusers."""
    allowed = allowed_connections(empty_database_url)
    if allowed is None:
        pytest.skip("SQLite has no limit")
    for processes in (allowed // CONNECTIONS_OF_PROCESS, allowed // CONNECTIONS_OF_PROCESS + 1):
        server = Server(tmp_path, empty_database_url, "--processes", str(processes))
        server.migrate()
        server.start()
        server.stop()
        needed = processes * CONNECTIONS_OF_PROCESS
        warning = (
            f"{processes} processes with 16 threads need up to {needed} connections, and PostgreSQL allows {allowed}."
        )
        lines = [line for line in server.log.read_text().splitlines() if warning in line]
        assert len(lines) == (needed > allowed)
        server.log.unlink()


def test_process_opens_no_more_connections_than_are_counted(app):
    """docs/deployment.md says how many."""
    most = sum(engine.pool.size() + engine.pool._max_overflow for engine in app.registry.engines)  # noqa: SLF001
    if app.registry.flicklist.database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    assert connections_of_process(threads=1000) == most + CONNECTIONS_OF_THREADS
    assert connections_of_process(threads=16) == CONNECTIONS_OF_PROCESS
    assert connections_of_process(threads=8) == 20


@pytest.mark.parametrize(
    ("environment", "listen", "said"),
    [
        ({"FLICKLIST_SECRET": "short"}, None, "FLICKLIST_SECRET"),
        ({"FLICKLIST_DATABASE_URL": "sqlite:////nowhere/flicklist.db"}, None, "does not exist"),
        ({}, "127.0.0.1:{port}", "Address already in use"),
        ({}, "127.0.0.1:0 127.0.0.1:0", "one address only"),
    ],
    ids=["setting", "database", "address-in-use", "two-addresses"],
)
def test_start_that_fails_prints_one_line(server, environment, listen, said):
    server.start()
    listens = f"listen = {(listen or '127.0.0.1:0').format(port=server.port)}"
    server.ini.write_text(re.sub(r"(?m)^listen = .*$", listens, server.ini.read_text()))
    failed = subprocess.run(
        [BIN / "flicklist", "serve", server.ini, "--processes", "2"],
        env=server.environment | {"FLICKLIST_RATE_LIMIT_STORAGE": "redis://127.0.0.1:1"} | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert said in line


def test_granian_that_is_missing_is_named(server):
    code = "import sys; sys.modules['granian'] = None; from flicklist.cli import flicklist; flicklist()"
    failed = subprocess.run(
        [sys.executable, "-c", code, "serve", server.ini, "--processes", "2"],
        env=server.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert failed.returncode == 1
    assert failed.stderr == "Several processes need granian. Install it with '.[processes]'.\n"


def test_reload_needs_one_process(server):
    command = [BIN / "flicklist", "serve", server.ini, "--processes", "2", "--reload"]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "--reload works with one process only" in failed.stderr
