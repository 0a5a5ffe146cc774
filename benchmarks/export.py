"""Measure the time, memory and size of exports of 1,000 to 100,000 movies, on Linux.

    .venv/bin/python benchmarks/export.py                            # SQLite
    .venv/bin/python benchmarks/export.py postgresql+psycopg://…     # a server on which a database can be created

Every movie has notes, tags and facts, and half of them have a viewing with a note. Each export runs in a new process.
The memory is what it adds at its peak to what the process used before. CPU seconds are those of this process alone.
"""

import subprocess
import sys

from scale import database, fill
from sqlalchemy import create_engine, update

from flicklist import migrations
from flicklist.models import Movie, Viewing

SIZES = (1_000, 10_000, 100_000)
FACTS = {"directors": "Michael Mann", "genres": "crime, drama", "runtime": 170, "imdb_id": "tt0113277"}
EXPORT = """
import sys, time
from pathlib import Path
from tempfile import TemporaryFile
from sqlalchemy.orm import Session
from flicklist.db import reading_engine, snapshot
from flicklist.services.export.archive import write_archive

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

with Session(reading_engine(sys.argv[1])) as db, TemporaryFile() as file:
    db.connection()
    before, started, cpu_started = kilobytes("VmRSS"), time.perf_counter(), time.process_time()
    with snapshot(db):
        write_archive(db, 1, "person1@example.com", file)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(seconds, cpu_seconds, (kilobytes("VmHWM") - before) / 1000, file.tell() / 1e6)
"""


def add_texts(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(Movie).values(notes=Movie.title + " is long. " * 30, tags="cinema, own it", **FACTS))
        connection.execute(update(Viewing).values(note="On the ferry, with Ann and a broken projector."))
    engine.dispose()


def run(server: str | None) -> None:
    print(f"{'PostgreSQL' if server else 'SQLite':12}{'seconds':>10}{'of CPU':>10}{'memory, MB':>12}{'ZIP, MB':>10}")
    for movies in SIZES:
        with database(server, f"flicklist_export_{movies}") as url:
            migrations.upgrade(url)
            fill(url, 1, movies)
            add_texts(url)
            script = [sys.executable, "-c", EXPORT, url]
            output = subprocess.run(script, check=True, capture_output=True, text=True).stdout
            seconds, cpu_seconds, megabytes, size = map(float, output.split())
            print(f"{movies:<12,}{seconds:10.1f}{cpu_seconds:10.1f}{megabytes:12.1f}{size:10.1f}", flush=True)


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else None)
