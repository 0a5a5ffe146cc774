"""Measure the response time of other pages during a flood of failed logins from eight clients.

    PYTHONPATH=. .venv/bin/python benchmarks/flood.py

The server is a separate process with the default bcrypt cost. Rate limits are off, so that only the limit on concurrent
hashes slows the flood down.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.faults.conftest import Client, Server, token_in

CLIENTS = 8
SECONDS = 10


def flood(server: Server, answers: list[int], until: threading.Event) -> None:
    client = Client(server)
    client.token = token_in(client.get("/login"))
    while not until.is_set():
        answers.append(client.post("/login", email="nobody@example.com", password="wrong horse battery").status)


def pages(server: Server) -> list[float]:
    """Request a page repeatedly, and return the milliseconds of each request."""
    client, times, end = Client(server), [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        started = time.perf_counter()
        client.get("/register")
        times.append((time.perf_counter() - started) * 1000)
    return times


def report(name: str, times: list[float]) -> None:
    times.sort()
    print(f"{name:8} median {statistics.median(times):6.1f} ms, 99th of 100 {times[len(times) * 99 // 100]:6.1f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), f"sqlite:///{folder}/flicklist.db")
        del server.environment["FLICKLIST_BCRYPT_COST"], server.environment["FLICKLIST_MAX_CONCURRENT_HASHES"]
        server.migrate()
        server.start()
        report("idle", pages(server))
        answers: list[int] = []
        over = threading.Event()
        crowd = [threading.Thread(target=flood, args=(server, answers, over)) for _ in range(CLIENTS)]
        for each in crowd:
            each.start()
        report("flooded", pages(server))
        over.set()
        for each in crowd:
            each.join()
        verified, put_off = answers.count(303), answers.count(503)
        assert verified + put_off == len(answers), answers
        print(f"logins: {verified / SECONDS:.1f} a second were verified, {put_off} put off with a 503")
        server.stop()
