"""``/suggestions``: suggestions while a title is typed."""

from typing import Any

from pyramid.request import Request
from pyramid.view import view_config

from flicklist.permissions import Permission
from flicklist.resources import Root
from flicklist.services.suggestions import suggest


@view_config(context=Root, name="suggestions", request_method="GET", permission=Permission.VIEW, renderer="json")
def suggestions(context: Root, request: Request) -> list[dict[str, Any]]:
    found = suggest(request.settings.catalog_path, request.GET.get("q", ""))
    return [suggestion._asdict() for suggestion in found]
