"""``/watchlists/pX3v…/changes/5/``: something that was done, to be undone."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success, quote
from flicklist.resources import Change
from flicklist.security import Permission
from flicklist.views import redirect_back


@view_config(context=Change, name="undo", request_method="POST", permission=Permission.EDIT)
def undo(context: Change, request: Request) -> HTTPSeeOther:
    movies, undoing = context.undo()
    left = len(context.change.before) - len(movies)
    if undoing is None:
        flash_error(request, "That was undone already, or has changed again since. Nothing was changed.")
    else:
        what = f"{quote(movies[0].label)} is" if len(movies) == 1 else f"{len(movies)} movies are"
        but = f" {left} had changed again since, and stay." if left else ""
        flash_success(request, f"Undone: {what} as before.{but}", "Redo", request.path_to(undoing, "undo"))
    return redirect_back(request, context.watchlist)
