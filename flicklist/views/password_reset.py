"""``/password-reset/``: ask for a link, and set a new password with it."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED, forget
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error, flash_success
from flicklist.forms.fields import OutdatedForm
from flicklist.forms.password_reset import PasswordResetForm, RequestPasswordResetForm
from flicklist.mailer import queue_mail
from flicklist.models.outbox import MailKind
from flicklist.models.user import email_key
from flicklist.post_redirect_get import redirect_to_form, refill_form
from flicklist.resources import PasswordResetResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.known_browser import known_browser_id, remember_browser
from flicklist.security.rate_limits import count_password, password_reset_rules
from flicklist.services import accounts, login_sessions, two_factor
from flicklist.services.passwords import TooBusy
from flicklist.services.tokens import MAILED, password_reset_tokens
from flicklist.views import OUTDATED_LINK, PageOrRedirect, redirect, show_again

REQUEST_PAGE = "flicklist:templates/password_reset/request.jinja2"
NEW_PASSWORD_PAGE = "flicklist:templates/password_reset/new.jinja2"  # noqa: S105
# A session key. In the session, the token stays out of URLs, logs and Referer headers.
SESSION_TOKEN_KEY = "password-reset"  # noqa: S105
REQUESTED = (
    "If there is an account with that email address, we’ve sent a link that works for one hour. "
    "Nothing there? Check your spam folder."
)


@view_config(
    context=PasswordResetResource,
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer=REQUEST_PAGE,
)
def request_page(context: PasswordResetResource, request: Request) -> dict[str, Any]:
    form = RequestPasswordResetForm()
    refill_form(request, form)
    return {"sends_mail": request.settings.sends_mail, "form": form}


@exception_view_config(OutdatedForm, path_info="^/password-reset/?$", renderer=REQUEST_PAGE)
def request_again(exc: OutdatedForm, request: Request) -> dict[str, Any]:
    form = RequestPasswordResetForm(request.POST)
    return show_again(exc, request, {"sends_mail": request.settings.sends_mail, "form": form})


@view_config(context=PasswordResetResource, request_method="POST", permission=NO_PERMISSION_REQUIRED)
def request_link(context: PasswordResetResource, request: Request) -> HTTPSeeOther:
    """Send a reset mail. The response and the work are the same for known and unknown addresses."""
    form = RequestPasswordResetForm(request.POST)
    if not form.validate():
        raise redirect_to_form(request, request.path_to(context), form)
    if request.settings.sends_mail:
        key = email_key(form.email.data)
        credentials = accounts.credentials_by_email(request.read_db, key)
        request.limiter.count(password_reset_rules(request, key, credentials))
        queue_mail(request, MailKind.PASSWORD_RESET, key)
        audit(request, AuditEvent.PASSWORD_RESET_REQUESTED)
    flash_success(request, REQUESTED)
    return redirect(request.path_to(request.root, "login"))


@view_config(
    context=PasswordResetResource,
    name="new",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer=NEW_PASSWORD_PAGE,
)
def new_password_page(context: PasswordResetResource, request: Request) -> PageOrRedirect:
    token = request.GET.get("token")
    if token and _credentials(request, token):
        request.session[SESSION_TOKEN_KEY] = token
        return redirect(request.path_to(context, "new"))
    credentials = None if token else _credentials(request, request.session.get(SESSION_TOKEN_KEY, ""))
    if credentials is None:
        return _outdated(request)
    form = PasswordResetForm(email=credentials.email, passwords=request.passwords)
    refill_form(request, form)
    return {"form": form}


@exception_view_config(OutdatedForm, path_info="^/password-reset/new/?$", renderer=NEW_PASSWORD_PAGE)
@exception_view_config(TooBusy, path_info="^/password-reset/new/?$", renderer=NEW_PASSWORD_PAGE)
def set_password_again(exc: OutdatedForm | TooBusy, request: Request) -> PageOrRedirect:
    credentials = _credentials(request, request.session.get(SESSION_TOKEN_KEY, ""))
    if credentials is None:
        return _outdated(request)
    form = PasswordResetForm(email=credentials.email, passwords=request.passwords)
    return show_again(exc, request, {"form": form})


@view_config(context=PasswordResetResource, name="new", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def set_password(context: PasswordResetResource, request: Request) -> HTTPSeeOther:
    credentials = _credentials(request, request.session.get(SESSION_TOKEN_KEY, ""))
    if credentials is None:
        return _outdated(request)
    passwords = request.passwords.for_owner(credentials.id)
    count_password(request, passwords)
    form = PasswordResetForm(request.POST, email=credentials.email, passwords=passwords)
    if not form.validate():
        raise redirect_to_form(request, request.path_to(context, "new"), form)
    password_hash = passwords.hash(form.password.data)
    if not accounts.replace_password_hash(request.db, credentials, password_hash):
        return _outdated(request)
    _confirm_email(request, credentials)
    login_sessions.end_all(request.db, credentials.id)
    queue_mail(request, MailKind.PASSWORD_CHANGED, credentials.email, credentials.id)
    audit(request, AuditEvent.PASSWORD_CHANGED, credentials.id)
    forget(request)
    # Strangers cannot keep the owner of the mailbox out. With two factors, a new browser needs a code first.
    if known_browser_id(request, credentials) or two_factor.credentials_if_on(request.db, credentials.id) is None:
        remember_browser(request, credentials.id)
    flash_success(request, "Your password was changed. Log in with the new one.")
    return redirect(request.path_to(request.root, "login"))


def _confirm_email(request: Request, credentials: Any) -> None:
    """Confirm the email address if the link was mailed to it. The command line prints links, too."""
    claim = password_reset_tokens(request.settings.secret).read(request.session[SESSION_TOKEN_KEY])
    is_mailed = claim is not None and claim[1] == MAILED
    if is_mailed and accounts.confirm_email(request.db, credentials.id, credentials.email_key):
        audit(request, AuditEvent.EMAIL_CONFIRMED, credentials.id)


def _credentials(request: Request, token: str) -> Any:
    """Return the credentials of the account whose password this token may replace, or ``None``."""
    return accounts.credentials_by_token(request.read_db, password_reset_tokens(request.settings.secret), token)


def _outdated(request: Request) -> HTTPSeeOther:
    request.session.pop(SESSION_TOKEN_KEY, None)
    # Without JavaScript, a second click cancels the response to the first one, which changed the password.
    what_next = " If you’ve just set a new password with it, log in."
    if request.settings.sends_mail:
        what_next += " Enter your email below to get a new link."
    flash_error(request, OUTDATED_LINK + what_next)
    return redirect(request.path_to(request.root["password-reset"]))
