"""Who is signed in proves that it is them, before something is done that a stranger at their browser should not do."""

from pyramid.request import Request

from flicklist.resources import Root
from flicklist.security.audit import AuditEvent, audit
from flicklist.security.rate_limits import log_in_rules, two_factor_rules

WRONG_PASSWORD = "That is not your current password."  # noqa: S105 - a sentence, not a password
WRONG_CODE = "That code does not fit. Wait for the next one, or type a recovery code."


class ReauthFailed(Exception):
    """What was typed is not what only the person knows or has; the message says which."""


def require_reauth(request: Request) -> None:
    """Ask for all that the person logs in with. Raises `ReauthFailed`. Begins the transaction."""
    require_current_password(request)
    require_code(request)


def require_current_password(request: Request) -> None:
    """Ask for the password that is the person's when the transaction begins, which it does. Raises `ReauthFailed`."""
    password_hash = require_password(request)
    replace_if_unchanged(request, password_hash, password_hash)


def require_password(request: Request) -> str:
    """Check the current password and return its hash. Raises `ReauthFailed`, which counts as a failed log-in."""
    account = request.root["account"]
    rules = log_in_rules(request, f"user:{account.user_id}")
    request.limiter.check(rules)
    password_hash: str | None = account.password_hash()
    is_right = request.passwords.verify(request.POST.get("current_password", ""), password_hash)
    if password_hash is None or not is_right:
        audit(request, AuditEvent.LOG_IN_FAILED)
        request.limiter.count(rules)
        raise ReauthFailed(WRONG_PASSWORD)
    return password_hash


def replace_if_unchanged(request: Request, known_hash: str, password_hash: str) -> None:
    """Give the person another password, or the same. Raises `ReauthFailed` if it was changed since it was asked for.

    Begins the transaction, in which the person's row is locked from here on.
    """
    root: Root = request.root
    if not root.replace_password_hash(request.identity.user_id, known_hash, password_hash):
        raise ReauthFailed(WRONG_PASSWORD)


def require_code(request: Request) -> None:
    """Ask for a code, of a person who uses a second factor. Raises `ReauthFailed`."""
    account = request.root["account"]
    if account.two_factor.is_on:
        request.limiter.count(two_factor_rules(request, account.user_id))
        if not accepts_code(request, account.user_id):
            raise ReauthFailed(WRONG_CODE)


def accepts_code(request: Request, user_id: int) -> bool:
    """Use up the code that was typed, of the app or for recovery. Return whether it was one."""
    root: Root = request.root
    code = request.POST.get("code", "")
    if root.accept_code(user_id, code):
        return True
    is_recovery = root.accept_recovery_code(user_id, code)
    audit(request, AuditEvent.RECOVERY_CODE_USED if is_recovery else AuditEvent.TWO_FACTOR_FAILED, user_id)
    return is_recovery
