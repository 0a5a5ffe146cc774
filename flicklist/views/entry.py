"""``/watchlists/pX3v…/42/``: one movie on a list."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success, quote
from flicklist.forms import RatingForm
from flicklist.models.movie import NotWatched
from flicklist.resources import Entry
from flicklist.security import Permission
from flicklist.views import redirect_back


@view_config(context=Entry, name="cross-off", request_method="POST", permission=Permission.EDIT)
def cross_off(context: Entry, request: Request) -> HTTPSeeOther:
    context.movie.cross_off()
    flash_success(
        request, f"{quote(context.movie.label)} is crossed off. Enjoy!", undo=request.path_to(context, "put-back")
    )
    return redirect_back(request, context.__parent__)


@view_config(context=Entry, name="put-back", request_method="POST", permission=Permission.EDIT)
def put_back(context: Entry, request: Request) -> HTTPSeeOther:
    context.movie.put_back()
    flash_success(request, f"{quote(context.movie.label)} is back on your watchlist.")
    return redirect_back(request, context.__parent__)


@view_config(context=Entry, name="rate", request_method="POST", permission=Permission.EDIT)
def rate(context: Entry, request: Request) -> HTTPSeeOther:
    movie = context.movie
    form = RatingForm(request.POST)
    if not form.validate():
        flash_error(request, form.problem)
        return redirect_back(request, context.__parent__)
    try:
        movie.rate(form.half_stars)
    except NotWatched:
        flash_error(request, f"Watch it first, then rate it: {quote(movie.label)} is not crossed off.")
    else:
        rated = f"rated {form.rating.data} of 5 stars" if movie.rating else "not rated any more"
        flash_success(request, f"{quote(movie.label)} is {rated}.")
    return redirect_back(request, context.__parent__)
