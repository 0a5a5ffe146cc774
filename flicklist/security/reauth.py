"""Re-authentication: a sensitive view runs only after the person has typed their password, and code, again.

A view with ``require_reauth=True`` needs both, a view with ``require_reauth=PASSWORD_ONLY`` the password. Its option
``prepare`` is a function that validates the rest of the form and does the slow work. It runs after the password was
checked and before the first statement on `request.db`. Its return value becomes ``request.prepared``.
"""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response

from flicklist.flash import flash_info
from flicklist.forms.account import ReauthForm
from flicklist.forms.fields import FormRefused
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import Rule, count_password, reauth_rules, two_factor_rules
from flicklist.services import accounts, two_factor

PASSWORD_ONLY = "password"  # noqa: S105 - the value of an option
WRONG_PASSWORD = "That is not your current password."  # noqa: S105 - a message
CHANGED_MEANWHILE = "Your password or your email address has just been changed. Enter your current password again."
LOGGED_OUT_MEANWHILE = (
    "You’ve just been logged out: your password or email address was changed, or your account deleted."
)
WRONG_CODE = "That code is wrong or was already used. Wait for the next code from your app, or use a recovery code."


def require_reauth(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that asks for the password, and the code, first. Raises `FormRefused`."""
    option, prepare = info.options.get("require_reauth"), info.options.get("prepare")
    if option not in {None, False, True, PASSWORD_ONLY} or (prepare and not option):
        raise ConfigurationError(f"require_reauth={option!r} and prepare={prepare!r} do not go together.")
    if not option or info.exception_only:
        return view

    def reauthenticated(context: Any, request: Request) -> Response:
        form = ReauthForm(request.POST)
        credentials = _check_password(request, form)
        request.prepared = prepare(context, request) if prepare else None
        _lock_account(request, form, credentials)
        if option != PASSWORD_ONLY:
            _check_code(request, form)
        return view(context, request)

    return reauthenticated


require_reauth.options = ("require_reauth", "prepare")  # type: ignore[attr-defined]


def _check_password(request: Request, form: ReauthForm) -> Any:
    """Check the current password and return the credentials. Wrong ones are limited."""
    request.limiter.check(reauth_rules(request))
    count_password(request, request.passwords)
    credentials = accounts.credentials_by_id(request.read_db, request.identity.user_id)
    password_hash: str | None = credentials and credentials.password_hash
    is_right = request.passwords.verify(form.current_password.data or "", password_hash)
    if credentials is None or not is_right:
        audit(request, AuditEvent.LOG_IN_FAILED)
        request.limiter.count(reauth_rules(request))
        raise _refused(form, "current_password", WRONG_PASSWORD)
    return credentials


def _lock_account(request: Request, form: ReauthForm, credentials: Any) -> None:
    """Begin the database transaction with a lock on the account.

    Raises `FormRefused` if its credentials changed, or a redirect if that logged the person out. Without JavaScript, a
    second click on a button can do both.
    """
    if accounts.lock_if_unchanged(request.db, credentials):
        return
    if request.registry.getUtility(ISecurityPolicy).reidentify(request) is None:
        flash_info(request, LOGGED_OUT_MEANWHILE)
        raise HTTPSeeOther(request.path_to(request.root, "login"))
    raise _refused(form, "current_password", CHANGED_MEANWHILE)


def _check_code(request: Request, form: ReauthForm) -> None:
    """Use up the code, if the person uses two-factor authentication."""
    user_id = request.identity.user_id
    rules = two_factor_rules(request)
    if two_factor.is_on(request.db, user_id) and not accept_code(request, user_id, form.code.data, rules):
        raise _refused(form, "code", WRONG_CODE)


def accept_code(request: Request, user_id: int, code: str, rules: list[Rule]) -> bool:
    """Use up a code of the app, or a recovery code. Return ``False`` if it is neither. Rules limit wrong ones.

    The account must be locked, so that of many guesses at once each is counted before the next one is checked.
    """
    request.limiter.check(rules)
    if two_factor.accept_code(request.db, user_id, code):
        return True
    if two_factor.accept_recovery_code(request.db, user_id, code):
        audit(request, AuditEvent.RECOVERY_CODE_USED, user_id)
        return True
    audit(request, AuditEvent.TWO_FACTOR_FAILED, user_id)
    request.limiter.count(rules)
    return False


def _refused(form: ReauthForm, field: str, problem: str) -> FormRefused:
    form.refuse(field, problem)
    return FormRefused(form)


def includeme(config: Configurator) -> None:
    config.add_view_deriver(require_reauth, under="single_fields")
