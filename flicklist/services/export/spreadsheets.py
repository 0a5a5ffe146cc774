"""``watchlist.csv`` and ``viewings.csv``: movies and viewings for a spreadsheet. Removed movies are left out."""

from collections.abc import Iterable, Iterator

from flicklist.services.export.csv_lines import Cells, csv_lines
from flicklist.services.export.movies import ExportedMovie

# Excel reads a CSV file without it as text of the local code page. Others ignore it.
BYTE_ORDER_MARK = "\ufeff"
# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
WATCHLIST_HEADER = (
    *("Title", "Year", "Status", "Rating", "Last watched", "Viewings", "Added", "Tags", "Why", "Notes"),
    *("Original title", "Directors", "Genres", "Countries", "Minutes", "IMDb ID", "TMDB ID", "Letterboxd"),
)
VIEWINGS_HEADER = ("Title", "Year", "Directors", "Rating", "Tags", "Watched on", "Note")


def watchlist_lines(movies: Iterable[ExportedMovie]) -> Iterator[str]:
    """Yield a line for each movie that is on the watchlist or watched."""
    return _lines(WATCHLIST_HEADER, (_movie(movie) for movie in movies if not movie.is_removed))


def viewings_lines(movies: Iterable[ExportedMovie]) -> Iterator[str]:
    """Yield a line for each viewing of these movies."""
    rows = (row for movie in movies if not movie.is_removed for row in _viewings(movie))
    return _lines(VIEWINGS_HEADER, rows)


def _movie(movie: ExportedMovie) -> Cells:
    facts = movie.facts
    return (
        movie.title,
        movie.year,
        "Watched" if movie.is_watched else "Watchlist",
        _stars(movie),
        movie.last_watched_on,
        len(movie.viewings),
        movie.added_at.date().isoformat(),
        movie.tags,
        movie.why,
        movie.notes,
        facts.original_title,
        facts.directors,
        facts.genres,
        facts.countries,
        facts.runtime,
        facts.imdb_id,
        facts.tmdb_id,
        facts.letterboxd_uri,
    )


def _viewings(movie: ExportedMovie) -> Iterator[Cells]:
    about_movie = (movie.title, movie.year, movie.facts.directors, _stars(movie), movie.tags)
    for viewing in movie.viewings:
        yield (*about_movie, viewing.watched_on, viewing.note)


def _stars(movie: ExportedMovie) -> str:
    """Return the rating from 0.5 to 5 stars. The cell of an unrated movie is empty."""
    return "" if movie.rating is None else f"{movie.rating / 2:g}"


def _lines(header: Cells, rows: Iterable[Cells]) -> Iterator[str]:
    yield BYTE_ORDER_MARK
    yield from csv_lines([header])
    yield from csv_lines(map(without_formulas, rows))


def without_formulas(row: Cells) -> Cells:
    """Return the cells with an apostrophe before each that would be a formula. A spreadsheet then shows it as text."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in row]
