"""``letterboxd-import-1.csv`` and so on: the viewings, in the format that Letterboxd imports.

The format is described at https://letterboxd.com/about/importing-data/.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from flicklist.models.movie import DAY_LENGTH
from flicklist.services.export.csv_lines import Cells, csv_lines
from flicklist.services.export.movies import ExportedMovie, ExportedViewing

MAX_PART_BYTES = 1_000_000  # Letterboxd refuses larger files
HEADER = (
    *("LetterboxdURI", "tmdbID", "imdbID", "Title", "Year", "Directors"),
    *("Rating10", "WatchedDate", "Rewatch", "Tags", "Review"),
)
_WITHOUT_DATE = ExportedViewing(None, "")


def letterboxd_parts(movies: Iterable[ExportedMovie]) -> Iterator[str]:
    """Yield the text of each file. Each has the header, and at most `MAX_PART_BYTES` in UTF-8."""
    lines = csv_lines(chain([HEADER], (row for movie in movies for row in _rows(movie))))
    header = next(lines)
    part, size = [header], len(header)
    for line in lines:
        length = len(line.encode())
        if size + length > MAX_PART_BYTES:
            yield "".join(part)
            part, size = [header], len(header)
        part.append(line)
        size += length
    yield "".join(part)


def _rows(movie: ExportedMovie) -> Iterator[Cells]:
    """Yield a row for each viewing, or one row for a watched movie without viewings.

    A movie that was moved back to the watchlist still has its viewings, so it has rows. One that was never watched has
    none: Letterboxd imports a watchlist separately.
    """
    if movie.is_removed:
        return
    viewings = movie.viewings or ([_WITHOUT_DATE] if movie.is_watched else [])
    for number, viewing in enumerate(viewings):
        yield _row(movie, viewing, is_rewatch=number > 0)


def _row(movie: ExportedMovie, viewing: ExportedViewing, *, is_rewatch: bool) -> Cells:
    facts, watched_on = movie.facts, viewing.watched_on or ""
    return (
        facts.letterboxd_uri,
        facts.tmdb_id,
        facts.imdb_id,
        movie.title,
        movie.year,
        facts.directors,
        movie.rating,
        watched_on if len(watched_on) == DAY_LENGTH else "",
        "true" if is_rewatch else "",
        movie.tags,
        viewing.note,
    )
