"""Take the tags out of an index. PostgreSQL refuses an entry of more than 2,704 bytes, and tags can have 3,238."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INDEX = "ix_movies_with_tags"


def upgrade() -> None:
    _replace_index("owner_id", "id")


def downgrade() -> None:
    _replace_index("owner_id", "tags", "id")


def _replace_index(*columns: str) -> None:
    has_tags = sa.text("tags != ''")
    op.drop_index(INDEX, "movies")
    op.create_index(INDEX, "movies", columns, sqlite_where=has_tags, postgresql_where=has_tags)
