"""Run the migrations, or check that they have been run."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError


class DatabaseNotReadyError(SystemExit):
    """The database does not answer, or has other migrations than this version.

    The message is one line. A `SystemExit`, so that ``pserve`` prints it and no traceback.
    """


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "flicklist:alembic")
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Run every migration that the database has not seen. Raises `DatabaseNotReadyError`."""
    script = ScriptDirectory.from_config(alembic_config(url))
    known = {revision.revision for revision in script.walk_revisions()}
    if unknown := _current_heads(url) - known:
        raise DatabaseNotReadyError(
            f"FlickList cannot start: the database was made by another version (migration {min(unknown)})."
        )
    command.upgrade(alembic_config(url), "head")


def require_newest(url: str) -> None:
    """Raise `DatabaseNotReadyError` unless the database has run every migration that exists here, and no other."""
    if _current_heads(url) != set(ScriptDirectory.from_config(alembic_config(url)).get_heads()):
        raise DatabaseNotReadyError(
            "FlickList cannot start: the database has not run all migrations of this version. "
            "Run: flicklist migrate production.ini"
        )


def _current_heads(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads())
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise DatabaseNotReadyError(f"FlickList cannot start: the database does not answer: {reason}") from None
    finally:
        engine.dispose()
