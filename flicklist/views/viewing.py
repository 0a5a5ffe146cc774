"""``/watchlists/pX3v…/42/viewings/``: the times that a movie was seen."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_error, quote
from flicklist.forms import ViewingForm
from flicklist.resources import Viewing, Viewings
from flicklist.security import Permission
from flicklist.views import flash_change, redirect, today

PAGE = "flicklist:templates/viewing/viewing.jinja2"


@view_config(context=Viewings, name="add", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def add(context: Viewings, request: Request) -> dict[str, Any] | HTTPSeeOther:
    form = ViewingForm(request.POST, today=today(request))
    if not form.validate():
        return _refused(request, form, context)
    movie = context.entry.movie
    change = context.entry.change()
    movie.see(form.seen_on.data or None, form.note.data)
    flash_change(request, f"A viewing of {quote(movie.label)} is noted.", change)
    return redirect(request.path_to(context.entry))


@view_config(context=Viewing, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def viewing(context: Viewing, request: Request) -> dict[str, Any]:
    form = ViewingForm(seen_on=context.viewing.seen_on, note=context.viewing.note, today=today(request))
    return _page(form, context)


@view_config(context=Viewing, name="edit", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def edit(context: Viewing, request: Request) -> dict[str, Any] | HTTPSeeOther:
    form = ViewingForm(request.POST, today=today(request))
    if not form.validate():
        return _refused(request, form, context)
    movie = context.entry.movie
    change = context.entry.change()
    context.viewing.seen_on, context.viewing.note = form.seen_on.data or None, form.note.data
    movie.refresh_last_seen()
    flash_change(request, f"A viewing of {quote(movie.label)} is saved.", change)
    return redirect(request.path_to(context.entry))


@view_config(context=Viewing, name="delete", request_method="POST", permission=Permission.EDIT)
def delete(context: Viewing, request: Request) -> HTTPSeeOther:
    movie = context.entry.movie
    change = context.entry.change()
    movie.forget_viewing(context.viewing)
    if request.POST.get("put-back") and not movie.viewings:
        movie.put_back()
        flash_change(request, f"The viewing is deleted, and {quote(movie.label)} is back on your watchlist.", change)
    else:
        flash_change(request, f"A viewing of {quote(movie.label)} is deleted.", change)
    return redirect(request.path_to(context.entry))


def _page(form: ViewingForm, context: Viewing | Viewings) -> dict[str, Any]:
    viewing = context.viewing if isinstance(context, Viewing) else None
    return {"entry": context.entry, "movie": context.entry.movie, "viewing": viewing, "form": form}


def _refused(request: Request, form: ViewingForm, context: Viewing | Viewings) -> dict[str, Any]:
    flash_error(request, form.problem)
    request.response.status_int = 400
    return _page(form, context)
