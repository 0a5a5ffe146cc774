"""``/watchlists/``: the lists, the movies on them, their viewings, their changes and imports."""

import re

from pyramid.authorization import DENY_ALL, Allow

from flicklist.models import Change, Import, Movie, Viewing
from flicklist.permissions import Permission
from flicklist.resources.base import AccessControlList, Resource, row_id
from flicklist.security.policy import principal_of
from flicklist.services import changes, watchlist
from flicklist.services.imports import storage


class WatchlistsResource(Resource):
    """``/watchlists/``: the parent of all lists. It has no page."""

    def __getitem__(self, slug: str) -> "WatchlistResource":
        if not re.fullmatch(r"[\w-]{22}", slug, re.ASCII):
            raise KeyError(slug)
        identity = self.request.identity
        if identity is not None and identity.watchlist_slug == slug:  # the usual case, without a statement
            return WatchlistResource(self, slug, identity.user_id)
        owner_id = watchlist.find_owner_id(self.request.read_db, slug)
        if owner_id is None:
            raise KeyError(slug)
        return WatchlistResource(self, slug, owner_id)


class WatchlistResource(Resource):
    """``/watchlists/pX3v…/``: one person's list. Only its owner has permissions on it and on what is below."""

    def __init__(self, parent: WatchlistsResource, slug: str, owner_id: int) -> None:
        super().__init__(parent, slug)
        self.owner_id = owner_id

    def __acl__(self) -> AccessControlList:
        return [(Allow, principal_of(self.owner_id), (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "MovieResource | ChangesResource | ImportsResource":
        if name == "changes":
            return ChangesResource(self, name)
        if name == "imports":
            return ImportsResource(self, name)
        for_update = self.request.may_write
        movie = watchlist.find_movie(self.db, self.owner_id, row_id(name), for_update=for_update)
        if movie is None:
            raise KeyError(name)
        return MovieResource(self, name, movie)


class MovieResource(Resource):
    """``/watchlists/pX3v…/42/``: one movie on a list."""

    def __init__(self, parent: WatchlistResource, name: str, movie: Movie) -> None:
        super().__init__(parent, name)
        self.watchlist = parent
        self.movie = movie

    def __getitem__(self, name: str) -> "ViewingsResource":
        return {"viewings": ViewingsResource}[name](self, name)


class ViewingsResource(Resource):
    """``/watchlists/pX3v…/42/viewings/``: the viewings of a movie."""

    def __init__(self, parent: MovieResource, name: str) -> None:
        super().__init__(parent, name)
        self.movie_resource = parent

    def __getitem__(self, name: str) -> "ViewingResource":
        viewings = {viewing.id: viewing for viewing in self.movie_resource.movie.viewings}
        return ViewingResource(self, name, viewings[row_id(name)])


class ViewingResource(Resource):
    """``/watchlists/pX3v…/42/viewings/3/``: one viewing."""

    def __init__(self, parent: ViewingsResource, name: str, viewing: Viewing) -> None:
        super().__init__(parent, name)
        self.movie_resource = parent.movie_resource
        self.viewing = viewing


class ChangesResource(Resource):
    """``/watchlists/pX3v…/changes/``: the undo history of a list."""

    def __init__(self, parent: WatchlistResource, name: str) -> None:
        super().__init__(parent, name)
        self.watchlist = parent

    def __getitem__(self, name: str) -> "ChangeResource":
        change = changes.find_change(self.db, self.watchlist.owner_id, row_id(name))
        if change is None:
            raise KeyError(name)
        return ChangeResource(self, name, change)


class ChangeResource(Resource):
    """``/watchlists/pX3v…/changes/5/``: one change of one or more movies."""

    def __init__(self, parent: ChangesResource, name: str, change: Change) -> None:
        super().__init__(parent, name)
        self.watchlist = parent.watchlist
        self.change = change


class ImportsResource(Resource):
    """``/watchlists/pX3v…/imports/``: the files that were imported into a list."""

    def __init__(self, parent: WatchlistResource, name: str) -> None:
        super().__init__(parent, name)
        self.watchlist = parent

    def __getitem__(self, name: str) -> "ImportResource":
        for_update = self.request.may_write
        movie_import = storage.find_import(self.db, self.watchlist.owner_id, row_id(name), for_update=for_update)
        if movie_import is None:
            raise KeyError(name)
        return ImportResource(self, name, movie_import)


class ImportResource(Resource):
    """``/watchlists/pX3v…/imports/2/``: one imported file, or one that waits for confirmation."""

    def __init__(self, parent: ImportsResource, name: str, movie_import: Import) -> None:
        super().__init__(parent, name)
        self.watchlist = parent.watchlist
        self.movie_import = movie_import
