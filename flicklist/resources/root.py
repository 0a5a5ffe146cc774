"""``/``: the root of the tree."""

import re

from pyramid.authorization import DENY_ALL, Allow, Authenticated
from pyramid.request import Request

from flicklist.permissions import Permission
from flicklist.resources.account import AccountResource
from flicklist.resources.base import AccessControlList, Resource
from flicklist.resources.watchlist import WatchlistResource, WatchlistsResource

# Apple's devices also ask for apple-touch-icon-120x120.png and apple-touch-icon-precomposed.png.
TOUCH_ICON = re.compile(r"apple-touch-icon(-[a-z0-9]+)*\.png", re.ASCII)


class Root(Resource):
    """``/``: home, and the pages to register and log in."""

    __parent__ = None
    __name__ = ""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, Permission.VIEW), DENY_ALL]

    def __getitem__(self, name: str) -> Resource:
        branches = {
            "account": AccountResource,
            "password-reset": PasswordResetResource,
            ".well-known": WellKnownResource,
            "watchlists": WatchlistsResource,
        }
        if TOUCH_ICON.fullmatch(name):
            return TouchIconResource(self, name)
        return branches[name](self, name)

    def own_watchlist(self) -> WatchlistResource:
        """Return the list of the person who is logged in."""
        return WatchlistsResource(self, "watchlists")[self.request.identity.watchlist_slug]


class PasswordResetResource(Resource):
    """``/password-reset/``: a new password for a person who forgot theirs."""


class WellKnownResource(Resource):
    """``/.well-known/``: addresses with a standard meaning (RFC 8615)."""


class TouchIconResource(Resource):
    """``/apple-touch-icon.png``, and its names for other sizes."""
