"""Suggestions while a title is typed. They are optional: people can add movies that are not in the catalog."""

import csv
import gzip
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flicklist.dates import parse_year
from flicklist.search_words import query_words, spellings

FILMS = Path(__file__).parents[1] / "data" / "titles.csv.gz"
MAX_SUGGESTIONS = 8
MIN_QUERY_LENGTH = 2
MAX_QUERY_LENGTH = 200


class Film(NamedTuple):
    """A film of the catalog. A remake is another film."""

    title: str
    year: int


class Index:
    """Finds films by the start of any word, with a binary search over one string that holds all titles."""

    def __init__(self, films: list[Film]) -> None:
        # Equally good matches are suggested in this order: "Up" before "Upside Down".
        self._films = sorted(films, key=lambda film: (len(film.title), film))
        lines: list[str] = []
        starts: list[tuple[str, int, int]] = []
        offset = 0
        for number, film in enumerate(self._films):
            for line in spellings(film.title):
                for skipped, start in enumerate(_word_starts(line)):
                    starts.append((line[start:], offset + start, skipped * len(self._films) + number))
                lines.append(line)
                offset += len(line) + 1
        starts.sort()
        self._text = "\n".join(lines)
        self._offsets = array("I", (offset for _, offset, _ in starts))
        self._ranks = array("I", (rank for _, _, rank in starts))

    def matches(self, typed: str) -> Iterator[Film]:
        """Yield the matching films, those with the fewest skipped words first. A film can occur more than once."""

        def beginning(offset: int) -> str:
            return self._text[offset : offset + len(typed)]

        low = bisect_left(self._offsets, typed, key=beginning)
        high = bisect_right(self._offsets, typed, low, key=beginning)
        for rank in sorted(self._ranks[low:high]):
            yield self._films[rank % len(self._films)]


def suggest(query: str) -> list[Film]:
    """Return at most eight films: matches at the start of the title, then matches at later words.

    A year at the end of the query can be part of the title or the year of the film.
    """
    words = query_words(query) if len(query) <= MAX_QUERY_LENGTH else []
    if len(" ".join(words)) < MIN_QUERY_LENGTH:
        return []
    found: dict[Film, None] = {}
    for film in _matches(words):
        found[film] = None
        if len(found) == MAX_SUGGESTIONS:
            break
    return list(found)


def _matches(words: list[str]) -> Iterator[Film]:
    yield from index().matches(" ".join(words))
    *title, last = words
    if title and (year := parse_year(last)):
        yield from (film for film in index().matches(" ".join(title)) if film.year == year)


def all_films() -> list[Film]:
    """Read the catalog."""
    with gzip.open(FILMS, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)  # the header
        return [Film(title, int(year)) for title, year in rows]


@cache
def index() -> Index:
    return Index(all_films())


def _word_starts(line: str) -> list[int]:
    return [word.start() for word in re.finditer(r"\S+", line)]
