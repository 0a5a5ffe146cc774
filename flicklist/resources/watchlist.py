"""``/watchlists/``: the lists, the movies on them, their viewings, and what was done to them."""

import re
from collections.abc import Callable, Sequence
from functools import partial

from pyramid.authorization import DENY_ALL, Allow
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from flicklist import models
from flicklist.models import Movie, User
from flicklist.models.change import KEPT, MAX_CHANGES, MAX_CHANGES_SIZE, is_as, size_of, snapshot
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    IS_LISTED,
    IS_ON_WATCHLIST,
    IS_REMOVED,
    IS_WATCHED,
    REMOVED_KEPT,
    LimitReached,
    movie_key,
    title_key,
)
from flicklist.permissions import Permission
from flicklist.resources.base import AccessControlList, Resource, one_or_key_error, row_id
from flicklist.security.policy import principal_of
from flicklist.services.pagination import Keyset, Page, PageCursor
from flicklist.services.search import SearchFilters, Sort

_OWN = Movie.owner_id == bindparam("owner_id")
_OWNER = select(User.id).where(User.watchlist_slug == bindparam("slug"))
_WATCHLIST_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.why).where(_OWN, IS_ON_WATCHLIST)
_WATCHED_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.rating, Movie.last_watched_on).where(_OWN, IS_WATCHED)
_REMOVED_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.removed_at).where(_OWN, IS_REMOVED)
WATCHLIST_ORDERS = {
    Sort.ADDED: Keyset(_WATCHLIST_ROWS, Movie.added_at, Movie.id, descending=True),
    Sort.OLDEST: Keyset(_WATCHLIST_ROWS, Movie.added_at, Movie.id, descending=False),
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


class AlreadyListed(Exception):
    """The movie is on the list already, or was removed from it not long ago."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class IsRemoved(Exception):
    """The movie was removed from its list; it has to be restored first."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class WatchlistsResource(Resource):
    """``/watchlists/``: nothing is to be seen here but the lists below."""

    def __getitem__(self, slug: str) -> "WatchlistResource":
        if not re.fullmatch(r"[\w-]{22}", slug, re.ASCII):
            raise KeyError(slug)
        identity = self.request.identity
        if identity is not None and identity.watchlist_slug == slug:  # nearly always; saves the page a statement
            return WatchlistResource(self, slug, identity.user_id)
        owner_id = self.request.read_db.scalar(_OWNER, {"slug": slug})
        if owner_id is None:
            raise KeyError(slug)
        return WatchlistResource(self, slug, owner_id)


class WatchlistResource(Resource):
    """``/watchlists/pX3v…/``: one person's movies, and nobody else's business."""

    def __init__(self, parent: WatchlistsResource, slug: str, owner_id: int) -> None:
        super().__init__(parent, slug)
        self.owner_id = owner_id

    def __acl__(self) -> AccessControlList:
        return [(Allow, principal_of(self.owner_id), (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "MovieResource | ChangesResource":
        if name == "changes":
            return ChangesResource(self, name)
        return MovieResource(self, name, one_or_key_error(self.movies([row_id(name)]), name))

    def movies(self, ids: Sequence[int]) -> Sequence[Movie]:
        """Return movies of this list by id, also removed ones that can still be restored."""
        statement = (
            select(Movie)
            .where(Movie.owner_id == self.owner_id, Movie.id.in_(ids), ~_is_gone())
            .order_by(Movie.id)
            .options(selectinload(Movie.viewings))
        )
        if self.request.has_transaction:  # so that what a row is now is what it is when it is changed
            statement = statement.with_for_update(of=Movie)
        return self.db.scalars(statement).all()

    def to_watch(self, sort: Sort, cursor: PageCursor, filters: SearchFilters) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, why)``, and count the list."""
        return self._page(WATCHLIST_ORDERS, sort, cursor, filters.criteria(self.request.settings.time_zone))

    def watched(self, sort: Sort, cursor: PageCursor, filters: SearchFilters) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, rating, last_watched_on)``, and count the list."""
        return self._page(WATCHED_ORDERS, sort, cursor, filters.criteria(self.request.settings.time_zone))

    def removed(self, cursor: PageCursor) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, removed_at)``, and count the list."""
        return self._page(_REMOVED_ORDERS, Sort.REMOVED, cursor, [~_is_gone()])

    def _page(
        self, orders: dict[Sort, Keyset], sort: Sort, cursor: PageCursor, criteria: list[ColumnElement[bool]]
    ) -> tuple[Page, int]:
        keyset, scope = orders[sort], {"owner_id": self.owner_id}
        page = keyset.page(self.db, scope, cursor, criteria)
        if page.is_whole_list:
            return page, len(page.rows)
        return page, keyset.count(self.db, scope, criteria)

    def add(self, title: str, year: int | None) -> Movie:
        """Add a movie to the watchlist. Raises `AlreadyListed`, also if it loses a race, and `LimitReached`."""
        self.db.execute(delete(Movie).where(Movie.owner_id == self.owner_id, _is_gone()))
        if self._is_full():
            raise LimitReached(f"You have {self.request.settings.max_movies:,} movies, and there is no room for more.")
        if (twin := self._find_with_id_in_key(title, year)) is not None:
            raise AlreadyListed(twin)
        movie = Movie(title=title, year=year, owner_id=self.owner_id)
        try:
            with self.db.begin_nested():
                self.db.add(movie)
        except IntegrityError:
            same = (Movie.owner_id == self.owner_id, Movie.key == movie_key(title, year))
            listed = self.db.scalar(select(Movie).where(*same))
            if listed is None:
                raise
            raise AlreadyListed(listed) from None
        return movie

    def _find_with_id_in_key(self, title: str, year: int | None) -> Movie | None:
        """Return the listed movie of this title and year whose key has its id; see `rename_with_own_key`."""
        key = movie_key(title, year)
        apart = (Movie.key >= f"{key} #") & (Movie.key < f"{key} $")
        found = self.db.scalars(select(Movie).where(Movie.owner_id == self.owner_id, IS_LISTED, apart))
        # Not one whose very title ends like that: "Heat (1995) #2".
        return next((movie for movie in found if movie_key(movie.title, movie.year) == key), None)

    def _is_full(self) -> bool:
        last = select(Movie.id).where(Movie.owner_id == self.owner_id).offset(self.request.settings.max_movies - 1)
        return self.db.scalar(last.limit(1)) is not None

    def rename_with_own_key(self, movie: Movie, rename: Callable[[], None]) -> None:
        """Give a movie another title or year, also one that another movie of the list has."""
        try:
            with self.db.begin_nested():
                rename()
        except IntegrityError:
            with self.db.no_autoflush:
                rename()
                movie.add_id_to_key()

    def movies_with_same_title(self, movie: Movie) -> Sequence[Movie]:
        """Find the other movies of the same title, of whatever year."""
        title = title_key(movie.title)
        # A key is the title and " (year)"; the parenthesis that closes follows the one that opens.
        keys = (Movie.key >= f"{title} (") & (Movie.key < f"{title} )")
        others = (Movie.owner_id == self.owner_id, Movie.id != movie.id, IS_LISTED)
        found = self.db.scalars(select(Movie).where(*others, keys).order_by(Movie.sort_year, Movie.id))
        return [other for other in found if title_key(other.title) == title]  # not "Heat (Director's cut)"

    def change(self, movies: Sequence[Movie], verb: Callable[[Movie], None], outcome: str) -> "ChangeResource | None":
        """Do something to movies, and note how those were that it changed, so that it can be undone.

        Return that. Where nothing changes, return what did just this before, if it can still be undone: it is then
        the second click of two.
        """
        snapshots = [(movie, snapshot(movie)) for movie in movies]
        for movie in movies:
            verb(movie)
        changed = [(movie, before) for movie, before in snapshots if not is_as(movie, before)]
        if not changed:
            return self._same_change(movies, outcome)
        with self.db.no_autoflush:
            self._forget_old_changes()
            before = [before for _, before in changed]
            noted = {"owner_id": self.owner_id, "outcome": outcome, "before": before, "size": size_of(before)}
            change = self.db.scalars(insert(models.Change).values(noted).returning(models.Change)).one()
        for movie, _ in changed:
            movie.change_id = change.id
        return ChangeResource(ChangesResource(self, "changes"), str(change.id), change)

    def _same_change(self, movies: Sequence[Movie], outcome: str) -> "ChangeResource | None":
        ids = {movie.change_id for movie in movies}
        same = (
            models.Change.owner_id == self.owner_id,
            models.Change.outcome == outcome,
            models.Change.id.in_(ids),
        )
        change = self.db.scalars(select(models.Change).where(*same)).first() if len(ids) == 1 else None
        if change is None or change.movie_ids != [movie.id for movie in movies]:
            return None
        return ChangeResource(ChangesResource(self, "changes"), str(change.id), change)

    def _forget_old_changes(self) -> None:
        changes = models.Change
        newest_first = changes.created_at.desc(), changes.id.desc()
        number, size = func.row_number().over(order_by=newest_first), func.sum(changes.size).over(order_by=newest_first)
        of_each = select(changes.id, changes.created_at, number.label("number"), size.label("size_up_to_it"))
        each = of_each.where(changes.owner_id == self.owner_id).subquery()
        is_too_old = each.c.created_at < utc_now() - KEPT
        is_too_much = (each.c.number >= MAX_CHANGES) | (each.c.size_up_to_it > MAX_CHANGES_SIZE)
        outdated = select(each.c.id).where(is_too_old | is_too_much)
        forget = delete(changes).where(changes.owner_id == self.owner_id, changes.id.in_(outdated))
        self.db.execute(forget.execution_options(synchronize_session=False))


class MovieResource(Resource):
    """``/watchlists/pX3v…/42/``: one movie on a list. Its list says who may do what."""

    def __init__(self, parent: WatchlistResource, name: str, movie: Movie) -> None:
        super().__init__(parent, name)
        self.watchlist = parent
        self.movie = movie

    def __getitem__(self, name: str) -> "ViewingsResource":
        return {"viewings": ViewingsResource}[name](self, name)

    def change(self, verb: Callable[[Movie], None], outcome: str) -> "ChangeResource | None":
        """Do something to the movie; see `WatchlistResource.change`. Raises `IsRemoved`."""
        if self.movie.is_removed:
            raise IsRemoved(self.movie)
        return self.watchlist.change([self.movie], verb, outcome)

    def edit(self, title: str, year: int | None, why: str, notes: str) -> "ChangeResource | None":
        """Write other words about the movie. Raises `IsRemoved`."""

        def write(movie: Movie) -> None:
            self.watchlist.rename_with_own_key(movie, partial(movie.name, title, year))
            movie.describe(why, notes)

        return self.change(write, "saved")


class ViewingsResource(Resource):
    """``/watchlists/pX3v…/42/viewings/``: the times one movie was seen."""

    def __init__(self, parent: MovieResource, name: str) -> None:
        super().__init__(parent, name)
        self.movie_resource = parent

    def __getitem__(self, name: str) -> "ViewingResource":
        viewing_id = row_id(name)
        return ViewingResource(
            self, name, one_or_key_error([v for v in self.movie_resource.movie.viewings if v.id == viewing_id], name)
        )


class ViewingResource(Resource):
    """``/watchlists/pX3v…/42/viewings/3/``: one time it was seen."""

    def __init__(self, parent: ViewingsResource, name: str, viewing: models.Viewing) -> None:
        super().__init__(parent, name)
        self.movie_resource = parent.movie_resource
        self.viewing = viewing


class ChangesResource(Resource):
    """``/watchlists/pX3v…/changes/``: what was done to the list, for as long as it can be undone."""

    def __init__(self, parent: WatchlistResource, name: str) -> None:
        super().__init__(parent, name)
        self.watchlist = parent

    def __getitem__(self, name: str) -> "ChangeResource":
        own = (models.Change.owner_id == self.watchlist.owner_id, models.Change.id == row_id(name))
        return ChangeResource(
            self, name, one_or_key_error(self.db.scalars(select(models.Change).where(*own)).all(), name)
        )


class ChangeResource(Resource):
    """``/watchlists/pX3v…/changes/5/``: something that was done to one or more movies."""

    def __init__(self, parent: ChangesResource, name: str, change: models.Change) -> None:
        super().__init__(parent, name)
        self.watchlist = parent.watchlist
        self.change = change

    def undo(self) -> tuple[list[Movie], "ChangeResource | None"]:
        """Make the movies what they were, but for those that were changed again since.

        Return them, and the change that this was, which can be undone in its turn.
        """
        movies = [movie for movie in self.watchlist.movies(self.change.movie_ids) if movie.change_id == self.change.id]
        if not movies:
            return [], None
        try:
            with self.db.begin_nested():
                return movies, self.watchlist.change(movies, self.change.restore, self.change.outcome_of_undoing)
        except IntegrityError:  # another movie has taken a title meanwhile
            return movies, self.watchlist.change(movies, self._restore_with_own_key, self.change.outcome_of_undoing)

    def _restore_with_own_key(self, movie: Movie) -> None:
        self.watchlist.rename_with_own_key(movie, partial(self.change.restore, movie))


def _is_gone() -> ColumnElement[bool]:
    """Say whether a movie was removed so long ago that it cannot be restored any more."""
    return IS_REMOVED & (Movie.removed_at < utc_now() - REMOVED_KEPT)
