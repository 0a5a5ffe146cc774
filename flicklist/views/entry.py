"""``/watchlists/pX3v…/42/``: one movie on a list."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success, quote
from flicklist.forms import EntryForm, RatingForm
from flicklist.models.movie import NotWatched
from flicklist.resources import Entry
from flicklist.security import Permission
from flicklist.views import flash_change, redirect, redirect_back, today

PAGE = "flicklist:templates/entry/entry.jinja2"


@view_config(context=Entry, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def entry(context: Entry, request: Request) -> dict[str, Any]:
    movie = context.movie
    form = EntryForm(title=movie.title, year=str(movie.year or ""), why=movie.why, notes=movie.notes)
    return {"movie": movie, "form": form}


@view_config(context=Entry, name="edit", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def edit(context: Entry, request: Request) -> dict[str, Any] | HTTPSeeOther:
    form = EntryForm(request.POST)
    if not form.validate():
        flash_error(request, form.problem)
        request.response.status_int = 400
        return {"movie": context.movie, "form": form}
    change = context.change()
    context.edit(form.title.data, form.year_number, form.why.data, form.notes.data)
    also = "".join(f" You also have {quote(other.label)}." for other in context.watchlist.namesakes(context.movie)[:1])
    flash_change(request, f"{quote(context.movie.label)} is saved.{also}", change)
    return redirect(request.path_to(context))


@view_config(context=Entry, name="cross-off", request_method="POST", permission=Permission.EDIT)
def cross_off(context: Entry, request: Request) -> HTTPSeeOther:
    movie = context.movie
    if not movie.is_watched:
        change = context.change()
        movie.cross_off(today(request).isoformat())
        flash_change(request, f"{quote(movie.label)} is crossed off. Enjoy!", change)
    return redirect_back(request, context.watchlist)


@view_config(context=Entry, name="rewatch", request_method="POST", permission=Permission.EDIT)
def rewatch(context: Entry, request: Request) -> HTTPSeeOther:
    movie, day = context.movie, today(request).isoformat()
    if movie.was_seen_on(day):
        flash_success(request, f"That you watched {quote(movie.label)} today is noted.")
    else:
        change = context.change()
        movie.see(day)
        flash_change(request, f"You watched {quote(movie.label)} again today.", change)
    return redirect_back(request, context)


@view_config(context=Entry, name="put-back", request_method="POST", permission=Permission.EDIT)
def put_back(context: Entry, request: Request) -> HTTPSeeOther:
    change = context.change()
    context.movie.put_back()
    flash_change(request, f"{quote(context.movie.label)} is back on your watchlist.", change)
    return redirect_back(request, context.watchlist)


@view_config(context=Entry, name="rate", request_method="POST", permission=Permission.EDIT)
def rate(context: Entry, request: Request) -> HTTPSeeOther:
    movie = context.movie
    form = RatingForm(request.POST)
    if not form.validate():
        flash_error(request, form.problem)
        return redirect_back(request, context)
    change = context.change()
    try:
        movie.rate(form.half_stars)
    except NotWatched:
        flash_error(request, f"Watch it first, then rate it: {quote(movie.label)} is not crossed off.")
    else:
        flash_change(request, f"{quote(movie.label)} is {form.outcome}.", change)
    return redirect_back(request, context)


@view_config(context=Entry, name="remove", request_method="POST", permission=Permission.EDIT)
def remove(context: Entry, request: Request) -> HTTPSeeOther:
    change = context.change()
    context.movie.remove()
    flash_change(request, f"{quote(context.movie.label)} is removed.", change)
    return redirect_back(request, context.watchlist)


@view_config(context=Entry, name="restore", request_method="POST", permission=Permission.EDIT)
def restore(context: Entry, request: Request) -> HTTPSeeOther:
    change = context.change()
    context.movie.restore()
    flash_change(request, f"{quote(context.movie.label)} is on your list again, with all it had.", change)
    return redirect(request.path_to(context))
