"""``/privacy`` and ``/contact``, if the person who runs the site wrote them. They are outside the login wall."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flicklist.resources import Root

PAGE = "flicklist:templates/site_pages/page.jinja2"


@view_config(context=Root, name="privacy", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer=PAGE)
def privacy(context: Root, request: Request) -> dict[str, Any]:
    return _page(request, "privacy")


@view_config(context=Root, name="contact", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer=PAGE)
def contact(context: Root, request: Request) -> dict[str, Any]:
    return _page(request, "contact")


def _page(request: Request, name: str) -> dict[str, Any]:
    page = request.registry.site_pages.get(name)
    if page is None:
        raise HTTPNotFound
    return {"page": page}
