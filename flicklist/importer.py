"""Work on imports in a thread of the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request
from sqlalchemy.orm import Session

from flicklist.db import disposing, reading_engine, snapshot, writing_engine
from flicklist.services.imports.importer import Database, Importer, Progress
from flicklist.settings import Settings
from flicklist.threads import PeriodicThread, wake_after_commit

PAUSE_SECONDS = 30


@contextmanager
def open_importer(settings: Settings, on_progress: Progress | None = None) -> Iterator[Importer]:
    """Open the database for an importer, and close it at the end."""
    url = settings.database_url
    with disposing(reading_engine(url)) as reader, disposing(writing_engine(url)) as writer:

        @contextmanager
        def read_snapshot() -> Iterator[Session]:
            with Session(reader, autoflush=False) as read_db, snapshot(read_db):
                yield read_db

        @contextmanager
        def transaction() -> Iterator[Session]:
            with Session(writer, expire_on_commit=False) as db, db.begin():
                yield db

        yield Importer(settings, Database(read_snapshot, transaction), on_progress)


def wake_importer(request: Request) -> None:
    """Wake the thread that works on imports, after the commit. Without one, another process does the work."""
    thread = request.registry.import_thread
    if thread is not None:
        wake_after_commit(request, thread)


def includeme(config: Configurator) -> None:
    """Start the thread with the application, unless a setting leaves imports to other processes."""
    settings = config.registry.flicklist

    def work_on_imports() -> None:
        with open_importer(settings) as importer:
            importer.run_due()

    config.registry.import_thread = None
    if settings.runs_imports:
        config.registry.import_thread = PeriodicThread("imports", work_on_imports, PAUSE_SECONDS)
        config.add_subscriber(lambda event: event.app.registry.import_thread.start(), ApplicationCreated)
