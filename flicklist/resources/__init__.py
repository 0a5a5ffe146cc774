"""The tree that the site is: what lies at each address, who may do what there, and the queries that find it.

An access control list guards the *path*; every query is scoped by the owner of the path, which ties the *row* to it.
"""

from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request

from flicklist.resources.account import (
    AccountResource,
    LoginSessionResource,
    LoginSessionsResource,
    TwoFactorResource,
)
from flicklist.resources.base import Resource, row_id
from flicklist.resources.root import PasswordResetResource, Root
from flicklist.resources.watchlist import (
    AlreadyListed,
    ChangeResource,
    ChangesResource,
    IsRemoved,
    MovieResource,
    ViewingResource,
    ViewingsResource,
    WatchlistResource,
    WatchlistsResource,
)

__all__ = [
    "AccountResource",
    "AlreadyListed",
    "ChangeResource",
    "ChangesResource",
    "IsRemoved",
    "LoginSessionResource",
    "LoginSessionsResource",
    "MovieResource",
    "PasswordResetResource",
    "Root",
    "TwoFactorResource",
    "ViewingResource",
    "ViewingsResource",
    "WatchlistResource",
    "WatchlistsResource",
    "row_id",
]


def path_to(request: Request, resource: Resource, *elements: str, query: Any = None) -> str:
    """Return the absolute path of a resource, or of a view or a row below it, below where the site is mounted."""
    return request.resource_url(resource, *elements, query=query, app_url=request.script_name)


def includeme(config: Configurator) -> None:
    config.set_root_factory(Root)
    config.add_request_method(path_to)
