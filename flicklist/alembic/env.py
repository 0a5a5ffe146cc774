"""The migration environment of Alembic, used by `flicklist.migrations`."""

from alembic import context

from flicklist.db import migrating_engine
from flicklist.locks import Lock, lock_until_commit
from flicklist.models.meta import Base

engine = migrating_engine(context.config.attributes["url"])
with engine.begin() as connection:
    lock_until_commit(connection, Lock.MIGRATION)
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise RuntimeError("The migration left invalid foreign keys and was rolled back.")
engine.dispose()
