"""The guard at the door: what no browser sends to this site goes no further, and gets a plain page."""

import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.registry import Registry
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response

from flicklist.audit import Event, audit

METHODS = ("GET", "HEAD", "POST")
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 65_536
MOST_FIELDS = 100
NOBODY = 0  # for the audit log: who is signed in is not looked up at the door
NO_FORM = ("Not like that", "The site reads forms in UTF-8, and no files.")
PAGE = "flicklist:templates/errors/bare.jinja2"


class Refused(Exception):
    """A request that goes no further: the status of the answer, what the page says, and what the audit log does."""

    def __init__(self, status: int, title: str, text: str, event: Event = Event.MALFORMED) -> None:
        super().__init__(status, title)
        self.status = status
        self.title = title
        self.text = text
        self.event = event


def check(request: Request) -> None:
    """Raise `Refused` for a request that no view should see."""
    if request.method not in METHODS:
        raise Refused(405, "Not like that", f"This site answers {', '.join(METHODS)} only.")
    _check_host(request)
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:  # WebOb fails over any other, also in a GET
        raise Refused(415, *NO_FORM)
    _check_text(request)
    if request.method == "POST":
        _check_origin(request)
        _check_form(request)


def _check_host(request: Request) -> None:
    hosts = request.registry.flicklist.hosts
    name = request.host.rpartition(":")[0] or request.host
    if hosts and name.lower() not in hosts:
        raise Refused(400, "Nobody of that name", "This site is not reached by that name.")


def _check_text(request: Request) -> None:
    """Look at all that Pyramid will read as text, before it does."""
    unreadable = Refused(400, "That did not work", "The site could not read what your browser sent.")
    try:
        path = request.path_info
        _fields(request.query_string)
        for header in ("Origin", "Referer"):
            _ = urlsplit(request.headers.get(header, "")).port
    except ValueError:  # bytes that are no UTF-8, too many fields, or an address that is none
        raise unreadable from None
    if any(unicodedata.category(char) == "Cc" for char in path):
        raise unreadable


def _check_origin(request: Request) -> None:
    """Refuse what a browser says another site sent.

    The CSRF token refuses it too, but to a form that comes without the cookie (SameSite) the site would give a new
    one, in place of the one of the person who is signed in: another site could log them out.
    """
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        text = "That form was sent from another site, so it was not accepted."
        raise Refused(403, "Not from there", text, Event.CSRF_FAILED)


def _check_form(request: Request) -> None:
    if (request.content_length or 0) > MOST_BYTES:
        request.body_file_raw.close()  # a temporary file by now, since the body may have been needed again
        raise Refused(413, "Too much", f"A form can have at most {MOST_BYTES // 1024} kB.")
    if request.content_type not in {FORM, ""}:
        raise Refused(415, *NO_FORM)
    try:
        _fields(request.body.decode("ascii"))
    except ValueError:
        raise Refused(400, "That did not work", "The site could not read what your browser sent.") from None


def _fields(encoded: str) -> list[tuple[str, str]]:
    """Read fields as Pyramid will. Raises `ValueError` for bytes that are no UTF-8, and for too many fields."""
    return parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


def guard_tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    def guard_tween(request: Request) -> Response:
        try:
            check(request)
        except Refused as refused:
            audit(request, refused.event, NOBODY)
            words = {"title": refused.title, "text": refused.text, "status": refused.status}
            response = render_to_response(PAGE, words, request=request)
            response.status_int = refused.status
            if refused.status == 405:  # noqa: PLR2004
                response.allow = METHODS
            return response
        try:
            return handler(request)
        except Exception:  # noqa: BLE001 - of an error page, which asked a database that is away
            return request.invoke_exception_view()

    return guard_tween


def exact_path(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that is not found where something is left of the path behind the view's name.

    Without this, ``/login/and/anything`` is the log-in page too.
    """
    if info.exception_only:
        return view

    def exact(context: Any, request: Request) -> Response:
        if request.subpath and request.matched_route is None:
            raise HTTPNotFound
        return view(context, request)

    return exact


def single_fields(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that takes each field of a form once, but for those that it declares with ``repeated_fields``."""
    if info.exception_only:
        return view
    repeated = frozenset(info.options.get("repeated_fields") or ())

    def single(context: Any, request: Request) -> Response:
        if request.writes:
            times = Counter(request.POST.keys())
            if any(number > 1 and name not in repeated for name, number in times.items()):
                raise HTTPBadRequest
        return view(context, request)

    return single


single_fields.options = ("repeated_fields",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.add_tween("flicklist.guard.guard_tween_factory", under="flicklist.security.headers_tween_factory")
    config.add_view_deriver(exact_path)
    config.add_view_deriver(single_fields)
