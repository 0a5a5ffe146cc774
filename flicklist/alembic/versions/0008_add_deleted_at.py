"""Mark deleted accounts, so that the clean-up can delete their rows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DELETED = "SELECT id FROM users WHERE deleted_at IS NOT NULL"
THEIR_MOVIES = "SELECT movies.id FROM movies JOIN users ON users.id = owner_id WHERE deleted_at IS NOT NULL"
THEIR_IMPORTS = "SELECT imports.id FROM imports JOIN users ON users.id = owner_id WHERE deleted_at IS NOT NULL"
# Each table, the column that refers to another one, and the rows there. SQLite does not cascade in a migration.
ROWS_OF_DELETED = (
    ("viewings", "movie_id", THEIR_MOVIES),
    ("import_chunks", "import_id", THEIR_IMPORTS),
    ("import_rows", "import_id", THEIR_IMPORTS),
    ("import_snapshots", "import_id", THEIR_IMPORTS),
    ("movies", "owner_id", DELETED),
    ("changes", "owner_id", DELETED),
    ("imports", "owner_id", DELETED),
    ("login_sessions", "user_id", DELETED),
    ("two_factor", "user_id", DELETED),
    ("recovery_codes", "user_id", DELETED),
    ("outbox", "user_id", DELETED),
    ("users", "id", DELETED),
)


def upgrade() -> None:
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.create_index(op.f("ix_users_deleted_at"), "users", ["deleted_at"])


def downgrade() -> None:
    # The earlier version would keep what is left of deleted accounts for ever.
    for table, column, rows in ROWS_OF_DELETED:
        op.execute(f"DELETE FROM {table} WHERE {column} IN ({rows})")  # noqa: S608 - constants
    op.drop_index(op.f("ix_users_deleted_at"), "users")
    op.drop_column("users", "deleted_at")
