"""The form to add a movie, shown again if its CSRF token is outdated."""

from typing import Any

from pyramid.request import Request
from pyramid.view import exception_view_config

from flicklist.forms.fields import OutdatedForm
from flicklist.forms.movies import AddForm
from flicklist.views import show_again
from flicklist.views.watchlist import WATCHLIST_PAGE, _watchlist_page


@exception_view_config(OutdatedForm, path_info="^/watchlists/[^/]+/add/?$", renderer=WATCHLIST_PAGE)
def add_again(exc: OutdatedForm, request: Request) -> dict[str, Any]:
    page = _watchlist_page(request.context, request, AddForm(request.POST))
    return show_again(exc, request, page | {"context": request.context})
