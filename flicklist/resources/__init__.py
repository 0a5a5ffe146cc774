"""The traversal tree: the resource of each URL, its parent and its access control list.

An access control list checks whose list the path names. Every query also filters by that owner, so that a path cannot
reach a row of somebody else.
"""

from typing import Any
from urllib.parse import quote, urlencode

from pyramid.config import Configurator
from pyramid.location import lineage
from pyramid.request import Request
from pyramid.traversal import PATH_SEGMENT_SAFE

from flicklist.resources.account import (
    AccountResource,
    LoginSessionResource,
    LoginSessionsResource,
    TwoFactorResource,
)
from flicklist.resources.base import Resource
from flicklist.resources.root import PasswordResetResource, Root, TouchIconResource, WellKnownResource
from flicklist.resources.watchlist import (
    ChangeResource,
    ChangesResource,
    ImportResource,
    ImportsResource,
    MovieResource,
    ViewingResource,
    ViewingsResource,
    WatchlistResource,
    WatchlistsResource,
)

__all__ = [
    "AccountResource",
    "ChangeResource",
    "ChangesResource",
    "ImportResource",
    "ImportsResource",
    "LoginSessionResource",
    "LoginSessionsResource",
    "MovieResource",
    "PasswordResetResource",
    "Root",
    "TouchIconResource",
    "TwoFactorResource",
    "ViewingResource",
    "ViewingsResource",
    "WatchlistResource",
    "WatchlistsResource",
    "WellKnownResource",
]


def path_to(request: Request, resource: Resource, *elements: str, query: Any = None) -> str:
    """Return the path of a resource, or of a view or row below it, including the prefix the site is mounted at.

    It is like `resource_path`, which keeps every segment that it has ever quoted, such as the id of a movie, in memory.
    """
    names = [each.__name__ for each in lineage(resource)][-2::-1]  # without the root
    path = "/".join(quote(name, safe=PATH_SEGMENT_SAFE) for name in (*names, *(elements or ("",))))
    return f"{request.script_name}/{path}{f'?{urlencode(query)}' if query else ''}"


def includeme(config: Configurator) -> None:
    config.set_root_factory(Root)
    config.add_request_method(path_to)
