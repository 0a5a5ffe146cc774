"""A query outside the database transaction, which holds no connection while something slow follows."""

from typing import Any

from sqlalchemy.orm import Session


def read_and_release(read_db: Session, statement: Any, **parameters: Any) -> Any:
    """Return a row or ``None``, and give the connection back to the pool: hashing a password may come next.

    The session must be one for reading. Objects it has loaded are detached, and keep the values they have.
    """
    row = read_db.execute(statement, parameters).one_or_none()
    read_db.close()
    return row
