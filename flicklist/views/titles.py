"""``/titles``: titles to suggest while one is typed."""

from typing import Any

from pyramid.request import Request
from pyramid.view import view_config

from flicklist.resources import Root
from flicklist.security import Permission
from flicklist.titles import suggest


@view_config(context=Root, name="titles", request_method="GET", permission=Permission.VIEW, renderer="json")
def suggestions(context: Root, request: Request) -> list[dict[str, Any]]:
    return [film._asdict() for film in suggest(request.GET.get("q", ""))]
