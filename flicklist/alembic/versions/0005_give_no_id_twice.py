"""Give no id twice, also on SQLite, and note what each change was."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "users",
    "sign_ins",
    "movies",
    "viewings",
    "changes",
    "invitations",
    "outbox",
    "second_factors",
    "recovery_codes",
)


def upgrade() -> None:
    with op.batch_alter_table("changes") as changes:
        changes.add_column(sa.Column("outcome", sa.String(60), nullable=False, server_default=""))
    with op.batch_alter_table("changes") as changes:
        changes.alter_column("outcome", server_default=None)
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            _make_anew(table)


def downgrade() -> None:
    with op.batch_alter_table("changes") as changes:
        changes.drop_column("outcome")


def _make_anew(table: str) -> None:
    """Make a table of SQLite anew, with AUTOINCREMENT, which nothing else can give it.

    From its own words: Alembic would lose its CHECKs, and copies what is generated.
    """
    connection = op.get_bind()
    columns = ", ".join(row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})"))  # none generated
    (as_it_is,) = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).one()
    if "AUTOINCREMENT" in as_it_is:  # taken back, and done again
        return
    indexes = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    ).all()
    as_it_shall_be = re.sub(r'^CREATE TABLE "?\w+"?', f"CREATE TABLE anew_{table}", as_it_is)
    as_it_shall_be = re.sub(r",\s*(CONSTRAINT pk_\w+ )?PRIMARY KEY \(id\)", "", as_it_shall_be)
    as_it_shall_be = as_it_shall_be.replace("id INTEGER NOT NULL", "id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", 1)
    connection.exec_driver_sql(as_it_shall_be)
    connection.exec_driver_sql(f"INSERT INTO anew_{table} ({columns}) SELECT {columns} FROM {table}")  # noqa: S608 - our own names
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE anew_{table} RENAME TO {table}")
    for (index,) in indexes:
        connection.exec_driver_sql(index)
