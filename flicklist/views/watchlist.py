"""``/watchlists/pX3v…/``: the movies to watch, the movies watched, and one more."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success, quote
from flicklist.forms import MovieForm
from flicklist.paging import COUNT_LIMIT
from flicklist.resources import AlreadyListed, Watchlist
from flicklist.security import Permission
from flicklist.views import redirect

# What is sent back for correction travels in the address, which proxies cut at 8 kB.
TYPED_MOST_LENGTH = 300


@view_config(
    context=Watchlist,
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/watchlist/watchlist.jinja2",
)
def to_watch(context: Watchlist, request: Request) -> dict[str, Any]:
    page = context.to_watch(request.GET.get("before"), request.GET.get("after"))
    return {"page": page, "count": context.count_to_watch(), "most": COUNT_LIMIT, "form": MovieForm(request.GET)}


@view_config(
    context=Watchlist,
    name="ratings",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/watchlist/ratings.jinja2",
)
def watched(context: Watchlist, request: Request) -> dict[str, Any]:
    page = context.watched(request.GET.get("before"), request.GET.get("after"))
    return {"page": page, "count": context.count_watched(), "most": COUNT_LIMIT}


@view_config(context=Watchlist, name="add", request_method="POST", permission=Permission.EDIT)
def add(context: Watchlist, request: Request) -> HTTPSeeOther:
    form = MovieForm(request.POST, terrible_movies=request.settings.terrible_movies)
    if not form.validate():
        flash_error(request, form.problem)
        typed = {name: text[:TYPED_MOST_LENGTH] for name, text in form.data.items() if text}
        return redirect(request.path_to(context, query=typed))
    try:
        movie = context.add(form.title.data, form.year_number)
    except AlreadyListed as listed:
        where = "You have already watched {}." if listed.movie.is_watched else "{} is already on your watchlist."
        flash_error(request, where.format(quote(listed.movie.label)))
    else:
        flash_success(request, f"{quote(movie.label)} is on your watchlist.")
    return redirect(request.path_to(context))
