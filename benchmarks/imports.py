"""Measure the time, memory and locks of imports of 1,000 to 100,000 rows, and of an export of them, on Linux.

    .venv/bin/python benchmarks/imports.py                            # SQLite
    .venv/bin/python benchmarks/imports.py postgresql+psycopg://…     # a server on which a database can be created

The file is text with one title per line, half of them watched. Each step runs in a new process. The memory is what it
adds at its peak to what the process used before. CPU seconds are those of this process alone. The lock is the longest
transaction that writes: on SQLite, nobody else can write meanwhile.
"""

import subprocess
import sys
from io import BytesIO

from scale import database
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from flicklist import migrations
from flicklist.models import Import, User
from flicklist.services.imports import storage

SIZES = (1_000, 10_000, 100_000)
STEPS = {
    "preview": lambda db, file: storage.store(db, 1, "list.txt", file),
    "import": lambda db, file: storage.confirm(newest(db)),
    "import again, preview": lambda db, file: storage.store(db, 1, "list.txt", file),
    "import again": lambda db, file: storage.confirm(newest(db)),
    "take back": lambda db, file: storage.begin_taking_back(db.get(Import, 1)),
}
MEASURE = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from sqlalchemy.orm import Session
import flicklist.importer
from flicklist.db import reading_engine, snapshot
from flicklist.importer import open_importer
from flicklist.services.export.archive import write_archive
from flicklist.settings import Settings

url, step = sys.argv[1:]
locks = [0.0]

class TimedSession(Session):
    '''A session that records how long its transactions last.'''

    def begin(self):
        transaction = super().begin()
        self.connection()
        self.began = time.perf_counter()
        return transaction

    def close(self):
        if hasattr(self, "began"):
            locks.append(time.perf_counter() - self.began)
        super().close()

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

def export():
    with Session(reading_engine(url)) as db, TemporaryFile() as file, snapshot(db):
        write_archive(db, 1, "person1@example.com", file)

flicklist.importer.Session = TimedSession
settings = Settings.read({"flicklist.database_url": url, "flicklist.secret": "0123456789abcdefghij" * 4}, {})
with open_importer(settings) as importer:
    work = export if step == "export" else importer.run_next
    before, started, cpu_started = kilobytes("VmRSS"), time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(seconds, cpu_seconds, (kilobytes("VmHWM") - before) / 1000, max(locks))
"""


def newest(db: Session) -> Import:
    return db.query(Import).order_by(Import.id.desc()).first()


def content(rows: int) -> bytes:
    lines = (
        f"{'[x] ' if number % 2 else ''}The movie number {number} of many ({1950 + number % 70})"
        for number in range(rows)
    )
    return "\n".join(lines).encode()


def measure(url: str, step: str) -> list[float]:
    output = subprocess.run([sys.executable, "-c", MEASURE, url, step], check=True, capture_output=True, text=True)
    return list(map(float, output.stdout.split()))


def show(rows: int, step: str, measured: list[float]) -> None:
    seconds, cpu_seconds, megabytes, lock = measured
    print(f"{rows:<10,}{step:24}{seconds:9.2f}{cpu_seconds:9.2f}{megabytes:12.1f}{lock:10.2f}", flush=True)


def run(server: str | None) -> None:
    print(f"{'PostgreSQL' if server else 'SQLite':34}{'seconds':>9}{'of CPU':>9}{'memory, MB':>12}{'lock, s':>10}")
    for rows in SIZES:
        with database(server, f"flicklist_imports_{rows}") as url:
            migrations.upgrade(url)
            engine = create_engine(url)
            with Session(engine) as db:
                db.add(User(email="person1@example.com", email_key="person1@example.com", password_hash="x"))
                db.commit()
            for step, begin in STEPS.items():
                with Session(engine) as db:
                    begin(db, BytesIO(content(rows)))
                    db.commit()
                show(rows, step, measure(url, step))
                if step == "import":
                    show(rows, "export", measure(url, "export"))
            engine.dispose()


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else None)
