"""Measure how logins share the server with pages and with each other.

    PYTHONPATH=. .venv/bin/python benchmarks/flood.py

The server is a separate process with the settings of production.ini, and with the default cost and number of hashes.

1. burst: eight people log in at the same moment. Meanwhile, two clients request pages.
2. loop: twelve connections of one client log in to their own account without a pause. Meanwhile, another person tries
   to log in.
3. flood: eight clients fail to log in without a pause, without rate limits. Meanwhile, one client requests pages.
"""

import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.clients import PASSWORD
from tests.conftest import LIMITS
from tests.faults.conftest import Client, Server, token_in

PEOPLE = 8
READERS = 2
BURSTS = 10
CONNECTIONS = 12
IDLE_SECONDS, LOOP_SECONDS, FLOOD_SECONDS = 5, 45, 10


class Person(Client):
    """A person with an account, at an address of their own."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(server)
        self.number = number
        self.headers = {"X-Forwarded-For": f"192.0.2.{number}"}

    def enter(self, path: str, **fields: str) -> bool:
        """Send a form of a visitor without cookies. Return whether it led to a list."""
        self.cookies = {}
        self.token = token_in(self.get(path))
        answer = self.post(path, email=f"person{self.number}@example.com", password=PASSWORD, **fields)
        return "/watchlists/" in answer.location

    def log_in(self) -> bool:
        return self.enter("/login")


def repeat(action: Callable[[], Any], until: threading.Event) -> list[Any]:
    results = []
    while not until.is_set():
        results.append(action())
    return results


def pages(server: Server, until: threading.Event) -> list[float]:
    """Request a page repeatedly, and return the milliseconds of each request."""
    client = Client(server)

    def look() -> float:
        started = time.perf_counter()
        client.get("/register")
        return (time.perf_counter() - started) * 1000

    return repeat(look, until)


def pages_during(server: Server, action: Callable[[], Any], readers: int = READERS) -> tuple[Any, list[float], float]:
    """Return the result of an action, the times of the pages that were requested meanwhile, and how many a second."""
    over = threading.Event()
    with ThreadPoolExecutor(readers) as pool:
        started = time.perf_counter()
        reading = [pool.submit(pages, server, over) for _ in range(readers)]
        result = action()
        over.set()
        times = sorted(each for reader in reading for each in reader.result())
        return result, times, len(times) / (time.perf_counter() - started)


def report(name: str, times: list[float], rate: float) -> None:
    median, slow = statistics.median(times), times[len(times) * 99 // 100]
    print(f"{name:8} pages: {rate:6.0f} a second, median {median:6.1f} ms, 99th of 100 {slow:6.1f} ms")


def all_at_once(people: list[Person]) -> tuple[int, float]:
    """Let everybody log in at once. Return how many got in, and the seconds until the last one had an answer."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(people)) as pool:
        successes = sum(pool.map(Person.log_in, people))
    return successes, time.perf_counter() - started


def burst(server: Server, people: list[Person]) -> None:
    shares = []
    for _ in range(BURSTS):
        _, times, idle = pages_during(server, lambda: time.sleep(IDLE_SECONDS))
        report("idle", times, idle)
        (successes, seconds), times, busy = pages_during(server, lambda: all_at_once(people))
        report("burst", times, busy)
        print(f"         {successes} of {len(people)} logins in {seconds:.1f} s, {busy / idle:.0%} of the pages")
        shares.append(busy / idle)
    print(f"         median {statistics.median(shares):.0%} of the pages, {min(shares):.0%} to {max(shares):.0%}")


def loop(server: Server, attacker: Person, victim: Person) -> None:
    """Count how often a person gets in while one client logs in to its own account in a loop."""
    over = threading.Event()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        connections = [Person(server, attacker.number) for _ in range(CONNECTIONS)]
        attacks = [pool.submit(repeat, connection.log_in, over) for connection in connections]
        time.sleep(1)
        tries, seconds, end = [], [], time.monotonic() + LOOP_SECONDS
        while time.monotonic() < end:
            started = time.perf_counter()
            tries.append(victim.log_in())
            seconds.append(time.perf_counter() - started)
            time.sleep(0.5)
        over.set()
        attempts = [is_in for attack in attacks for is_in in attack.result()]
    print(f"loop     another person: {sum(tries)} of {len(tries)} tries, the slowest took {max(seconds):.1f} s")
    print(f"         the client itself: {sum(attempts)} of {len(attempts)} logins")


def flood(server: Server) -> None:
    over = threading.Event()

    def fail_repeatedly(number: int) -> list[int]:
        client = Client(server)
        client.headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        client.token = token_in(client.get("/login"))
        wrong = {"email": "nobody@example.com", "password": "wrong horse battery"}
        return repeat(lambda: client.post("/login", **wrong).status, over)

    with ThreadPoolExecutor(PEOPLE) as pool:
        crowd = [pool.submit(fail_repeatedly, number) for number in range(PEOPLE)]
        _, times, rate = pages_during(server, lambda: time.sleep(FLOOD_SECONDS), 1)
        over.set()
        statuses = Counter(status for each in crowd for status in each.result())
    report("flood", times, rate)
    print(f"         {statuses[303] / FLOOD_SECONDS:.1f} logins a second were verified, {statuses[503]} put off")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), f"sqlite:///{folder}/flicklist.db")
        for name in ("BCRYPT_COST", "MAX_CONCURRENT_HASHES", *(limit.upper() for limit in LIMITS)):
            server.environment.pop(f"FLICKLIST_{name}", None)
        server.migrate()
        server.start()
        people = [Person(server, number) for number in range(1, PEOPLE + 1)]
        for person in people:
            assert person.enter("/register", verify=PASSWORD)
        burst(server, people)
        loop(server, people[0], people[1])
        server.stop()
        server.start(**{f"FLICKLIST_{name.upper()}": "" for name in LIMITS})
        flood(server)
        server.stop()
