"""Measure the time and memory of suggestions, alone and as requests on SQLite: python benchmarks/suggestions.py."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from urllib.parse import quote

from scale import Client, database, fill

from flicklist import migrations
from flicklist.search_words import query_words
from flicklist.services.catalog import DEFAULT_PATH, all_films
from flicklist.services.suggestions import suggest

ROUNDS = 3
REQUESTS = 2000
PREFIX_LENGTHS = (2, 3, 4, 6, 12)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def every_beginning() -> set[str]:
    """Return the prefixes of all words and titles."""
    words = {word for film in all_films() for word in query_words(film.title)}
    titles = {" ".join(query_words(film.title)) for film in all_films()}
    return {text[:length] for text in words | titles for length in PREFIX_LENGTHS}


def best_of_rounds(query: str) -> float:
    """Return the best of several times, to leave out other load on the machine."""
    return min(milliseconds(lambda: suggest(DEFAULT_PATH, query)) for _ in range(ROUNDS))


def report_times(name: str, queries: Iterable[str]) -> None:
    times = sorted((best_of_rounds(query), query) for query in queries)
    slowest, query = times[-1]
    median = times[len(times) // 2][0]
    print(f"{name}: {len(times)} queries, median {median:.3f} ms, slowest {slowest:.3f} ms ({query[:20]!r})")


def report_requests(queries: Iterable[str]) -> None:
    """Measure whole requests of a logged-in person, including other load on the machine."""
    with database(None, "suggestions") as url:
        migrations.upgrade(url)
        fill(url, 1, 10)
        person = Client(url, 1)
        person.get("/suggestions?q=warming+up")
        times = sorted(person.get(f"/suggestions?q={quote(query)}") for query in queries)
    median, most, slowest = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    print(f"requests: {len(times)}, median {median:.1f} ms, 99th of 100 {most:.1f} ms, slowest {slowest:.1f} ms")


def report_memory() -> None:
    """Report what lookups add to the memory of a new process, on Linux. SQLite allocates outside Python."""
    script = (
        "from pathlib import Path; from flicklist.services.catalog import DEFAULT_PATH;"
        "from flicklist.services.suggestions import suggest;"
        "pages = lambda: int(Path('/proc/self/statm').read_text().split()[1]); before = pages();"
        "[suggest(DEFAULT_PATH, query) for query in ('the matrix', 'm 1931', 'love 2003', 'a')];"
        "print(pages() - before)"
    )
    pages = int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout)
    print(f"memory: {pages * resource.getpagesize() / 1e6:.1f} MB more after the first lookups")


if __name__ == "__main__":
    report_times("typed", every_beginning())
    report_times("hostile", ["\ufdfa" * 200, "a " * 100, "\0" * 200, "." * 200, "a." * 100, "é" * 200, "x" * 10**6])
    report_requests(random.Random(42).sample(sorted(every_beginning()), REQUESTS))
    report_memory()
