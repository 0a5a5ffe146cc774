"""``/watchlists/pX3v…/imports/``: uploading files, and importing their movies."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, notfound_view_config, view_config

from flicklist.flash import flash_info, flash_success
from flicklist.forms.imports import PROBLEMS, AnswersForm, ReportForm, UploadForm
from flicklist.import_thread import wake_importer
from flicklist.models import Import
from flicklist.models.movie import LimitReached
from flicklist.models.movie_import import (
    CHANGED_MOVIES,
    DELETED_MOVIES,
    IMPORT_RETENTION,
    LEFT_ALONE,
    LEFT_TO_LATER_IMPORT,
    NEW_MOVIES,
    NEW_VIEWINGS,
    RESTORED_MOVIES,
    ImportState,
    Outcome,
)
from flicklist.permissions import Permission
from flicklist.post_redirect_get import redirect_to_form, refill_form
from flicklist.resources import ImportResource, ImportsResource
from flicklist.security.rate_limits import DOWNLOADS, LONG_PAGES, UPLOADS
from flicklist.services.imports import report, storage
from flicklist.text import quote
from flicklist.views import download, redirect, requested_page
from flicklist.views.errors import PAGE as ERROR_PAGE
from flicklist.views.errors import not_found

REFRESH_SECONDS = "2"
# The heading of the page of an import, by its state.
HEADINGS = {
    ImportState.UPLOADED: "Reading your file…",
    ImportState.READY: "Check your import",
    ImportState.CONFIRMED: "Importing…",
    ImportState.FINISHED: "Import finished",
    ImportState.TAKING_BACK: "Undoing the import…",
    ImportState.TAKEN_BACK: "Import undone",
    ImportState.REFUSED: "Nothing was imported",
}
# The words for each state in the list of imports. For a finished one, the list has the number of movies.
STATES = {
    ImportState.UPLOADED: "Reading the file…",
    ImportState.READY: "Check and import",
    ImportState.CONFIRMED: "Importing…",
    ImportState.TAKING_BACK: "Undoing…",
    ImportState.TAKEN_BACK: "Undone",
    ImportState.REFUSED: "Couldn’t be imported",
}
# The words for each outcome of a row, before and after the import. Several rows can be about one movie.
PLANNED_OUTCOMES = {
    Outcome.ADDED: "new movie",
    Outcome.CHANGED: "changes a movie",
    Outcome.PRESENT: "already on your list",
    Outcome.UNDECIDED: "won’t be imported",
    Outcome.REFUSED: "won’t be imported",
}
OUTCOMES = {
    Outcome.ADDED: "new movie",
    Outcome.CHANGED: "changed a movie",
    Outcome.PRESENT: "already on your list",
    Outcome.UNDECIDED: "not imported",
    Outcome.REFUSED: "not imported",
}
# The words for the rows with an outcome, before their number. Rows that are not imported have a filter of their own.
FILTERS = {Outcome.ADDED: "New", Outcome.CHANGED: "Changed", Outcome.PRESENT: "Already on your list"}


class RowFilter(NamedTuple):
    """A link that shows some of the rows of an import."""

    name: str
    label: str


@view_config(
    context=ImportsResource,
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/imports/imports.jinja2",
)
def imports_page(context: ImportsResource, request: Request) -> dict[str, Any]:
    imports = storage.list_imports(request.db, context.watchlist.owner_id)
    form = UploadForm()
    refill_form(request, form)
    return {
        "form": form,
        "imports": imports,
        "states": STATES,
        "max_size": request.settings.max_upload_size,
        "ImportState": ImportState,
        "NEW_MOVIES": NEW_MOVIES,
    }


@view_config(context=ImportsResource, request_method="POST", permission=Permission.EDIT, load_limit=UPLOADS)
def upload(context: ImportsResource, request: Request) -> HTTPSeeOther:
    form = UploadForm(request.POST)
    if not form.validate():
        raise redirect_to_form(request, request.path_to(context), form)
    try:
        name, file = form.file.data
        movie_import = storage.store(request.db, context.watchlist.owner_id, name, file)
    except LimitReached as limit:
        form.refuse("file", str(limit))
        raise redirect_to_form(request, request.path_to(context), form) from None
    wake_importer(request)
    return redirect(request.path_to(context, str(movie_import.id), ""))


@view_config(
    context=ImportResource,
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/imports/import.jinja2",
    load_limit=LONG_PAGES,
)
def import_page(context: ImportResource, request: Request) -> dict[str, Any]:
    movie_import = context.movie_import
    if movie_import.is_working:
        # Browsers load the page again, also without JavaScript, so that the progress bar moves.
        request.response.headers["Refresh"] = REFRESH_SECONDS
    numbers = {outcome: movie_import.counts.get(outcome, 0) for outcome in Outcome}
    problems = numbers[Outcome.UNDECIDED] + numbers[Outcome.REFUSED]
    is_planned = movie_import.state == ImportState.READY
    default = PROBLEMS if is_planned and problems else "all"
    shown, outcomes = ReportForm(request.GET).outcomes(default)
    page = report.rows_page(request.db, context.watchlist.owner_id, movie_import.id, requested_page(request), outcomes)
    filters = _filters(numbers, problems, "Won’t be imported" if is_planned else "Not imported")
    form = AnswersForm.to(movie_import.questions, None)
    refill_form(request, form)
    return {
        "form": form,
        "movie_import": movie_import,
        "page": page,
        "groups": _group_by_reason(page.rows),
        "filters": filters,
        "shown": shown,
        "PROBLEMS": PROBLEMS,
        "problems": problems,
        "headings": HEADINGS,
        "outcomes": _outcomes_in_words(movie_import),
        "summary": _summary(numbers, movie_import.counts.get(NEW_MOVIES, 0)),
        "ImportState": ImportState,
        "NEW_MOVIES": NEW_MOVIES,
        "CHANGED_MOVIES": CHANGED_MOVIES,
        "NEW_VIEWINGS": NEW_VIEWINGS,
        "DELETED_MOVIES": DELETED_MOVIES,
        "RESTORED_MOVIES": RESTORED_MOVIES,
        "LEFT_ALONE": LEFT_ALONE,
        "LEFT_TO_LATER_IMPORT": LEFT_TO_LATER_IMPORT,
        "kept_until": movie_import.created_at + IMPORT_RETENTION,
    }


def _outcomes_in_words(movie_import: Import) -> Mapping[Outcome, str]:
    return PLANNED_OUTCOMES if movie_import.state == ImportState.READY else OUTCOMES


def _filters(numbers: Mapping[Outcome, int], problems: int, problems_label: str) -> list[RowFilter]:
    """Return a filter for all rows, and one for each outcome. If all rows have the same outcome, return none."""
    words = [(outcome.value, numbers[outcome], label) for outcome, label in FILTERS.items()]
    words.append((PROBLEMS, problems, problems_label))
    filters = [RowFilter(name, f"{label} ({number:,})") for name, number, label in words if number]
    return [RowFilter("all", f"All ({sum(numbers.values()):,})"), *filters] if len(filters) > 1 else []


def _summary(numbers: Mapping[Outcome, int], new_movies: int) -> str:
    """Return how many rows the file has. If several rows belong to one new movie, say how many movies there are."""
    rows = sum(numbers.values())
    file_has = f"The file has {_count(rows, 'row')}"
    belong = f"belong to {_count(new_movies, 'new movie')}"
    if numbers[Outcome.ADDED] <= new_movies:
        return f"{file_has}."
    if numbers[Outcome.ADDED] == rows:
        return f"{file_has}, which {belong}."
    return f"{file_has}. {numbers[Outcome.ADDED]:,} of them {belong}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _group_by_reason(rows: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """Return `ListedRow`s in groups, each with the reason that all its rows share, or an empty text.

    So a reason that many neighbouring rows have is shown once.
    """
    groups: list[tuple[str, list[Any]]] = []
    for reason, some in groupby(rows, key=lambda row: row.reason):
        same = list(some)
        shared = reason if len(same) > 1 else ""
        if groups and not shared and not groups[-1][0]:
            groups[-1][1].extend(same)
        else:
            groups.append((shared, same))
    return groups


@view_config(
    context=ImportResource,
    name="report.csv",
    request_method="GET",
    permission=Permission.VIEW,
    load_limit=DOWNLOADS,
)
def report_csv(context: ImportResource, request: Request) -> Response:
    """Send the report from a temporary file, because an import can have `max_import_rows`."""
    file = TemporaryFile()  # noqa: SIM115 - the server closes it
    outcomes = _outcomes_in_words(context.movie_import)
    lines = report.report_lines(request.read_db, context.movie_import.id, outcomes)
    file.writelines(line.encode() for line in lines)
    return download(request, file, "flicklist-import.csv", content_type="text/csv", charset="utf-8")


@view_config(context=ImportResource, name="answer", request_method="POST", permission=Permission.EDIT)
def answer(context: ImportResource, request: Request) -> HTTPSeeOther:
    form = AnswersForm.to(context.movie_import.questions, request.POST)
    if not form.validate():
        raise redirect_to_form(request, request.path_to(context), form)
    if not context.movie_import.has_other_answers(form.answers):
        flash_info(request, "Nothing to do: you haven’t chosen other answers.")
        return redirect(request.path_to(context))
    storage.answer(context.movie_import, form.answers)
    wake_importer(request)
    return redirect(request.path_to(context))


@view_config(context=ImportResource, name="confirm", request_method="POST", permission=Permission.EDIT)
def confirm(context: ImportResource, request: Request) -> HTTPSeeOther:
    """Import what the preview shows. If the person has chosen other answers since, show another preview first."""
    form = AnswersForm.to(context.movie_import.questions, request.POST)
    if context.movie_import.has_other_answers(form.answers):
        flash_info(request, "Your answers change the import. Check the preview again, then import.")
        return answer(context, request)
    storage.confirm(context.movie_import)
    wake_importer(request)
    return redirect(request.path_to(context))


@view_config(context=ImportResource, name="discard", request_method="POST", permission=Permission.EDIT)
def discard(context: ImportResource, request: Request) -> HTTPSeeOther:
    storage.discard(context.movie_import)
    wake_importer(request)
    flash_success(request, f"Deleted {quote(context.movie_import.file_name)}. Nothing was imported.")
    return redirect(request.path_to(context.__parent__))


@notfound_view_config(
    containment=ImportsResource, request_method="POST", path_info=".*/discard/?$", renderer=ERROR_PAGE
)
def discard_again(exc: Exception, request: Request) -> dict[str, Any] | Response:
    """Show the page of imports after a second click, when the import is gone."""
    if not request.has_permission(Permission.EDIT, request.context):
        return not_found(exc, request)
    flash_info(request, "Nothing to do: this import was deleted.")
    return redirect(request.path_to(request.context))


@view_config(context=ImportResource, name="take-back", request_method="POST", permission=Permission.EDIT)
def take_back(context: ImportResource, request: Request) -> HTTPSeeOther:
    storage.begin_taking_back(context.movie_import)
    wake_importer(request)
    return redirect(request.path_to(context))


@exception_view_config(storage.WrongState)
def wrong_state(exc: storage.WrongState, request: Request) -> HTTPSeeOther:
    """Show the page of an import as it is now, for example after a second click."""
    flash_info(request, "Nothing to do: this import has changed since the page was loaded.")
    return redirect(request.path_to(request.context))
