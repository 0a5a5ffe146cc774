"""The login wall and the error pages."""

import logging
from http import HTTPStatus
from math import ceil
from typing import Any

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken
from pyramid.httpexceptions import HTTPError
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config
from pyramid_retry import is_error_retryable
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from flicklist import unsent_forms
from flicklist.assets import STATIC_SEGMENT
from flicklist.flash import flash_error, flash_info
from flicklist.forms.auth import LogInForm
from flicklist.forms.fields import OutdatedForm
from flicklist.permissions import Permission
from flicklist.read_time import ReadTookTooLong
from flicklist.resources import WellKnownResource
from flicklist.sanity import FOREIGN_FORM, UNREADABLE
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import (
    CHANGES,
    COMPLETIONS,
    DOWNLOADS,
    LONG_CHANGES,
    LONG_READS,
    READ_SECONDS,
    RETRY_SECONDS,
    SEARCHES,
    UPLOADS,
    UPLOADS_AT_ONCE,
    RateLimited,
    is_search,
)
from flicklist.security.session import restore_session
from flicklist.services.passwords import TooBusy
from flicklist.urls import local_path
from flicklist.views import PageOrRedirect, form_page, redirect

log = logging.getLogger(__name__)

TWO_MINUTES = 120
# If the connection is lost at COMMIT, nobody knows whether the commit succeeded.
UNCONFIRMED = (
    "Your change may or may not have been saved. "
    "Before you try again, open your list in a new tab and check whether it was saved."
)
PAGE = "flicklist:templates/errors/page.jinja2"
LOG_IN_PAGE = "flicklist:templates/auth/login.jinja2"
TYPED_PAGE = "flicklist:templates/errors/typed.jinja2"
NOT_YOURS = (
    "This form belongs to another account, or what it was for no longer exists. "
    "Copy your text, and paste it where it belongs."
)
UNSENT = "You’re logged out, so nothing was saved. Log in to get back to what you typed."
BARE_PAGE = "flicklist:templates/errors/bare.jinja2"
TITLES_AND_TEXTS = {
    HTTPStatus.BAD_REQUEST: UNREADABLE,
    HTTPStatus.FORBIDDEN: FOREIGN_FORM,
    HTTPStatus.NOT_FOUND: ("Page not found", "This page doesn’t exist, or you don’t have access to it."),
    HTTPStatus.CONFLICT: (
        "Changed at the same time",
        "This was changed elsewhere at the same time. Nothing was saved. Try again.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Something went wrong",
        (
            "This is not your fault. Nothing was changed. Try again. "
            "If it keeps happening, tell the person who runs this site."
        ),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: ("The site is busy", "Nothing was changed. Try again in a few seconds."),
}
# The titles and texts about exceeded rate limits, by the name of the rule.
TOO_MANY_SEARCHES = ("Too many searches", "You searched a lot in a short time.")
TOO_MANY = {
    CHANGES: ("Too many changes", "You made a lot of changes in a short time."),
    SEARCHES.setting: TOO_MANY_SEARCHES,
    COMPLETIONS.setting: TOO_MANY_SEARCHES,
    DOWNLOADS.setting: ("Too many downloads", "You downloaded a lot in a short time."),
    UPLOADS.setting: ("Too many uploads", "You uploaded a lot in a short time."),
    UPLOADS_AT_ONCE: ("Too many uploads at once", "Another upload isn’t finished yet."),
    LONG_CHANGES: ("Too many changes at once", "Other changes are still being saved."),
    LONG_READS: ("Too many pages at once", "Other pages are still loading."),
    READ_SECONDS: ("Too many long searches", "Your searches and downloads took a lot of time."),
}
TOO_MANY_PAGES = ("Too many pages", "You opened a lot of pages in a short time.")
TOO_MANY_ATTEMPTS = ("Too many attempts", "There were too many attempts in a short time.")


@forbidden_view_config(renderer=PAGE)
def forbidden(exc: Exception, request: Request) -> dict[str, Any] | Response:
    if request.identity is None:
        return _wall(request)
    audit(request, AuditEvent.FORBIDDEN)
    return _hidden_page(request)


@notfound_view_config(renderer=PAGE)
def not_found(exc: Exception, request: Request) -> dict[str, Any] | Response:
    """Respond as `forbidden` does, so that probing does not reveal what exists."""
    is_static = request.path_info.startswith(f"/{STATIC_SEGMENT}/")
    # Today no ACL lets an anonymous visitor view anything.
    is_public = is_static or request.has_permission(Permission.VIEW, request.context)
    return _wall(request) if request.identity is None and not is_public else _hidden_page(request)


@exception_view_config(OutdatedForm, renderer=TYPED_PAGE)
def outdated_button(exc: OutdatedForm, request: Request) -> PageOrRedirect:
    """Lead back to the page of a form without text, such as a button. One that carries a text gives it back."""
    page = _page(request, HTTPStatus.BAD_REQUEST, "Nothing was saved", f"{exc.reason} Copy your text if you need it.")
    if page["typed"]:
        return page
    flash_error(request, f"{exc.reason} Nothing was changed; please try again.")
    return redirect(form_page(request) or request.path_to(request.root))


@notfound_view_config(containment=WellKnownResource, renderer=BARE_PAGE)
def well_known_not_found(exc: Exception, request: Request) -> dict[str, Any]:
    """Respond without session and cookie. Programs ask whether an address exists, and do not log in."""
    return _page(request, HTTPStatus.NOT_FOUND)


@exception_view_config(BadCSRFToken, renderer=PAGE)
@exception_view_config(BadCSRFOrigin, renderer=PAGE)
def foreign_form(exc: Exception, request: Request) -> dict[str, Any]:
    audit(request, AuditEvent.CSRF_FAILED)
    return _page(request, HTTPStatus.FORBIDDEN)


@exception_view_config(HTTPError, renderer=PAGE)
def http_error(exc: HTTPError, request: Request) -> dict[str, Any]:
    return _page(request, HTTPStatus(exc.status_int))


@exception_view_config(StaleDataError, renderer=BARE_PAGE)
@exception_view_config(IntegrityError, renderer=BARE_PAGE)
def conflict(exc: Exception, request: Request) -> dict[str, Any]:
    """Report a violated constraint, or a conflict that is left after the retries."""
    if not is_error_retryable(request, exc):  # otherwise the request is repeated
        log.error("Conflicting concurrent change, or violated database constraint", exc_info=exc)
    restore_session(request)
    return _page(request, HTTPStatus.CONFLICT)


@exception_view_config(RateLimited, renderer=PAGE)
def rate_limited(exc: RateLimited, request: Request) -> dict[str, Any]:
    audit(request, AuditEvent.LIMITED)
    request.response.retry_after = exc.seconds
    seconds = "1 second" if exc.seconds == 1 else f"{exc.seconds} seconds"
    wait = seconds if exc.seconds < TWO_MINUTES else f"{ceil(exc.seconds / 60)} minutes"
    is_long_page = exc.rule == SEARCHES.setting and not is_search(request)
    title, reason = TOO_MANY_PAGES if is_long_page else TOO_MANY.get(exc.rule, TOO_MANY_ATTEMPTS)
    # A person who is not logged in has sent a password or an email address, which is never saved.
    nothing_saved = " Nothing was saved." if request.may_write and request.identity is not None else ""
    text = f"{reason}{nothing_saved} Try again in {wait}."
    return _page(request, HTTPStatus.TOO_MANY_REQUESTS, title, text)


@exception_view_config(TooBusy, renderer=BARE_PAGE)
def too_busy(exc: TooBusy, request: Request) -> dict[str, Any]:
    request.response.retry_after = RETRY_SECONDS
    return _page(request, HTTPStatus.SERVICE_UNAVAILABLE)


@exception_view_config(OperationalError, renderer=BARE_PAGE)
@exception_view_config(InternalError, renderer=BARE_PAGE)  # PostgreSQL in read-only mode
@exception_view_config(PoolTimeoutError, renderer=BARE_PAGE)
def database_unavailable(exc: SQLAlchemyError, request: Request) -> dict[str, Any]:
    if not is_error_retryable(request, exc):
        request.registry.outages.report("The database was unavailable, busy or read-only", exc)
    restore_session(request)
    request.add_finished_callback(_close_idle_connections)
    request.response.retry_after = RETRY_SECONDS
    return _page(request, HTTPStatus.SERVICE_UNAVAILABLE, text=UNCONFIRMED if request.may_write else "")


@exception_view_config(ReadTookTooLong, renderer=PAGE)
def read_took_too_long(exc: ReadTookTooLong, request: Request) -> dict[str, Any]:
    log.warning("A statement was stopped, because it took too long", exc_info=exc)
    text = "Reading your list took too long, so it was stopped. If you searched, try fewer or other words."
    return _page(request, HTTPStatus.SERVICE_UNAVAILABLE, "That took too long", text)


def _close_idle_connections(request: Request) -> None:
    """Reopen the database. A SQLite file opened on a read-only disk stays read-only until all connections close."""
    for engine in request.registry.engines:
        engine.dispose()


@exception_view_config(Exception, renderer=BARE_PAGE)
def server_error(exc: Exception, request: Request) -> dict[str, Any]:
    log.error("A request failed", exc_info=exc)
    restore_session(request)
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def _hidden_page(request: Request) -> dict[str, Any]:
    """Return the page for what does not exist, or belongs to somebody else."""
    nothing_saved = " Nothing was saved." if request.may_write else ""
    page = _page(request, HTTPStatus.NOT_FOUND, text=f"{TITLES_AND_TEXTS[HTTPStatus.NOT_FOUND][1]}{nothing_saved}")
    if not page["typed"]:
        return page
    request.override_renderer = TYPED_PAGE
    return page | {"title": "Nothing was saved", "text": NOT_YOURS}


def _wall(request: Request) -> Response:
    """Send a person who is not logged in to the registration page, and remember where they wanted to go.

    A first visit to ``/`` is not a mistake, so there is no message for it.
    """
    if request.path_info in {"", "/"} and not request.may_write:
        return redirect(request.path_to(request.root, "register"))
    wanted = form_page(request) if request.may_write else local_path(request.path_qs)
    if request.may_write and (unsent := unsent_forms.pack(request)):
        return _log_in_page(request, unsent, wanted)
    query = {"next": wanted} if wanted else None
    if request.accept.accept_html():  # a script that asks for JSON shows no message
        _flash_wall(request, query)
    return redirect(request.path_to(request.root, "register", query=query))


def _flash_wall(request: Request, query: dict[str, str] | None) -> None:
    is_open = request.settings.registration == "open"
    text = "Log in or create an account to continue." if is_open else "Log in to continue."
    if request.may_write:
        text += " Your changes weren’t saved."
    flash_info(request, text, "Log in", request.path_to(request.root, "login", query=query), is_link=True)


def _log_in_page(request: Request, unsent: str, next_path: str | None) -> Response:
    """Return the page to log in with a form that was sent while logged out. A redirect would lose its text."""
    flash_info(request, UNSENT)
    form = LogInForm(data={"unsent": unsent})
    response = render_to_response(LOG_IN_PAGE, {"form": form, "next": next_path}, request)
    response.status_int = HTTPStatus.FORBIDDEN
    return response


def _page(request: Request, status: HTTPStatus, title: str = "", text: str = "") -> dict[str, Any]:
    """Return the values of an error page. It gives back what was typed, because nothing else has it any more."""
    request.response.status_int = status.value
    known_title, known_text = TITLES_AND_TEXTS.get(status, (status.phrase, status.description))
    typed = unsent_forms.typed_texts(request) if request.may_write else {}
    return {"title": title or known_title, "text": text or known_text, "status": status.value, "typed": typed}
