"""``/account/``: a person's account, their login sessions and their two-factor authentication."""

from pyramid.authorization import DENY_ALL, Allow, Authenticated

from flicklist.permissions import Permission
from flicklist.resources.base import AccessControlList, Resource, row_id
from flicklist.services import login_sessions


class AccountResource(Resource):
    """``/account/``: the account of the person who is logged in."""

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> Resource:
        return {"login-sessions": LoginSessionsResource, "two-factor": TwoFactorResource}[name](self, name)


class LoginSessionsResource(Resource):
    """``/account/login-sessions/``: the browsers in which the person is logged in."""

    def __getitem__(self, name: str) -> "LoginSessionResource":
        identity = self.request.identity
        if identity is None:
            raise KeyError(name)
        # Not on `db`: a statement there begins the database transaction, and the password is verified only afterwards.
        other = login_sessions.find_other(
            self.request.read_db, self.request.settings, identity.user_id, identity.login_session_id, row_id(name)
        )
        if other is None:
            raise KeyError(name)
        return LoginSessionResource(self, name, other.id, other.browser)


class LoginSessionResource(Resource):
    """``/account/login-sessions/7/``: another browser in which the person is logged in."""

    def __init__(self, parent: LoginSessionsResource, name: str, login_session_id: int, browser: str) -> None:
        super().__init__(parent, name)
        # Values, not the row: another request may delete it before the view runs.
        self.login_session_id = login_session_id
        self.browser = browser


class TwoFactorResource(Resource):
    """``/account/two-factor/``: the two-factor authentication of the person."""
