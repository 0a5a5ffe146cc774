"""Fill gaps in the film facts of a person's movies from the catalog."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from flicklist.film_facts import FilmFacts
from flicklist.models import Movie
from flicklist.models.movie import IS_LISTED, movie_label
from flicklist.services.catalog import open_catalog
from flicklist.services.changes import change_movies
from flicklist.services.film_lookup import NoMatch, find_film
from flicklist.services.watchlist import find_movies


class LookedUp(NamedTuple):
    """A movie, and the facts of the film that it is or the reason why it is none."""

    movie_id: int
    title: str
    year: int | None
    film: FilmFacts | NoMatch
    gaps: tuple[str, ...]
    """The names of the facts that the movie lacks and the film has."""

    @property
    def label(self) -> str:
        return movie_label(self.title, self.year)


def look_up_movies(read_db: Session, owner_id: int, catalog_path: Path) -> list[LookedUp]:
    """Look up every listed movie of a person in the catalog. Raises `sqlite3.Error`."""
    columns = (Movie.id, Movie.title, Movie.year, *(getattr(Movie, name) for name in FilmFacts._fields))
    rows = read_db.execute(select(*columns).where(Movie.owner_id == owner_id, IS_LISTED).order_by(Movie.id)).all()
    with open_catalog(catalog_path) as catalog:
        return [
            LookedUp(movie_id, title, year, film, _gaps(FilmFacts(*facts), film))
            for movie_id, title, year, *facts in rows
            for film in [find_film(catalog, title, year)]
        ]


def fill_gaps(db: Session, owner_id: int, looked_up: Sequence[LookedUp]) -> int:
    """Fill the gaps of the movies as one change. Return the number of movies that changed.

    A movie that was removed or renamed since it was looked up is left alone.
    """
    by_id = {each.movie_id: each for each in looked_up if each.gaps}
    found = find_movies(db, owner_id, list(by_id), for_update=True, with_viewings=False)
    movies = [movie for movie in found if _can_be_filled(movie, by_id[movie.id])]
    if movies:
        change_movies(db, owner_id, movies, lambda movie: _fill(movie, by_id[movie.id].film), "facts filled in")
    return len(movies)


def _can_be_filled(movie: Movie, looked_up: LookedUp) -> bool:
    is_same = not movie.is_removed and (movie.title, movie.year) == (looked_up.title, looked_up.year)
    return is_same and bool(_gaps(movie.facts, looked_up.film))


def _fill(movie: Movie, film: FilmFacts | NoMatch) -> None:
    facts = {name: getattr(film, name) for name in _gaps(movie.facts, film)}
    movie.set_details(movie.details._replace(facts=movie.facts._replace(**facts)))


def _gaps(facts: FilmFacts, film: FilmFacts | NoMatch) -> tuple[str, ...]:
    if isinstance(film, NoMatch):
        return ()
    return tuple(name for name in FilmFacts._fields if getattr(film, name) and not getattr(facts, name))
