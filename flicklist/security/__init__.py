"""Who a person is, what they may do, and what every answer carries to keep it so."""

import hmac
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.csrf import SessionCSRFStoragePolicy
from pyramid.interfaces import ISessionFactory
from pyramid.registry import Registry
from pyramid.request import Request, RequestLocalCache
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import DBAPIError

from flicklist.models import LoginSession, User
from flicklist.models.login_session import IS_ACTIVE, active_at
from flicklist.models.meta import token_hash, utc_now
from flicklist.permissions import Permission
from flicklist.services.passwords import PasswordHasher

log = logging.getLogger(__name__)

COOKIE_REISSUE_SECONDS = 600
LAST_SEEN_PRECISION = timedelta(hours=1)
DAY_SECONDS = 86_400
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send "Origin: null", which no form survives over https.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


# A year, and other names below the site's (ASVS 5.0, 3.4.1). Only over https does it mean anything.
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
# Not "cookies": the session cookie carries the message that one is logged out. Only over https do browsers heed it.
CLEAR_SITE_DATA = '"cache", "storage"'


@dataclass(frozen=True)
class Identity:
    """The person who is signed in, as far as a page needs to know them. No row, so no rollback can expire it."""

    user_id: int
    email: str
    watchlist_slug: str
    login_session_id: int


_ACTIVE_SESSION = (
    select(User.id, User.email, User.watchlist_slug, LoginSession.id, LoginSession.last_seen_at)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), IS_ACTIVE)
)


def active_here(request: Request, now: datetime) -> dict[str, Any]:
    """Return the parameters of `IS_ACTIVE` on this site."""
    return active_at(now, request.settings.login_session_days, request.settings.login_session_idle_days)


def principal_of(user_id: int) -> str:
    return f"user:{user_id}"


class SecurityPolicy:
    """Knows a person by the random token in their session cookie, for as long as its row in ``login_sessions`` lives.

    `remember` and `forget` are the only way in and out. Both empty the session, so that nothing of before, the CSRF
    token least of all, is worth anything after.
    """

    def __init__(self) -> None:
        self._acl = ACLHelper()
        self._identity = RequestLocalCache(self._read_identity)

    def identity(self, request: Request) -> Identity | None:
        return self._identity.get_or_create(request)

    def authenticated_userid(self, request: Request) -> int | None:
        identity = self.identity(request)
        return None if identity is None else identity.user_id

    def permits(self, request: Request, context: Any, permission: str) -> Any:
        identity = self.identity(request)
        principals = [Everyone]
        if identity is not None:
            principals += [Authenticated, principal_of(identity.user_id)]
        return self._acl.permits(context, principals, permission)

    def remember(self, request: Request, userid: int, **_: Any) -> list[tuple[str, str]]:
        """Sign the person in on this device, in place of who was signed in here before."""
        self._end_login_session(request)
        request.db.execute(
            delete(LoginSession).where(LoginSession.user_id == userid, ~IS_ACTIVE), active_here(request, utc_now())
        )
        token, login_session = LoginSession.start(userid, request.user_agent or "")
        request.db.add(login_session)
        request.db.flush()
        request.session["login_session"] = token
        user = request.db.get_one(User, userid)
        self._identity.set(request, Identity(user.id, user.email, user.watchlist_slug, login_session.id))
        return []

    def forget(self, request: Request, **_: Any) -> list[tuple[str, str]]:
        """End this device's login session, also for whoever copied its cookie, and clear what the browser keeps."""
        self._end_login_session(request)
        self._identity.set(request, None)
        if request.scheme == "https":
            request.add_response_callback(_clear_site_data)
        return []

    def _end_login_session(self, request: Request) -> None:
        if token := request.session.get("login_session"):
            request.db.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash(token)))
        request.session.invalidate()

    def _read_identity(self, request: Request) -> Identity | None:
        token = request.session.get("login_session")
        if token is None:
            return None
        now = utc_now()
        parameters = {"token_hash": token_hash(token), **active_here(request, now)}
        row = request.read_db.execute(_ACTIVE_SESSION, parameters).one_or_none()
        identity = None
        if row is not None:
            *person, last_seen_at = row
            identity = Identity(*person)
            if now - last_seen_at > LAST_SEEN_PRECISION:
                _note_visit(request, identity, now)
        if request.has_transaction:
            request.read_db.rollback()  # Gives the connection back: a password may be hashed next.
        return identity


def _note_visit(request: Request, identity: Identity, now: datetime) -> None:
    """Note that the device was seen; a database that cannot be written to still shows its pages."""
    try:
        request.read_db.execute(
            update(LoginSession).where(LoginSession.id == identity.login_session_id).values(last_seen_at=now)
        )
    except DBAPIError:
        log.exception("A visit could not be noted")
        request.read_db.rollback()


def restore_session(request: Request) -> None:
    """Make the session what the browser sent.

    Without this, who is logged out by a request that failed is logged out, and "Heat is on your watchlist" follows a
    failure that kept it off the list.
    """
    sent = request.registry.getUtility(ISessionFactory)(request.copy_get())  # a copy, whose cookie nobody gets
    if dict(request.session) != dict(sent):
        request.session.clear()
        request.session.update(sent)


def _clear_site_data(request: Request, response: Response) -> None:
    response.headers["Clear-Site-Data"] = CLEAR_SITE_DATA


class CSRFStoragePolicy(SessionCSRFStoragePolicy):
    """Keeps the token in the session, and makes it of 256 random bits (ASVS 5.0, 11.5.1: a UUID does not do)."""

    _token_factory = staticmethod(secrets.token_urlsafe)


def local_path(text: str | None, max_length: int = 500) -> str | None:
    r"""Return the text if it is an absolute path on this site, ready for a redirect, else ``None``.

    One slash, then printable ASCII with no backslash: browsers read ``//x`` and ``/\x`` as another host.
    """
    is_local = text and len(text) <= max_length and re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", text)
    return text if is_local else None


def subkey(secret: str, purpose: str) -> str:
    """Derive a key for one purpose, so that no two signers share one."""
    return hmac.digest(secret.encode(), purpose.encode(), "sha512").hex()


def headers_tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    def headers_tween(request: Request) -> Response:
        response = handler(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        # Without this, the Back button shows the movies of a person who has logged out.
        response.headers.setdefault("Cache-Control", "no-store")
        if request.scheme == "https":
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        return response

    return headers_tween


def includeme(config: Configurator) -> None:
    settings = config.registry.flicklist
    config.set_security_policy(SecurityPolicy())
    config.set_default_permission(Permission.NOBODY)
    config.set_session_factory(
        SignedCookieSessionFactory(
            subkey(settings.secret, "session"),
            cookie_name="__Host-flicklist" if settings.https else "flicklist",
            secure=settings.https,
            httponly=True,
            samesite="Lax",
            max_age=settings.login_session_idle_days * DAY_SECONDS,
            timeout=settings.login_session_idle_days * DAY_SECONDS,
            reissue_time=COOKIE_REISSUE_SECONDS,
        )
    )
    config.set_csrf_storage_policy(CSRFStoragePolicy())
    config.set_default_csrf_options(require_csrf=True)
    config.add_tween("flicklist.security.headers_tween_factory")
    hasher = PasswordHasher(settings.bcrypt_cost, settings.max_concurrent_hashes, settings.min_password_length)
    config.add_request_method(lambda request: hasher, "passwords", reify=True)
