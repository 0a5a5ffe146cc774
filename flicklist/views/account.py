"""``/account/``: the signed-in person's own account."""

import json
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error, flash_success
from flicklist.forms.account import ChangeEmailForm, ChangePasswordForm
from flicklist.models.outbox import MailKind
from flicklist.models.user import email_key
from flicklist.permissions import Permission
from flicklist.resources import AccountResource, EmailTaken, LoginSessionResource, LoginSessionsResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import mail_rules
from flicklist.security.reauth import (
    ReauthFailed,
    replace_if_unchanged,
    require_code,
    require_current_password,
    require_password,
    require_reauth,
)
from flicklist.services.export import export_data
from flicklist.text import quote
from flicklist.views import PageOrRedirect, flash_outdated_link, redirect, refuse

PAGE = "flicklist:templates/account/account.jinja2"
TOKEN = "email"  # noqa: S105 - the key in the session, where the token stays out of the address
WORD_TO_DELETE = "delete"
EMAIL_TAKEN = "An account with that email address already exists."


@view_config(context=AccountResource, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def account(context: AccountResource, request: Request) -> dict[str, Any]:
    return _page(context, request)


@view_config(context=AccountResource, name="password", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def change_password(context: AccountResource, request: Request) -> PageOrRedirect:
    form = ChangePasswordForm(request.POST, email=request.identity.email, passwords=request.passwords)
    if not form.validate():
        return _refused(context, request, form.problem)
    known = require_password(request)
    new = request.passwords.hash(form.password.data)
    replace_if_unchanged(request, known, new)
    require_code(request)
    context.login_sessions.end_others()
    remember(request, context.user_id)
    audit(request, AuditEvent.PASSWORD_CHANGED)
    request.send_mail(MailKind.PASSWORD_CHANGED, request.identity.email, context.user_id)
    flash_success(request, "Your password is changed. Every other device is logged out.")
    return redirect(request.path_to(context))


@view_config(context=AccountResource, name="email", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def change_email(context: AccountResource, request: Request) -> PageOrRedirect:
    form = ChangeEmailForm(request.POST)
    typed = form.email.data
    if not form.validate():
        return _refused(context, request, form.problem, typed)
    rules = mail_rules(request, email_key(typed)) if request.settings.sends_mail else []
    request.limiter.check(rules)
    require_current_password(request)
    # Before the code, since a refusal would give it back. Where there is mail, only the new address is told.
    if not request.settings.sends_mail and context.is_taken(email_key(typed)):
        return _refused(context, request, EMAIL_TAKEN, typed)
    require_code(request)
    if request.settings.sends_mail:
        request.limiter.count(rules)
        request.send_mail(MailKind.CONFIRM_EMAIL, typed, context.user_id)
        flash_success(request, f"A mail is on its way to {quote(typed)}. Open the link in it, within an hour.")
    else:
        _change_email(context, request, typed)
    return redirect(request.path_to(context))


@view_config(
    context=AccountResource,
    name="confirm-email",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/account/confirm.jinja2",
)
def confirm_email_page(context: AccountResource, request: Request) -> PageOrRedirect:
    """Show a button: a mail scanner that opens the link must not confirm anything."""
    token = request.GET.get("token")
    if token and context.confirmed_email(token):
        request.session[TOKEN] = token
        return redirect(request.path_to(context, "confirm-email"))
    email = None if token else context.confirmed_email(request.session.get(TOKEN, ""))
    return _outdated(context, request) if email is None else {"email": email}


@view_config(context=AccountResource, name="confirm-email", request_method="POST", permission=Permission.EDIT)
def confirm_email(context: AccountResource, request: Request) -> HTTPSeeOther:
    email = context.confirmed_email(request.session.get(TOKEN, ""))
    if email is None:
        return _outdated(context, request)
    del request.session[TOKEN]
    _change_email(context, request, email)
    return redirect(request.path_to(context))


def _change_email(context: AccountResource, request: Request, email: str) -> None:
    """Change the email address and flash the result, which may be that the address has just been taken."""
    try:
        context.change_email(email, email_key(email))
    except EmailTaken:
        flash_error(request, EMAIL_TAKEN)
        return
    audit(request, AuditEvent.EMAIL_CHANGED)
    request.send_mail(MailKind.EMAIL_CHANGED, request.identity.email, context.user_id)
    flash_success(request, "Your email address is changed. Log in with the new one from now on.")


def _outdated(context: AccountResource, request: Request) -> HTTPSeeOther:
    request.session.pop(TOKEN, None)
    flash_outdated_link(request)
    return redirect(request.path_to(context))


@view_config(context=AccountResource, name="export", request_method="POST", permission=Permission.VIEW)
def export(context: AccountResource, request: Request) -> Response:
    known = require_password(request)
    # Read and written before the transaction: a long list takes seconds, in which others could not write.
    data = json.dumps(export_data(request.identity.email, context.movies()), ensure_ascii=False, indent=2)
    replace_if_unchanged(request, known, known)
    require_code(request)
    audit(request, AuditEvent.EXPORTED)
    return Response(
        data,
        content_type="application/json",
        charset="utf-8",
        content_disposition='attachment; filename="flicklist.json"',
    )


@view_config(context=AccountResource, name="delete", request_method="POST", permission=Permission.EDIT, renderer=PAGE)
def delete(context: AccountResource, request: Request) -> PageOrRedirect:
    if request.POST.get("word", "").strip().casefold() != WORD_TO_DELETE:
        return _refused(context, request, f"Type the word “{WORD_TO_DELETE}” to delete your account.")
    require_reauth(request)
    audit(request, AuditEvent.ACCOUNT_DELETED)
    context.delete()
    forget(request)
    flash_success(request, "Your account is deleted, with all that was in it.")
    return redirect(request.path_to(request.root, "register"))


@view_config(context=LoginSessionsResource, name="end-others", request_method="POST", permission=Permission.EDIT)
def end_others(context: LoginSessionsResource, request: Request) -> HTTPSeeOther:
    require_reauth(request)
    context.end_others()
    audit(request, AuditEvent.LOGIN_SESSIONS_ENDED)
    flash_success(request, "Every other device is logged out.")
    return redirect(request.path_to(context.__parent__))


@view_config(context=LoginSessionResource, name="end", request_method="POST", permission=Permission.EDIT)
def end(context: LoginSessionResource, request: Request) -> HTTPSeeOther:
    device = context.login_session.device
    require_reauth(request)
    context.end()
    audit(request, AuditEvent.LOGIN_SESSIONS_ENDED)
    flash_success(request, f"{device} is logged out.")
    return redirect(request.path_to(context.login_sessions.__parent__))


@exception_view_config(ReauthFailed, renderer=PAGE)
def reauth_failed(exc: ReauthFailed, request: Request) -> dict[str, Any]:
    return _refused(request.root["account"], request, str(exc), request.POST.get("email", ""))


def _page(context: AccountResource, request: Request, typed_email: str = "") -> dict[str, Any]:
    return {
        "login_sessions": context.login_sessions.all(),
        "two_factor": context.two_factor,
        "recovery_codes_left": context.two_factor.recovery_codes_left(),
        "email": typed_email,
        "min_length": request.passwords.min_length,
        "word": WORD_TO_DELETE,
    }


def _refused(context: AccountResource, request: Request, problem: str, typed_email: str = "") -> dict[str, Any]:
    return refuse(request, problem, _page(context, request, typed_email))
