"""The session cookie: signed, with the token of the login session, the CSRF token and the flash messages."""

import re
import secrets
from collections.abc import Callable
from functools import lru_cache, partial
from urllib.parse import urlsplit

from pyramid.csrf import SessionCSRFStoragePolicy
from pyramid.interfaces import ISession, ISessionFactory
from pyramid.request import Request
from pyramid.session import SignedCookieSessionFactory

from flicklist.forms.fields import OutdatedForm
from flicklist.security.audit import AuditEvent, audit
from flicklist.services.tokens import derive_key
from flicklist.settings import Settings

COOKIE_REISSUE_SECONDS = 600
DAY_SECONDS = 86_400
LOGIN_CHANGED = "You probably logged in or out in another window."
NO_COOKIE = "Your browser sent no cookie, and this site needs one."
PORT = re.compile(r":([0-9]{1,5})$")
HTTP_PORT = 80
MAX_NAMES = 8  # a site has one or two; a client can claim any port in its Host header


class CSRFStoragePolicy(SessionCSRFStoragePolicy):
    """Keeps the CSRF token in the session. It has 256 random bits, more than a UUID (ASVS 5.0, 11.5.1)."""

    _token_factory = staticmethod(secrets.token_urlsafe)

    def check_csrf_token(self, request: Request, supplied_token: str) -> bool:
        """Return whether the token is valid. Raises `OutdatedForm` if it is not, but a page of this site sent it."""
        if super().check_csrf_token(request, supplied_token):
            return True
        if is_from_this_site(request):
            audit(request, AuditEvent.CSRF_FAILED)
            raise OutdatedForm(
                LOGIN_CHANGED if cookie_name(request, request.settings) in request.cookies else NO_COOKIE
            )
        return False


def is_from_this_site(request: Request) -> bool:
    """Return whether the browser says that a page of this site sent the form."""
    sender = urlsplit(request.headers.get("Origin") or request.referer or "")
    return f"{sender.scheme}://{sender.netloc}" == request.host_url


def cookie_name(request: Request, settings: Settings) -> str:
    """Return the name of the session cookie.

    Browsers send a cookie to every port of its host. Without https, its name has the port, so that sites on several
    ports do not replace each other's cookie: ``flicklist-8080``, or ``flicklist`` for http's own port.
    """
    if settings.https:
        return "__Host-flicklist"
    port = PORT.search(request.host)
    return f"flicklist-{int(port[1])}" if port and int(port[1]) != HTTP_PORT else "flicklist"


def session_factory(settings: Settings) -> Callable[[Request], ISession]:
    """Return a function that makes the session of a request."""
    of_name = lru_cache(maxsize=MAX_NAMES)(partial(_cookie_session, settings))
    return lambda request: of_name(cookie_name(request, settings))(request)


def _cookie_session(settings: Settings, cookie_name: str) -> Callable[[Request], ISession]:
    return SignedCookieSessionFactory(
        derive_key(settings.secret, "session"),
        cookie_name=cookie_name,
        secure=settings.https,
        httponly=True,
        samesite="Lax",
        max_age=settings.login_session_idle_days * DAY_SECONDS,
        timeout=settings.login_session_idle_days * DAY_SECONDS,
        reissue_time=COOKIE_REISSUE_SECONDS,
    )


def restore_session(request: Request) -> None:
    """Reset the session to what the browser sent.

    Otherwise a failed request would still log the user out, or flash that it added a movie.
    """
    sent = request.registry.getUtility(ISessionFactory)(request.copy_get())  # a copy, whose cookie is not sent
    if dict(request.session) != dict(sent):
        request.session.clear()
        request.session.update(sent)
