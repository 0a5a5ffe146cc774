"""Recompute the columns that depend on the text of movies, and compare search text byte by byte.

The functions that compute them are imported: if one changes later, a later migration computes the columns again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from flicklist.search_words import searchable
from flicklist.text import compare_key
from flicklist.titles import sort_title

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MAX_SORT_TITLE_LENGTH = 200
MOVIES = sa.table(
    "movies", *map(sa.column, ["id", "owner_id", "title", "year", "why", "notes", "key", "sort_title", "search_text"])
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("movies", "search_text", type_=sa.Text(collation="C"))
    for owner_id in op.get_bind().scalars(sa.select(MOVIES.c.owner_id).distinct()).all():
        recompute(owner_id)


def recompute(owner_id: int) -> None:
    """Recompute the columns of one person's movies. Only rows that change are updated."""
    columns = MOVIES.c
    bind = op.get_bind()
    movies = bind.execute(sa.select(MOVIES).where(columns.owner_id == owner_id).order_by(columns.id)).all()
    keys = unique_keys(movies)
    # A new key can be the old key of another movie, so a changed key has another unique value in the meantime.
    temporary = [{"row_id": movie.id, "key": f"#{movie.id}"} for movie in movies if keys[movie.id] != movie.key]
    rows = [row for movie in movies for row in changed_rows(movie, keys[movie.id])]
    for values in (temporary, rows):
        if values:
            bind.execute(MOVIES.update().where(columns.id == sa.bindparam("row_id")), values)


def unique_keys(movies: Sequence[Any]) -> dict[int, str]:
    """Return the new key by movie id. If several movies get the same key, all but one have their id in it.

    The one without an id is the one that has this key already, otherwise the oldest.
    """
    keys = {movie.id: f"{compare_key(movie.title)} ({movie.year or ''})" for movie in movies}
    first: dict[str, int] = {}
    for movie in sorted(movies, key=lambda movie: (movie.key != keys[movie.id], movie.id)):
        first.setdefault(keys[movie.id], movie.id)
    return {movie_id: key if first[key] == movie_id else f"{key} #{movie_id}" for movie_id, key in keys.items()}


def changed_rows(movie: Any, key: str) -> Iterator[dict[str, Any]]:
    new = {
        "key": key,
        "sort_title": sort_title(movie.title)[:MAX_SORT_TITLE_LENGTH],
        "search_text": searchable(f"{movie.title} {movie.why} {movie.notes}"),
    }
    if any(getattr(movie, name) != value for name, value in new.items()):
        yield {"row_id": movie.id, **new}


def downgrade() -> None:
    """Restore the type. The columns keep their values, which the earlier version can use."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("movies", "search_text", type_=sa.Text())
