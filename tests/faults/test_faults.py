"""Injected faults: confirmed writes survive, outages give a 503 and not a 500, and the site recovers by itself."""

import socket
import sqlite3
import threading
import time

import pytest

from tests.faults.conftest import Client, token_in, wait_until

WRITERS = 4
KILLS = 5
SECONDS_OF_WRITING = 1.5
MAX_WRITES_ON_A_FULL_DISK = 1000  # SQLite's log has 1,000 pages, and each movie takes at least one


class Writer(threading.Thread):
    """A person who adds movies as fast as possible, and remembers which writes were confirmed."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.client = Client(server).register(f"writer{number}-{time.monotonic_ns()}@example.com")
        self.acknowledged = set()
        self.statuses = set()
        self.is_to_stop = False

    def run(self):
        number = 0
        while not self.is_to_stop:
            title = f"Movie {number}"
            status = self.client.add(title)
            self.statuses |= {status, self.client.look()}
            if status == 303:
                self.acknowledged.add(title)
            number += 1
            if 0 in self.statuses:
                time.sleep(0.01)


@pytest.fixture
def write():
    """Return a function that starts several people who add movies, each at least one. They stop after the test."""
    running = []

    def begin(server):
        running[:] = [Writer(server, number) for number in range(WRITERS)]
        for writer in running:
            writer.start()
        time.sleep(SECONDS_OF_WRITING)
        wait_until(lambda: all(writer.acknowledged for writer in running), "everybody has added a movie")
        return running

    yield begin
    stop(running)


def stop(writers):
    for writer in writers:
        writer.is_to_stop = True
    for writer in writers:
        writer.join()


def assert_no_confirmed_write_is_lost(writers):
    for writer in writers:
        assert writer.acknowledged <= writer.client.titles()


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/flicklist.db"


def test_server_killed_while_writing_keeps_confirmed_writes(make_server, sqlite_url, tmp_path, write):
    server = make_server(sqlite_url)
    for _ in range(KILLS):
        server.start()
        writers = write(server)
        server.kill()
        stop(writers)
        server.start()
        assert_no_confirmed_write_is_lost(writers)
        server.kill()
    with sqlite3.connect(tmp_path / "flicklist.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def test_server_killed_on_postgresql_keeps_confirmed_writes(make_server, postgresql, write):
    server = make_server(postgresql.url)
    server.start()
    writers = write(server)
    server.kill()
    stop(writers)
    server.start()
    assert_no_confirmed_write_is_lost(writers)


def test_full_disk_serves_pages_and_answers_writes_with_503(make_server, disk, write):
    server = make_server(f"sqlite:///{disk.folder}/flicklist.db")
    server.start()
    writers = write(server)
    disk.fill()
    time.sleep(SECONDS_OF_WRITING)
    stop(writers)
    assert {status for writer in writers for status in writer.statuses} <= {200, 303, 503}
    client = writers[0].client
    title, answer = add_until_refused(client)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert client.look() == 200
    disk.make_room()
    wait_until(lambda: client.add("With room again") == 303, "writing after there is room again")
    assert_no_confirmed_write_is_lost(writers)
    titles = client.titles()
    assert "With room again" in titles
    assert title not in titles


def add_until_refused(client):
    """Add movies until one is refused, and return its title and the response.

    SQLite reuses the space of its log, so a full disk accepts some more movies. It refuses a long note before a short
    one.
    """
    for number in range(MAX_WRITES_ON_A_FULL_DISK):
        title = f"On a full disk {number}"
        answer = client.post(f"{client.list_path}add", title=title)
        if answer.status != 303:
            return title, answer
    raise AssertionError(f"a full disk has taken {MAX_WRITES_ON_A_FULL_DISK} movies")


def test_read_only_disk_serves_pages_and_answers_writes_with_503(make_server, disk):
    server = make_server(f"sqlite:///{disk.folder}/flicklist.db")
    server.start()
    client = Client(server).register("alice@example.com")
    assert client.add("Heat") == 303
    server.kill()
    disk.remount("ro")
    server.start()
    assert client.look() == 200
    assert client.add("Ran") == 503
    disk.remount("rw")
    wait_until(lambda: client.add("Ran") == 303, "writing after the disk can be written again")
    assert client.titles() == {"Heat", "Ran"}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_site_recovers_after_restart_of_postgresql(make_server, postgresql, write, mode):
    server = make_server(postgresql.url)
    server.start()
    writers = write(server)
    postgresql.stop(mode)
    time.sleep(SECONDS_OF_WRITING)
    assert writers[0].client.look() in {0, 503}
    postgresql.start()
    wait_until(lambda: Client(server).get("/login").status == 200, "the site is back")
    time.sleep(SECONDS_OF_WRITING)
    stop(writers)
    assert {status for writer in writers for status in writer.statuses} <= {200, 303, 503}
    assert 503 in {status for writer in writers for status in writer.statuses}
    wait_until(lambda: writers[0].client.add("After all") == 303, "writing after the restart")
    assert_no_confirmed_write_is_lost(writers)


@pytest.mark.parametrize(("offset", "is_in"), [("-1d", True), ("+8d", True), ("+31d", False)])
def test_moved_clock_does_not_extend_login_session(make_server, sqlite_url, moved_clock, offset, is_in):
    server = make_server(sqlite_url)
    server.start()
    client = Client(server).register("alice@example.com")
    server.stop()
    server.start(**moved_clock(offset))
    assert (client.look() == 200) == is_in


def test_login_session_begun_with_fast_clock_is_invalid(make_server, sqlite_url, moved_clock):
    server = make_server(sqlite_url)
    server.start(**moved_clock("+30d"))
    client = Client(server).register("alice@example.com")
    server.stop()
    server.start()
    answer = client.get(client.list_path)
    assert (answer.status, "/register" in answer.location) == (303, True)


def test_half_open_connections_do_not_block_other_clients(make_server, sqlite_url):
    server = make_server(sqlite_url)
    server.start()
    half_open = []
    for _ in range(120):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n")
        half_open.append(connection)
    assert Client(server).get("/login").status == 200
    for connection in half_open:
        connection.close()


AMBIGUOUS = [
    b"Content-Length: 0\r\nContent-Length: 5",
    b"Content-Length : 0",
    b"Content-Length: +0",
    b"Content-Length: 0, 5",
    b"X-Header: a\0b",
]


def test_ambiguous_request_is_refused(make_server, sqlite_url):
    server = make_server(sqlite_url)
    server.start()
    for header in AMBIGUOUS:
        answer = send_raw(server, b"POST /login HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\nGET /a")
        assert answer.split()[1] == b"400", (header, answer)


def test_content_length_with_chunked_body_smuggles_no_request(make_server, sqlite_url):
    server = make_server(sqlite_url)
    server.start()
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = send_raw(server, head + b"0\r\n\r\n")
    assert answer.count(b"HTTP/1.") == 1


def send_raw(server, request):
    """Send bytes, and return everything received until the server is silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while more := connection.recv(65_536):
                answer += more
        except TimeoutError:
            pass
    return answer


def test_client_behind_proxy_cannot_forge_its_address(make_server, sqlite_url):
    server = make_server(sqlite_url)
    server.start(FLICKLIST_RATE_LIMIT_PASSWORDS="3 per hour")
    client = Client(server)
    client.token = token_in(client.get("/login"))
    answers = []
    for number in range(5):
        # The trusted proxy has appended the true address to the one that the client claimed.
        client.headers = {"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.1"}
        answers.append(client.post("/login", email=f"{number}@example.com", password="wrong").status)
    assert answers == [303, 303, 303, 429, 429]
    client.headers = {"X-Forwarded-For": "192.0.2.2"}
    assert client.post("/login", email="5@example.com", password="wrong").status == 303
