"""``/forgot`` and ``/reset``: another password, for who forgot theirs and has a link."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED, forget
from pyramid.view import view_config

from flicklist.flash import flash_success
from flicklist.forms.password_reset import ForgotForm, ResetForm
from flicklist.models.outbox import MailKind
from flicklist.models.user import email_key
from flicklist.refused_forms import redirect_refused, restore_refused
from flicklist.resources import Root
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import mail_rules
from flicklist.views import PageOrRedirect, flash_outdated_link, redirect

PAGE = "flicklist:templates/reset/reset.jinja2"
TOKEN = "reset"  # noqa: S105 - the key in the session, where the token stays out of the address, of logs and of Referer


@view_config(
    context=Root,
    name="forgot",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="flicklist:templates/reset/forgot.jinja2",
)
def forgot_page(context: Root, request: Request) -> dict[str, Any]:
    form = ForgotForm()
    restore_refused(request, form)
    return {"sends_mail": request.settings.sends_mail, "form": form}


@view_config(context=Root, name="forgot", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def forgot(context: Root, request: Request) -> HTTPSeeOther:
    """Promise a mail, in the same words and with the same work for every address, known or not."""
    form = ForgotForm(request.POST)
    if not form.validate():
        raise redirect_refused(request, request.path_to(context, "forgot"), form)
    if request.settings.sends_mail:
        key = email_key(form.email.data)
        request.limiter.count(mail_rules(request, key))
        request.send_mail(MailKind.RESET, key)
        audit(request, AuditEvent.RESET_ASKED)
    flash_success(request, "If there is an account with that email address, a mail with a link is on its way.")
    return redirect(request.path_to(context, "login"))


@view_config(context=Root, name="reset", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer=PAGE)
def reset_page(context: Root, request: Request) -> PageOrRedirect:
    token = request.GET.get("token")
    if token and context.person_of(token):
        request.session[TOKEN] = token
        return redirect(request.path_to(context, "reset"))
    person = None if token else context.person_of(request.session.get(TOKEN, ""))
    if person is None:
        return _outdated(context, request)
    form = _form(request, person.email)
    restore_refused(request, form)
    return {"form": form}


@view_config(context=Root, name="reset", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def reset(context: Root, request: Request) -> HTTPSeeOther:
    person = context.person_of(request.session.get(TOKEN, ""))
    if person is None:
        return _outdated(context, request)
    form = _form(request, person.email)
    if not form.validate():
        raise redirect_refused(request, request.path_to(context, "reset"), form)
    if not context.replace_password_hash(person.id, person.password_hash, request.passwords.hash(form.password.data)):
        return _outdated(context, request)
    context.end_login_sessions(person.id)
    request.send_mail(MailKind.PASSWORD_CHANGED, person.email, person.id)
    audit(request, AuditEvent.PASSWORD_CHANGED, person.id)
    forget(request)
    flash_success(request, "Your password is changed. Log in with the new one.")
    return redirect(request.path_to(context, "login"))


def _form(request: Request, email: str) -> ResetForm:
    return ResetForm(request.POST, email=email, passwords=request.passwords)


def _outdated(context: Root, request: Request) -> HTTPSeeOther:
    request.session.pop(TOKEN, None)
    flash_outdated_link(request)
    return redirect(request.path_to(context, "login"))
