"""Record when a person confirmed their email address."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nobody has been asked so far, so no address counts as confirmed.
    op.add_column("users", sa.Column("email_confirmed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("users", "email_confirmed_at")
