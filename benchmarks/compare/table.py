"""The table of results, in Markdown."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

Results = dict[str, list[float]]  # of each application, one for each round


class Kind(Enum):
    """The direction in which a number is better, which decides how it is shown."""

    MORE_IS_BETTER = "more is better"
    LESS_IS_BETTER = "less is better"
    PLAIN = "not compared"


class Table:
    """Measurements as rows, applications as columns. Ratios are to the first application."""

    def __init__(self, applications: Iterable[str]) -> None:
        self._applications = list(applications)
        self._rows: list[tuple[str, str, Kind, Results]] = []

    def add(self, name: str, unit: str, kind: Kind, results: Results) -> None:
        self._rows.append((name, unit, kind, results))

    def __str__(self) -> str:
        head = ["", *self._applications]
        lines = [head, ["---"] * len(head)]
        for name, unit, kind, results in self._rows:
            cells = [
                self._cell(results.get(each), results[self._applications[0]], unit, kind) for each in self._applications
            ]
            lines.append([name, *cells])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _cell(self, numbers: list[float] | None, first: list[float], unit: str, kind: Kind) -> str:
        if not numbers:
            return "–"
        if kind is Kind.PLAIN:
            return f"{_spread(numbers, 0)} {unit}".strip()
        pairs = zip(numbers, first, strict=True)
        ratios = [a / b if kind is Kind.MORE_IS_BETTER else b / a for a, b in pairs]
        return f"**{_spread(ratios, 2)}** {_number(statistics.median(numbers))} {unit}"


def _spread(numbers: list[float], digits: int) -> str:
    """Return the median, the least and the greatest number."""
    median = f"{statistics.median(numbers):.{digits}f}"
    if len(set(numbers)) == 1:
        return median
    return f"{median} ({min(numbers):.{digits}f}–{max(numbers):.{digits}f})"


def _number(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:,.0f}"


def by_application(rounds: Iterable[dict[str, float]]) -> Results:
    """Turn the numbers of each round into those of each application."""
    results: Results = defaultdict(list)
    for numbers in rounds:
        for name, number in numbers.items():
            results[name].append(number)
    return results
