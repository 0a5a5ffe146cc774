"""Add imports."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
STATES = "'uploaded', 'ready', 'confirmed', 'finished', 'taking back', 'taken back', 'refused'"
OUTCOMES = "'added', 'changed', 'already there', 'needs a decision', 'refused'"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("format_name", sa.String(80), nullable=False),
        sa.Column("problem", sa.String(500), nullable=False),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("change_id", BIG_ID),
        sa.CheckConstraint("length(file_name) <= 200", name=op.f("ck_imports_file_name_length")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_imports_size_possible")),
        sa.CheckConstraint("length(format_name) <= 80", name=op.f("ck_imports_format_name_length")),
        sa.CheckConstraint("length(problem) <= 500", name=op.f("ck_imports_problem_length")),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_imports_state_known")),
        sa.CheckConstraint("done BETWEEN 0 AND total", name=op.f("ck_imports_done_possible")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_imports_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_imports_owner_id_created_at"), "imports", ["owner_id", "created_at"])
    op.create_index(op.f("ix_imports_owner_id_change_id"), "imports", ["owner_id", "change_id"])
    op.create_index(op.f("ix_imports_state_created_at"), "imports", ["state", "created_at"])
    op.create_table(
        "import_chunks",
        *_part_of_import("import_chunks"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(content) <= 1000000", name=op.f("ck_import_chunks_content_length")),
        sa.UniqueConstraint("import_id", "number", name=op.f("uq_import_chunks_import_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "import_rows",
        *_part_of_import("import_rows"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(200), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("year", sa.Integer()),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("movie_id", BIG_ID),
        sa.CheckConstraint("length(file) <= 200", name=op.f("ck_import_rows_file_length")),
        sa.CheckConstraint("length(title) <= 200", name=op.f("ck_import_rows_title_length")),
        sa.CheckConstraint("length(reason) <= 500", name=op.f("ck_import_rows_reason_length")),
        sa.CheckConstraint(f"outcome IN ({OUTCOMES})", name=op.f("ck_import_rows_outcome_known")),
        sa.UniqueConstraint("import_id", "number", name=op.f("uq_import_rows_import_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_import_rows_import_id_outcome_number"), "import_rows", ["import_id", "outcome", "number"])
    op.create_table(
        "import_snapshots",
        *_part_of_import("import_snapshots"),
        sa.Column("movie_id", BIG_ID, nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("change_id", BIG_ID),
        sa.UniqueConstraint("import_id", "movie_id", name=op.f("uq_import_snapshots_import_id_movie_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("holder", sa.String(40), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
        sa.UniqueConstraint("name", name=op.f("uq_leases_name")),
        sqlite_autoincrement=True,
    )


def _part_of_import(table: str) -> tuple[sa.Column[Any] | sa.Constraint, ...]:
    """Return the id of a table whose rows are deleted with their import, and the reference to it."""
    return (
        sa.Column("id", BIG_ID, sa.Identity(), nullable=False),
        sa.Column("import_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f(f"fk_{table}_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    op.drop_table("leases")
    op.drop_table("import_snapshots")
    op.drop_table("import_rows")
    op.drop_table("import_chunks")
    op.drop_table("imports")
