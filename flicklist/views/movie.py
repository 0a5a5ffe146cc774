"""``/watchlists/pX3v…/42/``: one movie on a list."""

from collections.abc import Callable, Mapping
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error
from flicklist.forms.fields import OutdatedForm
from flicklist.forms.movies import EditMovieForm, RatingForm, RestoreForm
from flicklist.models import Movie
from flicklist.permissions import Permission
from flicklist.resources import MovieResource
from flicklist.security.rate_limits import LONG_DIARIES
from flicklist.services import changes, viewings, watchlist
from flicklist.unsent_forms import typed_texts, unpack
from flicklist.views import (
    PageOrRedirect,
    flash_change,
    flash_rating,
    flash_same_name,
    mention_similar_titles,
    moved_to_watchlist,
    new_viewing,
    redirect,
    redirect_back,
    refuse,
    show_again,
    today,
    watched_message,
)

EDIT_PAGE = "flicklist:templates/movie/edit.jinja2"
RESTORED_PAGE = "flicklist:templates/movie/restored.jinja2"
NOT_SAVED = "so your changes are not saved yet. Save again to replace that version with yours."


@view_config(
    context=MovieResource,
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/movie/movie.jinja2",
    load_limit=LONG_DIARIES,
)
def movie(context: MovieResource, request: Request) -> dict[str, Any]:
    shows_all = request.GET.get("viewings") == "all"
    shown, has_more = viewings.newest_viewings(request.db, context.movie, shows_all=shows_all)
    return {"movie": context.movie, "viewings": shown, "has_more_viewings": has_more}


@view_config(context=MovieResource, name="edit", request_method="GET", permission=Permission.EDIT, renderer=EDIT_PAGE)
def edit_page(context: MovieResource, request: Request) -> PageOrRedirect:
    movie = context.movie
    if movie.is_removed:  # its page has the button to restore it
        return redirect(request.path_to(context))
    return _edit_page(movie, EditMovieForm.of(movie.details))


@view_config(context=MovieResource, name="edit", request_method="POST", permission=Permission.EDIT, renderer=EDIT_PAGE)
def edit(context: MovieResource, request: Request) -> PageOrRedirect:
    form = EditMovieForm(request.POST, version=context.movie.details.version)
    if not form.validate():
        return refuse(request, form.problem, _edit_page(context.movie, form))
    if _was_changed_meanwhile(context.movie, form):
        problem = f"{context.movie.quoted_label} was changed in another window, {NOT_SAVED}"
        form.version.data = context.movie.details.version
        return refuse(request, problem, _edit_page(context.movie, form, _different_fields(context.movie, form)), 409)

    def edit_movie(movie: Movie) -> None:
        watchlist.edit_movie(request.db, movie, form.details)

    change = changes.change_movie(request.db, context.movie, edit_movie, "saved")
    similar = watchlist.similar_titles(request.db, context.movie)
    text = f"Saved {context.movie.quoted_label}.{mention_similar_titles(context.movie, similar)}"
    flash_change(request, text, change)
    flash_same_name(request, context.movie, similar)
    return redirect(request.path_to(context))


@exception_view_config(OutdatedForm, path_info="^/watchlists/[^/]+/[0-9]+/edit/?$", renderer=EDIT_PAGE)
def edit_again(exc: OutdatedForm, request: Request) -> dict[str, Any]:
    page = _edit_page(request.context.movie, EditMovieForm(request.POST))
    return show_again(exc, request, page | {"context": request.context})


def _edit_page(movie: Movie, form: EditMovieForm, different: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the values of the page. `different` are the saved texts that differ from those in the form, by field."""
    return {"movie": movie, "form": form, "different": different or {}}


def _different_fields(movie: Movie, form: EditMovieForm) -> dict[str, str]:
    """Return the saved texts that differ from those in the form, by the names of their fields."""
    saved, typed = EditMovieForm.of(movie.details).data, EditMovieForm.of(form.details).data
    return {name: text for name, text in saved.items() if text != typed[name] and name != "version"}


def _was_changed_meanwhile(movie: Movie, form: EditMovieForm) -> bool:
    """Return whether the form shows an older version of the movie, and would overwrite a newer one with other text."""
    return movie.details.version not in {form.details.version, form.version.data}


@view_config(context=MovieResource, name="cross-off", request_method="POST", permission=Permission.EDIT)
def cross_off(context: MovieResource, request: Request) -> HTTPSeeOther:
    movie, day = context.movie, today(request).isoformat()
    change = changes.cross_off_movie(request.db, movie, day)
    added = change.some_viewings_of(movie) if change else []
    viewing_id = added[0]["id"] if added else viewings.last_added_id(request.db, movie)
    text = watched_message(request, movie, day) if change else f"Watched {movie.quoted_label}."
    flash_change(request, text, change, new_viewing(request, movie, viewing_id, day if change else None))
    return redirect_back(request, context.watchlist)


@view_config(context=MovieResource, name="rewatch", request_method="POST", permission=Permission.EDIT)
def rewatch(context: MovieResource, request: Request) -> HTTPSeeOther:
    movie, day = context.movie, today(request).isoformat()
    text = f"Added another viewing of {movie.quoted_label}."
    if movie.was_watched_on(day):
        text = f"You have already marked {movie.quoted_label} as watched today."
    change = changes.change_viewings(request.db, movie, lambda movie: movie.rewatch(day), "watched again")
    flash_change(request, text, change)
    return redirect_back(request, context)


@view_config(context=MovieResource, name="move-to-watchlist", request_method="POST", permission=Permission.EDIT)
def move_to_watchlist(context: MovieResource, request: Request) -> HTTPSeeOther:
    change = changes.change_movie(request.db, context.movie, Movie.move_to_watchlist, "moved to watchlist")
    flash_change(request, moved_to_watchlist([context.movie], change), change)
    return redirect_back(request, context.watchlist)


@view_config(context=MovieResource, name="rate", request_method="POST", permission=Permission.EDIT)
def rate(context: MovieResource, request: Request) -> HTTPSeeOther:
    form = RatingForm(request.POST)
    if not form.validate():
        flash_error(request, form.problem)
    elif not context.movie.is_watched:
        flash_error(request, f"Mark {context.movie.quoted_label} as watched first, then rate it.")
    else:
        change = changes.change_movie(
            request.db, context.movie, lambda movie: movie.rate(form.half_stars), form.outcome
        )
        viewing = viewings.find_viewing(request.db, context.movie, form.viewing_id)
        shown = new_viewing(request, context.movie, viewing.id, viewing.watched_on) if viewing else None
        flash_rating(request, [context.movie], change, form, shown)
    return redirect_back(request, context)


@view_config(context=MovieResource, name="remove", request_method="POST", permission=Permission.EDIT)
def remove(context: MovieResource, request: Request) -> HTTPSeeOther:
    _change_even_if_removed(context, request, Movie.remove, "removed", message="Removed {}.")
    return redirect_back(request, context.watchlist)


@view_config(context=MovieResource, name="restore", request_method="POST", permission=Permission.EDIT)
def restore(context: MovieResource, request: Request) -> Response:
    """Restore the movie. A form that was not saved because the movie was removed can be sent again then."""
    _change_even_if_removed(context, request, Movie.restore, "restored", message="Restored {}.")
    unsent = unpack(RestoreForm(request.POST).unsent.data, f"/watchlists/{context.watchlist.__name__}/")
    if unsent is None:
        return redirect(request.path_to(context))
    page = {"movie": context.movie, "unsent": unsent, "typed": typed_texts(request)}
    return render_to_response(RESTORED_PAGE, page, request)


def _change_even_if_removed(
    context: MovieResource, request: Request, action: Callable[[Movie], None], outcome: str, *, message: str
) -> None:
    """Change the movie, and flash a message, with ``{}`` in place of its name."""
    change = changes.change_movies(request.db, context.watchlist.owner_id, [context.movie], action, outcome)
    flash_change(request, message.format(context.movie.quoted_label), change)
