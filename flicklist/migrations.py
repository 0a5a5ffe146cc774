"""Run the migrations, or check that they have been run."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pyramid.config import Configurator
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from flicklist.db import connect_args


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
    _require_known_heads(url, _script(url))
    command.upgrade(alembic_config(url), "head")


def require_newest(url: str) -> None:
    """Raise `DatabaseNotReadyError` unless the database has run every migration that exists here, and no other."""
    script = _script(url)
    if _require_known_heads(url, script) != set(script.get_heads()):
        raise DatabaseNotReadyError(
            "The database lacks migrations of this version. Run “flicklist migrate” with the settings of the site."
        )


def _require_utf8(connection: Connection) -> None:
    """Raise `DatabaseNotReadyError` if the database cannot store every title, or would sort titles in another order."""
    is_sqlite = connection.dialect.name == "sqlite"
    encoding = connection.exec_driver_sql("PRAGMA encoding" if is_sqlite else "SHOW server_encoding").scalar()
    if encoding not in {"UTF-8", "UTF8"}:
        raise DatabaseNotReadyError(f"The database has the encoding {encoding}. Create one with the encoding UTF-8.")


def _script(url: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config(url))


def _require_known_heads(url: str, script: ScriptDirectory) -> set[str]:
    """Return the last migrations that the database has run. Raises `DatabaseNotReadyError` if one is unknown here."""
    heads = _current_heads(url)
    if unknown := heads - {revision.revision for revision in script.walk_revisions()}:
        raise DatabaseNotReadyError(
            f"The database belongs to a newer version of FlickList (migration {min(unknown)}). Update FlickList."
        )
    return heads


def _current_heads(url: str) -> set[str]:
    # A plain engine: the pragmas of the site would change an SQLite file that may not be ours.
    engine = create_engine(url, connect_args=connect_args(url))
    try:
        with engine.connect() as connection:
            _require_utf8(connection)
            return set(MigrationContext.configure(connection).get_current_heads())
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise DatabaseNotReadyError(f"The database does not answer: {reason}") from None
    finally:
        engine.dispose()


def includeme(config: Configurator) -> None:
    """Run the migrations, or check that they have been run."""
    settings = config.registry.flicklist
    prepare = upgrade if settings.migrate_at_start else require_newest
    prepare(settings.database_url)
