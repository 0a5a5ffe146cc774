"""The security policy: identifies the logged-in person and checks permissions."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.request import Request, RequestLocalCache
from pyramid.response import Response
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from flicklist.models import User
from flicklist.models.meta import utc_now
from flicklist.security.known_browser import remember_browser
from flicklist.services import login_sessions

LAST_SEEN_PRECISION = timedelta(hours=1)
# Not "cookies", because the session cookie has the message that confirms the log-out. Browsers ignore it over http.
CLEAR_SITE_DATA = '"cache", "storage"'


@dataclass(frozen=True)
class Identity:
    """The person who is logged in. Not a row, so that no rollback can expire it."""

    user_id: int
    email: str
    watchlist_slug: str
    created_at: datetime
    email_confirmed_at: datetime | None
    login_session_id: int


def principal_of(user_id: int) -> str:
    return f"user:{user_id}"


class SecurityPolicy:
    """Identifies a person by the token in their session cookie, as long as its row in ``login_sessions`` is active.

    Only `remember` logs a person in. `forget` logs this browser out. Both clear the session, so that no CSRF token
    survives them. Other login sessions are ended by deleting their rows.
    """

    def __init__(self) -> None:
        self._acl = ACLHelper()
        self._identity = RequestLocalCache(self._read_identity)

    def identity(self, request: Request) -> Identity | None:
        return self._identity.get_or_create(request)

    def reidentify(self, request: Request) -> Identity | None:
        """Read the identity again, after another request may have changed it."""
        self._identity.clear(request)
        return self.identity(request)

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
        """Start a login session for a person, and end the one that this browser had."""
        self._end_login_session(request)
        token, login_session = login_sessions.start(request.db, request.settings, userid, request.user_agent or "")
        request.session["login_session"] = token
        remember_browser(request, userid)
        user = request.db.get_one(User, userid)
        person = user.id, user.email, user.watchlist_slug, user.created_at, user.email_confirmed_at
        self._identity.set(request, Identity(*person, login_session.id))
        return []

    def forget(self, request: Request, **_: Any) -> list[tuple[str, str]]:
        """End the login session of this browser, also for copies of its cookie, and clear what the browser stores."""
        self._end_login_session(request)
        self._identity.set(request, None)
        if request.scheme == "https":
            request.add_response_callback(_clear_site_data)
        return []

    def _end_login_session(self, request: Request) -> None:
        if token := request.session.get("login_session"):
            login_sessions.end(request.db, token)
        request.session.invalidate()

    def _read_identity(self, request: Request) -> Identity | None:
        token = request.session.get("login_session")
        if token is None:
            return None
        with _identifying_connection(request) as connection:
            row = login_sessions.find_person(connection, request.settings, token)
            if row is None:
                return None
            *person, last_seen_at = row
            identity = Identity(*person)
            now = utc_now()
            if now - last_seen_at > LAST_SEEN_PRECISION:
                _record_visit(request, connection, identity, now)
            return identity


def _identifying_connection(request: Request) -> AbstractContextManager[Connection]:
    """Return the connection of a request that reads. Otherwise, open one that is given back at once.

    A password may be hashed next, which is slow.
    """
    return request.registry.reading_engine.connect() if request.may_write else nullcontext(request.connection)


def _record_visit(request: Request, connection: Connection, identity: Identity, now: datetime) -> None:
    """Record the visit, on a connection whose statements are committed at once: a GET has no transaction.

    If the database cannot be written to, log that and still show the page.
    """
    try:
        login_sessions.record_visit(connection, identity.login_session_id, now)
    except DBAPIError as error:
        request.registry.outages.report("A visit could not be recorded", error)


def _clear_site_data(request: Request, response: Response) -> None:
    response.headers["Clear-Site-Data"] = CLEAR_SITE_DATA
