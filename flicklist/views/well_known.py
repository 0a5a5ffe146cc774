"""Addresses that browsers, password managers and crawlers request on their own.

They are answered before the login wall, without session, cookie and flash message.
"""

from pyramid.asset import abspath_from_asset_spec
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flicklist.resources import Root, TouchIconResource, WellKnownResource
from flicklist.views import redirect

DAY_SECONDS = 86_400
# The order is for crawlers that use the first line that matches, instead of the longest.
ROBOTS = """\
User-agent: *
Disallow: /login-code
Allow: /login
Allow: /register
Allow: /privacy
Allow: /contact
Disallow: /
"""


@view_config(
    context=Root,
    name="favicon.ico",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    http_cache=DAY_SECONDS,
)
def favicon(context: Root, request: Request) -> Response:
    return _static_file(request, "favicon.ico", "image/x-icon")


@view_config(context=TouchIconResource, request_method="GET", permission=NO_PERMISSION_REQUIRED, http_cache=DAY_SECONDS)
def touch_icon(context: TouchIconResource, request: Request) -> Response:
    """Return one icon for every size. Apple's devices scale it."""
    return _static_file(request, "apple-touch-icon.png", "image/png")


@view_config(
    context=Root,
    name="robots.txt",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="string",
    http_cache=DAY_SECONDS,
)
def robots(context: Root, request: Request) -> str:
    return ROBOTS


@view_config(context=WellKnownResource, name="change-password", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def change_password(context: WellKnownResource, request: Request) -> HTTPSeeOther:
    """Redirect to the form, as https://w3c.github.io/webappsec-change-password-url/ describes."""
    return redirect(f"{request.path_to(request.root['account'])}#change-password")


def _static_file(request: Request, name: str, content_type: str) -> Response:
    return FileResponse(abspath_from_asset_spec(f"flicklist:static/{name}"), request, content_type=content_type)
