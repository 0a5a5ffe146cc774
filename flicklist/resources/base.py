"""The base class of resources, and strict parsing of path segments."""

from typing import Any

from pyramid.request import Request
from sqlalchemy.orm import Session

from flicklist.text import parse_row_id

AccessControlList = list[tuple[str, str, Any]]


class Resource:
    """A node of the traversal tree, with the request, the parent and the name of its path segment."""

    __parent__: "Resource | None"

    def __init__(self, parent: "Resource", name: str) -> None:
        self.__parent__ = parent
        self.__name__ = name
        self.request: Request = parent.request

    @property
    def db(self) -> Session:
        return self.request.db


def row_id(name: str) -> int:
    """Parse a path segment as a row id. Raises `KeyError` unless it is written canonically."""
    parsed = parse_row_id(name)
    if parsed is None:
        raise KeyError(name)
    return parsed
