"""``/watchlists/pX3v…/changes/5/``: something that was done, to be undone."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success
from flicklist.permissions import Permission
from flicklist.resources import ChangeResource
from flicklist.views import movies_are, redirect_back


@view_config(context=ChangeResource, name="undo", request_method="POST", permission=Permission.EDIT)
def undo(context: ChangeResource, request: Request) -> HTTPSeeOther:
    movies, undoing = context.undo()
    left = len(context.change.before) - len(movies)
    if undoing is None:
        flash_error(request, "That was undone already, or has changed again since. Nothing was changed.")
    else:
        text, button = f"Undone: {movies_are(movies)} as before.", "Redo"
        if context.change.is_undoing:
            text, button = f"Redone: {movies_are(movies)} changed again.", "Undo"
        but = f" {left} had changed again since, and stay." if left else ""
        flash_success(request, text + but, button, request.path_to(undoing, "undo"))
    return redirect_back(request, context.watchlist)
