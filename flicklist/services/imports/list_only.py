"""The question about movies that are only in lists or among the favorites of a person."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flicklist.models.movie import movie_key
from flicklist.services.imports.rows import Answers, Option, ParsedUpload, Question, Row, Status, UnusableRow

NAME = "list_only"
ADD, LEAVE_OUT = "add", "leave-out"


def with_list_only_question(parsed: ParsedUpload, answers: Answers) -> ParsedUpload:
    """Ask whether movies are added that no row puts on the watchlist or marks as watched. Apply the answer.

    Such rows have no status. They tag movies that other rows of the upload add, or that are on the list already.
    """
    known = {key for row in _usable(parsed.rows) if row.status for key in _keys(row)}
    list_only = [row for row in _usable(parsed.rows) if not row.status and known.isdisjoint(_keys(row))]
    if not list_only:
        return parsed
    rows = _added(parsed.rows, list_only) if answers.get(NAME) == ADD else parsed.rows
    return replace(parsed, rows=rows, questions=(*parsed.questions, _question(list_only)))


def _added(rows: Sequence[Row | UnusableRow], list_only: Iterable[Row]) -> Sequence[Row | UnusableRow]:
    """Return the rows, of which those that are only in lists put their movies on the watchlist."""
    ids = set(map(id, list_only))
    return [replace(row, status=Status.WATCHLIST) if isinstance(row, Row) and id(row) in ids else row for row in rows]


def _usable(rows: Iterable[Row | UnusableRow]) -> Iterator[Row]:
    return (row for row in rows if isinstance(row, Row))


def _keys(row: Row) -> set[object]:
    """Return the ids of the movie, or its title and year if it has none."""
    ids: set[object] = {row.facts.imdb_id, row.facts.tmdb_id, row.facts.letterboxd_uri}
    return ids - {"", None} or {movie_key(row.title, row.year)}


def _question(rows: Iterable[Row]) -> Question:
    number = len({frozenset(_keys(row)) for row in rows})
    movies = "1 movie is" if number == 1 else f"{number:,} movies are"
    them = "it" if number == 1 else "them"
    return Question(
        NAME,
        f"{movies} only in your lists or among your favorites. Add {them} to your watchlist, too?",
        (Option(LEAVE_OUT, f"No, leave {them} out"), Option(ADD, f"Yes, add {them}")),
        default=LEAVE_OUT,
    )
