"""``/account/two-factor/``: a code that is asked for after the password, set up, renewed and turned off."""

import io

import segno
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import remember
from pyramid.view import view_config

from flicklist.flash import flash_error, flash_success
from flicklist.models.outbox import MailKind
from flicklist.permissions import Permission
from flicklist.resources import TwoFactorResource
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import two_factor_rules
from flicklist.security.reauth import ReauthFailed, require_current_password, require_reauth
from flicklist.views import PageOrRedirect, redirect, refuse

PAGE = "flicklist:templates/two_factor/two_factor.jinja2"
CODES_PAGE = "flicklist:templates/two_factor/codes.jinja2"
ALREADY = "Your second factor is on already."
QUIET_ZONE = 4  # ISO/IEC 18004: modules that stay empty around a QR code


@view_config(context=TwoFactorResource, name="start", request_method="POST", permission=Permission.EDIT)
def start(context: TwoFactorResource, request: Request) -> HTTPSeeOther:
    context.lock_account()
    if context.is_on:
        flash_error(request, ALREADY)
        return redirect(request.path_to(context.account))
    context.start()
    return redirect(request.path_to(context))


@view_config(context=TwoFactorResource, request_method="GET", permission=Permission.VIEW, renderer=PAGE)
def two_factor(context: TwoFactorResource, request: Request) -> PageOrRedirect:
    factor = context.begun()
    return redirect(request.path_to(context.account)) if factor is None else {"factor": factor}


@view_config(context=TwoFactorResource, name="qr", request_method="GET", permission=Permission.VIEW)
def qr(context: TwoFactorResource, request: Request) -> Response:
    """Draw the key, in a file of its own: the page has no style and no image in itself."""
    factor = context.begun()
    if factor is None:
        raise HTTPNotFound
    drawing = io.BytesIO()
    code = segno.make(factor.address(request.identity.email), micro=False)
    code.save(drawing, kind="svg", border=QUIET_ZONE, dark="black", light="white", omitsize=True)
    return Response(drawing.getvalue(), content_type="image/svg+xml", charset="utf-8")


@view_config(
    context=TwoFactorResource, name="confirm", request_method="POST", permission=Permission.EDIT, renderer=PAGE
)
def confirm(context: TwoFactorResource, request: Request) -> PageOrRedirect | Response:
    try:
        require_current_password(request)
    except ReauthFailed as problem:
        return _refused(context, request, str(problem))
    factor = context.begun()
    if factor is None:
        return redirect(request.path_to(context.account))
    request.limiter.count(two_factor_rules(request, context.user_id))
    step = factor.step_of(request.POST.get("code", ""))
    if step is None:
        return _refused(context, request, "That code does not fit. Is the clock of your device right?")
    factor.confirm(step)
    context.account.login_sessions.end_others()
    remember(request, context.user_id)
    audit(request, AuditEvent.TWO_FACTOR_ON)
    request.send_mail(MailKind.TWO_FACTOR_ON, request.identity.email, context.user_id)
    flash_success(request, "Your second factor is on. Every other device is logged out.")
    return _show_codes(context, request)


@view_config(context=TwoFactorResource, name="renew-codes", request_method="POST", permission=Permission.EDIT)
def renew_codes(context: TwoFactorResource, request: Request) -> Response | HTTPSeeOther:
    require_reauth(request)
    if not context.is_on:
        return redirect(request.path_to(context.account))
    audit(request, AuditEvent.RECOVERY_CODES_RENEWED)
    return _show_codes(context, request)


@view_config(context=TwoFactorResource, name="turn-off", request_method="POST", permission=Permission.EDIT)
def turn_off(context: TwoFactorResource, request: Request) -> HTTPSeeOther:
    require_reauth(request)
    if context.turn_off():
        audit(request, AuditEvent.TWO_FACTOR_OFF)
        request.send_mail(MailKind.TWO_FACTOR_OFF, request.identity.email, context.user_id)
    flash_success(request, "Your second factor is off. Your password is enough to log in.")
    return redirect(request.path_to(context.account))


def _refused(context: TwoFactorResource, request: Request, problem: str) -> PageOrRedirect:
    """Show the key again, where one is being set up."""
    factor = context.begun()
    if factor is None:
        flash_error(request, problem)
        return redirect(request.path_to(context.account))
    return refuse(request, problem, {"factor": factor})


def _show_codes(context: TwoFactorResource, request: Request) -> Response:
    """Show new recovery codes in the answer to the form itself, since they are not to be seen again."""
    return render_to_response(CODES_PAGE, {"codes": context.renew_codes()}, request=request)
