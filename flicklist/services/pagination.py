"""Keyset pagination: a page costs the same at either end of a list.

A cursor holds the sort keys of the first or last row of a page, so a row added or removed elsewhere does not shift
the pages. It comes from the URL and cannot be trusted: an invalid cursor means the first page.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    SmallInteger,
    bindparam,
    func,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import NullType

RowsStatement = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]

PAGE_SIZE = 50
MAX_COUNT = 1000
MAX_CURSOR_LENGTH = 2000
_MAX_SMALLINT, _MAX_BIGINT = 2**15 - 1, 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class PageRequest:
    """Which page to read: the one after a cursor, the one before a cursor, or without both the first."""

    after: str | None = None
    before: str | None = None


@dataclass(frozen=True)
class Page:
    """Some rows of a list, with the cursors of the previous and the next page, or None at the ends."""

    rows: Sequence[tuple[Any, ...]]
    before: str | None = None
    after: str | None = None
    counted: int | None = None
    """The number of rows on all pages, at most `MAX_COUNT` + 1, if it was counted with the page."""

    @property
    def is_whole_list(self) -> bool:
        return self.before is None and self.after is None


class _Statements(NamedTuple):
    """What reads the first page, the page after a cursor, the last page, and the page before a cursor."""

    first: RowsStatement
    after: RowsStatement
    last: RowsStatement
    before: RowsStatement


class Keyset:
    """A list in one sort order, read page by page. Its statements are built once, at import.

    No key may be null, and the keys together must be unique.
    """

    def __init__(self, statement: RowsStatement, *keys: Any, descending: bool) -> None:
        self.statement = statement
        self.types = [key.type for key in keys]
        width = len(statement.selected_columns)
        self._keys = slice(width, width + len(keys))
        position = tuple_(*keys)
        cursor = tuple_(*(bindparam(f"cursor_{number}", type_=key.type) for number, key in enumerate(keys)))
        forward, backward = [key.asc() for key in keys], [key.desc() for key in keys]
        is_after, is_before = position > cursor, position < cursor
        if descending:
            forward, backward, is_after, is_before = backward, forward, is_before, is_after

        def statements(rows: RowsStatement) -> _Statements:
            first, last = rows.order_by(*forward), rows.order_by(*backward)
            return _Statements(first, first.where(is_after), last, last.where(is_before))

        # Only the first and the last row need their keys, so the others are not converted.
        rows = statement.add_columns(*(type_coerce(key, NullType()) for key in keys)).limit(PAGE_SIZE + 1)
        # In order, a count uses the index of the page. SQLite may prefer one with which it reads other lists, too.
        self._counted = statement.order_by(*forward)
        self._statements = statements(rows)
        self._counting_statements = statements(rows.add_columns(_capped_count(self._counted).scalar_subquery()))

    def page(
        self,
        connection: Connection,
        scope: Mapping[str, Any],
        requested: PageRequest,
        criteria: Sequence[ColumnElement[bool]] = (),
    ) -> Page:
        """Return the requested page.

        An invalid cursor means the first page. If no row follows an `after` cursor, return the last page. Without
        criteria, all rows are counted, too. With them, counting can take as long as finding the page, so call `count`
        if it is needed.
        """
        statements = self._statements if criteria else self._counting_statements

        def read(statement: RowsStatement, cursor: Mapping[str, Any]) -> Sequence[AnyRow]:
            return connection.execute(statement.where(*criteria) if criteria else statement, {**scope, **cursor}).all()

        if cursor := self._decode(requested.after):
            rows = read(statements.after, cursor)
            if rows:
                return self._page(rows[:PAGE_SIZE], has_before=True, has_after=len(rows) > PAGE_SIZE)
            rows = read(statements.last, {})
            return self._page(rows[:PAGE_SIZE][::-1], has_before=len(rows) > PAGE_SIZE, has_after=False)
        if cursor := self._decode(requested.before):
            rows = read(statements.before, cursor)
            if len(rows) >= PAGE_SIZE:
                return self._page(rows[PAGE_SIZE - 1 :: -1], has_before=len(rows) > PAGE_SIZE, has_after=True)
        rows = read(statements.first, {})
        return self._page(rows[:PAGE_SIZE], has_before=False, has_after=len(rows) > PAGE_SIZE)

    def count(self, connection: Connection, scope: Mapping[str, Any], criteria: Sequence[ColumnElement[bool]]) -> int:
        """Return the number of rows on all pages that meet the criteria, at most `MAX_COUNT` + 1."""
        return connection.scalar(_capped_count(self._counted.where(*criteria)), scope) or 0

    def _page(self, rows: Sequence[AnyRow], *, has_before: bool, has_after: bool) -> Page:
        return Page(
            [row[: self._keys.start] for row in rows],
            before=self._encode(rows[0]) if has_before else None,
            after=self._encode(rows[-1]) if has_after else None,
            counted=next(iter(rows[0][self._keys.stop :]), None) if rows else None,
        )

    def _encode(self, row: AnyRow) -> str:
        keys = zip(row[self._keys], self.types, strict=True)
        plain = [_microseconds(key) if kind.python_type is datetime else key for key, kind in keys]
        cursor = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(cursor).decode().rstrip("=")

    def _decode(self, cursor: str | None) -> dict[str, Any] | None:
        if not cursor or len(cursor) > MAX_CURSOR_LENGTH:
            return None
        try:
            plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if type(plain) is not list or len(plain) != len(self.types):
                return None
            keys = [_key(value, kind) for value, kind in zip(plain, self.types, strict=True)]
        except (ValueError, RecursionError):
            return None
        return {f"cursor_{number}": key for number, key in enumerate(keys)}


def _microseconds(stored: str | datetime) -> int:
    """Return a stored time in microseconds since 1970. SQLite stores texts without a time zone, which is UTC."""
    moment = datetime.fromisoformat(stored).replace(tzinfo=UTC) if isinstance(stored, str) else stored
    return (moment - _EPOCH) // _MICROSECOND


def _capped_count(statement: RowsStatement) -> Select[int]:
    """Count at most `MAX_COUNT` + 1 rows, so that counting a long list stays fast."""
    first_column = next(iter(statement.selected_columns))
    return select(func.count()).select_from(statement.with_only_columns(first_column).limit(MAX_COUNT + 1).subquery())


def _key(value: Any, column_type: Any) -> Any:
    """Return one key of a cursor. Raises `ValueError` if a database could not compare it with the column."""
    kind = column_type.python_type
    if kind is str and type(value) is str and "\0" not in value:
        value.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        return value
    limit = _MAX_SMALLINT if isinstance(column_type, SmallInteger) else _MAX_BIGINT
    if kind is int and type(value) is int and abs(value) <= limit:
        return value
    if kind is datetime and type(value) is int and 0 <= value <= _MAX_MICROSECONDS:
        return _EPOCH + value * _MICROSECOND
    raise ValueError(value)
