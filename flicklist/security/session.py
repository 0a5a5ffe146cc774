"""The session cookie: signed, with the token of the login session, the CSRF token and the flash messages."""

import secrets

from pyramid.csrf import SessionCSRFStoragePolicy
from pyramid.interfaces import ISessionFactory
from pyramid.request import Request
from pyramid.session import SignedCookieSessionFactory

from flicklist.services.tokens import derive_key
from flicklist.settings import Settings

COOKIE_REISSUE_SECONDS = 600
DAY_SECONDS = 86_400


class CSRFStoragePolicy(SessionCSRFStoragePolicy):
    """Keeps the CSRF token in the session. It has 256 random bits, more than a UUID (ASVS 5.0, 11.5.1)."""

    _token_factory = staticmethod(secrets.token_urlsafe)


def session_factory(settings: Settings) -> SignedCookieSessionFactory:
    return SignedCookieSessionFactory(
        derive_key(settings.secret, "session"),
        cookie_name="__Host-flicklist" if settings.https else "flicklist",
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
