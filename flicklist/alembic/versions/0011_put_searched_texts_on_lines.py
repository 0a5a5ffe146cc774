"""Put the texts that searches compare on lines of their own. A change of a movie computes only those that it changes.

The function that computes them is imported: if it changes later, a later migration computes the column again.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from flicklist.search_words import searchable_beginning

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BATCH = 500
FACTOR = 3
LENGTHS = {"title": 200, "original_title": 200, "directors": 700, "why": 300, "notes": 5000, "tags": 840}
MOVIES = sa.table("movies", *map(sa.column, ["id", "search_text", *LENGTHS]))


def upgrade() -> None:
    last_id = 0
    while movies := _movies_after(last_id):
        rows = [{"row_id": movie.id, "lines": _lines(movie)} for movie in movies]
        new = MOVIES.update().where(MOVIES.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("lines"))
        op.get_bind().execute(new, rows)
        last_id = movies[-1].id


def _movies_after(last_id: int) -> Sequence[Any]:
    following = sa.select(MOVIES).where(MOVIES.c.id > last_id).order_by(MOVIES.c.id).limit(BATCH)
    return op.get_bind().execute(following).all()


def _lines(movie: Any) -> str:
    texts = ((getattr(movie, name), FACTOR * length) for name, length in LENGTHS.items())
    return "\n".join(text and searchable_beginning(text, max_length) for text, max_length in texts)


def downgrade() -> None:
    """Keep the column, which the earlier version can use."""
