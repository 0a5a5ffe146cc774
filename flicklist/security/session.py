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
    """Keeps the token in the session, and makes it of 256 random bits (ASVS 5.0, 11.5.1: a UUID does not do)."""

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
    """Make the session what the browser sent.

    Without this, who is logged out by a request that failed is logged out, and "Heat is on your watchlist" follows a
    failure that kept it off the list.
    """
    sent = request.registry.getUtility(ISessionFactory)(request.copy_get())  # a copy, whose cookie nobody gets
    if dict(request.session) != dict(sent):
        request.session.clear()
        request.session.update(sent)
