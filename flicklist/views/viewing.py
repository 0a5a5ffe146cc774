"""``/watchlists/pX3v…/42/viewings/``: the viewings of a movie."""

from collections.abc import Callable
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import exception_view_config, view_config

from flicklist.dates import MAX_DATE_LENGTH, format_date
from flicklist.forms.fields import OutdatedForm
from flicklist.forms.movies import DeleteViewingForm, ViewingDateForm, ViewingForm
from flicklist.models import Movie
from flicklist.models.movie import LimitReached
from flicklist.permissions import Permission
from flicklist.resources import ViewingResource, ViewingsResource
from flicklist.services import changes
from flicklist.views import (
    PageOrRedirect,
    flash_change,
    latest_day,
    moved_to_watchlist,
    new_viewing,
    redirect,
    redirect_back,
    refuse,
    show_again,
    today,
    watched_message,
)

PAGE = "flicklist:templates/viewing/viewing.jinja2"


@view_config(context=ViewingsResource, name="add", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def add(context: ViewingsResource, request: Request) -> PageOrRedirect:
    return _save(context, request, Movie.add_viewing_once, "added")


@view_config(context=ViewingResource, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def viewing(context: ViewingResource, request: Request) -> dict[str, Any]:
    watched_on = context.viewing.watched_on
    shown = format_date(watched_on) if watched_on else ""
    return _page(_form(request, watched_on=shown, note=context.viewing.note), context)


@view_config(context=ViewingResource, name="edit", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def edit(context: ViewingResource, request: Request) -> PageOrRedirect:
    def edit_viewing(movie: Movie, watched_on: str | None, note: str) -> None:
        movie.edit_viewing(context.viewing, watched_on, note)

    return _save(context, request, edit_viewing, "saved")


@view_config(context=ViewingResource, name="change-date", request_method="POST", permission=Permission.EDIT)
def change_date(context: ViewingResource, request: Request) -> HTTPSeeOther:
    """Change the date in the message about a movie that was just crossed off.

    A refused date comes back in the same message, whose "Undo" stays that of the last change of the movie.
    """
    movie, viewing = context.movie_resource.movie, context.viewing
    form = ViewingDateForm(request.POST, today=today(request), latest=latest_day(request))
    refused: dict[str, Any] = {}
    if form.validate():
        watched_on = form.watched_on.iso or None
        change = changes.change_viewings(
            request.db, movie, lambda movie: movie.edit_viewing(viewing, watched_on, viewing.note), "viewing saved"
        )
    else:
        watched_on = viewing.watched_on
        change = changes.last_change_of(request.db, movie)
        typed = form.watched_on.data[:MAX_DATE_LENGTH]
        refused = {"problem": form.problem, "typed": typed, "readings": form.watched_on.readings}
    shown = new_viewing(request, movie, viewing.id, watched_on)
    flash_change(request, watched_message(request, movie, watched_on), change, shown and shown._replace(**refused))
    return redirect_back(request, context.movie_resource.watchlist)


def _save(
    context: ViewingResource | ViewingsResource,
    request: Request,
    action: Callable[[Movie, str | None, str], None],
    outcome: str,
) -> PageOrRedirect:
    """Save a viewing with the submitted date and note."""
    movie = context.movie_resource.movie
    form = _form(request)
    if not form.validate():
        return refuse(request, form.problem, _page(form, context))
    watched_on, note = form.watched_on.iso or None, form.note.data
    try:
        change = changes.change_viewings(
            request.db, movie, lambda movie: action(movie, watched_on, note), f"viewing {outcome}"
        )
    except LimitReached as problem:
        return refuse(request, str(problem), _page(form, context))
    was_crossed_off = change is not None and change.earlier_values("watched_at") == [None] and movie.is_watched
    also = f" {movie.quoted_label} is now on your watched list." if was_crossed_off else ""
    flash_change(request, f"Viewing {outcome}.{also}", change)
    return redirect(request.path_to(context.movie_resource))


@exception_view_config(OutdatedForm, path_info="^/watchlists/[^/]+/[0-9]+/viewings/(add|[0-9]+/edit)/?$", renderer=PAGE)
def save_again(exc: OutdatedForm, request: Request) -> dict[str, Any]:
    return show_again(exc, request, _page(_form(request), request.context))


@view_config(context=ViewingResource, name="delete", request_method="POST", permission=Permission.EDIT)
def delete(context: ViewingResource, request: Request) -> HTTPSeeOther:
    movie, form = context.movie_resource.movie, DeleteViewingForm(request.POST)
    was_watched, moves_to_watchlist = movie.is_watched, form.move_to_watchlist.data

    def delete_viewing(movie: Movie) -> None:
        movie.delete_viewing(context.viewing, moves_to_watchlist=moves_to_watchlist)

    change = changes.change_viewings(request.db, movie, delete_viewing, "viewing deleted")
    if was_watched and not movie.is_watched:
        flash_change(request, f"Viewing deleted. {moved_to_watchlist([movie], change)}", change)
    else:
        flash_change(request, "Viewing deleted.", change)
    return redirect(request.path_to(context.movie_resource))


def _form(request: Request, **shown: str) -> ViewingForm:
    return ViewingForm(request.POST, today=today(request), latest=latest_day(request), **shown)


def _page(form: ViewingForm, context: ViewingResource | ViewingsResource) -> dict[str, Any]:
    viewing = context.viewing if isinstance(context, ViewingResource) else None
    return {
        "movie_resource": context.movie_resource,
        "movie": context.movie_resource.movie,
        "viewing": viewing,
        "form": form,
    }
