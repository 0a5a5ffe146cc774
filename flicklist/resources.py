"""The tree that the site is: what lies at each address, who may do what there, and the queries that find it.

An access control list guards the *path*; every query is scoped by the owner of the path, which ties the *row* to it.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyramid.asset import abspath_from_asset_spec
from pyramid.authorization import DENY_ALL, Allow, Authenticated
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import Response
from pyramid.static import QueryStringConstantCacheBuster
from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flicklist.models import Movie, User
from flicklist.models.movie import movie_key
from flicklist.paging import Keyset, Page, capped_count
from flicklist.security import Permission, principal_of

STATIC = "flicklist:static"
YEAR_SECONDS = 31_536_000

AccessControlList = list[tuple[str, str, Any]]

_TO_WATCH = (Movie.owner_id == bindparam("owner_id"), Movie.watched_at.is_(None))
_WATCHED = (Movie.owner_id == bindparam("owner_id"), Movie.watched_at.is_not(None))


class EmailTaken(Exception):
    """An account with that email exists."""


class AlreadyListed(Exception):
    """The movie is on the list already."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class Resource:
    """A place in the tree. It knows the request, its parent and its row; what a script would do too is the row's."""

    def __init__(self, parent: "Root | Resource", name: str) -> None:
        self.__parent__ = parent
        self.__name__ = name
        self.request: Request = parent.request

    @property
    def dbsession(self) -> Session:
        return self.request.dbsession


class Root:
    """``/``: the way in."""

    __parent__ = None
    __name__ = ""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, Permission.VIEW), DENY_ALL]

    def __getitem__(self, name: str) -> Resource:
        return {"watchlists": Watchlists}[name](self, name)

    def own_watchlist(self) -> "Watchlist":
        """Return the list of the person who is signed in."""
        return Watchlists(self, "watchlists")[self.request.identity.watchlist_slug]

    def credentials(self, email_key: str | None) -> tuple[int, str] | None:
        """Return the user's id and password hash."""
        row = self.request.dbreader.execute(_CREDENTIALS, {"email_key": email_key}).one_or_none()
        # Gives the connection back: what follows is a password hash, which takes its time.
        self.request.dbreader.rollback()
        return row and (row.id, row.password_hash)

    def register(self, user: User) -> None:
        """Store a new person. Raises `EmailTaken`, also when somebody else is just faster."""
        try:
            with self.request.dbsession.begin_nested():
                self.request.dbsession.add(user)
        except IntegrityError as error:
            if self.request.dbsession.scalar(_CREDENTIALS, {"email_key": user.email_key}) is None:
                raise
            raise EmailTaken from error

    def set_password_hash(self, user_id: int, password_hash: str) -> None:
        self.request.dbsession.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))


class Watchlists(Resource):
    """``/watchlists/``: nothing is to be seen here but the lists below."""

    def __getitem__(self, slug: str) -> "Watchlist":
        if not re.fullmatch(r"[\w-]{22}", slug, re.ASCII):
            raise KeyError(slug)
        identity = self.request.identity
        if identity is not None and identity.watchlist_slug == slug:  # nearly always; saves the page a statement
            return Watchlist(self, slug, identity.user_id)
        owner_id = self.request.dbreader.scalar(_OWNER, {"slug": slug})
        if owner_id is None:
            raise KeyError(slug)
        return Watchlist(self, slug, owner_id)


class Watchlist(Resource):
    """``/watchlists/pX3v…/``: one person's movies, and nobody else's business."""

    def __init__(self, parent: Watchlists, slug: str, owner_id: int) -> None:
        super().__init__(parent, slug)
        self.owner_id = owner_id

    def __acl__(self) -> AccessControlList:
        return [(Allow, principal_of(self.owner_id), (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "Entry":
        statement = select(Movie).where(Movie.owner_id == self.owner_id, Movie.id == row_id(name))
        if self.request.writes:  # so that what the row is now is what it is when it is changed
            statement = statement.with_for_update()
        movie = self.dbsession.scalar(statement)
        if movie is None:
            raise KeyError(name)
        return Entry(self, name, movie)

    def to_watch(self, before: str | None = None, after: str | None = None) -> Page:
        """Read a page of ``(added, id, title, year)``, newest first."""
        return _TO_WATCH_PAGES.page(self.dbsession, {"owner_id": self.owner_id}, before, after)

    def watched(self, before: str | None = None, after: str | None = None) -> Page:
        """Read a page of ``(watched, id, title, year, rating)``, last watched first."""
        return _WATCHED_PAGES.page(self.dbsession, {"owner_id": self.owner_id}, before, after)

    def count_to_watch(self) -> int:
        return self._count(_TO_WATCH_COUNT)

    def count_watched(self) -> int:
        return self._count(_WATCHED_COUNT)

    def add(self, title: str, year: int | None) -> Movie:
        """Write down a movie to watch. Raises `AlreadyListed`, also when another click is just faster."""
        movie = Movie(title=title, year=year, owner_id=self.owner_id)
        try:
            with self.dbsession.begin_nested():
                self.dbsession.add(movie)
        except IntegrityError:
            same = (Movie.owner_id == self.owner_id, Movie.key == movie_key(title, year))
            listed = self.dbsession.scalar(select(Movie).where(*same))
            if listed is None:
                raise
            raise AlreadyListed(listed) from None
        return movie

    def _count(self, statement: Select[int]) -> int:
        return self.dbsession.scalar(statement, {"owner_id": self.owner_id}) or 0


class Entry(Resource):
    """``/watchlists/pX3v…/42/``: one movie on a list. Its list says who may do what."""

    def __init__(self, parent: Watchlist, name: str, movie: Movie) -> None:
        super().__init__(parent, name)
        self.movie = movie


def row_id(name: str) -> int:
    """Read a segment of a path as the id of a row. Raises `KeyError` for all but its one canonical spelling."""
    if not re.fullmatch(r"[1-9][0-9]{0,17}", name, re.ASCII):
        raise KeyError(name)
    return int(name)


def exact_path(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that is not found where something is left of the path behind the view's name.

    Without this, ``/login/and/anything`` is the log-in page too.
    """
    if info.exception_only:
        return view

    def exact(context: Any, request: Request) -> Response:
        if request.subpath and request.matched_route is None:
            raise HTTPNotFound
        return view(context, request)

    return exact


def path_to(request: Request, resource: "Root | Resource", *elements: str, query: dict[str, str] | None = None) -> str:
    """Return the absolute path of a resource, or of a view or a row below it, below where the site is mounted."""
    return request.resource_url(resource, *elements, query=query, app_url=request.script_name)


def includeme(config: Configurator) -> None:
    config.set_root_factory(Root)
    config.add_request_method(path_to)
    config.add_view_deriver(exact_path)
    config.add_static_view("static", STATIC, cache_max_age=YEAR_SECONDS)
    config.add_cache_buster(STATIC, QueryStringConstantCacheBuster(_fingerprint(STATIC)))


def _fingerprint(spec: str) -> str:
    """Return what changes when any file below changes, so that browsers can keep what did not."""
    folder = Path(abspath_from_asset_spec(spec))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_CREDENTIALS = select(User.id, User.password_hash).where(User.email_key == bindparam("email_key"))
_OWNER = select(User.id).where(User.watchlist_slug == bindparam("slug"))
_TO_WATCH_PAGES = Keyset(select(Movie.added_at, Movie.id, Movie.title, Movie.year).where(*_TO_WATCH))
_WATCHED_PAGES = Keyset(
    select(Movie.watched_at, Movie.id, Movie.title, Movie.year, Movie.rating).where(*_WATCHED),
)
_TO_WATCH_COUNT = capped_count(select(Movie.id).where(*_TO_WATCH))
_WATCHED_COUNT = capped_count(select(Movie.id).where(*_WATCHED))
