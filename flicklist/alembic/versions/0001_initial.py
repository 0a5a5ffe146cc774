"""Create the tables.

With AUTOINCREMENT, SQLite never gives an id a second time, so that an undone change finds the ids it had.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def ordered_text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


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
        sqlite_autoincrement=True,
    )
    op.create_table(
        "movies",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("year", sa.SmallInteger()),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("rating", sa.SmallInteger()),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("watched_at", TIME),
        sa.Column("removed_at", TIME),
        sa.Column("last_watched_on", ordered_text(10), nullable=False),
        sa.Column("key", ordered_text(630), nullable=False),
        sa.Column("sort_title", ordered_text(200), nullable=False),
        sa.Column("sort_year", sa.SmallInteger(), sa.Computed("coalesce(year, 0)", persisted=True), nullable=False),
        sa.Column("sort_rating", sa.SmallInteger(), sa.Computed("coalesce(rating, 0)", persisted=True), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("change_id", BIG_ID),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name=op.f("ck_movies_title_length")),
        sa.CheckConstraint("length(why) <= 300", name=op.f("ck_movies_why_length")),
        sa.CheckConstraint("length(notes) <= 5000", name=op.f("ck_movies_notes_length")),
        sa.CheckConstraint("year BETWEEN 1874 AND 2100", name=op.f("ck_movies_year_possible")),
        sa.CheckConstraint("rating BETWEEN 1 AND 10", name=op.f("ck_movies_rating_on_scale")),
        sa.CheckConstraint("rating IS NULL OR watched_at IS NOT NULL", name=op.f("ck_movies_rated_when_watched")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_movies_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movies")),
        sa.UniqueConstraint("owner_id", "key", name=op.f("uq_movies_owner_id_key")),
        sqlite_autoincrement=True,
    )
    on_watchlist = sa.text("removed_at IS NULL AND watched_at IS NULL")
    watched = sa.text("removed_at IS NULL AND watched_at IS NOT NULL")
    removed = sa.text("removed_at IS NOT NULL")
    for name, predicate, columns in (
        ("on_watchlist_by_added", on_watchlist, ["added_at"]),
        ("on_watchlist_by_title", on_watchlist, ["sort_title"]),
        ("on_watchlist_by_year", on_watchlist, ["sort_year"]),
        ("watched_by_watched_on", watched, ["last_watched_on", "watched_at"]),
        ("watched_by_added", watched, ["added_at"]),
        ("watched_by_title", watched, ["sort_title"]),
        ("watched_by_year", watched, ["sort_year"]),
        ("watched_by_rating", watched, ["sort_rating"]),
        ("removed", removed, ["removed_at"]),
    ):
        op.create_index(
            f"ix_movies_{name}",
            "movies",
            ["owner_id", *columns, "id"],
            sqlite_where=predicate,
            postgresql_where=predicate,
        )
    op.create_table(
        "viewings",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("watched_on", ordered_text(10)),
        sa.Column("note", sa.String(1000), nullable=False),
        sa.CheckConstraint("length(watched_on) IN (4, 7, 10)", name=op.f("ck_viewings_watched_on_precision")),
        sa.CheckConstraint("length(note) <= 1000", name=op.f("ck_viewings_note_length")),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movies.id"], name=op.f("fk_viewings_movie_id_movies"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viewings")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_viewings_movie_id_watched_on"), "viewings", ["movie_id", "watched_on"])
    op.create_table(
        "changes",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(60), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_changes_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_changes_owner_id_created_at"), "changes", ["owner_id", "created_at"])
    op.create_table(
        "login_sessions",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_login_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_sessions_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_login_sessions_user_id"), "login_sessions", ["user_id"])
    op.create_table(
        "two_factor",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", TIME),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_two_factor_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_two_factor")),
        sa.UniqueConstraint("user_id", name=op.f("uq_two_factor_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq_recovery_codes_user_id_code_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "invitations",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("user_id", BIG_ID),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_outbox_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_user_id"), "outbox", ["user_id"])
    op.create_index(op.f("ix_outbox_due_at"), "outbox", ["due_at"])


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("invitations")
    op.drop_table("recovery_codes")
    op.drop_table("two_factor")
    op.drop_table("login_sessions")
    op.drop_table("changes")
    op.drop_table("viewings")
    op.drop_table("movies")
    op.drop_table("users")
