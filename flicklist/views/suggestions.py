"""``/suggestions``: suggestions while a title is typed."""

from threading import Thread
from typing import Any

from pyramid.events import ApplicationCreated, subscriber
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.permissions import Permission
from flicklist.resources import Root
from flicklist.services.suggestions import index, suggest


@view_config(context=Root, name="suggestions", request_method="GET", permission=Permission.VIEW, renderer="json")
def suggestions(context: Root, request: Request) -> list[dict[str, Any]]:
    return [film._asdict() for film in suggest(request.GET.get("q", ""))]


@subscriber(ApplicationCreated)
def load_index(event: ApplicationCreated) -> None:
    """Load the catalog in the background. Otherwise the first request would take half a second longer."""
    Thread(target=index, daemon=True).start()
