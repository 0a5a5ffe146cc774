"""The views, one module per place. docs/urls.md lists them by URL."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import IO, Any, TypeAlias
from urllib.parse import urlsplit

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request, RequestLocalCache
from pyramid.response import FileIter, Response
from pyramid.traversal import find_interface

from flicklist.dates import latest_local_day, local_today, watched_when
from flicklist.flash import NewViewing, flash_error, flash_info, flash_success
from flicklist.forms.fields import OutdatedForm
from flicklist.forms.movies import RatingForm
from flicklist.forms.navigation import BackForm
from flicklist.models import Change, Movie
from flicklist.models.movie import quoted_label
from flicklist.resources import WatchlistResource
from flicklist.security.rate_limits import RETRY_SECONDS
from flicklist.services.pagination import PageRequest
from flicklist.services.passwords import TooBusy
from flicklist.services.watchlist import MAX_SIMILAR_TITLES, Similar
from flicklist.text import quote
from flicklist.urls import local_path

MAX_BACK_LENGTH = 4000  # a search of 200 non-ASCII letters, percent-encoded, and a cursor with 200 more, in base64
BUSY = f"Many people are logging in at the moment. Try again in {RETRY_SECONDS} seconds."
MAX_NAMED_TAGS = 3
OUTDATED_LINK = "This link has expired or was already used."

# Several functions ask for its fields, and creating a form takes as long as a statement.
_back_forms = RequestLocalCache(lambda request: BackForm(request.POST))

PageOrRedirect: TypeAlias = dict[str, Any] | Response


def refuse(request: Request, problem: str, page: dict[str, Any], status: int = 400) -> dict[str, Any]:
    """Show a page again with the problem of the submitted form. Nothing is committed."""
    flash_error(request, problem)
    request.response.status_int = status
    return page


def show_again(exc: OutdatedForm | TooBusy, request: Request, page: dict[str, Any]) -> dict[str, Any]:
    """Show the page of a form that only needs to be sent once more."""
    if isinstance(exc, TooBusy):
        request.response.retry_after = RETRY_SECONDS
        return refuse(request, BUSY, page, 503)
    return refuse(request, send_again(exc), page)


def send_again(exc: OutdatedForm) -> str:
    """Return the message about a form that only needs to be sent once more."""
    return f"{exc.reason} Nothing was saved yet. Please send the form once more."


def redirect(path: str) -> HTTPSeeOther:
    """Return a 303 response. A view must return it: raising it would abort the transaction."""
    response = HTTPSeeOther(path)
    response.empty_body = True  # Pyramid would render one in the format of the Accept header, and nobody would see it
    return response


def download(request: Request, file: IO[bytes], name: str, **content: str) -> Response:
    """Return a response that sends a file, which was just written, as a download of this name. It closes the file."""
    size = file.tell()
    file.seek(0)
    # The server's own wrapper, if it has one, sends a file without keeping a thread. Both close it.
    wrap_file = request.environ.get("wsgi.file_wrapper", FileIter)
    disposition = f'attachment; filename="{name}"'
    return Response(app_iter=wrap_file(file), content_length=size, content_disposition=disposition, **content)


def redirect_home(request: Request) -> HTTPSeeOther:
    """Redirect a person who is logged in to their watchlist."""
    return redirect(request.path_to(request.root.own_watchlist()))


def redirect_back(request: Request, otherwise: Any) -> HTTPSeeOther:
    """Redirect to the page that the form names, otherwise to a resource."""
    back = local_path(_back_forms.get_or_create(request).back.data, MAX_BACK_LENGTH)
    return redirect(back or request.path_to(otherwise))


def form_page(request: Request) -> str | None:
    """Return the path of the page that the form was on: the one it names, otherwise the Referer, otherwise None."""
    if back := local_path(_back_forms.get_or_create(request).back.data):
        return back
    referer = urlsplit(request.referer or "")
    is_ours = f"{referer.scheme}://{referer.netloc}" == request.host_url
    return local_path(referer._replace(scheme="", netloc="", fragment="").geturl()) if is_ours else None


def requested_page(request: Request) -> PageRequest:
    """Return which page of a list the query string names."""
    return PageRequest(after=request.GET.get("after"), before=request.GET.get("before"))


def today(request: Request) -> date:
    """Return the date in the person's browser. Without JavaScript, return the date in the site's time zone."""
    return local_today(_back_forms.get_or_create(request).today.data, request.settings.time_zone)


def latest_day(request: Request) -> date:
    """Return the last date that is not in the future for the person."""
    return latest_local_day(_back_forms.get_or_create(request).today.data)


def name_movies(movies: Sequence[Movie]) -> str:
    """Return movies as part of a sentence: ``“Heat (1995)”`` or ``3 movies``."""
    return movies[0].quoted_label if len(movies) == 1 else f"{len(movies)} movies"


def name_tags(labels: Sequence[str]) -> str:
    """Return tags as part of a sentence: ``tags “own it” and “DVD”``. Beyond some, only their number is named."""
    *others, last = map(quote, labels[:MAX_NAMED_TAGS])
    if len(labels) > MAX_NAMED_TAGS:
        others, last = [*others, last], f"{len(labels) - MAX_NAMED_TAGS} more"
    names = f"{', '.join(others)} and {last}" if others else last
    return f"{'tag' if len(labels) == 1 else 'tags'} {names}"


def mention_similar_titles(movie: Movie, similar: Sequence[Similar]) -> str:
    """Return a sentence about other movies with the same title or a variant of it, but not with the same year too."""
    others = [other for other in similar if _label_of(other) != movie.quoted_label]
    number = len(others) - 1
    shown = "many" if number >= MAX_SIMILAR_TITLES - 1 else number
    more = f" and {shown} more {'movie' if number == 1 else 'movies'} with this title" if number > 0 else ""
    return f" You also have {_label_of(others[0])}{more}." if others else ""


def flash_same_name(request: Request, movie: Movie, similar: Sequence[Similar]) -> None:
    """Say that another movie on the list has the same title and year, with a link to it, if there is one."""
    same = [other.id for other in similar if _label_of(other) == movie.quoted_label]
    if same:
        path = request.path_to(find_interface(request.context, WatchlistResource), str(same[0]), "")
        number = "two" if len(same) == 1 else f"{len(same) + 1:,}"
        text = f"You now have {number} movies named {movie.quoted_label}."
        flash_info(request, text, "Show the other one" if len(same) == 1 else "Show another one", path, is_link=True)


def _label_of(other: Similar) -> str:
    return quoted_label(other.title, other.year)


def moved_to_watchlist(movies: Sequence[Movie], change: Change | None) -> str:
    """Return the message that movies were moved to the watchlist, lost their ratings and kept their viewings."""
    their, ratings = ("its", "rating") if len(movies) == 1 else ("their", "ratings")
    had_rating = change is not None and any(change.earlier_values("rating"))
    moved = f"Moved {name_movies(movies)} to your watchlist{f' and removed {their} {ratings}' if had_rating else ''}."
    return (
        f"{moved} {their.capitalize()} viewings were kept." if any(each.last_watched_on for each in movies) else moved
    )


def flash_rating(
    request: Request,
    movies: Sequence[Movie],
    change: Change | None,
    form: RatingForm,
    viewing: NewViewing | None = None,
) -> None:
    """Flash the message about rated movies, or that there was no rating to remove."""
    if change is None and form.half_stars is None:
        verb = "has" if len(movies) == 1 else "have"
        flash_info(request, f"{name_movies(movies)} {verb} no rating.")
    else:
        flash_change(request, form.message.format(name_movies(movies)), change, viewing)


def flash_change(request: Request, text: str, change: Change | None, viewing: NewViewing | None = None) -> None:
    """Flash a message about a change with an "Undo" button. Without a change there is nothing to undo."""
    action = ("Undo", undo_path(request, change)) if change else ()
    flash_success(request, text, *action, viewing=viewing)


def new_viewing(
    request: Request, movie: Movie, viewing_id: int | None, watched_on: str | None = None
) -> NewViewing | None:
    """Return what the message about a viewing needs for its fields, or None if there is no viewing."""
    if viewing_id is None or not movie.is_watched:
        return None
    path = request.path_to(find_interface(request.context, WatchlistResource), str(movie.id), "")
    day = today(request)
    is_today, is_yesterday = (watched_on == each.isoformat() for each in (day, day - timedelta(days=1)))
    return NewViewing(viewing_id, path, movie.rating, is_today=is_today, is_yesterday=is_yesterday)


def watched_message(request: Request, movie: Movie, watched_on: str | None) -> str:
    """Return the message about a viewing, with its date: "Watched “Heat (1995)” today"."""
    if watched_on is None:
        return f"Watched {movie.quoted_label}, on an unknown date."
    is_today = watched_on == today(request).isoformat()
    return f"Watched {movie.quoted_label} {'today' if is_today else watched_when(watched_on)}."


def undo_path(request: Request, change: Change) -> str:
    """Return the path that undoes a change of the list that the request is about."""
    watchlist = find_interface(request.context, WatchlistResource)
    return request.path_to(watchlist, "changes", str(change.id), "undo")
