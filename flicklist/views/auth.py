"""``/register``, ``/login``, ``/login-code`` and ``/logout``."""

from contextlib import suppress
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED, forget, remember
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error, flash_info, flash_success
from flicklist.forms.auth import CodeForm, LogInForm, RegisterForm
from flicklist.forms.fields import OutdatedForm
from flicklist.mailer import queue_mail
from flicklist.models import User
from flicklist.models.outbox import MailKind
from flicklist.models.user import email_key
from flicklist.post_redirect_get import redirect_to_form, refill_form
from flicklist.resources import Root
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.known_browser import known_browser_id
from flicklist.security.rate_limits import (
    RateLimited,
    confirm_current_email_rules,
    count_password,
    count_registration,
    log_in_code_rules,
    log_in_rules,
)
from flicklist.security.reauth import WRONG_CODE, accept_code
from flicklist.services import accounts, invitations, two_factor
from flicklist.services.passwords import PasswordHasher, TooBusy
from flicklist.services.tokens import pending_login_tokens
from flicklist.unsent_forms import typed_texts, unpack
from flicklist.urls import local_path
from flicklist.views import PageOrRedirect, redirect, redirect_home, refuse, show_again
from flicklist.views.errors import LOG_IN_PAGE, NOT_YOURS, PAGE, TYPED_PAGE, outdated_button, rate_limited

REGISTER_PAGE = "flicklist:templates/auth/register.jinja2"
CODE_PAGE = "flicklist:templates/auth/login_code.jinja2"
UNSENT_PAGE = "flicklist:templates/auth/unsent.jinja2"
# Session keys. In the session, the tokens stay out of URLs, logs and Referer headers.
PENDING_LOGIN = "pending-login"
INVITATION = "invitation"
INVITATION_OUTDATED = "This invitation link has expired or was already used."
LOGGED_IN_ALREADY = "You’re logged in. Log out to register somebody else with the invitation."
EMAIL_TAKEN = "An account with that email address already exists. If it’s yours, log in."


@view_config(
    context=Root,
    name="register",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer=REGISTER_PAGE,
)
def register_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        if "invitation" in request.GET:
            flash_info(request, LOGGED_IN_ALREADY)
        return redirect_home(request)
    if invitation := request.GET.get("invitation"):
        if invitations.is_valid(request.read_db, invitation):
            request.session[INVITATION] = invitation
        else:
            request.session.setdefault(INVITATION, "")  # `_why_closed` then says that the link is invalid
        return redirect(request.path_to(context, "register"))
    form = RegisterForm(passwords=request.passwords)
    refill_form(request, form)
    return _register_page(request, form, request.GET.get("next"))


@exception_view_config(OutdatedForm, path_info="^/register/?$", renderer=REGISTER_PAGE)
@exception_view_config(TooBusy, path_info="^/register/?$", renderer=REGISTER_PAGE)
def register_again(exc: OutdatedForm | TooBusy, request: Request) -> PageOrRedirect:
    if request.identity:
        return _already_logged_in(request)
    form = RegisterForm(request.POST, passwords=request.passwords)
    _keep_invitation(request, form)
    page = _register_page(request, form, form.next.data)
    if isinstance(exc, OutdatedForm) and page["why_closed"]:  # the page has no form that could be sent once more
        return refuse(request, exc.reason, page)
    return show_again(exc, request, page)


def _register_page(request: Request, form: RegisterForm, next_path: str | None) -> dict[str, Any]:
    why_closed = None if _may_register(request) else _why_closed(request)
    return {"form": form, "next": local_path(next_path), "why_closed": why_closed, "invitation": _invitation(request)}


@view_config(context=Root, name="register", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def register(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        return _already_logged_in(request)
    count_registration(request)
    form = RegisterForm(request.POST, passwords=request.passwords)
    _keep_invitation(request, form)
    _validate_registration(request, form)
    # Hash before the first statement on request.db, so that no transaction is open for the time of a hash.
    password_hash = request.passwords.hash(form.password.data)
    if request.settings.registration == "invitation" and not invitations.use(request.db, _invitation(request)):
        raise _refused_while_closed(request, form)
    try:
        user = accounts.register(request.db, form.email.data, password_hash)
    except accounts.EmailTaken:
        raise _refused(request, form, "email", EMAIL_TAKEN) from None
    remember(request, user.id)
    audit(request, AuditEvent.REGISTERED)
    _mail_confirmation(request, user)
    flash_success(request, "Welcome to FlickList!")
    return redirect_home(request)


def _mail_confirmation(request: Request, user: User) -> None:
    """Mail a link that confirms the address. If too many were sent, the person can ask for one later."""
    if request.settings.sends_mail:
        with suppress(RateLimited):
            request.limiter.count(confirm_current_email_rules(request, user.email_key))
            queue_mail(request, MailKind.CONFIRM_CURRENT_EMAIL, user.email, user.id)


def _validate_registration(request: Request, form: RegisterForm) -> None:
    """Raise the redirect that refuses the form, if there is a reason to."""
    if not _may_register(request):
        raise _refused_while_closed(request, form)
    if not form.validate():
        raise redirect_to_form(request, _path_with_next(request, "register", form), form)
    if accounts.credentials_by_email(request.read_db, email_key(form.email.data)) is not None:
        raise _refused(request, form, "email", EMAIL_TAKEN)


def _may_register(request: Request) -> bool:
    match request.settings.registration:
        case "open":
            return True
        case "invitation":
            return invitations.is_valid(request.read_db, _invitation(request))
        case _:
            return False


def _why_closed(request: Request) -> tuple[str, str]:
    """Return why this visitor, who may not register, cannot, and what to ask for instead.

    Without JavaScript, a second click on "Register" cancels the response to the first one, which used the invitation.
    """
    if request.settings.registration == "closed":
        return "Registration is closed.", "an account"
    if INVITATION in request.session:
        return f"{INVITATION_OUTDATED} If you’ve just registered with it, log in.", "a new one"
    return "Registration is by invitation only.", "a link"


def _refused_while_closed(request: Request, form: RegisterForm) -> HTTPSeeOther:
    reason, wanted = _why_closed(request)
    return _refused(request, form, "", f"{reason} Ask the person who runs this site for {wanted}.")


def _keep_invitation(request: Request, form: RegisterForm) -> None:
    """Keep the invitation of a form in the session, instead of that which another tab has opened."""
    if form.invitation.data and invitations.is_valid(request.read_db, form.invitation.data):
        request.session[INVITATION] = form.invitation.data


def _invitation(request: Request) -> str:
    return request.session.get(INVITATION, "")


def _refused(request: Request, form: RegisterForm, field: str, problem: str) -> HTTPSeeOther:
    form.refuse(field, problem)
    return redirect_to_form(request, _path_with_next(request, "register", form), form)


@view_config(
    context=Root,
    name="login",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer=LOG_IN_PAGE,
)
def login_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        return redirect_home(request)
    form = LogInForm()
    refill_form(request, form)
    return {"form": form, "next": local_path(request.GET.get("next"))}


@exception_view_config(OutdatedForm, path_info="^/login/?$", renderer=LOG_IN_PAGE)
@exception_view_config(TooBusy, path_info="^/login/?$", renderer=LOG_IN_PAGE)
def log_in_again(exc: OutdatedForm | TooBusy, request: Request) -> PageOrRedirect:
    form = LogInForm(request.POST)
    if request.identity:
        return _unsent_or_home(request, form)
    return show_again(exc, request, {"form": form, "next": form.next.path})


@view_config(context=Root, name="login", request_method="POST", permission=NO_PERMISSION_REQUIRED, renderer=LOG_IN_PAGE)
def log_in(context: Root, request: Request) -> PageOrRedirect:
    form = LogInForm(request.POST)
    if request.identity:
        return _unsent_or_home(request, form)
    key = form.email_key
    credentials = accounts.credentials_by_email(request.read_db, key)
    rules = log_in_rules(request, key, credentials)
    request.limiter.check(rules)
    passwords = _passwords(request, credentials)
    count_password(request, passwords)
    if not accounts.check_password(request.db, passwords, credentials, form.password.data or ""):
        audit(request, AuditEvent.LOG_IN_FAILED, credentials.id if credentials else 0)
        request.limiter.count(rules)
        form.refuse("password", "Wrong email or password.")
        if form.unsent.data:
            return refuse(request, form.problem, {"form": form, "next": form.next.path})
        raise redirect_to_form(request, _path_with_next(request, "login", form), form)
    if current := two_factor.credentials_if_on(request.db, credentials.id):
        token = pending_login_tokens(request.settings.secret).make(credentials.id, "", *current)
        return _ask_for_code(request, credentials.id, token, form)
    return _finish_login(request, credentials.id, form)


def _passwords(request: Request, credentials: Any) -> PasswordHasher:
    """Return the hasher for a login. A browser that has logged in to the account before gets a reserved place."""
    is_known = known_browser_id(request, credentials) is not None
    return request.passwords.for_owner(credentials.id) if is_known else request.passwords


@exception_view_config(RateLimited, path_info="^/login(-code)?/?$", renderer=LOG_IN_PAGE)
def log_in_later(exc: RateLimited, request: Request) -> dict[str, Any]:
    """Show the error page, or the form again if it carries one that was sent while logged out."""
    is_code = "code" in request.POST
    form = CodeForm(request.POST) if is_code else LogInForm(request.POST)
    page = rate_limited(exc, request)
    if not form.unsent.data:
        request.override_renderer = PAGE
        return page
    request.override_renderer = CODE_PAGE if is_code else LOG_IN_PAGE
    flash_error(request, page["text"])
    return {"form": form, "next": form.next.path}


def _ask_for_code(request: Request, user_id: int, token: str, form: LogInForm) -> PageOrRedirect:
    """Keep the pending login in the session, and go on to the page that asks for the code."""
    request.session.invalidate()
    request.session[PENDING_LOGIN] = token
    audit(request, AuditEvent.CODE_REQUIRED, user_id)
    if form.unsent.data:
        request.override_renderer = CODE_PAGE
        return {"form": CodeForm(data={"unsent": form.unsent.data}), "next": form.next.path}
    return redirect(_path_with_next(request, "login-code", form))


def _finish_login(request: Request, user_id: int, form: LogInForm | CodeForm) -> Response:
    remember(request, user_id)
    audit(request, AuditEvent.LOGGED_IN)
    if page := _unsent_page(request, form):
        return page
    flash_success(request, "Welcome back!")
    return redirect(_path_after_login(request, form.next.path))


def _path_after_login(request: Request, wanted: str | None) -> str:
    """Return the path that was asked for, or that of the person's list, if it is none or on somebody else's list."""
    own, lists = request.path_to(request.root.own_watchlist()), request.path_to(request.root["watchlists"])
    is_of_other = wanted is not None and wanted.startswith(lists) and not f"{wanted}/".startswith(own)
    return own if wanted is None or is_of_other else wanted


def _unsent_page(request: Request, form: LogInForm | CodeForm) -> Response | None:
    """Return the page that leads back to the form that was sent while logged out, if it belongs to this person."""
    list_path = f"/watchlists/{request.identity.watchlist_slug}/"
    unsent = unpack(form.unsent.data, list_path)
    return render_to_response(UNSENT_PAGE, {"unsent": unsent}, request) if unsent else None


@view_config(
    context=Root,
    name="login-code",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer=CODE_PAGE,
)
def code_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        return redirect_home(request)
    form = CodeForm()
    if _pending_credentials(request) is None:
        return _ask_for_password(request, form)
    refill_form(request, form)
    return {"form": form, "next": local_path(request.GET.get("next"))}


@exception_view_config(OutdatedForm, path_info="^/login-code/?$", renderer=CODE_PAGE)
def code_again(exc: OutdatedForm, request: Request) -> PageOrRedirect:
    form = CodeForm(request.POST)
    if request.identity:
        return _unsent_or_home(request, form)
    if _pending_credentials(request) is None:
        return _ask_for_password(request, form)
    return show_again(exc, request, {"form": form, "next": form.next.path})


@view_config(
    context=Root, name="login-code", request_method="POST", permission=NO_PERMISSION_REQUIRED, renderer=CODE_PAGE
)
def log_in_with_code(context: Root, request: Request) -> PageOrRedirect:
    form = CodeForm(request.POST)
    if request.identity:
        return _unsent_or_home(request, form)
    credentials = _pending_credentials(request)
    if credentials is None:
        return _ask_for_password(request, form)
    if not accounts.lock_if_unchanged(request.db, credentials):
        return _ask_for_password(request, form)
    if accept_code(request, credentials.id, form.code.data, log_in_code_rules(request, credentials)):
        return _finish_login(request, credentials.id, form)
    form.refuse("code", WRONG_CODE)
    if form.unsent.data:
        return refuse(request, form.problem, {"form": form, "next": form.next.path})
    raise redirect_to_form(request, _path_with_next(request, "login-code", form), form)


def _pending_credentials(request: Request) -> Any:
    """Return the credentials of the person whose password was right and whose code is missing, or ``None``."""
    tokens = pending_login_tokens(request.settings.secret)
    return accounts.credentials_by_token(request.read_db, tokens, request.session.get(PENDING_LOGIN, ""))


def _ask_for_password(request: Request, form: CodeForm) -> PageOrRedirect:
    token = request.session.pop(PENDING_LOGIN, None)
    if token is None:
        flash_info(request, "Log in to continue.")
    elif pending_login_tokens(request.settings.secret).read(token) is None:
        flash_error(request, "That took too long. Enter your password again.")
    else:  # the password or the email address was changed
        flash_error(request, "Enter your password again.")
    if form.unsent.data:
        request.override_renderer = LOG_IN_PAGE
        return {"form": LogInForm(data={"unsent": form.unsent.data}), "next": form.next.path}
    return redirect(request.path_to(request.root, "login"))


@view_config(context=Root, name="logout", request_method="POST", permission=NO_PERMISSION_REQUIRED, unlimited=True)
def log_out(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        audit(request, AuditEvent.LOGGED_OUT)
        forget(request)
        flash_success(request, "You’re logged out. See you soon!")
    return redirect(request.path_to(context, "login"))


@exception_view_config(OutdatedForm, path_info="^/logout/?$")
def log_out_again(exc: OutdatedForm, request: Request) -> HTTPSeeOther:
    """Redirect a person who has already logged out in another window."""
    return outdated_button(exc, request) if request.identity else redirect(request.path_to(request.root, "login"))


def _path_with_next(request: Request, name: str, form: RegisterForm | LogInForm | CodeForm) -> str:
    """Return the path of a view, with the page that is opened after the login."""
    return request.path_to(request.root, name, query={"next": form.next.path} if form.next.path else None)


def _unsent_or_home(request: Request, form: LogInForm | CodeForm) -> Response:
    """Lead a person who is logged in already to what was typed before. If another account's, give the text back."""
    if page := _unsent_page(request, form):
        return page
    if typed := typed_texts(request):
        values = {"title": "Nothing was saved", "text": NOT_YOURS, "typed": typed}
        return render_to_response(TYPED_PAGE, values, request)
    return _already_logged_in(request)


def _already_logged_in(request: Request) -> HTTPSeeOther:
    flash_info(request, f"You’re already logged in as {request.identity.email}. Log out to use another account.")
    return redirect_home(request)
