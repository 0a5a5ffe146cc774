"""The server stops after the requests under way, and answers unusual but valid requests."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from itertools import permutations
from pathlib import Path
from urllib.parse import urlencode

import pytest

from flicklist.server import MAX_END_SECONDS
from tests.clients import PASSWORD
from tests.faults.conftest import BIN, Client, Server, free_port, skip_outside_ci, token_in, wait_until

MAX_STOP_SECONDS = 2
BIG = 20_000_000


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, f"sqlite:///{tmp_path}/flicklist.db")
    server.migrate()
    yield server
    server.stop()


def stop(process, number=signal.SIGTERM):
    """Send a signal, and return how long the process still ran, and its exit code."""
    begun = time.monotonic()
    process.send_signal(number)
    code = process.wait(timeout=60)
    return time.monotonic() - begun, code


def test_sigterm_stops_idle_server(server):
    server.start()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    idle[0].sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n")  # half a request
    seconds, code = stop(server.process)
    assert (code, seconds < MAX_STOP_SECONDS) == (0, True)
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_sigterm_waits_for_request_under_way(server, number):
    """The login hashes for some seconds, longer than the server takes to stop otherwise."""
    server.start(FLICKLIST_BCRYPT_COST="14")
    client = Client(server)
    client.token = token_in(client.get("/login"))
    answered = []

    def log_in():
        answer = client.post("/login", email="alice@example.com", password=PASSWORD)
        answered.append((answer.status, time.monotonic()))

    request = threading.Thread(target=log_in)
    request.start()
    time.sleep(0.3)
    stop(server.process, number)
    stopped_at = time.monotonic()
    request.join()
    ((status, answered_at),) = answered
    assert status == 303
    assert stopped_at - answered_at < MAX_STOP_SECONDS


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_sigterm_waits_for_the_rest_of_a_form(server, options):
    """It arrives in pieces, as over a slow connection."""
    server.options = options
    server.start()
    client = Client(server)
    client.token = token_in(client.get("/register"))
    body = urlencode(
        {"email": "alice@example.com", "password": PASSWORD, "verify": PASSWORD, "csrf_token": client.token}
    )
    headers = {
        "Host": f"localhost:{server.port}",
        "Cookie": client.cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": len(body),
    }
    lines = ["POST /register HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", body[:20]]).encode())
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        connection.sendall(body[20:].encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 303 ")
    assert server.process.wait(timeout=60) == 0


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_nohup_keeps_server_running(server, options):
    server.options = options
    with ExitStack() as at_end:
        at_end.callback(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_IGN))
        server.start()  # it inherits that
    os.killpg(server.process.pid, signal.SIGHUP)
    time.sleep(1)
    assert server.process.poll() is None
    assert server.answers()


WITHOUT_NEW_THREADS = """
import threading
from flicklist.server import make_server

def refuse(thread):
    raise RuntimeError("can't start new thread")

def app(environ, start_response):
    threading.Thread.start = refuse
    start_response("200 OK", [("Content-Length", "0")])
    return []

make_server({}, listen="LISTEN")(app)
"""
UNREAD_LOG = """
import logging
from flicklist import server

def app(environ, start_response):
    logging.warning("x" * 1_000_000)
    start_response("200 OK", [("Content-Length", "0")])
    return []

server.MAX_SHUTDOWN_SECONDS = 1
server.make_server({}, listen="LISTEN")(app)
"""


def serve(code, **options):
    """Run code that serves an application on LISTEN, and return the process and a connection with a request."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", code.replace("LISTEN", f"127.0.0.1:{port}")], **options)
    connection = connect(port)
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return process, connection


def test_sigterm_stops_server_that_can_start_no_more_threads():
    process, connection = serve(WITHOUT_NEW_THREADS)
    assert connection.recv(100).startswith(b"HTTP/1.0 200 OK")
    connection.close()
    seconds, code = stop(process)
    assert (code, seconds < MAX_STOP_SECONDS) == (0, True)


def test_sigterm_stops_server_whose_log_nobody_reads():
    process, connection = serve(UNREAD_LOG, stderr=subprocess.PIPE)
    assert process.stderr.read(1)  # and no more of it; waitress may have written first that a request waits
    seconds, code = stop(process)
    assert (code, seconds < 1 + MAX_END_SECONDS + MAX_STOP_SECONDS) == (0, True)
    connection.close()
    process.stderr.close()


@pytest.mark.parametrize("numbers", list(permutations([signal.SIGTERM, signal.SIGHUP, signal.SIGINT])))
def test_several_signals_at_once_stop_the_server(numbers):
    process, connection = serve(WITHOUT_NEW_THREADS)
    assert connection.recv(100).startswith(b"HTTP/1.0 200 OK")
    connection.close()
    for number in numbers:
        process.send_signal(number)
    assert process.wait(timeout=20) == 0


BIG_RESPONSE = f"""
from flicklist.server import make_server

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "{BIG}")])
    return [b"x" * {BIG}]

make_server({{}}, listen="LISTEN")(app)
"""


@pytest.mark.parametrize("other", ["", " 127.0.0.1:0"], ids=["one-address", "two-addresses"])
def test_sigterm_waits_until_response_is_sent(other):
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BIG_RESPONSE.replace("LISTEN", f"127.0.0.1:{port}{other}")])
    connection = connect(port)
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    received = connection.recv(65_536)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: not accepts(port), "the server accepts no more connections")
    while more := connection.recv(65_536):
        received += more
    assert len(received.partition(b"\r\n\r\n")[2]) == BIG
    assert process.wait(timeout=MAX_STOP_SECONDS) == 0
    connection.close()


STALLED_RESPONSES = f"""
from flicklist.server import make_server

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "{BIG}")])
    return [b"x" * {BIG}]

make_server({{}}, listen="LISTEN", threads="1", channel_timeout="1", cleanup_interval="1")(app)
"""


@pytest.mark.parametrize("requests", [1, 2])
def test_client_that_stops_reading_keeps_neither_a_thread_nor_the_response(requests):
    """After a second request on the same connection, waitress keeps a thread until the first response is sent."""
    port = free_port()
    command = [sys.executable, "-c", STALLED_RESPONSES.replace("LISTEN", f"127.0.0.1:{port}")]
    with subprocess.Popen(command) as process, ExitStack() as at_end:
        at_end.callback(process.kill)
        stalled, slow = connect(port), connect(port)
        stalled.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * requests)
        time.sleep(0.5)
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        received = 0
        while more := slow.recv(1_000_000):
            received += len(more)
            time.sleep(0.05)
        assert received > BIG
        wait_until(lambda: is_closed(stalled), "the server closes the connection")
    stalled.close()
    slow.close()


def is_closed(connection):
    try:
        connection.sendall(b"x")
    except OSError:
        return True
    return False


def connect(port):
    wait_until(lambda: accepts(port), "the server accepts connections")
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture
def start_in_container(monkeypatch):
    """Start each server as process 1 of a namespace. The kernel ignores a signal that it does not handle."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0 or subprocess.run([*unshare, "true"], check=False).returncode:
        skip_outside_ci("a process namespace can be made by root only")
    begin, containers = subprocess.Popen, []

    def begin_in_container(command, **options):
        containers.append(begin([*unshare, *command], **options))
        return containers[-1]

    monkeypatch.setattr(subprocess, "Popen", begin_in_container)
    yield
    for container in containers:
        container.kill()
        container.wait()


def process_1(container):
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    wait_until(children.read_text, "the container has a process")
    return int(children.read_text())


@pytest.mark.usefixtures("start_in_container")
def test_sigterm_stops_process_1_of_a_container(server):
    server.start()
    begun = time.monotonic()
    os.kill(process_1(server.process), signal.SIGTERM)
    assert server.process.wait(timeout=60) == 0
    assert time.monotonic() - begun < MAX_STOP_SECONDS


STOPPED_EARLY = """
import os, signal
from flicklist.server import make_server
make_server({}, listen="127.0.0.1:0")
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
"""


def test_sigterm_is_handled_before_the_site_is_made():
    assert subprocess.run([sys.executable, "-c", STOPPED_EARLY], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("start_in_container")
def test_signal_stops_a_start_that_waits_for_the_database(tmp_path, number, options):
    file = tmp_path / "flicklist.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        server = Server(tmp_path, f"sqlite:///{file}", *options)
        server.launch(FLICKLIST_MIGRATE_AT_START="true")
        first = process_1(server.process)
        wait_until(lambda: opens(first, file), "the server has opened the database")
        time.sleep(0.5)
        begun = time.monotonic()
        os.kill(first, number)
        code, seconds = server.process.wait(timeout=60), time.monotonic() - begun
    assert (code, seconds < MAX_STOP_SECONDS) == (0, True)
    assert server.log.read_text() == ""


def opens(pid, file):
    """Return whether a process has opened a file."""
    return any(each.resolve() == file for each in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
def test_ini_file_is_read_as_utf8_whatever_the_locale(server, mark):
    text = server.ini.read_text().replace("egg:flicklist\n", "egg:flicklist\nflicklist.terrible_movies = Amélie\n", 1)
    server.ini.write_text(mark + text, encoding="utf-8")
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    server.environment |= ascii_locale
    server.migrate()
    server.start()
    alice = Client(server).register("alice@example.com")
    assert (alice.add("Heat"), alice.add("Amélie")) == (303, 400)


def test_request_that_expects_100_continue_gets_it(server):
    server.start()
    with connect(server.port) as connection:
        connection.sendall(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n"
        )
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"a=b")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 403 Forbidden\r\n")


def test_malformed_ipv6_url_is_not_answered_and_stops_nothing(server):
    """docs/deployment.md says so."""
    server.start()
    with connect(server.port) as connection:
        connection.sendall(b"GET http://[::1/login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65_536) == b""
    assert Client(server).get("/login").status == 200


@pytest.mark.parametrize(
    ("request_line", "header", "status_line"),
    [
        (b"GET /login", b"", b"HTTP/1.1 200 OK\r\n"),
        (b"POST /login", b"Content-Length: 0\r\n", b"HTTP/1.1 403 Forbidden\r\n"),
        (b"POST /login", b"Content-Length: 60000000\r\n", b"HTTP/1.1 413 Request Entity Too Large\r\n"),
    ],
    ids=["get", "empty-body", "too-large"],
)
def test_request_that_expects_100_continue_in_vain_is_answered(server, request_line, header, status_line):
    """Nothing follows these headers that could be read."""
    server.start()
    with connect(server.port) as connection:
        connection.settimeout(5)
        connection.sendall(
            request_line + b" HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" + header + b"\r\n"
        )
        assert connection.recv(65_536).startswith(status_line)


def test_many_blanks_before_a_header_value_stop_nothing(server):
    """Waitress itself reads no other request for ten seconds."""
    server.start()
    with connect(server.port) as connection:
        connection.settimeout(5)
        connection.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nAccept:" + b" " * 100_000 + b"*/*\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_server_replaces_unix_socket_that_another_one_left_behind(server, tmp_path):
    path = tmp_path / "flicklist.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    unix_socket = f"unix_socket = {path}\nunix_socket_perms = 660"
    text = server.ini.read_text().replace(f"listen = 127.0.0.1:{server.port}", unix_socket)
    server.ini.write_text(text.replace("trusted_proxy = 127.0.0.1", "trusted_proxy = localhost"))
    with subprocess.Popen([BIN / "flicklist", "serve", server.ini], env=server.environment) as process:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            wait_until(lambda: connection.connect_ex(str(path)) == 0, "the server accepts connections")
            connection.sendall(b"GET /login HTTP/1.0\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.0 200 OK\r\n")
        assert path.stat().st_mode & 0o777 == 0o660
        assert stop(process)[1] == 0
