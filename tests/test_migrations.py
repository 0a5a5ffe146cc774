"""Migrations and models say the same of the database."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, inspect

from flicklist import main, migrations
from flicklist.models import Base
from flicklist.settings import CannotStart


@pytest.fixture
def migrated(empty_database_url):
    migrations.upgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_the_migrations_make_what_the_models_expect(migrated):
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_make_the_constraints_that_the_models_name(migrated):
    """Alembic compares no CHECK constraints."""
    for table in Base.metadata.sorted_tables:
        expected = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {c["name"] for c in inspect(migrated).get_check_constraints(table.name)} == expected
        indexes = {index.name for index in table.indexes}
        assert indexes <= {index["name"] for index in inspect(migrated).get_indexes(table.name)}


def test_every_migration_can_be_taken_back(migrated, empty_database_url):
    command.downgrade(migrations.alembic_config(empty_database_url), "base")
    assert inspect(migrated).get_table_names() == ["alembic_version"]


def test_migrating_twice_changes_nothing(migrated, empty_database_url):
    migrations.upgrade(empty_database_url)
    migrations.require_newest(empty_database_url)


def test_a_database_that_is_behind_stops_the_start(empty_database_url, ini):
    settings = ini | {"flicklist.database_url": empty_database_url, "flicklist.migrate_at_start": "false"}
    with pytest.raises(CannotStart, match="Run: flicklist migrate"):
        main({}, **settings)


def test_a_database_from_the_future_stops_the_start(migrated, empty_database_url, ini):
    with migrated.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'future'")
    with pytest.raises(CannotStart):
        migrations.require_newest(empty_database_url)


def test_a_database_that_does_not_answer_stops_the_start_with_one_line():
    for url in ("sqlite:////no/such/folder/flicklist.db", "postgresql+psycopg://nobody@127.0.0.1:1/flicklist"):
        with pytest.raises(CannotStart) as stopped:
            migrations.require_newest(url)
        assert str(stopped.value).startswith("FlickList cannot start: the database does not answer: ")
        assert "\n" not in str(stopped.value)
