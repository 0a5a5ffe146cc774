"""The database as the importer uses it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import event
from sqlalchemy.orm import Session

from flicklist.db import disposing, reading_engine, snapshot, writing_engine
from flicklist.services.imports.attempt import Database, Progress
from flicklist.services.imports.importer import Importer
from flicklist.services.imports.uploads import do_nothing
from flicklist.settings import Settings


@contextmanager
def open_importer(
    settings: Settings,
    *,
    on_progress: Progress | None = None,
    is_canceled: Callable[[], bool] | None = None,
    holder: str | None = None,
    using_database: Callable[[], AbstractContextManager[None]] = nullcontext,
    before_statement: Callable[[], None] = do_nothing,
) -> Iterator[Importer]:
    """Open the database for an importer, and close it at the end.

    Each use of it is within `using_database`, and `before_statement` is called before each statement. Both can raise.
    """
    url = settings.database_url
    with disposing(reading_engine(url)) as reader, disposing(writing_engine(url)) as writer:
        for engine in (reader, writer):
            event.listen(engine, "before_cursor_execute", lambda *_: before_statement())

        @contextmanager
        def read_snapshot() -> Iterator[Session]:
            with using_database(), Session(reader, autoflush=False) as read_db, snapshot(read_db):
                yield read_db

        @contextmanager
        def transaction() -> Iterator[Session]:
            with using_database(), Session(writer, expire_on_commit=False) as db, db.begin():
                yield db

        yield Importer(settings, Database(read_snapshot, transaction), on_progress, is_canceled, holder)
