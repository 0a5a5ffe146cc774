"""``/account/login-sessions/``: end the login sessions of other browsers."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_success
from flicklist.permissions import Permission
from flicklist.resources import LoginSessionResource, LoginSessionsResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.known_browser import remember_browser
from flicklist.services import login_sessions
from flicklist.views import redirect


@view_config(
    context=LoginSessionsResource,
    name="end-others",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
)
def end_others(context: LoginSessionsResource, request: Request) -> HTTPSeeOther:
    identity = request.identity
    login_sessions.end_others(request.db, identity.user_id, identity.login_session_id)
    remember_browser(request, identity.user_id)
    audit(request, AuditEvent.LOGIN_SESSIONS_ENDED)
    flash_success(request, "All other browsers are logged out.")
    return redirect(request.path_to(request.root["account"]))


@view_config(
    context=LoginSessionResource,
    name="end",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
)
def end(context: LoginSessionResource, request: Request) -> HTTPSeeOther:
    identity = request.identity
    login_sessions.end_other(request.db, identity.user_id, identity.login_session_id, context.login_session_id)
    audit(request, AuditEvent.LOGIN_SESSIONS_ENDED)
    flash_success(request, f"{context.browser} is logged out.")
    return redirect(request.path_to(request.root["account"]))
