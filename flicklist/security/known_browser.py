"""The cookie of a known browser: it names the accounts to which this browser has logged in before.

Strangers who guess the password of an account use up its limits. A known browser has limits of its own, so the owner
still gets in. The cookie logs nobody in. OWASP calls it a device cookie.

It has a version of each account. When a person logs out all other browsers, for example by changing their password, the
account gets a new version, and only their current browser stays known.
"""

import hashlib
import secrets
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from pyramid.request import Request
from pyramid.response import Response

from flicklist.models import User
from flicklist.security.session import DAY_SECONDS, cookie_name
from flicklist.services.tokens import derive_key

MAX_AGE_SECONDS = 365 * DAY_SECONDS
MAX_ACCOUNTS = 10  # of a household that shares a browser
PURPOSE = "known-browser-of-accounts"  # not "known-browser": such cookies had no versions


def remember_browser(request: Request, user_id: int) -> None:
    """Send the cookie with the current version of an account in it, unless the request fails."""
    browser_id, accounts = _read(request) or (secrets.token_urlsafe(16), [])
    version = request.db.get_one(User, user_id).known_browsers_version
    newest_first = [[user_id, version], *(each for each in accounts if each[0] != user_id)][:MAX_ACCOUNTS]
    cookie = _serializer(request).dumps([browser_id, newest_first])
    request.add_response_callback(lambda request, response: _send(request, response, cookie))


def known_browser_id(request: Request, credentials: Any) -> str | None:
    """Return the id of the browser if it is known to the account with these credentials, else ``None``."""
    browser_id, accounts = _read(request) or (None, [])
    is_known = credentials is not None and [credentials.id, credentials.known_browsers_version] in accounts
    return browser_id if is_known else None


def _read(request: Request) -> Any:
    try:
        return _serializer(request).loads(request.cookies.get(_name(request), ""), max_age=MAX_AGE_SECONDS)
    except BadData:
        return None


def _send(request: Request, response: Response, cookie: str) -> None:
    if request.exception is None:
        response.set_cookie(
            _name(request),
            cookie,
            max_age=MAX_AGE_SECONDS,
            secure=request.settings.https,
            httponly=True,
            samesite="Lax",
        )


def _name(request: Request) -> str:
    return f"{cookie_name(request, request.settings)}-browser"


def _serializer(request: Request) -> URLSafeTimedSerializer:
    key = derive_key(request.settings.secret, PURPOSE)
    options = {"digest_method": hashlib.sha512, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(key, salt=PURPOSE, signer_kwargs=options)
