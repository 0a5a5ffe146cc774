"""``/``: home, register, log in with a password and perhaps a code, log out."""

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED, forget, remember
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_info, flash_success
from flicklist.forms.auth import CodeForm, LogInForm, RegisterForm
from flicklist.models import User
from flicklist.models.user import email_key
from flicklist.permissions import Permission
from flicklist.refused_forms import redirect_refused, restore_refused
from flicklist.resources import EmailTaken, Root
from flicklist.security import local_path
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import log_in_rules, register_rules, two_factor_rules
from flicklist.security.reauth import WRONG_CODE, accepts_code
from flicklist.views import PageOrRedirect, redirect

# In the session, so that they stay out of the address, of logs and of Referer.
PENDING_LOGIN = "pending-login"
INVITATION = "invitation"
EMAIL_TAKEN = "An account with that email address already exists. Is it yours? Log in."


@view_config(context=Root, request_method="GET", permission=Permission.VIEW)
def home(context: Root, request: Request) -> HTTPSeeOther:
    return redirect(request.path_to(context.own_watchlist()))


@view_config(
    context=Root,
    name="register",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/register.jinja2",
)
def register_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        return home(context, request)
    if invitation := request.GET.get("invitation"):
        if context.is_invitation(invitation):
            request.session[INVITATION] = invitation
        return redirect(request.path_to(context, "register"))
    form = _register_form(request)
    restore_refused(request, form)
    return {
        "form": form,
        "next": local_path(request.GET.get("next")),
        "may_register": _may_register(context, request),
        "registration": request.settings.registration,
    }


@view_config(context=Root, name="register", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def register(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        return _already_logged_in(context, request)
    request.limiter.count(register_rules(request))
    form = _register_form(request)
    if not _may_register(context, request):
        raise _refused(context, request, form, "", "This site takes no registrations without an invitation.")
    if not form.validate():
        raise _refused(context, request, form)
    key = email_key(form.email.data)
    if context.credentials(key) is not None:
        raise _refused(context, request, form, "email", EMAIL_TAKEN)
    user = User(
        email=form.email.data,
        email_key=key,
        # Hashed here, before the first statement: nobody waits for a transaction that hashes a password.
        password_hash=request.passwords.hash(form.password.data),
    )
    if request.settings.registration == "invitation" and not context.accept(_invitation(request)):
        raise _refused(context, request, form, "", "That invitation was used already.")
    try:
        context.register(user)
    except EmailTaken:
        raise _refused(context, request, form, "email", EMAIL_TAKEN) from None
    remember(request, user.id)
    audit(request, AuditEvent.REGISTERED)
    flash_success(request, "Welcome to FlickList! Which movie do you want to see first?")
    return home(context, request)


@view_config(
    context=Root,
    name="login",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/login.jinja2",
)
def login_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        return home(context, request)
    form = LogInForm()
    restore_refused(request, form)
    return {"form": form, "next": local_path(request.GET.get("next"))}


@view_config(context=Root, name="login", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def log_in(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        return _already_logged_in(context, request)
    form = LogInForm(request.POST)
    rules = log_in_rules(request, form.email_key)
    request.limiter.check(rules)
    user_id, stored = context.credentials(form.email_key) or (0, None)
    password = form.password.data or ""
    is_right = request.passwords.verify(password, stored)
    if not is_right or stored is None or not _renew_hash(context, request, user_id, password, stored):
        audit(request, AuditEvent.LOG_IN_FAILED, user_id)
        request.limiter.count(rules)
        form.refuse("password", "Wrong email or password.")
        raise redirect_refused(request, _path_with_next(context, request, "login"), form)
    return _ask_for_code(context, request, user_id) or _let_in(context, request, user_id)


def _renew_hash(context: Root, request: Request, user_id: int, password: str, stored: str) -> bool:
    """Renew a hash that was made in an older way; return whether the password is still the person's."""
    is_outdated = request.passwords.is_outdated(stored)
    return context.replace_password_hash(user_id, stored, request.passwords.hash(password) if is_outdated else stored)


def _ask_for_code(context: Root, request: Request, user_id: int) -> HTTPSeeOther | None:
    token = context.pending_login_token(user_id)
    if token is None:
        return None
    request.session.invalidate()
    request.session[PENDING_LOGIN] = token
    audit(request, AuditEvent.CODE_ASKED, user_id)
    return redirect(_path_with_next(context, request, "login-code"))


def _let_in(context: Root, request: Request, user_id: int) -> HTTPSeeOther:
    wanted = local_path(request.POST.get("next"))
    remember(request, user_id)
    audit(request, AuditEvent.LOGGED_IN)
    flash_success(request, "Welcome back!")
    return redirect(wanted) if wanted else home(context, request)


@view_config(
    context=Root,
    name="login-code",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/code.jinja2",
)
def code_page(context: Root, request: Request) -> PageOrRedirect:
    if request.identity:
        return home(context, request)
    if context.pending_user(request.session.get(PENDING_LOGIN, "")) is None:
        return _password_first(context, request)
    form = CodeForm()
    restore_refused(request, form)
    return {"form": form, "next": local_path(request.GET.get("next"))}


@view_config(context=Root, name="login-code", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def log_in_with_code(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        return _already_logged_in(context, request)
    person = context.pending_user(request.session.get(PENDING_LOGIN, ""))
    if person is None:
        return _password_first(context, request)
    request.limiter.count(two_factor_rules(request, person.id))
    if not context.replace_password_hash(person.id, person.password_hash, person.password_hash):
        return _password_first(context, request)
    if accepts_code(request, person.id):
        return _let_in(context, request, person.id)
    form = CodeForm()
    form.refuse("code", WRONG_CODE)
    raise redirect_refused(request, _path_with_next(context, request, "login-code"), form)


def _password_first(context: Root, request: Request) -> HTTPSeeOther:
    request.session.pop(PENDING_LOGIN, None)
    flash_error(request, "Please type your password first.")
    return redirect(request.path_to(context, "login"))


@view_config(context=Root, name="logout", request_method="POST", permission=NO_PERMISSION_REQUIRED, unlimited=True)
def log_out(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        audit(request, AuditEvent.LOGGED_OUT)
        forget(request)
        flash_success(request, "You are logged out. See you soon!")
    return redirect(request.path_to(context, "login"))


def _register_form(request: Request) -> RegisterForm:
    return RegisterForm(request.POST, passwords=request.passwords)


def _may_register(context: Root, request: Request) -> bool:
    match request.settings.registration:
        case "open":
            return True
        case "invitation":
            return context.is_invitation(_invitation(request))
        case _:
            return False


def _invitation(request: Request) -> str:
    return request.session.get(INVITATION, "")


def _refused(context: Root, request: Request, form: RegisterForm, field: str = "", problem: str = "") -> HTTPSeeOther:
    if problem:
        form.refuse(field, problem)
    return redirect_refused(request, _path_with_next(context, request, "register"), form)


def _path_with_next(context: Root, request: Request, name: str) -> str:
    """Return the path of a view, with the page that is opened after the log-in."""
    wanted = local_path(request.POST.get("next"))
    return request.path_to(context, name, query={"next": wanted} if wanted else None)


def _already_logged_in(context: Root, request: Request) -> HTTPSeeOther:
    flash_info(request, f"You’re logged in as {request.identity.email}. Log out to switch.")
    return home(context, request)
