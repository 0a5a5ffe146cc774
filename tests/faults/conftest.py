"""The site as a separate process, on a disk and a database that can fail.

A fault that this machine cannot inject is skipped with the reason, or fails in CI. Disks need root, the restart of
PostgreSQL needs its server programs, and the clock needs libfaketime.
"""

import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.clients import PASSWORD
from tests.conftest import LIMITS, SECRET
from tests.exports import read_export

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent.parent
STORAGE_TIMEOUT_SECONDS = 20
START_SECONDS = 90  # on a busy machine


def skip_outside_ci(reason):
    """Skip a test that this machine cannot run. In CI, where everything is installed, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"not skipped in CI: {reason}")
    pytest.skip(reason)


def free_port():
    """Return a port below those that the system gives to connections. One of these could take it before the server."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class Server:
    """`flicklist serve` with production.ini, which can be killed and started again."""

    def __init__(self, folder, database_url, *options):
        self.options = options
        self.port = free_port()
        self.database_url = database_url
        self.ini = folder / "production.ini"
        listens = re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{self.port}", (ROOT / "production.ini").read_text())
        self.ini.write_text(listens)
        self.log = folder / "server.log"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")} | {
            "FLICKLIST_DATABASE_URL": database_url,
            "FLICKLIST_SECRET": SECRET,
            "FLICKLIST_HOSTS": "127.0.0.1 localhost",
            "FLICKLIST_HTTPS": "false",
            "FLICKLIST_BCRYPT_COST": "4",
            "FLICKLIST_MAX_CONCURRENT_HASHES": "8",
            **{f"FLICKLIST_{name.upper()}": "" for name in LIMITS},
        }
        self.process = None

    def migrate(self):
        subprocess.run(
            [BIN / "flicklist", "migrate", self.ini], env=self.environment, check=True, stdout=subprocess.DEVNULL
        )

    def start(self, **environment):
        """Start the server, and wait until it answers."""
        self.launch(**environment)
        wait_until(lambda: self.process.poll() is not None or self.answers(), "the server answers", START_SECONDS)
        assert self.process.poll() is None, self.log.read_text()

    def launch(self, **environment):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [BIN / "flicklist", "serve", self.ini, *self.options],
                env=self.environment | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def answers(self):
        try:
            return Client(self).get("/login").status in {200, 503}
        except OSError:
            return False

    def kill(self):
        """Kill the server and all its processes without a clean shutdown, the closest they get to a power cut."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Answer:
    """The response to a request."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def location(self):
        return self.headers.get("Location", "")


class Client:
    """An http client that keeps its cookies."""

    def __init__(self, server):
        self.server = server
        self.cookies = {}
        self.headers = {}
        self.list_path = None
        self.token = None

    @property
    def cookie(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def request(self, method, path, **fields):
        """Send a request. Raises `OSError` if the server does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=STORAGE_TIMEOUT_SECONDS)
        headers = self.headers | ({"Cookie": self.cookie} if self.cookies else {})
        body = urlencode(fields) if method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._send(connection, method, path, body, headers)

    def _send(self, connection, method, path, body, headers):
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Answer(response)
        except http.client.HTTPException as error:
            raise OSError("the connection was cut") from error
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, **fields):
        return self.request("POST", path, csrf_token=self.token, **fields)

    def register(self, email):
        self.token = token_in(self.get("/register"))
        answer = self.post("/register", email=email, password=PASSWORD, verify=PASSWORD)
        assert answer.status == 303, answer.text
        self.list_path = re.sub(r"^http://[^/]+", "", answer.location)
        self.token = token_in(self.get(self.list_path))
        return self

    def add(self, title):
        """Add a movie, and return the status of the response, or 0 if there was none."""
        try:
            answer = self.post(f"{self.list_path}add", title=title)
        except OSError:
            return 0
        assert "/register" not in answer.location, "somebody was taken for logged out"
        return answer.status

    def upload(self, content):
        """Upload a file, and return the path of the import."""
        parts = {'name="csrf_token"': self.token, 'name="file"; filename="list.txt"': content}
        lines = [f"--x\r\nContent-Disposition: form-data; {part}\r\n\r\n{value}\r\n" for part, value in parts.items()]
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=STORAGE_TIMEOUT_SECONDS)
        headers = {"Cookie": self.cookie, "Content-Type": "multipart/form-data; boundary=x"}
        body = f"{''.join(lines)}--x--\r\n".encode()
        answer = self._send(connection, "POST", f"{self.list_path}imports/", body, headers)
        assert answer.status == 303, answer.text
        return re.sub(r"^http://[^/]+", "", answer.location)

    def look(self):
        """Request the watchlist, and return the status of the response, or 0 if there was none."""
        try:
            return self.get(self.list_path).status
        except OSError:
            return 0

    def titles(self):
        """Return all titles in the person's export."""
        answer = self.post("/account/export", current_password=PASSWORD)
        assert answer.status == 200, answer.text
        return {movie["title"] for movie in read_export(answer.body).data["movies"]}


def token_in(answer):
    return re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]


def wait_until(condition, what, seconds=STORAGE_TIMEOUT_SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} seconds: {what}"
        time.sleep(0.05)


@pytest.fixture
def make_server(tmp_path):
    """Return a function that makes a server on a migrated database, without starting it."""
    made = []

    def make(database_url):
        server = Server(tmp_path, database_url)
        server.migrate()
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


class Disk:
    """A small disk in memory (tmpfs)."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self):
        with self.filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self):
        self.filler.unlink()

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False).returncode
    ):
        skip_outside_ci("a disk can be mounted by root only")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def moved_clock():
    """Return a function that returns the environment variables of a process with a moved clock."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        skip_outside_ci("the clock is moved by libfaketime; on Debian: apt-get install libfaketime")
    return lambda offset: {"LD_PRELOAD": str(library), "FAKETIME": offset}


class PostgreSQL:
    """A PostgreSQL server that the tests can restart."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        self.as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.run("initdb", "--auth=trust", "--username=postgres")

    def run(self, program, *arguments):
        subprocess.run(
            [*self.as_other, self.programs / program, "-D", self.folder, *arguments],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self, mode):
        self.run("pg_ctl", "-w", "-m", mode, "stop")


@pytest.fixture
def postgresql():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = Path(shutil.which("pg_ctl")).parent if shutil.which("initdb") else found[-1] if found else None
    if programs is None:
        skip_outside_ci("initdb and pg_ctl are not here; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="flicklist-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = PostgreSQL(programs, folder)
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)
