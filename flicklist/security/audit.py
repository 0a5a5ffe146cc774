"""The audit log: one line for each event that concerns access, for the operator.

A line has a UTC time, an event, a user id and the network of the client. It contains no typed text, so lines cannot be
forged, and no password, token, email address or complete IP address.
"""

import logging
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any

from pyramid.request import Request

log = logging.getLogger("flicklist.audit")  # the name that operators configure

IPV4_PREFIX, IPV6_PREFIX = 24, 48
# A household usually has one IPv4 address, or one IPv6 network of this size.
CLIENT_IPV4_PREFIX, CLIENT_IPV6_PREFIX = 32, 64


class AuditEvent(StrEnum):
    """The events of the audit log."""

    REGISTERED = "registered"
    LOGGED_IN = "logged-in"
    LOG_IN_FAILED = "log-in-failed"
    CODE_REQUIRED = "code-required"
    PASSWORD_RESET_REQUESTED = "password-reset-requested"  # noqa: S105 - the name of an event
    LOGGED_OUT = "logged-out"
    LIMITED = "limited"
    CSRF_FAILED = "csrf-failed"
    FORBIDDEN = "forbidden"
    MALFORMED = "malformed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an event
    EMAIL_CHANGED = "email-changed"
    EMAIL_CONFIRMED = "email-confirmed"
    TWO_FACTOR_FAILED = "two-factor-failed"
    TWO_FACTOR_ON = "two-factor-on"
    TWO_FACTOR_OFF = "two-factor-off"
    RECOVERY_CODE_USED = "recovery-code-used"
    RECOVERY_CODES_RENEWED = "recovery-codes-renewed"
    LOGIN_SESSIONS_ENDED = "login-sessions-ended"
    EXPORTED = "exported"
    ACCOUNT_DELETED = "account-deleted"


# Logged immediately, because nothing is committed. The other events are logged after the commit.
LOGGED_IMMEDIATELY = {
    AuditEvent.LOG_IN_FAILED,
    AuditEvent.LIMITED,
    AuditEvent.CSRF_FAILED,
    AuditEvent.FORBIDDEN,
    AuditEvent.MALFORMED,
    AuditEvent.TWO_FACTOR_FAILED,
}


def audit(request: Request, event: AuditEvent, user_id: int | None = None) -> None:
    """Log an event about `user_id`, or nobody if it is 0. By default it is about the person who is logged in."""
    if user_id is None and request.identity is not None:
        user_id = request.identity.user_id
    line = event, user_id or "-", client_network(request, IPV4_PREFIX, IPV6_PREFIX)
    if event in LOGGED_IMMEDIATELY:
        _write(*line)
    else:
        request.tm.get().addAfterCommitHook(_write_if_committed, line)


def _write(event: AuditEvent, user: int | str, network: str) -> None:
    log.info("%s %s user=%s client=%s", datetime.now(UTC).isoformat(timespec="seconds"), event, user, network)


def _write_if_committed(is_committed: bool, *line: Any) -> None:  # noqa: FBT001 - the signature of a hook
    if is_committed:
        _write(*line)


def client_network(request: Request, ipv4_prefix: int, ipv6_prefix: int) -> str:
    """Return the network of the client's address, with a prefix of that many bits, or ``-`` if there is no address."""
    try:
        # Not client_addr, which trusts X-Forwarded-For. The server has already applied it for trusted proxies.
        given = ip_address(request.remote_addr or "")
    except ValueError:
        return "-"
    address = getattr(given, "ipv4_mapped", None) or given
    return str(ip_network((address, ipv4_prefix if address.version == 4 else ipv6_prefix), strict=False))  # noqa: PLR2004


def client_key(request: Request) -> str:
    """Return what identifies a client: its IPv4 address, or its IPv6 network."""
    return client_network(request, CLIENT_IPV4_PREFIX, CLIENT_IPV6_PREFIX)
