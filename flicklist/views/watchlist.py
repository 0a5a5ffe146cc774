"""``/watchlists/pX3v…/``: the watchlist, the watched and the removed movies, and actions on selected movies."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error, flash_info, flash_success
from flicklist.forms.fields import OutdatedForm
from flicklist.forms.movies import AddForm, RatingForm, RestoreForm, SelectionForm, TagsForm
from flicklist.forms.search import NO_SEARCH, SearchForm
from flicklist.models import Movie
from flicklist.models.meta import utc_now
from flicklist.models.movie import MAX_TITLE_LENGTH, LimitReached, MovieDetails
from flicklist.permissions import Permission
from flicklist.post_redirect_get import keeps_whole_text, redirect_to_form, refill_form
from flicklist.resources import WatchlistResource
from flicklist.security.rate_limits import CHANGES_OF_MANY, SEARCHES
from flicklist.services import changes, watchlist
from flicklist.services.film_lookup import look_up_facts
from flicklist.services.pagination import MAX_COUNT, Page, PageRequest
from flicklist.services.search import Sort
from flicklist.services.tags import outcome_of_tagging
from flicklist.services.watchlist import IsRemoved, MovieExists, NothingSelected
from flicklist.text import parse_row_id
from flicklist.unsent_forms import pack, typed_texts
from flicklist.views import (
    PageOrRedirect,
    flash_change,
    flash_rating,
    form_page,
    mention_similar_titles,
    moved_to_watchlist,
    name_movies,
    name_tags,
    redirect,
    redirect_back,
    refuse,
    requested_page,
    send_again,
    show_again,
    today,
)

WATCHLIST_PAGE = "flicklist:templates/watchlist/watchlist.jinja2"
WATCHED_PAGE = "flicklist:templates/watchlist/watched.jinja2"
TYPED_PAGE = "flicklist:templates/errors/typed.jinja2"
IS_REMOVED_PAGE = "flicklist:templates/movie/is_removed.jinja2"
WATCHLIST_SORTS = {
    Sort.ADDED: "Recently added",
    Sort.EARLIEST_ADDED: "Earliest added",
    Sort.TITLE: "By title",
    Sort.YEAR: "By year",
}
WATCHED_SORTS = {
    Sort.WATCHED: "Recently watched",
    Sort.RATING: "Highest rated",
    Sort.TITLE: "By title",
    Sort.YEAR: "By year",
    Sort.ADDED: "Recently added",
}


SELECT, SELECT_ALL = "some", "all"
# Shared by all requests without input, because creating a form takes a tenth of the time of a page.
EMPTY_FORM = AddForm()
# For this long, the watchlist asks to confirm the email address. After that, only the account page does.
NEW_ACCOUNT_PERIOD = timedelta(days=7)


class Selection(NamedTuple):
    """Whether the page has checkboxes, which are checked, and the pages that change this."""

    is_on: bool
    is_all: bool
    movie_ids: frozenset[int | None]
    path: str
    """The same page with checkboxes, or without if it has them."""
    all_path: str
    back: str
    """The page after an action for the selected movies."""
    form: TagsForm | None
    """The form for the selected movies, if the page has it."""


@view_config(
    context=WatchlistResource,
    request_method="GET",
    permission=Permission.VIEW,
    renderer=WATCHLIST_PAGE,
    repeated_fields=("select",),
    load_limit=SEARCHES,
)
def watchlist_page(context: WatchlistResource, request: Request) -> dict[str, Any]:
    return _watchlist_page(context, request, EMPTY_FORM)


def _watchlist_page(context: WatchlistResource, request: Request, form: AddForm) -> dict[str, Any]:
    search = _search_form(request)
    page, count = watchlist.watchlist_page(
        request.connection,
        context.owner_id,
        _sort(search, WATCHLIST_SORTS),
        requested_page(request),
        filters=search.filters,
        time_zone=request.settings.time_zone,
    )
    return {
        "page": page,
        "count": count,
        "max_count": MAX_COUNT,
        "search": search,
        "sorts": WATCHLIST_SORTS,
        "form": form,
        "count_elsewhere": _count_elsewhere(context, request, search, page, watchlist.watched_page),
        "selection": _selection(context, request, ""),
        "is_new_account": utc_now() - request.identity.created_at < NEW_ACCOUNT_PERIOD,
    }


@view_config(
    context=WatchlistResource,
    name="watched",
    request_method="GET",
    permission=Permission.VIEW,
    renderer=WATCHED_PAGE,
    repeated_fields=("select",),
    load_limit=SEARCHES,
)
def watched_page(context: WatchlistResource, request: Request) -> dict[str, Any]:
    return _watched_page(context, request, EMPTY_FORM)


def _watched_page(context: WatchlistResource, request: Request, form: AddForm) -> dict[str, Any]:
    search = _search_form(request)
    page, count = watchlist.watched_page(
        request.connection,
        context.owner_id,
        _sort(search, WATCHED_SORTS),
        requested_page(request),
        filters=search.filters,
        time_zone=request.settings.time_zone,
    )
    return {
        "page": page,
        "count": count,
        "max_count": MAX_COUNT,
        "search": search,
        "sorts": WATCHED_SORTS,
        "form": form,
        "count_elsewhere": _count_elsewhere(context, request, search, page, watchlist.watchlist_page),
        "selection": _selection(context, request, "watched"),
    }


@view_config(
    context=WatchlistResource,
    name="removed",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/watchlist/removed.jinja2",
)
def removed_page(context: WatchlistResource, request: Request) -> dict[str, Any]:
    page, count = watchlist.removed_page(request.connection, context.owner_id, requested_page(request))
    return {"page": page, "count": count, "max_count": MAX_COUNT}


@view_config(
    context=WatchlistResource, name="add", request_method="POST", permission=Permission.EDIT, renderer=WATCHLIST_PAGE
)
def add(context: WatchlistResource, request: Request) -> PageOrRedirect:
    form = AddForm(request.POST, terrible_movies=request.settings.terrible_movies)
    if not form.validate():
        return refuse(request, form.problem, _page_with_form(context, request, form))
    title, year = form.title_and_year
    facts = look_up_facts(request.settings.catalog_path, title, year, form.film_id)
    details = MovieDetails(title, year, form.why.data, facts=facts)
    try:
        movie = watchlist.add_movie(request.db, context.owner_id, details, max_movies=request.settings.max_movies)
    except LimitReached as limit:
        return refuse(request, str(limit), _page_with_form(context, request, form))
    except MovieExists as exists:
        _flash_existing(context, request, exists.movie)
        if form.why.data:  # keep the text
            return _page_with_form(context, request, form)
    else:
        also = mention_similar_titles(movie, watchlist.similar_titles(request.db, movie))
        text = f"Added {movie.quoted_label}{_where_added(context, request)}.{also}"
        flash_success(request, text, "Undo", request.path_to(context, str(movie.id), "remove"))
    return redirect_back(request, context)


@exception_view_config(OutdatedForm, path_info="^/watchlists/[^/]+/(add|find)/?$", renderer=WATCHLIST_PAGE)
def add_again(exc: OutdatedForm, request: Request) -> dict[str, Any]:
    page = _page_with_form(request.context, request, AddForm(request.POST))
    return show_again(exc, request, page | {"context": request.context})


def _page_with_form(context: WatchlistResource, request: Request, form: AddForm) -> dict[str, Any]:
    """Return the page that the form was on: the watched list if it names that, otherwise the watchlist."""
    if not _is_on_watched_page(context, request):
        return _watchlist_page(context, request, form) | {"page_path": request.path_to(context)}
    request.override_renderer = WATCHED_PAGE
    return _watched_page(context, request, form) | {"page_path": request.path_to(context, "watched")}


def _where_added(context: WatchlistResource, request: Request) -> str:
    return " to your watchlist" if _is_on_watched_page(context, request) else ""


def _is_on_watched_page(context: WatchlistResource, request: Request) -> bool:
    page = form_page(request) or ""
    return page.partition("?")[0] == request.path_to(context, "watched")


@view_config(context=WatchlistResource, name="find", request_method="POST", permission=Permission.VIEW, unlimited=True)
def find(context: WatchlistResource, request: Request) -> HTTPSeeOther:
    """Search the list that the form was on. The field is the one to add a movie, so its form sends a POST."""
    view = "watched" if _is_on_watched_page(context, request) else ""
    title = AddForm(request.POST).title.data[:MAX_TITLE_LENGTH]
    return redirect(request.path_to(context, view, query={"q": title} if title else None))


def _flash_existing(context: WatchlistResource, request: Request, movie: Movie) -> None:
    name = movie.quoted_label
    if movie.is_removed:
        restore = request.path_to(context, str(movie.id), "restore")
        text = f"You removed {name} recently. Restore it with its rating and viewings?"
        flash_info(request, text, "Restore", restore)
    elif movie.is_watched:
        move = request.path_to(context, str(movie.id), "move-to-watchlist")
        flash_info(request, f"{name} is on your watched list, so it wasn’t added again.", "Move to watchlist", move)
    else:
        path = request.path_to(context, str(movie.id), "")
        flash_info(request, f"{name} is already on your watchlist.", "Show it", path, is_link=True)


@view_config(
    context=WatchlistResource,
    name="cross-off",
    request_method="POST",
    permission=Permission.EDIT,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def cross_off(context: WatchlistResource, request: Request) -> HTTPSeeOther:
    day = today(request).isoformat()
    movies = _find_selected(context, request)
    change = changes.cross_off_movies(request.db, context.owner_id, movies, day)
    flash_change(request, f"Watched {name_movies(movies)}{' today' if change else ''}.", change)
    return redirect_back(request, context)


@view_config(
    context=WatchlistResource,
    name="move-to-watchlist",
    request_method="POST",
    permission=Permission.EDIT,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def move_to_watchlist(context: WatchlistResource, request: Request) -> HTTPSeeOther:
    movies = _find_selected(context, request)
    change = changes.change_movies(request.db, context.owner_id, movies, Movie.move_to_watchlist, "moved to watchlist")
    flash_change(request, moved_to_watchlist(movies, change), change)
    return redirect_back(request, context)


@view_config(
    context=WatchlistResource,
    name="remove",
    request_method="POST",
    permission=Permission.EDIT,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def remove(context: WatchlistResource, request: Request) -> HTTPSeeOther:
    movies = _find_selected(context, request, include_removed=True)
    return _change(context, request, movies, Movie.remove, "removed", message="Removed {}.")


@view_config(
    context=WatchlistResource,
    name="rate",
    request_method="POST",
    permission=Permission.EDIT,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def rate(context: WatchlistResource, request: Request) -> HTTPSeeOther:
    movies = _find_selected(context, request)
    form = RatingForm(request.POST)
    if not form.validate():
        flash_error(request, form.problem)
        return redirect(_path_of_selection(request, context))
    if not all(movie.is_watched for movie in movies):
        flash_error(request, "Mark all selected movies as watched first, then rate them.")
        return redirect(_path_of_selection(request, context))
    rating = form.half_stars
    change = changes.change_movies(request.db, context.owner_id, movies, lambda movie: movie.rate(rating), form.outcome)
    flash_rating(request, movies, change, form)
    return redirect_back(request, context)


@view_config(
    context=WatchlistResource,
    name="tag",
    request_method="POST",
    permission=Permission.EDIT,
    renderer=WATCHLIST_PAGE,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def tag(context: WatchlistResource, request: Request) -> PageOrRedirect:
    message, unchanged = "Added the {} to {}.", "Nothing changed: {1} already had the {0}."
    return _change_tags(context, request, Movie.add_tags, "tagged", message=message, unchanged=unchanged)


@view_config(
    context=WatchlistResource,
    name="untag",
    request_method="POST",
    permission=Permission.EDIT,
    renderer=WATCHLIST_PAGE,
    repeated_fields=("movie",),
    load_limit=CHANGES_OF_MANY,
)
def untag(context: WatchlistResource, request: Request) -> PageOrRedirect:
    message, unchanged = "Removed the {} from {}.", "Nothing changed: {1} didn’t have the {0}."
    return _change_tags(context, request, Movie.remove_tags, "untagged", message=message, unchanged=unchanged)


@exception_view_config(OutdatedForm, path_info="^/watchlists/[^/]+/(tag|untag)/?$", renderer=WATCHLIST_PAGE)
def tag_again(exc: OutdatedForm, request: Request) -> PageOrRedirect:
    form = TagsForm(request.POST)
    form.refuse("", send_again(exc))
    return _refuse_tags(request, form)


def _refuse_tags(request: Request, form: TagsForm) -> PageOrRedirect:
    """Redirect to the page of the form, or show the list without a filter if a redirect would cut off the tags."""
    if keeps_whole_text(form):
        return redirect_to_form(request, _path_of_selection(request, request.root.own_watchlist()), form)
    page = _page_with_form(request.context, request, EMPTY_FORM)
    without: Selection = page["selection"]
    selection = without._replace(is_on=True, movie_ids=frozenset(form.movie_ids), path=without.back, form=form)
    return refuse(request, form.problem, page | {"context": request.context, "selection": selection})


def _change_tags(
    context: WatchlistResource,
    request: Request,
    action: Callable[[Movie, Sequence[str]], None],
    verb: str,
    *,
    message: str,
    unchanged: str,
) -> PageOrRedirect:
    """Change the tags of the selected movies. The messages have ``{}`` in place of the tags and the movies."""
    movies = _find_selected(context, request)
    form = TagsForm(request.POST)
    if not form.validate():
        return _refuse_tags(request, form)
    labels = form.tags.labels
    outcome = outcome_of_tagging(verb, labels)
    change = changes.change_movies(request.db, context.owner_id, movies, lambda movie: action(movie, labels), outcome)
    names = name_tags(labels), name_movies(movies)
    if change is None:
        flash_info(request, unchanged.format(*names))
    else:
        flash_change(request, message.format(*names), change)
    return redirect_back(request, context)


def _change(
    context: WatchlistResource,
    request: Request,
    movies: Sequence[Movie],
    action: Callable[[Movie], None],
    outcome: str,
    *,
    message: str,
) -> HTTPSeeOther:
    """Change the selected movies as one change, and flash a message, with ``{}`` in place of their names."""
    change = changes.change_movies(request.db, context.owner_id, movies, action, outcome)
    flash_change(request, message.format(name_movies(movies)), change)
    return redirect_back(request, context)


def _find_selected(context: WatchlistResource, request: Request, *, include_removed: bool = False) -> Sequence[Movie]:
    movie_ids = SelectionForm(request.POST).movie_ids
    return watchlist.find_selected_movies(request.db, context.owner_id, movie_ids, include_removed=include_removed)


@exception_view_config(NothingSelected, renderer=WATCHLIST_PAGE)
def nothing_selected(exc: NothingSelected, request: Request) -> PageOrRedirect:
    form = TagsForm(request.POST)
    form.refuse("movie", "Select at least one movie.")
    return _refuse_tags(request, form)


@exception_view_config(IsRemoved)
def is_removed(exc: IsRemoved, request: Request) -> Response:
    """Refuse to change a removed movie. The page was loaded before the movie was removed elsewhere.

    A page shows the text of the form, and has a button that restores the movie and carries the form along.
    """
    own_watchlist = request.root.own_watchlist()
    restore = request.path_to(own_watchlist, str(exc.movie.id), "restore")
    if typed := typed_texts(request):
        form = RestoreForm(data={"unsent": pack(request)})
        page = {"movie": exc.movie, "restore_path": restore, "form": form, "typed": typed}
        response = render_to_response(IS_REMOVED_PAGE, page, request)
        response.status_int = HTTPStatus.CONFLICT
        return response
    flash_error(request, f"{exc.movie.quoted_label} was removed, so it wasn’t changed.", "Restore", restore)
    return redirect_back(request, own_watchlist)


@exception_view_config(LimitReached, renderer=TYPED_PAGE)
def limit_reached(exc: LimitReached, request: Request) -> PageOrRedirect:
    if typed := typed_texts(request):
        request.response.status_int = HTTPStatus.CONFLICT
        return {"title": "Nothing was saved", "text": f"{exc} Copy your text if you need it.", "typed": typed}
    flash_error(request, str(exc))
    return redirect_back(request, request.root.own_watchlist())


def _search_form(request: Request) -> SearchForm:
    # The page of a refused form has no filter. A search would count towards no limit, and keep others from writing.
    if not request.GET or request.may_write:
        return NO_SEARCH
    form = SearchForm(request.GET, today=today(request))
    if not form.validate():
        flash_error(request, form.problem)
    return form


def _path_of_selection(request: Request, otherwise: WatchlistResource) -> str:
    """Return the path of the page of a refused form, with the same movies selected."""
    back = redirect_back(request, otherwise).location
    selected = [("select", str(each)) for each in SelectionForm(request.POST).movie_ids] or [("select", SELECT)]
    return f"{back}{'&' if '?' in back else '?'}{urlencode(selected)}"


def _selection(context: WatchlistResource, request: Request, view: str) -> Selection:
    values = request.GET.getall("select")
    movie_ids = frozenset(map(parse_row_id, values))
    without = {name: typed for name, typed in request.GET.items() if name != "select"}
    list_path = request.path_to(context, view)

    def page(**more: str) -> str:
        query = urlencode({**without, **more})
        return f"{list_path}?{query}" if query else list_path

    path = page() if values else page(select=SELECT)
    form = TagsForm() if values else None
    if form:
        refill_form(request, form)
    return Selection(bool(values), SELECT_ALL in values, movie_ids, path, page(select=SELECT_ALL), page(), form)


def _count_elsewhere(
    context: WatchlistResource, request: Request, search: SearchForm, page: Page, read_other: Callable[..., Any]
) -> int:
    """Return how many movies of the other list match a search that finds nothing here."""
    if page.rows or not search.is_search:
        return 0
    filters, time_zone = search.filters, request.settings.time_zone
    first_page = (request.connection, context.owner_id, Sort.ADDED, PageRequest())
    _, count = read_other(*first_page, filters=filters, time_zone=time_zone)
    return count


def _sort(search: SearchForm, sorts: dict[Sort, str]) -> Sort:
    """Return the requested sort order, or the first one if this list does not have it."""
    return next((sort for sort in sorts if sort == search.sort.data), next(iter(sorts)))
