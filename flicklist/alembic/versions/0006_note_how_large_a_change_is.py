"""Note how large a change is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("changes", sa.Column("size", sa.Integer(), nullable=False, server_default="0"))
    before = sa.cast(sa.column("before"), sa.Text())
    op.execute(sa.update(sa.table("changes", sa.column("size"))).values(size=sa.func.length(before)))


def downgrade() -> None:
    op.drop_column("changes", "size")
