"""Record since when each import waits, for its turn or for its owner."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEX = "ix_imports_state_waiting_since"


def upgrade() -> None:
    # SQLite adds a column without NULL only if it has a default.
    time = sa.DateTime(timezone=True)
    op.add_column("imports", sa.Column("waiting_since", time, nullable=False, server_default="1970-01-01 00:00:00"))
    op.execute("UPDATE imports SET waiting_since = created_at")
    op.create_index(op.f(INDEX), "imports", ["state", "waiting_since"])


def downgrade() -> None:
    op.drop_index(op.f(INDEX), "imports")
    op.drop_column("imports", "waiting_since")
