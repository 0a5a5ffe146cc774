"""The report of an import: its rows in pages, and as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from flicklist.models import ImportRow, Movie
from flicklist.models.movie_import import Outcome
from flicklist.services.export.csv_lines import csv_lines
from flicklist.services.export.spreadsheets import BYTE_ORDER_MARK, without_formulas
from flicklist.services.pagination import Keyset, Page, PageRequest

HEADER = ("File", "Line", "Title", "Year", "Outcome", "Reason")
CHUNK = 1000
_OF_IMPORT = ImportRow.import_id == bindparam("import_id")
_COLUMNS = (ImportRow.file, ImportRow.line, ImportRow.title, ImportRow.year, ImportRow.outcome, ImportRow.reason)
# The movie, if it was not deleted since. It is looked up for each row, and not by an index of owners: as long as
# PostgreSQL has no statistics, as on a new site, it could choose to read the whole list for each row.
_OWN = Movie.owner_id + 0 == bindparam("owner_id")
_LINK = select(Movie.id).where(Movie.id == ImportRow.movie_id, _OWN).scalar_subquery()
_IN_ORDER = Keyset(select(*_COLUMNS, _LINK).where(_OF_IMPORT), ImportRow.number, descending=False)
_ROWS = select(ImportRow.number, *_COLUMNS).where(_OF_IMPORT).order_by(ImportRow.number).limit(CHUNK)


class ListedRow(NamedTuple):
    """A row on the page of an import. `movie_id` is None if the row added no movie, or the movie was deleted."""

    file: str
    line: int
    title: str
    year: int | None
    outcome: Outcome
    reason: str
    movie_id: int | None


def rows_page(db: Session, owner_id: int, import_id: int, requested: PageRequest, outcomes: Sequence[Outcome]) -> Page:
    """Return a page of `ListedRow`, the rows of an import with one of the outcomes."""
    criteria = [] if len(outcomes) == len(Outcome) else [ImportRow.outcome.in_(outcomes)]
    page = _IN_ORDER.page(db.connection(), {"owner_id": owner_id, "import_id": import_id}, requested, criteria)
    return replace(page, rows=[ListedRow(*row) for row in page.rows])


def report_lines(read_db: Session, import_id: int, outcomes: Mapping[Outcome, str]) -> Iterator[str]:
    """Yield the report as lines of CSV for a spreadsheet. `outcomes` are the words for each outcome."""
    yield BYTE_ORDER_MARK
    yield from csv_lines([HEADER])
    yield from csv_lines(map(without_formulas, _all_rows(read_db, import_id, outcomes)))


def _all_rows(read_db: Session, import_id: int, outcomes: Mapping[Outcome, str]) -> Iterator[tuple[Any, ...]]:
    last = 0
    while rows := read_db.execute(_ROWS.where(ImportRow.number > last), {"import_id": import_id}).all():
        yield from ((*before, outcomes[Outcome(outcome)], reason) for _, *before, outcome, reason in rows)
        last = rows[-1].number
