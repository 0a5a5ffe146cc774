"""One module per place in the tree: the code of a URL is where its place is."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request

from flicklist.security import local_path


def redirect(path: str) -> HTTPSeeOther:
    """Answer 303, to be *returned*: a raised redirect would abort the transaction."""
    return HTTPSeeOther(path)


def redirect_back(request: Request, otherwise: Any) -> HTTPSeeOther:
    """Return the person to the page whose form they sent, or to a resource."""
    return redirect(local_path(request.POST.get("back")) or request.path_to(otherwise))
