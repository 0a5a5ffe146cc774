"""``/account/two-factor/``: set up and turn off two-factor authentication, and renew recovery codes."""

import io
from collections.abc import Sequence
from typing import Any

import segno
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import remember
from pyramid.view import exception_view_config, view_config

from flicklist.flash import flash_error, flash_info, flash_success
from flicklist.forms.account import ConfirmTwoFactorForm, DownloadCodesForm
from flicklist.forms.fields import FormRefused, OutdatedForm, SiteForm
from flicklist.mailer import queue_mail
from flicklist.models import TwoFactor
from flicklist.models.outbox import MailKind
from flicklist.permissions import Permission
from flicklist.resources import TwoFactorResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import two_factor_rules
from flicklist.security.reauth import PASSWORD_ONLY
from flicklist.services import login_sessions, two_factor
from flicklist.services.passwords import TooBusy
from flicklist.views import PageOrRedirect, redirect, refuse, show_again

PAGE = "flicklist:templates/two_factor/two_factor.jinja2"
CODES_PAGE = "flicklist:templates/two_factor/codes.jinja2"
CONFIRM_PATH = "/account/two-factor/confirm/?$"
DOWNLOAD_PATH = "/account/two-factor/download-codes/?$"
WRONG_FIRST_CODE = (
    "That code is wrong. Wait for the next code from your app, and check that your phone’s clock is right."
)
ALREADY_ON = "Two-step verification is already on."
QUIET_ZONE = 4  # ISO/IEC 18004: modules that stay empty around a QR code


@view_config(context=TwoFactorResource, name="start", request_method="POST", permission=Permission.EDIT)
def start(context: TwoFactorResource, request: Request) -> HTTPSeeOther:
    user_id = request.identity.user_id
    two_factor.lock_account(request.db, user_id)
    if two_factor.is_on(request.db, user_id):
        flash_info(request, ALREADY_ON)
        return redirect(request.path_to(context.__parent__))
    two_factor.start(request.db, user_id)
    return redirect(request.path_to(context))


@view_config(context=TwoFactorResource, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def two_factor_page(context: TwoFactorResource, request: Request) -> PageOrRedirect:
    factor = two_factor.pending(request.db, request.identity.user_id)
    return redirect(request.path_to(context.__parent__)) if factor is None else _page(factor)


@view_config(context=TwoFactorResource, name="qr", request_method="GET", permission=Permission.VIEW)
def qr(context: TwoFactorResource, request: Request) -> Response:
    """Return the QR code as a separate file, because the Content Security Policy forbids inline styles and images."""
    factor = two_factor.pending(request.db, request.identity.user_id)
    if factor is None:
        raise HTTPNotFound
    drawing = io.BytesIO()
    code = segno.make(factor.otpauth_uri(request.identity.email), micro=False)
    code.save(drawing, kind="svg", border=QUIET_ZONE, dark="black", light="white", omitsize=True)
    return Response(drawing.getvalue(), content_type="image/svg+xml", charset="utf-8")


@view_config(
    context=TwoFactorResource,
    name="confirm",
    request_method="POST",
    permission=Permission.EDIT,
    renderer=PAGE,
    require_reauth=PASSWORD_ONLY,
)
def confirm(context: TwoFactorResource, request: Request) -> PageOrRedirect | Response:
    identity = request.identity
    factor = two_factor.pending(request.db, identity.user_id)
    if factor is None:
        if two_factor.is_on(request.db, identity.user_id):  # a second click, in answer to which no codes are shown
            flash_info(request, "Two-step verification is on. Create new recovery codes if you haven’t saved any yet.")
        return redirect(request.path_to(context.__parent__))
    rules = two_factor_rules(request)
    request.limiter.check(rules)
    form = ConfirmTwoFactorForm(request.POST)
    step = factor.valid_step(form.code.data)
    if step is None:
        request.limiter.count(rules)
        form.refuse("code", WRONG_FIRST_CODE)
        return refuse(request, form.problem, _page(factor, form))
    factor.confirm(step)
    login_sessions.end_others(request.db, identity.user_id, identity.login_session_id)
    remember(request, identity.user_id)
    audit(request, AuditEvent.TWO_FACTOR_ON)
    queue_mail(request, MailKind.TWO_FACTOR_ON, identity.email, identity.user_id)
    flash_success(request, "Two-step verification is on. All other browsers are logged out.")
    return _renew_and_show_codes(request)


@exception_view_config(FormRefused, path_info=CONFIRM_PATH, renderer=PAGE)
def confirm_refused(exc: FormRefused, request: Request) -> dict[str, Any] | HTTPSeeOther:
    """Show the key again if setup is still pending."""
    factor = two_factor.pending(request.read_db, request.identity.user_id)
    if factor is None:
        flash_error(request, exc.form.first_error[1])
        return redirect(request.path_to(request.root["account"]))
    return refuse(request, exc.form.problem, _page(factor, exc.form))


@exception_view_config(OutdatedForm, path_info=CONFIRM_PATH, renderer=PAGE)
@exception_view_config(TooBusy, path_info=CONFIRM_PATH, renderer=PAGE)
def confirm_again(exc: OutdatedForm | TooBusy, request: Request) -> PageOrRedirect:
    user_id = request.identity.user_id
    factor = two_factor.pending(request.read_db, user_id)
    if factor is None:
        is_on = two_factor.is_on(request.read_db, user_id)
        flash_info(request, ALREADY_ON if is_on else "Two-step verification is off. To set it up, start again.")
        return redirect(request.path_to(request.root["account"]))
    return show_again(exc, request, _page(factor))


def _page(factor: TwoFactor, refused: SiteForm | None = None) -> dict[str, Any]:
    return {"factor": factor, "form": refused}


@view_config(
    context=TwoFactorResource,
    name="renew-codes",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
)
def renew_codes(context: TwoFactorResource, request: Request) -> Response | HTTPSeeOther:
    if not two_factor.is_on(request.db, request.identity.user_id):
        return redirect(request.path_to(context.__parent__))
    audit(request, AuditEvent.RECOVERY_CODES_RENEWED)
    return _renew_and_show_codes(request)


@view_config(
    context=TwoFactorResource,
    name="download-codes",
    request_method="POST",
    permission=Permission.VIEW,
    repeated_fields=("code",),
)
def download_codes(context: TwoFactorResource, request: Request) -> Response | HTTPSeeOther:
    """Return the recovery codes in the form as a text file. The site itself knows only their hashes.

    Codes that are not the person's are left out, so that no other site can make this one offer a file of its own.
    """
    codes = _own_codes_in_form(request)
    if not codes:
        return _refuse_codes(request)
    lines = [
        f"Recovery codes of FlickList for {request.identity.email} at {request.host}",
        "Each line is one code and works once.",
        "",
        *codes,
        "",
    ]
    return Response(
        text="\r\n".join(lines),
        content_type="text/plain",
        charset="utf-8",
        content_disposition='attachment; filename="flicklist-recovery-codes.txt"',
    )


@exception_view_config(OutdatedForm, path_info=DOWNLOAD_PATH, renderer=CODES_PAGE)
def download_codes_again(exc: OutdatedForm, request: Request) -> PageOrRedirect:
    """Show the codes again, because no other page shows them."""
    codes = _own_codes_in_form(request)
    if not codes:
        return _refuse_codes(request)
    return refuse(request, f"{exc.reason} Please press “Download” once more.", {"codes": codes})


def _own_codes_in_form(request: Request) -> Sequence[str]:
    """Return those codes in the form that are the person's and unused."""
    codes = DownloadCodesForm(request.POST).code.data
    return two_factor.unused_recovery_codes(request.read_db, request.identity.user_id, codes)


def _refuse_codes(request: Request) -> HTTPSeeOther:
    flash_error(request, "These recovery codes no longer work, or belong to another account.")
    return redirect(f"{request.path_to(request.root['account'])}#recovery-codes")


@view_config(
    context=TwoFactorResource,
    name="turn-off",
    request_method="POST",
    permission=Permission.EDIT,
    require_reauth=True,
)
def turn_off(context: TwoFactorResource, request: Request) -> HTTPSeeOther:
    identity = request.identity
    if two_factor.turn_off(request.db, identity.user_id):
        audit(request, AuditEvent.TWO_FACTOR_OFF)
        queue_mail(request, MailKind.TWO_FACTOR_OFF, identity.email, identity.user_id)
    flash_success(request, "Two-step verification is off. You only need your password to log in.")
    return redirect(request.path_to(context.__parent__))


def _renew_and_show_codes(request: Request) -> Response:
    """Renew the recovery codes, and show them in the response to the form, because they are shown only once."""
    codes = two_factor.renew_recovery_codes(request.db, request.identity.user_id)
    return render_to_response(CODES_PAGE, {"codes": codes}, request=request)
