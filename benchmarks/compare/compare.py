"""Compare FlickList with the same site in Flask, Django and Pyramid, and print one table.

    make compare                                        # SQLite
    make compare POSTGRESQL=postgresql+psycopg://…      # and PostgreSQL, a server on which databases can be created

See README.md. The applications take turns, so that a machine that is slower for a while is slower for all of them.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_server
from typing import NamedTuple

import psutil
from connection import HOST, Answer, Connection, log_in
from prepare import PASSWORD, email_of, first_movie_of
from sqlalchemy import create_engine, make_url, text
from table import Kind, Results, Table, by_application

APPLICATIONS = {
    "Flask": "flask_plain",
    "Flask, equal care": "flask_careful",
    "Django": "django_plain",
    "Pyramid, as in its tutorial": "pyramid_plain",
    "FlickList": "flicklist_site",
    "limit": "limit",
}
FOLDER = Path(__file__).parent
DATA = FOLDER / ".data"
THREADS = 16  # as in production.ini
SERVERS = {
    1: f"waitress --threads={THREADS} --listen={HOST}:{{port}} apps.{{module}}:app",
    2: f"granian --interface wsgi --workers 2 --blocking-threads {THREADS} --host {HOST} --port {{port}} "
    "--log-level error apps.{module}:app",
}
CONNECTIONS = 8
READER = 500  # the person whose pages are requested, and whose list nothing changes
WRITER = 501  # the person who writes in the first round, and so on
LOGIN_CLIENTS = 8
READERS_IN_STORM = 2
START_SECONDS = 60


class Effort(NamedTuple):
    """How long and how often is measured."""

    rounds: int
    """For pages. Everything else takes longer, and has three rounds at most."""
    cpu_seconds: float
    page_seconds: float
    storm_seconds: float
    movies_per_connection: int
    """Each one is added, crossed off and rated."""

    @property
    def few_rounds(self) -> range:
        return range(min(3, self.rounds))


FULL = Effort(5, 0.5, 1.5, 2.5, 25)
QUICK = Effort(2, 0.1, 0.5, 1, 5)


class Server:
    """An application in one or two processes."""

    def __init__(self, module: str, url: str, processes: int) -> None:
        with create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        command = SERVERS[processes].format(port=self.port, module=module).split()
        self.log = DATA / f"{module}.log"
        started = time.perf_counter()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=FOLDER, env=environment(url), stdout=log, stderr=log
            )
        self._wait()
        self.start_ms = (time.perf_counter() - started) * 1000

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with Connection(self.port) as connection:
                    connection.get("/login")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise SystemExit(f"A server did not start:\n{self.log.read_text()}") from None
                time.sleep(0.005)
            else:
                return

    def open_list(self, person: int) -> tuple[dict[str, str], str, Answer]:
        """Log in. Return the cookies of the person, the path of their list, and the first page of it."""
        with Connection(self.port) as connection:
            path = log_in(connection, email_of(person), PASSWORD)
            page = connection.get(path)
        return connection.cookies | page.cookies, path, page

    def memory(self) -> float:
        """Return the megabytes of all processes. Shared memory is counted once."""
        parent = psutil.Process(self.process.pid)
        return sum(each.memory_full_info().pss for each in [parent, *parent.children(recursive=True)]) / 1_000_000

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def environment(url: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": url, "PYTHONPATH": str(FOLDER)}


@contextmanager
def running(urls: dict[str, str], processes: int) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        servers = {}
        for name, url in urls.items():
            servers[name] = Server(APPLICATIONS[name], url, processes)
            stack.callback(servers[name].stop)
        yield servers


# Databases: prepared once, and copied for each run


def fresh_database(module: str, postgresql: str | None) -> str:
    """Return the URL of a copy of the prepared database of an application."""
    return fresh_postgresql(module, postgresql) if postgresql else fresh_sqlite(module)


def fresh_sqlite(module: str) -> str:
    prepared, copy = DATA / f"{module}.prepared.db", DATA / f"{module}.db"
    if not prepared.exists():
        unfinished = DATA / f"{module}.unfinished.db"
        delete_sqlite(unfinished)
        prepare(module, f"sqlite:///{unfinished}")
        unfinished.rename(prepared)
    delete_sqlite(copy)
    shutil.copyfile(prepared, copy)
    return f"sqlite:///{copy}"


def delete_sqlite(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()


def fresh_postgresql(module: str, server: str) -> str:
    prepared, copy = f"compare_{module}_prepared", f"compare_{module}"
    unfinished = f"compare_{module}_unfinished"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": prepared}):
            connection.execute(text(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {unfinished} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"))
            prepare(module, postgresql_url(server, unfinished))
            connection.execute(text(f"ALTER DATABASE {unfinished} RENAME TO {prepared}"))
        connection.execute(text(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {copy} TEMPLATE {prepared}"))
    engine.dispose()
    return postgresql_url(server, copy)


def postgresql_url(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def prepare(module: str, url: str) -> None:
    print(f"Preparing the database of {module}", file=sys.stderr)
    subprocess.run([sys.executable, FOLDER / "prepare.py", module], cwd=FOLDER, env=environment(url), check=True)


# Measurements


def cpu_of_pages(urls: dict[str, str], effort: Effort) -> Results:
    """Return the CPU milliseconds of a page, without a server."""
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, FOLDER / "in_process.py", APPLICATIONS[name], str(READER)],
                    cwd=FOLDER, env=environment(url), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                )
            )
            for name, url in urls.items()
        }  # fmt: skip

        def measure(worker: subprocess.Popen) -> float:
            worker.stdin.write(f"{effort.cpu_seconds}\n")
            worker.stdin.flush()
            return float(worker.stdout.readline())

        rounds = [{name: measure(worker) for name, worker in workers.items()} for _ in range(effort.rounds + 1)]
        return by_application(rounds[1:])


class Load(NamedTuple):
    """What wrk found out."""

    requests_per_second: float
    p99_ms: float


def request_pages(server: Server, cookies: dict[str, str], path: str, connections: int, seconds: float) -> Load:
    """Request a page without a pause. wrk counts whole seconds only, so it is stopped. Fails if a request fails."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    command = ["wrk", "--latency", "--threads=1", f"--connections={connections}", "--duration=60s", "--timeout=20s"]
    wrk = subprocess.Popen(
        [*command, "--header", f"Cookie: {cookie}", f"http://{HOST}:{server.port}{path}"],
        text=True,
        stdout=subprocess.PIPE,
    )
    time.sleep(seconds)
    wrk.send_signal(signal.SIGINT)
    report, _ = wrk.communicate()
    failed = re.search(r"Non-2xx or 3xx responses.*|Socket errors.*", report)
    if failed:
        raise SystemExit(f"{path} failed under load: {failed[0]}\n{server.log.read_text()[-2000:]}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", report).groups()
    return Load(
        float(re.search(r"Requests/sec:\s+([\d.]+)", report)[1]),
        float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit],
    )


def reader(server: Server) -> tuple[dict[str, str], str]:
    """Return the cookies of the reader, and the path of the list. Fails unless it is a page of fifty movies."""
    cookies, path, page = server.open_list(READER)
    movies = len(re.findall(r'class="title"', page.body))
    if (page.status, movies) != (200, 50):
        raise SystemExit(f"The watchlist of {server.log.stem} has the status {page.status} and {movies} movies.")
    return cookies, path


def throughput_of_pages(servers: dict[str, Server], effort: Effort) -> Results:
    """Return the pages a second, over HTTP."""
    readers = {name: reader(server) for name, server in servers.items()}

    def measure(name: str) -> float:
        return request_pages(servers[name], *readers[name], CONNECTIONS, effort.page_seconds).requests_per_second

    return by_application([{name: measure(name) for name in servers} for _ in range(effort.rounds + 1)][1:])


class Writes(NamedTuple):
    """How many writes a second were done, and how many were not."""

    done_per_second: float
    refused: float


def writes(
    servers: dict[str, Server], urls: dict[str, str], effort: Effort, first_person: int
) -> tuple[Results, Results]:
    """Add movies, cross movies off and rate those. Count in the database what was done."""
    rounds = [
        {name: write(server, urls[name], first_person + number, effort) for name, server in servers.items()}
        for number in effort.few_rounds
    ]
    return (
        by_application({name: each.done_per_second for name, each in numbers.items()} for numbers in rounds),
        by_application({name: each.refused for name, each in numbers.items()} for numbers in rounds),
    )


def write(server: Server, url: str, person: int, effort: Effort) -> Writes:
    cookies, path, page = server.open_list(person)
    first = first_movie_of(person)

    def use(number: int) -> None:
        movies = range(first + number, first + CONNECTIONS * effort.movies_per_connection, CONNECTIONS)
        with Connection(server.port, cookies) as connection:
            for movie in movies:
                connection.post(f"{path}add", title=f"New movie {movie}", **page.token)
                connection.post(f"{path}{movie}/cross-off", **page.token)
                connection.post(f"{path}{movie}/rate", rating="4", **page.token)

    before = written(url, person)
    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(use, range(CONNECTIONS)))
    seconds = time.perf_counter() - started
    done = written(url, person) - before
    return Writes(done / seconds, 3 * CONNECTIONS * effort.movies_per_connection - done)


def written(url: str, person: int) -> int:
    """Return how many movies a person has, plus how many of them are crossed off, plus how many are rated."""
    engine = create_engine(url)
    with engine.connect() as connection:
        counts = "SELECT count(*) + count(watched_at) + count(rating) FROM movies WHERE owner_id = :person"
        number = connection.scalar(text(counts), {"person": person})
    engine.dispose()
    return number


class Storm(NamedTuple):
    """The pages that remain while people log in without a pause, and the number of refused logins."""

    kept_percent: float
    p99_ms: float
    refused: float
    logins: float


def login_storms(servers: dict[str, Server], effort: Effort) -> list[dict[str, Storm]]:
    readers = {name: reader(server) for name, server in servers.items()}
    return [
        {name: login_storm(server, *readers[name], effort) for name, server in servers.items()}
        for _ in effort.few_rounds
    ]


def login_storm(server: Server, cookies: dict[str, str], path: str, effort: Effort) -> Storm:
    calm = request_pages(server, cookies, path, READERS_IN_STORM, effort.page_seconds)
    is_over, results = threading.Event(), Counter()

    def log_in_repeatedly() -> None:
        while not is_over.is_set():
            try:
                with Connection(server.port) as connection:
                    log_in(connection, email_of(READER), PASSWORD)
            except PermissionError:
                results["refused"] += 1
            else:
                results["accepted"] += 1

    with ThreadPoolExecutor(LOGIN_CLIENTS) as pool:
        clients = [pool.submit(log_in_repeatedly) for _ in range(LOGIN_CLIENTS)]
        time.sleep(0.5)
        busy = request_pages(server, cookies, path, READERS_IN_STORM, effort.storm_seconds)
        is_over.set()
    for client in clients:
        client.result()
    kept = 100 * busy.requests_per_second / calm.requests_per_second
    return Storm(kept, busy.p99_ms, results["refused"], results["accepted"])


def start_times(urls: dict[str, str], effort: Effort) -> Results:
    """Return the milliseconds from the start of a process to its first response."""

    def measure(name: str) -> float:
        server = Server(APPLICATIONS[name], urls[name], 1)
        server.stop()
        return server.start_ms

    return by_application({name: measure(name) for name in urls} for _ in effort.few_rounds)


def measure_database(table: Table, names: list[str], effort: Effort, postgresql: str | None) -> None:
    urls = {name: fresh_database(APPLICATIONS[name], postgresql) for name in names}
    database = "PostgreSQL" if postgresql else "SQLite"

    def add(name: str, unit: str, kind: Kind, results: Results) -> None:
        table.add(f"{database}: {name}", unit, kind, results)
        print(f"{database}: {name}", file=sys.stderr)

    add("CPU time of a page", "ms", Kind.LESS_IS_BETTER, cpu_of_pages(urls, effort))
    add("start", "ms", Kind.LESS_IS_BETTER, start_times(urls, effort))
    for processes in SERVERS:
        in_processes = "one process" if processes == 1 else f"{processes} processes"
        with running(urls, processes) as servers:
            add(f"pages, {in_processes}", "/s", Kind.MORE_IS_BETTER, throughput_of_pages(servers, effort))
            memory = {name: [server.memory()] for name, server in servers.items()}
            add(f"memory, {in_processes}", "MB", Kind.LESS_IS_BETTER, memory)
            first_person = WRITER + 10 * processes
            done, refused = writes(servers, urls, effort, first_person)
            add(f"writes, {in_processes}", "/s", Kind.MORE_IS_BETTER, done)
            add(f"writes refused, {in_processes}", "", Kind.PLAIN, refused)
            if processes == 1:
                storms = login_storms(servers, effort)
                for name, unit, field in (
                    ("pages kept while people log in", "%", "kept_percent"),
                    ("99th percentile of those pages", "ms", "p99_ms"),
                    ("logins refused", "", "refused"),
                    ("logins accepted", "", "logins"),
                ):
                    rounds = [{each: getattr(storm, field) for each, storm in storms_.items()} for storms_ in storms]
                    add(name, unit, Kind.PLAIN, by_application(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", metavar="URL", help="also compare on this server")
    parser.add_argument("--quick", action="store_true", help="try it out: few and short rounds")
    parser.add_argument("--only", nargs="+", choices=APPLICATIONS, default=list(APPLICATIONS), metavar="NAME")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("Install wrk first, which requests the pages. On Debian: apt-get install wrk")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    DATA.mkdir(exist_ok=True)
    table = Table(options.only)
    started = time.monotonic()
    for server in [None, options.postgresql] if options.postgresql else [None]:
        measure_database(table, options.only, QUICK if options.quick else FULL, server)
    print(table)
    print(f"\nIt took {time.monotonic() - started:.0f} seconds.", file=sys.stderr)


if __name__ == "__main__":
    main()
