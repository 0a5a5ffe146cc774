"""Rows of a CSV file, with the line that each begins in."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flicklist.services.imports.problems import RowRefused
from flicklist.services.imports.rows import UploadRefused

MAX_ROW_LENGTH = 1_000_000
MAX_COLUMNS = 1_000
_UNREADABLE = "The row can’t be read. A quotation mark may be missing."


class Cells(NamedTuple):
    """The cells of one row. They are None if the row is unreadable."""

    line: int
    cells: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Record:
    """A row below a header. Columns are named in lower case. A missing cell is empty."""

    file: str
    line: int
    cells: Mapping[str, str] | None

    def __getitem__(self, column: str) -> str:
        """Return a cell. Raises `RowRefused` if the row is unreadable."""
        if self.cells is None:
            raise RowRefused(_UNREADABLE)
        return self.cells.get(column, "")

    def first(self, *columns: str) -> str:
        """Return the first of these cells that is not empty."""
        return next(filter(None, (self[column] for column in columns)), "")

    @property
    def shown_title(self) -> str:
        """The title for a message about this row, as it is in the file."""
        return "" if self.cells is None else self.first("title", "name", "const")


def separator_of(header: str) -> str:
    """Return the character between the cells of a header."""
    return next((separator for separator in ",;\t" if separator in header), ",")


def header_of(cells: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the columns, in lower case. Raises `UploadRefused` if they are very many."""
    return tuple(map(str.lower, columns_of(cells)))


def columns_of(cells: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the columns, as they are written. Raises `UploadRefused` if they are very many."""
    if len(cells or ()) > MAX_COLUMNS:
        raise UploadRefused(f"This file has more than {MAX_COLUMNS:,} columns.")
    return tuple(cell.strip() for cell in cells or ())


def read_cells(lines: Iterable[str], separator: str) -> Iterator[Cells]:
    """Yield the rows that are not blank. Raises `UploadRefused` if one is much too long."""
    counted = _CountedLines(lines)
    reader = csv.reader(counted, delimiter=separator)
    while True:
        first_line = reader.line_num + 1
        counted.row_length = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell is too long
            yield Cells(first_line, None)
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield Cells(first_line, cells)


def read_records(file: str, header: Sequence[str], rows: Iterable[Cells]) -> Iterator[Record]:
    """Yield the rows below a header. Cells that have no column are ignored."""
    for line, cells in rows:
        yield Record(file, line, None if cells is None else dict(zip(header, cells, strict=False)))


class _CountedLines:
    """Lines for `csv.reader`, which would read a cell without a closing quotation mark up to the end of the file."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.row_length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row_length += len(line)
        if self.row_length > MAX_ROW_LENGTH:
            raise UploadRefused(f"A row is longer than {MAX_ROW_LENGTH:,} characters. A quotation mark may be missing.")
        return line
