"""Lines of CSV, as in RFC 4180."""

import csv
from collections.abc import Iterable, Iterator

Cells = Iterable[str | int | None]


class _Echo:
    """A file whose `write` returns the text, and so does ``csv.writer.writerow``."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Cells]) -> Iterator[str]:
    """Yield a line for each row. None is an empty cell."""
    return map(csv.writer(_Echo()).writerow, rows)
