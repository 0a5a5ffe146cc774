"""A person's list: adding, finding, listing and editing movies.

Every query is limited to one owner. Nothing here commits.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, bindparam, delete, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, raiseload, selectinload

from flicklist.models import Movie, User
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    IS_LISTED,
    IS_ON_WATCHLIST,
    IS_REMOVED,
    IS_WATCHED,
    MAX_TITLE_LENGTH,
    REMOVED_RETENTION,
    LimitReached,
    MovieDetails,
    movie_key,
)
from flicklist.services.pagination import Keyset, Page, PageRequest
from flicklist.services.search import SearchFilters, Sort, matches_text
from flicklist.text import fold
from flicklist.titles import sort_title, sort_titles_of_variants

MAX_MATCHES = 4
MAX_EXPIRED_DELETED = 50  # by one addition, while other writers wait
_OWN = Movie.owner_id == bindparam("owner_id")
_OWNER = select(User.id).where(User.watchlist_slug == bindparam("slug"))
_WATCHLIST_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.why, Movie.tags, Movie.runtime).where(
    _OWN, IS_ON_WATCHLIST
)
_WATCHED_ROWS = select(
    Movie.id, Movie.title, Movie.year, Movie.rating, Movie.last_watched_on, Movie.tags, Movie.runtime
).where(_OWN, IS_WATCHED)
_REMOVED_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.rating, Movie.removed_at).where(_OWN, IS_REMOVED)
WATCHLIST_ORDERS = {
    Sort.ADDED: Keyset(_WATCHLIST_ROWS, Movie.added_at, Movie.id, descending=True),
    Sort.EARLIEST_ADDED: Keyset(_WATCHLIST_ROWS, Movie.added_at, Movie.id, descending=False),
    Sort.TITLE: Keyset(_WATCHLIST_ROWS, Movie.sort_title, Movie.id, descending=False),
    Sort.YEAR: Keyset(_WATCHLIST_ROWS, Movie.sort_year, Movie.id, descending=True),
}
WATCHED_ORDERS = {
    Sort.WATCHED: Keyset(_WATCHED_ROWS, Movie.last_watched_on, Movie.watched_at, Movie.id, descending=True),
    Sort.RATING: Keyset(_WATCHED_ROWS, Movie.sort_rating, Movie.id, descending=True),
    Sort.TITLE: Keyset(_WATCHED_ROWS, Movie.sort_title, Movie.id, descending=False),
    Sort.YEAR: Keyset(_WATCHED_ROWS, Movie.sort_year, Movie.id, descending=True),
    Sort.ADDED: Keyset(_WATCHED_ROWS, Movie.added_at, Movie.id, descending=True),
}
_REMOVED_ORDERS = {Sort.REMOVED: Keyset(_REMOVED_ROWS, Movie.removed_at, Movie.id, descending=True)}


class Match(NamedTuple):
    """A movie of one of the lists that matches a title while it is typed."""

    id: int
    title: str
    year: int | None
    is_watched: bool


class MovieExists(Exception):
    """Raised when a new movie is already on the list, or was removed and can still be restored."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class IsRemoved(Exception):
    """Raised when somebody changes a removed movie. It must be restored first."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class NothingSelected(Exception):
    """Raised when none of the selected movies is found, or none was selected."""


def has_expired() -> ColumnElement[bool]:
    """Match movies that were removed too long ago to be restored."""
    return IS_REMOVED & (Movie.removed_at < utc_now() - REMOVED_RETENTION)


def find_owner_id(db: Session, slug: str) -> int | None:
    """Return the id of the user whose list has this slug."""
    return db.scalar(_OWNER, {"slug": slug})


def watchlist_page(
    db: Session, owner_id: int, sort: Sort, requested: PageRequest, *, filters: SearchFilters, time_zone: ZoneInfo
) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, why, tags, runtime)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(db, owner_id, WATCHLIST_ORDERS[sort], requested, filters.criteria(time_zone))


def watched_page(
    db: Session, owner_id: int, sort: Sort, requested: PageRequest, *, filters: SearchFilters, time_zone: ZoneInfo
) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, rating, last_watched_on, tags, runtime)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(db, owner_id, WATCHED_ORDERS[sort], requested, filters.criteria(time_zone))


def removed_page(db: Session, owner_id: int, requested: PageRequest) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, rating, removed_at)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(db, owner_id, _REMOVED_ORDERS[Sort.REMOVED], requested, [~has_expired()])


def _page(
    db: Session, owner_id: int, keyset: Keyset, requested: PageRequest, criteria: list[ColumnElement[bool]]
) -> tuple[Page, int]:
    scope = {"owner_id": owner_id}
    page = keyset.page(db, scope, requested, criteria)
    if page.is_whole_list:
        return page, len(page.rows)
    return page, keyset.count(db, scope, criteria)


def find_matches(db: Session, owner_id: int, text: str) -> list[Match]:
    """Return a few movies of both lists that match a text. Those whose titles begin with it come first."""
    begins = Movie.sort_title.startswith(sort_title(text), autoescape=True)
    found = (
        select(Movie.id, Movie.title, Movie.year, Movie.watched_at.is_not(None))
        .where(Movie.owner_id == owner_id, IS_LISTED, *matches_text(text))
        .order_by(begins.desc(), Movie.added_at.desc(), Movie.id.desc())
        .limit(MAX_MATCHES)
    )
    return [Match(*row) for row in db.execute(found)]


def find_movies(
    db: Session, owner_id: int, movie_ids: Sequence[int], *, for_update: bool, with_viewings: bool
) -> Sequence[Movie]:
    """Return the movies with these ids, including removed ones that can still be restored.

    With `for_update`, lock the rows until the end of the transaction. Without `with_viewings`, reading the viewings of
    a movie is an error: fifty movies can have 50,000.
    """
    viewings = selectinload(Movie.viewings) if with_viewings else raiseload(Movie.viewings)
    return db.scalars(_select_movies(owner_id, movie_ids, for_update=for_update).options(viewings)).all()


def _select_movies(owner_id: int, movie_ids: Sequence[int], *, for_update: bool) -> Select[Movie]:
    statement = select(Movie).where(*_among(owner_id, movie_ids)).order_by(Movie.id)
    return statement.with_for_update(of=Movie) if for_update else statement


def _among(owner_id: int, movie_ids: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Match the person's movies with these ids, except removed ones that can no longer be restored."""
    # The sum keeps SQLite from reading all movies of the owner. It prefers that to ten ids or more.
    return Movie.id.in_(movie_ids), Movie.owner_id + 0 == owner_id, ~has_expired()


def find_movie(db: Session, owner_id: int, movie_id: int, *, for_update: bool) -> Movie | None:
    """Return the movie with this id; see `find_movies`. Its viewings are loaded when they are read."""
    return db.scalar(_select_movies(owner_id, [movie_id], for_update=for_update))


def own_movie_ids(db: Session, owner_id: int) -> Sequence[int]:
    """Return the ids of all movies of a person, except removed ones that can no longer be restored."""
    return db.scalars(select(Movie.id).where(Movie.owner_id == owner_id, ~has_expired()).order_by(Movie.id)).all()


def existing_ids(db: Session, owner_id: int, movie_ids: Sequence[int]) -> set[int]:
    """Return those of the ids that `find_movies` finds."""
    return set(db.scalars(select(Movie.id).where(*_among(owner_id, movie_ids))))


def last_changes(db: Session, owner_id: int, change_ids: Sequence[int]) -> set[int | None]:
    """Return those of the changes that are the last one of at least one movie that `find_movies` finds."""
    own = (Movie.owner_id == owner_id, Movie.change_id.in_(change_ids), ~has_expired())
    return set(db.scalars(select(Movie.change_id).where(*own).distinct()))


def find_selected_movies(
    db: Session, owner_id: int, movie_ids: Sequence[int], *, include_removed: bool = False
) -> Sequence[Movie]:
    """Return the selected movies, locked.

    Raises `NothingSelected` if no movie is found. Raises `IsRemoved` if all are removed and `include_removed` is false.
    """
    movies = find_movies(db, owner_id, movie_ids, for_update=True, with_viewings=False)
    if not movies:
        raise NothingSelected
    included = [movie for movie in movies if include_removed or not movie.is_removed]
    if not included:
        raise IsRemoved(movies[0])
    return included


def add_movie(db: Session, owner_id: int, details: MovieDetails, *, max_movies: int) -> Movie:
    """Add a movie to the watchlist, and delete some removed movies that can no longer be restored.

    Raises `LimitReached`, and `MovieExists`, also if another transaction adds the movie first.
    """
    _delete_some_expired_movies(db, owner_id, movie_key(details.title, details.year))
    if _is_full(db, owner_id, max_movies):
        limit = f"You can have at most {max_movies:,} movies, and you’ve reached that limit."
        raise LimitReached(f"{limit} A removed movie counts towards it for {REMOVED_RETENTION.days} days.")
    # A key with an id does not violate the constraint on a new key. Any other duplicate does, below.
    if (existing := _find_with_id_in_key(db, owner_id, details.title, details.year)) is not None:
        raise MovieExists(existing)
    movie = Movie(title=details.title, year=details.year, owner_id=owner_id)
    movie.set_details(details)
    try:
        with db.begin_nested():
            db.add(movie)
    except IntegrityError:
        same_key = Movie.key == movie_key(details.title, details.year)
        existing = db.scalar(select(Movie).where(Movie.owner_id == owner_id, same_key))
        if existing is None:
            raise
        raise MovieExists(existing) from None
    return movie


def delete_expired_movies(db: Session, owner_id: int) -> None:
    """Delete removed movies that can no longer be restored."""
    db.execute(delete(Movie).where(Movie.owner_id == owner_id, has_expired()))


def _delete_some_expired_movies(db: Session, owner_id: int, key: str) -> None:
    """Delete the movie with this key and a few others, if they can no longer be restored.

    The clean-up deletes the rest.
    """
    expired = (Movie.owner_id == owner_id, has_expired())
    some = select(Movie.id).where(*expired).limit(MAX_EXPIRED_DELETED)
    deleted = delete(Movie).where(*expired, (Movie.key == key) | Movie.id.in_(some))
    db.execute(deleted.execution_options(synchronize_session=False))


def _is_full(db: Session, owner_id: int, max_movies: int) -> bool:
    last = select(Movie.id).where(Movie.owner_id == owner_id).offset(max_movies - 1)
    return db.scalar(last.limit(1)) is not None


def _find_with_id_in_key(db: Session, owner_id: int, title: str, year: int | None) -> Movie | None:
    """Return the listed movie of this title and year whose key has its id, which makes the key unique.

    `change_with_unique_key` gave it that key when another movie had the same title and year.
    """
    key = movie_key(title, year)
    keys = (Movie.key >= f"{key} #") & (Movie.key < f"{key} $")  # "$" is the character after "#"
    found = db.scalars(select(Movie).where(Movie.owner_id == owner_id, IS_LISTED, keys))
    # A title itself can look like such a key: "Heat (1995) #2".
    return next((movie for movie in found if movie_key(movie.title, movie.year) == key), None)


def edit_movie(db: Session, movie: Movie, details: MovieDetails) -> None:
    """Edit the details of a movie. Another movie on the list may have the same title and year."""
    change_with_unique_key(db, movie, partial(movie.set_details, details))


def change_with_unique_key(db: Session, movie: Movie, change: Callable[[], None]) -> None:
    """Change a movie. If another one on the list has its new title and year, add the movie's id to its key."""
    try:
        with db.begin_nested():
            change()
    except IntegrityError:
        with db.no_autoflush:
            change()
            movie.add_id_to_key()


def movies_with_similar_title(db: Session, movie: Movie) -> Sequence[Movie]:
    """Return the other movies on the list whose title folds to the same text, of any year."""
    sort_titles = [variant[:MAX_TITLE_LENGTH] for variant in sort_titles_of_variants(movie.title)]
    own = (Movie.owner_id == movie.owner_id, Movie.id != movie.id, Movie.sort_title.in_(sort_titles))
    # Two queries, because each of the two lists has its own index of titles.
    candidates = union_all(*(select(Movie.id).where(*own, is_on_list) for is_on_list in (IS_ON_WATCHLIST, IS_WATCHED)))
    found = db.scalars(select(Movie).where(Movie.id.in_(candidates)).order_by(Movie.sort_year, Movie.id))
    folded = fold(movie.title)
    return [other for other in found if fold(other.title) == folded]
