"""``/watchlists/pX3v…/imports/``: uploading files, and importing their movies."""

from tempfile import TemporaryFile
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_info, flash_success
from flicklist.forms.imports import PROBLEMS, AnswersForm, ReportForm, UploadForm
from flicklist.importer import wake_importer
from flicklist.models.movie import LimitReached
from flicklist.models.movie_import import (
    CHANGED_MOVIES,
    IMPORT_RETENTION,
    LEFT_ALONE,
    NEW_MOVIES,
    NEW_VIEWINGS,
    ImportState,
    Outcome,
)
from flicklist.permissions import Permission
from flicklist.post_redirect_get import redirect_to_form, refill_form
from flicklist.resources import ImportResource, ImportsResource
from flicklist.security.rate_limits import DOWNLOADS, LONG_PAGES
from flicklist.services.imports import report, storage
from flicklist.text import quote
from flicklist.views import download, redirect, requested_page

REFRESH_SECONDS = "2"
# The words for each state of an import.
STATES = {
    ImportState.UPLOADED: "reading the file",
    ImportState.READY: "waiting for you",
    ImportState.CONFIRMED: "importing",
    ImportState.FINISHED: "imported",
    ImportState.TAKING_BACK: "taking back",
    ImportState.TAKEN_BACK: "taken back",
    ImportState.REFUSED: "refused",
}


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


@view_config(context=ImportsResource, request_method="POST", permission=Permission.EDIT)
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
    read_limit=LONG_PAGES,
)
def import_page(context: ImportResource, request: Request) -> dict[str, Any]:
    movie_import = context.movie_import
    if movie_import.is_working:
        # Browsers load the page again, also without JavaScript, so that the progress bar moves.
        request.response.headers["Refresh"] = REFRESH_SECONDS
    problems = sum(movie_import.counts.get(outcome, 0) for outcome in (Outcome.UNDECIDED, Outcome.REFUSED))
    default = PROBLEMS if movie_import.state == ImportState.READY and problems else "all"
    shown, outcomes = ReportForm(request.GET).outcomes(default)
    page = report.rows_page(request.db, context.watchlist.owner_id, movie_import.id, requested_page(request), outcomes)
    form = AnswersForm.to(movie_import.questions, None)
    refill_form(request, form)
    return {
        "form": form,
        "movie_import": movie_import,
        "page": page,
        "shown": shown,
        "PROBLEMS": PROBLEMS,
        "problems": problems,
        "states": STATES,
        "outcomes": list(Outcome),
        "ImportState": ImportState,
        "NEW_MOVIES": NEW_MOVIES,
        "CHANGED_MOVIES": CHANGED_MOVIES,
        "NEW_VIEWINGS": NEW_VIEWINGS,
        "LEFT_ALONE": LEFT_ALONE,
        "retention_days": IMPORT_RETENTION.days,
    }


@view_config(
    context=ImportResource,
    name="report.csv",
    request_method="GET",
    permission=Permission.VIEW,
    read_limit=DOWNLOADS,
)
def report_csv(context: ImportResource, request: Request) -> Response:
    """Send the report from a temporary file, because an import can have `max_import_rows`."""
    file = TemporaryFile()  # noqa: SIM115 - the server closes it
    file.writelines(line.encode() for line in report.report_lines(request.read_db, context.movie_import.id))
    return download(request, file, "flicklist-import.csv", content_type="text/csv", charset="utf-8")


@view_config(context=ImportResource, name="answer", request_method="POST", permission=Permission.EDIT)
def answer(context: ImportResource, request: Request) -> HTTPSeeOther:
    form = AnswersForm.to(context.movie_import.questions, request.POST)
    if not form.validate():
        raise redirect_to_form(request, request.path_to(context), form)
    storage.answer(context.movie_import, form.answers)
    wake_importer(request)
    return redirect(request.path_to(context))


@view_config(context=ImportResource, name="confirm", request_method="POST", permission=Permission.EDIT)
def confirm(context: ImportResource, request: Request) -> HTTPSeeOther:
    """Import what the preview shows. If the person has chosen other answers since, show another preview first."""
    form = AnswersForm.to(context.movie_import.questions, request.POST)
    if form.has_other_answers(context.movie_import.chosen_answers):
        flash_info(request, "Your answers change the import. Check the preview again, then import.")
        return answer(context, request)
    storage.confirm(context.movie_import)
    wake_importer(request)
    return redirect(request.path_to(context))


@view_config(context=ImportResource, name="discard", request_method="POST", permission=Permission.EDIT)
def discard(context: ImportResource, request: Request) -> HTTPSeeOther:
    storage.discard(request.db, context.movie_import)
    flash_success(request, f"Deleted {quote(context.movie_import.file_name)}. Nothing was imported.")
    return redirect(request.path_to(context.__parent__))


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
