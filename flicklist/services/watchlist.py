"""A person's list: adding, finding, listing and editing movies.

Every query is limited to one owner. Nothing here commits.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Integer, String, bindparam, cast, delete, insert, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, raiseload, selectinload

from flicklist.models import Movie, User
from flicklist.models.meta import UtcDateTime, utc_now
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
MAX_SIMILAR_TITLES = 20  # that are read from each list: another title can have the same sort title
MAX_EXPIRED_DELETED = 50  # by one addition, while other writers wait
_KEPT_SINCE = bindparam("kept_since", callable_=lambda: utc_now() - REMOVED_RETENTION, type_=UtcDateTime())
HAS_EXPIRED = IS_REMOVED & (Movie.removed_at < _KEPT_SINCE)
"""Matches movies that were removed too long ago to be restored."""
_CAN_BE_RESTORED = Movie.removed_at >= _KEPT_SINCE  # like ``~HAS_EXPIRED``, but uses the index of removed movies
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
# The person's movies with these ids, except removed ones that can no longer be restored. The sum keeps SQLite from
# reading all movies of the owner. It prefers that to ten ids or more.
_AMONG = Movie.id.in_(bindparam("movie_ids", expanding=True)), Movie.owner_id + 0 == bindparam("owner_id"), ~HAS_EXPIRED
_MOVIES = select(Movie).where(*_AMONG).order_by(Movie.id)
_MOVIE = select(Movie).where(Movie.id == bindparam("movie_id"), _OWN, ~HAS_EXPIRED)
_MOVIE_FOR_UPDATE = _MOVIE.with_for_update(of=Movie)
# Another movie of the same title and year can have a key with its id; see `change_with_unique_key`.
_KEY_WITH_ID = bindparam("key", type_=String) + " #" + cast(Movie.id, String)
_SAME_TITLE = (
    select(Movie.id)
    .where(_OWN, Movie.key >= bindparam("key"), Movie.key < bindparam("key_after"))
    .where((Movie.key == bindparam("key")) | (IS_LISTED & (Movie.key == _KEY_WITH_ID)))
    .order_by(IS_REMOVED, Movie.id)
    .limit(1)
)
_MOVIE_AT_LIMIT = select(Movie.id).where(_OWN).offset(bindparam("max_before", type_=Integer)).limit(1)
_NEW_COLUMNS = tuple(column for column in Movie.__table__.c if column.name != "id" and column.computed is None)
_NEW_ROW = select(*(bindparam(column.name, type_=column.type) for column in _NEW_COLUMNS))
_INSERT_UNLESS_FULL = (
    insert(Movie).from_select(_NEW_COLUMNS, _NEW_ROW.where(~_MOVIE_AT_LIMIT.exists())).returning(Movie.id)
)
# Two queries, because each of the two lists has its own index of titles.
_SIMILAR = union_all(
    *(
        select(
            select(Movie.id)
            .where(
                _OWN,
                Movie.id != bindparam("movie_id"),
                Movie.sort_title.in_(bindparam("sort_titles", expanding=True)),
                is_on_list,
            )
            .limit(MAX_SIMILAR_TITLES)
            .subquery()
        )
        for is_on_list in (IS_ON_WATCHLIST, IS_WATCHED)
    )
)
_SIMILAR_TITLES = (
    select(Movie.id, Movie.title, Movie.year).where(Movie.id.in_(_SIMILAR)).order_by(Movie.sort_year, Movie.id)
)


class Similar(NamedTuple):
    """Another movie on the list whose title folds to the same text."""

    id: int
    title: str
    year: int | None


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


def find_owner_id(db: Session, slug: str) -> int | None:
    """Return the id of the user whose list has this slug."""
    return db.scalar(_OWNER, {"slug": slug})


def watchlist_page(
    connection: Connection,
    owner_id: int,
    sort: Sort,
    requested: PageRequest,
    *,
    filters: SearchFilters,
    time_zone: ZoneInfo,
) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, why, tags, runtime)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(connection, owner_id, WATCHLIST_ORDERS[sort], requested, filters.criteria(time_zone))


def watched_page(
    connection: Connection,
    owner_id: int,
    sort: Sort,
    requested: PageRequest,
    *,
    filters: SearchFilters,
    time_zone: ZoneInfo,
) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, rating, last_watched_on, tags, runtime)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(connection, owner_id, WATCHED_ORDERS[sort], requested, filters.criteria(time_zone))


def removed_page(connection: Connection, owner_id: int, requested: PageRequest) -> tuple[Page, int]:
    """Return a page of ``(id, title, year, rating, removed_at)``, and the number on all pages.

    The number of movies is capped; see `Keyset.count`.
    """
    return _page(connection, owner_id, _REMOVED_ORDERS[Sort.REMOVED], requested, [_CAN_BE_RESTORED])


def _page(
    connection: Connection, owner_id: int, keyset: Keyset, requested: PageRequest, criteria: list[ColumnElement[bool]]
) -> tuple[Page, int]:
    scope = {"owner_id": owner_id}
    page = keyset.page(connection, scope, requested, criteria)
    if page.is_whole_list:
        return page, len(page.rows)
    return page, keyset.count(connection, scope, criteria) if page.counted is None else page.counted


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
    statement = _MOVIES.with_for_update(of=Movie) if for_update else _MOVIES
    return db.scalars(statement.options(viewings), {"owner_id": owner_id, "movie_ids": movie_ids}).all()


def find_movie(db: Session, owner_id: int, movie_id: int, *, for_update: bool) -> Movie | None:
    """Return the movie with this id; see `find_movies`. Its viewings are loaded when they are read."""
    statement = _MOVIE_FOR_UPDATE if for_update else _MOVIE
    return db.scalar(statement, {"owner_id": owner_id, "movie_id": movie_id})


def own_movie_ids(db: Session, owner_id: int) -> Sequence[int]:
    """Return the ids of all movies of a person, except removed ones that can no longer be restored."""
    return db.scalars(select(Movie.id).where(Movie.owner_id == owner_id, ~HAS_EXPIRED).order_by(Movie.id)).all()


def existing_ids(db: Session, owner_id: int, movie_ids: Sequence[int]) -> set[int]:
    """Return those of the ids that `find_movies` finds."""
    return set(db.scalars(select(Movie.id).where(*_AMONG), {"owner_id": owner_id, "movie_ids": movie_ids}))


def last_changes(db: Session, owner_id: int, change_ids: Sequence[int]) -> set[int | None]:
    """Return those of the changes that are the last one of at least one movie that `find_movies` finds."""
    own = (Movie.owner_id == owner_id, Movie.change_id.in_(change_ids), ~HAS_EXPIRED)
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
    """Add a movie to the watchlist, and return it, outside the session. Raises `LimitReached` and `MovieExists`.

    Raises `IntegrityError` if another transaction adds the movie at the same time. Try again then.
    """
    existing = _find_same_title(db, owner_id, details.title, details.year)
    if existing is not None and not existing.has_expired:
        raise MovieExists(existing)
    if existing is not None:
        db.execute(delete(Movie).where(Movie.id == existing.id, HAS_EXPIRED))
    movie = Movie(
        owner_id=owner_id,
        title=details.title,
        year=details.year,
        why=details.why,
        notes=details.notes,
        tags=details.tags,
        added_at=utc_now(),
        last_watched_on="",
        **details.facts._asdict(),
    )
    _insert(db, movie, max_movies)
    return movie


def _find_same_title(db: Session, owner_id: int, title: str, year: int | None) -> Movie | None:
    """Return the movie of this title and year. One that is listed comes before one that was removed."""
    key = movie_key(title, year)
    parameters = {"owner_id": owner_id, "key": key, "key_after": f"{key} $"}  # "$" follows "#"
    movie_id = db.connection().scalar(_SAME_TITLE, parameters)
    # On PostgreSQL, another transaction may have deleted it in the meantime.
    return None if movie_id is None else db.get(Movie, movie_id)


def _insert(db: Session, movie: Movie, max_movies: int) -> None:
    """Insert a movie, and set its id. If the list is full, delete some expired movies first. Raises `LimitReached`."""
    columns = {column.name: getattr(movie, column.name) for column in _NEW_COLUMNS}
    parameters = {**columns, "max_before": max_movies - 1}
    movie_id = db.connection().scalar(_INSERT_UNLESS_FULL, parameters)
    if movie_id is None:
        delete_some_expired_movies(db, movie.owner_id)
        movie_id = db.connection().scalar(_INSERT_UNLESS_FULL, parameters)
    if movie_id is None:
        limit = f"You can have at most {max_movies:,} movies, and you’ve reached that limit."
        raise LimitReached(f"{limit} A removed movie counts towards it for {REMOVED_RETENTION.days} days.")
    movie.id = movie_id


def delete_some_expired_movies(db: Session, owner_id: int, *, skip_locked: bool = False) -> bool:
    """Delete up to `MAX_EXPIRED_DELETED` movies that can no longer be restored. Return whether there were any.

    With `skip_locked`, leave out movies that another transaction has locked, instead of waiting for it.
    """
    some = select(Movie.id).where(Movie.owner_id == owner_id, HAS_EXPIRED).limit(MAX_EXPIRED_DELETED)
    if skip_locked:
        some = some.with_for_update(skip_locked=True)
    # PostgreSQL evaluates the second condition again for a movie that another request has just restored.
    expired = delete(Movie).where(Movie.id.in_(some), HAS_EXPIRED).returning(Movie.id)
    return bool(db.scalars(expired.execution_options(synchronize_session=False)).all())


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


def similar_titles(db: Session, movie: Movie) -> Sequence[Similar]:
    """Return other movies on the list whose title folds to the same text, of any year.

    There are at most `MAX_SIMILAR_TITLES` from each list, because others may be waiting to write.
    """
    sort_titles = [variant[:MAX_TITLE_LENGTH] for variant in sort_titles_of_variants(movie.title)]
    parameters = {"owner_id": movie.owner_id, "movie_id": movie.id, "sort_titles": sort_titles}
    folded = fold(movie.title)
    found = (Similar(*row) for row in db.connection().execute(_SIMILAR_TITLES, parameters))
    return [each for each in found if fold(each.title) == folded]
