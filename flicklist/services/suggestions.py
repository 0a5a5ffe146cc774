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

from flicklist.text import fold

FILMS = Path(__file__).parents[1] / "data" / "titles.csv.gz"
MAX_SUGGESTIONS = 8
MIN_QUERY_LENGTH = 2
MAX_QUERY_LENGTH = 200

_INITIALS = re.compile(r"\b\w(?:\.\w\b)+")
_APOSTROPHES = re.compile(r"['’ʼ`´]")
_HYPHENS = re.compile(r"(?<=\w)[-‐‑](?=\w)")


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
            for line in _spellings(film.title):
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
    """Return at most eight films: matches at the start of the title, then matches at later words."""
    typed = normalize_query(query) if len(query) <= MAX_QUERY_LENGTH else ""
    if len(typed) < MIN_QUERY_LENGTH:
        return []
    found: dict[Film, None] = {}
    for film in index().matches(typed):
        found[film] = None
        if len(found) == MAX_SUGGESTIONS:
            break
    return list(found)


def normalize_query(text: str) -> str:
    """Return the text without accents, case and punctuation: ``Dr. Søren’s`` is ``dr sorens``."""
    return _words(_APOSTROPHES.sub("", _letters(text)))


def all_films() -> list[Film]:
    """Read the catalog."""
    with gzip.open(FILMS, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)  # the header
        return [Film(title, int(year)) for title, year in rows]


@cache
def index() -> Index:
    return Index(all_films())


def _spellings(title: str) -> set[str]:
    """Return the normalized spellings of a title, such as ``spider man`` and ``spiderman``."""
    spellings = {_letters(title)}
    for joint in (_APOSTROPHES, _HYPHENS):
        spellings = {joint.sub(blank, spelling) for spelling in spellings for blank in ("", " ")}
    return {_words(spelling) for spelling in spellings}


def _word_starts(line: str) -> list[int]:
    return [word.start() for word in re.finditer(r"\S+", line)]


def _letters(text: str) -> str:
    """Return the text in lower case without accents. Initials such as ``E.T.`` become one word."""
    bare = fold(text.replace("&", " and ").replace("½", " 1/2"))
    return _INITIALS.sub(lambda initials: initials[0].replace(".", ""), bare)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text))
