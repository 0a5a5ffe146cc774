"""``/account/``: the account of the person who is logged in."""

from tempfile import TemporaryFile
from typing import IO, Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.view import exception_view_config, view_config

from flicklist.clean_up import wake_clean_up
from flicklist.db import snapshot
from flicklist.flash import flash_error, flash_info, flash_success
from flicklist.forms.account import ChangeEmailForm, ChangePasswordForm, DeleteAccountForm
from flicklist.forms.fields import FormRefused, OutdatedForm, SiteForm
from flicklist.mailer import queue_mail
from flicklist.models import LoginSession
from flicklist.models.outbox import MailKind
from flicklist.models.user import email_key
from flicklist.permissions import Permission
from flicklist.resources import AccountResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.known_browser import remember_browser
from flicklist.security.rate_limits import DOWNLOADS, confirm_current_email_rules, confirm_new_email_rules
from flicklist.services import accounts, login_sessions, two_factor
from flicklist.services.export.archive import write_archive
from flicklist.services.passwords import TooBusy
from flicklist.services.tokens import email_tokens
from flicklist.text import quote
from flicklist.views import (
    OUTDATED_LINK,
    PageOrRedirect,
    download,
    redirect,
    redirect_back,
    redirect_home,
    refuse,
    show_again,
)
from flicklist.views.two_factor import ALREADY_ON

PAGE = "flicklist:templates/account/account.jinja2"
# A session key. In the session, the token stays out of URLs, logs and Referer headers.
SESSION_TOKEN_KEY = "email"  # noqa: S105
WHAT_NEXT = "Open it within a day to confirm the change. Until then, log in with your old address."
EMAIL_TAKEN = "An account with that email address already exists."
CONFIRMED = "Your email address is confirmed."


@view_config(context=AccountResource, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def account(context: AccountResource, request: Request) -> dict[str, Any]:
    return _page(request)


def hash_new_password(context: AccountResource, request: Request) -> str:
    form = ChangePasswordForm(request.POST, email=request.identity.email, passwords=request.passwords)
    if not form.validate():
        raise FormRefused(form)
    return request.passwords.hash(form.password.data)


@view_config(
    context=AccountResource,
    name="change-password",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
    prepare=hash_new_password,
)
def change_password(context: AccountResource, request: Request) -> HTTPSeeOther:
    identity = request.identity
    accounts.set_password_hash(request.db, identity.user_id, request.prepared)
    login_sessions.end_others(request.db, identity.user_id, identity.login_session_id)
    remember(request, identity.user_id)
    audit(request, AuditEvent.PASSWORD_CHANGED)
    queue_mail(request, MailKind.PASSWORD_CHANGED, identity.email, identity.user_id)
    flash_success(request, "Your password was changed. All other browsers are logged out.")
    return redirect(request.path_to(context))


def validate_new_email(context: AccountResource, request: Request) -> str:
    """Return the new email address.

    If the site sends mail, only the recipient of the mail finds out whether the address is taken.
    """
    form = ChangeEmailForm(request.POST)
    if not form.validate():
        raise FormRefused(form)
    key = email_key(form.email.data)
    if request.settings.sends_mail:
        request.limiter.check(confirm_new_email_rules(request))
    elif accounts.is_email_taken(request.read_db, key, request.identity.user_id):
        form.refuse("email", EMAIL_TAKEN)
        raise FormRefused(form)
    return form.email.data


@view_config(
    context=AccountResource,
    name="change-email",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
    prepare=validate_new_email,
)
def change_email(context: AccountResource, request: Request) -> HTTPSeeOther:
    email = request.prepared
    if request.settings.sends_mail:
        request.limiter.count(confirm_new_email_rules(request))
        queue_mail(request, MailKind.CONFIRM_NEW_EMAIL, email, request.identity.user_id)
        flash_success(request, f"We’re sending a link to {quote(email)}. {WHAT_NEXT}")
    else:
        _change_email(request, email, is_confirmed=False)
    return redirect(request.path_to(context))


@view_config(context=AccountResource, name="send-confirmation", request_method="POST", permission=Permission.EDIT)
def send_confirmation(context: AccountResource, request: Request) -> HTTPSeeOther:
    """Mail another link that confirms the current address."""
    email = request.identity.email
    if request.identity.email_confirmed_at is not None:
        flash_info(request, CONFIRMED)
    elif request.settings.sends_mail:
        request.limiter.count(confirm_current_email_rules(request, email_key(email)))
        queue_mail(request, MailKind.CONFIRM_CURRENT_EMAIL, email, request.identity.user_id)
        flash_success(request, f"We’re sending a link to {quote(email)}. Open it within a day.")
    return redirect_back(request, context)


@view_config(
    context=AccountResource,
    name="confirm-email",
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/account/confirm_email.jinja2",
)
def confirm_email_page(context: AccountResource, request: Request) -> PageOrRedirect:
    """Show a button: a mail scanner that opens the link must not confirm anything."""
    token = request.GET.get("token")
    if token and _email_to_confirm(request, token):
        request.session[SESSION_TOKEN_KEY] = token
        return redirect(request.path_to(context, "confirm-email"))
    kept_token = request.session.get(SESSION_TOKEN_KEY, "")
    email = None if token else _email_to_confirm(request, kept_token)
    if email is None:
        return _refuse_link(context, request, token or kept_token)
    return {"email": email, "is_new": email != request.identity.email}


@view_config(context=AccountResource, name="confirm-email", request_method="POST", permission=Permission.EDIT)
def confirm_email(context: AccountResource, request: Request) -> HTTPSeeOther:
    token = request.session.get(SESSION_TOKEN_KEY, "")
    email = _email_to_confirm(request, token)
    if email is None:
        return _refuse_link(context, request, token)
    del request.session[SESSION_TOKEN_KEY]
    if email == request.identity.email:
        return _confirm_current_email(request)
    _change_email(request, email, is_confirmed=True)
    return redirect(request.path_to(context))


def _email_to_confirm(request: Request, token: str) -> str | None:
    """Return the address that a token confirms, or ``None`` if it is invalid or there is nothing left to confirm."""
    tokens, identity = email_tokens(request.settings.secret), request.identity
    email = accounts.email_to_confirm(request.db, tokens, token, identity.user_id, for_update=request.may_write)
    return None if email == identity.email and identity.email_confirmed_at else email


def _confirm_current_email(request: Request) -> HTTPSeeOther:
    accounts.confirm_email(request.db, request.identity.user_id, email_key(request.identity.email))
    audit(request, AuditEvent.EMAIL_CONFIRMED)
    flash_success(request, CONFIRMED)
    return redirect_home(request)


def _change_email(request: Request, email: str, *, is_confirmed: bool) -> None:
    """Change the email address and flash the result, which may be that the address has just been taken."""
    user_id, old_email = request.identity.user_id, request.identity.email
    try:
        accounts.change_email(request.db, user_id, email, is_confirmed=is_confirmed)
    except accounts.EmailTaken:
        flash_error(request, EMAIL_TAKEN)
        return
    login_sessions.end_others(request.db, user_id, request.identity.login_session_id)
    remember_browser(request, user_id)
    audit(request, AuditEvent.EMAIL_CHANGED)
    queue_mail(request, MailKind.EMAIL_CHANGED, old_email, user_id)
    log_in = f"Log in with {quote(email)} from now on."
    flash_success(request, f"Your email address was changed. {log_in} All other browsers are logged out.")


def _refuse_link(context: AccountResource, request: Request, token: str) -> HTTPSeeOther:
    """Redirect to the account page, and say why the link of this token does not work."""
    identity = request.identity
    user_id, email = email_tokens(request.settings.secret).read(token) or (identity.user_id, None)
    request.session.pop(SESSION_TOKEN_KEY, None)
    if not token:  # lost when the person logged out, or logged in to another account
        flash_error(request, "Open the link in the email again.")
    elif user_id != identity.user_id:
        flash_error(request, "This link belongs to another account. Log in to that account to use it.")
    elif email == identity.email and identity.email_confirmed_at:
        flash_info(request, CONFIRMED)
    elif identity.email_confirmed_at:
        flash_error(request, f"{OUTDATED_LINK} To change your email address, enter it again.")
    else:
        flash_error(request, f"{OUTDATED_LINK} You can get a new one here.")
    return redirect(request.path_to(context))


def write_export(context: AccountResource, request: Request) -> IO[bytes]:
    """Return the export in a temporary file.

    It is complete before the first byte is sent, so that a failure gets an error page, and a slow download keeps no
    database connection. It runs outside the transaction, because a long list takes seconds and would block writers.
    """
    file = TemporaryFile()  # noqa: SIM115 - the server closes it
    request.add_finished_callback(_close_unless_sent)
    request.prepared = file
    with snapshot(request.read_db) as read_db:
        write_archive(read_db, request.identity.user_id, request.identity.email, file)
    return file


def _close_unless_sent(request: Request) -> None:
    """Close the export if the view did not run, for example because the code was wrong."""
    if request.prepared is not None:
        request.prepared.close()


@view_config(
    context=AccountResource,
    name="export",
    request_method="POST",
    permission=Permission.VIEW,
    require_reauth=True,
    prepare=write_export,
    load_limit=DOWNLOADS,
)
def export(context: AccountResource, request: Request) -> Response:
    audit(request, AuditEvent.EXPORTED)
    file, request.prepared = request.prepared, None
    return download(request, file, "flicklist.zip", content_type="application/zip")


def validate_confirmation(context: AccountResource, request: Request) -> None:
    form = DeleteAccountForm(request.POST)
    if not form.validate():
        raise FormRefused(form)


@view_config(
    context=AccountResource,
    name="delete",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
    prepare=validate_confirmation,
)
def delete(context: AccountResource, request: Request) -> HTTPSeeOther:
    audit(request, AuditEvent.ACCOUNT_DELETED)
    accounts.delete_account(request.db, request.identity.user_id)
    wake_clean_up(request)
    forget(request)
    flash_success(request, "Your account was deleted. Deleting all of its data can take a few minutes.")
    return redirect(request.path_to(request.root, "register"))


# The forms that are on the account page.
@exception_view_config(
    OutdatedForm,
    path_info="^/account/(?!confirm-email|send-confirmation|two-factor/confirm|two-factor/download-codes)",
    renderer=PAGE,
)
@exception_view_config(TooBusy, path_info="^/account/(?!two-factor/confirm)", renderer=PAGE)
def account_again(exc: OutdatedForm | TooBusy, request: Request) -> dict[str, Any]:
    page = _page(request)
    if isinstance(exc, OutdatedForm) and (why := _why_form_is_gone(request, page)):
        return refuse(request, f"{exc.reason} {why}", page)
    return show_again(exc, request, page)


@exception_view_config(FormRefused, renderer=PAGE)
def form_refused(exc: FormRefused, request: Request) -> dict[str, Any]:
    page = _page(request, exc.form)
    is_gone = _why_form_is_gone(request, page) is not None  # then the page has no field that the problem could name
    return refuse(request, exc.form.first_error[1] if is_gone else exc.form.problem, page)


def _why_form_is_gone(request: Request, page: dict[str, Any]) -> str | None:
    """Return why the page lacks the form, if two-step verification was turned on or off in another window."""
    is_on = page["recovery_codes_left"] is not None
    if is_on and request.view_name == "start":
        return ALREADY_ON
    if not is_on and request.view_name in {"turn-off", "renew-codes"}:
        return "Two-step verification is off."
    return None


def _page(request: Request, refused: SiteForm | None = None) -> dict[str, Any]:
    """Return the values of the account page. After a POST, the section of that form is open."""
    user_id = request.identity.user_id
    return {
        "submitted": request.view_name,
        "form": refused,
        # The transaction may have been aborted, so read outside it.
        "login_sessions": _this_browser_first(request),
        "recovery_codes_left": two_factor.recovery_codes_left(request.read_db, user_id),
        "typed_email": ChangeEmailForm(request.POST).email.data,
        "min_length": request.passwords.min_length,
        "word": DeleteAccountForm.WORD,
    }


def _this_browser_first(request: Request) -> list[LoginSession]:
    """Return the login sessions of the person: the current one, and the others by their last visit."""
    identity = request.identity
    active = login_sessions.list_active(request.read_db, request.settings, identity.user_id)
    return sorted(active, key=lambda each: each.id != identity.login_session_id)
