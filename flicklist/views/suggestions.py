"""``/suggestions`` and ``/watchlists/pX3v…/matches``: what is offered while a title is typed."""

from typing import Any

from pyramid.request import Request
from pyramid.view import view_config

from flicklist.forms.search import SearchForm
from flicklist.permissions import Permission
from flicklist.resources import Root, WatchlistResource
from flicklist.security.rate_limits import COMPLETIONS
from flicklist.services.suggestions import suggest
from flicklist.services.watchlist import find_matches
from flicklist.views import today


@view_config(
    context=Root,
    name="suggestions",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="json",
    load_limit=COMPLETIONS,
)
def suggestions(context: Root, request: Request) -> list[dict[str, Any]]:
    """Return films of the catalog."""
    found = suggest(request.settings.catalog_path, request.GET.get("q", ""))
    return [suggestion._asdict() for suggestion in found]


@view_config(
    context=WatchlistResource,
    name="matches",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="json",
    load_limit=COMPLETIONS,
)
def matches(context: WatchlistResource, request: Request) -> list[dict[str, Any]]:
    """Return movies of the person, on the watchlist or watched."""
    form = SearchForm(request.GET, today=today(request))
    text = form.query.get("q") if form.validate() else None
    return [match._asdict() for match in find_matches(request.db, context.owner_id, text)] if text else []
