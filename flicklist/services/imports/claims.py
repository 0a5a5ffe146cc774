"""Find the viewing of a movie that a viewing in a row means. Each viewing of the row claims another one.

A movie and a row can have `MAX_VIEWINGS` each, all on one date, so comparing all pairs would take long.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from flicklist.models import Viewing
from flicklist.services.imports.rows import RowViewing

# A note that is part of that of a viewing is looked for in so many viewings of its date. Nobody has more on one day.
MAX_COMPARED_NOTES = 100


class ViewingIndex:
    """The viewings of a movie by date, by date and note, and the length of their notes together."""

    def __init__(self, viewings: Iterable[Viewing]) -> None:
        self.by_date: dict[str | None, list[Viewing]] = defaultdict(list)
        self.by_note: dict[tuple[str | None, str], list[Viewing]] = defaultdict(list)
        self.notes_length = 0
        for viewing in viewings:
            self.add(viewing)

    def add(self, viewing: Viewing) -> None:
        self.by_date[viewing.watched_on].append(viewing)
        self._add_note(viewing)

    def replace_note(self, viewing: Viewing, old: str) -> None:
        """Index a viewing by its new note. The date is the same."""
        self.by_note[viewing.watched_on, old].remove(viewing)
        self.notes_length -= len(old)
        self._add_note(viewing)

    def has(self, watched_on: str | None) -> bool:
        return watched_on in self.by_date

    def _add_note(self, viewing: Viewing) -> None:
        self.by_note[viewing.watched_on, viewing.note].append(viewing)
        self.notes_length += len(viewing.note)


class Claims:
    """The viewings of a movie that viewings of one row have claimed. A claim returns None if none is left."""

    def __init__(self, index: ViewingIndex) -> None:
        self._index = index
        self._claimed: set[int] = set()
        # Where the first viewing can be that is not claimed, so that each list is walked once.
        self._positions: Counter[Any] = Counter()

    def with_note(self, viewing: RowViewing) -> Viewing | None:
        """Claim a viewing with the same date and note."""
        key = (viewing.watched_on, viewing.note)
        return self._claim_first(key, self._index.by_note.get(key, ()))

    def containing_note(self, viewing: RowViewing) -> Viewing | None:
        """Claim a viewing with the same date whose note contains this note, among the first that are not claimed."""
        if not viewing.note:
            return self.on_date(viewing)
        viewings = self._index.by_date.get(viewing.watched_on, ())
        first = self._first_unclaimed(viewing.watched_on, viewings)
        for each in viewings[first : first + MAX_COMPARED_NOTES]:
            if viewing.note in each.note and id(each) not in self._claimed:
                self.add(each)
                return each
        return None

    def on_date(self, viewing: RowViewing) -> Viewing | None:
        """Claim any viewing with the same date."""
        return self._claim_first(viewing.watched_on, self._index.by_date.get(viewing.watched_on, ()))

    def add(self, viewing: Viewing) -> None:
        self._claimed.add(id(viewing))

    def _claim_first(self, key: Any, viewings: Sequence[Viewing]) -> Viewing | None:
        first = self._first_unclaimed(key, viewings)
        if first == len(viewings):
            return None
        self.add(viewings[first])
        return viewings[first]

    def _first_unclaimed(self, key: Any, viewings: Sequence[Viewing]) -> int:
        position = self._positions[key]
        while position < len(viewings) and id(viewings[position]) in self._claimed:
            position += 1
        self._positions[key] = position
        return position
