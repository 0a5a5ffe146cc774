"""Lists, page by page, by keyset: a page costs the same at either end of a list.

A marker is the sort key and the id of the row at the edge of a page, so that rows that come and go elsewhere move
nothing. It comes from the address, where anybody may write: one that makes no sense means the first page.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

Rows = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]

PAGE_SIZE = 50
COUNT_LIMIT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MICROSECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and the markers of the pages beside it, where there are any."""

    rows: Sequence[AnyRow]
    before: str | None = None
    after: str | None = None


class Keyset:
    """A list, newest first, that is read page by page. The statements are built once, at import.

    Each row begins with its time and its id.
    """

    def __init__(self, rows: Rows) -> None:
        time, row_id = list(rows.selected_columns)[:2]
        position = tuple_(time, row_id)
        edge = tuple_(bindparam("edge_time", type_=time.type), bindparam("edge_id", type_=row_id.type))
        self._first = rows.order_by(time.desc(), row_id.desc()).limit(PAGE_SIZE + 1)
        self._after = self._first.where(position < edge)
        self._before = rows.where(position > edge).order_by(time, row_id).limit(PAGE_SIZE + 1)

    def page(self, dbsession: Session, scope: Mapping[str, Any], before: str | None, after: str | None) -> Page:
        """Read the page that a marker names; the first page, if there is no marker or nothing behind it."""
        if edge := _edge(after):
            rows = dbsession.execute(self._after, {**scope, **edge}).all()
            if rows:
                return _page(rows[:PAGE_SIZE], has_before=True, has_after=len(rows) > PAGE_SIZE)
        elif edge := _edge(before):
            rows = dbsession.execute(self._before, {**scope, **edge}).all()
            if len(rows) > PAGE_SIZE:
                return _page(rows[PAGE_SIZE - 1 :: -1], has_before=True, has_after=True)
        rows = dbsession.execute(self._first, scope).all()
        return _page(rows[:PAGE_SIZE], has_before=False, has_after=len(rows) > PAGE_SIZE)


def capped_count(rows: Rows) -> Select[int]:
    """Count rows, but no further than one more than `COUNT_LIMIT`, so that no list is too long to be counted."""
    return select(func.count()).select_from(rows.limit(COUNT_LIMIT + 1).subquery())


def _page(rows: Sequence[AnyRow], *, has_before: bool, has_after: bool) -> Page:
    return Page(
        rows,
        before=_marker(rows[0]) if has_before else None,
        after=_marker(rows[-1]) if has_after else None,
    )


def _marker(row: AnyRow) -> str:
    time, row_id = row[:2]
    return f"{(time - _EPOCH) // _MICROSECOND}-{row_id}"


def _edge(marker: str | None) -> dict[str, Any] | None:
    match = re.fullmatch(r"([0-9]{1,18})-([1-9][0-9]{0,17})", marker or "", re.ASCII)
    if match is None or int(match[1]) > _LAST_MICROSECOND:
        return None
    return {"edge_time": _EPOCH + int(match[1]) * _MICROSECOND, "edge_id": int(match[2])}
