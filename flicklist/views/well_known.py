"""Addresses that browsers, password managers and crawlers request on their own.

They are answered before the login wall, without session, cookie and flash message.
"""

from typing import Any

from pyramid.asset import abspath_from_asset_spec
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flicklist.resources import Root, TouchIconResource, WellKnownResource
from flicklist.views import redirect

DAY_SECONDS = 86_400
PAPER = "#faf7f2"  # the background of the pages in light, as in flicklist.css
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
    name="manifest.webmanifest",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="json",
    http_cache=DAY_SECONDS,
)
def manifest(context: Root, request: Request) -> dict[str, Any]:
    """Describe the site as an app that a phone or a desktop can install (https://www.w3.org/TR/appmanifest/)."""
    request.response.content_type = "application/manifest+json"
    home = request.path_to(context)
    return {
        "name": "FlickList",
        "short_name": "FlickList",
        "description": "A movie watchlist you own.",
        "lang": "en",
        "id": home,
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [
            _icon(request, "favicon.svg", "image/svg+xml", "any"),
            _icon(request, "app-icon-192.png", "image/png", "192x192"),
            _icon(request, "app-icon-512.png", "image/png", "512x512"),
            _icon(request, "app-icon-maskable-512.png", "image/png", "512x512", "maskable"),
            _icon(request, "app-icon-maskable.svg", "image/svg+xml", "any", "maskable"),
        ],
    }


def _icon(request: Request, name: str, content_type: str, sizes: str, purpose: str = "any") -> dict[str, str]:
    """Return an icon of the manifest. A maskable one can be cut to any shape, because its edges are empty."""
    source = f"{request.script_name}{request.registry.static_path}{name}"
    return {"src": source, "type": content_type, "sizes": sizes, "purpose": purpose}


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
