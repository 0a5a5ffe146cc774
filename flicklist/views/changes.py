"""``/watchlists/pX3v…/changes/5/``: one change, which can be undone."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_info, flash_success
from flicklist.permissions import Permission
from flicklist.resources import ChangeResource
from flicklist.services import changes
from flicklist.views import redirect_back, undo_path


@view_config(context=ChangeResource, name="undo", request_method="POST", permission=Permission.EDIT)
def undo(context: ChangeResource, request: Request) -> HTTPSeeOther:
    movies, undoing = changes.undo(request.db, context.change)
    skipped = len(context.change.before) - len(movies)
    if undoing is None:
        verb, done = ("redo", "redone") if context.change.is_undoing else ("undo", "undone")
        flash_info(request, f"Nothing to {verb}: it was already {done}, or the movie has changed since.")
    else:
        text, button = ("Redone.", "Undo") if context.change.is_undoing else ("Undone.", "Redo")
        if skipped == 1:
            text += " 1 movie has changed since then, so it was left alone."
        elif skipped:
            text += f" {skipped} movies have changed since then, so they were left alone."
        flash_success(request, text, button, undo_path(request, undoing))
    return redirect_back(request, context.watchlist)
