"""``/``: home, register, log in with a password and perhaps a code, log out."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED, forget, remember
from pyramid.view import view_config

from flicklist.audit import Event, audit
from flicklist.flash import flash_error, flash_success
from flicklist.forms import LogInForm, RegisterForm, SiteForm
from flicklist.limiting import log_in_rules, register_rules, second_factor_rules
from flicklist.models import User
from flicklist.models.user import email_key
from flicklist.proof import WRONG_CODE, accepts_code
from flicklist.resources import EmailTaken, Root
from flicklist.security import Permission, local_path
from flicklist.views import Answer, redirect, refuse

# In the session, so that they stay out of the address, of logs and of Referer.
HALF_WAY = "half-way"
INVITATION = "invitation"


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
def register_page(context: Root, request: Request) -> Answer:
    if request.identity:
        return home(context, request)
    if invitation := request.GET.get("invitation"):
        if context.is_invitation(invitation):
            request.session[INVITATION] = invitation
        return redirect(request.path_to(context, "register"))
    return _register_page(context, request, _register_form(request))


@view_config(
    context=Root,
    name="register",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/register.jinja2",
)
def register(context: Root, request: Request) -> Answer:
    if request.identity:
        return home(context, request)
    request.limiter.count(register_rules(request))
    form = _register_form(request)
    if not _may_register(context, request):
        return _refused(context, request, form, "This site takes no registrations without an invitation.")
    if not form.validate():
        return _refused(context, request, form, form.problem)
    user = User(
        email=form.email.data,
        email_key=email_key(form.email.data),
        # Hashed here, before the first statement: nobody waits for a transaction that hashes a password.
        password_hash=request.passwords.hash(form.password.data),
    )
    if request.settings.registration == "invitation" and not context.accept(_invitation(request)):
        return _refused(context, request, form, "That invitation was used already.")
    try:
        context.register(user)
    except EmailTaken:
        taken = "An account with that email address already exists. Is it yours? Log in."
        return _refused(context, request, form, taken)
    remember(request, user.id)
    audit(request, Event.REGISTERED)
    flash_success(request, "Welcome to FlickList! Which movie do you want to see first?")
    return home(context, request)


@view_config(
    context=Root,
    name="login",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/login.jinja2",
)
def login_page(context: Root, request: Request) -> Answer:
    return home(context, request) if request.identity else _page(request, LogInForm())


@view_config(
    context=Root,
    name="login",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/login.jinja2",
)
def log_in(context: Root, request: Request) -> Answer:
    if request.identity:
        return home(context, request)
    form = LogInForm(request.POST)
    rules = log_in_rules(request, form.email_key)
    request.limiter.check(rules)
    user_id, stored = context.credentials(form.email_key) or (0, None)
    password = form.password.data or ""
    is_right = request.passwords.verify(password, stored)
    if not is_right or stored is None or not _renew_hash(context, request, user_id, password, stored):
        audit(request, Event.LOG_IN_FAILED, user_id)
        request.limiter.count(rules)
        return refuse(request, "Wrong email or password.", _page(request, form))
    return _ask_for_code(context, request, user_id) or _let_in(context, request, user_id)


def _renew_hash(context: Root, request: Request, user_id: int, password: str, stored: str) -> bool:
    """Renew a hash that was made in an older way; return whether the password is still the person's."""
    is_outdated = request.passwords.is_outdated(stored)
    return context.replace_password_hash(user_id, stored, request.passwords.hash(password) if is_outdated else stored)


def _ask_for_code(context: Root, request: Request, user_id: int) -> HTTPSeeOther | None:
    token = context.log_in_token(user_id)
    if token is None:
        return None
    request.session.invalidate()
    request.session[HALF_WAY] = token
    audit(request, Event.CODE_ASKED, user_id)
    wanted = local_path(request.POST.get("next"))
    return redirect(request.path_to(context, "login-code", query={"next": wanted} if wanted else None))


def _let_in(context: Root, request: Request, user_id: int) -> HTTPSeeOther:
    wanted = local_path(request.POST.get("next"))
    remember(request, user_id)
    audit(request, Event.LOGGED_IN)
    flash_success(request, "Welcome back!")
    return redirect(wanted) if wanted else home(context, request)


@view_config(
    context=Root,
    name="login-code",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/code.jinja2",
)
def code_page(context: Root, request: Request) -> Answer:
    if request.identity:
        return home(context, request)
    if context.person_half_way(request.session.get(HALF_WAY, "")) is None:
        return _password_first(context, request)
    return {"next": local_path(request.GET.get("next"))}


@view_config(
    context=Root,
    name="login-code",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/home/code.jinja2",
)
def log_in_with_code(context: Root, request: Request) -> Answer:
    if request.identity:
        return home(context, request)
    person = context.person_half_way(request.session.get(HALF_WAY, ""))
    if person is None:
        return _password_first(context, request)
    request.limiter.count(second_factor_rules(request, person.id))
    if not context.replace_password_hash(person.id, person.password_hash, person.password_hash):
        return _password_first(context, request)
    if accepts_code(request, person.id):
        return _let_in(context, request, person.id)
    return refuse(request, WRONG_CODE, {"next": local_path(request.POST.get("next"))})


def _password_first(context: Root, request: Request) -> HTTPSeeOther:
    request.session.pop(HALF_WAY, None)
    flash_error(request, "Please type your password first.")
    return redirect(request.path_to(context, "login"))


@view_config(context=Root, name="logout", request_method="POST", permission=NO_PERMISSION_REQUIRED, unlimited=True)
def log_out(context: Root, request: Request) -> HTTPSeeOther:
    if request.identity:
        audit(request, Event.LOGGED_OUT)
        forget(request)
        flash_success(request, "You are logged out. See you soon!")
    return redirect(request.path_to(context, "login"))


def _register_form(request: Request) -> RegisterForm:
    return RegisterForm(request.POST, passwords=request.passwords)


def _page(request: Request, form: SiteForm) -> dict[str, Any]:
    return {"form": form, "next": local_path(request.params.get("next"))}


def _register_page(context: Root, request: Request, form: RegisterForm) -> dict[str, Any]:
    return {
        **_page(request, form),
        "may_register": _may_register(context, request),
        "registration": request.settings.registration,
    }


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


def _refused(context: Root, request: Request, form: RegisterForm, problem: str) -> dict[str, Any]:
    """Show the form again, with what was typed (but for passwords, which no page ever repeats)."""
    return refuse(request, problem, _register_page(context, request, form))
