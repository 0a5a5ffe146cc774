"""Sanity checks: reject malformed requests, and forms of other sites, before anything reads them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from multipart import MultipartParser, MultipartPart, parse_options_header
from pyramid.config import Configurator
from pyramid.decorator import reify
from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound
from pyramid.registry import Registry
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid_retry import is_error_retryable
from webob.multidict import MultiDict

from flicklist.security.audit import AuditEvent, audit
from flicklist.settings import HOST_NAME

METHODS = ("GET", "HEAD", "POST")
FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILE = "multipart/form-data"
FILE_FIELD = "file"
UPLOAD_PATH = re.compile(r"/watchlists/[\w-]{22}/imports/?", re.ASCII)  # the only path that accepts a file
MAX_BODY_BYTES = 131_072  # the form to edit a movie has 98,000 at most, with the longest texts in emoji
MAX_PARTS = 10  # of a form with a file
MAX_PART_HEADERS = 8
MAX_QUERY_BYTES = 8_192  # what nginx accepts by default
MAX_FIELDS = 100
NO_USER = 0  # for the audit log: a rejected request is never identified
UNSUPPORTED_FORM = ("Unsupported request", "FlickList can’t read forms of this kind. Nothing was saved.")
UNREADABLE = (
    "Invalid request",
    "Your browser sent something that can’t be read. Nothing was changed. Check the address, or go back and try again.",
)
FOREIGN_FORM = (
    "Form not accepted",
    "This form was sent from another site. Nothing was saved. Go back, reload the page and try again.",
)
# RFC 6265, 4.1.1: a name and a value, which may be quoted. A browser keeps at most 4,096 characters.
COOKIE = re.compile(r"""[\w!#$%&'*+.^`|~-]{1,256}=("?)[!#-+\--:<-\[\]-~]{0,4096}\1""", re.ASCII)
HOST = re.compile(rf"({HOST_NAME})(:[0-9]{{1,5}})?", re.ASCII | re.IGNORECASE)
PAGE = "flicklist:templates/errors/bare.jinja2"


class BodyInMemoryRequest(Request):
    """A request whose body stays in memory up to `MAX_BODY_BYTES`, except a form with a file.

    WebOb alone writes bodies over 10 kB to the disk, which may be full. It sets no limits for forms with files.
    """

    request_body_tempfile_limit = MAX_BODY_BYTES

    @reify
    def POST(self) -> Any:  # noqa: N802 - Pyramid's name
        """Return the fields of the form. Raises `HTTPBadRequest` if a form with a file is malformed."""
        return self._fields_with_file() if _has_file(self) else super().POST

    def _fields_with_file(self) -> Any:
        self.make_body_seekable()
        self.body_file_raw.seek(0)
        fields: Any = MultiDict()
        try:
            for part in _parts(self):
                self.add_finished_callback(lambda request, part=part: part.close())
                fields.add(part.name, _value(part))
        except ValueError:  # also MultipartError and UnicodeDecodeError
            raise HTTPBadRequest from None
        return fields


class UploadedFile(NamedTuple):
    """A file in a form, with the name that the browser sent. Without a file, the name is empty."""

    name: str
    file: IO[bytes]


def _parts(request: Request) -> MultipartParser:
    _, options = parse_options_header(request.headers.get("Content-Type", ""))
    return MultipartParser(
        request.body_file_raw,
        options.get("boundary", ""),
        request.content_length or 0,
        strict=True,
        header_limit=MAX_PART_HEADERS,
        part_limit=MAX_PARTS,
        partsize_limit=request.registry.flicklist.max_upload_size,
        spool_limit=MAX_BODY_BYTES,
    )


def _value(part: MultipartPart) -> str | UploadedFile:
    """Return the value of a field. Raises `ValueError` if it is too long, not UTF-8, has a NUL, or is a wrong file."""
    if part.filename is not None:
        if part.name != FILE_FIELD:
            raise ValueError(part.name)
        return UploadedFile(part.filename, part.file)
    if part.size > MAX_BODY_BYTES or not is_valid_text(part.name + (text := part.raw.decode())):
        raise ValueError(part.name)
    return text


class RequestRejected(Exception):
    """A request is rejected with a status, a title and a text for the error page, and an event for the audit log.

    `way_on` is the path and the label of a link, which the error page has besides the one to the start page.
    """

    def __init__(
        self,
        status: int,
        title: str,
        text: str,
        event: AuditEvent = AuditEvent.MALFORMED,
        way_on: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(status, title)
        self.status = status
        self.title = title
        self.text = text
        self.event = event
        self.way_on = way_on


def check(request: Request) -> None:
    """Raise `RequestRejected` for a request that no view should see."""
    if request.method not in METHODS:
        raise RequestRejected(405, "Unsupported request", f"FlickList only answers {', '.join(METHODS)} requests.")
    _check_host(request)
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:  # WebOb fails on any other, even for a GET
        raise RequestRejected(415, *UNSUPPORTED_FORM)
    _check_text(request)
    if request.method == "POST":
        _check_origin(request)
        _check_form(request)


def drop_malformed_cookies(request: Request) -> None:
    """Drop malformed cookies, which other applications on the same host may have set.

    WebOb fails on all cookies if one is not UTF-8. For a long text without "=", it takes time that grows as the square
    of the length: 21 seconds for 60,000 characters.
    """
    pairs = map(str.strip, request.environ.get("HTTP_COOKIE", "").split(";"))
    request.environ["HTTP_COOKIE"] = "; ".join(pair for pair in pairs if COOKIE.fullmatch(pair))


def _check_host(request: Request) -> None:
    hosts = request.registry.flicklist.hosts
    host = HOST.fullmatch(request.host)
    if host is None or (hosts and host[1].lower().removesuffix(".") not in hosts):  # the dot ends a full domain name
        raise RequestRejected(400, "Unknown host", "FlickList isn’t set up for this address. Check it for typos.")


def _check_text(request: Request) -> None:
    """Check everything that Pyramid will decode as text."""
    if len(request.query_string) > MAX_QUERY_BYTES:
        raise RequestRejected(
            414,
            "Address too long",
            "If you searched or filtered, try fewer words. If you followed a link, check it.",
        )
    try:
        path = request.path_info
        _check_fields(request.query_string)
        for header in ("Origin", "Referer"):
            _ = urlsplit(request.headers.get(header, "")).port
    except ValueError:  # not UTF-8, malformed fields, or a malformed URL
        raise RequestRejected(400, *UNREADABLE) from None
    is_root_of_prefix = not path and request.script_name  # the site is served below a prefix, such as /flicklist
    if any(unicodedata.category(char) == "Cc" for char in path) or not (_is_resolved(path) or is_root_of_prefix):
        raise RequestRejected(400, *UNREADABLE)


def _is_resolved(path: str) -> bool:
    """Return whether a path begins with one slash and has no ``.`` or ``..``, which browsers resolve.

    In a link, two slashes at the beginning would lead to another host.
    """
    return path.startswith("/") and not path.startswith("//") and not {".", ".."} & set(path.split("/"))


def _check_origin(request: Request) -> None:
    """Reject a form if the browser says that another site sent it.

    The CSRF check would reject it too. But a form of a cross-site page comes without the SameSite cookie, so the
    response would set a new one and replace the session of the person: another site could log them out. Forms of other
    subdomains are rejected, too, because they are other sites.
    """
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        raise RequestRejected(403, *FOREIGN_FORM, AuditEvent.CSRF_FAILED)


def _check_form(request: Request) -> None:
    if _has_file(request) and UPLOAD_PATH.fullmatch(request.path_info):
        _check_upload(request)
        return
    if (request.content_length or 0) > MAX_BODY_BYTES:
        request.body_file_raw.close()  # pyramid_retry has read so long a body into a temporary file
        size = f"at most {MAX_BODY_BYTES // 1024} kB"
        raise RequestRejected(
            413,
            "Too much text",
            f"Nothing was saved. All fields together can have {size}. Go back, shorten what you typed and try again.",
        )
    if request.content_type not in {FORM, ""}:
        raise RequestRejected(415, *UNSUPPORTED_FORM)
    try:
        _check_fields(request.body.decode("ascii"))
    except ValueError:
        raise RequestRejected(400, *UNREADABLE) from None


def _has_file(request: Request) -> bool:
    return request.method == "POST" and request.content_type == FORM_WITH_FILE


def _check_upload(request: Request) -> None:
    """Check the size of a form with a file. Its fields are read only if the person has the permission."""
    request.add_finished_callback(_close_body)
    max_size = request.registry.flicklist.max_upload_size
    if (request.content_length or 0) > max_size + MAX_BODY_BYTES:
        size = f"at most {max_size / 1_000_000:,.10g} MB"
        raise RequestRejected(
            413,
            "File too large",
            f"Nothing was imported. A file can have {size}. Split it into smaller files.",
            way_on=(request.path, "Choose another file"),
        )


def _close_body(request: Request) -> None:
    """Delete the temporary file with the body, unless `pyramid_retry` needs it again."""
    if not is_error_retryable(request, request.exception):
        request.body_file_raw.close()


def _check_fields(encoded: str) -> None:
    """Parse fields as Pyramid will. Raises `ValueError` for invalid UTF-8, a NUL, or too many fields."""
    fields = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    if not all(is_valid_text(name + value) for name, value in fields):
        raise ValueError("NUL")


def is_valid_text(text: str) -> bool:
    """Return whether a field can have this text. It must have no NUL, and be possible to encode as UTF-8."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def sanity_tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    def sanity_tween(request: Request) -> Response:
        drop_malformed_cookies(request)
        try:
            check(request)
        except RequestRejected as rejected:
            audit(request, rejected.event, NO_USER)
            words = {"title": rejected.title, "text": rejected.text, "status": rejected.status}
            page = {**words, "way_on": rejected.way_on, "typed": {}}  # the form is not trusted, or was not read
            response = render_to_response(PAGE, page, request=request)
            response.status_int = rejected.status
            if rejected.status == 405:  # noqa: PLR2004
                response.allow = METHODS
            return response
        try:
            return handler(request)
        except Exception:  # noqa: BLE001 - the commit failed, or an error page did
            return request.invoke_exception_view()

    return sanity_tween


def exact_path(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that matches its exact path only.

    Without this, ``/login/and/anything``, ``/@@login`` and ``//login`` are the login page too, and evade a proxy's
    limit for ``/login``. One slash at the end is ignored.
    """
    if info.exception_only:
        return view

    def exact(context: Any, request: Request) -> Response:
        if request.matched_route is None and (
            request.subpath or "/@@" in request.path_info or "//" in request.path_info
        ):
            raise HTTPNotFound
        return view(context, request)

    return exact


def single_fields(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that accepts each field once, except those in its option ``repeated_fields``."""
    if info.exception_only:
        return view
    repeated = frozenset(info.options.get("repeated_fields") or ())

    def single(context: Any, request: Request) -> Response:
        for fields in (request.GET, request.POST) if request.may_write else (request.GET,):
            times = Counter(fields.keys())
            if any(number > 1 and name not in repeated for name, number in times.items()):
                raise HTTPBadRequest
        return view(context, request)

    return single


single_fields.options = ("repeated_fields",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.set_request_factory(BodyInMemoryRequest)
    config.add_tween("flicklist.sanity.sanity_tween_factory", under="flicklist.security.headers.headers_tween_factory")
    config.add_view_deriver(exact_path)
    config.add_view_deriver(single_fields, under="exact_path")
