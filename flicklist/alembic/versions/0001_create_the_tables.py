"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("password_hash", sa.String(128), nullable=False),
        sa.Column("watchlist_slug", sa.String(22), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("length(email) <= 254", name=op.f("ck_users_email_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("watchlist_slug", name=op.f("uq_users_watchlist_slug")),
    )
    op.create_table(
        "movies",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("year", sa.SmallInteger()),
        sa.Column("key", sa.String(610), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("watched_at", TIME),
        sa.Column("rating", sa.SmallInteger()),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name=op.f("ck_movies_title_length")),
        sa.CheckConstraint("year BETWEEN 1874 AND 2100", name=op.f("ck_movies_year_possible")),
        sa.CheckConstraint("rating BETWEEN 1 AND 10", name=op.f("ck_movies_rating_on_scale")),
        sa.CheckConstraint("rating IS NULL OR watched_at IS NOT NULL", name=op.f("ck_movies_rated_when_watched")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_movies_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movies")),
        sa.UniqueConstraint("owner_id", "key", name=op.f("uq_movies_owner_id_key")),
    )
    to_watch, watched = sa.text("watched_at IS NULL"), sa.text("watched_at IS NOT NULL")
    op.create_index(
        "ix_movies_to_watch", "movies", ["owner_id", "added_at", "id"], sqlite_where=to_watch, postgresql_where=to_watch
    )
    op.create_index(
        "ix_movies_watched", "movies", ["owner_id", "watched_at", "id"], sqlite_where=watched, postgresql_where=watched
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    op.create_index(op.f("ix_sign_ins_user_id"), "sign_ins", ["user_id"])


def downgrade() -> None:
    op.drop_table("sign_ins")
    op.drop_table("movies")
    op.drop_table("users")
