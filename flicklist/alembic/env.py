"""Runs the migrations; `flicklist.migrations` starts it."""

from alembic import context

from flicklist.models.engines import writing_engine
from flicklist.models.meta import Base

engine = writing_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
