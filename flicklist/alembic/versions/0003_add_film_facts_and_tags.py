"""Add film facts and tags to movies.

SQLite can add a column with its constraint, but no constraint to an existing table. So each constraint is part of its
column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The name, the type, and the condition of the constraint with its name.
COLUMNS = (
    ("tags", "VARCHAR(840){collation} DEFAULT '' NOT NULL", "length(tags) <= 840", "tags_length"),
    ("tag_keys", "TEXT{collation} DEFAULT '' NOT NULL", None, None),
    ("original_title", "VARCHAR(200) DEFAULT '' NOT NULL", "length(original_title) <= 200", "original_title_length"),
    ("directors", "VARCHAR(700) DEFAULT '' NOT NULL", "length(directors) <= 700", "directors_length"),
    ("runtime", "SMALLINT", "runtime BETWEEN 1 AND 9999", "runtime_possible"),
    ("genres", "VARCHAR(200) DEFAULT '' NOT NULL", "length(genres) <= 200", "genres_length"),
    ("genre_keys", "TEXT{collation} DEFAULT '' NOT NULL", None, None),
    ("countries", "VARCHAR(200) DEFAULT '' NOT NULL", "length(countries) <= 200", "countries_length"),
    ("imdb_id", "VARCHAR(12) DEFAULT '' NOT NULL", "length(imdb_id) <= 12", "imdb_id_length"),
    ("tmdb_id", "INTEGER", "tmdb_id > 0", "tmdb_id_positive"),
    ("letterboxd_uri", "VARCHAR(200) DEFAULT '' NOT NULL", "length(letterboxd_uri) <= 200", "letterboxd_uri_length"),
)


def upgrade() -> None:
    collation = ' COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else ""
    for name, type_, condition, constraint in COLUMNS:
        check = f" CONSTRAINT ck_movies_{constraint} CHECK ({condition})" if condition else ""
        op.execute(f"ALTER TABLE movies ADD COLUMN {name} {type_.format(collation=collation)}{check}")
    op.create_index(op.f("ix_movies_owner_id_change_id"), "movies", ["owner_id", "change_id"])
    has_tags = sa.text("tags != ''")
    op.create_index(
        "ix_movies_with_tags",
        "movies",
        ["owner_id", "tags", "id"],
        sqlite_where=has_tags,
        postgresql_where=has_tags,
    )


def downgrade() -> None:
    op.drop_index("ix_movies_with_tags", "movies")
    op.drop_index(op.f("ix_movies_owner_id_change_id"), "movies")
    for name, *_ in reversed(COLUMNS):
        op.execute(f"ALTER TABLE movies DROP COLUMN {name}")
