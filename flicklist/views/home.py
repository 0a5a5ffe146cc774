"""``/``: redirects to the person's watchlist."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.permissions import Permission
from flicklist.resources import Root
from flicklist.views import redirect_home


@view_config(context=Root, request_method="GET", permission=Permission.VIEW)
def home(context: Root, request: Request) -> HTTPSeeOther:
    return redirect_home(request)
