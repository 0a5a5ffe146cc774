"""``/watchlists/pX3v…/tags``: a person's tags, completed while one is typed."""

from pyramid.request import Request
from pyramid.view import view_config

from flicklist.permissions import Permission
from flicklist.resources import WatchlistResource
from flicklist.security.rate_limits import COMPLETIONS
from flicklist.services.tags import complete_tag


@view_config(
    context=WatchlistResource,
    name="tags",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="json",
    load_limit=COMPLETIONS,
)
def completions(context: WatchlistResource, request: Request) -> list[str]:
    return complete_tag(request.db, context.owner_id, request.GET.get("q", ""))
