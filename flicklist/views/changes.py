"""``/watchlists/pX3v…/changes/5/``: one change, which can be undone."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success
from flicklist.permissions import Permission
from flicklist.resources import ChangeResource
from flicklist.services import changes
from flicklist.views import movies_are, redirect_back, undo_path


@view_config(context=ChangeResource, name="undo", request_method="POST", permission=Permission.EDIT)
def undo(context: ChangeResource, request: Request) -> HTTPSeeOther:
    movies, undoing = changes.undo(request.db, context.change)
    skipped = len(context.change.before) - len(movies)
    if undoing is None:
        flash_error(request, "That was undone already, or has changed again since. Nothing was changed.")
    else:
        text, button = f"Undone: {movies_are(movies)} as before.", "Redo"
        if context.change.is_undoing:
            text, button = f"Redone: {movies_are(movies)} changed again.", "Undo"
        if skipped:
            text += f" {skipped} had changed again since, and stay."
        flash_success(request, text, button, undo_path(request, undoing))
    return redirect_back(request, context.watchlist)
