"""The migration environment of Alembic, used by `flicklist.migrations`."""

from alembic import context

from flicklist.db import disposing, migrating_engine
from flicklist.locks import Lock, lock_until_commit
from flicklist.migrations import require_referenced_rows, rows_without_reference
from flicklist.models.meta import Base

url = context.config.attributes["url"]
with disposing(migrating_engine(url)) as engine, engine.begin() as connection:
    lock_until_commit(connection, Lock.MIGRATION)
    require_referenced_rows(connection, url)
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()
    if rows_without_reference(connection):
        raise RuntimeError("The migration left invalid foreign keys and was rolled back.")
