"""A query that holds no connection while something slow follows."""

from typing import Any

from sqlalchemy.orm import Session


def read_and_release(db: Session, statement: Any, **parameters: Any) -> Any:
    """Return a row or ``None``, and give the connection back to the pool: hashing a password may come next."""
    row = db.execute(statement, parameters).one_or_none()
    db.rollback()
    return row
